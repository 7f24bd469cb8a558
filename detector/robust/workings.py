"""What each kind of evidence of one tenant is made of, so that its value can be worked out again.

The parts come from the functions that made the evidence; only the sums are written down here, and
tests do each of them again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from detector.robust.evidence import drifts
from detector.robust.levels import residuals, scale_of, weekday_profile
from detector.robust.situation import MONTH, feature_days, logs_of, moments_of
from detector.robust.windows import median

if TYPE_CHECKING:
    from detector.explanation import ScoredTerm
    from detector.robust.score import Judged
    from detector.robust.situation import Situation
    from detector.robust.use import Use
    from detector.robust.windows import Floats

Working = tuple[str, dict[str, float]]
NOT_KNOWN: Working = ("0", {})
"""What is not known counts as none."""
_LEVEL = "(ln(usd + 0.5) - weekday - level) / spread"
_SHARE = "(ln((feature + 0.5) / (rest + 0.5)) - usual) / spread"
_SUM = "sum(numbers)"


def with_workings(
    now: Situation, found: Judged, appeared: float, terms: tuple[ScoredTerm, ...]
) -> tuple[ScoredTerm, ...]:
    """Say of each term what its value is made of.

    Parameters
    ----------
    now : Situation
    found : Judged
        One tenant alone.
    appeared : float
        Dollars by which use without a tenant is above its usual.
    terms : tuple of ScoredTerm
        Of that tenant.

    Returns
    -------
    tuple of ScoredTerm
    """
    tenant, top = int(found.tenants[0]), int(found.features[0])
    values = {name: float(value[0]) for name, value in found.evidence.items()}
    if found.reasons[0] == "drop":
        sums = _of_a_drop(now, tenant, top, appeared, values)
    else:
        sums = _of_a_rise(now, tenant, top, values)
    return tuple(
        replace(term, formula=sums[term.name][0], numbers=sums[term.name][1]) for term in terms
    )


def _of_a_rise(
    now: Situation, tenant: int, top: int, values: dict[str, float]
) -> dict[str, Working]:
    total, at = _tenant_levels(now, tenant), np.array([tenant])
    three = float(moments_of(now.within(now.total, slice(-3, None))[at])[0][0])
    numbers = {"today": now.total[tenant, -1], "mean": now.mean[tenant], "sd": now.sd[tenant]}
    alike = values["broad"] != 0
    return {
        **_own_past(now, tenant, top),
        **_of_shares(now, tenant, top, values),
        **_of_drifts(now, tenant),
        "before": total.working(-2, now.scale.sd[tenant]),
        "total_tail": total.working(-1, now.scale.tail[tenant]),
        "broad": total.working(-1, now.scale.tail[tenant]) if alike else NOT_KNOWN,
        "three": _ratio(three_days=three, usual=now.usual[tenant]),
        "usd": ("ln(max(change, 1e-9))", {"change": float(now.change[top])}),
        "long_z": ("(today - mean) / max(sd, 0.05 * mean)", _plain(numbers)),
        "crowd": _crowd(now, tenant, values["crowd"]),
    }


def _of_a_drop(
    now: Situation, tenant: int, top: int, appeared: float, values: dict[str, float]
) -> dict[str, Working]:
    total, row = _tenant_levels(now, tenant), np.array([top])
    use = now.use.rows(row)
    own = _Levels(now, logs_of(use.dollars, feature_days(use, now.counted)), use.dollars)
    month = now.within(now.total, MONTH)[tenant]
    lowest = float(np.nanmin(month)) if not np.isnan(month).all() else 0.0
    fall = max(-float(now.change[top]), 1e-9)
    formula, numbers = own.working(-1, own.scale.sd[0])
    before, parts = total.working(-2, now.scale.sd[tenant])
    return {
        "fall": (f"-{formula}", numbers),
        "fall_before": (f"-{before}", parts),
        "low": _ratio(lowest=lowest, today=now.total[tenant, -1]),
        "others_falling": _crowd(now, tenant, values["others_falling"]),
        "unattributed": (
            "min(max(appeared / fall, -1), 2)",
            {"appeared": appeared, "fall": fall},
        ),
    }


class _Levels:
    """The levels of one series: what :func:`residuals` took off."""

    def __init__(self, now: Situation, logs: Floats, dollars: Floats) -> None:
        self.dollars, self.logs, self.weekdays = dollars[0], logs[0], now.weekdays
        apart = residuals(logs, now.weekdays)
        self.apart = apart[0]
        self.profile = weekday_profile(logs[:, :-1], now.weekdays[:-1])[0]
        self.scale = scale_of(apart, now.scale.fleet)

    def working(self, column: int, spread: float) -> Working:
        """Say what the deviation of a day is made of."""
        if len(self.apart) < -column or np.isnan(self.apart[column]):
            return NOT_KNOWN
        weekday = self.profile[self.weekdays[column]]
        level = self.logs[column] - weekday - self.apart[column]
        parts = {"usd": self.dollars[column], "weekday": weekday, "level": level, "spread": spread}
        return _LEVEL, _plain(parts)


def _tenant_levels(now: Situation, tenant: int) -> _Levels:
    total = now.total[tenant : tenant + 1]
    return _Levels(now, logs_of(total, now.counted[tenant : tenant + 1]), total)


def _own_past(now: Situation, tenant: int, top: int) -> dict[str, Working]:
    """Work the feature's own history out."""
    use = now.use.rows(np.array([top]))
    own = feature_days(use, now.counted)
    prompts = _Levels(now, logs_of(use.prompt_dollars, own), use.prompt_dollars)
    month = np.where(own[0, MONTH], use.dollars[0, MONTH], np.nan)
    same = np.where(own[:, -8::-7], use.dollars[:, -8::-7], np.nan)[:, :4]
    today, days = use.dollars[0, -1], float((~np.isnan(month)).sum())
    active = {"active": float((np.nan_to_num(month) > 0).sum()), "days": days}
    highest = float(np.nanmax(month)) if days else 0.0
    return {
        "prompt": prompts.working(-1, prompts.scale.sd[0]),
        "active": ("active / max(days, 1)", active),
        "record": _ratio(today=today, highest=highest),
        "weekday": _ratio(today=today, same_weekday=float(np.nan_to_num(median(same)[0]))),
    }


