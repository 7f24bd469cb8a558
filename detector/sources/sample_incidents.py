"""What goes wrong (or only looks so) in the sample: a calendar that repeats every 180 days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

ANCHOR = date(2026, 1, 1)
CYCLE_DAYS = 180
EASE_DAYS = 60
"""How long a launch takes to fade back, so that the next cycle begins as the first did."""


class IncidentKind(StrEnum):
    """What happens; what ``Incident.factor`` multiplies stands behind each."""

    RETRY_STORM = "retry storm"  # the requests of one feature
    TRAFFIC_SURGE = "traffic surge"  # the requests of all features
    DEARER_MODEL = "dearer model"  # nothing: one feature moves to ``model``
    PROMPT_BLOAT = "prompt bloat"  # the prompt tokens of one feature
    DROP = "drop"  # the requests of all features
    SLOW_LEAK = "slow leak"  # the requests of all features, a little more each day
    ATTRIBUTION_BREAK = "attribution break"  # gives the share of use that loses its tenant
    NEW_FEATURE = "new feature"  # gives its cost as a share of the tenant's
    UNPRICED_MODEL = "unpriced model"  # nothing: one feature moves to ``model``
    LAUNCH = "launch"  # the requests of all features: a new normal
    PLANNED_BATCH = "planned batch"  # the requests of one feature, on purpose


LEGITIMATE = frozenset({IncidentKind.LAUNCH, IncidentKind.PLANNED_BATCH})


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that happened to a tenant, both days included; ``feature`` "" is all of them."""

    tenant: str
    kind: IncidentKind
    first_day: date
    last_day: date
    feature: str = ""
    factor: float = 1.0
    model: str = ""

    @property
    def legitimate(self) -> bool:
        """Whether nothing is wrong: a page would be true to the figures and still a nuisance."""
        return self.kind in LEGITIMATE

    def factor_on(self, day: date) -> float:
        """Give the factor in force on a day; 1 outside of the incident."""
        since, until = (day - self.first_day).days, (day - self.last_day).days
        if self.kind is IncidentKind.LAUNCH and 0 < until <= EASE_DAYS:
            return 1 + (self.factor - 1) * (1 - until / EASE_DAYS)
        if since < 0 or until > 0:
            return 1.0
        if self.kind is IncidentKind.SLOW_LEAK:
            return 1 + (self.factor - 1) * (since + 1) / (since - until + 1)
        return self.factor

    def touches(self, day: date) -> bool:
        """Whether the day's use is another than it would have been."""
        fading = EASE_DAYS if self.kind is IncidentKind.LAUNCH else 0
        return self.first_day <= day <= self.last_day + timedelta(days=fading)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line of the calendar: the day of the cycle, and how many days it lasts."""

    at: int
    days: int
    tenant: str
    kind: IncidentKind
    feature: str = ""
    factor: float = 1.0
    model: str = ""


_K = IncidentKind
_CALENDAR = (
    _Entry(4, 1, "proseware", _K.PLANNED_BATCH, "extract", 4.0),
    _Entry(11, 2, "tailspin", _K.RETRY_STORM, "agent", 5.0),
    _Entry(19, 2, "woodgrove", _K.TRAFFIC_SURGE, "", 2.8),
    _Entry(27, 5, "coho", _K.DEARER_MODEL, "chat", 1.0, "o4-mini"),
    _Entry(34, 4, "margie", _K.PROMPT_BLOAT, "chat", 3.5),
    _Entry(41, 3, "lucerne", _K.DROP, "", 0.08),
    _Entry(48, 12, "bellows", _K.NEW_FEATURE, "agent", 0.9, "gpt-5.6-sol"),
    _Entry(58, 2, "relecloud", _K.ATTRIBUTION_BREAK, "", 0.9),
    _Entry(63, 3, "fourth-coffee", _K.UNPRICED_MODEL, "chat", 1.0, "gpt-7-preview"),
    _Entry(66, 35, "wide-world", _K.SLOW_LEAK, "", 2.2),
    _Entry(72, 40, "harbour-lane", _K.LAUNCH, "", 2.2),
    _Entry(84, 4, "vanarsdel", _K.DEARER_MODEL, "summarise", 1.0, "gpt-4.1-mini"),
    _Entry(92, 4, "southridge", _K.PROMPT_BLOAT, "search", 3.5),
    _Entry(99, 2, "trey-research", _K.TRAFFIC_SURGE, "", 2.6),
    _Entry(102, 58, "fabrikam", _K.SLOW_LEAK, "", 2.05),
    _Entry(106, 10, "lamna", _K.NEW_FEATURE, "code", 0.8, "gpt-5.6-sol"),
    _Entry(118, 40, "alpine-ski", _K.LAUNCH, "", 1.9),
    # The story the demo tells: 12 to 21 November 2026.
    _Entry(135, 2, "contoso", _K.RETRY_STORM, "chat", 5.0),
    _Entry(137, 2, "adventure-works", _K.ATTRIBUTION_BREAK, "", 0.75),
    _Entry(138, 5, "litware", _K.UNPRICED_MODEL, "translate", 1.0, "gpt-7-preview"),
    _Entry(139, 3, "northwind", _K.DROP, "", 0.05),
    _Entry(140, 1, "contoso", _K.PLANNED_BATCH, "chat", 2.6),
    _Entry(141, 1, "tailspin", _K.RETRY_STORM, "agent", 4.0),
    _Entry(142, 1, "tailspin", _K.RETRY_STORM, "agent", 8.0),
    _Entry(142, 1, "proseware", _K.PLANNED_BATCH, "extract", 4.0),
    _Entry(143, 1, "proseware", _K.PLANNED_BATCH, "extract", 7.0),
    _Entry(144, 1, "relecloud", _K.RETRY_STORM, "agent", 7.0),
)


def incidents(first_day: date, last_day: date) -> tuple[Incident, ...]:
    """Give all incidents that touch a day from ``first_day`` to ``last_day``, oldest first."""
    first = (first_day - ANCHOR).days // CYCLE_DAYS - 1
    last = (last_day - ANCHOR).days // CYCLE_DAYS
    found = (
        _placed(entry, ANCHOR + timedelta(days=cycle * CYCLE_DAYS))
        for cycle in range(first, last + 1)
        for entry in _CALENDAR
    )
    return tuple(
        incident
        for incident in found
        if incident.first_day <= last_day and not _over(incident, first_day)
    )


def _over(incident: Incident, day: date) -> bool:
    """Whether nothing of an incident is left on a day."""
    return day > incident.first_day and not incident.touches(day)


def _placed(entry: _Entry, start: date) -> Incident:
    """Put a line of the calendar into the cycle that starts on a day."""
    first_day = start + timedelta(days=entry.at)
    last_day = first_day + timedelta(days=entry.days - 1)
    return Incident(
        entry.tenant, entry.kind, first_day, last_day, entry.feature, entry.factor, entry.model
    )
