"""Medians and spreads of windows of days of which some do not count."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TO_SD = 1.4826
"""Median absolute deviation to standard deviation, of a normal distribution."""
SECOND_IN_SD = 2.2
"""The second largest of some dozens of normal deviations, in standard deviations."""


class Deviations(NamedTuple):
    """How the days of a window deviate from their median; every array has shape (N,).

    Attributes
    ----------
    centre : ndarray of float64
        The median; NaN where no day counts.
    spread : ndarray of float64
        1.4826 x the median absolute deviation; 0 where no day counts.
    second : ndarray of float64
        The second largest absolute deviation; 0 of fewer than two days.
    days : ndarray of int64
        Days that count.
    """

    centre: Floats
    spread: Floats
    second: Floats
    days: NDArray[np.int64]


def median(values: Floats) -> Floats:
    """Return the median of each row over what is not NaN.

    Parameters
    ----------
    values : ndarray of float64, shape (N, D)

    Returns
    -------
    ndarray of float64, shape (N,)
        NaN where a row has nothing but NaN.

    Examples
    --------
    >>> median(np.array([[3.0, 1.0, np.nan], [np.nan, np.nan, np.nan]])).tolist()
    [2.0, nan]
    """
    return _middle(np.sort(values, axis=1))


def _middle(ordered: Floats) -> Floats:
    """Return the median of rows that are sorted, NaN last."""
    count, width = (~np.isnan(ordered)).sum(axis=1), ordered.shape[1]
    if not width:
        return np.full(len(ordered), np.nan)
    rows = np.arange(len(ordered))
    low = ordered[rows, np.minimum(np.maximum(count - 1, 0) // 2, width - 1)]
    high = ordered[rows, np.minimum(count // 2, width - 1)]
    middle: Floats = np.where(count % 2 == 1, low, low + (high - low) / 2)
    return middle


def deviations(values: Floats) -> Deviations:
    """Describe each row by its median and by how far its days lie from it.

    Parameters
    ----------
    values : ndarray of float64, shape (N, D)
        NaN does not count.

    Returns
    -------
    Deviations

    Examples
    --------
    >>> found = deviations(np.array([[1.0, 2.0, 3.0, 9.0, np.nan]]))
    >>> found.centre.tolist(), found.second.tolist(), found.days.tolist()
    ([2.5], [1.5], [4])
    """
    centre = median(values)
    apart = np.sort(np.abs(values - centre[:, None]), axis=1)
    days = (~np.isnan(apart)).sum(axis=1)
    second = np.zeros(len(values))
    if values.shape[1]:
        at = np.maximum(days - 2, 0)
        second = np.where(days > 1, apart[np.arange(len(values)), at], 0.0)
    return Deviations(centre, TO_SD * np.nan_to_num(_middle(apart)), second, days)
