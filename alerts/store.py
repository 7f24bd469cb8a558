"""Alerts, replies, decisions and notifications in the database; the caller owns the transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import CursorResult, and_, func, insert, or_, update
from sqlmodel import col, select

from alerts.codec import decode, encode
from alerts.model import (
    AbnormalDay,
    Alert,
    AlertState,
    Change,
    Message,
    Notification,
    Reason,
    Reply,
    Verb,
    Verdict,
)
from alerts.tables import AlertRow, DecisionRow, NotificationRow, ReplyRow
from detector.model import Finding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import date, datetime

    from sqlmodel import Session

    from alerts.model import Receipt
    from detector.model import FindingKind

NEW, SENDING, SENT = "new", "sending", "sent"
_FINGERPRINTS_A_QUERY = 500


@dataclass(frozen=True, slots=True)
class Decision:
    """What one day's judgement changed about an alert, told or held back, and why."""

    alert_number: int
    day: date
    change: Change
    reason: Reason
    notified: bool
    at: datetime


def alerts_touching(
    session: Session, day: date, fingerprints: Collection[str]
) -> tuple[Alert, ...]:
    """Return the alerts a judgement of ``day`` may change, locked where the database can."""
    lasting = or_(col(AlertRow.ended).is_(False), col(AlertRow.judged_day) >= day)
    rows = {
        row.number: row for row in session.exec(select(AlertRow).where(lasting).with_for_update())
    }
    for part in _parts(sorted(fingerprints), _FINGERPRINTS_A_QUERY):
        named = select(AlertRow).where(col(AlertRow.fingerprint).in_(part)).with_for_update()
        rows.update({row.number: row for row in session.exec(named)})
    return tuple(map(_alert, rows.values()))


def get_alert(session: Session, number: int) -> Alert | None:
    """Return one alert; None where there is none of that number."""
    row = session.get(AlertRow, number, populate_existing=True)
    return None if row is None else _alert(row)


def list_alerts(
    session: Session,
    *,
    states: Collection[AlertState] = (),
    tenant: str | None = None,
    kind: FindingKind | None = None,
    limit: int | None = None,
) -> tuple[Alert, ...]:
    """Return alerts, the newest first; an argument left out does not filter."""
    query = select(AlertRow).order_by(col(AlertRow.number).desc()).limit(limit)
    if states:
        query = query.where(col(AlertRow.state).in_([state.value for state in states]))
    if tenant is not None:
        query = query.where(col(AlertRow.tenant) == tenant)
    if kind is not None:
        query = query.where(col(AlertRow.kind) == kind.value)
    return tuple(map(_alert, session.exec(query)))


def insert_alerts(session: Session, alerts: Sequence[Alert]) -> tuple[Alert, ...]:
    """Store new alerts and return them with their numbers."""
    if not alerts:
        return ()
    numbered = insert(AlertRow).returning(col(AlertRow.fingerprint), col(AlertRow.number))
    pairs = session.execute(numbered, [_alert_values(alert) for alert in alerts])
    numbers = {row.fingerprint: row.number for row in pairs}
    return tuple(replace(alert, number=numbers[alert.fingerprint]) for alert in alerts)


def save_alerts(session: Session, alerts: Iterable[Alert]) -> None:
    """Store alerts that changed."""
    rows = [{"number": alert.number, **_alert_values(alert)} for alert in alerts]
    if rows:
        session.execute(update(AlertRow), rows)
        session.expire_all()


def move_alert(session: Session, before: Alert, after: Alert) -> bool:
    """Store an answered alert, unless somebody else changed it since ``before`` was read."""
    unmoved = and_(
        col(AlertRow.number) == before.number,
        col(AlertRow.state) == before.state.value,
        col(AlertRow.revision) == before.revision,
    )
    return _changes_one(session, update(AlertRow).where(unmoved).values(_alert_values(after)))


def append_reply(session: Session, reply: Reply) -> None:
    """Store an answer; answers are never changed or removed."""
    values = encode(reply)
    session.execute(insert(ReplyRow), {**values, "at": reply.at})


def replies_of(session: Session, number: int) -> tuple[Reply, ...]:
    """Return the answers to one alert, oldest first."""
    query = select(ReplyRow).where(col(ReplyRow.alert_number) == number)
    return tuple(map(_reply, session.exec(query.order_by(col(ReplyRow.number)))))


def answered_alerts(session: Session) -> tuple[tuple[Alert, Reply], ...]:
    """Return every dismissed alert with its newest dismissal, in the order of the answers."""
    dismissal = col(ReplyRow.verb) == Verb.DISMISS.value
    newest = (
        select(func.max(col(ReplyRow.number))).where(dismissal).group_by(col(ReplyRow.alert_number))
    )
    query = (
        select(AlertRow, ReplyRow)
        .join(ReplyRow, col(ReplyRow.alert_number) == col(AlertRow.number))
        .where(col(ReplyRow.number).in_(newest))
        .order_by(col(ReplyRow.number))
    )
    return tuple((_alert(alert), _reply(reply)) for alert, reply in session.exec(query))


