"""What all tenants have in common on a day: their totals, usual days, and who may be judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.history import fold_runs
from detector.robust.levels import Scale, residuals, scale_of
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


class Others(NamedTuple):
    """What the tenants that are not laid out come to, where one is judged again by itself.

    Attributes
    ----------
    known, rising, falling : int
        How many have a level, and lie 2.5 sd above or below it.
    usual : float
        What they usually spend together, in dollars.
    spread : float or None
        The fleet's; None where those that are laid out are all.
    appeared : float
        Dollars by which use without a tenant is above its usual.
    """

    known: int = 0
    rising: int = 0
    falling: int = 0
    usual: float = 0.0
    spread: float | None = None
    appeared: float = 0.0


NOBODY = Others()


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
        The judged day less that.
    others : Others
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
    others: Others = NOBODY

    def within(self, values: Floats, days: slice) -> Floats:
        """Return some days of the totals, NaN where they do not count."""
        return np.where(self.counted[:, days], values[:, days], np.nan)

    def deviation(self) -> Floats:
        """Return how many sd each total lies from its level; 0 where that is not known."""
        return np.nan_to_num(self.apart[:, -1] / self.scale.sd)

    def beyond(self, bar: float) -> NDArray[np.bool_]:
        """Say whose total lies more than some sd above its level, or below it."""
        known, deviation = ~np.isnan(self.apart[:, -1]), self.deviation()
        return known & (deviation > bar if bar > 0 else deviation < bar)

    def before(self) -> Floats:
        """Return the same of the day before."""
        before: Floats = np.nan_to_num(self.apart[:, -2:-1] / self.scale.sd[:, None]).sum(axis=1)
        return before


def survey(
    use: Use,
    starts: NDArray[np.int64],
    usable: NDArray[np.bool_],
    days: Sequence[date],
    others: Others = NOBODY,
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
    others : Others

    Returns
    -------
    Situation
    """
    total = fold_runs(np.add, use.dollars, starts)
    counted = usable.copy()
    counted[:, -1] = True
    weekdays = np.array([day.toordinal() % 7 for day in days])
    apart = residuals(logs_of(total, counted), weekdays)
    month = np.where(counted[:, MONTH], total[:, MONTH], np.nan)
    mean, sd = moments_of(np.where(counted[:, LONG], total[:, LONG], np.nan))
    own = feature_days(use, counted)
    usual = np.nan_to_num(median(np.where(own[:, MONTH], use.dollars[:, MONTH], np.nan)))
    return Situation(
        use,
        total,
        counted,
        weekdays,
        apart,
        scale_of(apart, others.spread),
        np.nan_to_num(median(month)),
        np.maximum(mean, USUAL_FLOOR_USD),
        sd,
        usual,
        use.dollars[:, -1] - usual,
        others,
    )


def others_of(now: Situation, index: int, appeared: float) -> Others:
    """Sum up all tenants but one.

    Parameters
    ----------
    now : Situation
        All tenants.
    index : int
        Of the one.
    appeared : float
        Dollars by which use without a tenant is above its usual.

    Returns
    -------
    Others
    """
    without = np.arange(len(now.total)) != index
    return Others(
        int((~np.isnan(now.apart[:, -1]))[without].sum()),
        int(now.beyond(CROWD_SD)[without].sum()),
        int(now.beyond(-CROWD_SD)[without].sum()),
        float(now.usual.sum() - now.usual[index]),
        now.scale.fleet,
        appeared,
    )


def logs_of(dollars: Floats, counted: NDArray[np.bool_]) -> Floats:
    """Return logarithms of dollars; NaN for days that do not count, or without any use.

    A day without any use is no low level: whoever is idle has not fallen.
    """
    known = counted & (dollars > 0)
    logs: Floats = np.where(known, np.log(np.where(known, dollars, 0.0) + USUAL_FLOOR_USD), np.nan)
    return logs


def feature_days(use: Use, counted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the days of each feature that count: those of its tenant from its first use on."""
    begun: NDArray[np.bool_] = np.logical_or.accumulate(use.dollars > 0, axis=1)
    return begun & counted[use.tenant]


def moments_of(values: Floats) -> tuple[Floats, Floats]:
    """Return mean and sample standard deviation of what is not NaN; 0 where there is nothing."""
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    mean = np.where(known, values, 0.0).sum(axis=1) / np.maximum(count, 1)
    apart = np.where(known, values - mean[:, None], 0.0)
    return mean, np.sqrt((apart**2).sum(axis=1) / np.maximum(count - 1, 1))
