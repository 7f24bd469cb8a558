"""What each kind of finding says: title, lines, where to look first.

Plain ASCII except for names, which are made inert first.
"""

from __future__ import annotations

import shlex
from datetime import date, timedelta
from typing import TYPE_CHECKING

from alerts.data_words import (
    attribution_gap,
    rejected_usage,
    source_failing,
    source_stale,
    unpriced_model,
)
from alerts.episode import BUDGETS
from alerts.facts import Words, fact, fact_day, show_price
from alerts.names import safe_name
from alerts.notice import Action, Line
from alerts.numbers import count, exact_money, full_day, money, percent, short_day, times
from alerts.phrases import (
    against,
    amount,
    course,
    drivers,
    forecast,
    forecast_title,
    pace,
    signs,
    so_far,
    unfinished,
)
from detector.model import FindingKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from detector.model import BudgetState, Finding


def words_of(finding: Finding, names: Mapping[str, str]) -> Words:
    """Return what a finding says.

    Parameters
    ----------
    finding : Finding
    names : mapping of str to str
        Display names by tenant; the id stands where there is none.
    """
    return _WORDS[finding.kind](finding, safe_name(names.get(finding.tenant, finding.tenant)))


def ending(finding: Finding, day: date) -> str:
    """Return how a condition ended, as the title of its last message.

    Parameters
    ----------
    finding : Finding
        The newest.
    day : date
        The day that was judged without a finding.

    Returns
    -------
    str
        A budget whose period is over has not recovered, so that is not called resolved.
    """
    budget = finding.budget if finding.kind in BUDGETS else None
    if budget and day >= budget.ends_on:
        return _period_over(finding, budget)
    on = f" on {full_day(day)}" if finding.kind is FindingKind.UNPRICED_MODEL else ""
    over = "calls tell their tokens again" if "calls" in finding.facts else OVER[finding.kind]
    return f"resolved, {over}{on}"


def _period_over(finding: Finding, budget: BudgetState) -> str:
    """Say what was spent in the end; of a day before the last one, until when that is known."""
    unit = budget.period.removesuffix("ly")
    least = "at least " if budget.unknown_cost else ""
    spent, cap = budget.spent_micro_usd, budget.cap_micro_usd
    said = f"{percent(spent, cap)} of {exact_money(cap)}" if cap else money(spent)
    newest = finding.day + timedelta(days=1) == budget.ends_on
    by = "" if newest else f" by {full_day(finding.day)}"
    return f"the {unit} is over, {least}{said} was spent{by}; a new {unit} began"


def _spend_spike(finding: Finding, name: str) -> Words:
    ratio = times(finding.actual_micro_usd or 0, finding.expected_micro_usd or 0)
    compared = f", {ratio} normal" if ratio else ", where it spent nothing before"
    if finding.rule == "young tenant":
        compared = ", too new to have a normal"
    return Words(
        who=name,
        what=f"{amount(finding)} on {full_day(finding.day)}{compared}{unfinished(finding)}",
        lines=_spend_lines(finding),
    )


def _spend_drop(finding: Finding, name: str) -> Words:
    expected = finding.expected_micro_usd or 0
    share = percent(-finding.excess_micro_usd, expected)
    below = f", {share} below normal" if share else ""
    return Words(
        who=name,
        what=f"only {amount(finding)} on {full_day(finding.day)}{below}",
        lines=_spend_lines(finding),
    )


def _spend_lines(finding: Finding) -> tuple[Line, ...]:
    expected = finding.expected_micro_usd
    excess = money(finding.excess_micro_usd, signed=True)
    side = "under" if finding.excess_micro_usd < 0 else "over"
    what = f"{excess} {side} the usual {money(expected)}" if expected else amount(finding)
    lines = [Line("What", f"{what}{so_far(finding)}")]
    if ahead := course(finding):
        lines.append(Line("Course", ahead))
    lines.append(Line("Against", against(finding)))
    if shown := signs(finding):
        lines.append(Line("Signs", shown))
    if finding.drivers:
        lines.append(Line("Why", drivers(finding)))
    if finding.budget:
        lines.append(Line("Budget", pace(finding.budget)))
    if finding.lower_bound:
        lines.append(Line("Data", "some use of the day has no known price: it cost at least this"))
    return tuple(lines)


def _budget(finding: Finding, name: str) -> Words:
    budget = finding.budget
    if budget is None:
        what = f"{finding.magnitude} % threshold of the budget crossed"
        return Words(name, what)
    who = f"{name}, feature {safe_name(budget.feature)}" if budget.feature else name
    span = f"{short_day(budget.starts_on)} up to {short_day(budget.ends_on)}"
    what = f"{budget.period} budget from {span}: {finding.magnitude} % threshold crossed"
    lines = [Line("What", what), Line("Budget", forecast(budget))]
    if budget.unknown_cost:
        lines.append(Line("Data", "some use in it has no known price: at least this was spent"))
    title = forecast_title if finding.kind is FindingKind.BUDGET_FORECAST else pace
    look = Action("see the budget", f"spendwatch budgets --tenant {shlex.quote(budget.tenant)}")
    return Words(who, title(budget), tuple(lines), (look,))


