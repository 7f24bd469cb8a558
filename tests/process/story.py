"""Three mornings of an installation in which everything happens, the same every time.

Costs, budgets, a silence, a plan, quiet hours, digests, a reminder, a snooze that ends, a
dismissal, a model without a price that gets one, a day that is revised late, rows that are refused,
and old rows that go. What has happened so far is known from a file of its own, so that a process
which was killed is followed by one that goes on at the same moment.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import select

from alerts import store
from alerts.model import Verb, Verdict
from alerts.replies import Answer, answer
from detector.sources.base import Window
from detector.sources.csv_file import CsvFileSource
from detector.tables import PULL
from spendwatch import conversion
from spendwatch.app import build_app
from spendwatch.channels import build_channels
from spendwatch.db import reading, writing
from spendwatch.ingest import pull
from spendwatch.leading import leading
from spendwatch.service import Service
from spendwatch.settings import load_settings

if TYPE_CHECKING:
    from spendwatch.app import App

HISTORY_DAYS = 7
LAST_QUIET = date(2026, 9, 19)
MORNINGS = 3
CONFIG = """
[service]
time_zone = "UTC"
database_url = "sqlite:///spendwatch.db"
retention_days = 120
min_free_mb = 0

[[sources]]
kind = "csv_file"
name = "gateway"
path = "usage"

[[sources]]
kind = "csv_file"
name = "apim"
path = "hours"

[[receivers]]
kind = "console"
name = "desk"
path = "told/desk.txt"
digest_at = "08:00"

[[receivers]]
kind = "console"
name = "night"
path = "told/night.txt"
digest = "off"
quiet_hours = "22:00-07:00"

[alerts]
receiver = "desk"
reminder_hours = 24

[prices]
file = "prices.toml"

[detection]
method = "classic"
window_days = 7
min_days = 4

[[tenants]]
id = "golf"
receiver = "night"

[[tenants]]
id = "india"
[[tenants.budgets]]
cap = 1000
thresholds = [50, 80]

[[tenants]]
id = "juliet"
time_zone = "Europe/Berlin"

[[silences]]
tenant = "echo"
until = 2026-09-22T07:00:00Z
comment = "a move"

