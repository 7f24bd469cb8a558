"""WHAT THE MESSAGE SAYS: every word a person reads about an alert.

A message must be understood at 3 am from its title and first line: how much, against what, why.
Plain ASCII except for names, so that it survives any terminal; names are made inert first.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from alerts.lifecycle import EVENTS
from alerts.model import Action, AlertState, Change, Line, Message, Verb
from alerts.names import safe_name
from alerts.numbers import count, full_day, moment, money, percent, short_day, times
from alerts.phrases import against, amount, drivers, forecast, forecast_title, pace
from alerts.verdicts import TEACHING
from detector.model import UNATTRIBUTED, FindingKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from alerts.model import Alert, Reply
    from detector.model import Finding

_TEXT_LIMIT = 300
_CALM = frozenset({Change.RESOLVED, Change.WITHDRAWN})
_SPEAKING = frozenset({Change.OPENED, Change.WORSE, Change.REVISED})
_PREFIX = {Change.WORSE: "worse, ", Change.REVISED: "revised, "}


@dataclass(frozen=True, slots=True)
class Revision:
    """What a day cost when it was told and, judged again, costs now; None is unknown."""

    day: date
    was_micro_usd: int | None = None
    now_micro_usd: int | None = None


@dataclass(frozen=True, slots=True)
class _Words:
    """What one kind says; ``over`` completes "resolved, ...", ``look`` is where to look first."""

    who: str
    what: str
    over: str
    lines: tuple[Line, ...] = ()
    look: tuple[Action, ...] = ()


def alert_message(
    alert: Alert,
    change: Change,
    names: Mapping[str, str],
    *,
    finding: Finding | None = None,
    revision: Revision | None = None,
    reply: Reply | None = None,
    effect: str = "",
) -> Message:
    """Return what to tell about an alert.

    Parameters
    ----------
    alert : Alert
        As it is after the change, with its number.
    change : Change
        What happened; UPDATED or UNCHANGED tell the present state.
    names : mapping of str to str
        Display names by tenant id; the id stands where there is none.
    finding : Finding, optional
        What it is about, where that is not the alert's newest finding.
    revision : Revision, optional
        Where a day was judged again: what it was, what it is.
    reply : Reply, optional
        The newest answer, where one was given.
    effect : str
        What that answer teaches, in words.

    Returns
    -------
    Message
    """
    about = finding or alert.finding
    name = safe_name(names.get(about.tenant, about.tenant))
    words = _WORDS[about.kind](about, name)
    calm = change in _CALM or (change not in _SPEAKING and alert.state is not AlertState.OPEN)
    # What is over is told in one line: what held while it lasted does not hold any more.
    said = (Line("Was", words.what),) if change in _CALM else words.lines
    lines = (*_revised(change, revision), *said, *_since(alert), *_answer(reply, effect))
    return Message(
        tone="calm" if calm and about.kind not in EVENTS else about.severity.value,
        title=_title(words, change, about, revision),
        lines=lines,
        actions=_actions(alert, change, words),
        reference=_reference(alert),
    )


def reply_words(alert: Alert, reply: Reply, effect: str, *, repeated: bool = False) -> str:
    """Return the one line a person gets back for an answer.

    Parameters
    ----------
    alert : Alert
        After the answer.
    reply : Reply
        The answer in force.
    effect : str
        What it teaches, in words; empty where it teaches nothing.
    repeated : bool
        The same person gave the same answer before, so nothing changed.
    """
    if repeated:
        return f"A-{alert.number} is {reply.to_state} already, by the same answer; nothing changed"
    if reply.verb is Verb.ACKNOWLEDGE:
        return f"A-{alert.number} acknowledged: quiet until it ends or gets worse"
    return f"A-{alert.number} dismissed as {_verdict(reply)}: {effect or 'kept on record'}"


def _title(words: _Words, change: Change, about: Finding, revision: Revision | None) -> str:
    if change is Change.RESOLVED:
        return f"{words.who}: resolved, {words.over}"
    if change is Change.WITHDRAWN:
        return f"{words.who}: withdrawn, {_no_longer(about, words, revision)}"
    return f"{words.who}: {_PREFIX.get(change, '')}{words.what}"


def _no_longer(about: Finding, words: _Words, revision: Revision | None) -> str:
    day = full_day(revision.day if revision else about.day)
    if revision is None or revision.was_micro_usd is None:
        return f"{day} judged again: {words.over}"
    if revision.now_micro_usd is None:
        return f"{day} was {money(revision.was_micro_usd)}, which is normal after late data"
    return f"{day} was {money(revision.was_micro_usd)}, now {money(revision.now_micro_usd)}"


def _revised(change: Change, revision: Revision | None) -> tuple[Line, ...]:
    if change is Change.WITHDRAWN:
        return (Line("Now", "newer data has replaced what was told; nothing is left to do"),)
    if revision is None or revision.was_micro_usd is None or revision.now_micro_usd is None:
        return ()
    was, now = money(revision.was_micro_usd), money(revision.now_micro_usd)
    return (Line("Was", f"{was}, now {now}: {short_day(revision.day)} was judged again"),)


def _since(alert: Alert) -> tuple[Line, ...]:
    if alert.kind in EVENTS or not alert.abnormal:
        return ()
    days = len(alert.days)
    lasting = "" if days == 1 else f", {count(days, 'day')} so far"
    if alert.ended and days > 1:
        lasting = f", {count(days, 'day')} in all"
    return (Line("Since", f"{full_day(alert.days[0])}{lasting}"),)


def _answer(reply: Reply | None, effect: str) -> tuple[Line, ...]:
    if reply is None:
        return ()
    done = "acknowledged it"
    if reply.verb is Verb.DISMISS:
        done = f"dismissed it as {_verdict(reply)}"
    note = f": {safe_name(reply.note, _TEXT_LIMIT)}" if reply.note else ""
    told = Line("Answer", f"{safe_name(reply.actor)} {done} on {moment(reply.at)}{note}")
    return (told, Line("Teaches", effect)) if effect else (told,)


def _verdict(reply: Reply) -> str:
    return reply.verdict.value.replace("_", " ") if reply.verdict else "no verdict"


def _actions(alert: Alert, change: Change, words: _Words) -> tuple[Action, ...]:
    command = "spendwatch alerts"
    show = Action("look closer", f"{command} show {alert.number}")
    if change is Change.WITHDRAWN or alert.kind in EVENTS:
        return (*words.look, show)
    dismiss = f'{command} dismiss {alert.number} --verdict expected --note "..."'
    if alert.state is AlertState.OPEN:
        acknowledge = Action("acknowledge", f"{command} ack {alert.number}")
        return (acknowledge, Action("dismiss", dismiss), *words.look, show)
    if alert.state is AlertState.ACKNOWLEDGED:
        return (Action("dismiss", dismiss), *words.look, show)
    if alert.state is AlertState.DISMISSED:
        return (Action("change the verdict", dismiss), show)
    return (Action("say why", dismiss), show) if alert.kind in TEACHING else (show,)


def _reference(alert: Alert) -> str:
    state = "" if alert.kind in EVENTS else f", {alert.state}"
    return f"A-{alert.number}, {alert.kind}{state}"


def _spend_spike(finding: Finding, name: str) -> _Words:
    ratio = times(finding.actual_micro_usd or 0, finding.expected_micro_usd or 0)
    compared = f", {ratio} normal" if ratio else ", where it spent nothing before"
    if finding.rule == "young tenant":
        compared = ", too new to have a normal"
    return _Words(
        who=name,
        what=f"{amount(finding)} on {full_day(finding.day)}{compared}",
        over="spend is normal again",
        lines=_spend_lines(finding),
    )


def _spend_drop(finding: Finding, name: str) -> _Words:
    expected = finding.expected_micro_usd or 0
    share = percent(-finding.excess_micro_usd, expected)
    below = f", {share} below normal" if share else ""
    return _Words(
        who=name,
        what=f"only {amount(finding)} on {full_day(finding.day)}{below}",
        over="spend is normal again",
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


def _budget(finding: Finding, name: str) -> _Words:
    budget = finding.budget
    if budget is None:
        what = f"{finding.magnitude} % threshold of the budget crossed"
        return _Words(name, what, "the budget is within its threshold again")
    who = f"{name}, feature {safe_name(budget.feature)}" if budget.feature else name
    span = f"{short_day(budget.starts_on)} up to {short_day(budget.ends_on)}"
    what = f"{budget.period} budget from {span}: {finding.magnitude} % threshold crossed"
    lines = [Line("What", what), Line("Budget", forecast(budget))]
    if budget.unknown_cost:
        lines.append(Line("Data", "some use in it has no known price: at least this was spent"))
    title = forecast_title if finding.kind is FindingKind.BUDGET_FORECAST else pace
    over = "below the threshold again, or its cap or period changed"
    look = Action("see the budget", f"spendwatch budgets --tenant {shlex.quote(budget.tenant)}")
    return _Words(who, title(budget), over, tuple(lines), (look,))


_REVISED = Action("see what was revised", "spendwatch costs --revised")


def _price_change(finding: Finding, _: str) -> _Words:
    if "days" in finding.facts:
        return _priced_again(finding)
    effect = int(finding.facts.get("effect_micro_usd", 0))
    direction = "more" if effect > 0 else "less"
    would = f"about {money(abs(effect))} a day {direction}" if effect else "the same"
    day = _fact_day(finding, "effective")
    return _Words(
        who=_fact(finding, "models"),
        what=f"{_fact(finding, 'old')} -> {_fact(finding, 'new')}{f' from {day}' if day else ''}",
        over="the new price is in force",
        lines=(Line("What", f"your use of {full_day(finding.day)} would cost {would}"),),
        look=(_show_price(finding.subject),),
    )


def _priced_again(finding: Finding) -> _Words:
    """Tell of past days that have another cost, because their price was only now known."""
    before, after = (int(finding.facts.get(f"{when}_micro_usd", 0)) for when in ("before", "after"))
    first, last = _fact_day(finding, "effective"), _fact_day(finding, "until")
    span = f"on {first}" if first == last else f"from {first} to {last}"
    days = count(int(finding.facts["days"]), "day")
    was = money(before) if before else "an unknown cost"
    return _Words(
        who=_fact(finding, "models"),
        what=f"{days} of past use priced again, {was} -> {money(after)}",
        over="the new price is in force",
        lines=(
            Line("What", f"use {span}; {money(after - before, signed=True)} in all"),
            Line("Why", "a price was added or changed with effect from a day in the past"),
        ),
        look=(_show_price(finding.subject), _REVISED),
    )


def _unpriced_model(finding: Finding, _: str) -> _Words:
    tokens = count(int(finding.facts.get("tokens", finding.magnitude)), "token")
    tenants = count(int(finding.facts.get("tenants", 0)), "tenant")
    model = finding.subject
    return _Words(
        who=safe_name(model),
        what=f"no price is known for {tokens} on {full_day(finding.day)}",
        over="its use has a price, or there was none",
        lines=(
            Line("What", f"used by {tenants}; the cost is unknown, not 0: the day is incomplete"),
            Line("Why", _fact(finding, "reason")),
        ),
        look=(_show_price(model), Action("add its price", "spendwatch prices import FILE")),
    )


def _rejected_usage(finding: Finding, _: str) -> _Words:
    rows, kept = (int(finding.facts.get(key, 0)) for key in ("rows", "kept"))
    counted = [f"{count(rows, 'usage row')} refused"] if rows else []
    counted += [f"{count(kept, 'usage row')} kept with a remark"] if kept else []
    return _Words(
        who=f"source {_fact(finding, 'source')}",
        what=f"{', '.join(counted) or 'usage rows refused'} on {full_day(finding.day)}",
        over="the newest data had no row to refuse",
        lines=(Line("Why", _fact(finding, "reasons")), Line("First", _fact(finding, "first"))),
    )


def _source_stale(finding: Finding, _: str) -> _Words:
    usual = int(finding.facts.get("usual_rows", 0))
    usually = f" (usually {count(usual, 'row')} a day)" if usual else ""
    last = _fact_day(finding, "last_day")
    return _Words(
        who=f"source {_fact(finding, 'source')}",
        what=f"silent, no usage for {full_day(finding.day)}{usually}",
        over="it gives usage again",
        lines=(
            Line("What", f"last usage is of {last}" if last else "it gave no usage so far"),
            Line("Data", "until it speaks again nobody's spend is judged, up or down"),
        ),
    )


def _source_failing(finding: Finding, _: str) -> _Words:
    return _Words(
        who=f"source {_fact(finding, 'source')}",
        what=f"cannot be read for {full_day(finding.day)}",
        over="it can be read again",
        lines=(Line("Why", _fact(finding, "error")),),
        look=(Action("check the settings", "spendwatch check"),),
    )


def _attribution_gap(finding: Finding, _: str) -> _Words:
    share = percent(float(finding.facts.get("share", 0)))
    usual = finding.facts.get("usual_share")
    usually = f", usually {percent(float(usual))}" if usual is not None else ""
    cost = money(int(finding.facts.get("usd_micro", finding.magnitude)))
    return _Words(
        who="unattributed",
        what=f"{share} of the cost of {full_day(finding.day)} has no tenant ({cost})",
        over="cost has its tenants again",
        lines=(Line("What", f"{cost} that no tenant's baseline or budget sees{usually}"),),
        look=(Action("see where", f"spendwatch costs --tenant {UNATTRIBUTED}"),),
    )


def _show_price(model: str) -> Action:
    name = shlex.quote(safe_name(model, _TEXT_LIMIT))
    return Action("see its price", f"spendwatch prices show {name}")


def _fact(finding: Finding, key: str) -> str:
    """Return a fact as one inert line; the subject where the finding does not carry it."""
    return safe_name(str(finding.facts.get(key) or finding.subject or "not stated"), _TEXT_LIMIT)


def _fact_day(finding: Finding, key: str) -> str:
    text = str(finding.facts.get(key, ""))
    return full_day(date.fromisoformat(text)) if text else ""


_WORDS: Mapping[FindingKind, Callable[[Finding, str], _Words]] = {
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
