"""What the pictures show: everything the program itself sends to Slack, about a made-up company.

The usage is the bundled sample, the days are judged as always, and people press real buttons. Only
Slack is not there: what would be sent is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from alerts.announcements import add_planned_event, add_silence
from alerts.channels.slack import SlackChannel
from alerts.holds import PlannedEvent, Silence
from alerts.model import Verb
from detector.history import consecutive_days
from detector.model import MICRO, FindingKind
from detector.sources.base import Window
from spendwatch.app import build_app
from spendwatch.db import writing
from spendwatch.ingest import pull
from spendwatch.jobs import run_cycle
from spendwatch.leading import leading
from spendwatch.settings import load_settings
from spendwatch.slack.serving import build_desk

if TYPE_CHECKING:
    from spendwatch.app import App
    from spendwatch.slack.desk import Desk

    Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
OWNER, OWNER_ID, OTHER, OTHER_ID = "Aiko Tanaka", "U0123ABCD", "Jonas Weber", "U0456EFGH"
NAMES = {OWNER_ID: OWNER, OTHER_ID: OTHER}
WORKSPACE, PLACE, OTHER_PLACE = "T0123ABCD", "C0123ABCD", "C0456EFGH"
FIRST, SPIKE, QUIET = date(2026, 10, 1), date(2026, 11, 12), date(2026, 11, 15)
HERO = "Contoso"
ENVIRONMENT = {
    "SPENDWATCH_SLACK__WORKSPACE": WORKSPACE,
    "SPENDWATCH_SLACK__MAY_ANSWER": f'["{OWNER_ID}"]',
}
ANNOUNCED_AT = datetime(2026, 11, 11, 9, tzinfo=UTC)
SILENCE = Silence("", "northwind", FindingKind.SPEND_DROP, None, ANNOUNCED_AT,
                  datetime(2026, 11, 20, 8, tzinfo=UTC), "moving regions", OTHER)  # fmt: skip
PLAN = PlannedEvent("", "fabrikam", date(2026, 11, 24), date(2026, 11, 26), 900 * MICRO,
                    "migration", OTHER)  # fmt: skip


@dataclass(slots=True)
class Clock:
    """Says what it was told."""

    now: datetime = datetime(2026, 11, 12, 8, 10, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time of the story."""
        return self.now


@dataclass(slots=True)
class Kept:
    """Stands where the account of Slack stands, and keeps what would be sent.

    ``messages`` has the newest blocks of each message, ``charts`` what stands below it, by name.
    """

    clock: Clock
    refused: str = ""
    messages: dict[str, list[Json]] = field(default_factory=dict)
    views: list[Json] = field(default_factory=list)
    charts: dict[str, bytes] = field(default_factory=dict)

    def wait_s(self, _kind: str, _about: str = "", **_turn: bool) -> float:
        """Return that anything may be sent at once."""
        return 0.0

    def call(self, _kind: str, method: str, _about: str = "", **sent: Any) -> Json:
        """Keep what is sent, and answer as Slack would."""
        if method == "chat_postMessage":
            ts = f"{self.clock().timestamp() + len(self.messages) / 1e6:.6f}"
            self.messages[ts] = sent["blocks"]
            return {"ok": True, "channel": sent["channel"], "ts": ts, "message": {}}
        if method == "chat_update":
            self.messages[sent["ts"]] = sent["blocks"]
        if method == "files_upload_v2":
            self.charts[sent["thread_ts"]] = sent["content"]
        if "view" in sent:
            self.views.append(sent["view"])
        return {"ok": True}

    def about(self, name: str) -> str:
        """Return which message has a name in its headline."""
        return next(ts for ts, blocks in self.messages.items() if name in headline(blocks))


@dataclass(frozen=True, slots=True)
class Scenes:
    """What is drawn: blocks of messages, views, and a chart as a PNG."""

    arrived: list[Json]
    chart: bytes
    acknowledged: list[Json]
    dismissal: Json
    home: Json
    resolved: list[Json]


