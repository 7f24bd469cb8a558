"""WHAT THE MESSAGE SAYS: every word a person reads about an alert.

A message must be understood at 3 am from its title and first line: how much, against what, why.
Plain ASCII except for names, so that it survives any terminal; names are made inert first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from alerts.episode import BUDGETS, EVENTS
from alerts.facts import TEXT_LIMIT, Words
from alerts.kind_words import amount_of, ending, level, words_of
from alerts.knowledge import unanswered_since
from alerts.model import ANSWERED, UNANSWERED, AlertState, Change, Reason, Verb
from alerts.names import safe_name
from alerts.notice import Action, Line, Message
from alerts.numbers import count, exact_money, full_day, moment, money, times
from alerts.revisions import no_longer, revised_lines
from alerts.verdicts import TEACHING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alerts.holds import PlannedEvent
    from alerts.model import Alert, Reply
    from alerts.revisions import Revision
    from detector.model import Finding

_ANSWERS = {
    Verb.ACKNOWLEDGE: "the acknowledgement",
    Verb.DISMISS: "the dismissal",
    Verb.SNOOZE: "the snooze",
}
ENDS = frozenset({Change.RESOLVED, Change.REPLACED, Change.REMOVED, Change.WITHDRAWN})
_SPEAKING = frozenset(
    {Change.OPENED, Change.WORSE, Change.REVISED, Change.WOKEN, Change.RELEASED, *UNANSWERED}
)
_PREFIX = {
    Change.WORSE: "worse, ",
    Change.REVISED: "revised, ",
    Change.WOKEN: "snooze over, ",
    Change.REMINDED: "still unanswered, ",
    Change.ESCALATED: "nobody has answered, ",
}


def alert_message(
    alert: Alert,
    change: Change,
    names: Mapping[str, str],
    *,
    finding: Finding | None = None,
    revision: Revision | None = None,
    reply: Reply | None = None,
    effect: str = "",
    notes: Sequence[Line] = (),
) -> Message:
    """Return what to tell about an alert.

    Parameters
    ----------
    alert : Alert
        As it is after the change, with its number.
    change : Change
        What happened; UPDATED or UNCHANGED tell the present state.
    names : mapping of str to str
        Display names by tenant id; the id stands where there is none.
    finding : Finding, optional
        What it is about, where that is not the alert's newest finding.
    revision : Revision, optional
        Where a day was judged again: what it was, what it is.
    reply : Reply, optional
        The newest answer, where one was given.
    effect : str
        What that answer teaches, in words.
    notes : sequence of Line
        What else there is to say: :func:`above_plan`, :func:`held_until_now`.

    Returns
    -------
    Message
        Calm where it is over by itself. What was answered keeps its severity: the title says so.
    """
    about = finding or alert.finding
    words = words_of(about, names)
    calm = change in ENDS or (change not in _SPEAKING and alert.state is AlertState.RESOLVED)
    # What is over is told in one line: what held while it lasted does not hold any more.
    said = (Line("Was", words.what),) if change in ENDS else words.lines
    if change is Change.REMINDED:
        said = ()  # the evidence was told; what is missing is an answer
    lines = (
        *_spoke_again(alert, change, reply),
        *revised_lines(alert, change, revision),
        *said[:1],
        *(notes if change not in ENDS else ()),
        *said[1:],
        *_since(alert),
        *_answer(change, reply, effect),
    )
    title = title_of(alert, words, change, revision)
    return Message(
        tone="calm" if calm and about.kind not in EVENTS else about.severity.value,
        title=title,
        lines=lines,
        actions=_actions(alert, change, words, reply),
        reference=_reference(alert, title),
        state=None if about.kind in EVENTS else alert.state,
        about=(alert.number,),
    )


def reply_words(alert: Alert, reply: Reply, effect: str, *, repeated: bool = False) -> str:
    """Return the one line a person gets back for an answer.

    Parameters
    ----------
    alert : Alert
        After the answer.
    reply : Reply
        The answer in force.
    effect : str
        What it teaches, in words; empty where it teaches nothing.
    repeated : bool
        The same person gave the same answer before, so nothing changed.
    """
    if repeated:
        return f"A-{alert.number} is {reply.to_state} already, by the same answer; nothing changed"
    if reply.from_state is reply.to_state is AlertState.RESOLVED:
        return f"A-{alert.number} is already resolved; your answer is kept on record"
    if reply.verb is Verb.ACKNOWLEDGE:
        return f"A-{alert.number} acknowledged: quiet until it ends or gets worse"
    if reply.verb is Verb.SNOOZE and reply.until:
        until = moment(reply.until)
        return f"A-{alert.number} snoozed until {until}, unless it ends or gets worse before"
    return f"A-{alert.number} dismissed as {_verdict(reply)}: {effect or 'kept on record'}"


def undo_words(
    alert: Alert,
    undone: Reply | None = None,
    earlier: Reply | None = None,
    *,
    repeated: bool = False,
) -> str:
    """Return the one line a person gets back for taking an answer back.

    Parameters
    ----------
    alert : Alert
        After the undo.
    undone : Reply, optional
        The answer that was taken back.
    earlier : Reply, optional
        The one before it, which counts again.
    repeated : bool
        It was undone before, so nothing changed.
    """
    if repeated or undone is None:
        return f"A-{alert.number}: that answer is undone already; nothing changed"
    what = f"{_ANSWERS[undone.verb]} of {safe_name(undone.actor)} on {moment(undone.at)}"
    taught = "; what it taught is forgotten" if undone.verdict else ""
    again = ""
    if earlier and earlier.verdict:
        again = f"; {safe_name(earlier.actor)}'s verdict counts again: {_verdict(earlier)}"
    return f"A-{alert.number} is {alert.state} now: {what} is undone{taught}{again}"


def above_plan(finding: Finding, plan: PlannedEvent) -> Line:
    """Return how far a spike is above the ceiling that was planned for it.

    Parameters
    ----------
    finding : Finding
    plan : PlannedEvent
        One that covers the finding.
    """
    over = (finding.actual_micro_usd or 0) - plan.ceiling_micro_usd
    why = f" ({safe_name(plan.comment, TEXT_LIMIT)})" if plan.comment else ""
    ceiling, last = exact_money(plan.ceiling_micro_usd), full_day(plan.last_day)
    planned = f"{ceiling} a day was planned until {last}{why}"
    return Line("Planned", f"{planned}; this is {money(over)} above it")


def held_until_now(reason: Reason, late_days: int = 0) -> Line:
    """Return that news was held back until now, and by what.

    Parameters
    ----------
    reason : Reason
    late_days : int
        Days that were judged late, where that is the reason; 0 where they were history.
    """
    if reason is Reason.LATE and late_days:
        return Line("Late", f"{count(late_days, 'day')} judged late, as nothing ran")
    if reason is Reason.LATE:
        return Line("Found", "in history that was judged in silence; it lasts until today")
    return Line("Held", f"back until now: {reason}")


def forwarded_message(message: Message, receiver: str, why: str) -> Message:
    """Return a message that another receiver could not be told, for one that can.

    Parameters
    ----------
    message : Message
        As it was meant for the other.
    receiver : str
        The other.
    why : str
        Why it could not be reached.
    """
    words = f"to {safe_name(receiver)}, who was not reached: {safe_name(why, TEXT_LIMIT)}"
    return replace(message, lines=(*message.lines, Line("Meant", words)))


def reposted_message(message: Message) -> Message:
    """Return a message for the second time, as somebody removed the first.

    Parameters
    ----------
    message : Message
        How the alert stands now.
    """
    return replace(
        message, lines=(*message.lines, Line("Again", "the message before it was deleted"))
    )


def repeated_message(message: Message) -> Message:
    """Return a message that may have been told before, where nobody can look it up.

    Parameters
    ----------
    message : Message
        As it was to be told.
    """
    words = "this may be told for the second time: a connection broke while it was told"
    return replace(message, lines=(*message.lines, Line("Twice", words)))


def title_of(alert: Alert, words: Words, change: Change, revision: Revision | None = None) -> str:
    """Return the one line that says what happened.

    Parameters
    ----------
    alert : Alert
    words : Words
        What its finding says.
    change : Change
    revision : Revision, optional
        Where a day was judged again.
    """
    if change is Change.RESOLVED:
        return f"{words.who}: {ending(alert.finding, alert.judged_day)}"
    if change is Change.REMOVED:
        return f"{words.who}: resolved, its budget was removed from the settings"
    if change is Change.REPLACED:
        return f"{words.who}: resolved, another alert of this budget tells of it"
    if change is Change.WITHDRAWN:
        return f"{words.who}: withdrawn, {no_longer(alert, revision)}"
    before = f"{_standing(alert)}, " if alert.state in ANSWERED else ""
    return f"{words.who}: {_PREFIX.get(change, before)}{words.what}"


def _standing(alert: Alert) -> str:
    """Say in which state it is: what a person dismissed stays dismissed when it is over."""
    dismissed = alert.state is AlertState.DISMISSED
    return f"{alert.state}, over" if alert.ended and dismissed else alert.state.value


def _since(alert: Alert) -> tuple[Line, ...]:
    if alert.kind in EVENTS or not alert.abnormal:
        return ()
    days = len(alert.days)
    lasting = "" if days == 1 else f", {count(days, 'day')} so far"
    if alert.ended and days > 1:
        lasting = f", {count(days, 'day')} in all"
    return (Line("Since", f"{full_day(alert.days[0])}{lasting}"),)


def _answer(change: Change, reply: Reply | None, effect: str) -> tuple[Line, ...]:
    # Where an answered alert speaks again, that stands first: see _spoke_again.
    if reply is None or change in (Change.WORSE, Change.WOKEN):
        return ()
    told = Line("Answer", f"{_answered(reply)}{_until(reply)}{_note(reply)}")
    return (told, Line("Teaches", effect)) if effect else (told,)


def _spoke_again(alert: Alert, change: Change, reply: Reply | None) -> tuple[Line, ...]:
    """Say first why an alert speaks again, so that a person knows whether to act."""
    if change in UNANSWERED:
        return (Line("Open", f"since {moment(unanswered_since(alert))}, and nobody is on it"),)
    if reply is None or change not in (Change.WORSE, Change.WOKEN):
        return ()
    if change is Change.WOKEN:
        return (Line("Awake", f"it still lasts; {_answered(reply)}{_note(reply)}"),)
    note = f"; said then{_note(reply)}" if reply.note else ""
    return (Line("Worse", f"than what {_answered(reply, '')}{_then_and_now(alert, reply)}{note}"),)


def _then_and_now(alert: Alert, reply: Reply) -> str:
    """Compare what was answered with what it is now; empty where that was not kept."""
    was, now = reply.magnitude, alert.finding.magnitude
    if not was:
        return ""
    ratio = "" if alert.kind in BUDGETS else f", {times(now, was)}"
    return f": {level(alert.kind, was)} then, {amount_of(alert.kind, now)} now{ratio}"


def _answered(reply: Reply, what: str = " it") -> str:
    """Say who gave which answer when; ``what`` is left out where the sentence names it before."""
    on = f"on {moment(reply.at)}"
    if reply.verb is Verb.DISMISS:
        return f"{safe_name(reply.actor)} dismissed{what} as {_verdict(reply)} {on}"
    done = "snoozed" if reply.verb is Verb.SNOOZE else "acknowledged"
    return f"{safe_name(reply.actor)} {done}{what} {on}"


def _until(reply: Reply) -> str:
    day = f", until {full_day(reply.last_day)}" if reply.last_day else ""
    return day or (f" until {moment(reply.until)}" if reply.until else "")


def _note(reply: Reply) -> str:
    return f": {safe_name(reply.note, TEXT_LIMIT)}" if reply.note else ""


def _verdict(reply: Reply) -> str:
    return reply.verdict.value.replace("_", " ") if reply.verdict else "no verdict"


def _actions(alert: Alert, change: Change, words: Words, reply: Reply | None) -> tuple[Action, ...]:
    command = "spendwatch alerts"
    show = [Action("look closer", f"{command} show {alert.number}")]
    first_runs = any(judged.early for judged in alert.abnormal[:1])
    if alert.kind in TEACHING and not first_runs:  # only a judged day can be explained
        show.append(Action("explain it", f"spendwatch explain {alert.number}"))
    if change is Change.WITHDRAWN or alert.kind in EVENTS:
        return (*words.look, *show)

    def dismiss(label: str) -> Action:
        # Without a verdict it says what each of them would do, and changes nothing.
        return Action(label, f"{command} dismiss {alert.number}", Verb.DISMISS)

    if alert.state is AlertState.OPEN:
        acknowledge = Action("acknowledge", f"{command} ack {alert.number}", Verb.ACKNOWLEDGE)
        snooze = Action("snooze", f"{command} snooze {alert.number} --for 4h", Verb.SNOOZE)
        return (acknowledge, dismiss("dismiss"), snooze, *words.look, *show)
    take_back = f"{command} undo {alert.number}"
    undo = Action("take it back", take_back, Verb.UNDO, reply.number if reply else None)
    if alert.state in (AlertState.ACKNOWLEDGED, AlertState.SNOOZED):
        return (dismiss("dismiss"), undo, *words.look, *show)
    if alert.state is AlertState.DISMISSED:
        return (dismiss("change the verdict"), undo, *show)
    return (dismiss("say why"), *show) if alert.kind in TEACHING else tuple(show)


def _reference(alert: Alert, title: str) -> str:
    """Name it, and the state where the title does not."""
    state = _standing(alert)
    told = alert.kind in EVENTS or (alert.state is not AlertState.OPEN and state in title)
    return f"A-{alert.number}, {alert.kind}{'' if told else f', {state}'}"
