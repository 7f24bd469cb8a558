"""WHAT AN EXPLANATION SAYS: from a tenant's use and prices to the verdict, for a person.

Plain ASCII except for names, which are made inert where they are printed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from alerts.names import safe_name
from alerts.numbers import count, day_list, full_day, moment, money, percent, short_day
from detector.explanation import Verdict
from detector.model import MICRO, Effect, FindingKind, Lesson

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from detector.explanation import Check, Explanation, Otherwise, ScoredTerm, Trial
    from detector.price_chain import PricedUse

_USE = ("feature", "model", "price", "prompt", "cached", "output", "input rate", "cached rate",
        "output rate", "cost")  # fmt: skip
_TERMS = ("sign", "made of", "counts from", "in full at", "at most", "points")
_CHECKS = ("condition", "setting", "made of", "it was", "asked for", "met")
_SOURCES = {"prompt": "input", "cached": "cached_input", "output": "output"}
_CENT = MICRO // 100


@dataclass(frozen=True, slots=True)
class AnswerInForce:
    """An answer that taught something of the day: whose, when, of which alert."""

    alert: int
    actor: str
    at: datetime
    lesson: Lesson


@dataclass(frozen=True, slots=True)
class RevisedDay:
    """What the day had cost before its data changed; None is unknown."""

    was_micro_usd: int | None
    now_micro_usd: int | None
    at: datetime
    cause: str


@dataclass(frozen=True, slots=True)
class Explained:
    """A tenant's day, from its use and prices to what was said of it, and why.

    Attributes
    ----------
    name : str
        How the tenant is called.
    use : tuple of PricedUse
    answers : tuple of AnswerInForce
    revisions : tuple of RevisedDay
        The newest first.
    remarks : tuple of str
        What else a reader must know.
    """

    explanation: Explanation
    name: str
    use: tuple[PricedUse, ...] = ()
    answers: tuple[AnswerInForce, ...] = ()
    revisions: tuple[RevisedDay, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the text: a table with ``words`` columns that stand left, and lines below it."""

    title: str = ""
    lines: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    words: int = 1


def sections_of(explained: Explained) -> tuple[Section, ...]:
    """Return an explanation as a person reads it, what matters most first.

    Parameters
    ----------
    explained : Explained

    Returns
    -------
    tuple of Section
        Those that have something to say.
    """
    found = explained.explanation
    trial = found.trials[0] if found.trials else None
    parts = (
        Section(lines=tuple(_summary(explained))),
        _use(explained),
        *(sections_of_trial(trial) if trial else ()),
        Section("compared with", tuple(_compared(explained))),
        Section(_otherwise_title(found), tuple(_otherwise(found))),
    )
    return tuple(part for part in parts if part.lines or part.rows)


def sections_of_trial(trial: Trial) -> tuple[Section, ...]:
    """Return what added to the points of a rule, where it knows any, and its conditions."""
    points = (_points(trial),) if trial.terms else ()
    return (*points, _conditions(trial))


def _summary(explained: Explained) -> Iterator[str]:
    found = explained.explanation
    yield f"{safe_name(explained.name)} on {full_day(found.day)} {found.day.year}: {verdict(found)}"
    if found.days:
        usual = money(found.expected_micro_usd)
        yield f"  {money(found.actual_micro_usd)} as billed, usually {usual}; by {found.method}"
    trial = found.trials[0] if found.trials else None
    if trial and trial.feature is not None:
        today = _compared_usd(trial.compared_usd[-1])
        yield f"  {_feature(trial.feature)} moved most: {today} at one fixed price for each model"
    yield from (f"  {words}" for words in explained.remarks)
    for each in explained.revisions[:1]:
        was, now = _known(each.was_micro_usd), _known(each.now_micro_usd)
        yield f"  revised {moment(each.at)}: some of the day was {was}, is {now} ({each.cause})"


def verdict(found: Explanation) -> str:
    """Return what was said of the day and the condition that decided, in one line.

    Parameters
    ----------
    found : Explanation
    """
    trial = found.trials[0] if found.trials else None
    if found.finding:
        kind = "spike" if found.finding.kind is FindingKind.SPEND_SPIKE else "drop"
        decided = f": {_met(trial.checks[-1])}" if trial else ""
        return f"told as a spend {kind}, rule {found.finding.rule}{decided}"
    if found.why:
        return f"{found.verdict}, {found.why}"
    silent = "" if found.verdict is Verdict.NOT_JUDGED else "silent, "
    missed = trial.missed if trial else None
    lacked = f"; nearest was {trial.rule}: {_missed(missed)}" if trial and missed else ""
    return f"{silent}{found.verdict}{lacked}"


