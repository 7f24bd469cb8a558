"""Usage of parts of a day: kept as told, and summed into each tenant's own local days."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, case, delete, func, insert, select, update

from detector.model import Grain, SeriesKey, Usage
from detector.tables import SERIES, SLOT_DAY, USAGE_SLOT
from detector.usage import day_bounds, local_day

if TYPE_CHECKING:
    from datetime import date
    from zoneinfo import ZoneInfo

    from sqlalchemy import ColumnElement
    from sqlmodel import Session

    from detector.recording import SeriesIndex
    from detector.usage import Part

ROWS_AT_ONCE = 5_000
"""Slots written at once: as parameters a slot weighs many times what it weighs as usage."""

_STEP = timedelta(minutes=15)
"""Every slot starts at a multiple of it."""
_LENGTHS = {Grain.QUARTER_HOUR: _STEP, Grain.HOUR: timedelta(hours=1)}

ZoneOf = Callable[[str], "ZoneInfo"]


def record_slots(
    session: Session,
    part: Part,
    index: SeriesIndex,
    zone_of: ZoneOf,
    *,
    whole: bool = True,
    over: bool = True,
) -> set[date]:
    """Record a source's slots of a part of a UTC day; return the local days this touches.

    A whole answer replaces all slots of the part, a partial one those it tells of. Until the last
    part of a day that is ``over`` is recorded as whole, the day counts as one that may lack slots.
    """
    touched: set[date] = set()
    first_days: dict[SeriesKey, date] = {}
    for slot in part.rows:
        key, day = _key(slot), local_day(slot, zone_of(slot.tenant))
        first_days[key] = min(day, first_days.get(key, day))
        touched.add(day)
    ids = dict(zip(first_days, index.ids(session, first_days), strict=True))
    if whole:
        touched |= _remove_part(session, index.source, part, zone_of)
    for start in range(0, len(part.rows), ROWS_AT_ONCE):
        rows = [_row(slot, ids[_key(slot)]) for slot in part.rows[start : start + ROWS_AT_ONCE]]
        if not whole:
            _remove(session, rows)
        session.connection().execute(insert(USAGE_SLOT), rows)
    ends_day = part.end.time() == time()
    _mark_slot_day(session, index.source, part.begin.date(), whole=whole and over and ends_day)
    return touched


def _mark_slot_day(session: Session, source: str, utc_day: date, *, whole: bool) -> None:
    """Note whether all slots of a UTC day are stored, and that its sums are due."""
    connection = session.connection()
    mine = (SLOT_DAY.c.source == source, SLOT_DAY.c.utc_day == utc_day)
    state = {"whole": whole, "summed": False}
    if not connection.execute(update(SLOT_DAY).where(*mine).values(**state)).rowcount:
        connection.execute(insert(SLOT_DAY), [{"source": source, "utc_day": utc_day} | state])


def slot_days(session: Session, source: str, **state: bool) -> set[date]:
    """Return the UTC days a source told slots of, by their ``whole`` or ``summed``."""
    wanted = (SLOT_DAY.c[name] == value for name, value in state.items())
    statement = select(SLOT_DAY.c.utc_day).where(SLOT_DAY.c.source == source, *wanted)
    return set(session.connection().execute(statement).scalars())


def mark_summed(session: Session, source: str) -> None:
    """Note that every local day is summed from the slots as they are stored."""
    statement = update(SLOT_DAY).where(SLOT_DAY.c.source == source, SLOT_DAY.c.summed.is_(False))
    session.connection().execute(statement.values(summed=True))


def sum_local_day(
    session: Session, source: str, day: date, zone_of: ZoneOf, zones: Iterable[ZoneInfo]
) -> tuple[Usage, ...]:
    """Sum a source's slots into usage of one local day, each tenant in its own of the zones."""
    by_bounds: dict[tuple[datetime, datetime], set[str]] = defaultdict(set)
    for zone in zones:
        by_bounds[day_bounds(day, zone)].add(zone.key)
    return tuple(
        _day_usage(day, row)
        for (begin, end), names in by_bounds.items()
        for row in session.connection().execute(_sums(source, begin, end)).all()
        if zone_of(row.tenant).key in names
    )


def series_of(session: Session, tenants: Collection[str]) -> tuple[int, ...]:
    """Return the ids of all series of some tenants, as stored."""
    series = select(SERIES.c.id).where(SERIES.c.tenant.in_(sorted(tenants)))
    return tuple(session.connection().execute(series).scalars())


def sum_stretch(
    session: Session, day: date, series: Collection[int], begin: datetime, end: datetime
) -> tuple[Usage, ...]:
    """Sum the slots of some series that start in a stretch of a day."""
    # Each slot is looked up by its key: a whole stretch holds those of everybody.
    starts = [begin + number * _STEP for number in range(math.ceil((end - begin) / _STEP))]
    statement = _summed(USAGE_SLOT.c.start_at.in_(starts), USAGE_SLOT.c.series_id.in_(series))
    return tuple(_day_usage(day, row) for row in session.connection().execute(statement).all())


