"""`robust`, as a method: what it says of every tenant on a day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detector.baseline import moments
from detector.model import UNATTRIBUTED
from detector.robust.points import REASONS
from detector.robust.score import extreme, judge_drops, judge_rises
from detector.robust.situation import MONTH, survey
from detector.robust.use import lay_out_use
from detector.score import (
    COST_ONLY,
    DROP,
    FIRST_SPEND,
    MODEL_MIX,
    PROMPT_LENGTH,
    QUIET,
    VOLUME,
    YOUNG_TENANT,
    Quiet,
    Scores,
    by_dollars_alone,
    least_change,
    reaches,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detector.robust.score import Judged
    from detector.robust.situation import Situation
    from detector.robust.windows import Floats
    from detector.rules import RuleArrays
    from detector.score import Evidence

RULES = {"volume": VOLUME, "mix": MODEL_MIX, "prompt": PROMPT_LENGTH, "drop": DROP}
COST_ONLY_SD = 3.0
COST_ONLY_SHARE = 0.4
"""Where tokens are not told: above the mean of 30 days by so many sd, and by this share of it."""
NEWCOMER_SHARE = 0.1
"""A tenant without a past is told of where it adds so much to the usual day of all others."""
MOST_SIGNS = 3
_SPREAD_FLOOR = 0.05


def score_robust(evidence: Evidence) -> Scores:
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

    Returns
    -------
    Scores
        ``score`` are points above 0, ``expected`` is the median of 28 days at fixed prices,
        ``spread`` what one standard deviation on the logarithmic scale makes of it.
    """
    now, rules = _situation(evidence), evidence.rules
    past = moments(evidence.total[:, :-1], evidence.usable[:, :-1])
    by = by_dollars_alone(evidence, past)
    told = _tells_tokens(now)
    rises = judge_rises(now, rules, by.scored & told)
    drops = judge_drops(now, rules, by.scored & told, _appeared(evidence, now))
    points = np.full(len(rules.bar), np.nan)
    points[drops.tenants] = drops.points
    rule = np.full(len(points), QUIET, dtype=np.int8)
    fell = drops.tenants[drops.points > rules.bar[drops.tenants]]
    rule[fell] = DROP
    rule[_of_cost_alone(now, evidence) & by.scored & ~told] = COST_ONLY
    _note(rises, rules.bar, points, rule)
    rose = evidence.total[:, -1] - past.mean
    weighty = _weighty(now) & reaches(rose, least_change(past, rules))
    rule[by.young & weighty], rule[by.first & weighty] = YOUNG_TENANT, FIRST_SPEND
    up = (rule != QUIET) & (rule != DROP) & rules.up
    down = (rule == DROP) & rules.down
    rule = np.where(up | down, rule, QUIET).astype(np.int8)
    spread = now.usual * np.expm1(np.minimum(now.scale.sd, 1.0))
    used = evidence.usable.copy()
    used[:, : MONTH.start] = False
    return Scores(
        up.astype(np.int8) - down.astype(np.int8),
        rule,
        points,
        now.usual,
        spread,
        used.sum(axis=1).astype(np.float64),
        used,
        used[:, MONTH].shape[1],
        _quiet(now, (rises, drops), rules, np.where(by.scored, now.total[:, -1] - now.mean, rose)),
        _facts(now, (rises, drops), rule, rules.bar),
    )


def _situation(evidence: Evidence) -> Situation:
    use = lay_out_use(evidence.history, evidence.dollars, evidence.prices)
    starts = np.searchsorted(use.tenant, np.arange(len(evidence.groups.tenants)))
    return survey(use, starts, evidence.usable, evidence.history.days, evidence.unanswered)


def _weighty(now: Situation) -> NDArray[np.bool_]:
    """Say whose rise matters beside what all others usually spend: most newcomers do not."""
    others = now.fleet.usual.sum() - now.fleet.usual
    found: NDArray[np.bool_] = reaches(now.total[:, -1] - now.usual, NEWCOMER_SHARE * others)
    return found


