"""Explain what was said of one tenant's day: it is judged again, and once more for each what-if."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detector.attribute import split_by_cell
from detector.baseline import answered_days, explain_left_out
from detector.detect import Context, weigh
from detector.explanation import STAGES, Explanation, LookedAtDay, Stage, Trial, Verdict
from detector.model import MICRO
from detector.quality import stale_sources
from detector.rules import raised_floors
from detector.what_if import find_otherwise

if TYPE_CHECKING:
    from detector.detect import Weighed
    from detector.history import History
    from detector.model import Lesson
    from detector.rules import RuleBook

_VERDICTS = {
    Stage.GATE: Verdict.NOT_JUDGED,
    Stage.FLOOR: Verdict.BELOW_A_FLOOR,
    Stage.BAR: Verdict.BELOW_THE_BAR,
}


def explain(history: History, book: RuleBook, context: Context | None, tenant: str) -> Explanation:
    """Explain what :func:`detector.detect.detect` says of one tenant's last day, told or not.

    Parameters
    ----------
    history, book, context
        As for :func:`detector.detect.detect`.
    tenant : str
        Normalised.

    Returns
    -------
    Explanation
        Its verdict is that of the judgement, and each of its what-ifs was judged too.
    """
    context = context or Context()
    if why := _not_judged(history, context, tenant):
        return Explanation(tenant, history.days[-1], book.method, Verdict.NOT_JUDGED, why)
    weighed = weigh(history, book, context)
    evidence = weighed.evidence
    index = evidence.groups.tenants.index(tenant)
    told = bool(weighed.told()[index])
    account = weighed.scores.account(index)
    trials = tuple(sorted(account.trials, key=_nearness, reverse=True))
    unknown = weighed.unknown(tenant) if weighed.scores.direction[index] < 0 else ""
    actual, expected = _billed(weighed, index)
    return Explanation(
        tenant=tenant,
        day=history.days[-1],
        method=book.method,
        verdict=Verdict.TOLD if told else _verdict(trials, unknown),
        why=unknown,
        finding=weighed.finding(index) if told else None,
        trials=trials,
        days=_days(weighed, index, account.compared_usd),
        baseline=weighed.baseline(index),
        left_out=explain_left_out(history, evidence.groups, weighed.exclusions, index),
        actual_micro_usd=actual,
        expected_micro_usd=expected,
        lessons=_mattering(weighed, index),
        otherwise=find_otherwise(weighed, index, trials),
    )


def _not_judged(history: History, context: Context, tenant: str) -> str:
    """Say why nothing is said of a tenant at all; empty where it is judged."""
    if silent := stale_sources(context.sources):
        return f"no usage from {', '.join(state.source for state in silent)}"
    if not history.pulled[-1]:
        return "no data was pulled for the day"
    if all(key.tenant != tenant for key in history.keys):
        return f"no use in the {len(history.days)} days that are looked at"
    return ""


def _nearness(trial: Trial) -> tuple[bool, int, int]:
    """Order trials by how far they came; of equal ones a rise before a drop."""
    missed = trial.missed
    return missed is None, STAGES.index(missed.stage) if missed else len(STAGES), trial.direction


def _verdict(trials: tuple[Trial, ...], unknown: str) -> Verdict:
    if unknown:
        return Verdict.NOT_JUDGED
    missed = trials[0].missed if trials else None
    return _VERDICTS[missed.stage] if missed else Verdict.BELOW_THE_BAR


def _billed(weighed: Weighed, index: int) -> tuple[int, int]:
    """Return what the day cost, and the mean of the days it was compared with, as billed."""
    history, groups = weighed.evidence.history, weighed.evidence.groups
    rows = groups.rows(index)
    drivers = split_by_cell(history, rows, weighed.scores.used[index], weighed.context.prices)
    return (
        sum(driver.actual_micro_usd for driver in drivers),
        sum(driver.expected_micro_usd for driver in drivers),
    )


def _days(weighed: Weighed, index: int, compared: tuple[float, ...]) -> tuple[LookedAtDay, ...]:
    history, groups = weighed.evidence.history, weighed.evidence.groups
    rows = groups.rows(index)
    billed = history.cost[rows.start : rows.stop].sum(axis=0)
    valued = compared or tuple((billed / MICRO).tolist())
    used = weighed.scores.used[index]
    return tuple(
        LookedAtDay(day, int(billed[column]), valued[column], bool(used[column]))
        for column, day in enumerate(history.days)
    )


def _mattering(weighed: Weighed, index: int) -> tuple[Lesson, ...]:
    """Return what answers have taught of a tenant, as far as it has to do with the judged day."""
    evidence = weighed.evidence
    days, tenant = evidence.history.days, evidence.groups.tenants[index]
    return tuple(
        lesson
        for lesson in weighed.context.lessons
        if lesson.tenant == tenant
        and (answered_days(days, evidence.groups, [lesson]) or raised_floors([lesson], days[-1]))
    )
