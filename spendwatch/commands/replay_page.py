"""The page of a backtest: its figures, and each alert with the days around it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from alerts.kind_words import words_of
from alerts.names import csv_cell, safe_name
from alerts.numbers import count, money
from alerts.render.day_chart import Compared, DayChart, draw_svg
from detector.detect import weigh
from detector.groups import any_by_tenant, group_tenants
from spendwatch.commands.replay_answers import answer_of
from spendwatch.commands.replay_settings import shown_rules
from spendwatch.commands.replays import AFTER, BEFORE, Episode, Replayed, only_in
from spendwatch.explain_words import sections_of_trial
from spendwatch.pages import drawn, render

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from detector.detect import Weighed
    from detector.history import History
    from detector.model import Baseline, Finding
    from detector.rules import RuleBook
    from spendwatch.commands.replay_past import Past
    from spendwatch.commands.replay_report import Report
    from spendwatch.explain_words import Section

MOST_ALERTS = 500
LEFT_OUT = ("made of",)


class Series:
    """What each tenant cost a day, as billed."""

    def __init__(self, history: History) -> None:
        groups = group_tenants(history.keys)
        self._row_of = {tenant: row for row, tenant in enumerate(groups.tenants)}
        self._days, self._first_days = history.days, history.first_days
        self._cost = np.add.reduceat(history.cost, groups.ends[:-1], axis=0)
        self._known = ~any_by_tenant(history.unknown, groups) & history.pulled

    def around(self, tenant: str, day: date) -> dict[date, int | None]:
        """Return the days around a day from the tenant's first on; None is not known."""
        row = self._row_of[tenant]
        begin = max(day - BEFORE, self._first_days.get(tenant, self._days[0]))
        return {
            other: int(self._cost[row, column]) if self._known[row, column] else None
            for column, other in enumerate(self._days)
            if begin <= other <= day + AFTER
        }


class Trials:
    """How a finding came about: its day is weighed again, and its rule gives account."""

    def __init__(self, history: History, past: Past, book: RuleBook) -> None:
        self._history, self._past, self._book = history, past, book
        self._weighed = lru_cache(maxsize=1)(self._weigh)

    def sections(self, finding: Finding) -> tuple[Section, ...]:
        """Return what added to its points, and the conditions that it met."""
        weighed = self._weighed(finding.day)
        index = weighed.evidence.groups.tenants.index(finding.tenant)
        trials = weighed.scores.account(index).trials
        decided = (each for each in trials if each.rule == finding.rule and each.stands)
        return next(map(sections_of_trial, decided), ())

    def _weigh(self, day: date) -> Weighed:
        column = self._history.days.index(day)
        window = self._history.window(column, self._book.history_days + 1)
        window, context = self._past.around(window)
        return weigh(window, self._book, context)


@dataclass(frozen=True, slots=True)
class ShownAlert:
    """One alert as it stands on the page; numbers are there to be read, and to be sorted by."""

    tenant: str
    day: date
    kind: str
    rule: str
    score: str
    score_value: float
    expected: str
    expected_value: int
    actual: str
    actual_value: int
    change: str
    change_value: int
    days: int
    answer: str
    alone: bool
    summary: str
    lines: Sequence[tuple[str, str]]
    chart: str
    tables: Sequence[Mapping[str, Any]]


def page_of(report: Report, history: History, past: Past) -> str:
    """Return the page, whole in itself: nothing is loaded from anywhere."""
    first = report.sides[0]
    shown = [shown_rules(side.book) for side in report.sides]
    page = {
        "title": safe_name(past.title),
        "heeding": past.remark,
        "first": first.first,
        "last": first.last,
        "days": count(first.days, "day"),
        "tenants": count(first.tenants, "tenant"),
        "broken": report.broken,
        "settings": [(key, [rules[key] for rules in shown]) for key in shown[0]],
        "own_rules": _own_rules(first),
        "answered": report.answers is not None,
        "sides": [_Side(report, side, history, past).facts() for side in report.sides],
    }
    return render("backtest.html", page=page)


def _own_rules(side: Replayed) -> str:
    own = sum(rules != side.book.everyone for rules in side.book.tenants.values())
    return f"{count(own, 'tenant')} with other settings of their own." if own else ""


