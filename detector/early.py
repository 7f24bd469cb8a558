"""A day that still runs: whether what was spent so far is more than the whole day may cost.

The method is the one of finished days. More use can only come, so what is abnormal in itself stays
so; but a share of a tenant's features says little before all of them had their hours. So a running
day is judged twice: as it stands, and as if every feature went on to its usual day.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from detector.baseline import find_usable_days
from detector.detect import Context, judge_spend
from detector.groups import group_tenants
from detector.model import EVERYONE, UNATTRIBUTED, FindingKind, Judgement
from detector.robust.windows import median
from detector.rules import raised_floors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from detector.history import History, Tokens
    from detector.model import Finding, Lesson
    from detector.rules import RuleBook, Rules

USUAL_DAYS = 28
"""The days before the judged one of which the usual day is the median."""
MARGIN = 0.5
"""Points of `robust` above the bar that a running day needs: what is yet to come may cost some."""
_NOTHING_JUDGED = frozenset((kind, EVERYONE) for kind in FindingKind)


def detect_early(history: History, book: RuleBook, context: Context | None = None) -> Judgement:
    """Find whose spend so far is above what the whole of a running day may cost.

    Parameters
    ----------
    history : History
        The window before the running day and, as the last column, what is known of that day.
    book : RuleBook
    context : Context, optional

    Returns
    -------
    Judgement
        Spend spikes alone, each ``early``, and nothing else judged: that a running day holds no
        finding says nothing. A tenant is told where the method finds a spike as it stands and with
        every feature raised to its usual day, and where its spend so far is above the usual whole
        day by the floors. Use without a tenant is not told of: within minutes it may have one.

    Raises
    ------
    KeyError
        ``book.method`` is not one of :data:`detector.detect.METHODS`.
    """
    context, careful = context or Context(), _careful(book)
    running = history._replace(whole=_not_whole(history))
    found = [
        each
        for each in _spikes(running, careful, context)
        if book.of(each.tenant).early and _is_above_a_day(each, book, context.lessons)
    ]
    if found:
        going_on = with_usual_rest(running, context.lessons)
        kept = {each.tenant for each in _spikes(going_on, careful, context)}
        found = [replace(each, early=True) for each in found if each.tenant in kept]
    return Judgement(history.days[-1], tuple(found), _NOTHING_JUDGED)


def _careful(book: RuleBook) -> RuleBook:
    def own(rules: Rules) -> Rules:
        return replace(rules, bar=rules.bar + MARGIN)

    tenants = {tenant: own(rules) for tenant, rules in book.tenants.items()}
    return replace(book, everyone=own(book.everyone), tenants=tenants)


def _not_whole(history: History) -> NDArray[np.bool_]:
    """Say that the running day is not all there: rises are told of, drops are not."""
    whole = history.whole.copy()
    whole[-1] = False
    return whole


def _spikes(history: History, book: RuleBook, context: Context) -> list[Finding]:
    return [
        each
        for each in judge_spend(history, book, context)
        if each.kind is FindingKind.SPEND_SPIKE and each.tenant != UNATTRIBUTED
    ]


def _is_above_a_day(finding: Finding, book: RuleBook, lessons: Iterable[Lesson]) -> bool:
    """Whether the tenant as a whole has spent more than its usual day, by the floors."""
    rules = book.of(finding.tenant)
    least = max(
        rules.min_excess_micro_usd,
        raised_floors(lessons, finding.day).get(finding.tenant, 0),
        (finding.expected_micro_usd or 0) * rules.min_excess_percent / 100,
    )
    return finding.excess_micro_usd >= least


def with_usual_rest(history: History, lessons: Iterable[Lesson] = ()) -> History:
    """Return a history whose last day went on to the usual day in every series below it.

    Parameters
    ----------
    history : History
        R rows, D days.
    lessons : iterable of Lesson
        As for :func:`detector.baseline.find_usable_days`.

    Returns
    -------
    History
        Of a series that cost less so far than the median of its usable 28 days, cost and tokens are
        those medians; one without a known price so far stays as it is.
    """
    days = slice(-1 - USUAL_DAYS, -1)
    usable = _usable_days(history, lessons)[:, days]

    def usual(values: Tokens) -> NDArray[np.int64]:
        middle = median(np.where(usable, values[:, days], np.nan))
        return np.rint(np.nan_to_num(middle)).astype(np.int64)

    below = (history.cost[:, -1] < usual(history.cost)) & ~history.unknown[:, -1]
    cost, prompt, completion, cached = (
        _with_last(values, below, usual(values))
        for values in (history.cost, history.prompt, history.completion, history.cached)
    )
    return history._replace(cost=cost, prompt=prompt, completion=completion, cached=cached)


def _usable_days(history: History, lessons: Iterable[Lesson]) -> NDArray[np.bool_]:
    """Return the days that may be used of each series: those of its tenant."""
    groups = group_tenants(history.keys)
    usable = find_usable_days(history, groups, lessons).usable
    sizes = np.diff(groups.ends)
    return np.repeat(usable, sizes, axis=0)


def _with_last(
    values: Tokens, rows: NDArray[np.bool_], last: NDArray[np.int64]
) -> NDArray[np.int64]:
    changed = values.astype(np.int64)
    changed[rows, -1] = last[rows]
    return changed
