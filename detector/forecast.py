"""Pure: what the coming days will cost, learnt from the recent ones, with its uncertainty.

A day costs its weekday's factor times a level that grows or shrinks evenly, plus noise. Why this
model, and how far off it is: docs/adr/0006-weekday-forecast.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ordinals = NDArray[np.int64]

WINDOW_DAYS: Final = 56
"""How many calendar days the forecast looks back."""

MIN_DAYS: Final = 14
"""With fewer known days than this there is no forecast."""

_WEEK: Final = 7
_HALF_LIFE_DAYS: Final = 14.0
_SLOPE_SD: Final = 0.007  # what a level may change in a day before data say so, as a share of it
_TREND_DAYS: Final = 28  # the slope is followed this far ahead, then the level stays
_LONE_SPREADS: Final = 4.0
_LEAST_SPREAD: Final = 0.1  # of the mean day, so that a flat series has room for a cent more
_LONE_SHARE: Final = 0.1  # if more days stand out than this, standing out is the pattern
_MAD_TO_SD: Final = 1.4826  # of a normal distribution
_MOST_CORRELATION: Final = 0.7
_FITTED: Final = 6.0  # level, slope, and what the shrunken weekday factors cost
_LEAST_FREEDOM: Final = 3.0
_TINY: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Pace:
    """What the recent days teach about the coming ones.

    Attributes
    ----------
    anchor : int
        Ordinal (``date.toordinal``) of the newest known day, where time is zero.
    level, slope : float
        Micro-dollars of an average weekday at the anchor, and its change a day.
    factors : tuple of float
        What each weekday costs as a share of the level, Monday first; their mean is 1.
    noise_variance : float
        Variance of one day around its expectation.
    doubt : tuple of three floats
        Variance of the estimated level, covariance of level and slope, variance of the slope.
    inflation : float
        By how much the variance of a sum grows because neighbouring days are alike; at least 1.
    degrees_of_freedom : float
        Of the Student t distribution that belongs to the variances.
    """

    anchor: int
    level: float
    slope: float
    factors: tuple[float, ...]
    noise_variance: float
    doubt: tuple[float, float, float]
    inflation: float
    degrees_of_freedom: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """A sum still to come: a Student t distribution, shifted by ``mean``, scaled by ``spread``.

    Attributes
    ----------
    mean, spread : float
        Micro-dollars; a spread of 0 means that the sum is certain.
    degrees_of_freedom : float
        Positive.
    """

    mean: float
    spread: float
    degrees_of_freedom: float

    def interval(self, share: float) -> tuple[float, float]:
        """Return the two ends between which the sum lies with this probability.

        Parameters
        ----------
        share : float
            Between 0 and 1, both excluded; as much is left out below as above.

        Returns
        -------
        tuple of float
            Micro-dollars, low and high.

        Examples
        --------
        >>> low, high = Outlook(100.0, 10.0, 30.0).interval(0.8)
        >>> round(low, 1), round(high, 1)
        (86.9, 113.1)
        """
        # scipy.special takes a third of a second and more to import: only a forecast pays for it.
        from scipy.special import stdtrit

        reach = self.spread * float(stdtrit(self.degrees_of_freedom, (1 + share) / 2))
        return self.mean - reach, self.mean + reach

    def chance_of(self, amount: float) -> float:
        """Return the probability that the sum is at least ``amount`` micro-dollars.

        Parameters
        ----------
        amount : float
            Micro-dollars.

        Returns
        -------
        float
            Between 0 and 1; exactly 0 or 1 where the spread is 0.

        Examples
        --------
        >>> Outlook(100.0, 10.0, 30.0).chance_of(100.0)
        0.5
        """
        from scipy.special import stdtr  # late, for the reason given above

        if self.spread == 0:
            return float(self.mean >= amount)
        score = (self.mean - amount) / self.spread
        return float(stdtr(self.degrees_of_freedom, score))


def learn_pace(ordinals: Ordinals, spend: NDArray[np.int64], today: int) -> Pace | None:
    """Learn level, slope, weekday factors and noise of the :data:`WINDOW_DAYS` days to today.

    The days before the first spend in the window are not looked at, so that a newcomer is not
    averaged with its absence. Lone days (see Notes) are left out, refunds count as 0. The
    weekday factors are means of day / mean of the seven days around it, shrunk towards 1 the
    more, the less they differ beyond noise (James and Stein). Level and slope come from a
    least-squares line with weights that halve every 14 days, the slope shrunk towards 0.

    Parameters
    ----------
    ordinals : ndarray of int64, shape (n,)
        The known days (``date.toordinal``), ascending; missing days are simply not there.
    spend : ndarray of int64, shape (n,)
        Micro-dollars of those days.
    today : int
        Ordinal of the last day of the window; later days are not looked at.

    Returns
    -------
    Pace or None
        None where fewer than :data:`MIN_DAYS` known days are left.

    Notes
    -----
    A day is lone when it lies beyond the median of the seven days around it *and* beyond the
    same weekday a week before and after, by more than four robust standard deviations of the
    change from week to week. One spike is therefore not extrapolated, a weekly peak is kept, and
    a new level is believed from its fourth day on. If more than a tenth of all days are lone,
    being so is the pattern, and all are kept.

    References
    ----------
    W. James and C. Stein, "Estimation with quadratic loss", 1961; F. R. Hampel, "The influence
    curve and its role in robust estimation", 1974; E. S. Gardner and E. McKenzie, "Forecasting
    trends in time series", 1985 (why a trend is not followed for ever).

    Examples
    --------
    >>> days = np.arange(738_000, 738_028)
    >>> pace = learn_pace(days, np.full(28, 5_000_000), today=738_027)
    >>> round(pace.level), round(pace.slope), pace.noise_variance < 1
    (5000000, 0, True)
    >>> learn_pace(days, np.full(28, 5_000_000), today=738_012) is None
    True
    """
    recent = (ordinals > today - WINDOW_DAYS) & (ordinals <= today)
    known, spend = ordinals[recent], spend[recent]
    spent = np.flatnonzero(spend > 0)
    if len(spent):
        known, spend = known[spent[0] :], spend[spent[0] :]
    if len(known) < MIN_DAYS:
        return None
    calendar = np.full(int(known[-1] - known[0]) + 1, np.nan)
    calendar[known - known[0]] = np.maximum(spend, 0)
    calendar[_find_lone_days(calendar)] = np.nan
    weekdays = (known[0] - 1 + np.arange(len(calendar))) % _WEEK
    return _fit(calendar, weekdays, int(known[-1]))


def expected_spend(pace: Pace, ordinals: Ordinals) -> Floats:
    """Return what each of these days should cost.

    Parameters
    ----------
    pace : Pace
    ordinals : ndarray of int64, shape (n,)
        Any days; the slope is followed for 28 days after the anchor and no further.

    Returns
    -------
    ndarray of float64, shape (n,)
        Micro-dollars, never negative; empty for no days.
    """
    factors, ahead = _place(pace, ordinals)
    followed = np.minimum(ahead, _TREND_DAYS)
    expected: Floats = np.maximum(factors * (pace.level + pace.slope * followed), 0)
    return expected


def total_spread(pace: Pace, ordinals: Ordinals) -> float:
    """Return the standard deviation of the sum over these days around its expectation.

    The noise of each day and the doubt about level and slope, which all days share, so that it
    grows with the square of their number: ``inflation * (n s^2 + x' V x)``. The doubt about the
    slope grows without end, though the slope itself is followed for 28 days only: far ahead the
    level may have gone anywhere.

    Parameters
    ----------
    pace : Pace
    ordinals : ndarray of int64, shape (n,)

    Returns
    -------
    float
        Micro-dollars; 0 for no days.
    """
    factors, ahead = _place(pace, ordinals)
    days, reach = float(factors.sum()), float(factors @ ahead)
    level, shared, slope = pace.doubt
    doubt = days * days * level + 2 * days * reach * shared + reach * reach * slope
    return math.sqrt(pace.inflation * max(doubt + len(ordinals) * pace.noise_variance, 0.0))


def _place(pace: Pace, ordinals: Ordinals) -> tuple[Floats, Floats]:
    """Return the weekday factor of each day, and its distance from the anchor."""
    factors = np.asarray(pace.factors)[(ordinals - 1) % _WEEK]
    return factors, (ordinals - pace.anchor).astype(np.float64)


def _fill(calendar: Floats) -> Floats:
    """Give a missing day the median of its weekday, or of all days where that has none."""
    filled = calendar.copy()
    for place in np.flatnonzero(np.isnan(calendar)):
        same = calendar[place % _WEEK :: _WEEK]
        known = same[~np.isnan(same)]
        filled[place] = np.median(known) if len(known) else np.nanmedian(calendar)
    return filled


def _weeks_around(filled: Floats) -> Floats:
    """Return the seven days around each day; near the ends the first and the last seven."""
    starts = np.arange(len(filled)) - _WEEK // 2
    starts = np.minimum(np.maximum(starts, 0), len(filled) - _WEEK)
    return np.asarray(filled[starts[:, np.newaxis] + np.arange(_WEEK)])


def _find_lone_days(calendar: Floats) -> NDArray[np.bool_]:
    """Return which days stand out of their surroundings as well as of their weekday."""
    filled = _fill(calendar)
    median = np.sort(_weeks_around(filled), axis=1)[:, _WEEK // 2]
    before = np.concatenate([median[:_WEEK], filled[:-_WEEK]])
    after = np.concatenate([filled[_WEEK:], median[-_WEEK:]])
    weekly_change = np.abs(filled[_WEEK:] - filled[:-_WEEK])
    spread = _MAD_TO_SD * float(np.median(weekly_change)) / math.sqrt(2)
    room = _LONE_SPREADS * max(spread, _LEAST_SPREAD * float(filled.mean()))
    neighbours = np.stack([median, before, after])
    high, low = neighbours.max(axis=0) + room, neighbours.min(axis=0) - room
    lone: NDArray[np.bool_] = (calendar > high) | (calendar < low)
    return lone if lone.mean() <= _LONE_SHARE else np.zeros_like(lone)


def _weekday_factors(calendar: Floats, weekdays: Ordinals) -> Floats:
    """Return seven factors with mean 1, shrunk towards 1 where they may be noise."""
    around = _weeks_around(_fill(calendar)).mean(axis=1)
    usable = ~np.isnan(calendar) & (around > 0)
    ratios, places = calendar[usable] / around[usable], weekdays[usable]
    counts = np.bincount(places, minlength=_WEEK)
    if counts.min() == 0 or len(ratios) <= _WEEK:
        return np.ones(_WEEK)
    means = np.bincount(places, weights=ratios, minlength=_WEEK) / counts
    within = float(np.sum((ratios - means[places]) ** 2)) / (len(ratios) - _WEEK)
    between = float(counts @ (means - 1) ** 2) / (_WEEK - 1)
    shrink = (_WEEK - 3) / (_WEEK - 1) * within / max(between, _TINY)
    factors = 1 + max(0.0, 1 - shrink) * (means - 1)
    return np.asarray(factors * _WEEK / factors.sum())


def _fit(calendar: Floats, weekdays: Ordinals, anchor: int) -> Pace:
    """Fit the line through the days that are left, and measure what it leaves over."""
    factors = _weekday_factors(calendar, weekdays)
    kept = np.flatnonzero(~np.isnan(calendar))
    values, shape = calendar[kept], factors[weekdays[kept]]
    age = (kept - (len(calendar) - 1)).astype(np.float64)
    weights = 0.5 ** (-age / _HALF_LIFE_DAYS)
    effective = float(weights.sum() ** 2 / (weights @ weights))
    freedom = max(effective - _FITTED, _LEAST_FREEDOM)
    shares = weights / weights.sum() * effective / freedom
    design = np.stack([shape, shape * age])
    weighted = design * weights
    moments, target, shaken = weighted @ design.T, weighted @ values, weighted @ weighted.T
    level = float(target[0] / moments[0, 0])
    prior_variance = (_SLOPE_SD * level) ** 2 + _TINY
    rest = values - shape * level
    for _ in range(2):  # the noise around the flat line, then around the sloping one
        ridge = np.array([[0.0, 0.0], [0.0, float(shares @ rest**2) / prior_variance + _TINY]])
        inverse = np.linalg.inv(moments + ridge)
        line = inverse @ target
        rest = values - line @ design
    noise = float(shares @ rest**2)
    covariance = noise * inverse @ (shaken + ridge) @ inverse
    return Pace(
        anchor=anchor,
        level=float(line[0]),
        slope=float(line[1]),
        factors=tuple(factors.tolist()),
        noise_variance=noise,
        doubt=(float(covariance[0, 0]), float(covariance[0, 1]), float(covariance[1, 1])),
        inflation=_inflation(rest, effective),
        degrees_of_freedom=freedom,
    )


def _inflation(rest: Floats, effective: float) -> float:
    """Return the variance of a long sum over that of independent days: (1 + r) / (1 - r)."""
    alike = float(rest[1:] @ rest[:-1]) / max(float(rest @ rest), _TINY) + 1 / effective
    correlation = min(max(alike, 0.0), _MOST_CORRELATION)
    return (1 + correlation) / (1 - correlation)
