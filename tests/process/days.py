"""Days of a service in minutes: a clock that is moved hour by hour, and a fault every day.

The ticks are those of the service, made in this process, which is started anew now and then; to be
killed, they are made in a child. What must hold is looked at every midnight.
"""

from __future__ import annotations

import gc
import io
import os
import random
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from sqlmodel import select

from alerts import store
from alerts.lifecycle import ReplyRefused
from alerts.model import Verb, Verdict
from alerts.outbox_queries import NotificationState
from alerts.replies import Answer, answer
from alerts.tables import AlertRow, NotificationRow, ReplyRow
from detector.pulls import newest_judged_day
from spendwatch import conversion
from spendwatch.app import App, build_app
from spendwatch.channels import build_channels
from spendwatch.db import DatabaseError, reading, writing
from spendwatch.leading import leading
from spendwatch.service import Service
from spendwatch.settings import load_settings
from tests.process.crash_rig import ROOT
from tests.process.crashing import Points
from tests.process.final_state import told_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIRST = date(2026, 9, 21)
HOUR, ONE = timedelta(hours=1), timedelta(days=1)
HISTORY_DAYS = 20
TENANTS = ("acme", "bolt", "crane", "delta", "echo", "foxtrot")
CONFIG = """
[service]
database_url = "sqlite:///spendwatch.db"
min_free_mb = 0

[[sources]]
kind = "csv_file"
name = "gateway"
path = "usage"

[[receivers]]
kind = "console"
name = "desk"
path = "told/desk.txt"

[detection]
method = "classic"

[alerts]
receiver = "desk"
"""
WAIT_MS = 50
"""Others hold the database for whole hours of this clock: nobody waits for them for long."""


@dataclass
class Midnight:
    """How things stood at the end of a day."""

    day: date
    fault: str
    size: int
    open_files: int
    threads: int
    told: int
    broken: list[str]


@dataclass
class World:
    """An installation, its clocks, and the people who answer."""

    folder: Path
    now: datetime
    steady_s: float = 0.0
    ahead: timedelta = timedelta()
    given: set[int] = field(default_factory=set)
    log: list[str] = field(default_factory=list)
    stack: ExitStack = field(default_factory=ExitStack)
    service: Service | None = None

    def clock(self) -> datetime:
        """Return what the wall clock shows, right or wrong."""
        return self.now + self.ahead

    def app(self) -> App:
        """Put the program together as a start would."""
        settings = load_settings(self.folder / "config.toml", {})
        return build_app(settings, self.clock, wait_ms=WAIT_MS)

    def start(self) -> None:
        """Start the service where it does not run."""
        if self.service is not None:
            return
        app = self.app()
        self.stack.callback(app.engine.dispose)
        leadership = self.stack.enter_context(leading(app.engine, "run", self.clock))
        self.service = Service(
            app,
            build_channels(app, io.StringIO()),
            leadership,
            structlog.wrap_logger(None, processors=[self._keep_line]),
            steady=lambda: self.steady_s,
            stopping=lambda: False,
            on_lost=lambda: None,
        )

    def stop(self) -> None:
        """End the service."""
        self.stack.close()
        self.service = None

    def tick(self) -> None:
        """Make every tick once."""
        self.start()
        assert self.service is not None
        for each in self.service.ticks().values():
            each()

    def hour(self) -> None:
        """Let an hour pass; look twice at its end, for what is tried again soon."""
        for seconds in (3_300, 90, 210):
            self.now += timedelta(seconds=seconds)
            self.steady_s += seconds
            self.tick()

    def answer_something(self, chance: random.Random) -> None:
        """Have a person answer the newest open alert, if there is one."""
        app = self.app()
        with reading(app.engine) as session:
            alerts = [each for each in store.list_alerts(session) if not each.ended]
        given = [
            Answer(Verb.ACKNOWLEDGE, "a person"),
            Answer(Verb.DISMISS, "a person", verdict=Verdict.EXPECTED),
            Answer(Verb.SNOOZE, "a person", until=self.now + 30 * HOUR),
        ]
        if alerts:
            with suppress(ReplyRefused), writing(app.engine) as session:
                teaching = conversion.teaching(app.settings)
                said = answer(session, alerts[-1].number, chance.choice(given), self.now, teaching)
                self.given.add(said.reply.number)
        app.engine.dispose()

    def _keep_line(self, _logger: object, _name: str, event: dict[str, object]) -> object:
        self.log.append(str(event))
        raise structlog.DropEvent


def prepare(folder: Path) -> World:
    """Make an installation with a past."""
    (folder / "usage").mkdir(parents=True)
    (folder / "config.toml").write_text(CONFIG)
    for step in range(HISTORY_DAYS):
        write_day(folder, FIRST - (HISTORY_DAYS - step) * ONE, {})
    return World(folder, datetime.combine(FIRST, time(), UTC))


def write_day(folder: Path, day: date, spiked: dict[str, float]) -> None:
    """Write the usage of a day: about $100 for everybody, unless it is said otherwise."""
    usual = 100 + (day.toordinal() % 3 - 1) * 2
    rows = [f"{day},{tenant},chat,gpt-4o,{spiked.get(tenant, usual)}" for tenant in TENANTS]
    lines = ["date,tenant,feature,model,cost_usd", *rows]
    (folder / "usage" / f"{day}.csv").write_text("\n".join(lines) + "\n")


