"""Histories + rules -> findings: the judgement of one day, pure and replayable."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from detector.attribute import split_by_cell
from detector.baseline import explain_left_out, find_usable_days, restate
from detector.groups import group_tenants, sum_by_tenant
from detector.model import (
    EVERYONE,
    MICRO,
    UNATTRIBUTED,
    Baseline,
    BudgetState,
    Finding,
    FindingKind,
    Judgement,
    Severity,
)
from detector.quality import SourceDay, stale_sources
from detector.robust.method import score_robust
from detector.rules import rule_arrays
from detector.score import RULE_NAMES, Evidence, Scores, score_classic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detector.baseline import Exclusions
    from detector.history import History
    from detector.model import Driver, Lesson
    from detector.price_table import PriceTable
    from detector.rules import RuleBook

Method = Callable[[Evidence], Scores]

METHODS: Mapping[str, Method] = {"classic": score_classic, "robust": score_robust}
"""The methods by name; a new one is one new file and one line here."""

SPEND_KINDS = (FindingKind.SPEND_SPIKE, FindingKind.SPEND_DROP)
_NEED_THE_DAY = (*SPEND_KINDS, FindingKind.ATTRIBUTION_GAP, FindingKind.UNPRICED_MODEL)
"""Kinds whose absence says something only where all of the day's usage is there."""
_NOTHING_JUDGED = frozenset((kind, EVERYONE) for kind in _NEED_THE_DAY)


@dataclass(frozen=True, slots=True)
class Context:
    """What a judgement knows besides the history.

    Attributes
    ----------
    lessons : tuple of Lesson
        What answers have taught so far.
    prices : PriceTable or None
        None where every cost was stated by the source.
    sources : tuple of SourceDay
        How each source answered for the judged day.
    budgets : tuple of BudgetState
        Where the budgets stand on the judged day, for the messages of spikes.
    extra : tuple of Finding
        Findings made elsewhere for this day (data quality, budgets), passed through.
    unwatched : frozenset of str
        Tenants none of whose sources answered for the judged day: that they have no row says
        nothing of what they spent.
    """

    lessons: tuple[Lesson, ...] = ()
    prices: PriceTable | None = None
    sources: tuple[SourceDay, ...] = ()
    budgets: tuple[BudgetState, ...] = ()
    extra: tuple[Finding, ...] = ()
    unwatched: frozenset[str] = frozenset()


def detect(history: History, book: RuleBook, context: Context | None = None) -> Judgement:
    """Judge the last day of ``history``.

    Parameters
    ----------
    history : History
        The window before the judged day and that day itself.
    book : RuleBook
    context : Context, optional

    Returns
    -------
    Judgement
        Findings by tenant, spikes and drops first. Where a source that used to answer is
        silent nothing is said of anybody's spend: that is one finding about the source.

    Raises
    ------
    KeyError
        ``book.method`` is not one of :data:`METHODS`.
    """
    context = context or Context()
    silent = stale_sources(context.sources)
    if silent or not history.pulled[-1]:
        return Judgement(history.days[-1], context.extra, _NOTHING_JUDGED)
    findings = judge_spend(history, book, context)
    return Judgement(history.days[-1], (*findings, *context.extra), _unjudged(history, context))


def judge_spend(history: History, book: RuleBook, context: Context) -> tuple[Finding, ...]:
    """Find the tenants whose spend of the last day is abnormal."""
    if not history.keys:
        return ()
    weighed = weigh(history, book, context)
    return tuple(weighed.finding(int(index)) for index in np.flatnonzero(weighed.told()))


def weigh(
    history: History, book: RuleBook, context: Context, method: Method | None = None
) -> Weighed:
    """Score every tenant's last day.

    Parameters
    ----------
    history : History
        R at least 1.
    book, context
        As for :func:`detect`.
    method : callable, optional
        By default that of the book.

    Returns
    -------
    Weighed
    """
    groups = group_tenants(history.keys)
    dollars = restate(history, context.prices)
    exclusions = find_usable_days(history, groups, context.lessons)
    rules = rule_arrays(book, groups.tenants, context.lessons, history.days[-1])
    total = sum_by_tenant(dollars, groups)
    evidence = Evidence(
        history,
        groups,
        dollars,
        total,
        exclusions.usable,
        rules,
        exclusions.unanswered,
        context.prices,
    )
    score = method or METHODS[book.method]
    return Weighed(evidence, score(evidence), exclusions, book, context)


