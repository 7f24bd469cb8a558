"""HOW A SPIKE IS SCORED: the classic z-score with its floors."""

from __future__ import annotations

from functools import partial
from operator import itemgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.baseline import moments
from detector.checks import check_days, check_direction, check_dollars, check_floors, reaches
from detector.explanation import Account, Check, Stage, Trial
from detector.groups import Groups, any_by_tenant
from detector.rules import RuleArrays

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from detector.baseline import Moments
    from detector.history import History
    from detector.price_table import PriceTable

QUIET = 0
Z_SCORE = 1
FIRST_SPEND = 2
YOUNG_TENANT = 3
VOLUME = 4
MODEL_MIX = 5
PROMPT_LENGTH = 6
DROP = 7
COST_ONLY = 8
RULE_NAMES = {
    Z_SCORE: "z-score",
    FIRST_SPEND: "first spend",
    YOUNG_TENANT: "young tenant",
    VOLUME: "volume",
    MODEL_MIX: "model mix",
    PROMPT_LENGTH: "prompt length",
    DROP: "drop",
    COST_ONLY: "cost only",
}
"""The names of rules, whichever method has them."""


class Evidence(NamedTuple):
    """Everything a method may look at; T tenants, R rows, D days of which the last is judged.

    Attributes
    ----------
    history : History
    groups : Groups
    dollars : ndarray of float64, shape (R, D)
        The history at the judged day's prices.
    total : ndarray of float64, shape (T, D)
        ``dollars`` summed over each tenant's rows.
    usable : ndarray of bool, shape (T, D)
        The days a baseline may use; never the judged one.
    rules : RuleArrays
    unanswered : ndarray of bool, shape (T, D)
        The usable days, had nobody answered anything: what tenants are to each other, as an answer
        about one says nothing of another.
    prices : PriceTable or None
        None where every cost was stated by the source.
    rates : ndarray of float64, shape (R, 2), optional
        See :func:`detector.robust.use.fixed_rates`; there once a method has looked them up.
    """

    history: History
    groups: Groups
    dollars: NDArray[np.float64]
    total: NDArray[np.float64]
    usable: NDArray[np.bool_]
    rules: RuleArrays
    unanswered: NDArray[np.bool_]
    prices: PriceTable | None = None
    rates: NDArray[np.float64] | None = None

    def of(self, tenants: range | Sequence[int]) -> Evidence:
        """Return the evidence of some tenants alone, at least one and in ascending order.

        Of neighbours, named as a range, the arrays are views: nothing is copied.
        """
        rows = self.groups.rows_of(tenants)
        chosen: slice | Sequence[int] = tenants
        if isinstance(tenants, range):
            chosen = slice(tenants.start, tenants.stop)
        return Evidence(
            self.history.of_rows(rows),
            self.groups.of(tenants),
            self.dollars[rows],
            self.total[chosen],
            self.usable[chosen],
            RuleArrays(*map(itemgetter(chosen), self.rules)),
            self.unanswered[chosen],
            self.prices,
            None if self.rates is None else self.rates[rows],
        )


class Quiet(NamedTuple):
    """What would keep a day that is told from being told; both arrays have shape (T,).

    Attributes
    ----------
    bar : ndarray of float64
        The least bar (``z`` of ``classic``) that would; NaN where none would.
    excess : ndarray of float64
        Dollars; every dollar floor above it would. NaN where nothing is told anyway.
    """

    bar: NDArray[np.float64]
    excess: NDArray[np.float64]


class Scores(NamedTuple):
    """What a method says of T tenants; every array has shape (T,).

    Attributes
    ----------
    direction : ndarray of int8
        1 for a rise, -1 for a drop, 0 where nothing is abnormal.
    rule : ndarray of int8
        One of the codes of :data:`RULE_NAMES`, 0 where nothing is abnormal.
    score : ndarray of float64
        Signed; may be infinite where the spread is zero; NaN where no score was made.
    expected, spread : ndarray of float64
        Dollars.
    days : ndarray of float64
        Usable days.
    used : ndarray of bool, shape (T, D)
        The days that what was expected is made of.
    window_days : int
        How many days before the judged one those were taken from.
    quiet : Quiet
    facts : mapping of int to mapping of str to str or float
        What else is to be told of a tenant, by its index.
    account : callable
        Gives how it came to that of a tenant, by its index; asked for one tenant, never for all.
    alone : callable or None
        Gives the method that scores a tenant, by its index, where the evidence is of that one
        alone and all others are as they were; None where only all of them can be scored together.
    """

    direction: NDArray[np.int8]
    rule: NDArray[np.int8]
    score: NDArray[np.float64]
    expected: NDArray[np.float64]
    spread: NDArray[np.float64]
    days: NDArray[np.float64]
    used: NDArray[np.bool_]
    window_days: int
    quiet: Quiet
    facts: Mapping[int, Mapping[str, str | float]] = MappingProxyType({})
    account: Callable[[int], Account] = lambda _: Account()
    alone: Callable[[int], Callable[[Evidence], Scores]] | None = None


