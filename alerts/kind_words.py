"""What each kind of finding says: title, lines, where to look first.

Plain ASCII except for names, which are made inert first.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from alerts.episode import BUDGETS
from alerts.names import safe_name
from alerts.notice import Action, Line
from alerts.numbers import count, exact_money, full_day, moment, money, percent, short_day, times
from alerts.phrases import against, amount, drivers, forecast, forecast_title, pace
from detector.model import UNATTRIBUTED, FindingKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from detector.model import BudgetState, Finding

TEXT_LIMIT = 300
CAUSE_LIMIT = 80
"""Letters of one id: three of them are one line."""


@dataclass(frozen=True, slots=True)
class Words:
    """What one kind says; ``look`` is where to look first."""

    who: str
    what: str
    lines: tuple[Line, ...] = ()
    look: tuple[Action, ...] = ()


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
        what=f"{amount(finding)} on {full_day(finding.day)}{compared}",
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
    lines = [Line("What", what), Line("Against", against(finding))]
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
    day = _fact_day(finding, "effective")
    return Words(
        who=_fact(finding, "models"),
        what=f"{_fact(finding, 'old')} -> {_fact(finding, 'new')}{f' from {day}' if day else ''}",
        lines=(Line("What", f"your use of {full_day(finding.day)} would cost {would}"),),
        look=(_show_price(finding.subject),),
    )


def _priced_again(finding: Finding) -> Words:
    """Tell of past days that have another cost, because their price was only now known."""
    before, after = (int(finding.facts.get(f"{when}_micro_usd", 0)) for when in ("before", "after"))
    first, last = _fact_day(finding, "effective"), _fact_day(finding, "until")
    span = f"on {first}" if first == last else f"from {first} to {last}"
    days = count(int(finding.facts["days"]), "day")
    was = money(before) if before else "an unknown cost"
    return Words(
        who=_fact(finding, "models"),
        what=f"{days} of past use priced again, {was} -> {money(after)}",
        lines=(
            Line("What", f"use {span}; {money(after - before, signed=True)} in all"),
            Line("Why", "a price was added or changed with effect from a day in the past"),
        ),
        look=(_show_price(finding.subject), _REVISED),
    )


def _unpriced_model(finding: Finding, _: str) -> Words:
    tokens = count(int(finding.facts.get("tokens", finding.magnitude)), "token")
    tenants = count(int(finding.facts.get("tenants", 0)), "tenant")
    model = finding.subject
    return Words(
        who=safe_name(model),
        what=f"no price is known for {tokens} on {full_day(finding.day)}",
        lines=(
            Line("What", f"used by {tenants}; the cost is unknown, not 0: the day is incomplete"),
            Line("Why", _fact(finding, "reason")),
        ),
        look=(_show_price(model), Action("add its price", "spendwatch prices import FILE")),
    )


def _rejected_usage(finding: Finding, _: str) -> Words:
    rows, kept = (int(finding.facts.get(key, 0)) for key in ("rows", "kept"))
    counted = [f"{count(rows, 'usage row')} refused"] if rows else []
    counted += [f"{count(kept, 'usage row')} kept with a remark"] if kept else []
    return Words(
        who=f"source {_fact(finding, 'source')}",
        what=f"{', '.join(counted) or 'usage rows refused'} on {full_day(finding.day)}",
        lines=(Line("Why", _fact(finding, "reasons")), Line("First", _fact(finding, "first"))),
    )


def _source_stale(finding: Finding, _: str) -> Words:
    if "stopped_at" in finding.facts:
        return _stopped_early(finding)
    usual = int(finding.facts.get("usual_rows", 0))
    usually = f" (usually {count(usual, 'row')} a day)" if usual else ""
    last = _fact_day(finding, "last_day")
    return Words(
        who=f"source {_fact(finding, 'source')}",
        what=f"silent, no usage for {full_day(finding.day)}{usually}",
        lines=(
            Line("What", f"last usage is of {last}" if last else "it gave no usage so far"),
            Line("Data", "until it speaks again nobody's spend is judged, up or down"),
        ),
    )


def _stopped_early(finding: Finding) -> Words:
    at = moment(datetime.fromisoformat(str(finding.facts["stopped_at"])))
    return Words(
        who=f"source {_fact(finding, 'source')}",
        what=f"silent since {at}, so {full_day(finding.day)} is not all there",
        lines=(
            Line("What", "it usually gives usage for hours longer than that"),
            Line("Data", "rises of the day are judged, drops are not until the rest is there"),
        ),
        look=(_COVERAGE,),
    )


def _source_failing(finding: Finding, _: str) -> Words:
    return Words(
        who=f"source {_fact(finding, 'source')}",
        what=f"cannot be read for {full_day(finding.day)}",
        lines=(Line("Why", _fact(finding, "error")),),
        look=(Action("check the settings", "spendwatch check"),),
    )


_COVERAGE = Action("see what to change", "spendwatch coverage")
MOST_CAUSES = 3


def _attribution_gap(finding: Finding, _: str) -> Words:
    if "calls" in finding.facts:
        return _calls_without_tokens(finding)
    share = percent(float(finding.facts.get("share", 0)))
    usual = finding.facts.get("usual_share")
    usually = f", usually {percent(float(usual))}" if usual is not None else ""
    cost = money(int(finding.facts.get("usd_micro", finding.magnitude)))
    return Words(
        who="unattributed",
        what=f"{share} of the cost of {full_day(finding.day)} has no tenant ({cost})",
        lines=(
            Line("What", f"{cost} that no tenant's baseline or budget sees{usually}"),
            *_causes(finding),
            *_untold(finding),
        ),
        look=(
            Action("see where", f"spendwatch costs --tenant {UNATTRIBUTED}"),
            *((_COVERAGE,) if "causes" in finding.facts else ()),
        ),
    )


def _causes(finding: Finding) -> Iterator[Line]:
    """Name the ids that cost most; the others are counted."""
    keys = [f"cause_{number}" for number in range(1, MOST_CAUSES + 1)]
    named = [
        f"{safe_name(str(finding.facts[key]), CAUSE_LIMIT)} "
        f"({money(int(finding.facts.get(f'{key}_micro_usd', 0)))})"
        for key in keys
        if key in finding.facts
    ]
    more = int(finding.facts.get("causes", 0)) - len(named)
    others = f"; and {count(more, 'other')}" if more > 0 else ""
    if named:
        yield Line("Why", f"most of it from {'; '.join(named)}{others}")


def _untold(finding: Finding) -> Iterator[Line]:
    """Count what telemetry lacks besides; it may be the cause."""
    rows, calls = (
        int(finding.facts.get(key, 0)) for key in ("rows_without_call", "without_tokens")
    )
    said = [f"{count(rows, 'row')} of tokens whose call was not logged"] if rows else []
    said += [f"{count(calls, 'call')} that told no tokens"] if calls else []
    if said:
        yield Line("Data", " and ".join(said))


def _calls_without_tokens(finding: Finding) -> Words:
    """Tell of calls that are billed and in no cost, as they told no tokens."""
    share = percent(float(finding.facts.get("share", 0)))
    without, calls, streamed = (
        int(finding.facts.get(key, 0)) for key in ("without_tokens", "calls", "streamed")
    )
    unseen = f", about {money(finding.magnitude)} unseen" if finding.magnitude else ""
    api = safe_name(str(finding.facts.get("api") or "no API named"), CAUSE_LIMIT)
    return Words(
        who=f"source {_fact(finding, 'source')}",
        what=f"{share} of the calls of {full_day(finding.day)} told no tokens{unseen}",
        lines=(
            Line("What", f"{without:,} of {calls:,} calls are billed and in nobody's cost"),
            Line("Why", f"most of them of API {api}; {count(streamed, 'call')} were streams"),
        ),
        look=(_COVERAGE,),
    )


def _show_price(model: str) -> Action:
    name = shlex.quote(safe_name(model, TEXT_LIMIT))
    return Action("see its price", f"spendwatch prices show {name}")


def _fact(finding: Finding, key: str) -> str:
    """Return a fact as one inert line; the subject where the finding does not carry it."""
    return safe_name(str(finding.facts.get(key) or finding.subject or "not stated"), TEXT_LIMIT)


def _fact_day(finding: Finding, key: str) -> str:
    text = str(finding.facts.get(key, ""))
    return full_day(date.fromisoformat(text)) if text else ""


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
    FindingKind.ATTRIBUTION_GAP: _attribution_gap,
    FindingKind.UNPRICED_MODEL: _unpriced_model,
    FindingKind.REJECTED_USAGE: _rejected_usage,
    FindingKind.SOURCE_STALE: _source_stale,
    FindingKind.SOURCE_FAILING: _source_failing,
}
