"""How `robust` came to what it says of one tenant: which rules it tried, and their points."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from detector.baseline import moments
from detector.checks import check_days, check_direction, check_dollars, check_floors
from detector.explanation import Account, Check, ScoredTerm, Stage, Trial
from detector.robust.cost_only import (
    BEYOND_SECOND,
    LEAST_SHARE,
    MOST_SD,
    SPREAD_FLOOR,
    second_highest,
)
from detector.robust.points import REASONS
from detector.robust.score import judge_drops, judge_rises
from detector.robust.situation import LEAST_ACTIVE, Beside, survey
from detector.robust.workings import with_workings
from detector.score import (
    COST_ONLY,
    DROP,
    MODEL_MIX,
    PROMPT_LENGTH,
    RULE_NAMES,
    VOLUME,
    by_dollars_alone,
    trials_by_dollars,
)

if TYPE_CHECKING:
    from detector.robust.score import Judged
    from detector.robust.situation import Others, Situation
    from detector.rules import RuleArrays
    from detector.score import Evidence

RULES = {"volume": VOLUME, "mix": MODEL_MIX, "prompt": PROMPT_LENGTH, "drop": DROP}
NEWCOMER_SHARE = 0.1
"""A tenant without a past is told of where it adds so much to the usual day of all others."""
_THE_ONE = np.zeros(1, dtype=np.int64)


class Known(NamedTuple):
    """One tenant alone, beside all others: everything its account is drawn from."""

    rules: RuleArrays
    beside: Beside
    days: float

    @property
    def now(self) -> Situation:
        """Return what the tenant did."""
        return self.beside.now


def account_of(evidence: Evidence, others: Others, index: int) -> Account:
    """Say how one tenant was judged.

    Parameters
    ----------
    evidence : Evidence
    others : Others
        Of all tenants.
    index : int
        Of the tenant.

    Returns
    -------
    Account
        Made anew, of this tenant alone, by the very functions that judged it.
    """
    mine = evidence.of([index])
    now = survey(mine)
    past = moments(mine.total[:, :-1], mine.usable[:, :-1])
    by = by_dollars_alone(mine, past)
    beside = Beside(now, others.of(np.array([index])))
    known = Known(mine.rules, beside, float(past.days[0]))
    trials = trials_by_dollars(mine, past, by, 0, (_weight(beside),))
    if not by.silent[0]:
        trials += (_rise(known) if now.tells_tokens(now.rose_most)[0] else _cost_only(known),)
        trials += (_drop(known),) if now.tells_tokens(now.fell_most)[0] else ()
    return Account(trials, tuple(now.total[0].tolist()))


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


def _weight(beside: Beside) -> Check:
    """Say whether a tenant's rise matters beside what all others usually spend."""
    rise = float(beside.now.total[0, -1] - beside.now.usual[0])
    what = f"rise beside {NEWCOMER_SHARE:.0%} of what all others usually spend"
    return check_dollars(what, rise, NEWCOMER_SHARE * float(beside.others.usual[0]), Stage.FLOOR)


def _cost_only(known: Known) -> Trial:
    """Try the total against its mean and standard deviation of 30 days."""
    now, rules = known.now, known.rules
    mean, today = float(now.mean[0]), float(now.total[0, -1])
    spread = max(float(now.sd[0]), SPREAD_FLOOR * mean)
    z = (today - mean) / spread
    numbers = {"today": today, "mean": mean, "sd": float(now.sd[0])}
    formula = f"(today - mean) / max(sd, {SPREAD_FLOOR} * mean)"
    met = today - mean > MOST_SD * spread
    second = float(second_highest(now)[0])
    beyond = {"today": today, "second": second}
    return Trial(
        RULE_NAMES[COST_ONLY],
        1,
        (
            check_days(known.days, rules, 0),
            check_direction(rules, 0, 1),
            check_dollars("change in dollars", today - mean, float(rules.min_excess[0]),
                          Stage.FLOOR, setting="min_excess_micro_usd"),
            check_dollars(f"change beside {LEAST_SHARE:.0%} of the mean", today - mean,
                          LEAST_SHARE * mean, Stage.FLOOR),
            Check("standard deviations", z, MOST_SD, "sd", Stage.BAR, met, strict=True,
                  formula=formula, numbers=numbers),
            Check(f"beside {BEYOND_SECOND} times the second highest day", today,
                  BEYOND_SECOND * second, "$", Stage.BAR, today > BEYOND_SECOND * second,
                  strict=True, numbers=beyond),
        ),
    )  # fmt: skip


def _rise(known: Known) -> Trial:
    """Try a rise of the feature that rose most; its evidence is told below the floors too."""
    now = known.now
    top = int(now.rose_most[0])
    rose = float(np.nan_to_num(now.change[top]))
    floors = check_floors(rose, float(now.mean[0]), known.rules, 0)
    found = judge_rises(known.beside, _THE_ONE) if rose > 0 else None
    return _trial(known, found, top, 1, floors)


def _drop(known: Known) -> Trial:
    """Try a drop of the feature that fell most."""
    now = known.now
    top = int(now.fell_most[0])
    fell = -float(np.nan_to_num(now.change[top]))
    floors = check_floors(fell, float(now.usual[0]), known.rules, 0)
    found = judge_drops(known.beside, _THE_ONE) if fell > 0 else None
    return _trial(known, found, top, -1, (_active(now), *floors))


def _active(now: Situation) -> Check:
    """Say whether a tenant is active often enough to fall."""
    used, days = (float(part[0]) for part in now.active())
    least = LEAST_ACTIVE * days
    return Check("days with use", used, least, "days", Stage.GATE, used >= least)


def _trial(
    known: Known, found: Judged | None, top: int, sign: int, asked: tuple[Check, ...]
) -> Trial:
    """Lay a rise or a drop out; where nothing moved only what stood against it."""
    rules, now = known.rules, known.now
    reason = found.reasons[0] if found else ("volume" if sign > 0 else "drop")
    checks = (check_days(known.days, rules, 0), check_direction(rules, 0, sign), *asked)
    terms: tuple[ScoredTerm, ...] = ()
    if found:
        points, bar = float(found.points[0]), float(rules.bar[0])
        checks += (Check("points", points, bar, "points", Stage.BAR, points > bar, True, "bar"),)
        terms = with_workings(known.beside, found, top, scored_terms(found, 0))
    return Trial(
        RULE_NAMES[RULES[reason]],
        sign,
        checks,
        REASONS[reason].start,
        terms,
        now.use.names[top],
        tuple(now.use.dollars[top].tolist()),
    )
