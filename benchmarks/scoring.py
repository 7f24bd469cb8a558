"""How good alerts are against incidents that are known: ``python -m benchmarks.scoring --help``.

A *page* is what wakes somebody: the alerting days of one tenant belong to one page while each comes
at most two days after the one before and the page is younger than seven days.

- An incident (an event labelled ``anomaly``) is caught by an alerting day from its first day to the
  day after its last one.
- A page is *true* where it opens on such a day; a *repeat* where it is not the first one of its
  incident, or opens while an incident settles (after its last day, until its ``grace_end``) or on
  days labelled ``ignore`` (until theirs); *false* otherwise. Repeats are neither right nor wrong.
- Precision is the share of true pages among true and false ones, recall the share of incidents that
  were caught.

The *core* are clear incidents of steady tenants, without slow leaks and retry storms: every other
incident is then neither to be found nor wrong to be found.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

DAYS_OF_A_MONTH = 30.4375
JOIN = timedelta(days=2)
LONGEST = timedelta(days=7)
A_DAY = timedelta(days=1)
ANOMALY, LEGITIMATE, IGNORED = "anomaly", "legit", "ignore"
NOT_CORE = ("slow_leak", "retry_storm")
SPEND = "spend"
"""Alerts of a kind that begins otherwise say nothing of how much was used."""

Alert = tuple[str, date]
"""A tenant, and a day on which it alerts."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a tenant: a line of a file of labels."""

    name: str
    tenant: str
    kind: str
    label: str
    start: date
    end: date
    grace_end: date
    tier: str = ""

    def covers(self, day: date) -> bool:
        """Whether an alert of that day tells of it."""
        return self.start <= day <= self.end + A_DAY

    def settles(self, day: date) -> bool:
        """Whether it is over, and not all is as before."""
        return self.end < day <= self.grace_end


@dataclass(frozen=True, slots=True)
class Quality:
    """What the pages of some days were worth."""

    incidents: int
    caught: int
    true: int
    false: int
    repeat: int
    delay_days: float
    tenant_months: float

    @property
    def precision(self) -> float:
        """Share of right pages; 0 without any."""
        return _share(self.true, self.true + self.false)

    @property
    def recall(self) -> float:
        """Share of incidents caught; 0 without any."""
        return _share(self.caught, self.incidents)

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        return _share(2 * self.precision * self.recall, self.precision + self.recall)

    @property
    def pages(self) -> float:
        """Pages of a tenant in a month."""
        return _share(self.true + self.false + self.repeat, self.tenant_months)


@dataclass(frozen=True, slots=True)
class Truth:
    """What happened to some tenants in some days, both included."""

    events: tuple[Event, ...]
    tenants: int
    first: date
    last: date

    def core(self, steady: frozenset[str]) -> Truth:
        """Ask for clear incidents of steady tenants alone."""
        mine = (event for event in self.events if event.tenant in steady)
        asked = (event if _is_core(event) else replace(event, label=IGNORED) for event in mine)
        return replace(self, events=tuple(asked), tenants=len(steady))

    @property
    def tenant_months(self) -> float:
        """Months of all tenants together."""
        return self.tenants * ((self.last - self.first).days + 1) / DAYS_OF_A_MONTH


def _is_core(event: Event) -> bool:
    return event.label != ANOMALY or (event.tier == "clear" and event.kind not in NOT_CORE)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def open_pages(days: Iterable[date]) -> list[date]:
    """Return the days on which a tenant's pages open, given the days on which it alerts."""
    opened: list[date] = []
    before = None
    for day in sorted(days):
        if before is None or day - before > JOIN or day - opened[-1] >= LONGEST:
            opened.append(day)
        before = day
    return opened


