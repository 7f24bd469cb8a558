"""When people are told, and when we stay silent: every decision with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from alerts.episode import EVENTS
from alerts.holds import plan_of, silence_of
from alerts.knowledge import heard_of
from alerts.model import AlertState, Change, Reason
from alerts.numbers import count, exact_money, full_day, moment
from detector.model import FindingKind, Severity

if TYPE_CHECKING:
    from datetime import date, datetime

    from alerts.holds import PlannedEvent, QuietHours, Silence
    from alerts.model import Alert
    from detector.model import Finding

_SPEAKING = {
    Change.OPENED: Reason.NEW,
    Change.RELEASED: Reason.NEW,
    Change.WOKEN: Reason.NEW,
    Change.WORSE: Reason.WORSE,
    Change.REVISED: Reason.REVISED,
    Change.RESOLVED: Reason.RESOLVED,
    Change.REMOVED: Reason.RESOLVED,
    Change.WITHDRAWN: Reason.REVISED,
    Change.REMINDED: Reason.REMINDER,
    Change.ESCALATED: Reason.ESCALATION,
}
_ANSWERED = {
    AlertState.DISMISSED: Reason.DISMISSED,
    AlertState.ACKNOWLEDGED: Reason.ACKNOWLEDGED,
    AlertState.SNOOZED: Reason.SNOOZED,
}
_ANSWERS_END = frozenset({Change.WORSE, Change.WOKEN})
"""What is told of an answered alert."""
_OVER = frozenset({Change.RESOLVED, Change.REMOVED})
_CAN_WAIT = _OVER | {Change.REMINDED, Change.WITHDRAWN}
_LEARNED = frozenset({FindingKind.SPEND_SPIKE, FindingKind.SPEND_DROP})
"""Kinds that rest on what is normal, which a new installation has yet to learn."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What is silenced, planned or asleep when a change is decided.

    Attributes
    ----------
    now : datetime
        UTC-aware.
    quiet_hours : mapping of str to QuietHours
        By receiver.
    learning_until : date or None
        Spikes and drops of days before this one are kept for the digest.
    missed_days : int
        After downtime: the days that are judged late, where newer ones are still to be judged;
        0 where the day is the newest.
    history : bool
        The day was over before anything ran: only what lasts until today is told, with today.
    """

    now: datetime
    silences: tuple[Silence, ...] = ()
    plans: tuple[PlannedEvent, ...] = ()
    quiet_hours: Mapping[str, QuietHours] = field(default_factory=dict)
    learning_until: date | None = None
    missed_days: int = 0
    history: bool = False


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether a change is told, why or why not, and what exactly holds it back."""

    told: bool
    reason: Reason
    detail: str = ""


def decide(
    alert: Alert,
    change: Change,
    situation: Situation,
    *,
    receiver: str = "",
    finding: Finding | None = None,
) -> Ruling:
    """Return whether to tell a change, and why or why not.

    Parameters
    ----------
    alert : Alert
        As it is after the change.
    change : Change
    situation : Situation
    receiver : str
        Who would be told.
    finding : Finding, optional
        What the change is about, where that is not the alert's newest finding.

    Returns
    -------
    Ruling
        The first of these that applies decides: nothing new to say, answered by a person, newer
        days still to be judged, a silence, a plan, learning, quiet hours. What is answered ends in
        silence only where it was dismissed; an end that nobody was told the beginning of is not
        told.
    """
    return (
        _unspoken(alert, change)
        or _late(situation)
        or _silenced(alert, situation)
        or _planned(alert, change, finding, situation)
        or _learning(alert, finding, situation)
        or _asleep(alert, change, receiver, situation)
        or Ruling(told=True, reason=_SPEAKING[change])
    )


def _unspoken(alert: Alert, change: Change) -> Ruling | None:
    """Hold back what says nothing new, or nothing new to who has answered."""
    if alert.state in _ANSWERED and change not in _ANSWERS_END:
        return Ruling(told=False, reason=_ANSWERED[alert.state])
    if change is Change.REPLACED:
        return Ruling(told=False, reason=Reason.REPLACED)
    if change not in _SPEAKING or _is_nobodys_news(alert, change):
        return Ruling(told=False, reason=alert.held or Reason.ALREADY_TOLD)
    return None


def _is_nobodys_news(alert: Alert, change: Change) -> bool:
    """Whether it is about the end, or the past, of what nobody believes to last, or heard of."""
    if not alert.ended or alert.kind in EVENTS:
        return False
    return not (alert.announced if change in _OVER else heard_of(alert))


def _late(situation: Situation) -> Ruling | None:
    """Wait until all missed days are judged: only what still holds then is told."""
    if situation.history:
        return Ruling(told=False, reason=Reason.LATE, detail="history when it was judged")
    if not situation.missed_days:
        return None
    detail = f"one of {count(situation.missed_days, 'day')} missed while nothing ran"
    return Ruling(told=False, reason=Reason.LATE, detail=detail)


def _silenced(alert: Alert, situation: Situation) -> Ruling | None:
    silence = silence_of(alert, situation.silences, situation.now)
    if silence is None:
        return None
    why = f"{silence.reference} by {silence.author}, until {moment(silence.ends_at)}"
    comment = f": {silence.comment}" if silence.comment else ""
    return Ruling(told=False, reason=Reason.SILENCED, detail=f"{why}{comment}")


def _planned(
    alert: Alert, change: Change, finding: Finding | None, situation: Situation
) -> Ruling | None:
    about = finding or alert.finding
    plan = plan_of(about, situation.plans)
    if plan is None or not plan.allows(about) or change in _OVER | {Change.WITHDRAWN}:
        return None
    ceiling, last = exact_money(plan.ceiling_micro_usd), full_day(plan.last_day)
    comment = f": {plan.comment}" if plan.comment else ""
    detail = f"{plan.reference} by {plan.author}, up to {ceiling} a day until {last}{comment}"
    return Ruling(told=False, reason=Reason.PLANNED, detail=detail)


def _learning(alert: Alert, finding: Finding | None, situation: Situation) -> Ruling | None:
    until, day = situation.learning_until, (finding or alert.finding).day
    if until is None or day >= until or alert.kind not in _LEARNED:
        return None
    return Ruling(told=False, reason=Reason.LEARNING, detail=f"until {full_day(until)}")


def _asleep(alert: Alert, change: Change, receiver: str, situation: Situation) -> Ruling | None:
    hours = situation.quiet_hours.get(receiver)
    ends_at = hours.end_after(situation.now) if hours else None
    # What is critical wakes people; that it is over, or unanswered, can wait until they are up.
    urgent = alert.severity is Severity.CRITICAL and change not in _CAN_WAIT
    if ends_at is None or urgent:
        return None
    return Ruling(told=False, reason=Reason.QUIET_HOURS, detail=f"until {moment(ends_at)}")
