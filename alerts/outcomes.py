"""What came of the alerts that somebody knows of: when they were told, and what was answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlmodel import col, or_, select

from alerts import store
from alerts.model import Reason
from alerts.precision import Outcome
from alerts.replies import in_force
from alerts.tables import ALERT, DecisionRow, NotificationRow
from alerts.verdicts import TEACHING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date, datetime

    from sqlmodel import Session

    from alerts.model import Alert, Reply


def read_outcomes(
    session: Session,
    since: date,
    methods: Mapping[date, str],
    canonical: Callable[[str], str] = str,
) -> tuple[Outcome, ...]:
    """Return what came of the alerts whose first day is ``since`` or later, oldest first.

    ``methods`` says which method judged a day, of alerts that do not know it themselves.
    """
    lasted = ALERT.c.judged_day >= since
    told, replies = _first_told(session, lasted), store.replies_about(session, lasted)
    return tuple(
        _outcome(alert, told.get(alert.number), answers, methods, canonical(alert.tenant))
        for alert in store.select_alerts(session, lasted)
        if (answers := in_force(replies.get(alert.number, ()))) or alert.number in told
        if first_day(alert) >= since
    )


def first_day(alert: Alert) -> date:
    """Return the day an alert began; of what was withdrawn the last one that is known."""
    return min(alert.days, default=alert.finding.day)


def _first_told(session: Session, *conditions: Any) -> dict[int, datetime]:
    """Say when a message of each alert first arrived; of one that has not, when it was written."""
    decision, message = DecisionRow, NotificationRow
    of_these = col(decision.alert_number).in_(select(ALERT.c.number).where(*conditions))
    grouped = col(decision.reason) == Reason.GROUPED.value
    query = (
        select(col(decision.alert_number), col(decision.at), col(message.sent_at))
        .join(message, col(message.key) == col(decision.message_key), isouter=True)
        .where(of_these, or_(col(decision.notified), grouped))
        .order_by(col(decision.number))
    )
    told: dict[int, datetime] = {}
    for number, written_at, sent_at in session.exec(query):
        at = sent_at or written_at
        told[number] = min(at, told.get(number, at))
    return told


def _outcome(
    alert: Alert,
    told_at: datetime | None,
    answers: Sequence[Reply],
    methods: Mapping[date, str],
    tenant: str,
) -> Outcome:
    verdicts = [reply.verdict for reply in answers if reply.verdict]
    return Outcome(
        alert=alert,
        tenant=tenant,
        method=_method(alert, methods),
        told_at=told_at or alert.opened_at,
        answered_at=answers[0].at if answers else None,
        verdict=verdicts[-1] if verdicts else None,
    )


def _method(alert: Alert, methods: Mapping[date, str]) -> str:
    if alert.kind not in TEACHING:
        return ""
    kept = alert.abnormal[0].method if alert.abnormal else alert.finding.facts.get("method", "")
    return str(kept) or methods.get(first_day(alert), "")
