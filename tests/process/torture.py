"""A service that is killed again and again during storms, with faults on; and the judge.

Alerts come in by themselves, people press buttons; Slack, a mail server and a program fail in every
way that does no harm by itself. What must hold in the end: every message stands once in Slack, or
has arrived elsewhere (``counting.py``), every answer that was acknowledged is stored, and no
message ever showed an answer that was not.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from threading import Event, Thread
from typing import Any

from sqlmodel import Session, select

from alerts.backoff import LONGEST_WAIT_S
from alerts.intake import take_in
from alerts.model import AlertRules
from alerts.policy import Situation
from alerts.routing import Route, Routes
from alerts.tables import NotificationRow, ReplyRow
from alerts.taken import Telling
from detector.model import MICRO, Finding, FindingKind, Judgement, Severity
from spendwatch.app import App, build_app
from spendwatch.db import DatabaseBusyError, reading, writing
from spendwatch.settings import load_settings
from tests.process import counting
from tests.process.counting import BY_MAIL, IN_SLACK, TO_PROGRAM, Told, not_shown
from tests.process.elsewhere import MAIL, PROGRAM, SECRET, Elsewhere, elsewhere
from tests.slack.identity import APP_TOKEN, BOT_TOKEN
from tests.slack.local import LocalSlack

ROOT = Path(__file__).parents[2]
SPEED = 20.0
PEOPLE = 4_000
MOST_WAITING = 60
DONE = ("sent", "dead", "dropped", "divided")
CONVERSATIONS = ("C0ALERTS", "C0SECOND", "C0THIRD")
FAULTY = ("chat.postMessage", "chat.update", "conversations.history", "conversations.replies")
LOGGED = re.compile(r'"event": "(\w+)"[^{}]*?"person": "(UP[0-9]+)"')
ANSWERED = re.compile(r"\((UP[0-9]+)\) acknowledged it")
CONFIG = """
[service]
database_url = "{url}"
min_free_mb = 0
backup_at = "off"

[[receivers]]
kind = "slack"
name = "{names[0]}"
conversation = "{names[0]}"
digest = "off"
[[receivers]]
kind = "slack"
name = "{names[1]}"
conversation = "{names[1]}"
digest = "off"
[[receivers]]
kind = "slack"
name = "{names[2]}"
conversation = "{names[2]}"
digest = "off"

[alerts]
receiver = "{names[0]}"
reminder_hours = "off"

