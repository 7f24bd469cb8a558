"""What is critical and does not get through is told to somebody else meanwhile.

What waits stays where it is, and goes out once it can: whoever was told in its place is told that
it was meant for another. Nothing here looks at why a receiver is not reached; a channel that is
down says so itself, and one that fails again and again is known by what waits for it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import or_
from sqlmodel import col, select

from alerts import outbox
from alerts.codec import decode
from alerts.messages import forwarded_message
from alerts.model import Reason
from alerts.notice import Message
from alerts.outbox_queries import NotificationState
from alerts.tables import NotificationRow
from detector.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from sqlmodel import Session

    from alerts.channels.base import Channel

PATIENCE = timedelta(minutes=5)
"""What is critical, and was tried in vain for so long, is told to somebody else."""
_WAITING = (NotificationState.NEW.value, NotificationState.RETRY.value)


def divert(
    session: Session, channels: Mapping[str, Channel], stand_ins: Mapping[str, str], now: datetime
) -> tuple[str, ...]:
    """Write what is critical and waits for a receiver that is not reached to who stands in for it.

    Once for each message: to do it again changes nothing. Returns the keys of what was written.
    """
    diverted = []
    for row in _held_up(session, channels, now):
        stand_in = stand_ins.get(row.receiver, "")
        channel = channels.get(stand_in)
        key = f"instead:{row.part_of or row.key}"
        if channel is None or channel.down or outbox.is_known(session, key):
            continue
        waiting = outbox.notification_of(row)
        message = forwarded_message(waiting.message, row.receiver, _why(row, channels))
        told = replace(
            waiting, key=key, receiver=stand_in, message=message, created_at=now,
            recipient="", part_of="", thread_of="",
        )  # fmt: skip
        outbox.add_notifications(session, [told])
        diverted.append(key)
    return tuple(diverted)


def _held_up(
    session: Session, channels: Mapping[str, Channel], now: datetime
) -> Iterator[NotificationRow]:
    """Give what is critical and is held up, oldest first."""
    down = [name for name, channel in channels.items() if channel.down]
    late = col(NotificationRow.first_tried_at) <= now - PATIENCE
    query = select(NotificationRow).where(
        col(NotificationRow.state).in_(_WAITING),
        or_(col(NotificationRow.receiver).in_(down), late),
        col(NotificationRow.reason) != Reason.CHART.value,
        col(NotificationRow.thread_of) == "",
    )
    for row in session.exec(query.order_by(col(NotificationRow.number))).all():
        if decode(Message, row.message).tone == Severity.CRITICAL:
            yield row


def _why(row: NotificationRow, channels: Mapping[str, Channel]) -> str:
    channel = channels.get(row.receiver)
    return (channel.down if channel else "") or row.error or "nothing gets through"
