"""Usage of parts of a day: kept as told, and summed into each tenant's own local days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select

from detector.model import Grain, SeriesKey, Usage
from detector.tables import SERIES, USAGE_SLOT

if TYPE_CHECKING:
    from datetime import date
    from zoneinfo import ZoneInfo

    from sqlmodel import Session

    from detector.recording import SeriesIndex

ZoneOf = Callable[[str], "ZoneInfo"]


def local_day(usage: Usage, zone: ZoneInfo) -> date:
    """Return the tenant's calendar day a usage belongs to.

    A row of day grain names its local day already; a slot's day is that of its start in
    ``zone``, so a day of 23 or 25 hours is whole as it is.
    """
    if usage.grain is Grain.DAY:
        return usage.start_at.date()
    return usage.start_at.astimezone(zone).date()


def record_slots(
    session: Session,
    source: str,
    utc_day: date,
    slots: Iterable[Usage],
    index: SeriesIndex,
    zone_of: ZoneOf,
) -> set[date]:
    """Replace a source's slots of one UTC day; return the local days this touches."""
    slots = list(slots)
    start = datetime.combine(utc_day, time(), UTC)
    mine = select(SERIES.c.id).where(SERIES.c.source == source)
    where = (
        USAGE_SLOT.c.start_at >= start,
        USAGE_SLOT.c.start_at < start + timedelta(days=1),
        USAGE_SLOT.c.series_id.in_(mine),
    )
    touched = _local_days_of_stored(session, where, zone_of)
    touched |= {local_day(slot, zone_of(slot.tenant)) for slot in slots}
    session.connection().execute(delete(USAGE_SLOT).where(*where))
    keys = [_key(slot) for slot in slots]
    if slots:
        ids = index.ids(session, keys, min(touched))
        rows = [_row(slot, series) for slot, series in zip(slots, ids, strict=True)]
        session.connection().execute(insert(USAGE_SLOT), rows)
    return touched


def sum_local_day(session: Session, source: str, day: date, zone_of: ZoneOf) -> tuple[Usage, ...]:
    """Sum a source's slots into usage of one local day, each tenant in its own zone."""
    start = datetime.combine(day, time(), UTC)
    # No time zone is further than 14 hours from UTC.
    statement = (
        select(SERIES, USAGE_SLOT)
        .join(SERIES, SERIES.c.id == USAGE_SLOT.c.series_id)
        .where(
            SERIES.c.source == source,
            USAGE_SLOT.c.start_at >= start - timedelta(hours=14),
            USAGE_SLOT.c.start_at < start + timedelta(hours=38),
        )
    )
    parts: dict[tuple[SeriesKey, bool], list[Usage]] = defaultdict(list)
    for row in session.connection().execute(statement).mappings():
        usage = _usage(row)
        if local_day(usage, zone_of(usage.tenant)) == day:
            parts[_key(usage), usage.cost_micro_usd is not None].append(usage)
    return tuple(
        replace(add_up(slots), start_at=start, grain=Grain.DAY) for slots in parts.values()
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


def _local_days_of_stored(session: Session, where: Iterable[Any], zone_of: ZoneOf) -> set[date]:
    statement = (
        select(SERIES.c.tenant, USAGE_SLOT.c.start_at)
        .join(SERIES, SERIES.c.id == USAGE_SLOT.c.series_id)
        .where(*where)
        .distinct()
    )
    rows = session.connection().execute(statement)
    return {start_at.astimezone(zone_of(tenant)).date() for tenant, start_at in rows}


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


def _usage(row: Mapping[Any, Any]) -> Usage:
    return Usage(
        start_at=row["start_at"],
        grain=Grain(row["grain"]),
        tenant=row["tenant"],
        feature=row["feature"],
        model=row["model"],
        deployment=row["deployment"],
        scope=row["scope"],
        requests=row["requests"],
        requests_without_usage=row["requests_without_usage"],
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        cached_tokens=row["cached_tokens"],
        cost_micro_usd=row["cost_micro_usd"],
        estimated=row["estimated"],
    )