def _of_shares(
    now: Situation, tenant: int, top: int, values: dict[str, float]
) -> dict[str, Working]:
    """Work the share of the feature in its tenant out."""
    own = now.use.rows(np.array([top]))
    feature = own.dollars[0]
    rest = np.maximum(now.total[tenant] - feature, 0.0)
    odds = np.log(np.maximum(feature, 0.0) + 0.5) - np.log(rest + 0.5)
    known = feature_days(own, now.counted)[0] & (now.total[tenant] > 0)
    usual = float(median(np.where(known, odds, np.nan)[None, MONTH])[0])
    moved = odds[-1] - usual
    parts = {"feature": max(feature[-1], 0.0), "rest": rest[-1], "usual": usual}
    return {
        name: (_SHARE, _plain(parts | {"spread": moved / values[name]}))
        if values[name]
        else NOT_KNOWN
        for name in ("share", "share_tail")
    }


def _of_drifts(now: Situation, tenant: int) -> dict[str, Working]:
    """Say what each feature of the tenant adds to the drifts of its mix and of its prompts."""
    chosen = np.flatnonzero(now.use.tenant == tenant)
    use: Use = now.use.rows(chosen)
    apart = drifts(now, use, chosen, feature_days(use, now.counted), np.arange(len(chosen)))
    return {
        name: (_SUM, dict(zip(use.names, map(float, parts), strict=True)))
        for name, parts in apart.items()
    }


def _crowd(now: Situation, tenant: int, share: float) -> Working:
    """Count the others that lie beyond the bar of a crowd."""
    known = ~np.isnan(now.apart[:, -1])
    others = float(known.sum() + now.others.known - known[tenant])
    return "moving / max(others, 1)", {"moving": float(round(share * others)), "others": others}


def _ratio(**sides: float) -> Working:
    """Work the ratio of two sides out; credits are $0."""
    one, other = sides
    floored = {name: max(value, 0.0) for name, value in sides.items()}
    return f"ln(({one} + 0.5) / ({other} + 0.5))", _plain(floored)


def _plain(numbers: dict[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in numbers.items()}
