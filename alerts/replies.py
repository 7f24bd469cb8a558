"""A person's answer applied to an alert, and what all answers together teach."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from alerts import store
from alerts.lifecycle import AlreadyAnswered, ReplyRefused, SenselessReply, undo
from alerts.lifecycle import reply as apply_reply
from alerts.messages import reply_words, undo_words
from alerts.model import Reply, Verb, Verdict
from alerts.names import safe_name, says_nothing
from alerts.numbers import moment
from alerts.verdicts import describe_lesson, lesson, until_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date

    from sqlmodel import Session

    from alerts.model import Alert, Teaching
    from alerts.store import Dismissal
    from detector.model import Lesson

    Repulled = Callable[[str, date], datetime | None]

MAX_NOTE = 1_000
_AT_ONCE = timedelta(minutes=1)
"""Two snoozes of one person that end so close to each other are one, said twice."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person says about an alert.

    ``undoes`` names the reply an undo is about, so that a second press of the same button does
    not take back another one; without it the newest is meant. ``until`` is when a snooze ends; of
    a dismissal, midnight (UTC) of the last day it holds for, see :func:`midnight`.
    """

    verb: Verb
    actor: str
    verdict: Verdict | None = None
    note: str = ""
    until: datetime | None = None
    undoes: int | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer in force, what it teaches, and what the person who gave it is told."""

    alert: Alert
    reply: Reply
    lesson: Lesson | None
    words: str


def answer(
    session: Session, number: int, given: Answer, now: datetime, teaching: Teaching
) -> Answered:
    """Apply a person's answer; raises ReplyRefused where it does not fit or came second."""
    before = require_alert(session, number)
    if says_nothing(given.note):
        given = replace(given, note="")
    if len(given.note) > MAX_NOTE:
        raise SenselessReply(
            f"the note has {len(given.note):,} characters; at most {MAX_NOTE:,} are kept"
        )
    replies = store.replies_of(session, number)
    if given.verb is Verb.UNDO:
        return _undo(session, before, given, replies, now)
    _require_last_day(before, given, now)
    last = in_force(replies)[-1:]
    if last and before.state is last[0].to_state and _same(last[0], given):
        return _answered(before, last[0], teaching, repeated=True)
    try:
        after = apply_reply(before, given.verb, given.verdict, now, until=given.until)
    except AlreadyAnswered as refusal:
        raise AlreadyAnswered(f"{refusal}{_by_whom(last, before)}") from refusal
    return _answered(after, _keep(session, before, after, given, now), teaching)


def midnight(last_day: date) -> datetime:
    """Return a day as an answer keeps it."""
    return datetime.combine(last_day, time.min, UTC)


def _require_last_day(alert: Alert, given: Answer, now: datetime) -> None:
    if given.verdict is None or given.until is None:
        return
    if problem := until_problem(alert, given.verdict, given.until.date(), now):
        raise SenselessReply(problem)


def require_alert(session: Session, number: int) -> Alert:
    """Return an alert as it is stored; raises SenselessReply where there is none of that number."""
    alert = store.get_alert(session, number)
    if alert is None:
        raise SenselessReply(
            f"there is no alert A-{number}; `spendwatch alerts list --all` shows them"
        )
    return alert


def in_force(replies: Iterable[Reply]) -> list[Reply]:
    """Leave out what was undone, and the undoing itself; oldest first."""
    replies = list(replies)
    undone = {reply.undoes for reply in replies}
    return [
        reply for reply in replies if reply.verb is not Verb.UNDO and reply.number not in undone
    ]


def _undo(
    session: Session, before: Alert, given: Answer, replies: Sequence[Reply], now: datetime
) -> Answered:
    """Take back the newest answer; a button pressed twice undoes it once."""
    for reply in replies:
        if given.undoes is not None and reply.undoes == given.undoes:
            return Answered(before, reply, None, undo_words(before, repeated=True))
    answers = in_force(replies)
    if not answers:
        raise ReplyRefused(f"A-{before.number} has no answer that could be undone")
    undone, earlier = answers[-1], answers[-2] if len(answers) > 1 else None
    if given.undoes not in (None, undone.number):
        raise ReplyRefused(
            f"A-{before.number} was answered anew{_by_whom(answers[-1:], before)}; undo that first"
        )
    after = undo(before, undone, earlier, now)
    kept = _keep(session, before, after, replace(given, undoes=undone.number), now)
    return Answered(after, kept, None, undo_words(after, undone, earlier))