def level(kind: FindingKind, magnitude: int) -> str:
    """Return how bad it is, in the unit of the kind, and what that is measured from.

    Parameters
    ----------
    kind : FindingKind
    magnitude : int
        As the kind's findings have it.

    Examples
    --------
    >>> level(FindingKind.SPEND_SPIKE, 120_000_000), level(FindingKind.BUDGET_THRESHOLD, 80)
    ('$120 over the usual', '80 %')
    """
    return f"{amount_of(kind, magnitude)}{_MEASURED_FROM.get(kind, '')}"


def amount_of(kind: FindingKind, magnitude: int) -> str:
    """Return how bad it is, in the unit of the kind alone; see :func:`level`."""
    if kind in BUDGETS:
        return f"{magnitude} %"
    thing = _COUNTED.get(kind)
    return count(magnitude, thing) if thing else money(magnitude)


_REVISED = Action("see what was revised", "spendwatch costs --revised")


def _price_change(finding: Finding, _: str) -> Words:
    if "days" in finding.facts:
        return _priced_again(finding)
    effect = int(finding.facts.get("effect_micro_usd", 0))
    direction = "more" if effect > 0 else "less"
    would = f"about {money(abs(effect))} a day {direction}" if effect else "the same"
    day = fact_day(finding, "effective")
    return Words(
        who=fact(finding, "models"),
        what=f"{fact(finding, 'old')} -> {fact(finding, 'new')}{f' from {day}' if day else ''}",
        lines=(Line("What", f"your use of {full_day(finding.day)} would cost {would}"),),
        look=(show_price(finding.subject),),
    )


def _priced_again(finding: Finding) -> Words:
    """Tell of past days that have another cost, because their price was only now known."""
    before, after = (int(finding.facts.get(f"{when}_micro_usd", 0)) for when in ("before", "after"))
    first, last = fact_day(finding, "effective"), fact_day(finding, "until")
    span = f"on {first}" if first == last else f"from {first} to {last}"
    days = count(int(finding.facts["days"]), "day")
    was = money(before) if before else "an unknown cost"
    return Words(
        who=fact(finding, "models"),
        what=f"{days} of past use priced again, {was} -> {money(after)}",
        lines=(
            Line("What", f"use {span}; {money(after - before, signed=True)} in all"),
            Line("Why", "a price was added or changed with effect from a day in the past"),
        ),
        look=(show_price(finding.subject), _REVISED),
    )


OVER: Mapping[FindingKind, str] = {
    FindingKind.SPEND_SPIKE: "spend is normal again",
    FindingKind.SPEND_DROP: "spend is normal again",
    FindingKind.BUDGET_THRESHOLD: "below the threshold again",
    FindingKind.BUDGET_FORECAST: "the forecast is below the threshold again",
    FindingKind.PRICE_CHANGE: "the new price is in force",
    FindingKind.ATTRIBUTION_GAP: "cost has its tenants again",
    FindingKind.UNPRICED_MODEL: "no unpriced use",
    FindingKind.REJECTED_USAGE: "the newest data had no row to refuse",
    FindingKind.SOURCE_STALE: "it gives usage again",
    FindingKind.SOURCE_FAILING: "it can be read again",
}
"""What a day that was judged without a finding says; completes "resolved, ..."."""
_MEASURED_FROM = {
    FindingKind.SPEND_SPIKE: " over the usual",
    FindingKind.SPEND_DROP: " under the usual",
    FindingKind.ATTRIBUTION_GAP: " without a tenant",
}
_COUNTED = {
    FindingKind.UNPRICED_MODEL: "token",
    FindingKind.REJECTED_USAGE: "usage row",
    FindingKind.SOURCE_STALE: "day",
    FindingKind.SOURCE_FAILING: "day",
}
_WORDS: Mapping[FindingKind, Callable[[Finding, str], Words]] = {
    FindingKind.SPEND_SPIKE: _spend_spike,
    FindingKind.SPEND_DROP: _spend_drop,
    FindingKind.BUDGET_THRESHOLD: _budget,
    FindingKind.BUDGET_FORECAST: _budget,
    FindingKind.PRICE_CHANGE: _price_change,
    FindingKind.ATTRIBUTION_GAP: attribution_gap,
    FindingKind.UNPRICED_MODEL: unpriced_model,
    FindingKind.REJECTED_USAGE: rejected_usage,
    FindingKind.SOURCE_STALE: source_stale,
    FindingKind.SOURCE_FAILING: source_failing,
}
