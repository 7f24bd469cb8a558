"""What all tenants have in common on a day: their totals, usual days, and who may be judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.robust.levels import Scale, Spread, residuals, scale_of, spread_of
from detector.robust.use import Use
from detector.robust.windows import Floats, median

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

MONTH = slice(-29, -1)
"""The 28 days before the judged one: a whole number of weeks."""
LONG = slice(-31, -1)
"""The 30 days before it."""
LEAST_ACTIVE = 0.8
"""A tenant that is idle on more days than one in five does not fall."""
USUAL_FLOOR_USD = 0.5
CROWD_SD = 2.5


class Fleet(NamedTuple):
    """What T tenants are to each other; every array has shape (T,).

    No answer about one of them changes what it is to another.

    Attributes
    ----------
    spread : ndarray of float64
        The median of the spreads of all: for each tenant, its own with the answers about it.
    deviation : ndarray of float64
        How many sd each total lies from its level; NaN where that is not known.
    usual : ndarray of float64
        Median of 28 days, in dollars.
    """

    spread: Floats
    deviation: Floats
    usual: Floats


class Situation(NamedTuple):
    """T tenants and their F features over D days.

    Attributes
    ----------
    use : Use
    total : ndarray of float64, shape (T, D)
        Dollars of each tenant at fixed prices.
    counted : ndarray of bool, shape (T, D)
        Days that count; the judged one does.
    weekdays : ndarray of int64, shape (D,)
    apart : ndarray of float64, shape (T, D)
        Residuals of the totals, see :func:`detector.robust.levels.residuals`.
    scale : Scale
        Of the totals.
    usual : ndarray of float64, shape (T,)
        Median of 28 days.
    mean, sd : ndarray of float64, shape (T,)
        Of 30 days; the mean is at least half a dollar.
    feature_usual : ndarray of float64, shape (F,)
        Median of 28 days.
    change : ndarray of float64, shape (F,)
        The judged day less that; NaN of a feature that was used on no day that counts.
    fleet : Fleet
    """

    use: Use
    total: Floats
    counted: NDArray[np.bool_]
    weekdays: NDArray[np.int64]
    apart: Floats
    scale: Scale
    usual: Floats
    mean: Floats
    sd: Floats
    feature_usual: Floats
    change: Floats
    fleet: Fleet

    def within(self, values: Floats, days: slice) -> Floats:
        """Return some days of the totals, NaN where they do not count."""
        return np.where(self.counted[:, days], values[:, days], np.nan)

    def before(self) -> Floats:
        """Return how many sd the day before lay from its level; 0 where that is not known."""
        before: Floats = np.nan_to_num(self.apart[:, -2:-1] / self.scale.sd[:, None]).sum(axis=1)
        return before


def survey(
    use: Use,
    starts: NDArray[np.int64],
    usable: NDArray[np.bool_],
    days: Sequence[date],
    unanswered: NDArray[np.bool_] | None = None,
) -> Situation:
    """Take in a day; ``starts`` is each tenant's first feature.

    Parameters
    ----------
    use : Use
        F at least 1.
    starts : ndarray of int64, shape (T,)
    usable : ndarray of bool, shape (T, D)
        Days that a baseline may use.
    days : sequence of date, length D
    unanswered : ndarray of bool, shape (T, D), optional
        Those days, had nobody answered; by default the same.

    Returns
    -------
    Situation
    """
    total: Floats = np.add.reduceat(use.dollars, starts, axis=0)
    counted = _and_today(usable)
    weekdays = np.array([day.toordinal() % 7 for day in days])
    own = _past_of(total, counted, weekdays)
    fleet = _fleet(own, total, usable, usable if unanswered is None else unanswered, weekdays)
    mean, sd = moments_of(np.where(counted[:, LONG], total[:, LONG], np.nan))
    feature_usual = _usual(use.dollars, feature_days(use, counted))
    known = ((use.dollars != 0) & counted[use.tenant]).any(axis=1)
    return Situation(
        use,
        total,
        counted,
        weekdays,
        own.apart,
        scale_of(own.spread, fleet.spread),
        own.usual,
        np.maximum(mean, USUAL_FLOOR_USD),
        sd,
        feature_usual,
        np.where(known, use.dollars[:, -1] - feature_usual, np.nan),
        fleet,
    )


class _Past(NamedTuple):
    """What totals are against their own past."""

    apart: Floats
    spread: Spread
    usual: Floats


def _past_of(total: Floats, counted: NDArray[np.bool_], weekdays: NDArray[np.int64]) -> _Past:
    apart = residuals(logs_of(total, counted), weekdays)
    return _Past(apart, spread_of(apart), _usual(total, counted))


def _fleet(
    own: _Past,
    total: Floats,
    usable: NDArray[np.bool_],
    unanswered: NDArray[np.bool_],
    weekdays: NDArray[np.int64],
) -> Fleet:
    """Look at the tenants as if nobody had answered, each at itself as it is."""
    answered = np.flatnonzero((unanswered != usable).any(axis=1))
    apart, usual, spread = own.apart, own.usual, own.spread
    if answered.size:
        then = _past_of(total[answered], _and_today(unanswered[answered]), weekdays)
        apart, usual = apart.copy(), usual.copy()
        apart[answered], usual[answered] = then.apart, then.usual
        spread = spread_of(apart)
    median_spread = np.full(len(total), spread.median())
    deviation = apart[:, -1] / scale_of(spread, median_spread).sd
    for tenant in answered:
        median_spread[tenant] = spread.median_with(int(tenant), own.spread)
    return Fleet(median_spread, deviation, usual)


def _and_today(usable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    counted = usable.copy()
    counted[:, -1] = True
    return counted


def _usual(dollars: Floats, counted: NDArray[np.bool_]) -> Floats:
    """Return the median of 28 days; 0 where none counts."""
    month = np.where(counted[:, MONTH], dollars[:, MONTH], np.nan)
    usual: Floats = np.nan_to_num(median(month))
    return usual


def logs_of(dollars: Floats, counted: NDArray[np.bool_]) -> Floats:
    """Return logarithms of dollars; NaN for days that do not count, or without any use.

    A day without any use is no low level: whoever is idle has not fallen.
    """
    known = counted & (dollars > 0)
    logs: Floats = np.where(known, np.log(np.where(known, dollars, 0.0) + USUAL_FLOOR_USD), np.nan)
    return logs


def feature_days(use: Use, counted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the days of each feature that count: those of its tenant from its first use on."""
    counts = counted[use.tenant]
    begun: NDArray[np.bool_] = np.logical_or.accumulate((use.dollars > 0) & counts, axis=1)
    return begun & counts


def moments_of(values: Floats) -> tuple[Floats, Floats]:
    """Return mean and sample standard deviation of what is not NaN; 0 where there is nothing."""
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    mean = np.where(known, values, 0.0).sum(axis=1) / np.maximum(count, 1)
    apart = np.where(known, values - mean[:, None], 0.0)
    return mean, np.sqrt((apart**2).sum(axis=1) / np.maximum(count - 1, 1))
