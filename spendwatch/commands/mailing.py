"""`spendwatch recipients`: who of a receiver gets no mail any more, and how they get it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alerts import recipients
from alerts.numbers import moment
from spendwatch.commands.opening import open_app
from spendwatch.db import reading, writing
from spendwatch.exits import UsageProblem
from spendwatch.output import print_json, print_line, print_table

if TYPE_CHECKING:
    from pathlib import Path

_COLUMNS = ("receiver", "address", "since", "why")


def list_stopped(config: Path, *, as_json: bool) -> None:
    """List every address that gets no mail, the newest first."""
    app = open_app(config)
    with reading(app.engine) as session:
        rows = [
            (row.receiver, row.address, row.stopped_at, row.why)
            for row in recipients.all_stopped(session)
        ]
    if as_json:
        print_json([dict(zip(_COLUMNS, row, strict=True)) for row in rows])
        return
    shown = [[row[0], row[1], moment(row[2]) if row[2] else "", row[3]] for row in rows]
    print_table(_COLUMNS, shown, words=len(_COLUMNS))
    if not rows:
        print_line("every address in the settings gets its mail")


def resume(config: Path, receiver: str, address: str, *, as_json: bool) -> None:
    """Send to an address again."""
    app = open_app(config)
    with writing(app.engine) as session:
        if not recipients.resume(session, receiver, address):
            raise UsageProblem(
                f"{address} of {receiver} was never left out; `spendwatch recipients list` shows "
                "who is"
            )
    if as_json:
        print_json({"receiver": receiver, "address": address})
    else:
        print_line(f"{address} gets the mail of {receiver} again")
