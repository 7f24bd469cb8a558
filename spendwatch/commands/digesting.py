"""`spendwatch digest`: what the digest would say now."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from alerts.codec import encode
from alerts.render.text import render_text
from spendwatch import conversion
from spendwatch.commands.opening import open_app
from spendwatch.db import reading
from spendwatch.digests import compose
from spendwatch.exits import UsageProblem
from spendwatch.output import print_json, print_line
from spendwatch.settings_types import nearest

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from spendwatch.digests import Digest


def preview(config: Path, receiver: str, *, as_json: bool) -> None:
    """Print the digest of one receiver, or of all, as it would be now; nothing is sent."""
    app = open_app(config)
    known = conversion.digest_schedules(app.settings)
    chosen = _chosen(receiver, known) if receiver else tuple(known)
    with reading(app.engine) as session:
        digests = compose(app, session, chosen, app.clock())
    if as_json:
        print_json([_facts(digest) for digest in digests])
        return
    for number, digest in enumerate(digests):
        if number:
            print_line()
        print_line(render_text(digest.message, colour=sys.stdout.isatty()))


def _chosen(receiver: str, known: Collection[str]) -> tuple[str]:
    if receiver not in known:
        raise UsageProblem(
            f"--receiver {receiver!r}: no receiver of that name is told of anybody; there is "
            f"{', '.join(known)}{nearest(receiver, known)}"
        )
    return (receiver,)


def _facts(digest: Digest) -> dict[str, Any]:
    interim = digest.interim
    return {
        "receiver": digest.reader.receiver,
        "every": digest.reader.schedule.every,
        "since": interim.since,
        "until": interim.until,
        "days": list(interim.days),
        "judged": sorted(interim.judged),
        "message": encode(digest.message),
    }
