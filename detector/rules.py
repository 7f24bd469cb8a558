"""What counts as abnormal, as one value: the thresholds and floors a judgement is made with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.model import MICRO, Effect

if TYPE_CHECKING:
    from datetime import date

    from detector.model import Lesson

Direction = Literal["both", "up", "down"]
ROBUST_DAYS = 61
"""Days that `robust` looks at: 56 of a weekday profile and the week around its first day."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Thresholds and floors for one tenant.

    Attributes
    ----------
    min_days : int
        Fewer usable days than this and no z-score is made.
    z : float
        Bar of the z-score of ``classic``; a day fires above it (below its negative for a drop).
    bar : float
        Bar of the points of ``robust``; a day fires above it.
    direction : {"both", "up", "down"}
        Which changes are findings.
    min_excess_micro_usd : int
        A smaller change in dollars is never a finding.
    min_excess_percent : float
        A smaller change relative to the expected cost is never a finding.
    scale_floor_percent, scale_floor_micro_usd : float, int
        The spread is at least this share of the expected cost, and at least this much.
    first_spend_micro_usd : int or None
        A tenant that is new, or spent nothing on any usable day, fires from this cost on; None
        is off, and a tenant with enough days of $0 is then judged by its z-score.
    young_guard_micro_usd : int or None
        A tenant with too few usable days fires from this much above their mean on (above $0
        where it has none); None is off.
    critical_excess_micro_usd : int
        From this change on a finding is critical and no longer a warning.
    early : bool
        A spike is told of while its day runs.
    """

    min_days: int = 14
    z: float = 3.0
    bar: float = 0.0
    direction: Direction = "both"
    min_excess_micro_usd: int = 5 * MICRO
    min_excess_percent: float = 25.0
    scale_floor_percent: float = 5.0
    scale_floor_micro_usd: int = MICRO
    first_spend_micro_usd: int | None = 50 * MICRO
    young_guard_micro_usd: int | None = 200 * MICRO
    critical_excess_micro_usd: int = 500 * MICRO
    early: bool = True


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The rules of an installation: one set for everybody, others for named tenants.

    Attributes
    ----------
    method : str
        Name of the method that scores, see :data:`detector.detect.METHODS`.
    window_days : int
        How many days before the judged one a baseline may look at.
    unattributed_percent : float
        Cost without a tenant above this share of a day is an attribution gap.
    tokenless_percent : float
        Successful calls without tokens above this share of a source's day are one too.
    """

    method: str = "classic"
    window_days: int = 30
    unattributed_percent: float = 5.0
    tokenless_percent: float = 25.0
    everyone: Rules = field(default_factory=Rules)
    tenants: Mapping[str, Rules] = field(default_factory=dict)

    @property
    def history_days(self) -> int:
        """How many days before the judged one the method looks at."""
        return max(self.window_days, ROBUST_DAYS) if self.method == "robust" else self.window_days

    @property
    def early(self) -> bool:
        """Whether anybody is told of while a day runs."""
        return self.everyone.early or any(rules.early for rules in self.tenants.values())

    def of(self, tenant: str) -> Rules:
        """Return the rules for one tenant."""
        return self.tenants.get(tenant, self.everyone)


class RuleArrays(NamedTuple):
    """The rules of T tenants side by side; dollars are floats, an absent rule is infinite.

    All arrays have shape (T,); ``up`` and ``down`` are booleans, the others float64.
    """

    min_days: NDArray[np.float64]
    z: NDArray[np.float64]
    bar: NDArray[np.float64]
    up: NDArray[np.bool_]
    down: NDArray[np.bool_]
    min_excess: NDArray[np.float64]
    min_excess_share: NDArray[np.float64]
    scale_floor_share: NDArray[np.float64]
    scale_floor: NDArray[np.float64]
    first_spend: NDArray[np.float64]
    young_guard: NDArray[np.float64]


def rule_arrays(
    book: RuleBook, tenants: Sequence[str], lessons: Iterable[Lesson], day: date
) -> RuleArrays:
    """Lay the rules out per tenant, with the floors that answers have raised for ``day``.

    Parameters
    ----------
    book : RuleBook
    tenants : sequence of str, length T
    lessons : iterable of Lesson
        Only ``RAISE_FLOOR`` lessons that still last on ``day`` matter here.
    day : date
        The judged day.

    Returns
    -------
    RuleArrays
        T may be 0.
    """
    own = list({tenant: book.tenants[tenant] for tenant in tenants if tenant in book.tenants})
    number_of = {tenant: number for number, tenant in enumerate(own, start=1)}
    which = np.array([number_of.get(tenant, 0) for tenant in tenants], dtype=np.int64)
    rules = [book.everyone, *map(book.of, own)]

    def column(name: str, unit: float = 1.0) -> NDArray[np.float64]:
        values = [getattr(rule, name) for rule in rules]
        told = [np.inf if value is None else value / unit for value in values]
        return np.array(told, dtype=np.float64)[which]

    least = column("min_excess_micro_usd", MICRO)
    raised = raised_floors(lessons, day)
    for place in [place for place, tenant in enumerate(tenants) if tenant in raised]:
        least[place] = max(least[place], raised[tenants[place]] / MICRO)
    return RuleArrays(
        min_days=column("min_days"),
        z=column("z"),
        bar=column("bar"),
        up=np.array([rule.direction != "down" for rule in rules])[which],
        down=np.array([rule.direction != "up" for rule in rules])[which],
        min_excess=least,
        min_excess_share=column("min_excess_percent", 100),
        scale_floor_share=column("scale_floor_percent", 100),
        scale_floor=column("scale_floor_micro_usd", MICRO),
        first_spend=column("first_spend_micro_usd", MICRO),
        young_guard=column("young_guard_micro_usd", MICRO),
    )


def raised_floors(lessons: Iterable[Lesson], day: date) -> dict[str, int]:
    """Return the floors (micro-dollars) that answers have raised and that last on ``day``."""
    floors: dict[str, int] = {}
    for lesson in lessons:
        if lesson.effect is Effect.RAISE_FLOOR and _holds(lesson, day):
            floors[lesson.tenant] = max(floors.get(lesson.tenant, 0), lesson.floor_micro_usd)
    return floors


def _holds(lesson: Lesson, day: date) -> bool:
    """Whether a lesson is in force: an answer says nothing of the days before it."""
    begun = lesson.from_day is None or lesson.from_day <= day
    return begun and lesson.until_day is not None and day <= lesson.until_day
