"""The past as arrays: what every judgement reads, whoever stored it."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.model import CostDay, SeriesKey

CELL_WIDTH = 8
"""Numbers that describe one series on one day, see :func:`lay_out`."""


class History(NamedTuple):
    """Daily cost and tokens of every series over consecutive days.

    A named tuple and not a dataclass, because arrays have neither equality nor a hash.

    Attributes
    ----------
    days : tuple of date, length D
        Consecutive local days, oldest first; the last one is the judged day.
    keys : tuple of SeriesKey, length R
        One per row, sorted, so that a tenant's rows stand together.
    cost : ndarray of int64, shape (R, D)
        Micro-dollars as billed; 0 where there was no use or no known price.
    unknown : ndarray of bool, shape (R, D)
        There was use whose price is not known.
    given : ndarray of bool, shape (R, D)
        The cost was stated by the source, so no price table can restate it.
    prompt, completion, cached : ndarray of int64, shape (R, D)
        Tokens; 0 where unknown.
    pulled : ndarray of bool, shape (D,)
        The day was pulled and held rows; a day that is not pulled is missing, never $0.
    whole : ndarray of bool, shape (D,)
        The day was pulled wholly: what has no row used nothing.
    first_days : mapping of str to date
        The first day on which a tenant ever had a row.
    """

    days: tuple[date, ...]
    keys: tuple[SeriesKey, ...]
    cost: NDArray[np.int64]
    unknown: NDArray[np.bool_]
    given: NDArray[np.bool_]
    prompt: NDArray[np.int64]
    completion: NDArray[np.int64]
    cached: NDArray[np.int64]
    pulled: NDArray[np.bool_]
    whole: NDArray[np.bool_]
    first_days: Mapping[str, date]

    def window(self, last: int, days: int) -> History:
        """Return the ``days`` columns that end with column ``last`` (views, nothing is copied).

        Columns before the first one are simply not there: the window is shorter then.
        """
        part = slice(max(0, last + 1 - days), last + 1)
        return self._replace(
            days=self.days[part],
            cost=self.cost[:, part],
            unknown=self.unknown[:, part],
            given=self.given[:, part],
            prompt=self.prompt[:, part],
            completion=self.completion[:, part],
            cached=self.cached[:, part],
            pulled=self.pulled[part],
            whole=self.whole[part],
        )

    def of_rows(self, rows: range) -> History:
        """Return neighbouring rows alone, such as those of a tenant (views, nothing is copied)."""
        part = slice(rows.start, rows.stop)
        return self._replace(
            keys=self.keys[part],
            cost=self.cost[part],
            unknown=self.unknown[part],
            given=self.given[part],
            prompt=self.prompt[part],
            completion=self.completion[part],
            cached=self.cached[part],
        )


@dataclass(frozen=True, slots=True)
class Groups:
    """Which rows of a history belong to which tenant.

    Attributes
    ----------
    tenants : tuple of str, length T
        In the order of the rows.
    starts : tuple of int, length T
        Index of each tenant's first row; its rows end where the next tenant's begin.
    """

    tenants: tuple[str, ...]
    starts: tuple[int, ...]

    def rows(self, index: int, total: int) -> range:
        """Return the rows of tenant number ``index`` among ``total`` rows."""
        end = self.starts[index + 1] if index + 1 < len(self.starts) else total
        return range(self.starts[index], end)


def group_tenants(keys: Sequence[SeriesKey]) -> Groups:
    """Find each tenant's block of rows in ``keys``, which are sorted by tenant.

    Examples
    --------
    >>> group_tenants([SeriesKey("acme", "a"), SeriesKey("acme", "b"), SeriesKey("bolt")])
    Groups(tenants=('acme', 'bolt'), starts=(0, 2))
    """
    starts = [
        index
        for index, key in enumerate(keys)
        if index == 0 or key.tenant != keys[index - 1].tenant
    ]
    return Groups(tuple(keys[start].tenant for start in starts), tuple(starts))


def sum_by_tenant(dollars: NDArray[np.float64], groups: Groups) -> NDArray[np.float64]:
    """Sum the rows of each tenant: shape (R, D) becomes (T, D)."""
    if not groups.starts:
        return dollars[:0]
    summed: NDArray[np.float64] = np.add.reduceat(dollars, groups.starts, axis=0)
    return summed


def any_by_tenant(flags: NDArray[np.bool_], groups: Groups) -> NDArray[np.bool_]:
    """Say where any row of a tenant is set: shape (R, D) becomes (T, D)."""
    if not groups.starts:
        return flags[:0]
    found: NDArray[np.bool_] = np.logical_or.reduceat(flags, groups.starts, axis=0)
    return found


def lay_out(
    keys: Sequence[SeriesKey],
    days: Sequence[date],
    cells: NDArray[np.int64],
    *,
    pulled: NDArray[np.bool_],
    whole: NDArray[np.bool_],
    first_days: Mapping[str, date],
) -> History:
    """Sum cells into the matrices of a history.

    Parameters
    ----------
    keys : sequence of SeriesKey, length R
        Sorted; rows without any use inside ``days`` are left out of the result.
    days : sequence of date, length D
    cells : ndarray of int64, shape (N, 8)
        Row, column, micro-dollars, cost unknown (0 or 1), cost given (0 or 1), prompt,
        completion and cached tokens; cells of one place add up.

    Returns
    -------
    History
    """
    place = (cells[:, 0], cells[:, 1])
    matrices: list[NDArray[np.int64]] = []
    for column in range(2, CELL_WIDTH):
        matrix = np.zeros((len(keys), len(days)), dtype=np.int64)
        np.add.at(matrix, place, cells[:, column])
        matrices.append(matrix)
    cost, unknown, given, prompt, completion, cached = matrices
    used = np.logical_or.reduce([part.any(axis=1) for part in (cost, unknown, prompt, completion)])
    return History(
        tuple(days),
        tuple(key for key, keep in zip(keys, used, strict=True) if keep),
        cost[used],
        unknown[used] > 0,
        given[used] > 0,
        prompt[used],
        completion[used],
        cached[used],
        pulled,
        whole,
        first_days,
    )


def build_history(
    costs: Iterable[CostDay],
    first: date,
    last: date,
    *,
    canonical: Callable[[str], str] = lambda tenant: tenant,
) -> History:
    """Lay priced days out as arrays; a day is pulled and whole when any row stands on it.

    Parameters
    ----------
    costs : iterable of CostDay
        In any order, from ``first`` to ``last``; rows that share a key and a day are summed.
    first, last : date
        The days laid out, both included.
    canonical : callable
        Maps a tenant id as stored to the one it is known by now (aliases).

    Returns
    -------
    History
        Rows sorted by key. No costs give R = 0.

    Raises
    ------
    ValueError
        A cost lies outside ``first`` to ``last``.
    """
    days = consecutive_days(first, last)
    number_of: dict[SeriesKey, int] = {}
    firsts: dict[str, date] = {}
    flat = array("q")
    for cost in costs:
        if not first <= cost.day <= last:
            raise ValueError(f"a cost of {cost.day} does not lie within {first} to {last}")
        key = _renamed(cost.key, canonical)
        firsts[key.tenant] = min(cost.day, firsts.get(key.tenant, cost.day))
        number = number_of.setdefault(key, len(number_of))
        flat.extend(_cell(number, (cost.day - first).days, cost))
    keys = sorted(number_of, key=astuple)
    row_of = np.empty(len(keys), dtype=np.int64)
    row_of[[number_of[key] for key in keys]] = np.arange(len(keys))
    cells = np.array(flat, dtype=np.int64).reshape(-1, CELL_WIDTH)
    cells[:, 0] = row_of[cells[:, 0]]
    seen = np.zeros(len(days), dtype=np.bool_)
    seen[cells[:, 1]] = True
    return lay_out(keys, days, cells, pulled=seen, whole=seen, first_days=firsts)


def _cell(row: int, column: int, cost: CostDay) -> tuple[int, ...]:
    return (
        row,
        column,
        cost.micro_usd or 0,
        cost.micro_usd is None,
        cost.given,
        cost.prompt_tokens or 0,
        cost.completion_tokens or 0,
        cost.cached_tokens or 0,
    )


def consecutive_days(first: date, last: date) -> tuple[date, ...]:
    """Return every day from ``first`` to ``last``, both included; empty where last < first.

    Examples
    --------
    >>> len(consecutive_days(date(2026, 2, 27), date(2026, 3, 1)))
    3
    """
    return tuple(first + timedelta(days=step) for step in range((last - first).days + 1))


def _renamed(key: SeriesKey, canonical: Callable[[str], str]) -> SeriesKey:
    tenant = canonical(key.tenant)
    if tenant == key.tenant:
        return key
    return SeriesKey(tenant, key.feature, key.model, key.deployment, key.scope)
