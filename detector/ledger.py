"""Reading the ledger: the past as arrays, and sums for people.

The detector reads through :func:`history` alone, so that a faster layout can stand behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain, compress
from operator import ne
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sqlalchemy import String, case, cast, func, select

from detector.day_vectors import cells_of_days
from detector.fetching import Columns, columns_of
from detector.history import consecutive_days, lay_out
from detector.model import SeriesKey
from detector.tables import COST_DAY, COST_REVISION, SERIES, SOURCE_DAY, TENANT_NAME

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray
    from sqlmodel import Session

    from detector.history import DayCells, History

Canonical = Callable[[str], str]


class _Rows(NamedTuple):
    """Where each stored series stands in the arrays."""

    keys: tuple[SeriesKey, ...]
    row_of: NDArray[np.int64]
    first_days: dict[str, date]


def history(
    session: Session,
    first: date,
    last: date,
    *,
    canonical: Canonical,
    sources: Collection[str] = (),
    on_day: Callable[[date], None] = lambda _day: None,
) -> History:
    """Read every series from ``first`` to ``last`` (the judged day), both included.

    Aliases are applied here and nothing is rewritten: ``canonical`` maps a stored tenant id to
    the one it goes by now. ``sources`` are the sources in service; a day on which one of them
    is missing is missing as a whole. ``on_day`` hears of each day that is read.
    """
    days = consecutive_days(first, last)
    placed = _place_series(session, canonical)
    pulled, whole = day_states(session, days, sources)
    return lay_out(
        placed.keys,
        days,
        _told(session, days, placed, on_day),
        pulled=pulled,
        whole=whole,
        first_days=placed.first_days,
    )


def _place_series(session: Session, canonical: Canonical) -> _Rows:
    """Give every series a row; series that differ by source or alias share one."""
    table = SERIES.c
    first_day = cast(table.first_day, String)
    parts = (table.tenant, table.feature, table.model, table.deployment, table.scope)
    statement = select(*parts, table.id, first_day)
    keys: list[SeriesKey] = []
    ids: list[int] = []
    begun: list[str] = []
    words: dict[str, str] = {}  # each once, in however many series it stands
    for names, *others, numbers, firsts in columns_of(session, statement):
        tenants = map(canonical, names)
        told = (map(words.setdefault, each, each) for each in (tuple(tenants), *others))
        keys += map(SeriesKey._make, zip(*told, strict=True))
        ids += numbers
        begun += firsts
    if not keys:
        return _Rows((), np.zeros(1, dtype=np.int64), {})
    order = sorted(range(len(keys)), key=keys.__getitem__)
    keys = [keys[place] for place in order]
    new = np.fromiter(chain((True,), map(ne, keys[1:], keys)), np.bool_, count=len(keys))
    row_of = np.zeros(max(ids) + 1, dtype=np.int64)
    row_of[np.array(ids)[order]] = np.cumsum(new) - 1
    first_days = _earliest([key.tenant for key in keys], [begun[place] for place in order])
    return _Rows(tuple(compress(keys, new.tolist())), row_of, first_days)


def _earliest(tenants: Sequence[str], told: Sequence[str]) -> dict[str, date]:
    """Return the earliest day told of each tenant; its days stand together."""
    days = sorted(set(told))
    number_of = {text: number for number, text in enumerate(days)}
    numbers = np.fromiter(map(number_of.__getitem__, told), np.int64, count=len(told))
    begins = np.flatnonzero([True, *map(ne, tenants[1:], tenants)])
    first_days = [date.fromisoformat(text) for text in days]
    return {
        tenants[begin]: first_days[number]
        for begin, number in zip(
            begins.tolist(), np.minimum.reduceat(numbers, begins).tolist(), strict=True
        )
    }


def _told(
    session: Session, days: Sequence[date], placed: _Rows, on_day: Callable[[date], None]
) -> Iterator[tuple[int, DayCells]]:
    """Give the cells of one day after the other: memory never holds those of two."""
    for column, cells in enumerate(cells_of_days(session, days)):
        on_day(days[column])
        yield column, cells._replace(rows=placed.row_of[cells.rows])


def day_states(
    session: Session, days: Sequence[date], sources: Collection[str]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say which days were pulled and held rows, and which were pulled wholly.

    A day is missing when nothing was pulled for it, or when a source in service that had begun
    by then has no rows for it.
    """
    rows = list(
        session.connection().execute(
            select(SOURCE_DAY).where(SOURCE_DAY.c.day >= days[0], SOURCE_DAY.c.day <= days[-1])
        )
    )
    held = {(row.source, row.day) for row in rows if row.rows}
    partial = {row.day for row in rows if not row.whole}
    begun = _first_pulls(session, sources)
    filled = {day for _, day in held}
    pulled = [
        day in filled
        and all((source, day) in held for source, since in begun.items() if since <= day)
        for day in days
    ]
    return np.array(pulled, dtype=np.bool_), np.array([day not in partial for day in days])


