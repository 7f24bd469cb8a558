"""What people know of an alert, and what holds of it that they do not.

Nothing that was held back is remembered as such: what nobody knows yet is news, however it came.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from alerts.episode import BUDGETS, EVENTS, is_worse, revised
from alerts.model import ANSWERED, UNANSWERED, Alert, AlertState, Change

if TYPE_CHECKING:
    from datetime import datetime

    from alerts.model import AlertRules
    from detector.model import Finding

_LIFTING = frozenset({Change.WORSE, Change.WOKEN})
"""What ends an answer, once it is told."""
_BESIDE = UNANSWERED | {Change.REVISED}
"""What is told without telling what else is held back."""


def mark_told(alert: Alert, finding: Finding | None, change: Change, now: datetime) -> Alert:
    """Return the alert with ``finding`` as what people know of it.

    Parameters
    ----------
    alert : Alert
    finding : Finding or None
        The finding the message was about; None where it said that the condition is over.
    change : Change
        What the message told.
    now : datetime
        UTC-aware.

    Returns
    -------
    Alert
        A later finding is measured against this one. Where it tells that an answered alert got
        worse, or that a snooze is over, it is open again. News of another kind that is held back
        stays so: a revision of a day says nothing of it. A reminder tells nothing new.
    """
    if finding is None:
        # Of what was withdrawn people know that nothing of it is left.
        known = alert.told_magnitude if alert.abnormal else 0
        return replace(alert, held=None, announced=False, told_at=now, told_magnitude=known)
    if change in _LIFTING and alert.state in ANSWERED:
        state = AlertState.RESOLVED if alert.ended else AlertState.OPEN
        alert = opened_again(alert, replace(alert, state=state, snoozed_until=None), now)
    abnormal = tuple(
        replace(judged, told_micro_usd=judged.excess_micro_usd)
        if judged.day == finding.day
        else judged
        for judged in alert.abnormal
    )
    return replace(
        alert,
        abnormal=abnormal,
        told_magnitude=_told_magnitude(alert, finding),
        announced=alert.announced or not alert.ended or alert.kind in EVENTS,
        held=alert.held if change in _BESIDE else None,
        told_at=alert.told_at if change in UNANSWERED else now,
        reminded=change is Change.REMINDED or (alert.reminded and change is Change.ESCALATED),
        escalated=alert.escalated or change is Change.ESCALATED,
    )


def opened_again(before: Alert, after: Alert, now: datetime) -> Alert:
    """Return an alert with the moment from which on it is open, where it was not open before.

    Parameters
    ----------
    before, after : Alert
    now : datetime
        UTC-aware.
    """
    if after.state is AlertState.OPEN and before.state is not AlertState.OPEN:
        return replace(after, open_since=now, escalated=False)
    return after


def unanswered_since(alert: Alert) -> datetime:
    """Return since when an open alert has no answer; a snooze that is over was one until its end.

    Parameters
    ----------
    alert : Alert
    """
    if alert.state is AlertState.SNOOZED and alert.snoozed_until:
        return alert.snoozed_until
    return alert.open_since or alert.opened_at


def _told_magnitude(alert: Alert, finding: Finding) -> int:
    if finding.day == alert.finding.day:
        return finding.magnitude
    # What is held back is measured against what was told before it, or it would never be told.
    return alert.told_magnitude if alert.held else max(alert.told_magnitude, finding.magnitude)


def untold(alert: Alert, rules: AlertRules) -> Change:
    """Return what holds of an alert and people do not know, found from the alert alone.

    Parameters
    ----------
    alert : Alert
    rules : AlertRules

    Returns
    -------
    Change
        RELEASED where nobody knows that it lasts; RESOLVED or WITHDRAWN where people believe that
        it does; WORSE or REVISED where it is not as it was told; else UNCHANGED, as for what
        began and ended without a word.
    """
    over = alert.ended and alert.kind not in EVENTS
    # A threshold speaks once: crossed again after a refund it is no news.
    again = alert.kind in BUDGETS and alert.told_at is not None
    if not alert.announced and not over and not again:
        return Change.RELEASED
    if over and not alert.abnormal and heard_of(alert) and alert.told_magnitude:
        return Change.WITHDRAWN
    if over and alert.announced:
        return Change.RESOLVED
    if not over and is_worse(alert, alert.finding, rules):
        return Change.WORSE
    if alert.state not in ANSWERED and revised(alert, rules):
        return Change.REVISED
    return Change.UNCHANGED


def heard_of(alert: Alert) -> bool:
    """Whether anybody was ever told of an alert, or has answered it.

    Parameters
    ----------
    alert : Alert
    """
    return alert.announced or alert.told_at is not None
