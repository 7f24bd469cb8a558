"""Usage rows: which local day they belong to, how they are summed and cut into parts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from detector.history import consecutive_days
from detector.model import Grain, Usage, normalise_tenant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date
    from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)


class Part(NamedTuple):
    """A stretch of time with all the usage that starts in it (``begin`` held, ``end`` not)."""

    begin: datetime
    end: datetime
    rows: Sequence[Usage]


def whole_day(utc_day: date, rows: Sequence[Usage] = ()) -> Part:
    """Give a UTC day as one part."""
    begin = datetime.combine(utc_day, time(), UTC)
    return Part(begin, begin + ONE_DAY, rows)


def cut_day(utc_day: date, rows: Iterable[Usage], at_least: int) -> Iterator[Part]:
    """Cut a UTC day into parts, so that a busy day need not be held in memory.

    ``rows`` are ordered by ``start_at``; each part but the last holds ``at_least`` of them or a
    few more, since rows of one start are never parted. Together the parts are the whole day.
    """
    begin, end, _ = whole_day(utc_day)
    held: list[Usage] = []
    for start_at, same in groupby(rows, key=lambda row: row.start_at):
        if len(held) >= at_least:
            yield Part(begin, start_at, held)
            begin, held = start_at, []
        held.extend(same)
    yield Part(begin, end, held)


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


def merge_usage(rows: Iterable[Usage]) -> tuple[Usage, ...]:
    """Normalise the tenants' spelling and sum the rows that are one because of it."""
    parts: dict[tuple[object, ...], list[Usage]] = defaultdict(list)
    for row in rows:
        tenant = normalise_tenant(row.tenant)
        key = (
            row.start_at, tenant, row.feature, row.model, row.deployment, row.scope,
            row.cost_micro_usd is None,
        )  # fmt: skip
        parts[key].append(row if row.tenant == tenant else replace(row, tenant=tenant))
    return tuple(same[0] if len(same) == 1 else add_up(same) for same in parts.values())


def add_up(slots: list[Usage]) -> Usage:
    """Sum usage of one key; an unknown number makes its sum unknown.

    Cached tokens are the exception: those that are known are summed, and where others are not the
    sum is an estimate; pricing the known part is nearer to the bill than pricing none of it.
    """
    cached = [slot.cached_tokens for slot in slots if slot.cached_tokens is not None]
    hidden = any(slot.cached_tokens is None and slot.prompt_tokens != 0 for slot in slots)
    return replace(
        slots[0],
        requests=sum(slot.requests for slot in slots),
        requests_without_usage=sum(slot.requests_without_usage for slot in slots),
        prompt_tokens=_sum_known(slot.prompt_tokens for slot in slots),
        completion_tokens=_sum_known(slot.completion_tokens for slot in slots),
        cached_tokens=sum(cached) if cached else None,
        cost_micro_usd=_sum_known(slot.cost_micro_usd for slot in slots),
        estimated=any(slot.estimated for slot in slots) or bool(cached and hidden),
    )


def _sum_known(values: Iterable[int | None]) -> int | None:
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total
