"""Reading how sources answered, what they had to refuse, and which days were judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from detector.quality import SourceDay
from detector.tables import JUDGED_DAY, PULL, REJECTED_ROW, SOURCE_DAY

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlmodel import Session


def source_days(
    session: Session, day: date, window_days: int, in_service: Collection[str]
) -> tuple[SourceDay, ...]:
    """Say how each source answered for the day, and what it had to refuse."""
    rows = session.connection().execute(
        select(SOURCE_DAY).where(
            SOURCE_DAY.c.day <= day,
            SOURCE_DAY.c.day >= day - timedelta(days=window_days),
            SOURCE_DAY.c.rows > 0,
        )
    )
    counts: dict[str, dict[date, int]] = {name: {} for name in in_service}
    for row in rows:
        counts.setdefault(row.source, {})[row.day] = row.rows
    pulls = _newest_pulls(session, judged_before_at(session, day))
    states = (
        _source_day(session, source, days, day, pulls.get(source, []))
        for source, days in counts.items()
    )
    # A file imported once is no service that can fall silent.
    return tuple(
        state if state.source in in_service else replace(state, usual_rows=0, error="")
        for state in states
    )


def _source_day(
    session: Session,
    source: str,
    counts: Mapping[date, int],
    day: date,
    pulls: Sequence[Any],
) -> SourceDay:
    before = sorted(other for other in counts if other < day)
    numbers = [pull.id for pull in pulls]
    reasons, first = _reasons(session, numbers)
    return SourceDay(
        source=source,
        rows=counts.get(day, 0),
        usual_rows=round(median(counts[other] for other in before)) if before else 0,
        last_day=before[-1] if before else None,
        rejected=sum(pull.rejected for pull in pulls),
        kept=sum(pull.kept for pull in pulls),
        reasons=reasons,
        first=first,
        error=pulls[-1].error if pulls else "",
    )


def _newest_pulls(session: Session, since: datetime | None) -> dict[str, list[Any]]:
    """Read the newest pull of each source and window since the day before was judged."""
    statement = select(PULL).where(PULL.c.ended_at.is_not(None)).order_by(PULL.c.id)
    if since is not None:
        statement = statement.where(PULL.c.started_at > since)
    newest = {
        (row.source, row.first_day, row.last_day): row
        for row in session.connection().execute(statement)
    }
    by_source: dict[str, list[Any]] = {}
    for (source, _, _), row in newest.items():
        by_source.setdefault(source, []).append(row)
    return by_source


def _reasons(session: Session, pulls: Collection[int]) -> tuple[str, str]:
    """Count why rows were refused, most frequent first, and say where the first one stands."""
    if not pulls:
        return "", ""
    rows = list(
        session.connection().execute(
            select(REJECTED_ROW)
            .where(REJECTED_ROW.c.pull_id.in_(list(pulls)))
            .order_by(REJECTED_ROW.c.id)
        )
    )
    counted = Counter(row.reason for row in rows).most_common(3)
    words = "; ".join(f"{reason} ({count})" for reason, count in counted)
    first = f"{rows[0].place}: {rows[0].text}" if rows else ""
    return words, first


def judged_before(session: Session, day: date) -> date:
    """Return the newest day judged before this one; the day before where there is none."""
    found = (
        session.connection()
        .execute(select(func.max(JUDGED_DAY.c.day)).where(JUDGED_DAY.c.day < day))
        .scalar()
    )
    return found or day - timedelta(days=1)


def judged_before_at(session: Session, day: date) -> datetime | None:
    """Return when the newest day before this one was judged; None where none was."""
    statement = (
        select(JUDGED_DAY.c.judged_at)
        .where(JUDGED_DAY.c.day < day)
        .order_by(JUDGED_DAY.c.day.desc())
        .limit(1)
    )
    moment: datetime | None = session.connection().execute(statement).scalar()
    return moment


def days_to_judge(session: Session, day: date) -> tuple[date, ...]:
    """Return the day itself and every judged day whose usage changed since, oldest first."""
    changed = session.connection().execute(
        select(JUDGED_DAY.c.day)
        .join(SOURCE_DAY, SOURCE_DAY.c.day == JUDGED_DAY.c.day)
        .where(SOURCE_DAY.c.changed_at > JUDGED_DAY.c.judged_at, JUDGED_DAY.c.day < day)
    )
    return tuple(sorted({row.day for row in changed} | {day}))
