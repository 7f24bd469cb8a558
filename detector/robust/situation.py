"""What some tenants did on a day and before: their totals, levels and usual days."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.history import fold_runs
from detector.robust.levels import Scale, Spread, residuals, scale_of, spread_of
from detector.robust.use import Features, Use, lay_out_use
from detector.robust.windows import Floats, median

if TYPE_CHECKING:
    from detector.score import Evidence

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
MONTH = slice(-29, -1)
"""The 28 days before the judged one: a whole number of weeks."""
LONG = slice(-31, -1)
"""The 30 days before it."""
LEAST_ACTIVE = 0.8
"""A tenant that is idle on more days than one in five does not fall."""
USUAL_FLOOR_USD = 0.5


class Others(NamedTuple):
    """What all others are to each of T tenants, whatever was answered about any of them.

    Attributes
    ----------
    known : ndarray of float64, shape (T,)
        How many of them have a level.
    rising, falling : ndarray of float64, shape (T,)
        How many of those lie 2.5 sd above or below it.
    usual : ndarray of float64, shape (T,)
        What they usually spend together, in dollars.
    spread : ndarray of float64, shape (T,)
        The median of all spreads, the tenant's own with the answers about it among them.
    appeared : float
        Dollars by which use without a tenant is above its usual.
    """

    known: Floats
    rising: Floats
    falling: Floats
    usual: Floats
    spread: Floats
    appeared: float

    def of(self, tenants: Integers) -> Others:
        """Return what they are to some of the tenants."""
        return Others(
            self.known[tenants],
            self.rising[tenants],
            self.falling[tenants],
            self.usual[tenants],
            self.spread[tenants],
            self.appeared,
        )


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
    spread : Spread
        Of those residuals.
    usual : ndarray of float64, shape (T,)
        Median of 28 days.
    mean, sd : ndarray of float64, shape (T,)
        Of 30 days; the mean is at least half a dollar.
    change : ndarray of float64, shape (F,)
        The judged day less the median of 28 days; NaN of a feature that was used on no day that
        counts.
    """

    use: Use
    total: Floats
    counted: Flags
    weekdays: Integers
    apart: Floats
    spread: Spread
    usual: Floats
    mean: Floats
    sd: Floats
    change: Floats

    def within(self, values: Floats, days: slice) -> Floats:
        """Return some days of the totals, NaN where they do not count."""
        return np.where(self.counted[:, days], values[:, days], np.nan)

    def active(self) -> tuple[Integers, Integers]:
        """Return on how many of the 28 days each tenant used anything, and how many count."""
        month = self.within(self.total, MONTH)
        return (np.nan_to_num(month) > 0).sum(axis=1), (~np.isnan(month)).sum(axis=1)

    def extreme(self, sign: int) -> Integers:
        """Return the feature of each tenant that rose (or fell) most; of equal ones the first."""
        moved = np.nan_to_num(sign * self.change, nan=-np.inf)
        order = np.lexsort((-np.arange(len(moved)), moved, self.use.tenant))
        ends = np.searchsorted(self.use.tenant, np.arange(len(self.total)), side="right") - 1
        found: Integers = order[ends]
        return found

    def tells_tokens(self) -> Flags:
        """Say of whom the feature that rose most told tokens, on the day or in the 28 before it."""
        days = slice(MONTH.start, None)
        tokens = self.use.tokens[self.extreme(1)][:, days]
        told: Flags = (tokens * self.counted[:, days]).sum(axis=1) > 0
        return told


class Beside(NamedTuple):
    """A situation beside all others: what they are to its tenants, and what that makes of it.

    Attributes
    ----------
    now : Situation
    others : Others
    scale : Scale
        Of the totals.
    """

    now: Situation
    others: Others
    scale: Scale

    def before(self) -> Floats:
        """Return how many sd the day before lay from its level; 0 where that is not known."""
        before: Floats = np.nan_to_num(self.now.apart[:, -2:-1] / self.scale.sd[:, None])
        summed: Floats = before.sum(axis=1)
        return summed

    def scale_of(self, apart: Floats, tenants: Integers) -> Scale:
        """Return the scale of residuals, of one series of each of these tenants."""
        return scale_of(spread_of(apart), self.others.spread[tenants])


def place_beside(now: Situation, others: Others) -> Beside:
    """Put a situation beside all others."""
    return Beside(now, others, scale_of(now.spread, others.spread))


def survey(evidence: Evidence) -> Situation:
    """Take in a day of the tenants that there is evidence of, at least one.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    Situation
        What it says of a tenant does not depend on the others.
    """
    use = lay_out_use(evidence.history, evidence.dollars, evidence.prices)
    starts = np.searchsorted(use.tenant, np.arange(len(evidence.groups.tenants)))
    total = fold_runs(np.add, use.dollars, starts)
    counted = evidence.usable.copy()
    counted[:, -1] = True
    weekdays = np.array([day.toordinal() % 7 for day in evidence.history.days])
    apart = residuals(logs_of(total, counted), weekdays)
    mean, sd = moments_of(np.where(counted[:, LONG], total[:, LONG], np.nan))
    known = ((use.dollars != 0) & counted[use.tenant]).any(axis=1)
    moved = use.dollars[:, -1] - _usual(use.dollars, feature_days(use, counted))
    return Situation(
        use,
        total,
        counted,
        weekdays,
        apart,
        spread_of(apart),
        _usual(total, counted),
        np.maximum(mean, USUAL_FLOOR_USD),
        sd,
        np.where(known, moved, np.nan),
    )


def _usual(dollars: Floats, counted: Flags) -> Floats:
    """Return the median of 28 days; 0 where none counts."""
    usual: Floats = np.nan_to_num(median(np.where(counted[:, MONTH], dollars[:, MONTH], np.nan)))
    return usual


def logs_of(dollars: Floats, counted: Flags) -> Floats:
    """Return logarithms of dollars; NaN for days that do not count, or without any use.

    A day without any use is no low level: whoever is idle has not fallen.
    """
    known = counted & (dollars > 0)
    logs: Floats = np.where(known, np.log(np.where(known, dollars, 0.0) + USUAL_FLOOR_USD), np.nan)
    return logs


def feature_days(use: Use | Features, counted: Flags) -> Flags:
    """Return the days of each feature that count: those of its tenant from its first use on."""
    counts = counted[use.tenant]
    begun: Flags = np.logical_or.accumulate((use.dollars > 0) & counts, axis=1)
    return begun & counts


def moments_of(values: Floats) -> tuple[Floats, Floats]:
    """Return mean and sample standard deviation of what is not NaN; 0 where there is nothing."""
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    mean = np.where(known, values, 0.0).sum(axis=1) / np.maximum(count, 1)
    apart = np.where(known, values - mean[:, None], 0.0)
    return mean, np.sqrt((apart**2).sum(axis=1) / np.maximum(count - 1, 1))
