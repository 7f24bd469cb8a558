"""How a baseline, the drivers and a budget are put into one line of a message."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from alerts.names import safe_name
from alerts.numbers import count, day_list, exact_money, money, percent, short_day

if TYPE_CHECKING:
    from datetime import date

    from detector.model import Baseline, BudgetState, Driver, Finding

_CENT = 10_000
_DRIVERS_SHOWN = 3
_SIGNS_SHOWN = 3


def against(finding: Finding) -> str:
    """Return what the day was compared with, and by which bar."""
    base = finding.baseline
    if base is None or not base.used_days:
        usable = int(finding.facts.get("usable_days", 0))
        return f"no baseline yet ({count(usable, 'usable day')}); rule: {finding.rule}"
    spread = f"lowest to highest day {money(base.low_micro_usd)}-{money(base.high_micro_usd)}"
    used = f"{base.used_days} of {count(base.window_days, 'day')}"
    return f"{spread}, {used}{_left_out(base)}{_score(finding)}"


def _left_out(base: Baseline) -> str:
    """Name the days an answer left out; the reason of each group once."""
    by_reason: dict[str, list[date]] = {}
    for left in base.left_out:
        by_reason.setdefault(left.reason, []).append(left.day)
    groups = [f"{day_list(sorted(days))} {safe_name(why)}" for why, days in by_reason.items()]
    return f"; {len(base.left_out)} left out: {'; '.join(groups)}" if groups else ""


def _score(finding: Finding) -> str:
    if finding.score is None:
        return f"; rule: {finding.rule}" if finding.rule else ""
    if "bar" in finding.facts:
        above = finding.score - float(finding.facts["bar"])
        return f"; rule: {finding.rule}, {above:.1f} points above the bar"
    if math.isinf(finding.score):
        return "; beyond any z-score, as the days before cost the same"
    bar = finding.facts.get("z_bar")
    return f"; z {finding.score:.1f}" + (f", told beyond {bar}" if bar else "")


def signs(finding: Finding) -> str:
    """Return what made the day abnormal; empty where a single number did."""
    keys = (f"sign_{number}" for number in range(1, _SIGNS_SHOWN + 1))
    found = [str(finding.facts[key]) for key in keys if key in finding.facts]
    feature = safe_name(str(finding.facts.get("feature") or "all of it"))
    return f"{feature}: {'; '.join(found)}" if found else ""


def drivers(finding: Finding) -> str:
    """Return the largest drivers in the direction of the change, then the three effects."""
    sign = -1 if finding.excess_micro_usd < 0 else 1
    ranked = sorted(finding.drivers, key=lambda each: -sign * each.change_micro_usd)
    moved = [each for each in ranked if sign * each.change_micro_usd > 0][:_DRIVERS_SHOWN]
    named = ", ".join(_driver(each, finding.excess_micro_usd) for each in moved)
    effects = ", ".join(
        f"{label} {_effect(amount)}"
        for label, amount in (
            ("volume", sum(each.volume_micro_usd for each in finding.drivers)),
            ("price", sum(each.price_micro_usd for each in finding.drivers)),
            ("mix", sum(each.mix_micro_usd for each in finding.drivers)),
        )
    )
    return f"{named}; {effects}" if named else effects


def _effect(amount: int) -> str:
    """Return an effect in money; what rounding alone left behind is nothing."""
    return money(amount if abs(amount) >= _CENT else 0, signed=True)


def _driver(driver: Driver, excess: int) -> str:
    feature = f" in {safe_name(driver.feature)}" if driver.feature else ""
    what = f"{safe_name(driver.model) if driver.model else 'unnamed model'}{feature}"
    share = percent(driver.change_micro_usd, excess)
    return f"{what} {money(driver.change_micro_usd, signed=True)} ({share})"


def amount(finding: Finding) -> str:
    """Return the day's cost; "at least" where some of it is unknown."""
    least = "at least " if finding.lower_bound else ""
    return f"{least}{money(finding.actual_micro_usd or 0)}"


def unfinished(finding: Finding) -> str:
    """Return that a day was told of before it is over, or before all of it is known."""
    if not finding.early:
        return ""
    return ", not all data in yet" if "day_over" in finding.facts else ", day still running"


def so_far(finding: Finding) -> str:
    """Return by when that was spent, and until when it is known; empty of a finished day."""
    if not finding.early or "by" not in finding.facts:
        return ""
    by, until = f" by {finding.facts['by']}", finding.facts.get("data_until")
    return f"{by}, with data until {until}" if until else by


def course(finding: Finding) -> str:
    """Return what a running day will probably cost; empty where its usual course is not known."""
    if not finding.early or "course_micro_usd" not in finding.facts:
        return ""
    going_on, as_usual = (
        money(int(finding.facts[key])) for key in ("course_micro_usd", "rest_micro_usd")
    )
    return (
        f"about {going_on} by midnight if it goes on like this, "
        f"{as_usual} if the rest of the day is as usual"
    )


def pace(budget: BudgetState) -> str:
    """Return how far a budget is spent, and when its cap is reached."""
    cap = exact_money(budget.cap_micro_usd)
    if not budget.cap_micro_usd:
        return f"{money(budget.spent_micro_usd)} spent, where nothing may be spent (cap {cap})"
    spent = f"{percent(budget.spent_micro_usd, budget.cap_micro_usd)} of {cap} spent"
    if budget.reached_on is None:
        return spent
    reached = budget.spent_micro_usd >= budget.cap_micro_usd
    day = short_day(budget.reached_on)
    return f"{spent}, cap reached on {day}" if reached else f"{spent}, cap on {day} at this pace"


def forecast_title(budget: BudgetState) -> str:
    """Return the forecast in one sentence; the pace where there is none."""
    if budget.forecast_micro_usd is None or not budget.cap_micro_usd:
        return pace(budget)
    share = percent(budget.forecast_micro_usd, budget.cap_micro_usd)
    cap, forecast = exact_money(budget.cap_micro_usd), money(budget.forecast_micro_usd)
    reached = f", reached on {short_day(budget.reached_on)}" if budget.reached_on else ""
    return f"forecast {forecast}, {share} of its {cap} cap{reached} at this pace"


def forecast(budget: BudgetState) -> str:
    """Return spend, how fast that is, and the forecast with its interval."""
    spent = f"{money(budget.spent_micro_usd)} of {exact_money(budget.cap_micro_usd)} spent"
    burn = f", {_speed(budget.burn_rate)}" if budget.burn_rate is not None else ""
    if budget.forecast_micro_usd is None:
        return f"{spent}{burn}; too little history for a forecast"
    low, high = budget.low_micro_usd, budget.high_micro_usd
    known = low is not None and high is not None
    width = f", 80 % interval {money(low or 0)}-{money(high or 0)}" if known else ""
    return f"{spent}{burn}; forecast {money(budget.forecast_micro_usd)}{width}"


def _speed(burn_rate: float) -> str:
    """Say a burn rate in words that need no explanation."""
    fast = f"{burn_rate:.1f}"
    return f"{'just' if fast == '1.0' else f'{fast} times'} as fast as the budget allows"