def _met(check: Check) -> str:
    beyond, bar = "above" if check.strict else "at least", _amount(check.bar, check.unit)
    return f"{check.what} {_amount(check.value, check.unit)}, {beyond} {bar}{_from(check)}"


def _missed(check: Check) -> str:
    if not check.unit:
        return f"it is not so that {check.what}"
    value = _amount(check.value, check.unit)
    return f"{check.what} {value}, {_asked(check)}{_from(check)} is asked for"


def _asked(check: Check) -> str:
    return f"{'more than' if check.strict else 'at least'} {_amount(check.bar, check.unit)}"


def _from(check: Check) -> str:
    """Name the setting that a bar comes from."""
    return f" ({setting_name(check.setting)})" if check.setting else ""


def _use(explained: Explained) -> Section:
    """Lay the use of the day and its prices out."""
    if not explained.use:
        return Section("use", ("none on this day",))
    total = sum(use.micro_usd or 0 for use in explained.use)
    unknown = any(use.micro_usd is None for use in explained.use)
    sources = {use.source for use in explained.use}
    rows = [_use_row(use, several=len(sources) > 1) for use in explained.use]
    last = f"{'at least ' if unknown else ''}{money(total)}"
    return Section(
        "use of the day; rates per 1M tokens",
        columns=_USE,
        rows=(*rows, ("total", *[""] * (len(_USE) - 2), last)),
        words=3,
    )


def _use_row(use: PricedUse, *, several: bool) -> tuple[str, ...]:
    rates = {each.meter: each.rate for each in use.meters}
    key = use.key
    model = key.model or key.deployment or "(no model)"
    return (
        f"{key.feature or '(no feature)'}{f' ({use.source})' if several else ''}",
        f"{model} ({key.scope})" if key.scope else model,
        _price(use),
        *(_tokens(each) for each in (use.prompt_tokens, use.cached_tokens, use.completion_tokens)),
        *(_rate(rates.get(meter)) for meter in _SOURCES.values()),
        _known(use.micro_usd),
    )


def _price(use: PricedUse) -> str:
    """Name the entry of the price table, and what is to be known of it."""
    if use.stated:
        return "stated by the source"
    if use.price is None:
        return "no price is known"
    named = use.key.model or use.key.deployment
    other = "" if use.price.model.casefold() == named.casefold() else f"{use.price.model} "
    agreed = " for this tenant" if use.price.tenant else ""
    agreed += f" for {use.price.deployment}" if use.price.deployment else ""
    listed = f", in {use.listed_in}" if use.listed_in != use.price.currency else ""
    remarks = (
        (use.dropped_suffix, "date suffix dropped"),
        (use.shadow, "shadow rate"),
        (use.upper_bound, "upper bound"),
        (use.now_micro_usd != use.micro_usd, f"now {_known(use.now_micro_usd)}"),
    )
    marked = "".join(f"; {words}" for holds, words in remarks if holds)
    entry = f"{other}{use.price.scope} since {use.price.effective_from}"
    return f"{entry}{agreed}{listed}{marked}"


def _points(trial: Trial) -> Section:
    total = trial.start + math.fsum(term.points for term in trial.terms)
    rows = [
        (term.sentence, _numbers(term.numbers), *_ramp(term), f"{term.points:.2f}")
        for term in trial.terms
        if term.points
    ]
    nothing = "; ".join(term.sentence for term in trial.terms if not term.points)
    start = ("the sum begins at", "", "", "", "", f"{trial.start:.2f}")
    end = ("sum", "", "", "", "", f"{total:.2f}")
    return Section(
        f"points of {trial.rule}",
        lines=(f"nothing from: {nothing}",) if nothing else (),
        columns=_TERMS,
        rows=(start, *rows, end),
        words=2,
    )


def _ramp(term: ScoredTerm) -> tuple[str, str, str]:
    shown = _AMOUNTS[term.unit]
    return shown(term.begins), shown(term.full), f"{term.most:.1f}"


def _numbers(numbers: Mapping[str, float]) -> str:
    shown = list(numbers.items())[:_MOST_NUMBERS]
    more = f", {len(numbers) - len(shown)} more" if len(numbers) > len(shown) else ""
    return ", ".join(f"{safe_name(name, 20)} {value:.4g}" for name, value in shown) + more


_MOST_NUMBERS = 6


def _conditions(trial: Trial) -> Section:
    rows = [
        (
            check.what,
            setting_name(check.setting),
            _numbers(check.numbers),
            _amount(check.value, check.unit) if check.unit else "",
            _asked(check) if check.unit else "",
            "yes" if check.met else "NO",
        )
        for check in trial.checks
    ]
    return Section(f"conditions of {trial.rule}", columns=_CHECKS, rows=tuple(rows), words=3)


