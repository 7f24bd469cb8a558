"""HOW A DAY IS SCORED BY `robust`: candidates, their evidence, and its points."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.robust.evidence import evidence_of_drops, evidence_of_rises
from detector.robust.points import REASONS
from detector.robust.situation import LEAST_ACTIVE, MONTH
from detector.score import reaches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from detector.robust.situation import Situation
    from detector.robust.windows import Floats
    from detector.rules import RuleArrays

MIX_SD, MIX_SHARE = 2.0, 0.12
LONGER_SD, LONGER_SHARE = 1.5, 0.12
"""From here on a rise is one of the mix of models, or else of longer prompts, and not of volume."""
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Judged(NamedTuple):
    """Tenants judged for one direction; every array has shape (K,).

    Attributes
    ----------
    tenants : ndarray of int64
    features : ndarray of int64
        The feature of each that moved most: a row of the use.
    reasons : tuple of str
        A key of :data:`detector.robust.points.REASONS` for each.
    points : ndarray of float64
        Above 0 (or the bar) it is a page.
    evidence : mapping of str to ndarray of float64
    """

    tenants: Integers
    features: Integers
    reasons: tuple[str, ...]
    points: Floats
    evidence: Mapping[str, Floats]


def judge_rises(now: Situation, rules: RuleArrays, may: Flags) -> Judged:
    """Give points to every tenant of which a feature rose by more than the floors.

    Parameters
    ----------
    now : Situation
    rules : RuleArrays
        A feature must rise by ``min_excess`` dollars, and by ``min_excess_share`` of the mean.
    may : ndarray of bool, shape (T,)
        Who can be judged at all.

    Returns
    -------
    Judged
    """
    top = extreme(now, 1)
    rose = now.change[top]
    least = np.maximum(rules.min_excess, rules.min_excess_share * now.mean)
    tenants = np.flatnonzero(may & reaches(rose, least))
    if not len(tenants):
        return _nobody()
    found = evidence_of_rises(now, tenants, top[tenants])
    mixed = (found["mix"] > MIX_SD) & (found["mix_usd"] > MIX_SHARE)
    longer = (found["longer"] > LONGER_SD) & (found["prompt_usd"] > LONGER_SHARE)
    reasons = np.select([mixed, longer], ["mix", "prompt"], "volume")
    points = {name: REASONS[name].points(found) for name in ("mix", "prompt", "volume")}
    earned = np.select([mixed, longer], [points["mix"], points["prompt"]], points["volume"])
    return Judged(tenants, top[tenants], tuple(map(str, reasons)), earned, found)


def judge_drops(now: Situation, rules: RuleArrays, may: Flags, appeared: float) -> Judged:
    """Give points to every tenant of which a feature fell by more than the floors.

    Parameters
    ----------
    now, rules, may
        As for :func:`judge_rises`; the share is one of the usual day.
    appeared : float
        Dollars by which use without a tenant is above its usual.

    Returns
    -------
    Judged
    """
    top = extreme(now, -1)
    fell = -now.change[top]
    month = now.within(now.total, MONTH)
    days = (~np.isnan(month)).sum(axis=1)
    active = (np.nan_to_num(month) > 0).sum(axis=1) >= LEAST_ACTIVE * days
    least = np.maximum(rules.min_excess, rules.min_excess_share * now.usual)
    tenants = np.flatnonzero(may & active & reaches(fell, least))
    if not len(tenants):
        return _nobody()
    found = evidence_of_drops(now, tenants, top[tenants], appeared)
    earned = REASONS["drop"].points(found)
    return Judged(tenants, top[tenants], ("drop",) * len(tenants), earned, found)


def extreme(now: Situation, sign: int) -> Integers:
    """Return the feature of each tenant that rose (or fell) most; of equal ones the first."""
    moved = np.nan_to_num(sign * now.change, nan=-np.inf)
    order = np.lexsort((-np.arange(len(moved)), moved, now.use.tenant))
    ends = np.searchsorted(now.use.tenant, np.arange(len(now.total)), side="right") - 1
    found: Integers = order[ends]
    return found


def _nobody() -> Judged:
    none = np.zeros(0, dtype=np.int64)
    return Judged(none, none, (), np.zeros(0), {})
