"""Alerts, replies and decisions in the database; the caller owns the transaction."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import and_, bindparam, func, insert, or_, update
from sqlmodel import col, select

from alerts.codec import decode, encode
from alerts.model import AbnormalDay, Alert, AlertState, Change, Reason, Reply, Seen, Verb, Verdict
from alerts.tables import ALERT, DECISION, REPLY, DecisionRow, NotificationRow, ReplyRow
from detector.model import Finding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import date, datetime

    from sqlmodel import Session

    from alerts.model import AlertRules
    from detector.model import FindingKind

_A_QUERY = 500

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Decision:
    """What one day's judgement changed about an alert, told or held back, and why.

    ``message_key`` names the notification that tells it, alone or with others; it is empty where
    none does, and in rows of before it was kept.
    """

    alert_number: int
    day: date
    change: Change
    reason: Reason
    notified: bool
    at: datetime
    detail: str = ""
    message_key: str = ""


@dataclass(frozen=True, slots=True)
class Dismissal:
    """One dismissal of an alert; ``undone_at`` is None while it stands."""

    alert: Alert
    reply: Reply
    undone_at: datetime | None = None

    def stood(self, at: datetime) -> bool:
        """Whether it had been given by then, and not been undone."""
        return self.reply.at <= at and (self.undone_at is None or self.undone_at > at)


def alerts_touching(
    session: Session, day: date, fingerprints: Collection[str]
) -> tuple[Alert, ...]:
    """Return the alerts a judgement of ``day`` may change, locked where the database can."""
    lasting = or_(ALERT.c.ended.is_(False), ALERT.c.judged_day >= day)
    found = {alert.number: alert for alert in _read(session, lasting, lock=True)}
    for part in _parts(sorted(fingerprints), _A_QUERY):
        named = _read(session, ALERT.c.fingerprint.in_(part), lock=True)
        found.update({alert.number: alert for alert in named})
    return tuple(found.values())


def get_alert(session: Session, number: int) -> Alert | None:
    """Return one alert; None where there is none of that number."""
    row = session.connection().execute(_one_alert(), {"number": number}).one_or_none()
    return None if row is None else _alert(row)


def list_alerts(
    session: Session,
    *,
    states: Collection[AlertState] = (),
    tenant: str | None = None,
    kind: FindingKind | None = None,
) -> tuple[Alert, ...]:
    """Return alerts, the newest first; an argument left out does not filter."""
    wanted: list[Any] = []
    if states:
        wanted.append(ALERT.c.state.in_([state.value for state in states]))
    if tenant is not None:
        wanted.append(ALERT.c.tenant == tenant)
    if kind is not None:
        wanted.append(ALERT.c.kind == kind.value)
    return tuple(reversed(_read(session, *wanted)))


def select_alerts(session: Session, *conditions: Any) -> tuple[Alert, ...]:
    """Return the alerts that fulfil all conditions, the oldest first."""
    return _read(session, *conditions)


def insert_alerts(session: Session, alerts: Sequence[Alert]) -> tuple[Alert, ...]:
    """Store new alerts and return them with their numbers."""
    if not alerts:
        return ()
    numbered = insert(ALERT).returning(ALERT.c.fingerprint, ALERT.c.number)
    pairs = session.connection().execute(numbered, [_alert_values(alert) for alert in alerts])
    numbers = {row.fingerprint: row.number for row in pairs}
    return tuple(replace(alert, number=numbers[alert.fingerprint]) for alert in alerts)


def save_alerts(session: Session, alerts: Iterable[Alert]) -> None:
    """Store alerts that changed."""
    rows = [{"b_number": alert.number, **_alert_values(alert)} for alert in alerts]
    if rows:
        mine = ALERT.c.number == bindparam("b_number")
        session.connection().execute(update(ALERT).where(mine), rows)


def move_alert(session: Session, before: Alert, after: Alert) -> bool:
    """Store an answered alert, unless somebody else changed it since ``before`` was read."""
    seen = {
        "seen_number": before.number,
        "seen_state": before.state.value,
        "seen_revision": before.revision,
    }
    moved = session.connection().execute(_unmoved_alert(), seen | _alert_values(after))
    return moved.rowcount == 1


def append_reply(session: Session, reply: Reply) -> Reply:
    """Store an answer and return it with its number; answers are never changed or removed."""
    values = {**encode(reply), "at": reply.at, "until": reply.until}
    del values["number"]
    number = session.connection().execute(_new_reply(), values).scalar_one()
    return replace(reply, number=number or 0)


def replies_of(session: Session, number: int) -> tuple[Reply, ...]:
    """Return the answers to one alert, oldest first."""
    rows = session.connection().execute(_replies_of_one(), {"number": number})
    return tuple(map(_reply, rows))


def replies_about(session: Session, *conditions: Any) -> dict[int, list[Reply]]:
    """Return the answers to alerts that fulfil all conditions, by their number, oldest first."""
    alerts = select(ALERT.c.number).where(*conditions)
    query = select(ReplyRow).where(col(ReplyRow.alert_number).in_(alerts))
    replies: dict[int, list[Reply]] = defaultdict(list)
    for row in session.exec(query.order_by(col(ReplyRow.number))):
        replies[row.alert_number].append(_reply(row))
    return replies


def newest_answers(session: Session, numbers: Collection[int]) -> dict[int, Reply]:
    """Return the newest answer of each alert that was not undone."""
    undone = select(col(ReplyRow.undoes)).where(col(ReplyRow.undoes).is_not(None))
    answers: dict[int, Reply] = {}
    for part in _parts(sorted(numbers), _A_QUERY):
        query = select(ReplyRow).where(
            col(ReplyRow.alert_number).in_(part),
            col(ReplyRow.verb) != Verb.UNDO.value,
            col(ReplyRow.number).not_in(undone),
        )
        rows = session.exec(query.order_by(col(ReplyRow.number)))
        answers.update({row.alert_number: _reply(row) for row in rows})
    return answers


def dismissals(session: Session) -> tuple[Dismissal, ...]:
    """Return every dismissal there ever was, the oldest first, and when it was undone."""
    taken_back = select(col(ReplyRow.undoes), col(ReplyRow.at)).where(
        col(ReplyRow.undoes).is_not(None)
    )
    undone_at = dict(session.exec(taken_back).all())
    dismissed = col(ReplyRow.verb) == Verb.DISMISS.value
    rows = session.exec(select(ReplyRow).where(dismissed).order_by(col(ReplyRow.number))).all()
    numbers = select(col(ReplyRow.alert_number)).where(dismissed)
    alerts = {alert.number: alert for alert in _read(session, ALERT.c.number.in_(numbers))}
    return tuple(
        Dismissal(alerts[row.alert_number], _reply(row), undone_at.get(row.number)) for row in rows
    )


def waiting_alerts(session: Session, now: datetime, rules: AlertRules) -> tuple[Alert, ...]:
    """Return the alerts that time may change, locked where the database can."""
    waiting = [ALERT.c.snoozed_until <= now, ALERT.c.held.is_not(None)]
    for told, after in (
        (ALERT.c.reminded, rules.remind_after),
        (ALERT.c.escalated, rules.escalate_after),
    ):
        if after is not None:
            waiting.append(and_(told.is_(False), _unanswered_since(now - after)))
    return _read(session, or_(*waiting), lock=True)


def _unanswered_since(moment: datetime) -> Any:
    """Pick what was told by then, was open by then, and is open still."""
    begun = func.coalesce(ALERT.c.open_since, ALERT.c.opened_at) <= moment
    is_open = ALERT.c.state == AlertState.OPEN.value
    return and_(is_open, ALERT.c.told_at <= moment, begun)


def add_decisions(session: Session, decisions: Sequence[Decision]) -> None:
    """Store why each change was told or held back."""
    if decisions:
        session.connection().execute(insert(DECISION), [*map(_decision_values, decisions)])


def decisions_of(session: Session, number: int) -> tuple[Decision, ...]:
    """Return what was decided about one alert, oldest first."""
    query = select(DecisionRow).where(col(DecisionRow.alert_number) == number)
    return tuple(map(_decision, session.exec(query.order_by(col(DecisionRow.number)))))


def newest_message_keys(session: Session, numbers: Collection[int]) -> dict[int, str]:
    """Return the key of the message that told of each alert last, alone or with others."""
    newest: dict[int, str] = {}
    for part in _parts(sorted(numbers), _A_QUERY):
        query = select(col(DecisionRow.alert_number), col(DecisionRow.message_key)).where(
            col(DecisionRow.alert_number).in_(part), col(DecisionRow.message_key) != ""
        )
        newest.update(session.exec(query.order_by(col(DecisionRow.number))).all())
    return newest


def heard_last(session: Session, numbers: Collection[int]) -> dict[int, dict[str, Change]]:
    """Return what receivers were told last of each alert; who was told first comes first."""
    heard: dict[int, dict[str, Change]] = defaultdict(dict)
    for part in _parts(sorted(numbers), _A_QUERY):
        query = (
            select(
                col(DecisionRow.alert_number),
                col(NotificationRow.receiver),
                col(DecisionRow.change),
            )
            .join(NotificationRow, col(NotificationRow.key) == col(DecisionRow.message_key))
            .where(col(DecisionRow.alert_number).in_(part))
            .order_by(col(DecisionRow.number))
        )
        for number, receiver, change in session.exec(query):
            heard[number][receiver] = Change(change)
    return heard


def numbers_told_by(session: Session, keys: Collection[str]) -> dict[str, list[int]]:
    """Return the alerts of which messages tell, once for each change, by the key of the message."""
    told: dict[str, list[int]] = defaultdict(list)
    for part in _parts(sorted(keys), _A_QUERY):
        query = select(col(DecisionRow.message_key), col(DecisionRow.alert_number)).where(
            col(DecisionRow.message_key).in_(part)
        )
        for key, number in session.exec(query):
            told[key].append(number)
    return told


# What each answer asks for is built once: that takes longer than to ask.


@cache
def _one_alert() -> Any:
    return ALERT.select().where(ALERT.c.number == bindparam("number"))


@cache
def _unmoved_alert() -> Any:
    return update(ALERT).where(
        ALERT.c.number == bindparam("seen_number"),
        ALERT.c.state == bindparam("seen_state"),
        ALERT.c.revision == bindparam("seen_revision"),
    )


@cache
def _new_reply() -> Any:
    return insert(REPLY).returning(REPLY.c.number)


@cache
def _replies_of_one() -> Any:
    mine = REPLY.c.alert_number == bindparam("number")
    return REPLY.select().where(mine).order_by(REPLY.c.number)


def _parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
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
        "snoozed_until": alert.snoozed_until,
        "held": alert.held.value if alert.held else None,
        "told_at": alert.told_at,
        "reminded": alert.reminded,
        "escalated": alert.escalated,
        "open_since": alert.open_since,
        "finding": encode(alert.finding),
        "abnormal": encode(alert.abnormal),
    }


def _read(session: Session, *conditions: Any, lock: bool = False) -> tuple[Alert, ...]:
    """Read alerts, the oldest first; many at once are read past the ORM."""
    query = ALERT.select().where(*conditions).order_by(ALERT.c.number)
    rows = session.connection().execute(query.with_for_update() if lock else query)
    return tuple(map(_alert, rows))


def _alert(row: Any) -> Alert:
    return Alert(
        number=row.number,
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
        snoozed_until=row.snoozed_until,
        held=Reason(row.held) if row.held else None,
        told_at=row.told_at,
        reminded=row.reminded,
        escalated=row.escalated,
        open_since=row.open_since,
    )


def _reply(row: Any) -> Reply:
    return Reply(
        alert_number=row.alert_number,
        verb=Verb(row.verb),
        actor=row.actor,
        at=row.at,
        from_state=AlertState(row.from_state),
        to_state=AlertState(row.to_state),
        verdict=Verdict(row.verdict) if row.verdict else None,
        note=row.note,
        until=row.until,
        magnitude=row.magnitude,
        undoes=row.undoes,
        number=row.number or 0,
        seen=decode(Seen, row.seen) if row.seen else None,
    )


def _decision_values(decision: Decision) -> dict[str, Any]:
    return {
        "alert_number": decision.alert_number,
        "day": decision.day,
        "change": decision.change.value,
        "reason": decision.reason.value,
        "notified": decision.notified,
        "at": decision.at,
        "detail": decision.detail,
        "message_key": decision.message_key,
    }


def _decision(row: DecisionRow) -> Decision:
    return Decision(
        alert_number=row.alert_number,
        day=row.day,
        change=Change(row.change),
        reason=Reason(row.reason),
        notified=row.notified,
        at=row.at,
        detail=row.detail,
        message_key=row.message_key,
    )
