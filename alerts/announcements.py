"""Silences and planned events in the database; the caller owns the transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import or_
from sqlmodel import col, select

from alerts import declaring
from alerts.declaring import AnnouncementRefused
from alerts.holds import PlannedEvent, Silence, ToldNews
from alerts.model import Reason
from alerts.tables import AlertRow, DecisionRow, PlannedEventRow, SilenceRow
from detector.model import FindingKind, Severity

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlmodel import Session


def add_silence(session: Session, silence: Silence, now: datetime) -> Silence:
    """Store a silence and return it with its reference."""
    row = SilenceRow(
        tenant=silence.tenant,
        kind=silence.kind.value if silence.kind else None,
        severity=silence.severity.value if silence.severity else None,
        starts_at=silence.starts_at or now,
        ends_at=silence.ends_at,
        comment=silence.comment,
        author=silence.author,
        created_at=now,
    )
    session.add(row)
    session.flush()
    return replace(silence, reference=f"S-{row.number}")


def list_silences(session: Session, *, in_force_at: datetime | None = None) -> tuple[Silence, ...]:
    """Return the silences, or those in force at a moment, oldest first."""
    query = select(SilenceRow).order_by(col(SilenceRow.number))
    if in_force_at is not None:
        query = query.where(
            col(SilenceRow.ends_at) > in_force_at, col(SilenceRow.starts_at) <= in_force_at
        )
    return tuple(map(_silence, session.exec(query)))


def get_silence(session: Session, number: int) -> Silence:
    """Return a silence; raises AnnouncementRefused: there is none."""
    row = session.get(SilenceRow, number)
    if row is None:
        raise no_silence(number)
    return _silence(row)


def no_silence(number: int) -> AnnouncementRefused:
    """Say that there is no such silence."""
    return AnnouncementRefused(
        f"there is no silence S-{number}; `spendwatch silence list --all` shows them"
    )


def end_silence(session: Session, number: int, actor: str, now: datetime) -> Silence:
    """End a silence now; raises AnnouncementRefused: there is none, or AlreadyOver."""
    row = session.get(SilenceRow, number, with_for_update=True)
    if row is None:
        raise no_silence(number)
    ended = declaring.end_silence(_silence(row), actor, now)
    row.ends_at, row.ended_by = ended.ends_at, ended.ended_by
    session.flush()
    return ended


def told_since(session: Session, since: datetime) -> tuple[ToldNews, ...]:
    """Return what was told since a moment, alone or in one message with others, newest first."""
    told = or_(col(DecisionRow.notified).is_(True), col(DecisionRow.reason) == Reason.GROUPED.value)
    query = (
        select(AlertRow)
        .join(DecisionRow, col(DecisionRow.alert_number) == col(AlertRow.number))
        .where(told, col(DecisionRow.at) >= since)
        .order_by(col(DecisionRow.number).desc())
    )
    return tuple(map(_told_news, session.exec(query)))


def add_planned_event(session: Session, plan: PlannedEvent, now: datetime) -> PlannedEvent:
    """Store a planned event and return it with its reference."""
    row = PlannedEventRow(
        tenant=plan.tenant,
        first_day=plan.first_day,
        last_day=plan.last_day,
        ceiling_micro_usd=plan.ceiling_micro_usd,
        comment=plan.comment,
        author=plan.author,
        created_at=now,
    )
    session.add(row)
    session.flush()
    return replace(plan, reference=f"P-{row.number}")


def list_planned_events(session: Session) -> tuple[PlannedEvent, ...]:
    """Return all planned events, oldest first: past days are judged again, and stay planned."""
    query = select(PlannedEventRow).order_by(col(PlannedEventRow.number))
    return tuple(map(_planned_event, session.exec(query)))


def get_planned_event(session: Session, number: int) -> PlannedEvent:
    """Return a planned event; raises AnnouncementRefused: there is none."""
    row = session.get(PlannedEventRow, number)
    if row is None:
        raise no_planned_event(number)
    return _planned_event(row)


def no_planned_event(number: int) -> AnnouncementRefused:
    """Say that there is no such planned event."""
    return AnnouncementRefused(
        f"there is no planned event P-{number}; `spendwatch planned list --all` shows them"
    )


def end_planned_event(
    session: Session, number: int, actor: str, judged_day: date | None
) -> PlannedEvent:
    """Take from a planned event the days after the newest judged one, or all where none was.

    Raises AnnouncementRefused: there is none, or AlreadyOver.
    """
    row = session.get(PlannedEventRow, number, with_for_update=True)
    if row is None:
        raise no_planned_event(number)
    ended = declaring.end_plan(_planned_event(row), actor, judged_day)
    row.last_day, row.ended_by = ended.last_day, ended.ended_by
    session.flush()
    return ended


def _told_news(row: AlertRow) -> ToldNews:
    costs = [day.get("actual_micro_usd") or 0 for day in (row.finding, *row.abnormal)]
    return ToldNews(
        row.number or 0, row.tenant, FindingKind(row.kind), Severity(row.severity), max(costs)
    )


def _silence(row: SilenceRow) -> Silence:
    return Silence(
        reference=f"S-{row.number}",
        tenant=row.tenant,
        kind=FindingKind(row.kind) if row.kind else None,
        severity=Severity(row.severity) if row.severity else None,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        comment=row.comment,
        author=row.author,
        ended_by=row.ended_by,
    )


def _planned_event(row: PlannedEventRow) -> PlannedEvent:
    return PlannedEvent(
        reference=f"P-{row.number}",
        tenant=row.tenant,
        first_day=row.first_day,
        last_day=row.last_day,
        ceiling_micro_usd=row.ceiling_micro_usd,
        comment=row.comment,
        author=row.author,
        ended_by=row.ended_by,
    )