def _keep(session: Session, before: Alert, after: Alert, given: Answer, now: datetime) -> Reply:
    """Store the answer and what it did to the alert."""
    if after != before and not store.move_alert(session, before, after):
        raise _lost(session, before.number)
    reply = Reply(
        alert_number=before.number,
        verb=given.verb,
        actor=given.actor,
        at=now,
        from_state=before.state,
        to_state=after.state,
        verdict=given.verdict,
        note=given.note,
        until=given.until,
        magnitude=before.finding.magnitude,
        undoes=given.undoes,
        seen=before.seen,
    )
    return store.append_reply(session, reply)


@dataclass(frozen=True, slots=True)
class Taught:
    """What an alert was dismissed as, and what that teaches."""

    alert: Alert
    reply: Reply
    lesson: Lesson


def what_answers_teach(
    dismissals: Iterable[Dismissal],
    teaching: Teaching,
    repulled_at: Repulled,
    at: datetime | None = None,
) -> tuple[Taught, ...]:
    """Return what answers teach, now or as it was at a moment; the newest of each alert counts.

    ``dismissals`` are in their order. ``repulled_at`` says when a tenant's day was last pulled; a
    day dismissed as a data error counts again once it was pulled after the answer.
    """
    standing: dict[int, Dismissal] = {}
    for each in dismissals:
        if each.undone_at is None if at is None else each.stood(at):
            # Of several answers the order is that of the newest.
            standing.pop(each.alert.number, None)
            standing[each.alert.number] = each
    return tuple(
        Taught(each.alert, each.reply, lesson)
        for each in standing.values()
        if (lesson := _in_force(each.alert, each.reply, teaching, repulled_at)) is not None
    )


def _in_force(
    alert: Alert, reply: Reply, teaching: Teaching, repulled_at: Repulled
) -> Lesson | None:
    taught = _lesson(alert, reply, teaching)
    if taught is None or reply.verdict is not Verdict.DATA_ERROR:
        return taught
    days = frozenset(
        day for day in taught.days if not _is_after(repulled_at(alert.tenant, day), reply)
    )
    return replace(taught, days=days) if days else None


def _lesson(alert: Alert, reply: Reply, teaching: Teaching) -> Lesson | None:
    """Say what one answer teaches by itself."""
    if reply.verdict is None:
        return None
    return lesson(alert, reply.verdict, reply.at, teaching, reply.seen, reply.last_day)


def _is_after(pulled_at: datetime | None, reply: Reply) -> bool:
    return pulled_at is not None and pulled_at > reply.at


def _answered(
    alert: Alert, reply: Reply, teaching: Teaching, *, repeated: bool = False
) -> Answered:
    effect = teaches(alert, reply, teaching)
    words = reply_words(alert, reply, effect, repeated=repeated)
    return Answered(alert, reply, _lesson(alert, reply, teaching), words)


def teaches(alert: Alert, reply: Reply, teaching: Teaching, name: str = "") -> str:
    """Say what an answer teaches; empty where that is nothing, the tenant's id where no name is."""
    taught = _lesson(alert, reply, teaching)
    return describe_lesson(taught, name or alert.tenant) if taught else ""


def _same(last: Reply, given: Answer) -> bool:
    """Whether the very same person gives the very same answer again."""
    said = (last.verb, last.verdict, last.note, last.actor)
    same = said == (given.verb, given.verdict, given.note, given.actor)
    if not same or last.until is None or given.until is None:
        return same and last.until == given.until
    # A length of time counts from when it was said.
    return abs(given.until - last.until) < _AT_ONCE


def _by_whom(last: Sequence[Reply], alert: Alert) -> str:
    """Name who brought the alert into its state, where it was a person."""
    if not last or last[-1].to_state is not alert.state:
        return ""
    return f", by {safe_name(last[-1].actor)} on {moment(last[-1].at)}"


def _lost(session: Session, number: int) -> ReplyRefused:
    replies = store.replies_of(session, number)
    whom = f" by {safe_name(replies[-1].actor)} on {moment(replies[-1].at)}" if replies else ""
    return ReplyRefused(f"A-{number} was changed{whom} just now; look at it again before answering")
