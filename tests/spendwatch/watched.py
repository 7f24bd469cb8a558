"""A gateway that tells how far it can be believed: a plain class with a script."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from detector.history import consecutive_days
from detector.model import UNATTRIBUTED, Usage
from detector.sources.base import (
    ApiDay,
    Coverage,
    LateDays,
    SourceError,
    Telemetry,
    UseByIds,
    Window,
)
from detector.usage import merge_usage
from spendwatch.app import App

HOUR = timedelta(hours=1)


class ScriptedGateway:
    """Rows by when they arrive; a clock says which of them are there when it is asked.

    ``partial`` days are told as such, ``silent`` makes it answer with nothing at all, ``fails``
    and ``late_fails`` hold the words of the next faults.
    """

    def __init__(self, clock, name="gateway"):
        self.clock, self.name = clock, name
        self.rows: list[tuple[datetime, Usage]] = []
        self.apis: dict[tuple, dict] = {}
        self.asked: list[Window] = []
        self.asked_since: list[datetime] = []
        self.partial: set = set()
        self.remarks: tuple[str, ...] = ()
        self.fails: list[str] = []
        self.late_fails: list[str] = []
        self.silent = False
        self.on_row = lambda _row: None
        self._window = Window()
        self._coverage = Coverage(None, None)

    def arrive(self, *rows, at=None):
        """Rows reach the log store at a moment; by default now."""
        self.rows += [(at or self.clock(), row) for row in rows]

    def forget(self, *tenants):
        """Take rows out again, as a retention that is too short does."""
        self.rows = [(at, row) for at, row in self.rows if row.tenant not in tenants]

    def seen(self, day, api="chat", **numbers):
        """Script what the telemetry shows of one API on one day."""
        self.apis[day, api] = numbers

    def usage(self, window):
        self._window = window
        self.asked.append(window)
        self._coverage = Coverage(None, None, frozenset(self.partial))
        inside = self._inside()
        if self.fails and self.fails[0] in ("", window.first_day):
            self.fails.pop(0)
            raise SourceError("the query timed out", retryable=True)
        for row in merge_usage(sorted(inside, key=lambda row: row.start_at)):
            self.on_row(row)
            yield row
        if inside:
            self._coverage = Coverage(
                window.first_day, window.last_day, self._coverage.partial_days
            )

    def coverage(self):
        return self._coverage

    def telemetry(self):
        scripted = [
            ApiDay(day, api, **numbers)
            for (day, api), numbers in self.apis.items()
            if self._window.holds(day)
        ]
        return Telemetry([*scripted, *self._shown()], tuple(self._uses()), self.remarks)

    def late_days(self, since):
        self.asked_since.append(since)
        if self.late_fails:
            raise SourceError(self.late_fails.pop(0))
        there = [(at, row) for at, row in self.rows if at <= self.clock()]
        late = frozenset(row.start_at.date() for at, row in there if at > since)
        return LateDays(late, max((at for at, _ in there), default=None))

    def days_asked(self):
        """Every day asked for since the last time this was called."""
        days = {
            day
            for window in self.asked
            for day in consecutive_days(window.first_day, window.last_day)
        }
        self.asked.clear()
        return sorted(days)

    def _inside(self):
        if self.silent:
            return []
        now = self.clock()
        return [
            row for at, row in self.rows if at <= now and self._window.holds(row.start_at.date())
        ]

    def _shown(self):
        """What the rows themselves show, where nothing is scripted."""
        known = {day for day, _ in self.apis}
        for day in sorted({row.start_at.date() for row in self._inside()} - known):
            mine = [(at, row) for at, row in self.rows if row.start_at.date() == day]
            yield ApiDay(
                day,
                "chat",
                calls=sum(row.requests for _, row in mine),
                newest_at=max(row.start_at for _, row in mine),
                ingested_at=max(at for at, _ in mine),
            )

    def _uses(self):
        for row in self._inside():
            attributed = row.tenant not in ("", UNATTRIBUTED)
            caller = () if attributed else (("subscription", row.feature),)
            yield UseByIds(
                row.start_at.date(),
                (*caller, ("api", "chat")),
                row.model,
                requests=row.requests,
                prompt_tokens=row.prompt_tokens,
                completion_tokens=row.completion_tokens,
                cached_tokens=row.cached_tokens,
                attributed=attributed,
            )


class WatchedApp(App):
    """A service whose one source is the scripted gateway."""

    __slots__ = ("gateway",)

    @property
    def source_names(self):
        return (self.gateway.name,)

    def usage_sources(self):
        return (self.gateway,)


def watching(app, gateway=None):
    """Put the gateway in the place of the sources of the settings."""
    values = {name: getattr(app, name) for name in App.__slots__}
    watched = WatchedApp(**values)
    object.__setattr__(watched, "gateway", gateway or ScriptedGateway(app.clock))
    return watched


def day_of(day, who="acme", usd=100, feature="chat", hour=12, **changes):
    """An hour of a day that costs so many dollars."""
    start = datetime.combine(day, time(hour), UTC)
    from detector.model import Grain

    return replace(
        Usage(start, Grain.HOUR, who, feature, "gpt-4o", requests=100),
        prompt_tokens=round(usd * 500_000),
        completion_tokens=0,
        cached_tokens=0,
        **changes,
    )
