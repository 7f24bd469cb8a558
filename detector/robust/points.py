"""WHAT COUNTS FOR A PAGE AND HOW MUCH: the one table of constants of the `robust` method.

Where they come from: fitted together, by log-odds, on two simulated worlds by two authors, on draws
of them that were kept aside and on real series; single ones mean little, since they move together.
``docs/detection.md`` has the ablation, ``docs/adr/0015-robust.md`` what was tried and dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from detector.robust.windows import Floats

_SHOWN: Mapping[str, Callable[[float], str]] = {
    "sd": "{:.1f}".format,
    "ln": lambda ratio: f"{math.exp(ratio):.1f}",
    "share": "{:.0%}".format,
    "ln $": lambda dollars: f"${math.exp(dollars):,.0f}",
}


@dataclass(frozen=True, slots=True)
class Term:
    """One kind of evidence: from ``begins`` on it counts, from ``full`` on with all its points.

    Attributes
    ----------
    begins, full : float
        In ``unit``; where less counts for more, ``begins`` is above ``full``.
    points : float
    unit : str
        ``sd`` are standard deviations, ``ln`` natural logarithms of a ratio, ``share`` 0 to 1 of
        something, ``ln $`` logarithms of dollars.
    sentence : str
        For people; ``{value}`` stands for the evidence.
    """

    begins: float
    full: float
    points: float
    unit: str
    sentence: str

    def tell(self, value: float) -> str:
        """Return the sentence of some evidence.

        Examples
        --------
        >>> Term(0, 1, 1, "ln", "at {value} times the usual").tell(1.0986)
        'at 3.0 times the usual'
        """
        return self.sentence.format(value=_SHOWN[self.unit](value))

    def of(self, evidence: Floats) -> Floats:
        """Return the points that evidence earns; NaN earns none."""
        share = np.clip((evidence - self.begins) / (self.full - self.begins), 0.0, 1.0)
        earned: Floats = self.points * np.nan_to_num(share)
        return earned


@dataclass(frozen=True, slots=True)
class Reason:
    """One way in which a day can be abnormal: where its points begin, and what adds to them."""

    start: float
    terms: Mapping[str, Term]

    def points(self, evidence: Mapping[str, Floats]) -> Floats:
        """Return the points of each tenant: a page above 0, or above the bar of the settings."""
        earned = (term.of(evidence[name]) for name, term in self.terms.items())
        return sum(earned, start=np.full(len(next(iter(evidence.values()))), self.start))


_PROMPT = "prompts of the feature {value} sd over their level"
_RECORD = "the feature at {value} times its highest of 28 days"
_ACTIVE = "the feature is used on {value} of its days"
_BEFORE = "the day before was {value} sd over the level"
_THREE = "three days together at {value} times the usual"
_USD = "{value} more than usual"
_LONGER = "prompts longer for their answers, {value} sd"

VOLUME = Reason(
    -7.4,
    {
        "prompt": Term(1.25, 8.9, 2.7, "sd", _PROMPT),
        "share": Term(2.1, 8.5, 2.7, "sd", "its share of the tenant {value} sd over the usual"),
        "share_tail": Term(1.4, 7.1, 2.2, "sd", "its share beyond what it ever was, {value} sd"),
        "broad": Term(4.0, 8.0, 3.0, "sd", "all of the tenant rose, {value} sd beyond what it was"),
        "active": Term(0.7, 1.0, 1.9, "share", _ACTIVE),
        "three": Term(0.05, 0.75, 1.0, "ln", _THREE),
        "usd": Term(3.0, 5.7, 0.9, "ln $", _USD),
        "record": Term(-1.0, 1.1, 1.0, "ln", _RECORD),
        "before": Term(0.7, 6.4, 1.9, "sd", _BEFORE),
        "total_tail": Term(3.2, 6.9, 2.4, "sd", "the tenant beyond what it ever was, {value} sd"),
    },
)
MIX = Reason(
    -2.9,
    {
        "mix_usd": Term(0.5, 1.85, 2.7, "share", "dearer models cost {value} of a usual day"),
        "mix": Term(2.7, 12.0, 3.2, "sd", "the mix of models {value} sd dearer than usual"),
        "three": Term(0.5, 1.5, 1.5, "ln", _THREE),
    },
)
PROMPT = Reason(
    -6.6,
    {
        "prompt": Term(0.65, 7.2, 1.5, "sd", _PROMPT),
        "long_z": Term(0.1, 7.2, 1.5, "sd", "the tenant {value} sd over the mean of 30 days"),
        "three": Term(0.1, 0.45, 1.3, "ln", _THREE),
        "longer": Term(2.0, 5.3, 1.4, "sd", _LONGER),
        "active": Term(0.75, 1.0, 1.2, "share", _ACTIVE),
        "usd": Term(3.0, 3.8, 1.1, "ln $", _USD),
        "record": Term(0.0, 1.2, 2.0, "ln", _RECORD),
        "before": Term(0.7, 3.5, 1.4, "sd", _BEFORE),
    },
)
DROP = Reason(
    -7.9,
    {
        "fall": Term(1.2, 5.8, 4.7, "sd", "the feature {value} sd under its level"),
        "fall_before": Term(0.6, 6.9, 3.0, "sd", "the day before was {value} sd under the level"),
        "low": Term(1.1, 3.0, 2.6, "ln", "{value} times under the lowest of 28 days"),
        "others_falling": Term(0.3, 0.1, 1.4, "share", "only {value} of the others fall with it"),
        "unattributed": Term(0.2, 0.8, 0.6, "share", "{value} of it appears without a tenant"),
    },
)
REASONS: Mapping[str, Reason] = {"volume": VOLUME, "mix": MIX, "prompt": PROMPT, "drop": DROP}
