"""What people do with what did not go out: look at it, ask for it again, drop it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func
from sqlmodel import col, select

from alerts.lifecycle import ReplyRefused, SenselessReply
from alerts.model import Reason
from alerts.names import safe_name
from alerts.numbers import moment
from alerts.outbox import Act, acts_of, remember
from alerts.outbox_queries import NotificationState
from alerts.tables import NotificationRow

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlmodel import Session

UNDELIVERED = (NotificationState.RETRY, NotificationState.DEAD)
"""What was tried and did not go out."""
UNSETTLED = (NotificationState.NEW, NotificationState.SENDING, *UNDELIVERED)
"""What is neither sent nor dropped."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A notification as people look at it in the outbox: a message."""

    number: int
    key: str
    alert_number: int | None
    receiver: str
    recipient: str
    reason: Reason
    title: str
    state: NotificationState
    created_at: datetime
    attempts: int
    due_at: datetime | None
    error: str
    acts: tuple[Act, ...] = ()


def entries(session: Session, states: Collection[NotificationState]) -> tuple[Entry, ...]:
    """Return what stands at these states, the newest problem first."""
    query = select(NotificationRow).where(col(NotificationRow.state).in_([*states]))
    newest = func.coalesce(col(NotificationRow.claimed_at), col(NotificationRow.created_at)).desc()
    rows = session.exec(query.order_by(newest, col(NotificationRow.number).desc()))
    return tuple(_entry(row) for row in rows)


def retry(session: Session, number: int, act: Act) -> Entry:
    """Make one due now, its attempts and its 24 hours counted anew; raises ReplyRefused."""
    row = _row(session, number)
    if row.state not in UNDELIVERED:
        raise ReplyRefused(f"message {number} {_why_not_again(row)}")
    return _queued_again(row, act)


def retry_dead(session: Session, act: Act) -> tuple[Entry, ...]:
    """Make every dead letter due now, oldest first."""
    query = select(NotificationRow).where(col(NotificationRow.state) == NotificationState.DEAD)
    rows = session.exec(query.order_by(col(NotificationRow.number)))
    return tuple(_queued_again(row, act) for row in rows)


def drop(session: Session, number: int, act: Act, left_behind_before: datetime) -> Entry:
    """Decide that one never goes out; raises ReplyRefused where it may have, or was before."""
    row = _row(session, number)
    if row.state == NotificationState.SENT:
        raise ReplyRefused(f"message {number} {_sent(row)}: it cannot be dropped any more")
    if row.state == NotificationState.DROPPED:
        raise ReplyRefused(f"message {number} {_dropped(row)}")
    if (
        row.state == NotificationState.SENDING
        and row.claimed_at
        and row.claimed_at > left_behind_before
    ):
        raise ReplyRefused(f"message {number} is being sent right now; look again in a minute")
    row.state, row.due_at = NotificationState.DROPPED.value, None
    remember(row, act)
    return _entry(row)


def _row(session: Session, number: int) -> NotificationRow:
    row = session.get(NotificationRow, number)
    if row is None:
        raise SenselessReply(
            f"there is no message {number}; `spendwatch outbox list --all` shows them"
        )
    return row


def _queued_again(row: NotificationRow, act: Act) -> Entry:
    row.state, row.attempts = NotificationState.RETRY.value, 0
    row.first_tried_at, row.due_at = None, act.at
    row.unsure_tries = min(row.unsure_tries, 1)  # whoever asks has it sent once more
    remember(row, act)
    return _entry(row)


def _why_not_again(row: NotificationRow) -> str:
    if row.state == NotificationState.SENT:
        return f"{_sent(row)}: nothing is sent twice"
    if row.state == NotificationState.DROPPED:
        return f"{_dropped(row)}: it is never sent"
    return f"is {row.state}: it goes out with the next delivery anyway"


def _sent(row: NotificationRow) -> str:
    return f"was sent on {moment(row.sent_at)}" if row.sent_at else "was sent"


def _dropped(row: NotificationRow) -> str:
    if not (acts := acts_of(row)):
        return f"was left out, {row.error}"
    last = acts[-1]
    return f"was dropped by {safe_name(last.actor)} on {moment(last.at)}"


def _entry(row: NotificationRow) -> Entry:
    return Entry(
        number=row.number or 0,
        key=row.key,
        alert_number=row.alert_number,
        receiver=row.receiver,
        recipient=row.recipient,
        reason=Reason(row.reason),
        title=row.message["title"],
        state=NotificationState(row.state),
        created_at=row.created_at,
        attempts=row.attempts,
        due_at=row.due_at,
        error=row.error,
        acts=acts_of(row),
    )