def newest_slot(
    session: Session, series: Collection[int], begin: datetime, end: datetime
) -> datetime | None:
    """Return when the newest slot of some series in a stretch of time ends; None: there is none."""
    table = USAGE_SLOT.c
    within = (table.start_at >= begin, table.start_at < end, table.series_id.in_(series))
    newest = select(table.start_at, table.grain).where(*within)
    row = session.connection().execute(newest.order_by(table.start_at.desc()).limit(1)).first()
    return row.start_at + _LENGTHS[Grain(row.grain)] if row else None


def _sums(source: str, begin: datetime, end: datetime) -> Any:
    """Sum a source's slots of each series in the database."""
    table = USAGE_SLOT.c
    return _summed(SERIES.c.source == source, table.start_at >= begin, table.start_at < end)


def _summed(*conditions: ColumnElement[bool]) -> Any:
    table = USAGE_SLOT.c
    return (
        select(
            SERIES,
            func.sum(table.requests).label("requests"),
            func.sum(table.requests_without_usage).label("without_usage"),
            _known_sum(table.prompt_tokens).label("prompt"),
            _known_sum(table.completion_tokens).label("completion"),
            func.sum(table.cached_tokens).label("cached"),
            func.max(case((_hides_cached(table), 1), else_=0)).label("cached_unknown"),
            _known_sum(table.cost_micro_usd).label("cost"),
            func.max(case((table.estimated, 1), else_=0)).label("estimated"),
        )
        .join(SERIES, SERIES.c.id == table.series_id)
        .where(*conditions)
        .group_by(SERIES.c.id, table.given)
    )


def _known_sum(column: Any) -> Any:
    """Sum a column; one unknown number makes the sum unknown."""
    return case((func.count(column) == func.count(), func.sum(column)))


def _hides_cached(table: Any) -> Any:
    """Whether a slot may hold cached tokens that nobody told of."""
    return table.cached_tokens.is_(None) & (func.coalesce(table.prompt_tokens, 1) != 0)


def _day_usage(day: date, row: Any) -> Usage:
    # A database may hand sums of integers over as decimals.
    prompt, completion, cached, cost = (
        None if number is None else int(number)
        for number in (row.prompt, row.completion, row.cached, row.cost)
    )
    return Usage(
        start_at=datetime.combine(day, time(), UTC),
        grain=Grain.DAY,
        tenant=row.tenant,
        feature=row.feature,
        model=row.model,
        deployment=row.deployment,
        scope=row.scope,
        requests=int(row.requests),
        requests_without_usage=int(row.without_usage),
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=cached,
        cost_micro_usd=cost,
        estimated=bool(row.estimated or (cached is not None and row.cached_unknown)),
    )


def _remove_part(session: Session, source: str, part: Part, zone_of: ZoneOf) -> set[date]:
    """Remove a source's slots of a part of a day; return the local days they belonged to."""
    connection = session.connection()
    within = (USAGE_SLOT.c.start_at >= part.begin, USAGE_SLOT.c.start_at < part.end)
    stored = (
        select(SERIES.c.tenant, USAGE_SLOT.c.start_at)
        .join(SERIES, SERIES.c.id == USAGE_SLOT.c.series_id)
        .where(SERIES.c.source == source, *within)
        .distinct()
    )
    touched = {
        start_at.astimezone(zone_of(tenant)).date()
        for tenant, start_at in connection.execute(stored).all()
    }
    mine = select(SERIES.c.id).where(SERIES.c.source == source)
    connection.execute(delete(USAGE_SLOT).where(*within, USAGE_SLOT.c.series_id.in_(mine)))
    return touched


def _remove(session: Session, rows: Collection[dict[str, Any]]) -> None:
    """Remove the slots that are about to be written again."""
    keys = ("start_at", "series_id", "given")
    statement = delete(USAGE_SLOT).where(
        *(USAGE_SLOT.c[name] == bindparam(f"b_{name}") for name in keys)
    )
    session.connection().execute(
        statement, [{f"b_{name}": row[name] for name in keys} for row in rows]
    )


def _key(usage: Usage) -> SeriesKey:
    return SeriesKey(usage.tenant, usage.feature, usage.model, usage.deployment, usage.scope)


def _row(slot: Usage, series_id: int) -> dict[str, Any]:
    return {
        "start_at": slot.start_at,
        "series_id": series_id,
        "given": slot.cost_micro_usd is not None,
        "grain": slot.grain.value,
        "requests": slot.requests,
        "requests_without_usage": slot.requests_without_usage,
        "prompt_tokens": slot.prompt_tokens,
        "completion_tokens": slot.completion_tokens,
        "cached_tokens": slot.cached_tokens,
        "cost_micro_usd": slot.cost_micro_usd,
        "estimated": slot.estimated,
    }