def headline(blocks: list[Json]) -> str:
    """Return the first line of a message."""
    return str(blocks[0]["text"]["text"])


def tell(folder: Path) -> Scenes:
    """Live through the days of the story, with its database in ``folder``."""
    clock = Clock()
    app = build_app(settings_of(folder), clock)
    (source,) = app.usage_sources()
    pull(app, source, Window(FIRST, SPIKE - timedelta(days=2)))
    kept = Kept(clock)
    channel = SlackChannel(kept, PLACE)  # type: ignore[arg-type]  # it keeps what would be sent
    channels = {receiver.name: channel for receiver in app.settings.receivers}
    _announce(app)
    _live(app, channels, clock, SPIKE - timedelta(days=1))
    _live(app, channels, clock, SPIKE)
    name = kept.about(HERO)
    arrived = kept.messages[name]
    clock.now += timedelta(minutes=4)
    with leading(app.engine, "run", clock):
        log = structlog.wrap_logger(structlog.ReturnLogger())
        desk = build_desk(app, kept, channels, log)  # type: ignore[arg-type]  # the same
        _do(desk, "interactive", _press(arrived, Verb.DISMISS, name))
        dismissal = kept.views[-1]
        _do(desk, "interactive", _press(arrived, Verb.ACKNOWLEDGE, name))
        acknowledged = kept.messages[name]
        _do(desk, "events_api", _home_opened())
        home = kept.views[-1]
        desk.app.engine.dispose()
    for day in consecutive_days(SPIKE + timedelta(days=1), QUIET):
        _live(app, channels, clock, day)
    app.engine.dispose()
    return Scenes(arrived, kept.charts[name], acknowledged, dismissal, home, kept.messages[name])


def settings_of(folder: Path) -> Any:
    """Return the shipped settings, with receivers and owners that are in Slack."""
    text = (ROOT / "config.toml").read_text(encoding="utf-8")
    for member, name in NAMES.items():
        text = text.replace(f'owner = "{name}"', f'owner = "{member}"')
    for place in (PLACE, OTHER_PLACE):
        text = text.replace('kind = "console"', f'kind = "slack"\nconversation = "{place}"', 1)
    config = folder / "config.toml"
    config.write_text(text, encoding="utf-8")
    return load_settings(config, ENVIRONMENT)


def _announce(app: App) -> None:
    with writing(app.engine) as session:
        add_silence(session, SILENCE, ANNOUNCED_AT)
        add_planned_event(session, PLAN, ANNOUNCED_AT)


def _live(app: App, channels: Any, clock: Clock, day: date) -> None:
    clock.now = datetime(day.year, day.month, day.day, 8, 10, tzinfo=UTC) + timedelta(days=1)
    run_cycle(app, channels, day)


def _button(blocks: list[Json], verb: Verb) -> Json:
    elements = (each for block in blocks for each in block.get("elements", ()))
    return next(each for each in elements if each.get("action_id") == verb)


def _press(blocks: list[Json], verb: Verb, ts: str) -> Json:
    """Return what Slack says when the owner presses a button."""
    return _whose() | {
        "type": "block_actions",
        "trigger_id": "1.2.3",
        "channel": {"id": PLACE},
        "container": {"message_ts": ts},
        "actions": [_button(blocks, verb)],
    }


def _home_opened() -> Json:
    event = {"type": "app_home_opened", "tab": "home", "user": OWNER_ID}
    return _whose() | {"team_id": WORKSPACE, "event": event}


def _whose() -> Json:
    user = {"id": OWNER_ID, "name": OWNER, "team_id": WORKSPACE}
    return {"user": user, "team": {"id": WORKSPACE}, "api_app_id": "A0123ABCD"}


def _do(desk: Desk, kind: str, payload: Json) -> None:
    for then in desk.receive(kind, payload).then:
        then()
