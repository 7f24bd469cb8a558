"""The evidence for a rise or a drop, of the tenants that may be judged for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detector.robust.levels import residuals, scale_of, spread_of
from detector.robust.situation import (
    MONTH,
    USUAL_FLOOR_USD,
    feature_days,
    logs_of,
    moments_of,
)
from detector.robust.windows import SECOND_IN_SD, Deviations, Floats, deviations

if TYPE_CHECKING:
    from detector.robust.situation import Beside, Situation
    from detector.robust.use import Features

Integers = NDArray[np.int64]
DRIFT_DAYS = 7
"""Days that a feature's mix, length or share must be known on before it can drift."""
_DRIFT_FLOOR = 0.05
_SHARE_FLOOR = 0.15
_SHARE_SPREAD, _SHARE_PRIOR = 0.2, 2
"""The spread of shares is shrunk toward this one, as if it had been seen on two days."""
_MOST_DRIFT = 12.0
_FEATURE_USD, _FEATURE_SHARE = 5.0, 0.05
"""What a feature must rise by for its drift to count."""
_OWN_RISE = 2.0
"""In sd: where the share of the feature rose by less, the tenant rose as a whole."""
_THREE = slice(-3, None)


def evidence_of_rises(beside: Beside, tenants: Integers, top: Integers) -> dict[str, Floats]:
    """Return the evidence for rises.

    Parameters
    ----------
    beside : Beside
    tenants : ndarray of int64, shape (K,)
        Who may have risen, in order.
    top : ndarray of int64, shape (K,)
        The feature of each that rose most.

    Returns
    -------
    dict of str to ndarray of float64, shape (K,)
        By the names of the terms of ``volume``, ``mix`` and ``prompt``.
    """
    now = beside.now
    chosen = np.flatnonzero(np.isin(now.use.tenant, tenants))
    use, mine = now.use.rows(chosen), now.use.rows(top)
    starts = np.searchsorted(use.tenant, tenants)
    at = np.searchsorted(chosen, top)
    own = feature_days(use, now.counted)
    found = drifts(now, use, chosen, own, starts)
    found |= _shares(now, mine, own[at])
    found |= _own_history(now, mine, own[at])
    found |= _tenant_history(beside, tenants)
    found["usd"] = np.log(np.maximum(now.change[top], 1e-9))
    return found


def evidence_of_drops(beside: Beside, tenants: Integers, top: Integers) -> dict[str, Floats]:
    """Return the evidence for drops, as :func:`evidence_of_rises` does.

    Parameters
    ----------
    beside, tenants
    top : ndarray of int64, shape (K,)
        The feature of each that fell most.
    """
    now, others = beside.now, beside.others
    use = now.use.rows(top)
    logs = logs_of(use.dollars, feature_days(use, now.counted))
    apart = residuals(logs, now.weekdays)
    scale = scale_of(spread_of(apart))
    fell = np.maximum(-now.change[top], 1e-9)
    lowest = np.nan_to_num(_least(now.within(now.total, MONTH)[tenants]))
    return {
        "fall": -np.nan_to_num(apart[:, -1] / scale.sd),
        "fall_before": -beside.before()[tenants],
        "low": _ratio(lowest, now.total[tenants, -1]),
        "others_falling": (others.fallen / np.maximum(others.active, 1))[tenants],
        "unattributed": np.clip(others.appeared / fell, -1.0, 2.0),
    }


def drifts(
    now: Situation, use: Features, chosen: Integers, own: NDArray[np.bool_], starts: Integers
) -> dict[str, Floats]:
    """Say how much dearer the mix of models became, and how much longer prompts for answers.

    Parameters
    ----------
    now : Situation
    use : Features
        Those that are looked at.
    chosen : ndarray of int64, shape (F,)
        Which they are of all.
    own : ndarray of bool, shape (F, D)
        Their days that count.
    starts : ndarray of int64, shape (K,)
        Where each sum begins: a tenant's first feature, or every feature.

    Returns
    -------
    dict of str to ndarray of float64, shape (K,)
    """
    tokens = use.prompt + use.completion
    mix = Drift(np.where(own, _log_ratio(use.dearness, tokens), np.nan))
    length = Drift(np.where(own, _log_ratio(use.prompt, use.completion), np.nan))
    rise, tenant = now.change[chosen], use.tenant
    rises = (rise > _FEATURE_USD) & (rise > _FEATURE_SHARE * now.mean[tenant])
    mean = now.mean[tenant[starts]]

    def summed(values: Floats) -> Floats:
        total: Floats = np.add.reduceat(values, starts)
        return total

    return {
        "mix": summed(np.where(rises, np.clip(mix.in_sd, 0.0, _MOST_DRIFT), 0.0)),
        "longer": summed(np.where(rises, np.clip(length.in_sd, 0.0, _MOST_DRIFT), 0.0)),
        "mix_usd": summed(use.dollars[:, -1] * -np.expm1(-mix.moved)) / mean,
        "prompt_usd": summed(use.prompt_dollars[:, -1] * -np.expm1(-length.moved)) / mean,
    }


