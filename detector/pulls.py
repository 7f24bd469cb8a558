"""How sources answered, what they had to refuse, and which days were judged."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from statistics import median
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, insert, or_, select, update

from detector.history import consecutive_days
from detector.quality import SourceDay
from detector.tables import (
    COST_DAY,
    COST_REVISION,
    JUDGED_DAY,
    PULL,
    REJECTED_ROW,
    SERIES,
    SOURCE_DAY,
)

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlmodel import Session

    from detector.model import Rejection


REASONS_TOLD = 3
ANY_DAYS: Mapping[str, date | None] = MappingProxyType({})


def note_pull_start(
    session: Session, source: str, now: datetime, asked: Mapping[str, date | None] = ANY_DAYS
) -> int:
    """Note that a source is being asked, and for which days; returns the pull's number.

    Of a pull that is killed nothing else says whether it was for days that still run.
    """
    started = insert(PULL).values(source=source, started_at=now, **asked)
    number: int = session.connection().execute(started).inserted_primary_key[0]  # type: ignore[index]  # a row was inserted
    return number


def note_pull_end(session: Session, number: int, ending: Mapping[str, Any]) -> None:
    """Note how the answer ended: columns of the pull table."""
    session.connection().execute(update(PULL).where(PULL.c.id == number).values(**ending))


def keep_rejections(session: Session, number: int, rejections: Iterable[Rejection]) -> None:
    """Keep what a pull refused, with its place and reason."""
    rows = [
        {
            "pull_id": number,
            "source": rejection.source,
            "place": rejection.where,
            "reason": rejection.reason,
            "text": rejection.text,
            "kept": rejection.kept,
        }
        for rejection in rejections
    ]
    if rows:
        session.connection().execute(insert(REJECTED_ROW), rows)


def source_days(
    session: Session, day: date, window_days: int, in_service: Collection[str]
) -> tuple[SourceDay, ...]:
    """Say how each source answered for the day, and what it had to refuse."""
    rows = session.connection().execute(
        select(SOURCE_DAY.c.source, SOURCE_DAY.c.day, SOURCE_DAY.c.rows).where(
            SOURCE_DAY.c.rows > 0
        )
    )
    counts: dict[str, dict[date, int]] = {name: {} for name in in_service}
    for row in rows:
        counts.setdefault(row.source, {})[row.day] = row.rows
    pulls = _newest_pulls(session, day)
    lacking = set(
        session.connection()
        .execute(
            select(SOURCE_DAY.c.source).where(
                SOURCE_DAY.c.day == day, SOURCE_DAY.c.whole.is_(False)
            )
        )
        .scalars()
    )
    states = (
        replace(
            _source_day(
                session, source, _newest(days, day, window_days), day, pulls.get(source, [])
            ),
            never_spoke=not days and source in pulls and source not in lacking,
            in_part=source in lacking,
        )
        for source, days in counts.items()
    )
    # A file imported once is no service that can fall silent.
    return tuple(
        state
        if state.source in in_service
        else replace(state, usual_rows=0, error="", in_part=False)
        for state in states
    )


def _newest(counts: Mapping[date, int], day: date, most: int) -> dict[date, int]:
    """Keep the day and the newest ``most`` before it that held rows, however long ago."""
    before = sorted(other for other in counts if other < day)[-most:]
    return {other: counts[other] for other in (*before, day) if other in counts}


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


def _newest_pulls(session: Session, day: date) -> dict[str, list[Any]]:
    """Read each source's pulls made for a day, oldest first, without those a later one repeated.

    A pull is made for the last day it asks for, or the next one that is judged. When it was made
    does not count: what a day judged again is told must not hang on when others were.
    """
    asked, judged = PULL.c.last_day, JUDGED_DAY.c.day
    before = session.connection().execute(select(func.max(judged)).where(judged < day)).scalar()
    mine = asked <= day if before is None else and_(asked <= day, asked > before)
    since = judged_before_at(session, day)
    of_no_day = asked.is_(None) if since is None else and_(asked.is_(None), _after(since))
    statement = (
        select(PULL)
        .where(PULL.c.ended_at.is_not(None), or_(mine, of_no_day))
        .order_by(PULL.c.id.desc())
    )
    by_source: dict[str, list[Any]] = {}
    for pull in session.connection().execute(statement):
        later = by_source.setdefault(pull.source, [])
        if not any(_covers(other, pull) for other in later):
            later.append(pull)
    return {source: pulls[::-1] for source, pulls in by_source.items()}


def _after(since: datetime) -> ColumnElement[bool]:
    return PULL.c.started_at > since


def _covers(later: Any, earlier: Any) -> bool:
    """Whether a pull asked for all days of another; one that came to no day asked for none."""
    if earlier.first_day is None or earlier.last_day is None:
        return True
    first, last = later.first_day or date.max, later.last_day or date.min
    return bool(first <= earlier.first_day and earlier.last_day <= last)


def _reasons(session: Session, pulls: Collection[int]) -> tuple[str, str]:
    """Count why rows were refused, most frequent first, and say where the first one stands."""
    if not pulls:
        return "", ""
    table = REJECTED_ROW.c
    mine = table.pull_id.in_(pulls)
    count, oldest = func.count(), func.min(table.id)
    reasons = session.connection().execute(
        select(table.reason, count)
        .where(mine)
        .group_by(table.reason)
        .order_by(count.desc(), oldest)
        .limit(REASONS_TOLD)
    )
    words = "; ".join(f"{reason} ({times})" for reason, times in reasons)
    first = session.connection().execute(
        select(table.place, table.text).where(mine).order_by(table.id).limit(1)
    )
    return words, "".join(f"{place}: {text}" for place, text in first)


def judged_before(session: Session, day: date) -> date:
    """Return the newest day judged before this one; the day before where there is none."""
    found = (
        session.connection()
        .execute(select(func.max(JUDGED_DAY.c.day)).where(JUDGED_DAY.c.day < day))
        .scalar()
    )
    return found or day - timedelta(days=1)


def newest_judged_day(session: Session) -> date | None:
    """Return the newest day that was judged; None where none was."""
    newest: date | None = session.connection().execute(select(func.max(JUDGED_DAY.c.day))).scalar()
    return newest


def judged_by(session: Session) -> dict[date, str]:
    """Return the method that judged each day last."""
    rows = session.connection().execute(select(JUDGED_DAY.c.day, JUDGED_DAY.c.method))
    return {row.day: row.method for row in rows}


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


@dataclass(frozen=True, slots=True)
class DueDays:
    """Days that are to be judged, ascending.

    Attributes
    ----------
    missed : tuple of date
        The days since the newest judged one, up to the newest that is settled.
    changed : tuple of date
        Judged days whose usage changed since they were judged.
    """

    missed: tuple[date, ...]
    changed: tuple[date, ...]

    @property
    def every(self) -> tuple[date, ...]:
        """All of them."""
        return tuple(sorted({*self.missed, *self.changed}))


def due_days(session: Session, day: date, most: int, *, again: bool = False) -> DueDays:
    """Return what is due once ``day`` is settled; of missed days at most the newest ``most``.

    Where no day was judged so far that is ``day`` alone; none lies before the first day of use.
    ``again`` counts the day itself as changed, whether it is or not.
    """
    rows = session.connection().execute(
        select(JUDGED_DAY.c.day)
        .join(SOURCE_DAY, SOURCE_DAY.c.day == JUDGED_DAY.c.day)
        .where(SOURCE_DAY.c.changed_at > JUDGED_DAY.c.judged_at, JUDGED_DAY.c.day <= day)
        .distinct()
    )
    changed = sorted({*rows.scalars(), *([day] if again else [])})
    newest, one = newest_judged_day(session), timedelta(days=1)
    since = day if newest is None else max(newest + one, day - (most - 1) * one)
    first = first_day_of_use(session)
    missed = consecutive_days(since, day)
    return DueDays(
        missed=tuple(each for each in missed if first is None or each >= first),
        changed=tuple(each for each in changed if first is None or each >= first),
    )


def pulls_since(session: Session, since: datetime, day: date) -> dict[str, list[Any]]:
    """Read how each source answered for a day since then, oldest first: start, end and error.

    A pull of older days alone, as a person asks for, says nothing of it; nor of newer ones.
    """
    table = PULL.c
    statement = select(table.source, table.started_at, table.ended_at, table.error)
    pulls: dict[str, list[Any]] = {}
    begins = or_(table.first_day.is_(None), table.first_day <= day)
    reaches = or_(table.last_day.is_(None), table.last_day >= day)
    for row in session.connection().execute(
        statement.where(table.started_at >= since, begins, reaches).order_by(table.id)
    ):
        pulls.setdefault(row.source, []).append(row)
    return pulls


def first_day_of_use(session: Session) -> date | None:
    """Read the first day any source told use of: nothing can be said of those before it."""
    days = days_of_use(session)
    return days[0] if days else None


def days_of_use(session: Session) -> tuple[date, date] | None:
    """Read the first and the last day any source told use of; None where there is none."""
    ends = select(func.min(SOURCE_DAY.c.day), func.max(SOURCE_DAY.c.day))
    first, last = session.connection().execute(ends.where(SOURCE_DAY.c.rows > 0)).one()
    return None if first is None else (first, last)


def pull_changes(session: Session, day: date) -> list[tuple[str, datetime]]:
    """Read when a pull added or revised use of a day, by tenant as stored."""
    cost, old = COST_DAY.c, COST_REVISION.c
    added = (
        select(SERIES.c.tenant, cost.recorded_at)
        .join(SERIES, SERIES.c.id == cost.series_id)
        .where(cost.day == day, cost.version == 1)
    )
    revised = (
        select(SERIES.c.tenant, old.replaced_at)
        .join(SERIES, SERIES.c.id == old.series_id)
        .where(old.day == day, old.cause == "pull")
    )
    return [
        (tenant, at)
        for part in (added, revised)
        for tenant, at in session.connection().execute(part)
    ]
