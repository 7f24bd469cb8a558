"""Which rows of a history belong to which tenant, and what they are together."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from operator import ne
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from detector.model import SeriesKey


class FeatureRuns(NamedTuple):
    """The features of tenants: each is a run of rows.

    Attributes
    ----------
    tenant : ndarray of int64, shape (F,)
        Index of the tenant; in order, so that a tenant's features stand together.
    names : ndarray of object, shape (F,)
    starts : ndarray of int64, shape (F,)
        The first row of each.
    ends : ndarray of int64, shape (T + 1,)
        Index of each tenant's first feature; its features end where the next one's begin.
    """

    tenant: NDArray[np.int64]
    names: NDArray[np.object_]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Which of R rows of a history belong to which tenant, and to which of its features.

    Attributes
    ----------
    tenants : tuple of str, length T
        In the order of the rows.
    ends : ndarray of int64, shape (T + 1,)
        Index of each tenant's first row; its rows end where the next one's begin, the last at R.
    features : FeatureRuns
    """

    tenants: tuple[str, ...]
    ends: NDArray[np.int64]
    features: FeatureRuns

    def rows(self, index: int) -> range:
        """Return the rows of tenant number ``index``."""
        return range(int(self.ends[index]), int(self.ends[index + 1]))

    def rows_of(self, tenants: range | Sequence[int]) -> slice | NDArray[np.int64]:
        """Return the rows of some tenants; of neighbours, named as a range, as a slice."""
        return _pick(self.ends, tenants)

    def of(self, tenants: range | Sequence[int]) -> Groups:
        """Return some tenants alone, at least one and in ascending order."""
        all_of, mine = self.features, _pick(self.features.ends, tenants)
        ends, feature_ends = _joined(self.ends, tenants), _joined(all_of.ends, tenants)
        place = np.repeat(np.arange(len(tenants)), np.diff(feature_ends))
        starts = all_of.starts[mine] - (self.ends[np.asarray(tenants)] - ends[:-1])[place]
        features = FeatureRuns(place, all_of.names[mine], starts, feature_ends)
        return Groups(tuple(self.tenants[index] for index in tenants), ends, features)


def _joined(ends: NDArray[np.int64], runs: range | Sequence[int]) -> NDArray[np.int64]:
    """Return where some runs begin and end once they are put together."""
    chosen = np.asarray(runs)
    return np.append(0, np.cumsum(ends[chosen + 1] - ends[chosen]))


def _pick(ends: NDArray[np.int64], runs: range | Sequence[int]) -> slice | NDArray[np.int64]:
    """Return the places of some runs, each of which ends where the next begins."""
    if isinstance(runs, range):
        return slice(int(ends[runs.start]), int(ends[runs.stop]))
    chosen = np.asarray(runs)
    lengths = ends[chosen + 1] - ends[chosen]
    before = np.cumsum(lengths) - lengths
    places: NDArray[np.int64] = np.repeat(ends[chosen] - before, lengths) + np.arange(lengths.sum())
    return places


def group_tenants(keys: Sequence[SeriesKey]) -> Groups:
    """Find each tenant's block of rows in ``keys``, and each feature's in it; keys are sorted.

    Examples
    --------
    >>> from detector.model import SeriesKey
    >>> groups = group_tenants([SeriesKey("acme", "a"), SeriesKey("acme", "b"), SeriesKey("bolt")])
    >>> groups.tenants, groups.ends.tolist(), groups.features.tenant.tolist()
    (('acme', 'bolt'), [0, 2, 3], [0, 0, 1])
    """
    tenants, features = [key.tenant for key in keys], [key.feature for key in keys]
    begun = _changes(tenants)
    begins = begun | _changes(features)
    firsts, starts = np.flatnonzero(begun), np.flatnonzero(begins)
    names = np.array([features[start] for start in starts.tolist()], dtype=np.object_)
    tenant = (np.cumsum(begun) - 1)[starts]
    runs = FeatureRuns(tenant, names, starts, np.searchsorted(tenant, np.arange(len(firsts) + 1)))
    return Groups(
        tuple(tenants[first] for first in firsts.tolist()), np.append(firsts, len(keys)), runs
    )


def _changes(names: Sequence[str]) -> NDArray[np.bool_]:
    """Say of each name whether it is another one than the one before; of the first it is."""
    return np.fromiter(chain((True,), map(ne, names[1:], names)), np.bool_, count=len(names))


def sum_by_tenant(dollars: NDArray[np.float64], groups: Groups) -> NDArray[np.float64]:
    """Sum the rows of each tenant: shape (R, D) becomes (T, D)."""
    if not groups.tenants:
        return np.zeros((0, dollars.shape[1]))
    # A history's days lie side by side in memory: each is summed as it lies there.
    summed = np.add.reduceat(dollars.T, groups.ends[:-1], axis=1)
    return np.ascontiguousarray(summed.T)


def any_by_tenant(flags: NDArray[np.bool_], groups: Groups) -> NDArray[np.bool_]:
    """Say where any row of a tenant is set: shape (R, D) becomes (T, D)."""
    if not flags.any():
        return np.zeros((len(groups.tenants), flags.shape[1]), dtype=np.bool_)
    found: NDArray[np.bool_] = np.logical_or.reduceat(flags, groups.ends[:-1], axis=0)
    return found


def sum_runs(rows: NDArray[np.float64], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum each run of rows, first row first, as ``np.add.reduceat(rows, starts)`` does.

    As the product with a sparse matrix of ones: ten times as fast where runs are short, as a
    tenant's few rows are.

    Parameters
    ----------
    rows : ndarray of float64, shape (R, D)
    starts : ndarray of int64, shape (N,)
        Where runs begin, ascending from 0; empty where R is 0.

    Returns
    -------
    ndarray of float64, shape (N, D)
        ``rows`` itself where every run is of one row.

    Examples
    --------
    >>> sum_runs(np.array([[1.0], [2.0], [4.0]]), np.array([0, 1])).tolist()
    [[1.0], [6.0]]
    """
    # scipy.sparse takes a quarter of a second to import: only who judges pays for it.
    from scipy.sparse import csr_array

    if len(starts) == len(rows):
        return rows
    ones, places = np.ones(len(rows)), np.arange(len(rows))
    runs = csr_array((ones, places, np.append(starts, len(rows))), shape=(len(starts), len(rows)))
    summed: NDArray[np.float64] = runs @ rows
    return summed