def _first_pulls(session: Session, sources: Collection[str]) -> dict[str, date]:
    statement = (
        select(SOURCE_DAY.c.source, func.min(SOURCE_DAY.c.day))
        .where(SOURCE_DAY.c.rows > 0)
        .group_by(SOURCE_DAY.c.source)
    )
    return {
        source: first
        for source, first in session.connection().execute(statement)
        if source in sources
    }


class Spend(NamedTuple):
    """Daily spend of some tenants over consecutive days, for budgets.

    ``by_feature`` maps (tenant, feature) to micro-dollars per day; a tenant's own total stands
    under the empty feature. ``unknown`` holds the days with use of unknown cost alike, and
    ``complete`` the days every source in service answered wholly.
    """

    days: tuple[date, ...]
    by_feature: Mapping[tuple[str, str], NDArray[np.int64]]
    unknown: Mapping[tuple[str, str], NDArray[np.bool_]]
    complete: NDArray[np.bool_]


def spend(
    session: Session,
    span: tuple[date, date],
    *,
    canonical: Canonical,
    tenants: Collection[str],
    sources: Collection[str] = (),
    stored_as: Collection[str] = (),
) -> Spend:
    """Sum the spend of ``tenants`` per day of a span, for each feature and in all.

    ``stored_as`` names the ids they may be stored under, so that nothing else is read; without it
    everything is.
    """
    first, last = span
    days = consecutive_days(first, last)
    sums: dict[tuple[str, str], NDArray[np.int64]] = {}
    unknown: dict[tuple[str, str], NDArray[np.bool_]] = {}
    for row in _daily_sums(session, first, last, stored_as):
        tenant = canonical(row.tenant)
        if tenant not in tenants:
            continue
        column = (row.day - first).days
        for key in {(tenant, ""), (tenant, row.feature)}:
            sums.setdefault(key, np.zeros(len(days), dtype=np.int64))[column] += int(row.cost or 0)
            missing = unknown.setdefault(key, np.zeros(len(days), dtype=np.bool_))
            missing[column] |= row.priced < row.rows
    pulled, whole = day_states(session, days, sources)
    return Spend(days, sums, unknown, pulled & whole)


def _daily_sums(
    session: Session, first: date, last: date, tenants: Collection[str]
) -> Iterable[Any]:
    statement = (
        select(
            SERIES.c.tenant,
            SERIES.c.feature,
            COST_DAY.c.day,
            func.sum(COST_DAY.c.micro_usd).label("cost"),
            func.count(COST_DAY.c.micro_usd).label("priced"),
            func.count().label("rows"),
        )
        .join(SERIES, SERIES.c.id == COST_DAY.c.series_id)
        .where(COST_DAY.c.day >= first, COST_DAY.c.day <= last)
        .group_by(SERIES.c.tenant, SERIES.c.feature, COST_DAY.c.day)
    )
    if tenants:
        statement = statement.where(SERIES.c.tenant.in_(sorted(tenants)))
    return session.connection().execute(statement)


def display_names(session: Session) -> dict[str, str]:
    """Read how each tenant was spelt when it was first seen."""
    rows = session.connection().execute(select(TENANT_NAME))
    return {row.tenant: row.name for row in rows}


def costs_by_tenant(session: Session, first: date, last: date) -> Iterator[Columns]:
    """Give tenants as stored, what they cost, and tokens whose cost is not known, as columns."""
    statement = (
        select(SERIES.c.tenant, func.coalesce(func.sum(COST_DAY.c.micro_usd), 0), _unpriced())
        .join(SERIES, SERIES.c.id == COST_DAY.c.series_id)
        .where(COST_DAY.c.day >= first, COST_DAY.c.day <= last)
        .group_by(SERIES.c.tenant)
    )
    return columns_of(session, statement)


def _unpriced() -> Any:
    """Sum the tokens whose cost is not known."""
    cost = COST_DAY.c
    tokens = func.coalesce(cost.prompt_tokens, 0) + func.coalesce(cost.completion_tokens, 0)
    return func.coalesce(func.sum(tokens).filter(cost.micro_usd.is_(None)), 0)


@dataclass(frozen=True, slots=True)
class CostSum:
    """Cost and use of one group over a span of days, as ``spendwatch costs`` prints it."""

    group: tuple[str, ...]
    micro_usd: int
    prompt_tokens: int
    completion_tokens: int
    requests: int
    unpriced_tokens: int
    shadow: bool
    upper_bound: bool


