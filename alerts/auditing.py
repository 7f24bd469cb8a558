"""What an audit looks at, read from the database."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlmodel import and_, col, exists, func, or_, select

from alerts import outbox
from alerts.audit import Evidence
from alerts.outbox_queries import NotificationState
from alerts.tables import DecisionRow, NotificationRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlmodel import Session

LOOKS_BACK = timedelta(days=2)
"""Older decisions were looked at before, and their messages may be removed one day."""


def evidence(session: Session, now: datetime, last_resort: str) -> Evidence:
    """Read it; ``last_resort`` is the receiver that is told what no other could be told."""
    return Evidence(
        untold=_untold(session, now - LOOKS_BACK),
        claimed_since=outbox.claimed_since(session),
        lost=_lost(session, last_resort),
    )


def _untold(session: Session, since: datetime) -> tuple[int, ...]:
    decision = DecisionRow
    has_message = exists().where(col(NotificationRow.key) == col(decision.message_key))
    told = or_(col(decision.notified), col(decision.message_key) != "")
    query = select(col(decision.alert_number)).where(
        and_(col(decision.at) >= since, told, ~has_message)
    )
    return tuple(sorted(set(session.exec(query).all())))


def _lost(session: Session, receiver: str) -> int:
    is_dead = col(NotificationRow.state) == NotificationState.DEAD
    mine = col(NotificationRow.receiver) == receiver
    return session.exec(select(func.count()).where(is_dead, mine)).one()
