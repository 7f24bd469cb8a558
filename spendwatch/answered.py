"""Which UTC days the windows of one pull have answered so far, and which are all there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from detector.history import consecutive_days
from detector.sources.base import Window
from detector.usage import day_bounds, local_days, utc_days

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from detector.sources.base import Coverage


class Answered:
    """UTC days, window by window; ``zones`` are those that local days are in."""

    def __init__(self, zones: Iterable[ZoneInfo], started_at: datetime) -> None:
        self._zones, self._started_at = tuple(zones), started_at
        self.days: set[date] = set()
        self.partial: set[date] = set()
        self.unfinished: set[date] = set()

    def is_over(self, day: date) -> bool:
        """Whether a local day had ended in every zone when the pull began."""
        return max(day_bounds(day, zone)[1] for zone in self._zones) <= self._started_at

    def runs(self, utc_day: date) -> bool:
        """Whether a UTC day had not ended when the pull began."""
        return utc_day >= self._started_at.date()

    def as_of_now(self, told: Coverage) -> Coverage:
        """Give what a source tells of its completeness: no day is all there before it is over."""
        running = frozenset(filter(self.runs, span_of(told)))
        return replace(told, unfinished_days=told.unfinished_days | running)

    def knows_all(self, day: date, coverage: Coverage, stored: AbstractSet[date]) -> bool:
        """Whether every UTC day that reaches into a local day was answered, now or ``stored``.

        Of one that is not over what the local day needs of it is, once the local day is.
        """
        answered = span_of(coverage) | stored
        missing = utc_days(day, self._zones) - (answered - coverage.lacking_days - self.partial)
        return missing <= self.unfinished and (not missing or self.is_over(day))

    def note(self, coverage: Coverage, days: Iterable[date]) -> None:
        """Take note of what a window answered: its ``days`` but those that lack something."""
        self.days |= set(days) - coverage.lacking_days
        self.partial = (self.partial | coverage.partial_days) - self.days
        self.unfinished |= coverage.unfinished_days

    def left_of(self, window: Window) -> Window:
        """Give the UTC days that reach into a window of local days, without those just answered."""
        first, last = window.first_day, window.last_day
        asked = Window(
            first and min(utc_days(first, self._zones)), last and max(utc_days(last, self._zones))
        )
        if asked.first_day is None or asked.last_day is None:
            return asked
        days = set(consecutive_days(asked.first_day, asked.last_day)) - self.days
        return Window(min(days), max(days)) if days else asked

    def lacking(self) -> set[date]:
        """Give the local days that a UTC day answered in part reaches into."""
        return {local for day in self.partial for local in local_days(day, self._zones)}


def span_of(coverage: Coverage) -> set[date]:
    """Give the days a source answered for."""
    if coverage.first_day is None or coverage.last_day is None:
        return set()
    return set(consecutive_days(coverage.first_day, coverage.last_day))