def sum_costs(
    session: Session, first: date, last: date, group_by: Sequence[str]
) -> tuple[CostSum, ...]:
    """Sum what was spent from ``first`` to ``last`` by columns of the ledger's key.

    ``group_by`` names any of tenant, feature, model, deployment, scope, source and day.
    """
    groups = [COST_DAY.c.day if name == "day" else SERIES.c[name] for name in group_by]
    statement = (
        select(
            *groups,
            func.coalesce(func.sum(COST_DAY.c.micro_usd), 0),
            func.coalesce(func.sum(COST_DAY.c.prompt_tokens), 0),
            func.coalesce(func.sum(COST_DAY.c.completion_tokens), 0),
            func.sum(COST_DAY.c.requests),
            _unpriced(),
            func.max(_flag(COST_DAY.c.shadow)),
            func.max(_flag(COST_DAY.c.upper_bound)),
        )
        .join(SERIES, SERIES.c.id == COST_DAY.c.series_id)
        .where(COST_DAY.c.day >= first, COST_DAY.c.day <= last)
        .group_by(*groups)
    )
    return tuple(_cost_sum(row, len(groups)) for row in session.connection().execute(statement))


def _flag(column: Any) -> Any:
    """Turn a boolean into a number: PostgreSQL has no maximum of booleans."""
    return case((column, 1), else_=0)


def _cost_sum(row: Any, groups: int) -> CostSum:
    cost, prompt, completion, requests, unpriced, shadow, upper_bound = row[groups:]
    return CostSum(
        group=tuple(str(part) for part in row[:groups]),
        micro_usd=int(cost),
        prompt_tokens=int(prompt),
        completion_tokens=int(completion),
        requests=int(requests),
        unpriced_tokens=int(unpriced),
        shadow=bool(shadow),
        upper_bound=bool(upper_bound),
    )


def add_sums(group: tuple[str, ...], parts: Sequence[CostSum]) -> CostSum:
    """Join the sums of several groups into one, as aliases ask for."""
    return CostSum(
        group=group,
        micro_usd=sum(part.micro_usd for part in parts),
        prompt_tokens=sum(part.prompt_tokens for part in parts),
        completion_tokens=sum(part.completion_tokens for part in parts),
        requests=sum(part.requests for part in parts),
        unpriced_tokens=sum(part.unpriced_tokens for part in parts),
        shadow=any(part.shadow for part in parts),
        upper_bound=any(part.upper_bound for part in parts),
    )


def unwatched_tenants(session: Session, day: date, canonical: Canonical) -> frozenset[str]:
    """Return the tenants none of whose sources held rows for a day, under any of their ids.

    Such as those of a file that was imported once, on the days after its last one.
    """
    connection = session.connection()
    answered = select(SOURCE_DAY.c.source).where(SOURCE_DAY.c.day == day, SOURCE_DAY.c.rows > 0)
    held = set(connection.execute(answered).scalars())
    if held >= set(connection.execute(select(SOURCE_DAY.c.source).distinct()).scalars()):
        return frozenset()
    sources: dict[str, set[str]] = {}
    for tenant, source in connection.execute(select(SERIES.c.tenant, SERIES.c.source).distinct()):
        sources.setdefault(canonical(tenant), set()).add(source)
    return frozenset(tenant for tenant, known in sources.items() if not known & held)


def first_days(session: Session, canonical: Canonical) -> dict[str, date]:
    """Return the first day on which each tenant ever had a row."""
    return _place_series(session, canonical).first_days


def _whole(total: Any) -> int | None:
    """Turn a sum into a number; PostgreSQL sums integers into decimals."""
    return None if total is None else int(total)


class Revision(NamedTuple):
    """A tenant's day that was revised: what it had cost until then (None: unknown), and why."""

    tenant: str
    day: date
    version: int
    series: int
    before_micro_usd: int | None
    now_micro_usd: int | None
    cause: str
    replaced_at: datetime


def revisions(session: Session, first: date, last: date) -> tuple[Revision, ...]:
    """Read what was revised from ``first`` to ``last``, newest change first."""
    old, new = COST_REVISION.c, COST_DAY.c
    statement = (
        select(
            SERIES.c.tenant,
            old.day,
            func.max(old.version),
            func.count(),
            func.sum(old.micro_usd),
            func.sum(new.micro_usd),
            old.cause,
            old.replaced_at,
        )
        .join(SERIES, SERIES.c.id == old.series_id)
        .join(COST_DAY, (new.series_id == old.series_id) & (new.day == old.day))
        .where(old.day >= first, old.day <= last)
        .group_by(SERIES.c.tenant, old.day, old.cause, old.replaced_at)
        .order_by(old.replaced_at.desc(), old.day, SERIES.c.tenant)
    )
    return tuple(
        Revision(tenant, day, version, series, _whole(before), _whole(now), cause, replaced_at)
        for tenant, day, version, series, before, now, cause, replaced_at in (
            session.connection().execute(statement)
        )
    )
