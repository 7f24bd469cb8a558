"""How far watched sources can be believed: kept with each pull, read for findings and reports.

A day that is pulled again replaces what was kept of it; a partial answer only if it tells as much,
so that it never looks as if less had happened.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, delete, func, insert, select, update

from detector.sources.base import API, ApiDay, UseByIds
from detector.tables import API_DAY, COST_DAY, SERIES, USE_BY_IDS, WATERMARK

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from sqlmodel import Session

    from detector.sources.base import Telemetry

MOST_IDS = 500
"""Combinations of ids kept of one day; the rest is summed, so that no header can fill the disk."""
TEXT_LIMIT = 300
MOST_REMARKS = 20
OTHERS = "others"
"""Stands as the carrier of what was summed beyond :data:`MOST_IDS`."""


@dataclass(frozen=True, slots=True)
class SourceMark:
    """How far a watched source is known, see :class:`detector.tables.Watermark`."""

    source: str
    seen_until: datetime
    ingested_at: datetime | None = None
    late_days: tuple[date, ...] = ()
    remarks: tuple[str, ...] = ()


def record_telemetry(
    session: Session, source: str, told: Telemetry, *, whole: AbstractSet[date]
) -> None:
    """Keep what a source told of the answer it gave.

    ``whole`` UTC days are replaced; others only where at least as much is told of them as is kept.
    """
    kept = whole | _grown(session, source, told, {each.day for each in told.apis} - whole)
    _remove_days(session, source, kept)
    apis = {(each.day, _storable(each.api)): each for each in told.apis if each.day in kept}
    rows = [_api_row(source, api, each) for (_, api), each in apis.items()]
    if rows:
        session.connection().execute(insert(API_DAY), rows)
    by_day: dict[date, list[UseByIds]] = defaultdict(list)
    for use in told.uses:
        by_day[use.day].append(use)
    for day in by_day.keys() & kept:
        _record_uses(session, source, by_day[day])


def _grown(session: Session, source: str, told: Telemetry, days: Collection[date]) -> set[date]:
    """Return the days answered in part of which at least as many calls were told as are kept."""
    calls = Counter[date]()
    for each in told.apis:
        calls[each.day] += each.calls
    statement = (
        select(API_DAY.c.day, func.sum(API_DAY.c.calls))
        .where(API_DAY.c.source == source, API_DAY.c.day.in_(sorted(days)))
        .group_by(API_DAY.c.day)
    )
    known = {day: int(many) for day, many in session.connection().execute(statement)}
    return {day for day in days if calls[day] >= known.get(day, 0)}


def _remove_days(session: Session, source: str, days: Collection[date]) -> None:
    for stored in (API_DAY, USE_BY_IDS):
        mine = (stored.c.source == source, stored.c.day.in_(sorted(days)))
        session.connection().execute(delete(stored).where(*mine))


def _record_uses(session: Session, source: str, uses: Iterable[UseByIds]) -> None:
    rows = [_use_row(source, _use_key(use), use) for use in _bounded(uses)]
    session.connection().execute(insert(USE_BY_IDS), rows)


def _bounded(uses: Iterable[UseByIds]) -> Iterator[UseByIds]:
    """Keep the ids with the most tokens; sum the rest of each API."""
    sums = sorted(_summed(uses), key=_tokens, reverse=True)
    yield from sums[:MOST_IDS]
    rest, named = sums[MOST_IDS:], {use.ids for use in sums[:MOST_IDS]}
    summed = {use.ids: use.api for use in rest if use.ids not in named}
    many = Counter(summed.values())
    yield from _summed(
        replace(use, ids=((OTHERS, str(many[use.api])), (API, use.api))) for use in rest
    )


def _summed(uses: Iterable[UseByIds]) -> list[UseByIds]:
    sums: dict[tuple[Any, ...], UseByIds] = {}
    for use in uses:
        key = _use_key(use)
        sums[key] = _plus(sums[key], use) if key in sums else use
    return list(sums.values())


def _plus(one: UseByIds, other: UseByIds) -> UseByIds:
    return replace(
        one,
        requests=one.requests + other.requests,
        prompt_tokens=one.prompt_tokens + other.prompt_tokens,
        completion_tokens=one.completion_tokens + other.completion_tokens,
        cached_tokens=_known_sum(one.cached_tokens, other.cached_tokens),
        stated_micro_usd=_known_sum(one.stated_micro_usd, other.stated_micro_usd),
    )


def _known_sum(one: int | None, other: int | None) -> int | None:
    """Add up what is known, as the ledger does; None where nothing is."""
    return one if other is None else other + (one or 0)


def _tokens(use: UseByIds) -> int:
    return use.prompt_tokens + use.completion_tokens


def _use_key(use: UseByIds) -> tuple[Any, ...]:
    ids = json.dumps([[kind, _storable(value)] for kind, value in use.ids if value])
    served = (_storable(text) for text in (use.model, use.deployment, use.scope))
    return ids, *served, use.stated_micro_usd is not None, use.attributed


def _use_row(source: str, key: tuple[Any, ...], use: UseByIds) -> dict[str, Any]:
    ids, model, deployment, scope, *_ = key
    return {
        "source": source,
        "day": use.day,
        "ids": ids,
        "model": model,
        "deployment": deployment,
        "scope": scope,
        "requests": use.requests,
        "prompt_tokens": use.prompt_tokens,
        "completion_tokens": use.completion_tokens,
        "cached_tokens": use.cached_tokens,
        "stated_micro_usd": use.stated_micro_usd,
        "attributed": use.attributed,
    }


def _api_row(source: str, api: str, told: ApiDay) -> dict[str, Any]:
    return {
        "source": source,
        "day": told.day,
        "api": api,
        "calls": told.calls,
        "calls_without_tokens": told.calls_without_tokens,
        "rows_without_call": told.rows_without_call,
        "streamed_calls": told.streamed_calls,
        "cached_known_calls": told.cached_known_calls,
        "newest_at": told.newest_at,
        "ingested_at": told.ingested_at,
        "fullest_dimension": _storable(told.fullest_dimension),
        "dimension_values": told.dimension_values,
    }


def _storable(text: str) -> str:
    """Cut what came from outside, and drop what no database takes (NUL, lone surrogates)."""
    kept = text[:TEXT_LIMIT].replace("\x00", "")
    return kept.encode("utf-8", "ignore").decode("utf-8")


def api_days(session: Session, first: date, last: date) -> dict[str, tuple[ApiDay, ...]]:
    """Read what each source showed of its APIs from ``first`` to ``last``, by source."""
    table = API_DAY.c
    statement = select(API_DAY).where(table.day >= first, table.day <= last)
    found: dict[str, list[ApiDay]] = defaultdict(list)
    ordered = statement.order_by(table.source, table.day, table.api)
    for source, *values in session.connection().execute(ordered):
        found[source].append(ApiDay(*values))
    return {source: tuple(days) for source, days in found.items()}


def uses_by_ids(session: Session, first: date, last: date) -> dict[str, tuple[UseByIds, ...]]:
    """Read use by the ids it carried from ``first`` to ``last``, by source."""
    table = USE_BY_IDS.c
    statement = select(USE_BY_IDS).where(table.day >= first, table.day <= last)
    found: dict[str, list[UseByIds]] = defaultdict(list)
    for _, source, day, ids, *values in session.connection().execute(
        statement.order_by(table.source, table.day, table.id)
    ):
        pairs = tuple((kind, value) for kind, value in json.loads(ids))
        found[source].append(UseByIds(day, pairs, *values))
    return {source: tuple(uses) for source, uses in found.items()}


def begin_watching(session: Session, source: str, now: datetime) -> None:
    """Note that all that arrived before now is in whatever is pulled from now on."""
    if source not in source_marks(session):
        row = {"source": source, "seen_until": now, "late_days": "[]", "remarks": "[]"}
        session.connection().execute(insert(WATERMARK), [row])


def move_watermark(session: Session, mark: SourceMark) -> None:
    """Note how far a source is known by now; neither moment ever goes back."""
    known = source_marks(session)[mark.source]
    arrived = [at for at in (known.ingested_at, mark.ingested_at) if at]
    remarks = [_storable(each) for each in dict.fromkeys(mark.remarks)][:MOST_REMARKS]
    values = {
        "seen_until": max(known.seen_until, mark.seen_until),
        "ingested_at": max(arrived, default=None),
        "late_days": json.dumps([day.isoformat() for day in mark.late_days]),
        "remarks": json.dumps(remarks),
    }
    mine = WATERMARK.c.source == mark.source
    session.connection().execute(update(WATERMARK).where(mine).values(**values))


def source_marks(session: Session) -> Mapping[str, SourceMark]:
    """Read how far each watched source is known."""
    return {
        row.source: SourceMark(
            row.source,
            row.seen_until,
            row.ingested_at,
            tuple(map(date.fromisoformat, json.loads(row.late_days))),
            tuple(json.loads(row.remarks)),
        )
        for row in session.connection().execute(select(WATERMARK))
    }


def newest_arrival(told: Sequence[ApiDay]) -> datetime | None:
    """Return when the newest of these rows arrived; None where that is not known."""
    return max((each.ingested_at for each in told if each.ingested_at), default=None)


@dataclass(frozen=True, slots=True)
class SourceUse:
    """What a source's ledger holds of a span of days, for the share that has a tenant."""

    source: str
    tenant: str
    feature: str
    model: str
    micro_usd: int
    requests: int
    unpriced_tokens: int


def source_use(session: Session, first: date, last: date) -> tuple[SourceUse, ...]:
    """Sum what was spent by source, tenant, feature and model, both days included."""
    cost = COST_DAY.c
    tokens = func.coalesce(cost.prompt_tokens, 0) + func.coalesce(cost.completion_tokens, 0)
    series = (SERIES.c.source, SERIES.c.tenant, SERIES.c.feature, SERIES.c.model)
    statement = (
        select(
            *series,
            func.coalesce(func.sum(cost.micro_usd), 0),
            func.coalesce(func.sum(cost.requests), 0),
            func.coalesce(func.sum(case((cost.micro_usd.is_(None), tokens))), 0),
        )
        .join(SERIES, SERIES.c.id == cost.series_id)
        .where(cost.day >= first, cost.day <= last)
        .group_by(*series)
        .order_by(*series)
    )
    return tuple(
        SourceUse(source, tenant, feature, model, int(spent), int(requests), int(unpriced))
        for source, tenant, feature, model, spent, requests, unpriced in (
            session.connection().execute(statement)
        )
    )
