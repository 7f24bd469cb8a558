"""What some tenants did on a day and before: their totals, levels and usual days."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.groups import sum_runs
from detector.robust.levels import Scale, residuals, scale_of, spread_of
from detector.robust.use import Features, Use
from detector.robust.windows import Floats, median

if TYPE_CHECKING:
    from detector.score import Evidence

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
MONTH = slice(-29, -1)
"""The 28 days before the judged one: a whole number of weeks."""
LONG = slice(-31, -1)
"""The 30 days before it."""
EVER = slice(None)
LEAST_ACTIVE = 0.8
"""A tenant that is idle on more days than one in five does not fall."""
USUAL_FLOOR_USD = 0.5


class Others(NamedTuple):
    """What all others are to each of T tenants, whatever was answered about any of them.

    Attributes
    ----------
    active : ndarray of float64, shape (T,)
        How many of them are active enough to fall.
    fallen : ndarray of float64, shape (T,)
        How many of those are below a third of their usual day.
    usual : ndarray of float64, shape (T,)
        What they usually spend together, in dollars.
    appeared : float
        Dollars by which use without a tenant is above its usual.
    """

    active: Floats
    fallen: Floats
    usual: Floats
    appeared: float

    def of(self, tenants: Integers) -> Others:
        """Return what they are to some of the tenants."""
        return Others(
            self.active[tenants], self.fallen[tenants], self.usual[tenants], self.appeared
        )


@dataclass(frozen=True, eq=False)
class Situation:
    """T tenants and their F features over D days.

    Attributes
    ----------
    use : Use
    total : ndarray of float64, shape (T, D)
        Dollars of each tenant at fixed prices.
    counted : ndarray of bool, shape (T, D)
        Days that count; the judged one does.
    weekdays : ndarray of int64, shape (D,)
    """

    use: Use
    total: Floats
    counted: Flags
    weekdays: Integers

    @cached_property
    def apart(self) -> Floats:
        """Return residuals of the totals; shape (T, D)."""
        return residuals(logs_of(self.total, self.counted), self.weekdays)

    @cached_property
    def scale(self) -> Scale:
        """Return the scale of those residuals."""
        return scale_of(spread_of(self.apart))

    @cached_property
    def usual(self) -> Floats:
        """Return the median of 28 days; 0 where none counts; shape (T,)."""
        return _median(self.total[:, MONTH], self.counted[:, MONTH])

    @cached_property
    def moments(self) -> tuple[Floats, Floats]:
        """Return mean and sample standard deviation of 30 days; both have shape (T,)."""
        return moments_of(self.within(self.total, LONG))

    @cached_property
    def mean(self) -> Floats:
        """Return the mean of 30 days, at least half a dollar."""
        return np.maximum(self.moments[0], USUAL_FLOOR_USD)

    @property
    def sd(self) -> Floats:
        """Return the sample standard deviation of 30 days."""
        return self.moments[1]

    @cached_property
    def change(self) -> Floats:
        """Return the judged day less the median of 28 days, of each feature; shape (F,).

        NaN of a feature that was used on no day that counts.
        """
        use, counted = self.use, self.counted[self.use.tenant]
        known = ((use.dollars != 0) & counted).any(axis=1)
        days = feature_days(use, self.counted, MONTH)
        moved = use.dollars[:, -1] - _median(use.dollars[:, MONTH], days)
        return np.where(known, moved, np.nan)

    @cached_property
    def rose_most(self) -> Integers:
        """Return the feature of each tenant that rose most; of equal ones the first."""
        return self._extreme(1)

    @cached_property
    def fell_most(self) -> Integers:
        """Return the feature of each tenant that fell most; of equal ones the first."""
        return self._extreme(-1)

    def _extreme(self, sign: int) -> Integers:
        moved = np.nan_to_num(sign * self.change, nan=-np.inf)
        most = np.maximum.reduceat(moved, self.use.features.ends[:-1])
        those = np.flatnonzero(moved == most[self.use.tenant])
        first = np.searchsorted(self.use.tenant[those], np.arange(len(self.total)))
        found: Integers = those[first]
        return found

    def within(self, values: Floats, days: slice) -> Floats:
        """Return some days of the totals, NaN where they do not count."""
        return np.where(self.counted[:, days], values[:, days], np.nan)

    def active(self) -> tuple[Integers, Integers]:
        """Return on how many of the 28 days each tenant used anything, and how many count."""
        counted = self.counted[:, MONTH]
        used: Flags = (self.total[:, MONTH] > 0) & counted
        return used.sum(axis=1), counted.sum(axis=1)

    def tells_tokens(self, features: Integers) -> Flags:
        """Say whether a feature of each tenant told tokens, on the day or in the 28 before it."""
        days = slice(MONTH.start, None)
        tokens = self.use.tokens[features][:, days]
        told: Flags = (tokens * self.counted[:, days]).sum(axis=1) > 0
        return told


class Beside(NamedTuple):
    """A situation beside all others, and what they are to its tenants."""

    now: Situation
    others: Others

    def before(self) -> Floats:
        """Return how many sd the day before lay from its level; 0 where that is not known."""
        before: Floats = np.nan_to_num(self.now.apart[:, -2:-1] / self.now.scale.sd[:, None])
        summed: Floats = before.sum(axis=1)
        return summed


def survey(evidence: Evidence) -> Situation:
    """Take in a day of the tenants that there is evidence of, at least one.

    Parameters
    ----------
    evidence : Evidence
        With the rates of its series.

    Returns
    -------
    Situation
        What it says of a tenant does not depend on the others.

    Raises
    ------
    ValueError
        The evidence has no rates.
    """
    if evidence.rates is None:
        raise ValueError("the rates of the series are not there")
    features = evidence.groups.features
    use = Use(features, evidence.history, evidence.dollars, evidence.rates)
    counted = evidence.usable.copy()
    counted[:, -1] = True
    weekdays = np.array([day.toordinal() % 7 for day in evidence.history.days])
    return Situation(use, sum_runs(use.dollars, features.ends[:-1]), counted, weekdays)


def _median(dollars: Floats, counted: Flags) -> Floats:
    """Return the median of the days that count; 0 where none does."""
    middle: Floats = np.nan_to_num(median(np.where(counted, dollars, np.nan)))
    return middle


def logs_of(dollars: Floats, counted: Flags) -> Floats:
    """Return logarithms of dollars; NaN for days that do not count, or without any use.

    A day without any use is no low level: whoever is idle has not fallen.
    """
    known = counted & (dollars > 0)
    logs: Floats = np.where(known, np.log(np.where(known, dollars, 0.0) + USUAL_FLOOR_USD), np.nan)
    return logs


def feature_days(use: Use | Features, counted: Flags, days: slice = EVER) -> Flags:
    """Say which days of each feature count: those of its tenant from its first use on."""
    counts = counted[use.tenant]
    used = (use.dollars > 0) & counts
    first = np.where(used.any(axis=1), used.argmax(axis=1), used.shape[1])
    begun: Flags = np.arange(used.shape[1])[days] >= first[:, None]
    return begun & counts[:, days]


def moments_of(values: Floats) -> tuple[Floats, Floats]:
    """Return mean and sample standard deviation of what is not NaN; 0 where there is nothing."""
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    mean = np.where(known, values, 0.0).sum(axis=1) / np.maximum(count, 1)
    apart = np.where(known, values - mean[:, None], 0.0)
    return mean, np.sqrt((apart**2).sum(axis=1) / np.maximum(count - 1, 1))
