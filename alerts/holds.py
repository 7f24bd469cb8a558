"""What people announced beforehand, so that a message is not sent: silences, plans, quiet hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from detector.model import FindingKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo

    from alerts.model import Alert
    from detector.model import Finding, Severity


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that shall not speak until a time.

    Attributes
    ----------
    reference : str
        What people call it (``S-3``); of a silence in the settings, ``settings``.
    tenant : str
        A normalised id, or a pattern with ``*``; empty matches every tenant.
    kind : FindingKind or None
        None matches every kind.
    severity : Severity or None
        None matches every severity.
    starts_at : datetime or None
        UTC-aware; None is in force from the first.
    ends_at : datetime
        UTC-aware; the end itself is outside.
    ended_by : str
        Who ended it before its time; empty where nobody did.
    """

    reference: str
    tenant: str
    kind: FindingKind | None
    severity: Severity | None
    starts_at: datetime | None
    ends_at: datetime
    comment: str
    author: str
    ended_by: str = ""

    def holds(self, now: datetime) -> bool:
        """Whether it is in force."""
        return self.begun(now) and now < self.ends_at

    def begun(self, now: datetime) -> bool:
        """Whether its beginning is not to come any more."""
        return self.starts_at is None or self.starts_at <= now

    def over(self, now: datetime) -> bool:
        """Whether it holds nothing back any more."""
        return self.ends_at <= now

    def matches(self, about: Alert | ToldNews) -> bool:
        """Whether everything it names fits."""
        return (
            fits(about.tenant, self.tenant)
            and self.kind in (None, about.kind)
            and self.severity in (None, about.severity)
        )


@dataclass(frozen=True, slots=True)
class ToldNews:
    """What a silence or plan would have had to match to hold a past message back.

    Attributes
    ----------
    micro_usd : int
        What the alert's dearest day cost; 0 where it is about no spend.
    """

    alert_number: int
    tenant: str
    kind: FindingKind
    severity: Severity
    micro_usd: int = 0


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """Spend that was announced before it happened.

    Attributes
    ----------
    reference : str
        What people call it (``P-2``); of one in the settings, ``settings``.
    first_day, last_day : date
        Local days of the tenant, both included.
        One that was ended before any of them was judged has its last day before its first.
    ceiling_micro_usd : int
        What one day may cost without an alert.
    ended_by : str
        Who ended it before its time; empty where nobody did.
    """

    reference: str
    tenant: str
    first_day: date
    last_day: date
    ceiling_micro_usd: int
    comment: str
    author: str
    ended_by: str = ""

    def covers(self, finding: Finding) -> bool:
        """Whether the finding is a spike of the tenant on a planned day, whatever it cost."""
        return (
            finding.kind is FindingKind.SPEND_SPIKE
            and finding.tenant == self.tenant
            and self.first_day <= finding.day <= self.last_day
        )

    def matches(self, told: ToldNews) -> bool:
        """Whether it would have held a message back, had it been about its days."""
        return (
            told.kind is FindingKind.SPEND_SPIKE
            and told.tenant == self.tenant
            and told.micro_usd <= self.ceiling_micro_usd
        )

    def meets(self, other: PlannedEvent) -> bool:
        """Whether the two have a planned day of one tenant in common."""
        first = max(self.first_day, other.first_day)
        return self.tenant == other.tenant and first <= min(self.last_day, other.last_day)

    def over(self, today: date) -> bool:
        """Whether no planned day is left; ``today`` is the tenant's."""
        return self.last_day < max(today, self.first_day)

    def allows(self, finding: Finding) -> bool:
        """Whether the finding is covered and within the ceiling."""
        return self.covers(finding) and (finding.actual_micro_usd or 0) <= self.ceiling_micro_usd


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours of the night in a receiver's own time zone; they may reach over midnight."""

    begin: time
    end: time
    zone: ZoneInfo

    def end_after(self, now: datetime) -> datetime | None:
        """Return when the quiet hours that hold ``now`` end (UTC); None where none do.

        An end that the change of the clocks leaves out comes as much later.

        Examples
        --------
        >>> from zoneinfo import ZoneInfo
        >>> night = QuietHours(time(22), time(7), ZoneInfo("Europe/Berlin"))
        >>> night.end_after(datetime(2026, 11, 12, 3, tzinfo=UTC))
        datetime.datetime(2026, 11, 12, 6, 0, tzinfo=datetime.timezone.utc)
        """
        today = now.astimezone(self.zone).date()
        for day in (today - timedelta(days=1), today):
            begin = self._at(day, self.begin)
            end = self._at(day if self.begin < self.end else day + timedelta(days=1), self.end)
            if begin <= now < end:
                return end
        return None

    def _at(self, day: date, moment: time) -> datetime:
        return datetime.combine(day, moment, self.zone).astimezone(UTC)


def silence_of(alert: Alert, silences: Iterable[Silence], now: datetime) -> Silence | None:
    """Return the silence in force that holds longest of those that match; None where none does."""
    fitting = [each for each in silences if each.holds(now) and each.matches(alert)]
    return max(fitting, key=lambda each: each.ends_at, default=None)


def plan_of(finding: Finding, plans: Iterable[PlannedEvent]) -> PlannedEvent | None:
    """Return the plan with the highest ceiling of those that cover a finding; None without one."""
    covering = [each for each in plans if each.covers(finding)]
    return max(covering, key=lambda each: each.ceiling_micro_usd, default=None)


def fits(tenant: str, pattern: str) -> bool:
    """Whether a tenant is what a matcher names; one that names none fits every tenant, and none.

    Examples
    --------
    >>> fits("contoso", ""), fits("", "contoso"), fits("contoso-dev", "contoso*")
    (True, False, True)
    """
    return not pattern or is_like(tenant, pattern)


def is_like(tenant: str, pattern: str) -> bool:
    """Whether a tenant is what a pattern says; only the star stands for something else.

    Examples
    --------
    >>> is_like("contoso-dev", "contoso*"), is_like("contoso", "c?ntoso")
    (True, False)
    """
    return fnmatchcase(tenant, pattern.replace("[", "[[]").replace("?", "[?]"))
