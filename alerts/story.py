"""The whole story of one alert, in order: what was decided, sent, answered and taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import or_
from sqlmodel import col, select

from alerts import store
from alerts.model import Reason, Verb
from alerts.names import safe_name
from alerts.numbers import count, full_day, moment
from alerts.outbox import acts_of
from alerts.outbox_queries import NotificationState
from alerts.tables import NotificationRow

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from datetime import datetime

    from sqlmodel import Session

    from alerts.model import Reply
    from alerts.store import Decision

    Said = Callable[[datetime], str]

_LONGEST = 400
_DELIVERY = ("receiver", "recipient", "state", "sent_at", "attempts", "error")
_WITH_OTHERS = "in one message with others"
_DID = {
    Verb.ACKNOWLEDGE: "acknowledged",
    Verb.DISMISS: "dismissed",
    Verb.SNOOZE: "snoozed",
    Verb.UNDO: "undid",
}


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to an alert.

    Attributes
    ----------
    what : str
        ``told``, ``held back`` or the verb of an answer.
    words : str
        One inert line.
    facts : dict
        The same for programs.
    """

    at: datetime
    what: str
    words: str
    facts: dict[str, Any]


def story_of(session: Session, number: int, said: Said = moment) -> tuple[Happening, ...]:
    """Return everything that happened to an alert, oldest first; ``said`` writes a moment."""
    decisions = store.decisions_of(session, number)
    sent = _notifications(session, number, {each.message_key for each in decisions} - {""})
    told = [_decision(each, [row for row in sent if _tells(row, each)], said) for each in decisions]
    answers = _answers(store.replies_of(session, number), said)
    # Equal moments keep this order: what was judged came before what was answered.
    return tuple(sorted([*told, *answers], key=lambda each: each.at))


def _notifications(
    session: Session, number: int, keys: Collection[str]
) -> Sequence[NotificationRow]:
    """Return the messages about an alert, alone and with others."""
    mine = col(NotificationRow.alert_number) == number
    told = or_(col(NotificationRow.key).in_(keys), col(NotificationRow.part_of).in_(keys))
    query = select(NotificationRow).where(or_(mine, told))
    return session.exec(query.order_by(col(NotificationRow.number))).all()


def _tells(row: NotificationRow, decision: Decision) -> bool:
    """Whether a message tells what was decided; where no key was kept, the moment says so."""
    if row.state == NotificationState.DIVIDED:
        return False  # its copies tell
    if decision.message_key:
        return decision.message_key in (row.key, row.part_of)
    return decision.notified and row.created_at == decision.at


def _decision(decision: Decision, sent: Sequence[NotificationRow], said: Said) -> Happening:
    what = "told" if decision.notified or decision.reason is Reason.GROUPED else "held back"
    about = f"{decision.change}, day {full_day(decision.day)}"
    if what == "held back":
        outcome = f"held back, {decision.reason}{_detail(decision.detail)}"
    else:
        about += f", {decision.detail}" if decision.message_key and decision.detail else ""
        outcome = "; ".join(_delivery(row, said) for row in sent) or f"told {_WITH_OTHERS}"
    facts = {
        "day": decision.day,
        "change": decision.change,
        "reason": decision.reason,
        "detail": decision.detail,
        "deliveries": [{name: getattr(row, name) for name in _DELIVERY} for row in sent],
    }
    return Happening(decision.at, what, safe_name(f"{about}: {outcome}", _LONGEST), facts)


def _detail(detail: str) -> str:
    return f": {detail}" if detail else ""


def _delivery(row: NotificationRow, said: Said) -> str:
    """Say to whom it was told, and how far that has come."""
    with_others = "" if row.alert_number else f" {_WITH_OTHERS}"
    whom = f"{row.recipient} of {row.receiver}" if row.recipient else row.receiver
    return f"told to {whom}{with_others}, {_fate(row, said)}"


def _fate(row: NotificationRow, said: Said) -> str:
    tried = f"{count(row.attempts, 'attempt')}{_detail(row.error)}"
    if row.state == NotificationState.SENT and row.sent_at:
        return f"sent {said(row.sent_at)}"
    if row.state == NotificationState.DEAD:
        return f"given up after {tried}; to try again: spendwatch outbox retry {row.number}"
    if row.state == NotificationState.DROPPED:
        last = acts_of(row)[-1:]
        return f"never sent: dropped{f' by {last[0].actor}: {last[0].note}' if last else ''}"
    if row.state == NotificationState.RETRY:
        due = f", next try {said(row.due_at)}" if row.due_at else ""
        return f"not sent yet after {tried}{due}"
    return "waiting to be sent"


def _answers(replies: Sequence[Reply], said: Said) -> Iterator[Happening]:
    by_number = {reply.number: reply for reply in replies}
    for reply in replies:
        undone = by_number.get(reply.undoes or 0)
        facts = {
            "actor": reply.actor,
            "note": reply.note,
            "verdict": reply.verdict,
            "until": reply.until,
            "from_state": reply.from_state,
            "to_state": reply.to_state,
            "undoes": reply.undoes,
        }
        words = safe_name(_answer(reply, undone, said), _LONGEST)
        yield Happening(reply.at, reply.verb.value, words, facts)


def _answer(reply: Reply, undone: Reply | None, said: Said) -> str:
    moved = f"{reply.from_state} -> {reply.to_state}"
    if reply.from_state is reply.to_state:
        moved = f"still {reply.to_state}"
    note = f": {safe_name(reply.note, _LONGEST)}" if reply.note else ""
    return f"{safe_name(reply.actor)} {_deed(reply, undone, said)} ({moved}){note}"


def _deed(reply: Reply, undone: Reply | None, said: Said) -> str:
    done = _DID[reply.verb]
    if undone:
        return f"{done} what {safe_name(undone.actor)} {_DID[undone.verb]} on {said(undone.at)}"
    if reply.verdict:
        until = f" until {full_day(reply.last_day)}" if reply.last_day else ""
        return f"{done} it as {reply.verdict.value.replace('_', ' ')}{until}"
    return f"{done} it until {said(reply.until)}" if reply.until else f"{done} it"
