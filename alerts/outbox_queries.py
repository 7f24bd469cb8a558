"""What stands in the outbox, and what of it is asked for again and again: built once.

To build a statement takes several times as long as to run it.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import and_, bindparam, exists, or_
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from alerts.model import Reason
from alerts.tables import NotificationRow
from detector.columns import UtcDateTime

_NUMBER = col(NotificationRow.number)


class NotificationState(StrEnum):
    """How far a notification has come."""

    NEW = "new"
    SENDING = "sending"
    RETRY = "retry"
    SENT = "sent"
    DEAD = "dead"
    DROPPED = "dropped"
    DIVIDED = "divided"


WAITING = (NotificationState.NEW, NotificationState.RETRY)
ON_ITS_WAY = (*WAITING, NotificationState.SENDING)
SETTLED = tuple(
    state.value
    for state in (NotificationState.SENT, NotificationState.DROPPED, NotificationState.DIVIDED)
)
"""States in which nothing is left to be done."""


@cache
def pending_rows(*, pictures: bool) -> Any:
    """Select key, receiver and reason of what is due, oldest first: messages, or pictures."""
    query = select(NotificationRow.key, NotificationRow.receiver, NotificationRow.reason)
    is_picture = col(NotificationRow.reason) == Reason.CHART.value
    return query.where(_is_due(), is_picture if pictures else ~is_picture).order_by(_NUMBER)


@cache
def claimable_row() -> Any:
    """Select the row of a ``key``, where it is due and its turn."""
    mine = col(NotificationRow.key) == bindparam("key")
    return select(NotificationRow).where(mine, _is_due(), ~is_behind_another())


@cache
def first_row() -> Any:
    """Select what the same person was sent first about the same alert, before a ``number``."""
    same = (
        col(getattr(NotificationRow, name)) == bindparam(name)
        for name in ("alert_number", "receiver", "recipient")
    )
    was_sent = col(NotificationRow.state) == NotificationState.SENT.value
    earlier = bindparam("number") > _NUMBER
    return select(NotificationRow).where(*same, was_sent, earlier).order_by(_NUMBER).limit(1)


@cache
def is_behind_another() -> Any:
    """Pick what must wait: an earlier word about the same alert is on its way to the receiver.

    What is about many alerts at once has no alert number, equals no other and never waits, but
    for the one below which it belongs.
    """
    earlier = aliased(NotificationRow)
    same_alert = and_(
        col(earlier.alert_number) == col(NotificationRow.alert_number),
        col(earlier.receiver) == col(NotificationRow.receiver),
        col(earlier.recipient) == col(NotificationRow.recipient),
        col(earlier.number) < col(NotificationRow.number),
    )
    its_root = col(earlier.key) == col(NotificationRow.thread_of)
    return exists().where(or_(same_alert, its_root), col(earlier.state).in_(ON_ITS_WAY))


@cache
def _is_due() -> Any:
    """Pick what is due ``now``, or was claimed so long ago that its sender must have died."""
    now, left = (bindparam(name, type_=UtcDateTime()) for name in ("now", "left_behind_before"))
    state, due_at = col(NotificationRow.state), col(NotificationRow.due_at)
    claimed_at = col(NotificationRow.claimed_at)
    waits = and_(state.in_(WAITING), or_(due_at.is_(None), due_at <= now))
    lost = or_(claimed_at.is_(None), claimed_at <= left)
    return or_(waits, and_(state == NotificationState.SENDING, lost))
