"""Conditions of rules, as a method judges them and as they are told of one tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detector.explanation import Check, Stage

if TYPE_CHECKING:
    from detector.rules import RuleArrays

HALF_MICRO = 0.5e-6
"""Dollars: money has no smaller part than a micro-dollar, but sums and means of floats do."""


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


def check_dollars(
    what: str,
    amount: float,
    bar: float,
    stage: Stage,
    *,
    setting: str = "",
    formula: str = "",
    **numbers: float,
) -> Check:
    """Say whether dollars are at least a bar.

    Parameters
    ----------
    what : str
        What is compared, in words.
    amount, bar : float
        Dollars.
    stage : Stage
    setting : str
        The field of the rules that the bar comes from.
    formula : str
        What the amount is, of ``numbers``.

    Returns
    -------
    Check
    """
    met = bool(reaches(np.array([amount]), np.array([bar]))[0])
    return Check(what, amount, bar, "$", stage, met, False, setting, formula, numbers)


def check_floors(change: float, usual: float, rules: RuleArrays, index: int) -> tuple[Check, Check]:
    """Say whether a change reaches both floors of a tenant.

    Parameters
    ----------
    change : float
        Dollars in the direction that is looked for.
    usual : float
        Dollars that ``min_excess_percent`` is a share of.
    rules : RuleArrays
    index : int
        Of the tenant.

    Returns
    -------
    tuple of Check
    """
    share = float(rules.min_excess_share[index])
    least = check_dollars(
        "change in dollars",
        change,
        float(rules.min_excess[index]),
        Stage.FLOOR,
        setting="min_excess_micro_usd",
    )
    met = check_dollars("", change, share * abs(usual), Stage.FLOOR).met
    relative = 100 * change / abs(usual) if usual else np.copysign(np.inf, change)
    return least, Check(
        "change in percent",
        float(relative),
        100 * share,
        "%",
        Stage.FLOOR,
        met,
        setting="min_excess_percent",
        formula="100 * change / abs(usual)" if usual else "",
        numbers={"change": change, "usual": usual},
    )


def check_days(days: float, rules: RuleArrays, index: int) -> Check:
    """Say whether a tenant has enough usable days for a score."""
    least = float(rules.min_days[index])
    return Check("usable days", days, least, "days", Stage.GATE, days >= least, setting="min_days")


def check_direction(rules: RuleArrays, index: int, direction: int) -> Check:
    """Say whether changes of a direction are looked for."""
    wanted = bool((rules.up if direction > 0 else rules.down)[index])
    what = "rises are looked for" if direction > 0 else "drops are looked for"
    return Check(what, float(wanted), 1.0, "", Stage.GATE, wanted)
