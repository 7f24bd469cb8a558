"""What would have turned a verdict: each thing is changed by itself, and the day judged again."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from detector.detect import weigh
from detector.explanation import Check, Otherwise, Stage, Trial
from detector.model import MICRO
from detector.rules import raised_floors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from detector.detect import Context, Weighed
    from detector.history import History
    from detector.rules import RuleBook

_SCALED = ("cost", "prompt", "completion", "cached")
_HALVINGS = 16
"""Of the bracket that holds the turning point."""
_RISES = tuple(4.0**step for step in range(1, 7))
_FALLS = (*(4.0**-step for step in range(1, 5)), 0.0)
"""Times the use of a silent day that are tried before it is given up."""
_HUNDREDTH = 100


def find_otherwise(weighed: Weighed, index: int, trials: Sequence[Trial]) -> tuple[Otherwise, ...]:
    """Find what would have turned the verdict on a tenant's day.

    Parameters
    ----------
    weighed : Weighed
    index : int
        Of the tenant.
    trials : sequence of Trial
        The one that decided, or came nearest, first; may be empty.

    Returns
    -------
    tuple of Otherwise
        Settings first, then single terms, answers, and what the day would have had to cost.
        Whatever does not turn it by itself is left out.
    """
    now = _Again(weighed, index)
    return (*now.settings(trials[:1]), *now.terms(trials[:1]), *now.lessons(), *now.costs(trials))


class _Again:
    """One tenant's day, judged again under other circumstances; all others are as they were."""

    def __init__(self, weighed: Weighed, index: int) -> None:
        history = weighed.evidence.history
        mine = weighed.evidence.groups.rows(index)
        self.method = weighed.scores.alone and weighed.scores.alone(index)
        part = slice(mine.start, mine.stop)
        self.history = history.of_rows(part) if self.method else history
        self.mine = range(len(mine)) if self.method else mine
        self.usable = weighed.scores.used[index]
        self.book, self.context = weighed.book, weighed.context
        self.tenant = weighed.evidence.groups.tenants[index]
        self.said = self._direction()

    def _direction(
        self,
        history: History | None = None,
        book: RuleBook | None = None,
        context: Context | None = None,
    ) -> int:
        """Judge the day; return what is told of the tenant: 1 a rise, -1 a drop, 0 nothing."""
        weighed = weigh(
            history or self.history, book or self.book, context or self.context, self.method
        )
        index = weighed.evidence.groups.tenants.index(self.tenant)
        return int(weighed.scores.direction[index]) * int(weighed.told()[index])

    def settings(self, trials: Sequence[Trial]) -> Iterator[Otherwise]:
        """Try the least change of each setting that the rule asks for."""
        for check in (check for trial in trials for check in trial.checks if check.setting):
            turns = check.met == bool(self.said) and math.isfinite(check.value)
            if not turns or (self.said and check.stage is Stage.GATE):
                continue
            value = _turning(check)
            direction = self._direction(book=self._with_setting(check.setting, value))
            if bool(direction) != bool(self.said):
                yield Otherwise("setting", check.setting, value, direction)

    def _with_setting(self, setting: str, value: float) -> RuleBook:
        book = self.book
        whole = setting.endswith("_micro_usd") or setting == "min_days"
        changed: dict[str, Any] = {setting: round(value) if whole else value}
        rules = replace(book.of(self.tenant), **changed)
        return replace(book, tenants={**book.tenants, self.tenant: rules})

    def terms(self, trials: Sequence[Trial]) -> Iterator[Otherwise]:
        """Name the terms of what was told without any one of which it would be below the bar."""
        for trial in trials if self.said else ():
            for above in (check for check in trial.checks if check.setting == "bar"):
                for term in trial.terms:
                    if (left := above.value - term.points) <= above.bar:
                        yield Otherwise("term", term.name, left)

    def lessons(self) -> Iterator[Otherwise]:
        """Name the answers without which a silent day would have been told."""
        context, day = self.context, self.history.days[-1]
        for lesson in context.lessons if not self.said else ():
            if lesson.tenant == self.tenant and raised_floors([lesson], day):
                others = tuple(each for each in context.lessons if each is not lesson)
                if direction := self._direction(context=replace(context, lessons=others)):
                    yield Otherwise("lesson", lesson.reason, 0.0, direction)

    def costs(self, trials: Sequence[Trial]) -> Iterator[Otherwise]:
        """Find what the day would have had to cost."""
        if self.said:
            for trial in trials[:1]:
                yield from self._silent_at(trial)
            return
        for sign, tried in ((1, _RISES), (-1, _FALLS)):
            for trial in [each for each in trials if each.direction == sign][:1]:
                yield from self._told_at(trial, tried)

    def _silent_at(self, trial: Trial) -> Iterator[Otherwise]:
        """Scale what was told to its usual, else all use, and go back to where it is told."""
        for feature in dict.fromkeys((trial.feature, None)):
            day = _ScaledDay(self.history, self.mine, self.usable, feature)
            for usual in dict.fromkeys(day.usual_factors()):
                if self._direction(day.at(usual)) == 0:
                    yield self._turning_point(day, 1.0 if day.used else 0.0, usual)
                    return

    def _told_at(self, trial: Trial, tried: Sequence[float]) -> Iterator[Otherwise]:
        """Scale what came nearest, else all use of the day, until it is told."""
        for feature in dict.fromkeys((trial.feature, None)):
            day, before = _ScaledDay(self.history, self.mine, self.usable, feature), 1.0
            for factor in tried:
                if self._direction(day.at(factor)) == trial.direction:
                    yield self._turning_point(day, before, factor)
                    return
                before = factor

    def _turning_point(self, day: _ScaledDay, still: float, other: float) -> Otherwise:
        """Halve the bracket between the verdict that was and another one."""
        direction = self._direction(day.at(other))
        for _ in range(_HALVINGS):
            middle = (still + other) / 2
            if self._direction(day.at(middle)) == direction:
                other = middle
            else:
                still = middle
        cost = float(day.cost(other))
        return Otherwise("cost", day.feature, cost, direction, other, still, not day.used)


