"""What a digest is about, in the database; the caller owns the transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func
from sqlmodel import col, select

from alerts import store
from alerts.interim import HeldBack
from alerts.model import HELD_FOR_NOW, AlertState, Reason
from alerts.outbox_queries import NotificationState
from alerts.tables import AlertRow, DecisionRow, NotificationRow

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from sqlmodel import Session

    from alerts.model import Alert

_ANSWERABLE = (AlertState.OPEN, AlertState.ACKNOWLEDGED, AlertState.SNOOZED)


def written_keys(session: Session, keys: Collection[str]) -> set[str]:
    """Return those of the keys under which a notification was written."""
    query = select(NotificationRow.key).where(col(NotificationRow.key).in_(sorted(keys)))
    return set(session.exec(query))


def written_since(session: Session, prefix: str, since: datetime) -> int:
    """Return how many notifications were written since a moment under keys that begin so."""
    mine = col(NotificationRow.key).startswith(prefix, autoescape=True)
    newer = col(NotificationRow.created_at) > since
    return session.exec(select(func.count()).where(mine, newer)).one()


def last_digests(session: Session) -> Mapping[str, datetime]:
    """Return when the last digest was written, by receiver."""
    query = (
        select(NotificationRow.receiver, func.max(col(NotificationRow.created_at)))
        .where(col(NotificationRow.reason) == Reason.DIGEST.value)
        .group_by(col(NotificationRow.receiver))
    )
    return dict(session.exec(query).all())


def lasting_alerts(session: Session) -> tuple[Alert, ...]:
    """Return the alerts in force that nobody dismissed."""
    answerable = col(AlertRow.state).in_([state.value for state in _ANSWERABLE])
    return store.select_alerts(session, col(AlertRow.ended).is_(False), answerable)


def alerts_that_came_and_went(session: Session, after: datetime) -> tuple[Alert, ...]:
    """Return the alerts opened after a moment that are over."""
    opened = col(AlertRow.opened_at) > after
    return store.select_alerts(session, col(AlertRow.ended).is_(True), opened)


def held_back(session: Session, after: datetime) -> tuple[HeldBack, ...]:
    """Return of each alert the newest decision after a moment that held something back."""
    reasons = [reason.value for reason in HELD_FOR_NOW]
    newest = (
        select(func.max(col(DecisionRow.number)))
        .where(
            col(DecisionRow.at) > after,
            col(DecisionRow.notified).is_(False),
            col(DecisionRow.reason).in_(reasons),
        )
        .group_by(col(DecisionRow.alert_number))
    )
    chosen = col(DecisionRow.number).in_(newest)
    why = {row.alert_number: row for row in session.exec(select(DecisionRow).where(chosen))}
    alerts = store.select_alerts(
        session, col(AlertRow.number).in_(select(DecisionRow.alert_number).where(chosen))
    )
    return tuple(
        HeldBack(alert, Reason(why[alert.number].reason), why[alert.number].at) for alert in alerts
    )


def undelivered(session: Session) -> Mapping[str, int]:
    """Return how many messages were given up, by receiver."""
    query = (
        select(NotificationRow.receiver, func.count())
        .where(col(NotificationRow.state) == NotificationState.DEAD.value)
        .group_by(col(NotificationRow.receiver))
    )
    return dict(session.exec(query).all())