@dataclass(frozen=True)
class Weighed:
    """A scored day: whom to tell of, and one tenant's scores as a finding a person can check."""

    evidence: Evidence
    scores: Scores
    exclusions: Exclusions
    book: RuleBook
    context: Context

    def told(self) -> NDArray[np.bool_]:
        """Say which tenants to tell of: a drop only where all of the day is known."""
        told: NDArray[np.bool_] = self.scores.direction != 0
        for index in np.flatnonzero(self.scores.direction < 0):
            told[index] = not self.unknown(self.evidence.groups.tenants[index])
        return told

    def unknown(self, tenant: str) -> str:
        """Say what is not known of a tenant's day, so that a drop would prove nothing."""
        if not self.evidence.history.whole[-1]:
            return "the day was pulled in part"
        if tenant in self.context.unwatched:
            return "none of the tenant's sources answered for the day"
        if tenant in self._unpriced:
            return "some use of the day has no known price"
        return ""

    @cached_property
    def _unpriced(self) -> frozenset[str]:
        history = self.evidence.history
        return frozenset(history.keys[row].tenant for row in np.flatnonzero(history.unknown[:, -1]))

    def finding(self, index: int) -> Finding:
        """Return what is told of a tenant, whether or not it is to be told."""
        history, groups = self.evidence.history, self.evidence.groups
        tenant = groups.tenants[index]
        rows = groups.rows(index)
        drivers = self._drivers(index, rows)
        expected = sum(driver.expected_micro_usd for driver in drivers)
        actual = sum(driver.actual_micro_usd for driver in drivers)
        rules = self.book.of(tenant)
        rise = bool(self.scores.direction[index] > 0)
        critical = actual - expected >= rules.critical_excess_micro_usd
        score = float(self.scores.score[index])
        return Finding(
            kind=FindingKind.SPEND_SPIKE if rise else FindingKind.SPEND_DROP,
            day=history.days[-1],
            severity=Severity.CRITICAL if critical else Severity.WARNING,
            tenant=tenant,
            magnitude=abs(actual - expected),
            rule=RULE_NAMES[int(self.scores.rule[index])],
            score=None if np.isnan(score) else score,
            expected_micro_usd=expected,
            actual_micro_usd=actual,
            lower_bound=bool(history.unknown[rows.start : rows.stop, -1].any()),
            baseline=self.baseline(index),
            budget=_budget_of(self.context.budgets, tenant),
            drivers=drivers,
            facts={
                "z_bar": rules.z,
                "usable_days": int(self.scores.days[index]),
                **self._quiet(index),
                **self.scores.facts.get(index, {}),
            },
        )

    def _quiet(self, index: int) -> dict[str, str | float]:
        """Say who judged, and by which bar and dollar floor it would have told nothing."""
        bar = float(self.scores.quiet.bar[index])
        with_bar = {} if np.isnan(bar) else {"quiet_bar": bar}
        # The highest floor that is still reached, to the micro-dollar.
        excess = math.floor(float(self.scores.quiet.excess[index]) * MICRO + 0.5)
        return {"method": self.book.method, **with_bar, "quiet_micro_usd": excess}

    def _drivers(self, index: int, rows: Sequence[int]) -> tuple[Driver, ...]:
        """Split the change as billed; at today's prices where the bill hides what was found.

        Where a price fell while use rose, the bill may say less than usual although the use was
        abnormal: a spike must not be told as a saving.
        """
        usable, prices = self.scores.used[index], self.context.prices
        billed = split_by_cell(self.evidence.history, rows, usable, prices)
        change = sum(driver.change_micro_usd for driver in billed)
        if change * int(self.scores.direction[index]) > self._least_micro_usd[index]:
            return billed
        return split_by_cell(self._restated, rows, usable, prices)

    @cached_property
    def _least_micro_usd(self) -> NDArray[np.float64]:
        return self.evidence.rules.min_excess * MICRO

    @cached_property
    def _restated(self) -> History:
        cost = np.rint(self.evidence.dollars * MICRO).astype(np.int64)
        return self.evidence.history._replace(cost=cost)

    def baseline(self, index: int) -> Baseline:
        """Say what a tenant's day was compared with."""
        usable = self.scores.used[index]
        used = self.evidence.total[index][usable]
        window = self.evidence.history.days[-1 - self.scores.window_days : -1]
        left_out = explain_left_out(
            self.evidence.history, self.evidence.groups, self.exclusions, index
        )
        return Baseline(
            window_days=len(window),
            used_days=int(usable.sum()),
            mean_micro_usd=_micro(self.scores.expected[index]),
            spread_micro_usd=_micro(self.scores.spread[index]),
            low_micro_usd=_micro(used.min()) if used.size else 0,
            high_micro_usd=_micro(used.max()) if used.size else 0,
            left_out=tuple(each for each in left_out if each.day in window),
        )


def _micro(dollars: float) -> int:
    return round(float(dollars) * MICRO)


def _budget_of(budgets: Sequence[BudgetState], tenant: str) -> BudgetState | None:
    """Return the budget a spike of this tenant eats into: the one over all its features."""
    mine = [state for state in budgets if state.tenant == tenant and not state.feature]
    return max(mine, key=lambda state: state.crossed_percent or 0, default=None)


def _unjudged(history: History, context: Context) -> frozenset[tuple[FindingKind, str]]:
    """Say for whom a quiet day proves nothing: its rows, or the cost of some, are missing."""
    if not history.whole[-1]:
        return _NOTHING_JUDGED
    unknown = {
        key.tenant
        for key, missing in zip(history.keys, history.unknown[:, -1], strict=True)
        if missing
    }
    nothing_known = unknown | context.unwatched
    return frozenset((kind, tenant) for kind in SPEND_KINDS for tenant in nothing_known)


def without_double_telling(
    findings: Sequence[Finding], usual_share: float, percent: float
) -> tuple[Finding, ...]:
    """Drop the spike of unattributed cost where the attribution gap already tells it.

    Where much of the cost never had a tenant the gap is old news, and a spike of it is told.
    """
    gap = any(
        finding.kind is FindingKind.ATTRIBUTION_GAP and not finding.subject for finding in findings
    )
    if not gap or usual_share * 100 > percent:
        return tuple(findings)
    return tuple(
        finding
        for finding in findings
        if finding.tenant != UNATTRIBUTED or finding.kind not in SPEND_KINDS
    )