class _ScaledDay:
    """The judged day with the use of a feature, or all of a tenant's, times a factor.

    Where it used nothing that day its usual day is scaled instead.
    """

    def __init__(
        self, history: History, mine: range, usable: NDArray[np.bool_], feature: str | None
    ) -> None:
        self.history, self.mine, self.feature, self._usable = history, mine, feature, usable
        self.rows = [row for row in mine if feature in (None, history.keys[row].feature)]
        self.used = bool(self._today("cost").any() or self._today("prompt").any())

    def _today(self, name: str) -> NDArray[np.float64]:
        today: NDArray[np.float64] = getattr(self.history, name)[self.rows, -1].astype(np.float64)
        return today

    def _usual(self, name: str) -> NDArray[np.float64]:
        past = getattr(self.history, name)[self.rows][:, self._usable]
        usual: NDArray[np.float64] = past.sum(axis=1) / max(past.shape[1], 1)
        return usual

    def usual_factors(self) -> tuple[float, ...]:
        """Return factors at which it costs what is usual: the middle day, the mean, and less."""
        past = self.history.cost[self.rows][:, self._usable].sum(axis=0).astype(np.float64)
        shape = max((self._today("cost") if self.used else self._usual("cost")).sum(), 1.0)
        middle = float(np.median(past) / shape) if past.size else 0.0
        return middle, float(past.sum() / max(past.size, 1) / shape), middle / 2, middle / 10, 0.0

    def at(self, factor: float) -> History:
        """Return the history with the judged day as if so much of it had been used."""
        parts = {}
        for name in _SCALED:
            whole = getattr(self.history, name).astype(np.int64)
            shape = self._today(name) if self.used else self._usual(name)
            whole[self.rows, -1] = np.rint(shape * factor).astype(np.int64)
            parts[name] = whole
        return self.history._replace(**parts)

    def cost(self, factor: float) -> int:
        """Return what the tenant's day would have cost, in micro-dollars."""
        return int(self.at(factor).cost[self.mine.start : self.mine.stop, -1].sum())


def _turning(check: Check) -> float:
    """Return the nearest round value of a setting at which a condition turns."""
    unit = MICRO if check.setting.endswith("_micro_usd") else 1
    if check.met:
        return (math.floor(check.value * _HUNDREDTH + 1e-6) + 1) / _HUNDREDTH * unit
    below = (
        (math.ceil(check.value * _HUNDREDTH - 1e-6) - 1)
        if check.strict
        else math.floor(check.value * _HUNDREDTH + 1e-6)
    )
    return below / _HUNDREDTH * unit
