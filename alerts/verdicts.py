"""What each verdict of a dismissal teaches the detector, and how that is said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

from alerts.model import Verdict
from alerts.names import safe_name
from alerts.numbers import day_list, full_day, money, short_day
from detector.model import MICRO, Effect, FindingKind, Lesson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from alerts.model import Alert, Seen, Teaching

TEACHING = frozenset({FindingKind.SPEND_SPIKE, FindingKind.SPEND_DROP})
"""Kinds that rest on a baseline, so that an answer can teach it."""
LOOK_BACK = timedelta(days=90)
"""How far back a preview looks for other alerts that the same answer would have covered."""
LONGEST_DAYS = 90
"""How many days from today the last day of a dismissal may lie."""
MEANINGS = {
    Verdict.REAL: "it was a true incident",
    Verdict.EXPECTED: "it was planned, or happens once",
    Verdict.NEW_NORMAL: "spend will stay like this",
    Verdict.FALSE_ALARM: "nobody needed to know",
    Verdict.DATA_ERROR: "the data was wrong",
}
"""When to choose each verdict."""
_LASTING = {
    Verdict.EXPECTED: ", and every day up to the last one you name",
    Verdict.FALSE_ALARM: ", or the last day you name",
}
"""What naming a last day adds to the effect of a verdict; the others take none."""
_REASONS = {
    Verdict.REAL: "dismissed as real",
    Verdict.EXPECTED: "dismissed as expected",
    Verdict.NEW_NORMAL: "dismissed as the new normal",
    Verdict.FALSE_ALARM: "dismissed as a false alarm",
    Verdict.DATA_ERROR: "dismissed as a data error",
}


@dataclass(frozen=True, slots=True)
class Preview:
    """What a verdict would do, before it is chosen.

    Attributes
    ----------
    meaning : str
        When to choose it.
    effect : str
        What exactly it would teach.
    covered : tuple of Alert
        The other alerts of :data:`LOOK_BACK` that the same answer would have covered.
    others : int
        How many other alerts of the same tenant and kind there were in that time.
    lasting : str
        What naming a last day would add to the effect; empty where none is taken, or one was named.
    """

    verdict: Verdict
    meaning: str
    effect: str
    covered: tuple[Alert, ...]
    others: int
    lasting: str = ""


def preview(
    alert: Alert,
    verdict: Verdict,
    others: Iterable[Alert],
    answered_at: datetime,
    teaching: Teaching,
    name: str,
    until: date | None = None,
) -> Preview:
    """Return what a verdict would do to an alert, its tenant and the alerts like it.

    Parameters
    ----------
    alert : Alert
    verdict : Verdict
    others : iterable of Alert
        Any alerts; those of another tenant or kind, or too old, do not count.
    answered_at : datetime
        UTC-aware.
    teaching : Teaching
    name : str
        The tenant's display name.
    until : date, optional
        The last day that would be named.
    """
    alike = _alike(alert, others, answered_at)
    taught = lesson(alert, verdict, answered_at, teaching, until=until)
    return Preview(
        verdict=verdict,
        meaning=MEANINGS[verdict],
        effect=describe_lesson(taught, name) if taught else "kept on record, teaches nothing",
        lasting=_LASTING.get(verdict, "") if taught and until is None else "",
        covered=covered(alert, verdict, alike, answered_at, teaching),
        others=len(alike),
    )


def covered(
    alert: Alert,
    verdict: Verdict,
    others: Iterable[Alert],
    answered_at: datetime,
    teaching: Teaching,
) -> tuple[Alert, ...]:
    """Return the other alerts that an answer would have covered, had it been in force.

    Parameters
    ----------
    alert : Alert
    verdict : Verdict
    others : iterable of Alert
        As for :func:`preview`.
    answered_at : datetime
        UTC-aware.
    teaching : Teaching

    Returns
    -------
    tuple of Alert
        A false alarm covers those whose largest excess is below its floor, a new normal those
        that began on its first day or later. The other verdicts are about their own days alone.
    """
    taught = lesson(alert, verdict, answered_at, teaching)
    if taught is None or taught.effect is Effect.LEAVE_OUT:
        return ()
    alike = _alike(alert, others, answered_at)
    if taught.effect is Effect.RESTART:
        return tuple(each for each in alike if each.days[0] >= alert.days[0])
    return tuple(
        each for each in alike if each.seen.largest_excess_micro_usd < taught.floor_micro_usd
    )


def _alike(alert: Alert, others: Iterable[Alert], answered_at: datetime) -> tuple[Alert, ...]:
    """Pick the other recent alerts of the same tenant and kind that still have a day."""
    earliest = (answered_at - LOOK_BACK).date()
    return tuple(
        each
        for each in others
        if (each.kind, each.tenant) == (alert.kind, alert.tenant)
        and each.number != alert.number
        and each.abnormal
        and each.days[-1] >= earliest
    )


def lesson(
    alert: Alert,
    verdict: Verdict,
    answered_at: datetime,
    teaching: Teaching,
    seen: Seen | None = None,
    until: date | None = None,
) -> Lesson | None:
    """Return what a dismissal teaches, or None where it teaches nothing.

    Parameters
    ----------
    alert : Alert
    verdict : Verdict
    answered_at : datetime
        UTC-aware; a raised floor lasts from here.
    teaching : Teaching
    seen : Seen, optional
        What the person who answered had seen; by default the alert as it is.
    until : date, optional
        The last day that the person named: what was expected stays out up to it, also where it is
        normal; a floor stays raised up to it, and not for ``false_alarm_lasts``. The other
        verdicts know no last day.

    Returns
    -------
    Lesson or None
        None for kinds that rest on no baseline, and where every abnormal day was withdrawn. A
        raised floor is ``false_alarm_factor`` times the largest excess that was seen, in whole
        dollars, rounded up: what comes later was called a false alarm by nobody.
    """
    if alert.kind not in TEACHING or not alert.abnormal:
        return None
    reason = _REASONS[verdict]
    seen = seen or alert.seen
    if verdict is Verdict.FALSE_ALARM and seen.last_day:
        return Lesson(
            tenant=alert.tenant,
            effect=Effect.RAISE_FLOOR,
            reason=reason,
            from_day=seen.last_day + timedelta(days=1),
            until_day=until or (answered_at + teaching.false_alarm_lasts).date(),
            floor_micro_usd=_floor(seen, teaching),
        )
    if verdict is Verdict.NEW_NORMAL:
        return Lesson(alert.tenant, Effect.RESTART, reason, from_day=alert.days[0])
    expected = _days_to(seen, until) if verdict is Verdict.EXPECTED else ()
    days = frozenset((*alert.days, *expected))
    return Lesson(alert.tenant, Effect.LEAVE_OUT, reason, days=days)


def _days_to(seen: Seen, until: date | None) -> Iterator[date]:
    """Give the days after the newest abnormal one that was seen, to the last that was named."""
    if seen.last_day is not None and until is not None:
        for ahead in range((until - seen.last_day).days):
            yield until - timedelta(days=ahead)


def until_problem(alert: Alert, verdict: Verdict, until: date, answered_at: datetime) -> str:
    """Say why a dismissal cannot have that last day; empty where it can.

    Parameters
    ----------
    alert : Alert
    verdict : Verdict
    until : date
    answered_at : datetime
        UTC-aware.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> until_problem(None, Verdict.REAL, date(2026, 11, 30), datetime(2026, 11, 13, tzinfo=UTC))
    'only expected and false alarm have a last day; leave it out'
    """
    if verdict not in _LASTING:
        return "only expected and false alarm have a last day; leave it out"
    if alert.kind not in TEACHING or not alert.abnormal:
        return "this alert teaches nothing that could have a last day; leave it out"
    today = answered_at.date()
    earliest = max(today, alert.days[-1] + timedelta(days=1))
    if until < earliest:
        return f"the last day must be {full_day(earliest)} or later; {full_day(until)} is over"
    latest = today + timedelta(days=LONGEST_DAYS)
    if until > latest:
        return (
            f"the last day lies at most {LONGEST_DAYS} days ahead, on {full_day(latest)}; what "
            "stays for longer is the new normal"
        )
    return ""


def describe_lesson(taught: Lesson, name: str) -> str:
    """Return what an answer changes, as a person reads it.

    Parameters
    ----------
    taught : Lesson
    name : str
        The tenant's display name.

    Examples
    --------
    >>> from datetime import date
    >>> out = frozenset({date(2026, 11, 12), date(2026, 11, 13)})
    >>> describe_lesson(Lesson("contoso", Effect.LEAVE_OUT, "", days=out), "contoso")
    "12 and 13 Nov will stay out of contoso's baseline"
    """
    owner = f"{safe_name(name)}'s"
    if taught.effect is Effect.RAISE_FLOOR and taught.until_day:
        until = short_day(taught.until_day)
        return f"{owner} floor rises to {money(taught.floor_micro_usd)} until {until}"
    if taught.effect is Effect.RESTART and taught.from_day:
        return f"{owner} baseline starts again on {short_day(taught.from_day)}"
    passing = taught.reason == _REASONS[Verdict.DATA_ERROR]
    until = " until pulled again" if passing else ""
    return f"{day_list(sorted(taught.days))} will stay out of {owner} baseline{until}"


def _floor(seen: Seen, teaching: Teaching) -> int:
    dollars = Decimal(str(teaching.false_alarm_factor)) * seen.largest_excess_micro_usd / MICRO
    return int(dollars.to_integral_value(rounding=ROUND_CEILING)) * MICRO