def _compared(explained: Explained) -> Iterator[str]:
    """Say which days it was compared with, which were left out, and what answers taught."""
    found, by_lesson = explained.explanation, explained.answers
    base = found.baseline
    if base is None:
        return
    window = [each.day for each in found.days[-1 - base.window_days : -1]]
    span = f", {short_day(window[0])} to {short_day(window[-1])}" if window else ""
    further = count(len(found.days) - 1 - len(window), "day")
    looks = f"; levels and spreads look {further} further back"
    more = looks if len(found.days) - 1 > len(window) else ""
    yield f"{base.used_days} of {count(base.window_days, 'day')}{span}{more}"
    if base.used_days:
        low, high = money(base.low_micro_usd), money(base.high_micro_usd)
        middle, spread = money(base.mean_micro_usd), money(base.spread_micro_usd)
        yield f"expected {middle}, spread {spread}, lowest to highest day {low}-{high}"
    by_reason: dict[str, list[date]] = {}
    for left in found.left_out:
        by_reason.setdefault(left.reason, []).append(left.day)
    for reason, days in by_reason.items():
        whose = _whose(by_lesson, reason, days)
        yield f"left out: {day_list(sorted(days))} {safe_name(reason)}{whose}"
    for lesson in found.lessons:
        if lesson.effect is Effect.RAISE_FLOOR and lesson.until_day:
            until, floor = short_day(lesson.until_day), money(lesson.floor_micro_usd)
            yield f"floor raised to {floor} until {until}{_whose(by_lesson, lesson.reason, ())}"


def _whose(answers: Sequence[AnswerInForce], reason: str, days: Sequence[date]) -> str:
    """Name the answers behind a reason."""
    mine = [
        each
        for each in answers
        if each.lesson.reason == reason
        and (not days or not each.lesson.days or each.lesson.days & set(days))
    ]
    named = (f"A-{each.alert}, {safe_name(each.actor)} on {moment(each.at)}" for each in mine)
    return f" ({'; '.join(named)})" if mine else ""


def _otherwise_title(found: Explanation) -> str:
    said = "stayed silent" if found.finding else "been told"
    return f"it would have {said}, each by itself"


def _otherwise(found: Explanation) -> Iterator[str]:
    sentences = {term.name: term.sentence for trial in found.trials for term in trial.terms}
    for each in found.otherwise:
        told_as = _told_as(each, found)
        yield f"{_changed(each, found, sentences)}{told_as}"


def _told_as(each: Otherwise, found: Explanation) -> str:
    kinds = {1: ", as a spike", -1: ", as a drop"}
    return "" if found.finding else kinds.get(each.direction, "")


def _changed(each: Otherwise, found: Explanation, sentences: Mapping[str, str]) -> str:
    if each.what == "cost":
        of = f"the use of {_feature(each.name)}" if each.name else "the use without a feature"
        part = "all its use" if each.name is None else of
        day = " of a usual day" if each.of_usual else ""
        return f"had the day cost {money(round(each.value))}: {percent(each.factor)} of {part}{day}"
    if each.what == "term":
        return f'without "{sentences[str(each.name)]}": {each.value:.2f} points'
    if each.what == "lesson":
        return f"without the floor that an answer raised ({safe_name(str(each.name))})"
    low = "or less" if not found.finding else "or more"
    return f"with {setting_name(str(each.name))} at {_setting(str(each.name), each.value)} {low}"


def setting_name(name: str) -> str:
    """Return a field of the rules as the settings spell it.

    Examples
    --------
    >>> setting_name("min_excess_micro_usd"), setting_name("bar")
    ('min_excess_usd', 'bar')
    """
    return name.replace("_micro_usd", "_usd")


def _setting(name: str, value: float) -> str:
    return f"{value / MICRO:.2f}" if name.endswith("_micro_usd") else f"{value:g}"


def _feature(name: str) -> str:
    return f"feature {safe_name(name)}" if name else "use without a feature"


def _tokens(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _rate(rate: Decimal | None) -> str:
    return "" if rate is None else f"{rate.normalize():f}"


def _known(micro_usd: int | None) -> str:
    return "unknown" if micro_usd is None else money(micro_usd)


def _compared_usd(dollars: float) -> str:
    return money(round(dollars * MICRO))


def _amount(value: float, unit: str) -> str:
    return _AMOUNTS[unit](value) if math.isfinite(value) else "infinite"


_AMOUNTS: Mapping[str, Callable[[float], str]] = {
    "$": _compared_usd,
    "%": lambda value: f"{value:.1f} %",
    "sd": "{:.2f} sd".format,
    "points": "{:.2f}".format,
    "days": "{:g}".format,
    "ln": lambda value: f"{math.exp(value):.2f}x",
    "share": lambda value: f"{100 * value:.0f} %",
    "ln $": lambda value: money(round(math.exp(value) * MICRO)),
    "": str,
}
