"""What happened between two digests, who may read of it, and when the next digest is due."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from alerts.holds import is_like
from alerts.knowledge import unanswered_since
from alerts.lifecycle import state_at
from alerts.model import HELD_FOR_NOW, AlertState, Reason
from detector.model import FindingKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from alerts.holds import PlannedEvent, Silence
    from alerts.model import Alert, Reply
    from alerts.routing import Routes

OFF, WEEKLY = "off", "weekly"
_SOURCES = frozenset({FindingKind.SOURCE_STALE, FindingKind.SOURCE_FAILING})


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a receiver gets its digest.

    Attributes
    ----------
    every : str
        ``daily``, ``weekly`` or ``off``.
    at : time
        In ``zone``; where its clocks leave that time out, as much later.
    weekday : int
        Of a weekly one; 0 is Monday.
    """

    every: str
    at: time
    zone: ZoneInfo
    weekday: int = 0

    def newest(self, now: datetime) -> tuple[date, datetime]:
        """Return the newest moment of a digest that is not to come, and its local day."""
        today = now.astimezone(self.zone).date()
        return next(
            (day, at)
            for day in (today - timedelta(days=back) for back in range(9))
            if self.every != WEEKLY or day.weekday() == self.weekday
            if (at := datetime.combine(day, self.at, self.zone).astimezone(UTC)) <= now
        )


@dataclass(frozen=True, slots=True)
class HeldBack:
    """An alert of which something was held back, why, and when that was decided last."""

    alert: Alert
    reason: Reason
    at: datetime

    @property
    def told_since(self) -> bool:
        """Whether it was told after all, alone or with others."""
        told_at = self.alert.told_at
        return told_at is not None and told_at >= self.at


@dataclass(frozen=True, slots=True)
class Interim:
    """What happened since the last digest.

    Attributes
    ----------
    since : datetime or None
        When that was, or the first judgement; None where nothing was ever judged.
    days : tuple of date
        Ascending; the days that had to be judged since then.
    judged : frozenset of date
        Those of them that were.
    lasting : tuple of Alert
        Alerts in force that nobody dismissed.
    ended : tuple of Alert
        Alerts that were opened since then and are over.
    held : tuple of HeldBack
        Of each alert the newest decision since then that held something back.
    answers : mapping of int to Reply
        The newest answer in force, by the number of a lasting alert.
    spent : mapping of str to int
        The cost of ``days`` in micro-dollars, by tenant.
    unpriced : frozenset of str
        Tenants whose cost is partly unknown, so that it is a lower bound.
    undelivered : mapping of str to int
        Messages that were given up, by receiver.
    silences, plans : tuple
        Silences in force; planned events, also past ones and those to come.
    """

    since: datetime | None
    until: datetime
    days: tuple[date, ...] = ()
    judged: frozenset[date] = frozenset()
    lasting: tuple[Alert, ...] = ()
    ended: tuple[Alert, ...] = ()
    held: tuple[HeldBack, ...] = ()
    answers: Mapping[int, Reply] = field(default_factory=dict)
    spent: Mapping[str, int] = field(default_factory=dict)
    unpriced: frozenset[str] = frozenset()
    undelivered: Mapping[str, int] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()
    plans: tuple[PlannedEvent, ...] = ()

    @property
    def blind(self) -> tuple[Alert, ...]:
        """Alerts about sources that do not speak, so that spend is not seen."""
        return tuple(alert for alert in self.lasting if alert.kind in _SOURCES)

    def is_open(self, alert: Alert) -> bool:
        """Whether nobody has answered it, or an answer is over."""
        return state_at(alert, self.until) is AlertState.OPEN

    @property
    def unanswered(self) -> list[Alert]:
        """Alerts that were told and not answered, those first that wait for the longest time."""
        return sorted(
            (
                alert
                for alert in self.lasting
                if self.is_open(alert) and (alert.announced or alert.held not in HELD_FOR_NOW)
            ),
            key=lambda alert: (unanswered_since(alert), alert.number),
        )

    @property
    def held_back(self) -> list[HeldBack]:
        """What was held back since then and not told after all, or still is; the dearest first."""
        known = {each.alert.number for each in self.held}
        earlier = [
            HeldBack(alert, alert.held, alert.updated_at)
            for alert in self.lasting
            if alert.held in HELD_FOR_NOW and alert.held and alert.number not in known
        ]
        untold = (each for each in self.held if not each.told_since)
        return sorted((*untold, *earlier), key=_dearest)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads the digest, and who reads what else.

    Attributes
    ----------
    routes : Routes
        Who is told.
    names : mapping of str to str
        Display names by tenant.
    """

    receiver: str
    schedule: Schedule
    routes: Routes
    names: Mapping[str, str]

    def hears_of(self, tenant: str) -> bool:
        """Whether a tenant as such is this receiver's: all that no route takes from it."""
        return self.routes.receiver_of_tenant(tenant) == self.receiver

    def is_told(self, alert: Alert) -> bool:
        """Whether news of an alert goes to this receiver."""
        return self.routes.receiver_of(alert).receiver == self.receiver

    @property
    def hears_the_rest(self) -> bool:
        """Whether this receiver hears of the installation as a whole."""
        return self.hears_of("")

    def concerns(self, silence: Silence) -> bool:
        """Whether a silence is about tenants of this receiver."""
        if not silence.tenant:
            return True
        if "*" not in silence.tenant:
            return self.hears_of(silence.tenant)
        if self.hears_the_rest:
            return True
        return any(
            is_like(tenant, silence.tenant) for tenant in self.names if self.hears_of(tenant)
        )


