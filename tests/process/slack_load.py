"""A service in Slack at Slack's own pace: how it is put together, started and asked.

Slack is the strict local one at its real rates; the service is the real one with its defaults, in a
process of its own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from alerts.channels.opaque import opaque
from alerts.channels.slack import EVENT
from alerts.intake import take_in
from alerts.model import AlertRules, Reason
from alerts.policy import Situation
from alerts.routing import Route, Routes
from alerts.tables import NotificationRow, ReplyRow
from alerts.taken import Telling
from detector.model import MICRO, Finding, FindingKind, Judgement, Severity
from spendwatch.app import App, build_app
from spendwatch.db import reading, writing
from spendwatch.settings import load_settings
from tests.slack.local import LocalSlack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.slack.state import Envelope, Message

ROOT = Path(__file__).parents[2]
PEOPLE = tuple(f"UP{number}" for number in range(100))
_IS_MESSAGE = col(NotificationRow.reason) != Reason.CHART.value
_ON_ITS_WAY = ("new", "sending", "retry")
_CONFIG = """
[service]
database_url = "sqlite:///spendwatch.db"
min_free_mb = 0
backup_at = "off"
{receivers}
[alerts]
receiver = "{first}"
reminder_hours = "off"

[slack]
base_url = "{base_url}"
may_answer = {people}
"""
_RECEIVER = """
[[receivers]]
kind = "slack"
name = "{name}"
conversation = "{name}"
digest = "off"
"""


@dataclass
class Load:
    """One installation whose receivers are conversations of a local Slack."""

    folder: Path
    slack: LocalSlack
    conversations: tuple[str, ...]
    more: str = ""
    also: Mapping[str, str] = field(default_factory=dict)
    pid: int = 0

    def __post_init__(self) -> None:
        for name in self.conversations:
            self.slack.add_conversation(name, bot_is_member=True)
        text = _CONFIG.format(
            receivers="".join(_RECEIVER.format(name=name) for name in self.conversations),
            first=self.conversations[0],
            base_url=self.slack.base_url,
            people=json.dumps(PEOPLE),
        )
        self.config.write_text(text + self.more)
        self.environ = {
            "SPENDWATCH_SLACK__BOT_TOKEN": self.slack.bot_token,
            "SPENDWATCH_SLACK__APP_TOKEN": self.slack.app_token,
            **self.also,
        }
        self.app: App = build_app(load_settings(self.config, self.environ))

    @property
    def config(self) -> Path:
        """Where the settings are."""
        return self.folder / "config.toml"

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Run the service meanwhile; what it logs is kept beside its settings."""
        own = [sys.executable, "-m", "spendwatch.cli", "run", "--config", str(self.config)]
        with (
            (self.folder / "log.jsonl").open("ab") as log,
            subprocess.Popen(own, cwd=ROOT, env=os.environ | self.environ, stderr=log) as service,
        ):
            self.pid = service.pid
            try:
                self.slack.wait_until(lambda local: local.connections(), 60)
                yield
            finally:
                service.terminate()

    def take_in(self, day: date, tenants: Sequence[str], *, group_above: int, cents: int) -> float:
        """Take in one run that found a spike for each tenant; return the seconds it took."""
        findings = tuple(_spike(tenant, day, cents) for tenant in tenants)
        begun = time.monotonic()
        with writing(self.app.engine) as session:
            take_in(session, Judgement(day, findings, frozenset()), self._telling(group_above))
        return time.monotonic() - begun

    def _telling(self, group_above: int) -> Telling:
        """Say who is told: the tenants are shared out among the conversations by their names."""
        many = len(self.conversations)
        own = tuple(Route(self.conversations[at], tenant=f"t{at}-*") for at in range(many))
        return Telling(
            {}, Routes(self.conversations[0], own), AlertRules(), Situation(now=self.app.clock()),
            threaded=frozenset(self.conversations), group_above=group_above,
        )  # fmt: skip

    def waiting(self) -> int:
        """Count what has not gone out."""
        with reading(self.app.engine) as session:
            rows = session.exec(
                select(NotificationRow.key).where(
                    col(NotificationRow.state).in_(_ON_ITS_WAY), _IS_MESSAGE
                )
            )
            return len(rows.all())

    def wait_until_told(self, within_s: float) -> float:
        """Wait until nothing waits any more, or for so long; return how long it was."""
        begun = time.monotonic()
        while self.waiting() and time.monotonic() < begun + within_s:
            time.sleep(0.2)
        return time.monotonic() - begun

    def memory_mb(self, what: str = "VmRSS") -> float:
        """Return how much memory the service has, or had at most (VmHWM)."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith(what))) / 1024

    def press(self, message: Message, person: str) -> tuple[Envelope, float]:
        """Have somebody acknowledge an alert; return what came of it, and Slack's time before."""
        pressed_at = float(self.slack.report()["slack_s"])
        envelope = self.slack.press(
            message.channel, message.ts, "acknowledge",
            overrides={"user": {"id": person, "name": "somebody"}},
        )  # fmt: skip
        return envelope, pressed_at

    def not_saved(self) -> set[str]:
        """Name the people who were told to try again, because a run was being written."""
        lines = (self.folder / "log.jsonl").read_text().splitlines()
        told = (json.loads(line) for line in lines if line.startswith("{"))
        return {str(each["person"]) for each in told if each["event"] == "slack_answer_not_saved"}

    # What must hold

    def not_told_once(self) -> list[str]:
        """Compare what was to be told with what stands in Slack, by its opaque key."""
        with reading(self.app.engine) as session:
            rows = session.exec(select(NotificationRow).where(_IS_MESSAGE)).all()
            known = {opaque(row.key): row.key for row in rows}
            unsent = [
                f"{row.key} is {row.state}: {row.error}" for row in rows if row.state != "sent"
            ]
        stands = Counter(
            message.metadata["event_payload"]["key"]
            for message in self.slack.messages()
            if message.metadata and message.metadata.get("event_type") == EVENT
        )
        told = [
            f"{name} stands {stands[key]} times" for key, name in known.items() if stands[key] != 1
        ]
        return [*unsent, *told, *(f"{key} is not known" for key in stands if key not in known)]

    def answers_lost(self, people: Sequence[str]) -> list[str]:
        """Name the people whose answer was acknowledged and is not stored."""
        with reading(self.app.engine) as session:
            kept = _people(session)
        return [f"the answer of {person} is not stored" for person in people if person not in kept]