def score(alerts: Iterable[Alert], truth: Truth) -> Quality:
    """Hold alerts against what happened."""
    days: dict[str, set[date]] = defaultdict(set)
    for tenant, day in alerts:
        if truth.first <= day <= truth.last:
            days[tenant].add(day)
    events: dict[str, list[Event]] = defaultdict(list)
    for event in truth.events:
        events[event.tenant].append(event)
    judged = [_judge(pages, events[tenant]) for tenant, pages in days.items()]
    wanted = [each for each in truth.events if each.label == ANOMALY and _within(each, truth)]
    delays = [delay for each in wanted if (delay := _delay(each, days)) is not None]
    true, false, repeat = (sum(column) for column in zip((0, 0, 0), *judged, strict=True))
    mean = _share(sum(delays), len(delays))
    return Quality(len(wanted), len(delays), true, false, repeat, mean, truth.tenant_months)


def _within(event: Event, truth: Truth) -> bool:
    return truth.first <= event.start <= truth.last


def _delay(event: Event, days: Mapping[str, set[date]]) -> int | None:
    """Return days until an incident was caught; None where it was not."""
    caught = [day for day in days.get(event.tenant, ()) if event.covers(day)]
    return (min(caught) - event.start).days if caught else None


def _judge(days: Iterable[date], events: Sequence[Event]) -> tuple[int, int, int]:
    """Count a tenant's true, false and repeated pages."""
    incidents = [event for event in events if event.label == ANOMALY]
    ignored = [event for event in events if event.label == IGNORED]
    told: set[str] = set()
    true = false = repeat = 0
    for day in open_pages(days):
        hit = next((event for event in incidents if event.covers(day)), None)
        if hit and hit.name not in told:
            told.add(hit.name)
            true += 1
        elif hit or any(event.settles(day) for event in incidents) or _any_on(day, ignored):
            repeat += 1
        else:
            false += 1
    return true, false, repeat


def _any_on(day: date, events: Iterable[Event]) -> bool:
    return any(event.start <= day <= event.grace_end for event in events)


def read_events(path: Path) -> tuple[Event, ...]:
    """Read a file of labels: event_id, tenant, kind, label, start, end, grace_end and tier."""
    with path.open(newline="", encoding="utf-8") as file:
        return tuple(_event(row) for row in csv.DictReader(file))


def _event(row: Mapping[str, str]) -> Event:
    start, end, grace_end = (date.fromisoformat(row[key]) for key in ("start", "end", "grace_end"))
    name, tenant, kind, label = (row[key] for key in ("event_id", "tenant", "kind", "label"))
    return Event(name, tenant, kind, label, start, end, grace_end, row.get("tier") or "")


def read_steady(path: Path) -> frozenset[str]:
    """Read which tenants are steady: columns tenant and class."""
    with path.open(newline="", encoding="utf-8") as file:
        return frozenset(row["tenant"] for row in csv.DictReader(file) if row["class"] == "steady")


def read_alerts(path: Path) -> set[Alert]:
    """Read what `spendwatch backtest --out` wrote, or any file with columns tenant and day."""
    with path.open(newline="", encoding="utf-8") as file:
        return {
            (row["tenant"], date.fromisoformat(row["day"]))
            for row in csv.DictReader(file)
            if (row.get("kind") or SPEND).startswith(SPEND)
        }


def main() -> None:
    """Print the quality of a file of alerts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("alerts", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--from", dest="first", type=date.fromisoformat, required=True)
    parser.add_argument("--to", dest="last", type=date.fromisoformat, required=True)
    parser.add_argument("--tenants", type=int, required=True)
    parser.add_argument("--core", type=Path, help="tenants.csv: ask for the core alone")
    asked = parser.parse_args()
    alerts = read_alerts(asked.alerts)
    truth = Truth(read_events(asked.labels), asked.tenants, asked.first, asked.last)
    if asked.core:
        steady = read_steady(asked.core)
        truth, alerts = truth.core(steady), {alert for alert in alerts if alert[0] in steady}
    found = score(alerts, truth)
    print(
        f"{found.caught} of {found.incidents} incidents caught; pages: {found.true} true, "
        f"{found.false} false, {found.repeat} repeated\n"
        f"precision {found.precision:.4f}, recall {found.recall:.4f}, F1 {found.f1:.4f}, "
        f"{found.pages:.4f} pages a tenant and month, {found.delay_days:.4f} days of delay"
    )


if __name__ == "__main__":
    main()
