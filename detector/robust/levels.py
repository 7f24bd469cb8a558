"""How far a day lies from the level that a series had by then, on a logarithmic scale.

A weekday profile is taken off, then a level follows the series quickly, and is not carried away by
a single day: what a day may move it by is bounded.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.robust.windows import SECOND_IN_SD, TO_SD, Floats, median

HALF_LIFE_DAYS = 2.0
"""Of the level: half of what it is comes from the last two days."""
BURN_IN_DAYS = 7
"""Days of a series before its level means anything."""
PROFILE_DAYS = 56
SCALE_DAYS = 60
_WEEK = 7
_GAIN = 1 - 0.5 ** (1 / HALF_LIFE_DAYS)
_MEAN_TO_SD = 1.2533
"""Mean absolute deviation to standard deviation, of a normal distribution."""
_FIRST_SPREAD = 0.3
"""What the running spread, which bounds a move, begins at."""
_MOVES = 2.5
"""So many spreads a day may move the level, and ``_MOVES_LEAST`` more."""
_MOVES_LEAST = 0.05
_PRIOR_SD, _PRIOR_DAYS = 0.75, 4
"""A spread that a series is thought to have before anything is seen of it, and the days it counts
for: as clients that idle, burst and grow have, since a steady one soon proves to be so."""
_PRIOR_WEEKS = 6
"""A weekday's deviation is shrunk as if there were so many weeks without any."""
_LEAST_SD = 0.05
"""No series is known to keep to less than 5 %."""


class Spread(NamedTuple):
    """How residuals of 60 days are spread, by themselves; every array has shape (N,).

    Attributes
    ----------
    own : ndarray of float64
        1.2533 x their mean size.
    second : ndarray of float64
        The second largest of them; 0 of fewer than two.
    days : ndarray of int64
        How many there are.
    """

    own: Floats
    second: Floats
    days: NDArray[np.int64]


class Scale(NamedTuple):
    """Spreads of residuals, shrunk toward a common one; both arrays have shape (N,).

    Attributes
    ----------
    sd : ndarray of float64
        Standard deviation.
    tail : ndarray of float64
        At least what makes the second largest residual one of 2.2.
    """

    sd: Floats
    tail: Floats


def residuals(logs: Floats, weekdays: NDArray[np.int64]) -> Floats:
    """Return how far each day lies from the level of the days before it.

    ``e_t = x_t - w - L`` with ``L += g clip(e_t)`` after each day, where ``g`` gives the level a
    half-life of two days and ``clip`` bounds the move to 2.5 running spreads.

    Parameters
    ----------
    logs : ndarray of float64, shape (N, D)
        Logarithms of dollars, oldest day first; the last column is the judged day. NaN is a day
        that does not count, or without any use.
    weekdays : ndarray of int64, shape (D,)
        0 to 6; the same number a week apart.

    Returns
    -------
    ndarray of float64, shape (N, D)
        NaN for the first seven days of a series and for days that are NaN.

    References
    ----------
    R. Gelper, R. Fried, C. Croux, Robust forecasting with exponential and Holt-Winters smoothing,
    Journal of Forecasting 29 (2010): the clipped update.
    """
    usual = weekday_profile(logs[:, :-1], weekdays[:-1])[:, weekdays]
    flat = np.ascontiguousarray((logs - usual).T)  # so that a day of all series is read at once
    seen = ~np.isnan(flat)
    days = np.cumsum(seen, axis=0) - seen
    young = 1 / (days + 1)
    gains = np.maximum(_GAIN, young)
    spread_gains = np.where(seen & (days > 0), np.maximum(_MOVES_LEAST, young), 0.0)
    level = flat[seen.argmax(axis=0), np.arange(flat.shape[1])]  # of the first day that counts
    spread = np.full(len(logs), _FIRST_SPREAD)
    apart = np.empty_like(flat)
    for column, day in enumerate(flat):
        np.subtract(np.where(seen[column], day, level), level, out=apart[column])
        bound = _MOVES * spread + _MOVES_LEAST
        moved = np.maximum(np.minimum(apart[column], bound), -bound)
        level += gains[column] * moved
        spread += spread_gains[column] * (_MEAN_TO_SD * np.abs(moved) - spread)
    told = seen & (days >= BURN_IN_DAYS)
    found: Floats = np.ascontiguousarray(np.where(told, apart, np.nan).T)
    return found


def weekday_profile(logs: Floats, weekdays: NDArray[np.int64]) -> Floats:
    """Return what each weekday usually lies above the week around it.

    Parameters
    ----------
    logs : ndarray of float64, shape (N, D)
        As for :func:`residuals`, without the judged day.
    weekdays : ndarray of int64, shape (D,)

    Returns
    -------
    ndarray of float64, shape (N, 7)
    """
    half = _WEEK // 2
    logs, weekdays = logs[:, -PROFILE_DAYS - 2 * half :], weekdays[-PROFILE_DAYS - 2 * half :]
    profile = np.zeros((len(logs), _WEEK))
    if logs.shape[1] < _WEEK:
        return profile
    middle = logs.shape[1] - 2 * half
    weeks = sum(logs[:, step : step + middle] for step in range(_WEEK)) / _WEEK
    apart = logs[:, half : half + middle] - weeks
    bound = (3 * TO_SD * np.nan_to_num(median(np.abs(apart))) + _FIRST_SPREAD)[:, None]
    apart = np.clip(apart, -bound, bound)
    known = ~np.isnan(apart)
    apart = np.where(known, apart, 0.0)
    for weekday in range(_WEEK):
        mine = weekdays[half : len(weekdays) - half] == weekday
        count = known[:, mine].sum(axis=1) + _PRIOR_WEEKS
        profile[:, weekday] = apart[:, mine].sum(axis=1) / count
    profile -= profile.mean(axis=1, keepdims=True)
    return profile


def spread_of(found: Floats) -> Spread:
    """Return how residuals are spread before the judged day.

    Parameters
    ----------
    found : ndarray of float64, shape (N, D)
        Of :func:`residuals`; the last column is not looked at.

    Returns
    -------
    Spread
    """
    past = np.abs(found[:, -1 - SCALE_DAYS : -1])
    days = (~np.isnan(past)).sum(axis=1)
    past = np.nan_to_num(past, copy=False)
    own = _MEAN_TO_SD * past.sum(axis=1) / np.maximum(days, 1)
    second = np.partition(past, -2, axis=1)[:, -2] if past.shape[1] > 1 else np.zeros(len(past))
    return Spread(own, second, days)


def scale_of(spread: Spread) -> Scale:
    """Return spreads shrunk toward 0.75.

    ``sd^2 = (n s^2 + 4 * 0.75^2) / (n + 4)`` with ``s`` the spread of a row by itself, of ``n``
    days; at least 0.05.

    Parameters
    ----------
    spread : Spread

    Returns
    -------
    Scale
    """
    own, second, days = spread
    shrunk = np.sqrt((days * own**2 + _PRIOR_DAYS * _PRIOR_SD**2) / (days + _PRIOR_DAYS))
    sd = np.maximum(shrunk, _LEAST_SD)
    return Scale(sd, np.maximum(sd, second / SECOND_IN_SD))
