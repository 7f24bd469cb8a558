"""Settings of the web server that are each right but do not go together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spendwatch.settings_environment import SIGNING_SECRET, WEB_TOKEN
from spendwatch.settings_inheritance import table
from spendwatch.settings_problems import Problem
from spendwatch.settings_web import MAKE_ONE, OFF, is_this_machine, place_to_listen

if TYPE_CHECKING:
    from collections.abc import Iterator


def web_clashes(document: dict[str, Any]) -> Iterator[Problem]:
    """Find what contradicts itself in a completed document."""
    web = table(document, "web")
    try:
        heard = place_to_listen(web.get("listen", OFF))
    except ValueError:
        return  # which is told by itself
    if heard != OFF and not is_this_machine(heard) and not web.get("token"):
        yield Problem(
            ("web", "token"),
            f"is required where web.listen ({heard}) is heard by other machines, as /metrics is "
            f"for nobody else: set {WEB_TOKEN}, or {WEB_TOKEN}_FILE to a file that holds it "
            f"({MAKE_ONE} makes one)",
        )
    if heard == OFF and table(document, "slack").get("signing_secret"):
        yield Problem(
            ("slack", "signing_secret"),
            "needs web.listen: Slack posts what people do to the web server; leave "
            f"{SIGNING_SECRET} away where that is off, and set an app token instead",
        )