class Drift:
    """How far the judged day lies from the median of a month.

    Attributes
    ----------
    moved : ndarray of float64, shape (N,)
        0 where it is not known on seven days of them, or not on the judged one.
    in_sd : ndarray of float64, shape (N,)
    month : Deviations
    """

    def __init__(self, values: Floats) -> None:
        self.month: Deviations = deviations(values[:, MONTH])
        moved = np.nan_to_num(values[:, -1] - self.month.centre)
        self.moved: Floats = np.where(self.month.days >= DRIFT_DAYS, moved, 0.0)
        self.in_sd: Floats = self.moved / self.tail(_DRIFT_FLOOR)

    def tail(self, floor: float) -> Floats:
        """Return the spread, at least what makes the second largest deviation one of 2.2."""
        return np.maximum(self.month.spread + floor, self.month.second / SECOND_IN_SD)


def _shares(now: Situation, mine: Features, own: NDArray[np.bool_]) -> dict[str, Floats]:
    """Say how much the share of the feature in its tenant rose; nothing where it is all of it."""
    total = now.total[mine.tenant]
    rest = np.maximum(total - mine.dollars, 0.0)
    logs = _ratio(mine.dollars, rest)
    drift = Drift(np.where(own & (total > 0), logs, np.nan))
    days = drift.month.days
    spread = (days * drift.month.spread + _SHARE_PRIOR * _SHARE_SPREAD) / (days + _SHARE_PRIOR)
    known = now.use.tenant[~np.isnan(now.change)]
    only = np.bincount(known, minlength=len(now.total))[mine.tenant] == 1
    share = np.where(only, 0.0, drift.moved / np.maximum(spread, 1e-3))
    share_tail = np.where(only, 0.0, drift.moved / drift.tail(_SHARE_FLOOR))
    alike = (share < _OWN_RISE) & (share_tail < _OWN_RISE)
    tail = np.nan_to_num(now.apart[mine.tenant, -1] / now.scale.tail[mine.tenant])
    return {
        "share": share,
        "share_tail": share_tail,
        "broad": np.where(alike, tail, 0.0),
        "total_tail": tail,
    }


def _own_history(now: Situation, mine: Features, own: NDArray[np.bool_]) -> dict[str, Floats]:
    """Compare the feature with its own past."""
    month = np.where(own[:, MONTH], mine.dollars[:, MONTH], np.nan)
    days = (~np.isnan(month)).sum(axis=1)
    apart = residuals(logs_of(mine.prompt_dollars, own), now.weekdays)
    scale = scale_of(spread_of(apart))
    today = mine.dollars[:, -1]
    return {
        "prompt": np.nan_to_num(apart[:, -1] / scale.sd),
        "active": (np.nan_to_num(month) > 0).sum(axis=1) / np.maximum(days, 1),
        "record": _ratio(today, np.nan_to_num(-_least(-month))),
    }


def _tenant_history(beside: Beside, tenants: Integers) -> dict[str, Floats]:
    now = beside.now
    total = now.total[tenants]
    mean = now.mean[tenants]
    spread = np.maximum(now.sd[tenants], _DRIFT_FLOOR * mean)
    return {
        "before": beside.before()[tenants],
        "three": _ratio(moments_of(now.within(now.total, _THREE)[tenants])[0], now.usual[tenants]),
        "long_z": (total[:, -1] - mean) / spread,
    }


def _ratio(one: Floats, other: Floats) -> Floats:
    """Return the logarithm of a ratio of dollars, half a dollar added to both; credits are $0."""
    ratio: Floats = np.log(np.maximum(one, 0.0) + USUAL_FLOOR_USD) - np.log(
        np.maximum(other, 0.0) + USUAL_FLOOR_USD
    )
    return ratio


def _log_ratio(one: Floats, other: Floats) -> Floats:
    """Return the logarithm of a ratio; NaN where a side is 0."""
    known = (one > 0) & (other > 0)
    logs = np.log(np.where(known, one, 1.0)) - np.log(np.where(known, other, 1.0))
    ratio: Floats = np.where(known, logs, np.nan)
    return ratio


def _least(values: Floats) -> Floats:
    """Return the least of each row; NaN where there is nothing."""
    known = ~np.isnan(values)
    least = np.where(known, values, np.inf).min(axis=1, initial=np.inf)
    found: Floats = np.where(known.any(axis=1), least, np.nan)
    return found