[slack]
base_url = "{base_url}"
may_answer = {people}
lookup_after_s = 0.8
post_apart_s = {apart_s}
posts_a_minute = {posts_a_minute}
edits_a_minute = 900
looks_a_minute = 900
edit_apart_s = 0.15
probe_s = 1
"""


def environ_of() -> dict[str, str]:
    """Return the secrets, as the environment gives them."""
    return {
        "SPENDWATCH_SLACK__BOT_TOKEN": BOT_TOKEN,
        "SPENDWATCH_SLACK__APP_TOKEN": APP_TOKEN,
        "SPENDWATCH_OUTBOUND__SIGNING_SECRET": SECRET,
    }


@dataclass
class Torture:
    """One installation, its Slack, who is told elsewhere, if anybody, and who runs it."""

    folder: Path
    slack: LocalSlack
    elsewhere: Elsewhere | None = None
    url: str = "sqlite:///spendwatch.db"
    seed: int = 7
    pressed: dict[int, tuple[str, bool]] = field(default_factory=dict)
    kills: int = 0
    day: datetime = datetime(2026, 9, 1, tzinfo=UTC)
    alive: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - what happens, no secret
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in CONVERSATIONS[1:]:
            self.slack.add_conversation(name, bot_is_member=True)
        self.slack.configure(history_lag_s=4, retry_after_in="real")
        self.config.write_text(self._settings())
        self.app: App = build_app(load_settings(self.config, environ_of()))

    @cached_property
    def _zygote(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.process.torturing"],
            cwd=ROOT,
            env=os.environ | environ_of(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def config(self) -> Path:
        """Where the settings are."""
        return self.folder / "config.toml"

    def _settings(self) -> str:
        people = [f"UP{number}" for number in range(PEOPLE)]
        more = self.elsewhere.settings if self.elsewhere else ""
        settings = CONFIG.format(
            url=self.url,
            base_url=self.slack.base_url,
            names=CONVERSATIONS,
            people=json.dumps(people),
            apart_s=1.05 / SPEED,
            posts_a_minute=int(250 * SPEED),
        )
        return settings + more

    def run_once(self, seconds: float, *, kill: bool) -> int:
        """Let the service run so long; return how it left."""
        order = {"folder": str(self.folder), "seconds": seconds, "kill": kill}
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        self._zygote.stdin.write(json.dumps(order) + "\n")
        self._zygote.stdin.flush()
        self.kills += kill
        return int(self._zygote.stdout.readline())

    def end(self) -> None:
        """Let everything go."""
        self.app.engine.dispose()
        if "_zygote" in self.__dict__:
            self._zygote.communicate()

    def storm(self) -> None:
        """Judge a day: some alerts begin, some get worse, some are over.

        Not while much waits: what is killed all the time sends less than storms could bring.
        """
        if self.waiting() > MOST_WAITING:
            return
        tenants = [f"t{self.chance.randrange(10**9)}" for _ in range(self.chance.randint(1, 6))]
        kept = [name for name in list(self.alive)[-40:] if self.chance.random() < 0.5]
        for name in kept:
            self.alive[name] = int(self.alive[name] * self.chance.choice((1, 1, 2)))
        self.alive = {name: self.alive[name] for name in kept} | dict.fromkeys(tenants, 100)
        self.judge(self._everywhere(self.alive))

    def _everywhere(self, spikes: Mapping[str, int]) -> dict[str, int]:
        """Let each tenant have a twin whose alerts are mailed, and one whose are posted."""
        ways = (IN_SLACK, BY_MAIL, TO_PROGRAM) if self.elsewhere else (IN_SLACK,)
        return {way + name[1:]: dollars for way in ways for name, dollars in spikes.items()}

    def waiting(self) -> int:
        """Count the messages that are neither sent nor given up."""
        with reading(self.app.engine) as session:
            rows = session.exec(select(NotificationRow).where(counting.IS_MESSAGE))
            return sum(row.state not in DONE for row in rows)

    def judge(self, spikes: Mapping[str, int]) -> None:
        """Judge the next day: these tenants spent so many dollars too much."""
        self.day += timedelta(days=1)
        findings = tuple(self._spike(name, dollars) for name, dollars in spikes.items())
        judgement = Judgement(self.day.date(), findings, frozenset())
        _again(lambda: self._take_in(judgement))

    def _take_in(self, judgement: Judgement) -> None:
        with writing(self.app.engine) as session:
            take_in(session, judgement, self._telling())

    def _spike(self, tenant: str, dollars: int) -> Finding:
        return Finding(
            FindingKind.SPEND_SPIKE,
            self.day.date(),
            Severity.WARNING,
            tenant=tenant,
            magnitude=dollars * MICRO,
            rule="z-score",
            score=6.0,
            expected_micro_usd=20 * MICRO,
            actual_micro_usd=(20 + dollars) * MICRO,
        )

    def _telling(self) -> Telling:
        own = tuple(Route(CONVERSATIONS[digit % 3], tenant=f"t{digit}*") for digit in range(10))
        more = (Route(MAIL, tenant=f"{BY_MAIL}*"), Route(PROGRAM, tenant=f"{TO_PROGRAM}*"))
        routes = Routes(CONVERSATIONS[0], (*own, *more))
        return Telling(
            {}, routes, AlertRules(), Situation(now=self.app.clock()),
            threaded=frozenset(CONVERSATIONS), group_above=5,
        )  # fmt: skip

    def press_something(self) -> None:
        """Have somebody who never answered anything acknowledge an alert that nobody has."""
        number = len(self.pressed)
        taken = {alert for _, alert in self.pressed_alerts}
        free = [each for each in self.slack.offered("acknowledge") if each["value"] not in taken]
        if not free or number >= PEOPLE:
            return
        chosen = self.chance.choice(free)
        person = f"UP{number}"
        done = self.slack.press(
            chosen["channel"], chosen["ts"], "acknowledge", stale=True,
            overrides={"user": {"id": person, "name": "somebody"}},
        )  # fmt: skip
        self.pressed[number] = (chosen["value"], bool(done.acks))

    @property
    def pressed_alerts(self) -> list[tuple[int, str]]:
        """Who pressed for which alert, and was told that it was taken."""
        return [(person, alert) for person, (alert, acked) in self.pressed.items() if acked]

    def faults(self) -> dict[str, int]:
        """Count what went wrong, in each way of telling."""
        in_slack = {"Slack": sum(self.slack.report()["faults"].values())}
        return in_slack | (self.elsewhere.faults if self.elsewhere else {})

    # The judge

    def told(self) -> list[Told]:
        """Count what was told, in each way."""
        with reading(self.app.engine) as session:
            told = [counting.in_slack(session, CONVERSATIONS, self.slack.messages())]
            if self.elsewhere:
                told.append(counting.by_mail(session, self.elsewhere.mail.taken))
                told.append(counting.by_webhook(session, self.elsewhere.program.taken))
        return told

    def wrong(self) -> list[str]:
        """Say what does not hold that must; empty where all does."""
        told = [f"{each.way}: {what}" for each in self.told() for what in each.lost + each.wrong]
        with reading(self.app.engine) as session:
            return [
                *told,
                *self._answers_lost(session),
                *self._false_ticks(session),
                *not_shown(session),
                *self._refused_by_slack(),
            ]

    def _answers_lost(self, session: Session) -> list[str]:
        kept = {row.actor for row in session.exec(select(ReplyRow))}
        excused = self._not_saved()
        return [
            f"the answer of UP{person} to A-{alert} was acknowledged and is not stored"
            for person, alert in self.pressed_alerts
            if f"somebody (UP{person})" not in kept and f"UP{person}" not in excused
        ]

    def _not_saved(self) -> set[str]:
        """Who was told that an answer was not saved, or came second; as the service logged it."""
        log = self.folder / "log.jsonl"
        if not log.exists():
            return set()
        told = {"slack_answer_not_saved", "slack_deed_refused", "slack_answer_refused"}
        # A process that was killed while it wrote has left half a line.
        return {person for event, person in LOGGED.findall(log.read_text()) if event in told}

    def _false_ticks(self, session: Session) -> list[str]:
        kept = {row.actor for row in session.exec(select(ReplyRow))}
        shown = {
            person
            for message in self.slack.messages()
            for version in message.versions
            for person in ANSWERED.findall(json.dumps(version.blocks))
        }
        return [
            f"a message showed an answer of {person} that is not stored"
            for person in shown
            if f"somebody ({person})" not in kept
        ]

    def _refused_by_slack(self) -> list[str]:
        return [f"Slack refused: {each}" for each in self.slack.rejections()[:5]]


def _again(work: Callable[[], None]) -> None:
    """Do it again while another process writes."""
    for _ in range(100):
        try:
            work()
        except DatabaseBusyError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the database was held all the time")


def torment(
    torture: Torture,
    kills: int,
    *,
    longest_s: float = 2.0,
    on_kill: Callable[[int], None] = lambda _kills: None,
) -> None:
    """Kill the service at least so often, then let it come to rest."""
    torture.slack.random_faults(
        torture.seed, 0.08, methods=list(FAULTY), max_delay_s=4.0, retry_after="1"
    )
    assert torture.elsewhere is not None
    torture.elsewhere.fail()
    ended = Event()
    others = [
        Thread(target=_ever_again, args=(ended, torture.storm, 0.35)),
        Thread(target=_ever_again, args=(ended, torture.press_something, 0.25)),
    ]
    for each in others:
        each.start()
    try:
        # On a starved machine a short life gets nothing done: each must have failed at least once.
        while torture.kills < kills or not all(torture.faults().values()):
            torture.run_once(torture.chance.uniform(0.2, longest_s), kill=True)
            on_kill(torture.kills)
    finally:
        ended.set()
        for each in others:
            each.join()
    torture.slack.clear_faults()
    torture.elsewhere.clear_faults()
    rest(torture)


def rest(torture: Torture, within_s: float = LONGEST_WAIT_S + 100.0) -> None:
    """Let the service run until nothing waits any more, or for so long.

    What failed again and again is tried again ever later, at last after a quarter of an hour.
    """
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        torture.run_once(6.0, kill=False)
        with reading(torture.app.engine) as session:
            stale = not_shown(session)
        if not torture.waiting() and not stale:
            return


def _ever_again(ended: Event, work: Callable[[], Any], every_s: float) -> None:
    while not ended.wait(every_s):
        work()


@contextmanager
def installed(folder: Path, **options: Any) -> Iterator[Torture]:
    """Have a fast local Slack, a mail server and a program, and an installation that tells them."""
    slack = LocalSlack(speed=SPEED)
    try:
        with elsewhere(options.get("seed", 7)) as others:
            torture = Torture(folder, slack, others, **options)
            try:
                yield torture
            finally:
                torture.end()
    finally:
        slack.stop()
