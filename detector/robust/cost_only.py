"""Where no tokens are told: the total against what 30 days of it were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detector.checks import reaches
from detector.robust.situation import LONG

if TYPE_CHECKING:
    from detector.robust.fleet import Glance
    from detector.robust.situation import Flags, Situation
    from detector.robust.windows import Floats
    from detector.rules import RuleArrays

MOST_SD, LEAST_SHARE = 3.5, 0.4
"""A rise is told above the mean of 30 days by so many sd, and by this share of it."""
BEYOND_SECOND = 1.4
"""It is told above so many times the second highest of those days: what was seen twice is known."""
SPREAD_FLOOR = 0.05


def may_be_dear(seen: Glance, rules: RuleArrays) -> Flags:
    """Say whose total lies far enough above its mean.

    Parameters
    ----------
    seen : Glance
    rules : RuleArrays
        Of the same T tenants.
    """
    excess = seen.today - seen.mean
    spread = np.maximum(seen.sd, SPREAD_FLOOR * seen.mean)
    least = np.maximum(rules.min_excess, LEAST_SHARE * seen.mean)
    dear: Flags = (excess > MOST_SD * spread) & reaches(excess, least)
    return dear


def beats_past(now: Situation) -> Flags:
    """Say whose total lies far enough above the second highest day."""
    beyond: Flags = now.total[:, -1] > BEYOND_SECOND * second_highest(now)
    return beyond


def second_highest(now: Situation) -> Floats:
    """Return the second highest of 30 days; 0 where fewer than two count.

    Parameters
    ----------
    now : Situation

    Returns
    -------
    ndarray of float64, shape (T,)
    """
    past = np.sort(np.nan_to_num(now.within(now.total, LONG)), axis=1)
    return past[:, -2] if past.shape[1] > 1 else np.zeros(len(past))
