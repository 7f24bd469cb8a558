"""`robust`, as a method: what it says of every tenant on a day."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from detector.baseline import moments
from detector.checks import reaches
from detector.robust.account import NEWCOMER_SHARE, RULES, account_of, scored_terms
from detector.robust.cost_only import beats_past, may_be_dear
from detector.robust.fleet import glance_at, others_of, parts_of
from detector.robust.score import joined, judge_drops, judge_rises, may_fall, may_rise
from detector.robust.situation import MONTH, Beside, survey
from detector.robust.use import fixed_rates
from detector.score import (
    COST_ONLY,
    DROP,
    FIRST_SPEND,
    QUIET,
    YOUNG_TENANT,
    Quiet,
    Scores,
    by_dollars_alone,
    least_change,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detector.robust.fleet import Glance
    from detector.robust.score import Judged
    from detector.robust.situation import Integers, Others
    from detector.robust.windows import Floats
    from detector.rules import RuleArrays
    from detector.score import ByDollars, Evidence

MOST_SIGNS = 3


def score_robust(evidence: Evidence, others: Others | None = None) -> Scores:
    """Give points to rises and drops of a tenant's features; see ``docs/detection.md``.

    Use is valued at one fixed price for each model and put on a logarithmic scale; each kind of
    evidence (:mod:`detector.robust.points`) earns up to so many points, and a day is abnormal
    where their sum is above the bar. Where a feature tells no tokens only its cost is judged.
    First spends and young tenants are judged by dollars, as in
    :func:`detector.score.score_classic`, where they matter beside all others.

    Parameters
    ----------
    evidence : Evidence
        T at least 1; costs must be finite.
    others : Others, optional
        What all others are to each tenant, where those of the evidence are not all there are.

    Returns
    -------
    Scores
        ``score`` are points above 0, ``expected`` is the median of 28 days at fixed prices,
        ``spread`` what one standard deviation on the logarithmic scale makes of it.
    """
    evidence = with_rates(evidence)
    seen, rules = glance_at(evidence), evidence.rules
    others = others or others_of(evidence, seen)
    past = moments(evidence.total[:, :-1], evidence.usable[:, :-1])
    by = by_dollars_alone(evidence, past)
    rises, drops, by_cost = weigh(evidence, others, seen, by)
    points = np.full(len(rules.bar), np.nan)
    points[drops.tenants] = drops.points
    rule = np.full(len(points), QUIET, dtype=np.int8)
    fell = drops.tenants[(drops.points > rules.bar[drops.tenants]) & rules.down[drops.tenants]]
    rule[fell], rule[by_cost] = DROP, COST_ONLY
    _note(rises, rules, points, rule)
    rose = evidence.total[:, -1] - past.mean
    weighty = reaches(seen.today - seen.usual, NEWCOMER_SHARE * others.usual)
    weighty &= reaches(rose, least_change(past, rules))
    rule[by.young & weighty], rule[by.first & weighty] = YOUNG_TENANT, FIRST_SPEND
    up, down = (rule != QUIET) & (rule != DROP) & rules.up, rule == DROP
    rule = np.where(up | down, rule, QUIET).astype(np.int8)
    used = evidence.usable.copy()
    used[:, : MONTH.start] = False
    return Scores(
        up.astype(np.int8) - down.astype(np.int8),
        rule,
        points,
        seen.usual,
        seen.sd,
        used.sum(axis=1).astype(np.float64),
        used,
        used[:, MONTH].shape[1],
        _quiet((rises, drops), rules, np.where(by.scored, seen.today - seen.mean, rose)),
        _facts((rises, drops), rule, rules.bar),
        partial(account_of, evidence, others),
        lambda index: partial(score_robust, others=others.of(np.array([index]))),
    )


def with_rates(evidence: Evidence) -> Evidence:
    """Return evidence with the fixed rates of its series."""
    history = evidence.history
    return evidence._replace(rates=fixed_rates(history.keys, evidence.prices, history.days[-1]))


class Weighed(NamedTuple):
    """Who was given points, and who was told of by cost alone.

    Attributes
    ----------
    rises, drops : Judged
    by_cost : ndarray of int64
        Tenants without tokens that rose.
    """

    rises: Judged
    drops: Judged
    by_cost: Integers


def weigh(evidence: Evidence, others: Others, seen: Glance, by: ByDollars) -> Weighed:
    """Look closer at those who rose or fell, and give them points, whatever the bar.

    Parameters
    ----------
    evidence : Evidence
        With the rates of its series.
    others : Others
    seen : Glance
        Of that evidence.
    by : ByDollars
        Says who can be scored.

    Returns
    -------
    Weighed
    """
    rules = evidence.rules
    rose, fell = by.scored & may_rise(seen, rules), by.scored & may_fall(seen, rules)
    dear = by.scored & may_be_dear(seen, rules)
    tenants = np.flatnonzero(rose | fell | dear)
    rises: list[Judged] = []
    drops: list[Judged] = []
    by_cost = [np.zeros(0, dtype=np.int64)]
    for part in parts_of(len(tenants)):
        mine = tenants[part.start : part.stop]
        beside = Beside(survey(evidence.of(mine.tolist())), others.of(mine))
        now = beside.now
        ups, downs = now.tells_tokens(now.rose_most), now.tells_tokens(now.fell_most)
        by_cost.append(mine[dear[mine] & ~ups & beats_past(now)])
        risen, fallen = np.flatnonzero(rose[mine] & ups), np.flatnonzero(fell[mine] & downs)
        if len(risen):
            rises.append(judge_rises(beside, risen)._replace(tenants=mine[risen]))
        if len(fallen):
            drops.append(judge_drops(beside, fallen)._replace(tenants=mine[fallen]))
    return Weighed(joined(rises), joined(drops), np.concatenate(by_cost))


def _quiet(judged: tuple[Judged, Judged], rules: RuleArrays, by_cost: Floats) -> Quiet:
    """Say what would keep each tenant quiet: where it rose and fell at once, both of it.

    ``by_cost`` is what the floor is held against where no points are given.
    """
    bar, excess = np.full(len(by_cost), np.nan), np.full(len(by_cost), np.nan)
    for part, wanted in zip(judged, (rules.up, rules.down), strict=True):
        heard = wanted[part.tenants] & (part.points > rules.bar[part.tenants])
        tenants = part.tenants[heard]
        bar[tenants] = np.fmax(bar[tenants], part.points[heard])
        excess[tenants] = np.fmax(excess[tenants], part.moved[heard])
    return Quiet(bar, np.where(np.isnan(bar), by_cost, excess))


def _note(rises: Judged, rules: RuleArrays, points: Floats, rule: NDArray[np.int8]) -> None:
    """Let a rise above the bar, where one is looked for, stand before whatever else was found."""
    above = (rises.points > rules.bar[rises.tenants]) & rules.up[rises.tenants]
    counts = above | (rule[rises.tenants] != DROP)
    points[rises.tenants[counts]] = rises.points[counts]
    named = np.array([RULES[reason] for reason in rises.reasons], dtype=np.int8)
    rule[rises.tenants[above]] = named[above]


def _facts(
    judged: tuple[Judged, Judged], rule: NDArray[np.int8], bar: Floats
) -> dict[int, dict[str, str | float]]:
    """Give the signs of each tenant that is told of."""
    return {
        int(tenant): _signs(part, place, float(bar[tenant]))
        for part in judged
        for place, tenant in enumerate(part.tenants)
        if rule[tenant] == RULES[part.reasons[place]]
    }


def _signs(part: Judged, place: int, bar: float) -> dict[str, str | float]:
    """Say which feature it is, and what earned most of the points."""
    facts: dict[str, str | float] = {"feature": part.features[place], "bar": bar}
    return facts | {
        f"sign_{number}": term.sentence
        for number, term in enumerate(scored_terms(part, place)[:MOST_SIGNS], start=1)
        if term.points > 0
    }
