"""What one replay of a history found, and how two of them differ."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from detector.model import Finding

DAYS_OF_A_MONTH = 30.4375
NEAR = timedelta(days=2)
"""Alerts of two replays that are no further apart tell the same thing."""


@dataclass(frozen=True, slots=True)
class Row:
    """One tenant's day that alerts, and when its alert was opened."""

    finding: Finding
    opened: date

    @property
    def is_page(self) -> bool:
        """Whether the alert was opened on this day: somebody would have been told."""
        return self.finding.day == self.opened


@dataclass(frozen=True, slots=True)
class Replayed:
    """The alerting days of one method with its settings."""

    name: str
    rows: tuple[Row, ...]
    tenants: int
    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days were judged."""
        return (self.last - self.first).days + 1

    @property
    def pages(self) -> tuple[Row, ...]:
        """The days on which somebody would have been told."""
        return tuple(row for row in self.rows if row.is_page)

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


def only_in(one: Replayed, other: Replayed) -> tuple[Row, ...]:
    """Return the pages of one replay near which the other has no alert, the dearest first."""
    days: dict[str, set[date]] = {}
    for row in other.rows:
        days.setdefault(row.finding.tenant, set()).add(row.finding.day)
    alone = (row for row in one.pages if not _near(row, days.get(row.finding.tenant, ())))
    return tuple(sorted(alone, key=lambda row: -abs(row.finding.excess_micro_usd)))


def _near(row: Row, days: Iterable[date]) -> bool:
    return any(abs(day - row.finding.day) <= NEAR for day in days)