def killed(world: World, _day: date) -> Iterator[None]:
    """Live four hours in processes that are killed, the last of them excepted."""
    world.stop()
    for every in (12, 25, 40):
        own = [sys.executable, "-m", "tests.process.days", str(world.folder)]
        given = [world.now.isoformat(), str(world.steady_s), str(every)]
        done = subprocess.run([*own, *given], cwd=ROOT, check=False, capture_output=True)
        assert done.returncode in (-9, 0), done.stderr
        yield


def source_away(world: World, _day: date) -> Iterator[None]:
    """Have the source answer nothing for five hours."""
    (world.folder / "usage").rename(world.folder / "away")
    for _ in range(5):
        yield
    (world.folder / "away").rename(world.folder / "usage")


def channel_away(world: World, _day: date) -> Iterator[None]:
    """Have nobody reach the receiver for three hours."""
    told = world.folder / "told"
    if told.exists():
        told.rename(world.folder / "kept")
    told.write_text("no folder")
    for _ in range(3):
        yield
    told.unlink()
    if (world.folder / "kept").exists():
        (world.folder / "kept").rename(told)


def locked(world: World, _day: date) -> Iterator[None]:
    """Have another program hold the database for two hours."""
    foreign = sqlite3.connect(world.folder / "spendwatch.db", isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    yield
    yield
    foreign.execute("ROLLBACK")
    foreign.close()


def clock_ahead(world: World, _day: date) -> Iterator[None]:
    """Set the clock ahead by a day for less than an hour, then right again."""
    world.ahead = ONE
    world.tick()
    world.ahead = timedelta()
    world.tick()
    yield


def clock_back(world: World, _day: date) -> Iterator[None]:
    """Set the clock back for two hours."""
    world.ahead = -3 * HOUR
    yield
    yield
    world.ahead = timedelta()


def disk_low(world: World, _day: date) -> Iterator[None]:
    """Leave too little room for three hours."""
    config = world.folder / "config.toml"
    config.write_text(CONFIG.replace("min_free_mb = 0", "min_free_mb = 1000000"))
    world.stop()
    yield
    yield
    config.write_text(CONFIG)
    world.stop()
    yield


def revised(world: World, day: date) -> Iterator[None]:
    """Have a past day cost something else than was told."""
    write_day(world.folder, day - 2 * ONE, {"foxtrot": 600})
    yield


def down(world: World, _day: date) -> Iterator[None]:
    """Run nothing for two days; the next process finds what was missed."""
    world.stop()
    for step in range(2):
        write_day(world.folder, world.now.date() - ONE, {})
        if step:
            world.now += ONE
            world.steady_s += 86_400
    write_day(world.folder, world.now.date() - ONE, {})
    yield


FAULTS: dict[str, Callable[[World, date], Iterator[None]]] = {
    "killed": killed,
    "source away": source_away,
    "channel away": channel_away,
    "locked": locked,
    "clock ahead": clock_ahead,
    "clock back": clock_back,
    "disk low": disk_low,
    "revised": revised,
    "down": down,
}


def live(world: World, days: int, faults: tuple[str, ...] = tuple(FAULTS)) -> Iterator[Midnight]:
    """Live so many days, each with its fault; tell how each ended."""
    chance = random.Random(7)  # noqa: S311 - what happens, no secret
    for step in range(days):
        fault, day = faults[step % len(faults)], world.now.date()
        spiked = {TENANTS[step % 5]: 300.0 + 10 * step} if step % 2 == 0 else {}
        write_day(world.folder, day - ONE, spiked)
        going_on, begins_at = FAULTS[fault](world, day), 2
        for hour in range(24):
            if hour >= begins_at:
                next(going_on, None)
            world.hour()
            if hour == 12:
                world.answer_something(chance)
        yield look(world, day, fault)


def look(world: World, day: date, fault: str) -> Midnight:
    """Say what does not hold that must."""
    app = world.app()
    with reading(app.engine) as session:
        alerts = session.exec(select(AlertRow)).all()
        letters = session.exec(select(NotificationRow)).all()
        kept = {each.number for each in session.exec(select(ReplyRow))}
        judged = newest_judged_day(session)
    app.engine.dispose()
    keys = told_keys(world.folder)
    sent = Counter(each.key for each in letters if each.state == NotificationState.SENT)
    broken = [f"{key} was told {keys[key]} times" for key in keys | sent if keys[key] != sent[key]]
    broken += [f"{each.key} is {each.state}" for each in letters if each.key not in sent]
    broken += [
        f"A-{each.number} is open and nobody heard of it"
        for each in alerts
        if not each.ended and each.state == "open" and not each.announced and not each.held
    ]
    if kept != world.given:
        broken.append(f"the answers {kept} are kept of {world.given} that were given")
    if judged is None or judged < (world.now - 3 * HOUR).date() - ONE:
        broken.append(f"the newest judged day is {judged} at {world.now}")
    size = (world.folder / "spendwatch.db").stat().st_size
    files = open_files(world.folder)
    return Midnight(day, fault, size, files, threading.active_count(), len(sent), broken)


def open_files(folder: Path) -> int:
    """Count what this process has open in a folder; what nothing refers to is closed first."""
    gc.collect()
    leads_to = [os.path.realpath(each.path) for each in os.scandir("/proc/self/fd")]
    return sum(path.startswith(f"{folder.resolve()}{os.sep}") for path in leads_to)


def main() -> None:
    """Live one hour, and die at the n-th point that leaves a trace."""
    folder, now, steady_s, every = sys.argv[1:]
    Points(every=int(every)).listen()
    world = World(Path(folder), datetime.fromisoformat(now), float(steady_s))
    with suppress(DatabaseError):
        world.hour()
    world.stop()


if __name__ == "__main__":
    main()