class _Side:
    """Turns one side of the report into what the page shows of it."""

    def __init__(self, report: Report, side: Replayed, history: History, past: Past) -> None:
        self._report, self._side = report, side
        others = [each for each in report.sides if each is not side]
        self._alone = {_key(row.finding) for other in others for row in only_in(side, other)}
        self._paged = [each for each in side.episodes if each.page]
        self._series = Series(history)
        self._trials = Trials(history, past, side.book)

    def facts(self) -> Mapping[str, Any]:
        """Return what the template asks for."""
        side, answers = self._side, self._report.answers
        by_day = sorted(self._largest(), key=lambda each: each.told.day)
        alerts = sorted(map(self._alert, by_day), key=lambda each: -each.change_value)
        tallies = answers.tallies(side) if answers else ()
        return {
            "name": safe_name(side.name, limit=200),
            "pages": f"{len(side.pages):,}",
            "rate": f"{side.rate:.3f}",
            "alerting_days": f"{len(side.rows):,}",
            "alone": f"{len(self._alone):,}",
            "answers": tallies if any(each.alerts for each in tallies) else (),
            "alerts": alerts,
            "hidden": len(self._paged) - len(alerts),
        }

    def _largest(self) -> list[Episode]:
        """Return the alerts that are shown: more than these no browser draws with ease."""

        def size(episode: Episode) -> int:
            return -abs(episode.told.excess_micro_usd)

        return sorted(self._paged, key=size)[:MOST_ALERTS]

    def _alert(self, episode: Episode) -> ShownAlert:
        finding, report = episode.told, self._report
        words = words_of(finding, report.names)
        expected, actual = finding.expected_micro_usd or 0, finding.actual_micro_usd or 0
        return ShownAlert(
            tenant=csv_cell(safe_name(report.name(finding.tenant))),
            day=finding.day,
            kind=finding.kind.value,
            rule=finding.rule,
            score="" if finding.score is None else f"{finding.score:.1f}",
            score_value=_sortable(finding.score),
            expected=money(expected),
            expected_value=expected,
            actual=money(actual),
            actual_value=actual,
            change=money(actual - expected, signed=True),
            change_value=abs(actual - expected),
            days=len(episode.rows),
            answer=answer_of(report.answers.to(episode)) if report.answers else "",
            alone=_key(finding) in self._alone,
            summary=words.what,
            lines=[(line.label, line.text) for line in words.lines],
            chart=drawn(draw_svg(_chart(self._series, episode))),
            tables=[_table(each) for each in self._trials.sections(finding)],
        )


def _table(section: Section) -> Mapping[str, Any]:
    """Return a section as a table; what a number is made of is left to `spendwatch explain`."""
    kept = [place for place, name in enumerate(section.columns) if name not in LEFT_OUT]
    return {
        "title": section.title,
        "columns": [section.columns[place] for place in kept],
        "rows": [[row[place] for place in kept] for row in section.rows],
    }


def _key(finding: Finding) -> tuple[str, str, date]:
    return finding.kind.value, finding.tenant, finding.day


def _sortable(score: float | None) -> float:
    return max(min(score or 0.0, 1e9), -1e9)


def _chart(series: Series, episode: Episode) -> DayChart:
    finding = episode.told
    around = series.around(finding.tenant, finding.day)
    base = finding.baseline
    left_out = {each.day for each in base.left_out} if base else set()
    return DayChart(
        days=tuple(around),
        micro_usd=tuple(around.values()),
        judged=finding.day,
        alerting=frozenset(episode.days) & around.keys(),
        left_out=frozenset(left_out & around.keys()),
        expected_micro_usd=finding.expected_micro_usd,
        compared=_compared(finding.day, base) if base and base.used_days else None,
    )


def _compared(day: date, base: Baseline) -> Compared:
    """Find the days that were used: so many before the judged one that were not left out."""
    left_out = {each.day for each in base.left_out}
    since, found = day, 0
    while found < base.used_days:
        since -= timedelta(days=1)
        found += since not in left_out
    return Compared(since, base.low_micro_usd, base.high_micro_usd)
