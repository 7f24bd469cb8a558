"""The life of an alert: what a day's judgement, a person's answer and time do to it.

Everything here is a pure function of an alert and what happened; nothing is stored or sent. Which
days belong to an alert is in ``alerts/episode.py``, when people are told in ``alerts/policy.py``.

Errors
------
ReplyRefused
    The answer does not fit; the message says why.
├── AlreadyAnswered
│   Somebody has answered the alert already.
└── SenselessReply
    It would fit no state: there is no such number, or its verdict, time or note cannot be.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from alerts.episode import (
    BUDGETS,
    EVENTS,
    abnormal_day,
    fingerprint,
    observe_finding,
    observe_normal,
)
from alerts.knowledge import opened_again, unanswered_since, untold
from alerts.model import Alert, AlertState, Change, Reason, Verb
from alerts.numbers import moment
from alerts.routing import is_as_grave
from detector.model import Severity

if TYPE_CHECKING:
    from datetime import date, datetime

    from alerts.model import AlertRules, Reply, Seen, Verdict
    from detector.model import Finding

UNDO_WITHIN = timedelta(days=7)
LONGEST_SNOOZE = timedelta(days=90)
_QUIETING = frozenset({Verb.ACKNOWLEDGE, Verb.SNOOZE})
_TIMED = frozenset({Verb.SNOOZE, Verb.DISMISS})
_DONE = {
    AlertState.ACKNOWLEDGED: "already acknowledged",
    AlertState.DISMISSED: "already dismissed",
}


class ReplyRefused(Exception):  # noqa: N818 - it names what happened to the reply, as people say it
    """The answer does not fit; the message says why and what would."""


class AlreadyAnswered(ReplyRefused):
    """Somebody has answered already; who that was is known to the caller."""


class SenselessReply(ReplyRefused):
    """It can never be answered like that, whatever the state."""


def open_alert(finding: Finding, now: datetime) -> Alert:
    """Return the new alert of a finding, told to nobody yet; a one-off event is over at once.

    Parameters
    ----------
    finding : Finding
    now : datetime
        UTC-aware.

    Returns
    -------
    Alert
        With number 0: the store gives the number.
    """
    event = finding.kind in EVENTS
    return Alert(
        number=0,
        fingerprint=fingerprint(finding, finding.day),
        state=AlertState.RESOLVED if event else AlertState.OPEN,
        finding=finding,
        abnormal=(abnormal_day(finding, told_micro_usd=0),),
        opened_at=now,
        open_since=None if event else now,
        updated_at=now,
        judged_day=finding.day,
        ended=event,
    )


def observe(
    alert: Alert, finding: Finding | None, day: date, now: datetime, rules: AlertRules
) -> tuple[Alert, Change]:
    """Return the alert after one day's judgement, and what that changed for people.

    Judging a day again with the same outcome changes nothing, however often; judging an older
    day again never undoes what newer days said. An answer stands until something worse is told.

    Parameters
    ----------
    alert : Alert
    finding : Finding or None
        What was found on ``day`` and belongs to this alert; None means the day was judged normal.
    day : date
        The judged day.
    now : datetime
        UTC-aware.
    rules : AlertRules

    Returns
    -------
    tuple of (Alert, Change)
        ``UNCHANGED`` also where only the count of normal days moved.
    """
    if finding is None:
        after, change = observe_normal(alert, day, rules)
    else:
        after, change = observe_finding(alert, finding, rules)
    if change is not Change.UNCHANGED:
        after = replace(after, revision=alert.revision + 1, updated_at=now)
    return opened_again(alert, after, now), change


def come_due(alert: Alert, now: datetime, rules: AlertRules) -> tuple[Alert, Change]:
    """Return the alert after time has passed, and what that changed.

    Parameters
    ----------
    alert : Alert
    now : datetime
        UTC-aware.
    rules : AlertRules

    Returns
    -------
    tuple of (Alert, Change)
        WOKEN where a snooze is over; where news was held back, what is news by now; ESCALATED or
        REMINDED where nobody answered in time; else UNCHANGED. The alert itself is another only
        where nothing is held back any more; all else happens once it is told.
    """
    if alert.state is AlertState.SNOOZED and alert.snoozed_until and alert.snoozed_until <= now:
        return alert, Change.WOKEN
    if alert.held:
        change = untold(alert, rules)
        return (replace(alert, held=None) if change is Change.UNCHANGED else alert), change
    times = {
        Change.REMINDED: remind_at(alert, rules),
        Change.ESCALATED: escalate_at(alert, rules),
    }
    due = (change for change, due_at in times.items() if due_at and due_at <= now)
    return alert, next(due, Change.UNCHANGED)


def remind_at(alert: Alert, rules: AlertRules) -> datetime | None:
    """Return when an alert that nobody answers is told once more; None where it never is.

    Parameters
    ----------
    alert : Alert
    rules : AlertRules
    """
    if alert.state is not AlertState.OPEN or alert.reminded or alert.told_at is None:
        return None
    # A budget reminds of itself by its next threshold.
    if rules.remind_after is None or alert.kind in BUDGETS or alert.severity is Severity.NOTICE:
        return None
    return max(alert.told_at, unanswered_since(alert)) + rules.remind_after


def escalate_at(alert: Alert, rules: AlertRules) -> datetime | None:
    """Return when somebody else is told what nobody answers; None where nobody ever is.

    Parameters
    ----------
    alert : Alert
    rules : AlertRules
    """
    if alert.state is not AlertState.OPEN or alert.escalated or alert.told_at is None:
        return None
    if rules.escalate_after is None or not is_as_grave(alert.severity, rules.escalate_from):
        return None
    return max(alert.told_at, unanswered_since(alert)) + rules.escalate_after


def state_at(alert: Alert, now: datetime) -> AlertState:
    """Return the alert's state; a snooze is over when its time is, whoever noted it.

    Parameters
    ----------
    alert : Alert
    now : datetime
        UTC-aware.
    """
    over = alert.snoozed_until is not None and alert.snoozed_until <= now
    return AlertState.OPEN if over and alert.state is AlertState.SNOOZED else alert.state


def reply(
    alert: Alert,
    verb: Verb,
    verdict: Verdict | None,
    now: datetime,
    *,
    until: datetime | None = None,
) -> Alert:
    """Return the alert after a person's answer.

    What the person has seen counts as told: it must get worse than that to speak again. What
    comes after the end (an acknowledgement, a snooze) changes nothing and is kept on record.

    Parameters
    ----------
    alert : Alert
    verb : Verb
        Any but UNDO.
    verdict : Verdict or None
        Needed by a dismissal, and only there.
    now : datetime
        UTC-aware.
    until : datetime, optional
        UTC-aware; needed by a snooze. A dismissal may have one, which changes nothing here: what
        it teaches then is in ``alerts/verdicts.py``.

    Returns
    -------
    Alert

    Raises
    ------
    AlreadyAnswered
        The answer does not fit the state.
    SenselessReply
        Its verdict or time is missing or out of place.
    """
    _require_details(verb, verdict, until, now)
    if verb in _QUIETING and alert.ended and alert.state is AlertState.RESOLVED:
        return alert
    if verb is Verb.ACKNOWLEDGE and alert.state in _DONE:
        raise AlreadyAnswered(f"A-{alert.number} is {_DONE[alert.state]}")
    if verb is Verb.SNOOZE and alert.state is AlertState.DISMISSED:
        raise AlreadyAnswered(
            f"before it can be snoozed, undo its dismissal: A-{alert.number} is already dismissed"
        )
    return replace(
        alert,
        state=_STATE_AFTER[verb],
        told_magnitude=max(alert.told_magnitude, alert.finding.magnitude),
        announced=alert.announced or not alert.ended,
        held=None,
        snoozed_until=until if verb is Verb.SNOOZE else None,
        updated_at=now,
        revision=alert.revision + 1,
    )


def undo(alert: Alert, undone: Reply, earlier: Reply | None, now: datetime) -> Alert:
    """Return the alert with an answer taken back.

    Parameters
    ----------
    alert : Alert
    undone : Reply
        The newest answer that is in force.
    earlier : Reply or None
        The one before it that is in force.
    now : datetime
        UTC-aware.

    Returns
    -------
    Alert
        In the state it had before the answer, and as well known; where it ended or woke since,
        in the state it has, as only what the answer taught is left to take back. News that came
        while it was answered, or was held back before, is left to the next run.

    Raises
    ------
    ReplyRefused
        The answer was given more than 7 days ago.
    """
    if now - undone.at > UNDO_WITHIN:
        raise ReplyRefused(
            f"the answer of {moment(undone.at)} to A-{alert.number} can no longer be undone: "
            f"{UNDO_WITHIN.days} days have passed; answer it anew instead"
        )
    state, until = _state_before(alert, undone, earlier)
    after = replace(
        alert,
        state=state,
        snoozed_until=until,
        updated_at=now,
        revision=alert.revision + 1,
    )
    after = opened_again(alert, after, now)
    if alert.told_at is not None and alert.told_at > undone.at:
        return after
    # Of an answer that kept nothing of it: nobody but who answered can have known of the alert.
    unkept = replace(alert.seen, announced=alert.announced and alert.told_at is not None)
    return _known_as(after, undone.seen or unkept, undone)


def _known_as(alert: Alert, seen: Seen, undone: Reply) -> Alert:
    """Take back what the answer had made known: who answered is not on it any more."""
    moved = alert.ended or alert.finding.magnitude != undone.magnitude
    news = not seen.announced or moved
    return replace(
        alert,
        told_magnitude=seen.told_magnitude,
        announced=seen.announced,
        held=seen.held or (_HELD_BY[undone.verb] if news else None),
    )


def _state_before(
    alert: Alert, undone: Reply, earlier: Reply | None
) -> tuple[AlertState, datetime | None]:
    """Say which state an undo restores, and until when where that is a snooze."""
    state, until = alert.state, alert.snoozed_until
    if state is undone.to_state:
        state = undone.from_state
        until = earlier.until if earlier and state is AlertState.SNOOZED else None
    if alert.ended and state is not AlertState.DISMISSED:
        return AlertState.RESOLVED, None
    if state is AlertState.RESOLVED and not alert.ended:
        return AlertState.OPEN, None
    return state, until


_HELD_BY = {
    Verb.ACKNOWLEDGE: Reason.ACKNOWLEDGED,
    Verb.DISMISS: Reason.DISMISSED,
    Verb.SNOOZE: Reason.SNOOZED,
}
_STATE_AFTER = {
    Verb.ACKNOWLEDGE: AlertState.ACKNOWLEDGED,
    Verb.DISMISS: AlertState.DISMISSED,
    Verb.SNOOZE: AlertState.SNOOZED,
}


def _require_details(
    verb: Verb, verdict: Verdict | None, until: datetime | None, now: datetime
) -> None:
    if (verdict is None) == (verb is Verb.DISMISS):
        raise SenselessReply(
            "a dismissal needs a verdict: real, expected, new_normal, false_alarm or data_error"
            if verb is Verb.DISMISS
            else "only a dismissal carries a verdict; to acknowledge or snooze, leave it out"
        )
    if until is not None and verb not in _TIMED:
        raise SenselessReply("only a snooze or a dismissal carries a time; leave it out")
    if verb is Verb.SNOOZE:
        _require_end(until, now)


def _require_end(until: datetime | None, now: datetime) -> None:
    if until is None:
        raise SenselessReply("a snooze needs the time it ends")
    if until <= now:
        raise SenselessReply(f"a snooze ends in the future; {moment(until)} is over")
    if until - now > LONGEST_SNOOZE:
        raise SenselessReply(
            f"a snooze lasts at most {LONGEST_SNOOZE.days} days, to {moment(now + LONGEST_SNOOZE)};"
            " what shall be quiet for longer is better dismissed, or silenced"
        )
