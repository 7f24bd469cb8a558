"""The outbox: notifications as rows before they are sent; the caller owns the transaction.

new -> sending -> sent | retry | dead | divided; retry -> sending. A person drops what was not
sent, and asks for what is dead again (retry); that is kept beside the message, where no channel
overwrites it. What is for several people is divided: each has a copy, a row that goes its own way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import CursorResult, func, insert, or_, update
from sqlmodel import col, select

from alerts.codec import decode, encode
from alerts.model import Reason
from alerts.notice import Headline, Message, Notification
from alerts.outbox_queries import (
    WAITING,
    NotificationState,
    claimable_row,
    first_row,
    is_behind_another,
    pending_rows,
)
from alerts.tables import NOTIFICATION, NotificationRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

    from alerts.notice import Receipt


_ERROR_LENGTH = 500
_NUMBER = col(NotificationRow.number)


class Asked(StrEnum):
    """What a person can ask for a notification."""

    RETRY = "retry"
    DROP = "drop"


class Due(NamedTuple):
    """What is to be sent, to whom, and why."""

    key: str
    receiver: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Act:
    """What one person asked for a notification, when and why."""

    asked: Asked
    actor: str
    at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """A notification that one delivery has for itself, for as long as its lease lasts.

    Attributes
    ----------
    unsure_since : datetime or None
        Until when it may have been sent already; None where it certainly was not.
    unsure_tries : int
        After how many tries nobody knew whether it was sent, whatever a later one said.
    attempts : int
        How often it was tried since ``since``, this time included.
    since : datetime
        When it was tried first, or first again after a person asked for it.
    """

    notification: Notification
    claimed_at: datetime
    unsure_since: datetime | None
    attempts: int
    since: datetime
    unsure_tries: int = 0


def add_notifications(session: Session, notifications: Sequence[Notification]) -> None:
    """Store messages that must go out; a key that was stored before is an error."""
    if notifications:
        rows = [
            {
                "key": each.key,
                "alert_number": each.alert_number,
                "receiver": each.receiver,
                "reason": each.reason.value,
                "message": encode(each.message),
                "state": NotificationState.NEW.value,
                "created_at": each.created_at,
                "reference": "",
                "error": "",
                "revision": each.revision,
                "thread_of": each.thread_of,
                "recipient": each.recipient,
                "part_of": each.part_of,
                "unsure_tries": 0,
            }
            for each in notifications
        ]
        session.connection().execute(insert(NOTIFICATION), rows)


def add_once(session: Session, notification: Notification) -> None:
    """Store a message unless one of its key was stored before."""
    if not is_known(session, notification.key):
        add_notifications(session, [notification])


def is_known(session: Session, key: str) -> bool:
    """Whether a message of that key was stored before."""
    known = select(NotificationRow.number).where(col(NotificationRow.key) == key)
    return session.exec(known).first() is not None


def pending(
    session: Session, now: datetime, left_behind_before: datetime, *, pictures: bool = False
) -> tuple[Due, ...]:
    """Return what is due, or was left half sent, oldest first.

    Either messages or pictures: no message waits for a picture.
    """
    found = session.execute(
        pending_rows(pictures=pictures), {"now": now, "left_behind_before": left_behind_before}
    )
    return tuple(Due(key, receiver, Reason(reason)) for key, receiver, reason in found)


def due_since(session: Session, now: datetime) -> datetime | None:
    """Return since when the message is due that is due longest; None where nothing is due.

    What waits for an earlier word about the same alert, or until a later moment, is not due.
    """
    state = col(NotificationRow.state)
    due_at = func.coalesce(col(NotificationRow.due_at), col(NotificationRow.created_at))
    query = select(due_at).where(state.in_(WAITING), due_at <= now, ~is_behind_another())
    return session.exec(query.order_by(due_at).limit(1)).first()


def claimed_since(session: Session) -> datetime | None:
    """Return since when the message is being sent that is being sent longest."""
    sending = col(NotificationRow.state) == NotificationState.SENDING
    return session.exec(select(func.min(col(NotificationRow.claimed_at))).where(sending)).one()


def claim(session: Session, key: str, now: datetime, left_behind_before: datetime) -> Claim | None:
    """Claim a notification; None where somebody else has it, or it is not its turn."""
    asked = {"key": key, "now": now, "left_behind_before": left_behind_before}
    row = session.execute(claimable_row(), asked).scalars().first()
    if row is None:
        return None
    claimed = Claim(
        notification=replace(notification_of(row), first=_first(session, row)),
        claimed_at=now,
        unsure_since=_unsure_since(row, now),
        attempts=row.attempts + 1,
        # What nobody could try, because nothing ran, has all of its time to come.
        since=row.first_tried_at or now,
        unsure_tries=row.unsure_tries,
    )
    # What may have been sent is looked up first; whoever sends it then counts that by `renew`.
    tries = claimed.unsure_tries + (claimed.unsure_since is None)
    mine = _update(key, row.state, row.claimed_at).values(
        state=NotificationState.SENDING.value,
        claimed_at=now,
        attempts=claimed.attempts,
        first_tried_at=claimed.since,
        due_at=None,
        # Until it is known that it was not sent: whoever is killed meanwhile cannot say.
        unsure_since=claimed.unsure_since or now,
        unsure_tries=tries,
    )
    return claimed if _changes_one(session, mine) else None


def take_over(session: Session, now: datetime) -> int:
    """Give up every claim, as nobody else can be alive who made it; return how many there were.

    What was claimed may have been sent, up to the moment in which its process died.
    """
    state = col(NotificationRow.state)
    claimed = update(NotificationRow).where(state == NotificationState.SENDING)
    left: CursorResult[Any] = session.connection().execute(
        claimed.values(
            state=NotificationState.RETRY.value,
            due_at=None,
            unsure_since=now,
        )
    )
    return left.rowcount


def renew(session: Session, mine: Claim, now: datetime) -> Claim | None:
    """Take a fresh lease on what is sent now; None where somebody else has it by now."""
    still_mine = _update(mine.notification.key, NotificationState.SENDING, mine.claimed_at)
    renewed = still_mine.values(
        claimed_at=now, unsure_since=now, unsure_tries=mine.unsure_tries + 1
    )
    if not _changes_one(session, renewed):
        return None
    return replace(mine, claimed_at=now)


def record_receipt(session: Session, key: str, receipt: Receipt) -> None:
    """Note that a notification went out, whatever was believed of it meanwhile."""
    session.execute(
        update(NotificationRow)
        .where(col(NotificationRow.key) == key)
        .values(
            state=NotificationState.SENT.value,
            sent_at=receipt.sent_at,
            reference=receipt.reference,
            due_at=None,
            error="",
            unsure_tries=0,
        )
    )


def record_failure(
    session: Session,
    mine: Claim,
    error: str,
    due_at: datetime | None,
    unsure_since: datetime | None,
) -> bool:
    """Note why a notification did not go out, and when it is due again; never is None.

    False where somebody else has it by now.
    """
    # Only while it is mine: a delivery that was suspended must not undo what others did since.
    still_mine = _update(mine.notification.key, NotificationState.SENDING, mine.claimed_at)
    failed = still_mine.values(
        state=(NotificationState.RETRY if due_at else NotificationState.DEAD).value,
        due_at=due_at,
        error=error[:_ERROR_LENGTH],
        unsure_since=unsure_since,
        unsure_tries=mine.unsure_tries,
    )
    return _changes_one(session, failed)


def leave_out(session: Session, mine: Claim, why: str) -> None:
    """Note that something is not sent after all, and that this does no harm."""
    still_mine = _update(mine.notification.key, NotificationState.SENDING, mine.claimed_at)
    left = {"state": NotificationState.DROPPED.value, "error": why[:_ERROR_LENGTH]}
    session.execute(still_mine.values(**left))


def divide(session: Session, mine: Claim, recipients: Sequence[str]) -> tuple[Due, ...]:
    """Give each of several people a copy of their own, and return what is due by that."""
    whole = mine.notification
    still_mine = _update(whole.key, NotificationState.SENDING, mine.claimed_at)
    divided = still_mine.values(
        state=NotificationState.DIVIDED.value, unsure_since=None, unsure_tries=0
    )
    if not _changes_one(session, divided):
        return ()
    copies = [_copy(whole, each) for each in recipients]
    add_notifications(session, copies)
    return tuple(Due(each.key, each.receiver, each.reason) for each in copies)


def _copy(whole: Notification, recipient: str) -> Notification:
    thread_of = whole.thread_of and _copy_key(whole.thread_of, recipient)
    return replace(
        whole,
        key=_copy_key(whole.key, recipient),
        part_of=whole.key,
        recipient=recipient,
        thread_of=thread_of,
    )


def _copy_key(key: str, recipient: str) -> str:
    return f"{key} to {recipient}"


def postpone(session: Session, receiver: str, until: datetime) -> None:
    """Send a receiver nothing more before a moment: the other side asked for a pause."""
    due_at = col(NotificationRow.due_at)
    session.execute(
        update(NotificationRow)
        .where(
            col(NotificationRow.receiver) == receiver,
            col(NotificationRow.state).in_(WAITING),
            or_(due_at.is_(None), due_at < until),
        )
        .values(due_at=until)
    )


def about(session: Session, reference: str) -> frozenset[int]:
    """Return the numbers of the alerts that a message tells of, by what its channel calls it."""
    query = select(NotificationRow).where(col(NotificationRow.reference) == reference)
    row = session.exec(query).first()
    return frozenset(decode(Message, row.message).about if row else ())


def remember(row: NotificationRow, act: Act) -> None:
    """Note what a person did with a notification; nothing that is sent later overwrites it."""
    row.acts = [*row.acts, encode(act)]  # a new list: the session sees no change inside the old


def acts_of(row: NotificationRow) -> tuple[Act, ...]:
    """Return what people did with a notification, in the order they did it."""
    return tuple(decode(Act, each) for each in row.acts)


def _first(session: Session, row: NotificationRow) -> Headline | None:
    """Return what the same person was told first about the same alert."""
    if row.alert_number is None:
        return None
    asked = {name: getattr(row, name) for name in ("alert_number", "receiver", "recipient")}
    first = session.execute(first_row(), asked | {"number": row.number}).scalars().first()
    return Headline(first.reference, first.message["title"]) if first else None


def _unsure_since(row: NotificationRow, now: datetime) -> datetime | None:
    """Return when a message may have been sent; what is half sent may have been just now."""
    return now if row.state == NotificationState.SENDING else row.unsure_since


def _update(key: str, state: str, claimed_at: datetime | None) -> Any:
    """Change a row only where it still is as it was read."""
    return update(NotificationRow).where(
        col(NotificationRow.key) == key,
        col(NotificationRow.state) == state,
        col(NotificationRow.claimed_at).is_not_distinct_from(claimed_at),
    )


def _changes_one(session: Session, statement: Any) -> bool:
    done: CursorResult[Any] = session.connection().execute(statement)
    session.expire_all()
    return done.rowcount == 1


def notification_of(row: NotificationRow) -> Notification:
    """Return what a row keeps."""
    return Notification(
        key=row.key,
        alert_number=row.alert_number,
        receiver=row.receiver,
        reason=Reason(row.reason),
        message=decode(Message, row.message),
        created_at=row.created_at,
        revision=row.revision,
        thread_of=row.thread_of,
        recipient=row.recipient,
        part_of=row.part_of,
        number=row.number or 0,
    )
