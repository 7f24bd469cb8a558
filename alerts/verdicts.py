"""What each verdict of a dismissal teaches the detector, and how that is said."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

from alerts.model import Verdict
from alerts.names import safe_name
from alerts.numbers import day_list, money, short_day
from detector.model import MICRO, Effect, FindingKind, Lesson

if TYPE_CHECKING:
    from datetime import datetime

    from alerts.model import Alert, Teaching

TEACHING = frozenset({FindingKind.SPEND_SPIKE, FindingKind.SPEND_DROP})
"""Kinds that rest on a baseline, so that an answer can teach it."""
_REASONS = {
    Verdict.REAL: "dismissed as real",
    Verdict.EXPECTED: "dismissed as expected",
    Verdict.NEW_NORMAL: "dismissed as the new normal",
    Verdict.FALSE_ALARM: "dismissed as a false alarm",
    Verdict.DATA_ERROR: "dismissed as a data error",
}


def lesson(
    alert: Alert, verdict: Verdict, answered_at: datetime, teaching: Teaching
) -> Lesson | None:
    """Return what a dismissal teaches, or None where it teaches nothing.

    Parameters
    ----------
    alert : Alert
    verdict : Verdict
    answered_at : datetime
        UTC-aware; a raised floor lasts from here.
    teaching : Teaching

    Returns
    -------
    Lesson or None
        None for kinds that rest on no baseline, and where every abnormal day was withdrawn. A
        raised floor is ``false_alarm_factor`` times the largest excess of the alert, in whole
        dollars, rounded up.
    """
    if alert.kind not in TEACHING or not alert.abnormal:
        return None
    reason = _REASONS[verdict]
    if verdict is Verdict.FALSE_ALARM:
        return Lesson(
            tenant=alert.tenant,
            effect=Effect.RAISE_FLOOR,
            reason=reason,
            from_day=alert.days[-1] + timedelta(days=1),
            until_day=(answered_at + teaching.false_alarm_lasts).date(),
            floor_micro_usd=_floor(alert, teaching),
        )
    if verdict is Verdict.NEW_NORMAL:
        return Lesson(alert.tenant, Effect.RESTART, reason, from_day=alert.days[0])
    return Lesson(alert.tenant, Effect.LEAVE_OUT, reason, days=frozenset(alert.days))


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


def _floor(alert: Alert, teaching: Teaching) -> int:
    largest = max(abs(judged.excess_micro_usd) for judged in alert.abnormal)
    dollars = Decimal(str(teaching.false_alarm_factor)) * largest / MICRO
    return int(dollars.to_integral_value(rounding=ROUND_CEILING)) * MICRO