def add_decisions(session: Session, decisions: Sequence[Decision]) -> None:
    """Store why each change was told or held back."""
    if decisions:
        rows = [
            {**encode(decision), "day": decision.day, "at": decision.at} for decision in decisions
        ]
        session.execute(insert(DecisionRow), rows)


def decisions_of(session: Session, number: int) -> tuple[Decision, ...]:
    """Return what was decided about one alert, oldest first."""
    query = select(DecisionRow).where(col(DecisionRow.alert_number) == number)
    return tuple(map(_decision, session.exec(query.order_by(col(DecisionRow.number)))))


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
                "state": NEW,
                "created_at": each.created_at,
                "reference": "",
                "error": "",
            }
            for each in notifications
        ]
        session.execute(insert(NotificationRow), rows)


def pending_keys(session: Session, left_behind_before: datetime) -> tuple[str, ...]:
    """Return the keys of what is new, or was left half sent, oldest first."""
    query = select(NotificationRow.key).where(_pending(left_behind_before))
    return tuple(session.exec(query.order_by(col(NotificationRow.number))))


def claim(
    session: Session, key: str, now: datetime, left_behind_before: datetime
) -> tuple[Notification, bool] | None:
    """Claim a notification; None where somebody else has it.

    The second value says whether it was claimed before, so that it may have been sent already.
    """
    query = select(NotificationRow).where(col(NotificationRow.key) == key)
    row = session.exec(query.where(_pending(left_behind_before))).first()
    if row is None:
        return None
    notification, again = _notification(row), row.state == SENDING
    mine = update(NotificationRow).where(
        col(NotificationRow.key) == key, _pending(left_behind_before)
    )
    if not _changes_one(session, mine.values(state=SENDING, claimed_at=now)):
        return None
    return notification, again


def record_receipt(session: Session, key: str, receipt: Receipt) -> None:
    """Note that a notification went out."""
    session.execute(
        update(NotificationRow)
        .where(col(NotificationRow.key) == key)
        .values(state=SENT, sent_at=receipt.sent_at, reference=receipt.reference, error="")
    )


def record_error(session: Session, key: str, error: str) -> None:
    """Note why a notification did not go out; it is looked up before it is sent again."""
    session.execute(
        update(NotificationRow)
        .where(col(NotificationRow.key) == key)
        .values(claimed_at=None, error=error)
    )


def _pending(left_behind_before: datetime) -> Any:
    """Pick what is new, failed, or claimed so long ago that its sender must have died."""
    claimed_at = col(NotificationRow.claimed_at)
    left = or_(claimed_at.is_(None), claimed_at <= left_behind_before)
    return or_(col(NotificationRow.state) == NEW, and_(col(NotificationRow.state) == SENDING, left))


def _changes_one(session: Session, statement: Any) -> bool:
    done: CursorResult[Any] = session.connection().execute(statement)
    session.expire_all()
    return done.rowcount == 1


def _parts(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _alert_values(alert: Alert) -> dict[str, Any]:
    return {
        "fingerprint": alert.fingerprint,
        "kind": alert.kind.value,
        "tenant": alert.tenant,
        "subject": alert.finding.subject,
        "severity": alert.severity.value,
        "state": alert.state.value,
        "ended": alert.ended,
        "announced": alert.announced,
        "judged_day": alert.judged_day,
        "normal_days": alert.normal_days,
        "told_magnitude": alert.told_magnitude,
        "revision": alert.revision,
        "opened_at": alert.opened_at,
        "updated_at": alert.updated_at,
        "finding": encode(alert.finding),
        "abnormal": encode(alert.abnormal),
    }


def _alert(row: AlertRow) -> Alert:
    return Alert(
        number=row.number or 0,
        fingerprint=row.fingerprint,
        state=AlertState(row.state),
        finding=decode(Finding, row.finding),
        abnormal=tuple(decode(AbnormalDay, each) for each in row.abnormal),
        opened_at=row.opened_at,
        updated_at=row.updated_at,
        judged_day=row.judged_day,
        normal_days=row.normal_days,
        told_magnitude=row.told_magnitude,
        ended=row.ended,
        announced=row.announced,
        revision=row.revision,
    )


def _reply(row: ReplyRow) -> Reply:
    return Reply(
        alert_number=row.alert_number,
        verb=Verb(row.verb),
        actor=row.actor,
        at=row.at,
        from_state=AlertState(row.from_state),
        to_state=AlertState(row.to_state),
        verdict=Verdict(row.verdict) if row.verdict else None,
        note=row.note,
    )


def _decision(row: DecisionRow) -> Decision:
    return Decision(
        alert_number=row.alert_number,
        day=row.day,
        change=Change(row.change),
        reason=Reason(row.reason),
        notified=row.notified,
        at=row.at,
    )


def _notification(row: NotificationRow) -> Notification:
    return Notification(
        key=row.key,
        alert_number=row.alert_number,
        receiver=row.receiver,
        reason=Reason(row.reason),
        message=decode(Message, row.message),
        created_at=row.created_at,
    )