def z_scores(
    today: NDArray[np.float64], mean: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return ``(today - mean) / scale``, infinite where the scale is 0 and today differs.

    Parameters
    ----------
    today, mean, scale : ndarray of float64, shape (T,)
        Dollars; ``scale`` is not negative.

    Returns
    -------
    ndarray of float64, shape (T,)
        0 where today equals the mean.

    Examples
    --------
    >>> z_scores(np.array([4.0, 4.0, 1.0]), np.array([1.0, 1.0, 1.0]), np.array([1.5, 0.0, 0.0]))
    array([ 2., inf,  0.])
    """
    scores = today - mean
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        np.divide(scores, scale, out=scores)
    steady = np.flatnonzero(scale == 0)
    scores[steady[today[steady] == mean[steady]]] = 0.0
    return scores


def score_classic(evidence: Evidence) -> Scores:
    """Compare each tenant's judged day with the mean and spread of its own usable days.

    ``z = (x - mean) / max(sd, share * |mean|, floor)`` with the sample standard deviation of the
    usable days before the judged one (with that day inside its own sample z could never exceed
    ``(n - 1) / sqrt(n)``; Shiffler, Maximum Z scores and outliers, The American Statistician
    42, 1988). It is a finding where z is above the bar. Two rules by dollars alone stand in where
    a z-score would mean nothing: the first spend of a tenant whose baseline is $0, and a guard
    for a tenant with too few usable days. Whichever the rule, a change below the dollar floor or
    the percent floor is never a finding.

    Parameters
    ----------
    evidence : Evidence
        T may be 0; costs must be finite.

    Returns
    -------
    Scores
        A drop needs a z-score: dollars alone never make one.
    """
    rules, today = evidence.rules, evidence.total[:, -1]
    past = moments(evidence.total[:, :-1], evidence.usable[:, :-1])
    spread = floored_spread(past, rules)
    score = z_scores(today, past.mean, spread)
    change = today - past.mean
    by = by_dollars_alone(evidence, past)
    rises = [by.first, by.young, by.scored & (score > rules.z)]
    big = reaches(np.abs(change), least_change(past, rules))
    up = np.logical_or.reduce(rises) & big & rules.up
    down = by.scored & (score < -rules.z) & big & rules.down
    rule = np.select(rises, [FIRST_SPEND, YOUNG_TENANT, Z_SCORE], Z_SCORE)
    return Scores(
        up.astype(np.int8) - down.astype(np.int8),
        np.where(up | down, rule, QUIET).astype(np.int8),
        np.where(by.scored, score, np.nan),
        past.mean,
        spread,
        past.days,
        evidence.usable,
        evidence.usable.shape[1] - 1,
        Quiet(np.where(by.scored, np.abs(score), np.nan), np.abs(change)),
        account=partial(_account, evidence, past, score, by),
        alone=lambda _: score_classic,  # tenants say nothing of one another
    )


def _account(
    evidence: Evidence, past: Moments, score: NDArray[np.float64], by: ByDollars, index: int
) -> Account:
    """Say how one tenant was judged by `classic`."""
    change = float(evidence.total[index, -1] - past.mean[index])
    mean = float(past.mean[index])
    floors = check_floors(change, mean, evidence.rules, index)
    trials = trials_by_dollars(evidence, past, by, index, floors)
    if not by.silent[index]:
        trials += tuple(_scored(evidence, past, score, index, sign) for sign in (1, -1))
    return Account(trials, tuple(evidence.total[index].tolist()))


def _scored(
    evidence: Evidence, past: Moments, score: NDArray[np.float64], index: int, sign: int
) -> Trial:
    """Try the z-score of a tenant, for a rise (1) or a drop (-1)."""
    rules, mean, z = evidence.rules, float(past.mean[index]), sign * float(score[index])
    bar, today = float(rules.z[index]), float(evidence.total[index, -1])
    numbers = {
        "sign": float(sign),
        "today": today,
        "mean": mean,
        "sd": float(past.sd[index]),
        "floor_share": float(rules.scale_floor_share[index]),
        "floor": float(rules.scale_floor[index]),
    }
    formula = "sign * (today - mean) / max(sd, floor_share * abs(mean), floor)"
    if not floored_spread(past, rules)[index]:
        formula = ""  # infinite, or 0 where nothing changed
    above = Check("z-score", z, bar, "sd", Stage.BAR, z > bar, True, "z", formula, numbers)
    gates = check_days(float(past.days[index]), rules, index), check_direction(rules, index, sign)
    floors = check_floors(sign * (today - mean), mean, rules, index)
    return Trial(RULE_NAMES[Z_SCORE], sign, (*gates, *floors, above))


class ByDollars(NamedTuple):
    """Who is judged by dollars alone, and who can be scored; every array has shape (T,).

    ``first`` and ``young`` reach what their rules ask for; ``silent`` and ``few`` are those of
    whom they ask it.
    """

    first: NDArray[np.bool_]
    young: NDArray[np.bool_]
    scored: NDArray[np.bool_]
    silent: NDArray[np.bool_]
    few: NDArray[np.bool_]


def by_dollars_alone(evidence: Evidence, past: Moments) -> ByDollars:
    """Judge those of whom no score means anything: by their first spend, or a young guard.

    Parameters
    ----------
    evidence : Evidence
    past : Moments
        Of the usable days.

    Returns
    -------
    ByDollars
        ``first`` spent the ``first_spend`` of the rules and nothing before, ``young`` have too
        few days and are ``young_guard`` above their mean; ``scored`` are neither silent nor few.
    """
    rules, today = evidence.rules, evidence.total[:, -1]
    silent = _silent(evidence, past)
    few = past.days < rules.min_days
    first = silent & reaches(today, rules.first_spend)
    young = few & reaches(today - past.mean, rules.young_guard)
    return ByDollars(first, young, ~few & ~silent, silent, few)


def trials_by_dollars(
    evidence: Evidence, past: Moments, by: ByDollars, index: int, floors: tuple[Check, ...]
) -> tuple[Trial, ...]:
    """Say how a tenant was judged by dollars alone; nothing where it was not.

    Parameters
    ----------
    evidence, past, by
        As for :func:`by_dollars_alone`, and what it returned.
    index : int
        Of the tenant.
    floors : tuple of Check
        What must be reached besides.

    Returns
    -------
    tuple of Trial
    """
    rules, today = evidence.rules, evidence.total[index, -1]
    above = today - past.mean[index]
    asked = (
        (by.silent, FIRST_SPEND, "cost of the day", today, rules.first_spend, "first_spend"),
        (by.few, YOUNG_TENANT, "cost above the mean", above, rules.young_guard, "young_guard"),
    )
    up = check_direction(rules, index, 1)
    return tuple(
        Trial(RULE_NAMES[rule], 1, (up, *floors, check_dollars(
            what, float(amount), float(bar[index]), Stage.BAR, setting=f"{setting}_micro_usd",
        )))
        for who, rule, what, amount, bar, setting in asked
        if who[index] and np.isfinite(bar[index])
    )  # fmt: skip


def _silent(evidence: Evidence, past: Moments) -> NDArray[np.bool_]:
    """Say whose baseline is $0, be it that it was never seen although others were."""
    history = evidence.history
    unknown = any_by_tenant(history.unknown, evidence.groups)
    seen = ((evidence.total != 0) | unknown)[:, :-1].any(axis=1)
    watched = bool((history.pulled & history.whole)[:-1].any())
    newcomer = ~seen & watched
    zero = (past.mean == 0) & (past.sd == 0)
    silent: NDArray[np.bool_] = zero & ((past.days > 0) | newcomer)
    return silent & np.isfinite(evidence.rules.first_spend)


def least_change(past: Moments, rules: RuleArrays) -> NDArray[np.float64]:
    """Return the smallest change that may be told, in dollars: both floors must be reached."""
    return np.maximum(rules.min_excess, rules.min_excess_share * np.abs(past.mean))


def floored_spread(past: Moments, rules: RuleArrays) -> NDArray[np.float64]:
    """Return the spread in force: at least a share of the mean and at least some dollars.

    A series without variance would otherwise score infinitely on its first cent of change.
    """
    spread: NDArray[np.float64] = np.abs(past.mean)
    spread *= rules.scale_floor_share
    np.maximum(spread, rules.scale_floor, out=spread)
    return np.maximum(past.sd, spread, out=spread)
