"""HOW A DAY IS SCORED BY `robust`: candidates, their evidence, and its points."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.checks import reaches
from detector.robust.evidence import evidence_of_drops, evidence_of_rises
from detector.robust.points import REASONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from detector.robust.fleet import Glance
    from detector.robust.situation import Beside
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
    features : tuple of str
        The one of each that moved most.
    moved : ndarray of float64
        By how many dollars; not negative.
    reasons : tuple of str
        A key of :data:`detector.robust.points.REASONS` for each.
    points : ndarray of float64
        Above 0 (or the bar) it is a page.
    evidence : mapping of str to ndarray of float64
    """

    tenants: Integers
    features: tuple[str, ...]
    moved: Floats
    reasons: tuple[str, ...]
    points: Floats
    evidence: Mapping[str, Floats]


def may_rise(seen: Glance, rules: RuleArrays) -> Flags:
    """Say of whom a feature rose by ``min_excess``, and by ``min_excess_share`` of the mean.

    Parameters
    ----------
    seen : Glance
    rules : RuleArrays
        Of the same T tenants.
    """
    return reaches(seen.rose, np.maximum(rules.min_excess, rules.min_excess_share * seen.mean))


def may_fall(seen: Glance, rules: RuleArrays) -> Flags:
    """Say of whom a feature fell by as much of the usual day, and who is active enough to fall."""
    least = np.maximum(rules.min_excess, rules.min_excess_share * seen.usual)
    return seen.active & reaches(seen.fell, least)


def judge_rises(beside: Beside, tenants: Integers) -> Judged:
    """Give points to tenants of which a feature rose.

    Parameters
    ----------
    beside : Beside
    tenants : ndarray of int64, shape (K,)
        Of its tenants, at least one, in order.

    Returns
    -------
    Judged
    """
    top = beside.now.rose_most[tenants]
    found = evidence_of_rises(beside, tenants, top)
    mixed = (found["mix"] > MIX_SD) & (found["mix_usd"] > MIX_SHARE)
    longer = (found["longer"] > LONGER_SD) & (found["prompt_usd"] > LONGER_SHARE)
    reasons = np.select([mixed, longer], ["mix", "prompt"], "volume")
    points = {name: REASONS[name].points(found) for name in ("mix", "prompt", "volume")}
    earned = np.select([mixed, longer], [points["mix"], points["prompt"]], points["volume"])
    return _judged(beside, tenants, top, tuple(map(str, reasons)), earned, found)


def judge_drops(beside: Beside, tenants: Integers) -> Judged:
    """Give points to tenants of which a feature fell, as :func:`judge_rises` does."""
    top = beside.now.fell_most[tenants]
    found = evidence_of_drops(beside, tenants, top)
    earned = REASONS["drop"].points(found)
    return _judged(beside, tenants, top, ("drop",) * len(tenants), earned, found)


def _judged(
    beside: Beside,
    tenants: Integers,
    top: Integers,
    reasons: tuple[str, ...],
    points: Floats,
    found: Mapping[str, Floats],
) -> Judged:
    names = tuple(beside.now.use.names[feature] for feature in top)
    return Judged(tenants, names, np.abs(beside.now.change[top]), reasons, points, found)


def joined(parts: Sequence[Judged]) -> Judged:
    """Join what was judged apart, in order; nobody where there is no part."""
    if not parts:
        return Judged(np.zeros(0, dtype=np.int64), (), np.zeros(0), (), np.zeros(0), {})
    return Judged(
        np.concatenate([part.tenants for part in parts]),
        tuple(name for part in parts for name in part.features),
        np.concatenate([part.moved for part in parts]),
        tuple(reason for part in parts for reason in part.reasons),
        np.concatenate([part.points for part in parts]),
        {
            name: np.concatenate([part.evidence[name] for part in parts])
            for name in parts[0].evidence
        },
    )
