"""Addresses that get nothing any more: refused again and again, or left out as they asked.

The settings say who gets copies of what is for a receiver; this table says who of them does not.
The caller owns the transaction.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from sqlmodel import col, select

from alerts.tables import RecipientRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlmodel import Session

    from alerts.notice import Notification

MOST_REFUSALS = 3
"""In a row; after that an address is not tried any more."""
_WHY_LENGTH = 300


class Stop(StrEnum):
    """Why somebody gets nothing any more."""

    UNSUBSCRIBED = "unsubscribed"
    REFUSED = "refused"


def stopped(session: Session, receiver: str) -> frozenset[str]:
    """Return the addresses of a receiver that get nothing."""
    query = select(RecipientRow.address).where(
        col(RecipientRow.receiver) == receiver, col(RecipientRow.stopped_at).is_not(None)
    )
    return frozenset(session.exec(query))


def all_stopped(session: Session) -> Sequence[RecipientRow]:
    """Return every address that gets nothing, the newest first."""
    at = col(RecipientRow.stopped_at)
    query = select(RecipientRow).where(at.is_not(None)).order_by(at.desc(), RecipientRow.address)
    return session.exec(query).all()


def unsubscribe(session: Session, receiver: str, address: str, now: datetime) -> bool:
    """Leave an address out from now on; False where it was already."""
    row = _row(session, receiver, address)
    if row.stopped_at is not None:
        return False
    row.stopped_at, row.why = now, Stop.UNSUBSCRIBED.value
    return True


def resume(session: Session, receiver: str, address: str) -> bool:
    """Send to an address again; False where nothing had stopped that."""
    row = session.get(RecipientRow, (receiver, address))
    if row is None or row.stopped_at is None:
        return False
    session.delete(row)
    session.flush()
    return True


def note_refused(session: Session, refused: Notification, why: str, now: datetime) -> bool:
    """Count that an address was refused; True where it gets nothing any more from now on."""
    row = _row(session, refused.receiver, refused.recipient)
    row.refusals += 1
    if row.refusals < MOST_REFUSALS or row.stopped_at is not None:
        return False
    row.stopped_at, row.why = now, f"{Stop.REFUSED}: {why}"[:_WHY_LENGTH]
    return True


def note_taken(session: Session, sent: Notification) -> None:
    """Forget earlier refusals of an address that takes mail again."""
    row = session.get(RecipientRow, (sent.receiver, sent.recipient)) if sent.recipient else None
    if row is not None and row.stopped_at is None:
        session.delete(row)


def _row(session: Session, receiver: str, address: str) -> RecipientRow:
    row = session.get(RecipientRow, (receiver, address))
    if row is None:
        row = RecipientRow(receiver=receiver, address=address)
        session.add(row)
    return row
