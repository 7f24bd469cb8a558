"""HOW A SPIKE IS SCORED: the classic z-score with its floors."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.baseline import moments
from detector.history import any_by_tenant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from detector.baseline import Moments
    from detector.history import Groups, History
    from detector.price_table import PriceTable
    from detector.rules import RuleArrays

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
HALF_MICRO = 0.5e-6
"""Dollars: money has no smaller part than a micro-dollar, but sums and means of floats do."""


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
    prices : PriceTable or None
        None where every cost was stated by the source.
    unanswered : ndarray of bool, shape (T, D), or None
        The usable days, had nobody answered anything: what tenants are to each other, as an answer
        about one says nothing of another. None is as ``usable``.
    """

    history: History
    groups: Groups
    dollars: NDArray[np.float64]
    total: NDArray[np.float64]
    usable: NDArray[np.bool_]
    rules: RuleArrays
    prices: PriceTable | None = None
    unanswered: NDArray[np.bool_] | None = None


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
    change = today - mean
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scores: NDArray[np.float64] = np.where(change == 0, 0.0, change / scale)
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
    first, young, scored = by_dollars_alone(evidence, past)
    rises = [first, young, scored & (score > rules.z)]
    big = reaches(np.abs(change), least_change(past, rules))
    up = np.logical_or.reduce(rises) & big & rules.up
    down = scored & (score < -rules.z) & big & rules.down
    rule = np.select(rises, [FIRST_SPEND, YOUNG_TENANT, Z_SCORE], Z_SCORE)
    return Scores(
        up.astype(np.int8) - down.astype(np.int8),
        np.where(up | down, rule, QUIET).astype(np.int8),
        np.where(scored, score, np.nan),
        past.mean,
        spread,
        past.days,
        evidence.usable,
        evidence.usable.shape[1] - 1,
        Quiet(np.where(scored, np.abs(score), np.nan), np.abs(change)),
    )


class ByDollars(NamedTuple):
    """Who is judged by dollars alone, and who can be scored; every array has shape (T,)."""

    first: NDArray[np.bool_]
    young: NDArray[np.bool_]
    scored: NDArray[np.bool_]


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
        few days and are ``young_guard`` above their mean; ``scored`` are neither silent nor young.
    """
    rules, today = evidence.rules, evidence.total[:, -1]
    silent = _silent(evidence, past)
    young = past.days < rules.min_days
    first = silent & reaches(today, rules.first_spend)
    guarded = young & reaches(today - past.mean, rules.young_guard)
    return ByDollars(first, guarded, ~young & ~silent)


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


def reaches(amount: NDArray[np.float64], bar: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say where dollars are at least the bar, to the micro-dollar.

    Examples
    --------
    >>> 0.3 - 0.1 >= 0.2
    False
    >>> reaches(np.array([0.3 - 0.1, 0.199999]), np.array([0.2, 0.2]))
    array([ True, False])
    """
    met: NDArray[np.bool_] = amount >= bar - HALF_MICRO
    return met


def least_change(past: Moments, rules: RuleArrays) -> NDArray[np.float64]:
    """Return the smallest change that may be told, in dollars: both floors must be reached."""
    return np.maximum(rules.min_excess, rules.min_excess_share * np.abs(past.mean))


def floored_spread(past: Moments, rules: RuleArrays) -> NDArray[np.float64]:
    """Return the spread in force: at least a share of the mean and at least some dollars.

    A series without variance would otherwise score infinitely on its first cent of change.
    """
    share = rules.scale_floor_share * np.abs(past.mean)
    return np.maximum(past.sd, np.maximum(share, rules.scale_floor))