def _tells_tokens(now: Situation) -> NDArray[np.bool_]:
    """Say of whom the feature that rose most told tokens, on the day or in the 28 before it."""
    top, days = extreme(now, 1), slice(MONTH.start, None)
    tokens = now.use.prompt[top][:, days] + now.use.completion[top][:, days]
    told: NDArray[np.bool_] = (tokens * now.counted[:, days]).sum(axis=1) > 0
    return told


def _of_cost_alone(now: Situation, evidence: Evidence) -> NDArray[np.bool_]:
    """Judge the total against its mean and standard deviation of 30 days."""
    excess = now.total[:, -1] - now.mean
    spread = np.maximum(now.sd, _SPREAD_FLOOR * now.mean)
    least = np.maximum(evidence.rules.min_excess, COST_ONLY_SHARE * now.mean)
    judged: NDArray[np.bool_] = (excess > COST_ONLY_SD * spread) & reaches(excess, least)
    return judged


def _appeared(evidence: Evidence, now: Situation) -> float:
    """Return the dollars by which use without a tenant is above its usual."""
    tenants = evidence.groups.tenants
    if UNATTRIBUTED not in tenants:
        return 0.0
    at = tenants.index(UNATTRIBUTED)
    return float(now.total[at, -1] - now.fleet.usual[at])


def _quiet(
    now: Situation, judged: tuple[Judged, Judged], rules: RuleArrays, by_cost: Floats
) -> Quiet:
    """Say what would keep each tenant quiet: where it rose and fell at once, both of it.

    ``by_cost`` is what the floor is held against where no points are given.
    """
    bar, excess = np.full(len(by_cost), np.nan), np.full(len(by_cost), np.nan)
    for part, wanted in zip(judged, (rules.up, rules.down), strict=True):
        heard = wanted[part.tenants] & (part.points > rules.bar[part.tenants])
        tenants, moved = part.tenants[heard], np.abs(now.change[part.features[heard]])
        bar[tenants] = np.fmax(bar[tenants], part.points[heard])
        excess[tenants] = np.fmax(excess[tenants], moved)
    return Quiet(bar, np.where(np.isnan(bar), by_cost, excess))


def _note(rises: Judged, bar: Floats, points: Floats, rule: NDArray[np.int8]) -> None:
    """Let a rise above the bar stand before whatever else was found of a tenant."""
    above = rises.points > bar[rises.tenants]
    counts = above | (rule[rises.tenants] != DROP)
    points[rises.tenants[counts]] = rises.points[counts]
    named = np.array([RULES[reason] for reason in rises.reasons], dtype=np.int8)
    rule[rises.tenants[above]] = named[above]


def _facts(
    now: Situation, judged: tuple[Judged, Judged], rule: NDArray[np.int8], bar: Floats
) -> dict[int, dict[str, str | float]]:
    """Give the signs of each tenant that is told of."""
    return {
        int(tenant): _signs(now, part, place, float(bar[tenant]))
        for part in judged
        for place, tenant in enumerate(part.tenants)
        if rule[tenant] == RULES[part.reasons[place]]
    }


def _signs(now: Situation, part: Judged, place: int, bar: float) -> dict[str, str | float]:
    """Say which feature it is, and what earned most of the points."""
    terms = REASONS[part.reasons[place]].terms
    values = {name: float(part.evidence[name][place]) for name in terms}
    earned = {name: float(term.of(part.evidence[name])[place]) for name, term in terms.items()}
    best = sorted(earned, key=lambda name: -earned[name])[:MOST_SIGNS]
    facts: dict[str, str | float] = {"feature": now.use.names[part.features[place]], "bar": bar}
    return facts | {
        f"sign_{number}": terms[name].tell(values[name])
        for number, name in enumerate(best, start=1)
        if earned[name] > 0
    }
