"""Usage of parts of a day: kept as told, and summed into each tenant's own local days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, case, delete, func, insert, select

from detector.history import consecutive_days
from detector.model import Grain, SeriesKey, Usage
from detector.tables import SERIES, USAGE_SLOT

if TYPE_CHECKING:
    from datetime import date
    from zoneinfo import ZoneInfo

    from sqlmodel import Session

    from detector.recording import SeriesIndex

ROWS_AT_ONCE = 5_000
"""Slots written at once: as parameters a slot weighs many times what it weighs as usage."""

ZoneOf = Callable[[str], "ZoneInfo"]
ONE_DAY = timedelta(days=1)


def local_day(usage: Usage, zone: ZoneInfo) -> date:
    """Return the tenant's calendar day a usage belongs to.

    A row of day grain names its local day already; a slot's day is that of its start in
    ``zone``, so a day of 23 or 25 hours is whole as it is.
    """
    if usage.grain is Grain.DAY:
        return usage.start_at.date()
    return usage.start_at.astimezone(zone).date()


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the moments (UTC) a zone's calendar day begins and ends; 23 or 25 hours at times."""
    begin, end = (
        datetime.combine(each, time(), zone).astimezone(UTC) for each in (day, day + ONE_DAY)
    )
    return begin, end


def utc_days(day: date, zones: Iterable[ZoneInfo]) -> set[date]:
    """Return the UTC days whose slots lie in the day as any of the zones counts it."""
    found: set[date] = set()
    for zone in zones:
        begin, end = day_bounds(day, zone)
        found |= set(consecutive_days(begin.date(), (end - datetime.resolution).date()))
    return found


def local_days(utc_day: date, zones: Iterable[ZoneInfo]) -> set[date]:
    """Return the local days that slots of a UTC day may belong to in any of the zones."""
    begin = datetime.combine(utc_day, time(), UTC)
    ends = (begin, begin + ONE_DAY - datetime.resolution)
    return {end.astimezone(zone).date() for zone in zones for end in ends}


def record_slots(
    session: Session,
    utc_day: date,
    slots: Iterable[Usage],
    index: SeriesIndex,
    zone_of: ZoneOf,
    *,
    whole: bool = True,
) -> set[date]:
    """Record a source's slots of one UTC day; return the local days this touches.

    A whole answer replaces all slots of the day, a partial one those it tells of.
    """
    slots = list(slots)
    touched: set[date] = set()
    first_days: dict[SeriesKey, date] = {}
    for slot in slots:
        key, day = _key(slot), local_day(slot, zone_of(slot.tenant))
        first_days[key] = min(day, first_days.get(key, day))
        touched.add(day)
    ids = dict(zip(first_days, index.ids(session, first_days), strict=True))
    if whole:
        touched |= _remove_day(session, index.source, utc_day, zone_of)
    for start in range(0, len(slots), ROWS_AT_ONCE):
        rows = [_row(slot, ids[_key(slot)]) for slot in slots[start : start + ROWS_AT_ONCE]]
        if not whole:
            _remove(session, rows)
        session.connection().execute(insert(USAGE_SLOT), rows)
    return touched


def has_slots(session: Session, source: str, utc_day: date) -> bool:
    """Whether any slot of a source is stored for a UTC day."""
    statement = (
        select(USAGE_SLOT.c.start_at)
        .join(SERIES, SERIES.c.id == USAGE_SLOT.c.series_id)
        .where(SERIES.c.source == source, *_within(utc_day))
        .limit(1)
    )
    return session.connection().execute(statement).first() is not None


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


def _sums(source: str, begin: datetime, end: datetime) -> Any:
    """Sum the slots of each series in the database."""
    table = USAGE_SLOT.c
    return (
        select(
            SERIES,
            func.sum(table.requests).label("requests"),
            func.sum(table.requests_without_usage).label("without_usage"),
            _known_sum(table.prompt_tokens).label("prompt"),
            _known_sum(table.completion_tokens).label("completion"),
            _known_sum(table.cached_tokens).label("cached"),
            _known_sum(table.cost_micro_usd).label("cost"),
            func.max(case((table.estimated, 1), else_=0)).label("estimated"),
        )
        .join(SERIES, SERIES.c.id == table.series_id)
        .where(SERIES.c.source == source, table.start_at >= begin, table.start_at < end)
        .group_by(SERIES.c.id, table.given)
    )


def _known_sum(column: Any) -> Any:
    """Sum a column; one unknown number makes the sum unknown."""
    return case((func.count(column) == func.count(), func.sum(column)))


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
        estimated=bool(row.estimated),
    )


def add_up(slots: list[Usage]) -> Usage:
    """Sum usage of one key; an unknown number makes its sum unknown."""
    return replace(
        slots[0],
        requests=sum(slot.requests for slot in slots),
        requests_without_usage=sum(slot.requests_without_usage for slot in slots),
        prompt_tokens=_sum_known(slot.prompt_tokens for slot in slots),
        completion_tokens=_sum_known(slot.completion_tokens for slot in slots),
        cached_tokens=_sum_known(slot.cached_tokens for slot in slots),
        cost_micro_usd=_sum_known(slot.cost_micro_usd for slot in slots),
        estimated=any(slot.estimated for slot in slots),
    )


def _sum_known(values: Iterable[int | None]) -> int | None:
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _within(utc_day: date) -> tuple[Any, ...]:
    begin = datetime.combine(utc_day, time(), UTC)
    return (USAGE_SLOT.c.start_at >= begin, USAGE_SLOT.c.start_at < begin + ONE_DAY)


def _remove_day(session: Session, source: str, utc_day: date, zone_of: ZoneOf) -> set[date]:
    """Remove a source's slots of a UTC day; return the local days they were part of."""
    connection = session.connection()
    stored = (
        select(SERIES.c.tenant, USAGE_SLOT.c.start_at)
        .join(SERIES, SERIES.c.id == USAGE_SLOT.c.series_id)
        .where(SERIES.c.source == source, *_within(utc_day))
        .distinct()
    )
    touched = {
        start_at.astimezone(zone_of(tenant)).date()
        for tenant, start_at in connection.execute(stored).all()
    }
    mine = select(SERIES.c.id).where(SERIES.c.source == source)
    connection.execute(
        delete(USAGE_SLOT).where(*_within(utc_day), USAGE_SLOT.c.series_id.in_(mine))
    )
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
