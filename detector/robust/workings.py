"""What each kind of evidence of one tenant is made of, so that its value can be worked out again.

The parts come from the functions that made the evidence; only the sums are written down here, and
tests do each of them again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from detector.robust.evidence import drifts
from detector.robust.levels import residuals, scale_of, spread_of, weekday_profile
from detector.robust.situation import MONTH, feature_days, logs_of, moments_of
from detector.robust.windows import median

if TYPE_CHECKING:
    from detector.explanation import ScoredTerm
    from detector.robust.score import Judged
    from detector.robust.situation import Beside, Flags, Situation
    from detector.robust.windows import Floats

Working = tuple[str, dict[str, float]]
NOT_KNOWN: Working = ("0", {})
"""What is not known counts as none."""
_LEVEL = "(ln(usd + 0.5) - weekday - level) / spread"
_SHARE = "(ln((feature + 0.5) / (rest + 0.5)) - usual) / spread"
_SUM = "sum(numbers)"


def with_workings(
    beside: Beside, found: Judged, top: int, terms: tuple[ScoredTerm, ...]
) -> tuple[ScoredTerm, ...]:
    """Say of each term what its value is made of.

    Parameters
    ----------
    beside : Beside
        One tenant alone.
    found : Judged
        Of that tenant.
    top : int
        The feature that moved most.
    terms : tuple of ScoredTerm

    Returns
    -------
    tuple of ScoredTerm
    """
    values = {name: float(value[0]) for name, value in found.evidence.items()}
    drop = found.reasons[0] == "drop"
    sums = _of_a_drop(beside, top) if drop else _of_a_rise(beside, top, values)
    return tuple(
        replace(term, formula=sums[term.name][0], numbers=sums[term.name][1]) for term in terms
    )


def _of_a_rise(beside: Beside, top: int, values: dict[str, float]) -> dict[str, Working]:
    now, total = beside.now, _total_levels(beside)
    three = float(moments_of(now.within(now.total, slice(-3, None)))[0][0])
    numbers = {"today": now.total[0, -1], "mean": now.mean[0], "sd": now.sd[0]}
    alike = values["broad"] != 0
    return {
        **_own_past(beside, top),
        **_of_shares(now, top, values),
        **_of_drifts(now),
        "before": total.working(-2, beside.now.scale.sd[0]),
        "total_tail": total.working(-1, beside.now.scale.tail[0]),
        "broad": total.working(-1, beside.now.scale.tail[0]) if alike else NOT_KNOWN,
        "three": _ratio(three_days=three, usual=now.usual[0]),
        "usd": ("ln(max(change, 1e-9))", {"change": float(now.change[top])}),
        "long_z": ("(today - mean) / max(sd, 0.05 * mean)", _plain(numbers)),
    }


def _of_a_drop(beside: Beside, top: int) -> dict[str, Working]:
    now, others, total = beside.now, beside.others, _total_levels(beside)
    use = now.use.rows(np.array([top]))
    own = _Levels(beside, use.dollars, feature_days(use, now.counted))
    month = now.within(now.total, MONTH)[0]
    lowest = float(np.nanmin(month)) if not np.isnan(month).all() else 0.0
    fall = max(-float(now.change[top]), 1e-9)
    formula, numbers = own.working(-1, own.scale.sd[0])
    before, parts = total.working(-2, beside.now.scale.sd[0])
    return {
        "fall": (f"-{formula}", numbers),
        "fall_before": (f"-{before}", parts),
        "low": _ratio(lowest=lowest, today=now.total[0, -1]),
        "others_falling": _crowd(others.fallen[0], others.active[0]),
        "unattributed": (
            "min(max(appeared / fall, -1), 2)",
            {"appeared": others.appeared, "fall": fall},
        ),
    }


class _Levels:
    """The levels of one series: what :func:`residuals` took off."""

    def __init__(self, beside: Beside, dollars: Floats, counted: Flags) -> None:
        logs = logs_of(dollars, counted)
        apart = residuals(logs, beside.now.weekdays)
        self.dollars, self.logs, self.apart = dollars[0], logs[0], apart[0]
        self.weekdays = beside.now.weekdays
        self.profile = weekday_profile(logs[:, :-1], self.weekdays[:-1])[0]
        self.scale = scale_of(spread_of(apart))

    def working(self, column: int, spread: float) -> Working:
        """Say what the deviation of a day is made of."""
        if len(self.apart) < -column or np.isnan(self.apart[column]):
            return NOT_KNOWN
        weekday = self.profile[self.weekdays[column]]
        level = self.logs[column] - weekday - self.apart[column]
        parts = {"usd": self.dollars[column], "weekday": weekday, "level": level, "spread": spread}
        return _LEVEL, _plain(parts)


def _total_levels(beside: Beside) -> _Levels:
    return _Levels(beside, beside.now.total, beside.now.counted)


def _own_past(beside: Beside, top: int) -> dict[str, Working]:
    """Work the feature's own history out."""
    use = beside.now.use.rows(np.array([top]))
    own = feature_days(use, beside.now.counted)
    prompts = _Levels(beside, use.prompt_dollars, own)
    month = np.where(own[0, MONTH], use.dollars[0, MONTH], np.nan)
    today, days = use.dollars[0, -1], float((~np.isnan(month)).sum())
    active = {"active": float((np.nan_to_num(month) > 0).sum()), "days": days}
    highest = float(np.nanmax(month)) if days else 0.0
    return {
        "prompt": prompts.working(-1, prompts.scale.sd[0]),
        "active": ("active / max(days, 1)", active),
        "record": _ratio(today=today, highest=highest),
    }


def _of_shares(now: Situation, top: int, values: dict[str, float]) -> dict[str, Working]:
    """Work the share of the feature in its tenant out."""
    own = now.use.rows(np.array([top]))
    feature = own.dollars[0]
    rest = np.maximum(now.total[0] - feature, 0.0)
    odds = np.log(np.maximum(feature, 0.0) + 0.5) - np.log(rest + 0.5)
    known = feature_days(own, now.counted)[0] & (now.total[0] > 0)
    usual = float(median(np.where(known, odds, np.nan)[None, MONTH])[0])
    moved = odds[-1] - usual
    parts = {"feature": max(feature[-1], 0.0), "rest": rest[-1], "usual": usual}
    return {
        name: (_SHARE, _plain(parts | {"spread": moved / values[name]}))
        if values[name]
        else NOT_KNOWN
        for name in ("share", "share_tail")
    }


def _of_drifts(now: Situation) -> dict[str, Working]:
    """Say what each feature of the tenant adds to the drifts of its mix and of its prompts."""
    chosen = np.arange(len(now.use.names))
    use = now.use.rows(chosen)
    apart = drifts(now, use, chosen, feature_days(use, now.counted), chosen)
    return {
        name: (_SUM, dict(zip(use.names, map(float, parts), strict=True)))
        for name, parts in apart.items()
    }


def _crowd(fallen: float, active: float) -> Working:
    """Count the others that have fallen, of those that are active enough to fall."""
    return "fallen / max(active, 1)", {"fallen": float(fallen), "active": float(active)}


def _ratio(**sides: float) -> Working:
    """Work the ratio of two sides out; credits are $0."""
    one, other = sides
    floored = {name: max(value, 0.0) for name, value in sides.items()}
    return f"ln(({one} + 0.5) / ({other} + 0.5))", _plain(floored)


def _plain(numbers: dict[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in numbers.items()}
