"""How a verdict came about, as values: what was tried, what it rests on, what was missing.

Standard library only. Every number says which sum it is of (``formula``) and of what (``numbers``),
so that whoever has the value can do the sum again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from detector.model import Baseline, Finding, LeftOutDay, Lesson

_NO_NUMBERS: Mapping[str, float] = MappingProxyType({})


class Verdict(StrEnum):
    """What was said of a tenant's day."""

    TOLD = "told"
    BELOW_THE_BAR = "below the bar"
    BELOW_A_FLOOR = "below a floor"
    NOT_JUDGED = "not judged"


class Stage(StrEnum):
    """What a condition is for; those of an earlier stage are asked first."""

    GATE = "gate"
    FLOOR = "floor"
    BAR = "bar"


STAGES = tuple(Stage)


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of a rule.

    Attributes
    ----------
    what : str
        What is compared, in words.
    value, bar : float
        In ``unit``.
    strict : bool
        The value must be above the bar; else at least there, to the micro-dollar.
    met : bool
        As the method judged it.
    setting : str
        The field of :class:`detector.rules.Rules` that the bar comes from; empty where none.
    formula, numbers : str, mapping of str to float
        What ``value`` is.
    """

    what: str
    value: float
    bar: float
    unit: str
    stage: Stage
    met: bool
    strict: bool = False
    setting: str = ""
    formula: str = ""
    numbers: Mapping[str, float] = field(default_factory=lambda: _NO_NUMBERS)


@dataclass(frozen=True, slots=True)
class ScoredTerm:
    """One kind of evidence: ``points = most * clip((value - begins) / (full - begins), 0, 1)``.

    Attributes
    ----------
    name, sentence : str
        ``sentence`` is for people, with the value in it.
    value, begins, full : float
        In ``unit``, see :class:`detector.robust.points.Term`.
    most, points : float
        What it can earn, and earned.
    formula, numbers : str, mapping of str to float
        What ``value`` is.
    """

    name: str
    sentence: str
    value: float
    unit: str
    begins: float
    full: float
    most: float
    points: float
    formula: str = ""
    numbers: Mapping[str, float] = field(default_factory=lambda: _NO_NUMBERS)


@dataclass(frozen=True, slots=True)
class Trial:
    """One rule tried on a tenant's day.

    Attributes
    ----------
    rule : str
        One of :data:`detector.score.RULE_NAMES`.
    direction : int
        1 for a rise, -1 for a drop.
    checks : tuple of Check
        All must be met; in the order of :class:`Stage`.
    start : float
        Where the points begin.
    terms : tuple of ScoredTerm
        What adds to them, most points first; empty where the rule knows no points.
    feature : str or None
        What was compared; None is all of the tenant.
    compared_usd : tuple of float
        Dollars of that, for each day that was looked at, as the method values them.
    """

    rule: str
    direction: int
    checks: tuple[Check, ...]
    start: float = 0.0
    terms: tuple[ScoredTerm, ...] = ()
    feature: str | None = None
    compared_usd: tuple[float, ...] = ()

    @property
    def stands(self) -> bool:
        """Whether every condition is met."""
        return all(check.met for check in self.checks)

    @property
    def missed(self) -> Check | None:
        """The first condition that is not met."""
        return next((check for check in self.checks if not check.met), None)


@dataclass(frozen=True, slots=True)
class Account:
    """How a method came to what it says of one tenant.

    Attributes
    ----------
    trials : tuple of Trial
        Every rule that was tried; at most one of them decided.
    compared_usd : tuple of float
        The tenant's dollars for each day that was looked at, as the method values them.
    """

    trials: tuple[Trial, ...] = ()
    compared_usd: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class LookedAtDay:
    """A day that was looked at; the last one is the judged day, and never used.

    Attributes
    ----------
    billed_micro_usd : int
        As the ledger has it.
    compared_usd : float
        As the method values it.
    used : bool
        It is part of what was expected.
    """

    day: date
    billed_micro_usd: int
    compared_usd: float
    used: bool


@dataclass(frozen=True, slots=True)
class Otherwise:
    """One thing that, had it been different, would have turned the verdict by itself.

    Attributes
    ----------
    what : str
        ``setting``, ``term``, ``cost`` or ``lesson``.
    name : str or None
        Which field of the rules, which term or which reason of a lesson; of a cost the feature
        that is scaled, None where all use of the day is.
    value : float
        What it would have had to be: of a setting in its own unit; of a term the points without
        it; of a cost the micro-dollars of the tenant's day; of a lesson 0, as without it.
    factor, still : float
        Of a cost: times what the use is the verdict is the other one, and the nearest that was
        tried where it is still the same.
    of_usual : bool
        There was no use, and the factors are of the usual day.
    direction : int
        What it would have been told as: 1 a rise, -1 a drop, 0 nothing.
    """

    what: str
    name: str | None
    value: float
    direction: int = 0
    factor: float = 1.0
    still: float = 1.0
    of_usual: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """What was said of one tenant's day, and from what it follows.

    Attributes
    ----------
    verdict : Verdict
    why : str
        Where it was not judged: what stood against that; else empty.
    finding : Finding or None
        As it was told; None where it was not.
    trials : tuple of Trial
        The one that decided, or came nearest to it, first.
    days : tuple of LookedAtDay
        Oldest first, the judged day last.
    baseline : Baseline or None
        What it was compared with; None where it was not judged.
    left_out : tuple of LeftOutDay
        Of all the days that were looked at those that did not count, and why.
    actual_micro_usd, expected_micro_usd : int
        As billed.
    lessons : tuple of Lesson
        What answers have taught of the tenant, as far as it matters to this day.
    otherwise : tuple of Otherwise
        What would have turned the verdict, each by itself.
    """

    tenant: str
    day: date
    method: str
    verdict: Verdict
    why: str = ""
    finding: Finding | None = None
    trials: tuple[Trial, ...] = ()
    days: tuple[LookedAtDay, ...] = ()
    baseline: Baseline | None = None
    left_out: tuple[LeftOutDay, ...] = ()
    actual_micro_usd: int = 0
    expected_micro_usd: int = 0
    lessons: tuple[Lesson, ...] = ()
    otherwise: tuple[Otherwise, ...] = ()