def due_day(schedule: Schedule, covered_until: datetime | None, now: datetime) -> date | None:
    """Return the local day whose digest is due; None where none is.

    Parameters
    ----------
    schedule : Schedule
    covered_until : datetime or None
        When the last digest was written or, before there was one, the first day judged; None
        where nothing was judged.
    now : datetime
        UTC-aware.

    Returns
    -------
    date or None
        Of several that were missed, the newest alone: it covers the others.

    Examples
    --------
    >>> from zoneinfo import ZoneInfo
    >>> eight = Schedule("daily", time(8), ZoneInfo("Europe/Berlin"))
    >>> yesterday = datetime(2026, 11, 12, 7, tzinfo=UTC)
    >>> due_day(eight, yesterday, datetime(2026, 11, 13, 6, 59, tzinfo=UTC))
    >>> due_day(eight, yesterday, datetime(2026, 11, 13, 7, tzinfo=UTC))
    datetime.date(2026, 11, 13)
    """
    if schedule.every == OFF or covered_until is None:
        return None
    day, at = schedule.newest(now)
    return day if covered_until < at else None


def only_of(reader: Reader, interim: Interim) -> Interim:
    """Return what a receiver may see of what happened: its own tenants alone.

    Parameters
    ----------
    reader : Reader
    interim : Interim
        Of the whole installation.
    """
    hears_of = reader.hears_of
    return replace(
        interim,
        lasting=tuple(filter(reader.is_told, interim.lasting)),
        ended=tuple(filter(reader.is_told, interim.ended)),
        held=tuple(each for each in interim.held if reader.is_told(each.alert)),
        spent={tenant: cost for tenant, cost in interim.spent.items() if hears_of(tenant)},
        unpriced=frozenset(filter(hears_of, interim.unpriced)),
        undelivered={
            name: many
            for name, many in interim.undelivered.items()
            if reader.hears_the_rest or name == reader.receiver
        },
        silences=tuple(filter(reader.concerns, interim.silences)),
        plans=tuple(plan for plan in interim.plans if hears_of(plan.tenant)),
    )


def _dearest(held: HeldBack) -> tuple[int, int]:
    finding = held.alert.finding
    return -abs(finding.excess_micro_usd or finding.actual_micro_usd or 0), held.alert.number