def _people(session: Session) -> set[str]:
    found = (re.search(r"\((\w+)\)", row.actor) for row in session.exec(select(ReplyRow)))
    return {at[1] for at in found if at}


def _spike(tenant: str, day: date, cents: int) -> Finding:
    return Finding(
        FindingKind.SPEND_SPIKE,
        day,
        Severity.WARNING,
        tenant=tenant,
        magnitude=cents * MICRO // 100,
        rule="z-score",
        score=6.0,
        expected_micro_usd=20 * MICRO,
        actual_micro_usd=20 * MICRO + cents * MICRO // 100,
    )


def tenants(many: int, conversations: int, name: str = "x") -> list[str]:
    """Name tenants, as many for each conversation."""
    return [f"t{number % conversations}-{name}{number}" for number in range(many)]


def settled(app: App) -> date:
    """Return a day for a first run; the next day's follows a day later."""
    return app.last_settled_day() - timedelta(days=1)


@contextmanager
def in_slack(
    conversations: int, more: str = "", also: Mapping[str, str] | None = None
) -> Iterator[Load]:
    """Have an installation in a local Slack of its own, with so many conversations.

    ``more`` are further settings, ``also`` further variables.
    """
    names = tuple(f"C0LOAD{number}" for number in range(conversations))
    with tempfile.TemporaryDirectory() as folder, LocalSlack() as slack:
        load = Load(Path(folder), slack, names, more, also or {})
        try:
            yield load
        finally:
            load.app.engine.dispose()