[[planned_events]]
tenant = "foxtrot"
first_day = 2026-09-21
last_day = 2026-09-22
ceiling = 150
comment = "a batch"
"""
PRICES = 'currency = "USD"'
PRICE_OF_THE_HOUSE = """
[[model]]
name = "house-llm"
source = "agreed"
prices = [
  { scope = "global", effective_from = 2020-01-01, input = "2.00", output = "8.00" },
]
"""
HEADER = "date,tenant,feature,model,prompt_tokens,completion_tokens,cost_usd"
SPENT: dict[str, dict[int, float]] = {
    "acme": {1: 400, 2: 400, 3: 900},
    "bolt": {1: 350, 2: 350, 3: 350},
    "crane": {1: 380, 2: 380, 3: 380},
    "delta": {1: 300, 2: 300, 3: 300},
    "echo": {1: 320, 2: 320, 3: 320},
    "foxtrot": {2: 140, 3: 300},
    "golf": {2: 330, 3: 330},
    "india": {1: 55, 2: 55, 3: 55},
    "kilo": {},
}
LATE = {"kilo": {1: 500.0}}
"""What the files say of a day only from the second noon on."""


@dataclass(frozen=True)
class Step:
    """Something that happens at a moment; ``starts`` where a new process would."""

    at: datetime
    name: str
    act: Callable[[Run], None]
    starts: bool = False


@dataclass
class Run:
    """One process of the installation: what it was started with, and how far the story is."""

    folder: Path
    url: str
    now: datetime = datetime(2026, 9, 20, 20, tzinfo=UTC)
    app: App | None = None
    service: Service | None = None
    log: list[str] = field(default_factory=list)

    def live(self, until: int | None = None) -> None:
        """Go on with the story to its end, or to a step, from wherever it is."""
        steps = all_steps()[:until]
        done = done_steps(self.folder)
        while done < len(steps):
            self.now = steps[done].at
            write_files(self.folder, self.now)
            done = self._reign(steps, done)

    def _reign(self, steps: list[Step], done: int) -> int:
        """Start, and go on until the next start."""
        self.app = self.build()
        with leading(self.app.engine, "run", lambda: self.now) as leadership:
            self.service = Service(
                self.app,
                build_channels(self.app, open(os.devnull, "w")),  # noqa: SIM115 - nobody reads it
                leadership,
                structlog.wrap_logger(None, processors=[self._keep_line]),
                steady=lambda: self.now.timestamp(),
                stopping=lambda: False,
                on_lost=lambda: None,
            )
            first = True
            while done < len(steps) and (first or not steps[done].starts):
                first = False
                self.now = steps[done].at
                write_files(self.folder, self.now)
                steps[done].act(self)
                done += 1
                note_done(self.folder, done)
        self.app.engine.dispose()
        return done

    def build(self) -> App:
        """Put the program together as a start would."""
        environ = {"SPENDWATCH_SERVICE__DATABASE_URL": self.url}
        return build_app(load_settings(self.folder / "config.toml", environ), lambda: self.now)

    def _keep_line(self, _logger: object, _name: str, event: dict[str, object]) -> object:
        self.log.append(str(event))
        raise structlog.DropEvent


def prepare(folder: Path) -> None:
    """Write what is there before anything runs."""
    for name in ("usage", "hours", "told"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(CONFIG)
    (folder / "prices.toml").write_text(f"{PRICES}\n")
    old = [f"{day},oldie,chat,gpt-4o,,,5" for day in days_from(date(2026, 5, 22), 5)]
    (folder / "old.csv").write_text("\n".join([HEADER, *old]) + "\n")
    hours = [
        f"{day}T{hour:02}:00:00Z,oldie,5"
        for day in days_from(date(2026, 8, 6), 4)
        for hour in (3, 4)
    ]
    (folder / "old-hours.csv").write_text("\n".join(["start_at,tenant,cost_usd", *hours]) + "\n")


def write_files(folder: Path, now: datetime) -> None:
    """Write the usage files as they are at a moment; written again they are the same."""
    first = LAST_QUIET - timedelta(days=HISTORY_DAYS - 1)
    for step, day in enumerate(days_from(first, HISTORY_DAYS + MORNINGS)):
        number = (day - LAST_QUIET).days
        if now < datetime.combine(day + timedelta(days=1), time(), UTC):
            break
        late = now >= datetime(2026, 9, 22, 12, tzinfo=UTC)
        _write(folder / "usage" / f"{day}.csv", [HEADER, *_day_rows(day, number, step, late=late)])
        _write(folder / "hours" / f"{day}.csv", ["start_at,tenant,cost_usd", *_hour_rows(day)])
    if now >= datetime(2026, 9, 23, tzinfo=UTC):
        _write(folder / "prices.toml", [PRICES, PRICE_OF_THE_HOUSE])


def _day_rows(day: date, number: int, step: int, *, late: bool) -> list[str]:
    rows = []
    for tenant, spent in SPENT.items():
        usual = 100 + (step % 3 - 1) * 2 if tenant != "india" else 40
        cost = spent.get(number, usual)
        if late:
            cost = LATE.get(tenant, {}).get(number, cost)
        rows.append(f"{day},{tenant},chat,gpt-4o,,,{cost}")
    rows.append(f"{day},hotel,chat,house-llm,1000000,100000,")
    if number == 2:
        rows.append(f"{day},acme,chat,gpt-4o,,,many")
    return rows


def _hour_rows(day: date) -> list[str]:
    return [f"{day}T{hour:02}:00:00Z,juliet,{4 + hour % 2}" for hour in range(0, 24, 6)]


def _write(path: Path, lines: list[str]) -> None:
    text = "\n".join(lines) + "\n"
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def days_from(first: date, many: int) -> list[date]:
    """Return days in a row."""
    return [first + timedelta(days=step) for step in range(many)]


def done_steps(folder: Path) -> int:
    """Return how many steps of the story are over."""
    noted = folder / "done"
    return int(noted.read_text()) if noted.exists() else 0


def note_done(folder: Path, done: int) -> None:
    """Note how far the story is, at once or not at all."""
    fresh = folder / "done.new"
    fresh.write_text(str(done))
    fresh.replace(folder / "done")


def tick(run: Run) -> None:
    """Make every tick of the service, in the order in which they depend on each other."""
    assert run.service is not None
    for each in run.service.ticks().values():
        each()


def import_old(run: Run) -> None:
    """Import what is old enough to go soon, as a person does: what was imported is left alone."""
    app = run.app
    assert app is not None
    for name, file in (("old", "old.csv"), ("old_hours", "old-hours.csv")):
        with reading(app.engine) as session:
            imported = select(PULL.c.id).where(PULL.c.source == name, PULL.c.ended_at.is_not(None))
            if session.connection().execute(imported).first():
                continue
        path = run.folder / file
        pull(app, CsvFileSource(name, path, {}, latest_day=run.now.date()), Window())


def reply(tenant: str, verb: Verb, **said: object) -> Callable[[Run], None]:
    """Return the answer of a person about a tenant's newest alert."""

    def act(run: Run) -> None:
        app = run.app
        assert app is not None
        with reading(app.engine) as session:
            number = max(each.number for each in store.list_alerts(session, tenant=tenant))
        given = Answer(verb, "a person", **said)  # type: ignore[arg-type]  # what may be said is named by each step
        with writing(app.engine) as session:
            answer(session, number, given, run.now, conversion.teaching(app.settings))

    return act


def all_steps() -> list[Step]:
    """Return the whole story."""
    first, second, third = (datetime(2026, 9, day, tzinfo=UTC) for day in (21, 22, 23))

    def at(day: datetime, clock: str) -> datetime:
        hour, minute = map(int, clock.split(":"))
        return day + timedelta(hours=hour, minutes=minute)

    snooze = reply("crane", Verb.SNOOZE, until=at(second, "05:00"))
    dismissal = reply("bolt", Verb.DISMISS, verdict=Verdict.EXPECTED)
    return [
        Step(at(first, "05:00"), "import", import_old, starts=True),
        Step(at(first, "06:00"), "tick", tick, starts=True),
        Step(at(first, "06:02"), "tick", tick),
        Step(at(first, "08:00"), "tick", tick),
        Step(at(first, "08:02"), "tick", tick),
        Step(at(first, "09:00"), "acknowledge", reply("acme", Verb.ACKNOWLEDGE, note="on it")),
        Step(at(first, "09:01"), "dismiss", dismissal),
        Step(at(first, "09:02"), "snooze", snooze),
        Step(at(first, "09:03"), "tick", tick),
        Step(at(second, "06:00"), "tick", tick, starts=True),
        Step(at(second, "06:02"), "tick", tick),
        Step(at(second, "08:00"), "tick", tick),
        Step(at(second, "12:05"), "tick", tick),
        Step(at(second, "12:07"), "tick", tick),
        Step(at(third, "06:00"), "tick", tick, starts=True),
        Step(at(third, "06:02"), "tick", tick),
        Step(at(third, "08:00"), "tick", tick),
        Step(at(third, "08:02"), "tick", tick, starts=True),
        Step(at(third, "09:05"), "tick", tick),
        Step(at(third, "09:07"), "tick", tick),
    ]
