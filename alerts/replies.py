"""A person's answer applied to an alert, and what all answers together teach."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from alerts import store
from alerts.lifecycle import ReplyRefused
from alerts.lifecycle import reply as apply_reply
from alerts.messages import reply_words
from alerts.model import Reply, Verb, Verdict
from alerts.names import safe_name
from alerts.numbers import moment
from alerts.verdicts import describe_lesson, lesson

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime

    from sqlmodel import Session

    from alerts.model import Alert, Teaching
    from detector.model import Lesson

    Repulled = Callable[[str, date], datetime | None]

MAX_NOTE = 1_000


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer in force, what it teaches, and what the person who gave it is told."""

    alert: Alert
    reply: Reply
    lesson: Lesson | None
    words: str


def answer(
    session: Session,
    number: int,
    verb: Verb,
    verdict: Verdict | None,
    note: str,
    actor: str,
    now: datetime,
    teaching: Teaching,
) -> Answered:
    """Apply a person's answer; raises ReplyRefused where it does not fit or came second."""
    before = store.get_alert(session, number)
    if before is None:
        raise ReplyRefused(f"there is no alert A-{number}; `spendwatch alerts list` shows them")
    if len(note) > MAX_NOTE:
        raise ReplyRefused(f"the note has {len(note):,} characters; at most {MAX_NOTE:,} are kept")
    last = _last_reply(session, number)
    if last and before.state is last.to_state and _same(last, verb, verdict, note, actor):
        return _answered(before, last, teaching, repeated=True)
    try:
        after = apply_reply(before, verb, verdict, now)
    except ReplyRefused as refusal:
        raise ReplyRefused(f"{refusal}{_by_whom(last, before)}") from refusal
    if not store.move_alert(session, before, after):
        raise _lost(session, number)
    reply = Reply(number, verb, actor, now, before.state, after.state, verdict, note)
    store.append_reply(session, reply)
    return _answered(after, reply, teaching)


def lessons(session: Session, teaching: Teaching, repulled_at: Repulled) -> tuple[Lesson, ...]:
    """Return what all answers teach; of each alert the newest dismissal counts.

    ``repulled_at`` says when a tenant's day was last pulled; a day dismissed as a data error
    counts again once it was pulled after the answer.
    """
    taught = (
        _in_force(alert, reply, teaching, repulled_at)
        for alert, reply in store.answered_alerts(session)
    )
    return tuple(each for each in taught if each is not None)


def _in_force(
    alert: Alert, reply: Reply, teaching: Teaching, repulled_at: Repulled
) -> Lesson | None:
    taught = lesson(alert, reply.verdict, reply.at, teaching) if reply.verdict else None
    if taught is None or reply.verdict is not Verdict.DATA_ERROR:
        return taught
    days = frozenset(
        day for day in taught.days if not _is_after(repulled_at(alert.tenant, day), reply)
    )
    return replace(taught, days=days) if days else None


def _is_after(pulled_at: datetime | None, reply: Reply) -> bool:
    return pulled_at is not None and pulled_at > reply.at


def _answered(
    alert: Alert, reply: Reply, teaching: Teaching, *, repeated: bool = False
) -> Answered:
    taught = lesson(alert, reply.verdict, reply.at, teaching) if reply.verdict else None
    effect = describe_lesson(taught, alert.tenant) if taught else ""
    return Answered(alert, reply, taught, reply_words(alert, reply, effect, repeated=repeated))


def _same(last: Reply, verb: Verb, verdict: Verdict | None, note: str, actor: str) -> bool:
    """Whether the very same person gives the very same answer again."""
    return (last.verb, last.verdict, last.note, last.actor) == (verb, verdict, note, actor)


def _last_reply(session: Session, number: int) -> Reply | None:
    replies = store.replies_of(session, number)
    return replies[-1] if replies else None


def _by_whom(last: Reply | None, alert: Alert) -> str:
    """Name who brought the alert into its state, where it was a person."""
    if last is None or last.to_state is not alert.state:
        return ""
    return f", by {safe_name(last.actor)} on {moment(last.at)}"


def _lost(session: Session, number: int) -> ReplyRefused:
    winner = _last_reply(session, number)
    whom = f" by {safe_name(winner.actor)} on {moment(winner.at)}" if winner else ""
    return ReplyRefused(f"A-{number} was changed{whom} just now; look at it again before answering")
