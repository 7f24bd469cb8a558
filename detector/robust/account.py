"""How `robust` came to what it says of one tenant: which rules it tried, and their points."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from detector.checks import check_days, check_direction, check_dollars, check_floors
from detector.explanation import Account, Check, ScoredTerm, Stage, Trial
from detector.robust.points import REASONS
from detector.robust.score import extreme, judge_drops, judge_rises
from detector.robust.situation import LEAST_ACTIVE, MONTH
from detector.robust.workings import with_workings
from detector.score import (
    COST_ONLY,
    DROP,
    MODEL_MIX,
    PROMPT_LENGTH,
    RULE_NAMES,
    VOLUME,
    trials_by_dollars,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detector.baseline import Moments
    from detector.robust.score import Judged
    from detector.robust.situation import Situation
    from detector.rules import RuleArrays
    from detector.score import ByDollars, Evidence

RULES = {"volume": VOLUME, "mix": MODEL_MIX, "prompt": PROMPT_LENGTH, "drop": DROP}
COST_ONLY_SD = 3.0
COST_ONLY_SHARE = 0.4
"""Where tokens are not told: above the mean of 30 days by so many sd, and by this share of it."""
NEWCOMER_SHARE = 0.1
"""A tenant without a past is told of where it adds so much to the usual day of all others."""
SPREAD_FLOOR = 0.05


class Known(NamedTuple):
    """What an account is drawn from; as `score_robust` has it."""

    evidence: Evidence
    now: Situation
    past: Moments
    by: ByDollars
    tells_tokens: NDArray[np.bool_]
    appeared: float


def account_of(known: Known, index: int) -> Account:
    """Say how one tenant was judged.

    Parameters
    ----------
    known : Known
    index : int
        Of the tenant.

    Returns
    -------
    Account
        Its evidence is made anew, of this tenant alone, by the very functions that judged it.
    """
    evidence, now = known.evidence, known.now
    trials = trials_by_dollars(evidence, known.past, known.by, index, (_weight(now, index),))
    if not known.by.silent[index] and not known.tells_tokens[index]:
        trials += (_cost_only(known, index),)
    elif not known.by.silent[index]:
        trials += (_rise(known, index), _drop(known, index))
    return Account(trials, tuple(now.total[index].tolist()))


def scored_terms(part: Judged, place: int) -> tuple[ScoredTerm, ...]:
    """Return what added to the points of a judged tenant, most points first.

    Parameters
    ----------
    part : Judged
    place : int
        Of the tenant among those that were judged.

    Returns
    -------
    tuple of ScoredTerm
        Without their workings.
    """
    found = [
        ScoredTerm(
            name,
            term.tell(value := float(part.evidence[name][place])),
            value,
            term.unit,
            term.begins,
            term.full,
            term.points,
            float(term.of(np.array([value]))[0]),
        )
        for name, term in REASONS[part.reasons[place]].terms.items()
    ]
    return tuple(sorted(found, key=lambda each: -each.points))


def _weight(now: Situation, index: int) -> Check:
    """Say whether a tenant's rise matters beside what all others usually spend."""
    usual = float(now.usual[index])
    others = float(now.usual.sum()) - usual + now.others.usual
    rise = float(now.total[index, -1]) - usual
    what = f"rise beside {NEWCOMER_SHARE:.0%} of what all others usually spend"
    return check_dollars(what, rise, NEWCOMER_SHARE * others, Stage.FLOOR)


def _cost_only(known: Known, index: int) -> Trial:
    """Try the total against its mean and standard deviation of 30 days."""
    now, rules = known.now, known.evidence.rules
    mean, today = float(now.mean[index]), float(now.total[index, -1])
    spread = max(float(now.sd[index]), SPREAD_FLOOR * mean)
    z = (today - mean) / spread
    numbers = {"today": today, "mean": mean, "sd": float(now.sd[index])}
    formula = f"(today - mean) / max(sd, {SPREAD_FLOOR} * mean)"
    met = today - mean > COST_ONLY_SD * spread
    return Trial(
        RULE_NAMES[COST_ONLY],
        1,
        (
            check_days(float(known.past.days[index]), rules, index),
            check_direction(rules, index, 1),
            check_dollars("change in dollars", today - mean, float(rules.min_excess[index]),
                          Stage.FLOOR, setting="min_excess_micro_usd"),
            check_dollars(f"change beside {COST_ONLY_SHARE:.0%} of the mean", today - mean,
                          COST_ONLY_SHARE * mean, Stage.FLOOR),
            Check("standard deviations", z, COST_ONLY_SD, "sd", Stage.BAR, met, strict=True,
                  formula=formula, numbers=numbers),
        ),
    )  # fmt: skip


def _rise(known: Known, index: int) -> Trial:
    """Try a rise of the feature that rose most; its evidence is told below the floors too."""
    now, rules = known.now, known.evidence.rules
    top = int(extreme(now, 1)[index])
    found = judge_rises(now, _without_floors(rules), _only(now, index))
    floors = check_floors(float(now.change[top]), float(now.mean[index]), rules, index)
    return _trial(known, found, index, top, 1, floors)


def _drop(known: Known, index: int) -> Trial:
    """Try a drop of the feature that fell most."""
    now, rules = known.now, known.evidence.rules
    top = int(extreme(now, -1)[index])
    found = judge_drops(now, _without_floors(rules), _only(now, index), known.appeared)
    floors = check_floors(-float(now.change[top]), float(now.usual[index]), rules, index)
    return _trial(known, found, index, top, -1, (_active(now, index), *floors))


def _without_floors(rules: RuleArrays) -> RuleArrays:
    return rules._replace(min_excess=0 * rules.min_excess, min_excess_share=0 * rules.min_excess)


def _only(now: Situation, index: int) -> NDArray[np.bool_]:
    one: NDArray[np.bool_] = np.arange(len(now.total)) == index
    return one


def _active(now: Situation, index: int) -> Check:
    """Say whether a tenant is active often enough to fall."""
    month = now.within(now.total, MONTH)[index]
    active = float((np.nan_to_num(month) > 0).sum())
    least = LEAST_ACTIVE * float((~np.isnan(month)).sum())
    return Check("days with use", active, least, "days", Stage.GATE, active >= least)


def _trial(
    known: Known, found: Judged, index: int, top: int, sign: int, asked: tuple[Check, ...]
) -> Trial:
    """Lay a rise or a drop out; without evidence only what stood against it."""
    rules, now = known.evidence.rules, known.now
    reason = found.reasons[0] if found.reasons else ("volume" if sign > 0 else "drop")
    days = float(known.past.days[index])
    checks = (check_days(days, rules, index), check_direction(rules, index, sign), *asked)
    terms: tuple[ScoredTerm, ...] = ()
    if found.reasons:
        points, bar = float(found.points[0]), float(rules.bar[index])
        checks += (Check("points", points, bar, "points", Stage.BAR, points > bar, True, "bar"),)
        terms = with_workings(now, found, known.appeared, scored_terms(found, 0))
    return Trial(
        RULE_NAMES[RULES[reason]],
        sign,
        checks,
        REASONS[reason].start,
        terms,
        now.use.names[top],
        tuple(now.use.dollars[top].tolist()),
    )
