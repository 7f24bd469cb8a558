"""Everything the service does in Slack, in a process that dies at a chosen point of it.

What is due is in the outbox beforehand: first words with their charts, a group with its list, worse
news, an end. The process delivers it, takes one answer, shows it, and ends once nothing waits.
"""

from __future__ import annotations

import io
import json
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from sqlmodel import select

from alerts.outbox_queries import NotificationState
from alerts.tables import NotificationRow, ReplyRow
from spendwatch.app import build_app
from spendwatch.channels import build_channels, slack_of
from spendwatch.db import reading
from spendwatch.jobs import attach_charts, keeping_shown, take_over, tell
from spendwatch.settings import load_settings
from spendwatch.slack.serving import build_desk
from tests.detector.ledgers import cost, record
from tests.process.counting import not_shown
from tests.process.crashing import Points, serve
from tests.process.torture import Torture, environ_of
from tests.slack.identity import APP_ID as APP
from tests.slack.identity import TEAM_ID as TEAM

if TYPE_CHECKING:
    from spendwatch.app import App
    from spendwatch.slack.desk import Desk

PERSON = "UP1"
LONGEST_S = 60.0


def prepare(torture: Torture) -> None:
    """Write everything into the outbox of an installation in which nothing was sent."""
    for back in range(30):
        day = torture.day.date() - timedelta(days=back - 1)
        costs = [cost(20_000_000, tenant, day=day) for tenant in ("t1one", "t1two", "t2three")]
        record(torture.app.engine, costs, day=day)
    flood = {f"t0{number}": 100 for number in range(7)}
    torture.judge({"t1one": 100, "t1two": 100, "t2three": 100} | flood)
    torture.judge({"t1one": 400, "t2three": 100} | flood)
    torture.judge({"t1one": 400, "t2three": 100} | flood)


def live(order: dict[str, Any]) -> None:
    """Do all that is due, or die at a point of it."""
    folder = Path(order["folder"])
    points = Points(order.get("kill"))
    points.listen()
    app = build_app(load_settings(folder / "config.toml", environ_of()))
    account = slack_of(app.settings)
    assert account is not None
    channels = build_channels(app, io.StringIO(), account)
    desk = build_desk(app, account, channels, structlog.wrap_logger(None, processors=[_nowhere]))
    take_over(app)
    until = time.monotonic() + LONGEST_S
    while time.monotonic() < until and _waits(app):
        tell(app, channels, spread=min, pause=time.sleep)
        _answer(app, desk)
        keeping_shown(app, channels, spread=min).show()
        attach_charts(app, channels)
        time.sleep(0.05)
    _answer(app, desk)
    keeping_shown(app, channels, spread=min).show()
    (folder / "points.json").write_text(json.dumps(points.found))


def _waits(app: App) -> bool:
    done = (NotificationState.SENT, NotificationState.DROPPED, NotificationState.DEAD)
    with reading(app.engine) as session:
        states = session.exec(select(NotificationRow.state)).all()
        return any(state not in done for state in states) or bool(not_shown(session))


def _answer(app: App, desk: Desk) -> None:
    """Have a person acknowledge the first alert, once that is not done yet."""
    with reading(app.engine) as session:
        if session.exec(select(ReplyRow)).first():
            return
        row = session.exec(select(NotificationRow).order_by(NotificationRow.number)).first()  # type: ignore[arg-type]  # a column
    if row is None or not row.reference:
        return
    channel, _, ts = row.reference.partition(":")
    payload = {
        "type": "block_actions",
        "team": {"id": TEAM},
        "user": {"id": PERSON, "name": "somebody", "team_id": TEAM},
        "api_app_id": APP,
        "trigger_id": "1.2.3",
        "container": {"type": "message", "message_ts": ts},
        "channel": {"id": channel},
        "actions": [{"action_id": "acknowledge", "value": str(row.alert_number)}],
    }
    for each in desk.receive("interactive", payload).then:
        each()


def _nowhere(*_: object) -> object:
    raise structlog.DropEvent


if __name__ == "__main__":
    serve(live)
