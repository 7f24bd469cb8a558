"""Which message stands for an alert at a receiver; the caller owns the transaction.

A channel that can change what it sent has one message for each alert: its root. What comes later
goes below it, and the root itself is brought up to date: it is stale as soon as the alert has
moved on from the revision that it shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import BindParameter, and_, bindparam, func, or_, select, update
from sqlmodel import col

from alerts.notice import Receipt
from alerts.tables import ALERT, NOTIFICATION, POSTING, PostingRow, ReplyRow

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import timedelta

    from sqlmodel import Session

    from alerts.notice import Notification

_ERROR_LENGTH = 500
UNKNOWN = -1
"""The revision of a message that shows nobody knows what."""


@dataclass(frozen=True, slots=True)
class Stale:
    """A message that no longer shows its alert as it is.

    Attributes
    ----------
    receipt : Receipt
        Where it stands.
    revision : int
        What it shows.
    attempts : int
        How often it was tried in vain to change it since it last was.
    answered : bool
        A person has answered since it was last changed.
    """

    alert_number: int
    receipt: Receipt
    revision: int
    attempts: int
    answered: bool


def root_of(session: Session, notification: Notification) -> Receipt | None:
    """Return the message below which a notification belongs; None where it stands by itself."""
    if notification.thread_of:
        return _sent(session, notification.thread_of)
    if notification.alert_number is None:
        return None
    row = session.get(PostingRow, (notification.alert_number, notification.receiver))
    if row is None:
        return None
    return Receipt(row.receiver, row.reference, row.posted_at, stands=True)


def note_posted(session: Session, notification: Notification, receipt: Receipt) -> None:
    """Note that a message stands for its alert from now on, where it can be changed later."""
    if not receipt.stands or notification.alert_number is None or notification.thread_of:
        return
    session.merge(
        PostingRow(
            alert_number=notification.alert_number,
            receiver=notification.receiver,
            reference=receipt.reference,
            revision=notification.revision,
            posted_at=receipt.sent_at,
        )
    )


def adopt(session: Session, alert_number: int, receipt: Receipt) -> None:
    """Note a message that turns out to stand for an alert, unless another one does.

    What it shows is not known, so it is brought up to date.
    """
    if session.get(PostingRow, (alert_number, receipt.receiver)) is None:
        session.add(
            PostingRow(
                alert_number=alert_number,
                receiver=receipt.receiver,
                reference=receipt.reference,
                revision=UNKNOWN,
                posted_at=receipt.sent_at,
            )
        )


def stale(
    session: Session,
    now: datetime,
    apart: timedelta,
    receivers: Collection[str],
    *,
    number: int | None = None,
    since: datetime | None = None,
) -> tuple[Stale, ...]:
    """Return what is to be brought up to date now: what a person has answered comes first.

    Changes that nobody made are shown ``apart`` from each other; ``number`` names one alert that
    somebody has just answered: it is tried at once, whatever failed before. ``since`` looks only
    at alerts that have changed since then: what was posted late, or is tried again, may be missed.
    """
    query = _stale_rows(of_one=number is not None, of_late=since is not None)
    given = {
        "now": now,
        "calm_before": now - apart,
        "receivers": list(receivers),
        "number": number,
        "since": since,
    }
    return tuple(_stale(row) for row in session.connection().execute(query, given))


@cache
def _stale_rows(*, of_one: bool, of_late: bool) -> Any:
    """Build what is asked for after every answer; to build it takes longer than to run it."""
    answered_at = (
        select(func.max(ReplyRow.at))
        .where(col(ReplyRow.alert_number) == POSTING.c.alert_number)
        .scalar_subquery()
    )
    edited_at, due_at = POSTING.c.edited_at, POSTING.c.due_at
    now: BindParameter[datetime] = bindparam("now")
    # What was changed later than now, before the clock was set back, waits for nothing.
    calm = or_(
        edited_at.is_(None),
        edited_at <= bindparam("calm_before"),
        edited_at > now,
        answered_at > edited_at,
    )
    which = POSTING.c.alert_number == bindparam("number")
    due = or_(due_at.is_(None), due_at <= now)
    query = (
        select(POSTING, answered_at.label("answered_at"))
        .join(ALERT, ALERT.c.number == POSTING.c.alert_number)
        .where(ALERT.c.revision > POSTING.c.revision, calm, which if of_one else due)
        .where(POSTING.c.receiver.in_(bindparam("receivers", expanding=True)))
        .order_by(answered_at.desc().nulls_last(), POSTING.c.alert_number)
    )
    return query.where(ALERT.c.updated_at >= bindparam("since")) if of_late else query


def is_as_it_was(session: Session, seen: Stale) -> bool:
    """Whether a message stands where it stood, and shows what it showed."""
    row = session.get(PostingRow, (seen.alert_number, seen.receipt.receiver))
    now_so = (row.reference, row.revision) if row else None
    return now_so == (seen.receipt.reference, seen.revision)


def record_shown(session: Session, shown: Stale, revision: int, at: datetime) -> None:
    """Note which revision a message shows now.

    Where somebody else has changed it meanwhile, nobody knows whose change came last: it is
    brought up to date once more.
    """
    known = revision if is_as_it_was(session, shown) else UNKNOWN
    _change(session, shown, revision=known, edited_at=at, attempts=0, due_at=None, error="")


def record_not_shown(session: Session, shown: Stale, error: str, due_at: datetime) -> None:
    """Note why a message could not be changed, and when that is tried again."""
    attempts = shown.attempts + 1
    _change(session, shown, attempts=attempts, due_at=due_at, error=error[:_ERROR_LENGTH])


def forget(session: Session, alert_number: int, root: Receipt) -> None:
    """Forget a message that is there no longer."""
    row = session.get(PostingRow, (alert_number, root.receiver))
    if row is not None and row.reference == root.reference:
        session.delete(row)


def _change(session: Session, shown: Stale, **values: Any) -> None:
    """Change a row, unless another message stands there by now."""
    mine = and_(
        POSTING.c.alert_number == shown.alert_number,
        POSTING.c.receiver == shown.receipt.receiver,
        POSTING.c.reference == shown.receipt.reference,
    )
    session.connection().execute(update(POSTING).where(mine).values(**values))


def _stale(row: Any) -> Stale:
    receipt = Receipt(row.receiver, row.reference, row.posted_at, stands=True)
    answered = row.answered_at is not None and (
        row.edited_at is None or row.answered_at > row.edited_at
    )
    return Stale(row.alert_number, receipt, row.revision, row.attempts, answered)


def _sent(session: Session, key: str) -> Receipt | None:
    query = select(NOTIFICATION).where(
        NOTIFICATION.c.key == key, NOTIFICATION.c.sent_at.is_not(None)
    )
    row = session.connection().execute(query).one_or_none()
    return Receipt(row.receiver, row.reference, row.sent_at) if row else None
