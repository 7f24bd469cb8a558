"""What one replay of a history found, and how two of them differ."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from alerts.holds import plan_of
from alerts.lifecycle import observe, open_alert
from alerts.model import AlertRules
from detector.detect import SPEND_KINDS
from detector.rules import RuleBook

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from alerts.holds import PlannedEvent
    from alerts.model import Alert
    from detector.model import Finding, FindingKind, Judgement

DAYS_OF_A_MONTH = 30.4375
NEAR = timedelta(days=2)
"""Alerts of two replays that are no further apart tell the same thing."""


BEFORE, AFTER = timedelta(days=60), timedelta(days=14)
"""The days around an alert that its chart shows, as far as there are any."""


@dataclass(frozen=True, slots=True)
class Row:
    """One tenant's day that alerts, and when its alert was opened.

    ``is_page`` says whether somebody would have been told of the alert on this day.
    """

    finding: Finding
    opened: date
    is_page: bool = False


@dataclass(frozen=True, slots=True)
class Episode:
    """The days of one alert, oldest first."""

    rows: tuple[Row, ...]

    @property
    def page(self) -> Row | None:
        """The day on which somebody would have been told; None where all of it was planned."""
        return next((row for row in self.rows if row.is_page), None)

    @property
    def told(self) -> Finding:
        """What somebody would have been told at first."""
        return (self.page or self.rows[0]).finding

    @property
    def condition(self) -> tuple[FindingKind, str]:
        """What it is, and whose."""
        return self.rows[0].finding.kind, self.rows[0].finding.tenant

    @property
    def days(self) -> tuple[date, ...]:
        """Its alerting days."""
        return tuple(row.finding.day for row in self.rows)


@dataclass(frozen=True, slots=True)
class Replayed:
    """The alerting days of one method with its settings."""

    name: str
    rows: tuple[Row, ...]
    tenants: int
    first: date
    last: date
    book: RuleBook = field(default_factory=RuleBook)

    @property
    def days(self) -> int:
        """How many days were judged."""
        return (self.last - self.first).days + 1

    @property
    def pages(self) -> tuple[Row, ...]:
        """The days on which somebody would have been told."""
        return tuple(row for row in self.rows if row.is_page)

    @property
    def episodes(self) -> tuple[Episode, ...]:
        """The alerts, those that began first come first."""
        found: dict[tuple[FindingKind, str, date], list[Row]] = {}
        for row in self.rows:
            found.setdefault((row.finding.kind, row.finding.tenant, row.opened), []).append(row)
        return tuple(Episode(tuple(rows)) for rows in found.values())

    @property
    def rate(self) -> float:
        """Pages for each tenant and month."""
        return len(self.pages) / (max(self.tenants, 1) * self.days / DAYS_OF_A_MONTH)

    def noisiest(self, most: int) -> list[tuple[str, int]]:
        """Give the tenants with most pages."""
        return Counter(row.finding.tenant for row in self.pages).most_common(most)

    def alerts_on(self, tenant: str, first: date, last: date) -> bool:
        """Whether a tenant alerts on any day of a span, both ends included."""
        return any(
            row.finding.tenant == tenant and first <= row.finding.day <= last for row in self.rows
        )


def follow(judgements: Iterable[Judgement], plans: Sequence[PlannedEvent] = ()) -> Iterator[Row]:
    """Follow alerts through their life, day by day, as the service would."""
    rules = AlertRules()
    alive: dict[tuple[FindingKind, str], Alert] = {}
    for judgement in judgements:
        found = {
            (finding.kind, finding.tenant): finding
            for finding in judgement.findings
            if finding.kind in SPEND_KINDS
        }
        now = datetime.combine(judgement.day, time.max, UTC)
        for condition in sorted(alive.keys() | found.keys()):
            finding, alert = found.get(condition), alive.get(condition)
            if alert is None:
                alert = open_alert(found[condition], now)
            elif finding or judgement.judged(alert.kind, alert.tenant):
                alert = observe(alert, finding, judgement.day, now, rules)[0]
            if finding:
                is_page = not alert.announced and not _planned(finding, plans)
                alert = replace(alert, announced=alert.announced or is_page)
                yield Row(finding, alert.days[0], is_page)
            alive[condition] = alert
            if alert.ended:
                del alive[condition]


def _planned(finding: Finding, plans: Sequence[PlannedEvent]) -> bool:
    plan = plan_of(finding, plans)
    return plan is not None and plan.allows(finding)


def only_in(one: Replayed, other: Replayed) -> tuple[Row, ...]:
    """Return the pages of one replay near which the other has no alert, the dearest first."""
    days: dict[str, set[date]] = {}
    for row in other.rows:
        days.setdefault(row.finding.tenant, set()).add(row.finding.day)
    alone = (row for row in one.pages if not _near(row, days.get(row.finding.tenant, ())))
    return tuple(sorted(alone, key=lambda row: -abs(row.finding.excess_micro_usd)))


def _near(row: Row, days: Iterable[date]) -> bool:
    return any(abs(day - row.finding.day) <= NEAR for day in days)
