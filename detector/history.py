"""The past as arrays: what every judgement reads, whoever stored it."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.model import CostDay, SeriesKey

Tokens = NDArray[np.int64] | NDArray[np.int32]
"""In half the bytes where all of them are so small that two of them add up."""
_MOST_NARROW = 2**30
_SAY_USE = (0, 1, 2, 4)
"""Which of a day's cells say that there was use: cost, prompt, completion, and unknown cost."""


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
    prompt: Tokens
    completion: Tokens
    cached: Tokens
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

    def of_rows(self, rows: slice | NDArray[np.int64]) -> History:
        """Return some rows alone, in ascending order (a slice gives views, nothing is copied)."""
        if isinstance(rows, slice):
            keys = self.keys[rows]
        else:
            keys = tuple(map(self.keys.__getitem__, rows.tolist()))
        return self._replace(
            keys=keys,
            cost=self.cost[rows],
            unknown=self.unknown[rows],
            given=self.given[rows],
            prompt=self.prompt[rows],
            completion=self.completion[rows],
            cached=self.cached[rows],
        )


class DayCells(NamedTuple):
    """What N series cost and used on one day; every array has shape (N,).

    Attributes
    ----------
    rows : ndarray of int64
        Where each series stands in a history, or its id in the ledger.
    cost, prompt, completion, cached : ndarray of int64
        Micro-dollars (0 where the cost is unknown) and tokens.
    unknown, given : ndarray of bool
        As in :class:`History`.
    """

    rows: NDArray[np.int64]
    cost: NDArray[np.int64]
    prompt: NDArray[np.int64]
    completion: NDArray[np.int64]
    cached: NDArray[np.int64]
    unknown: NDArray[np.bool_]
    given: NDArray[np.bool_]


def day_cells(columns: Iterable[Sequence[int] | NDArray[np.int64]]) -> DayCells:
    """Turn columns of row, cost, prompt, completion, cached, unknown and given into arrays.

    Parameters
    ----------
    columns : iterable of sequence of int, or of ndarray of int64
        Seven of the same length; none at all is no cell.

    Examples
    --------
    >>> day_cells([[3], [1_000], [10], [2], [0], [0], [1]]).given.tolist()
    [True]
    """
    numbers = [np.array(column, dtype=np.int64) for column in columns]
    none = np.zeros(0, dtype=np.int64)
    rows, cost, prompt, completion, cached, unknown, given = numbers or (none,) * 7
    return DayCells(rows, cost, prompt, completion, cached, unknown > 0, given > 0)


def lay_out(
    keys: Sequence[SeriesKey],
    days: Sequence[date],
    told: Iterable[tuple[int, DayCells]],
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
    told : iterable of (int, DayCells)
        Columns and their cells; cells of one row add up. They are taken one after the other.

    Returns
    -------
    History
        A day's cells lie side by side in memory.
    """
    shape = len(days), len(keys)
    kinds = (np.int64, np.int32, np.int32, np.int32, np.bool_, np.bool_)
    matrices: list[NDArray[Any]] = [np.zeros(shape, dtype=kind) for kind in kinds]
    for column, cells in told:
        alone = not (np.bincount(cells.rows, minlength=1) > 1).any()
        for place, values in enumerate(cells[1:]):
            day = values if alone else _summed(len(keys), cells.rows, values)
            matrices[place] = _wide_enough(matrices[place], day)
            if day.any():  # memory that is never written to is never there
                matrices[place][column, cells.rows if alone else slice(None)] = day
    used = np.logical_or.reduce([matrices[place].any(axis=0) for place in _SAY_USE])
    if not used.all():
        keys = [key for key, keep in zip(keys, used, strict=True) if keep]
        for place, matrix in enumerate(matrices):
            matrices[place] = matrix[:, used]
    cost, prompt, completion, cached, unknown, given = (matrix.T for matrix in matrices)
    parts = (cost, unknown, given, prompt, completion, cached)
    return History(tuple(days), tuple(keys), *parts, pulled, whole, first_days)


def _summed(size: int, rows: NDArray[np.int64], values: NDArray[Any]) -> NDArray[Any]:
    """Sum values at some places, of which several may share one."""
    total = np.zeros(size, dtype=values.dtype)
    (np.logical_or if total.dtype == np.bool_ else np.add).at(total, rows, values)
    return total


def _wide_enough(matrix: NDArray[Any], day: NDArray[Any]) -> NDArray[Any]:
    """Widen a matrix that cannot hold a day, or not the sum of two of its cells."""
    if matrix.dtype == np.int32 and day.max(initial=0) > _MOST_NARROW:
        return matrix.astype(np.int64)
    return matrix


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
    told: dict[int, array[int]] = defaultdict(lambda: array("q"))
    for cost in costs:
        if not first <= cost.day <= last:
            raise ValueError(f"a cost of {cost.day} does not lie within {first} to {last}")
        key = _renamed(cost.key, canonical)
        firsts[key.tenant] = min(cost.day, firsts.get(key.tenant, cost.day))
        number = number_of.setdefault(key, len(number_of))
        told[(cost.day - first).days].extend(_cell(number, cost))
    keys = sorted(number_of)
    row_of = np.empty(len(keys), dtype=np.int64)
    row_of[[number_of[key] for key in keys]] = np.arange(len(keys))
    seen = np.array([column in told for column in range(len(days))], dtype=np.bool_)
    width = len(DayCells._fields)
    placed = (
        (column, day_cells(np.array(cells).reshape(-1, width).T)) for column, cells in told.items()
    )
    moved = ((column, cells._replace(rows=row_of[cells.rows])) for column, cells in placed)
    return lay_out(keys, days, moved, pulled=seen, whole=seen, first_days=firsts)


def _cell(row: int, cost: CostDay) -> tuple[int, ...]:
    return (
        row,
        cost.micro_usd or 0,
        cost.prompt_tokens or 0,
        cost.completion_tokens or 0,
        cost.cached_tokens or 0,
        cost.micro_usd is None,
        cost.given,
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
