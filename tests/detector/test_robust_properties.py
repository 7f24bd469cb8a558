"""What holds for `robust` whatever the fleet."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.backtest import replay
from detector.detect import Context, detect
from detector.history import build_history
from detector.model import MICRO, CostDay, FindingKind, SeriesKey
from detector.rules import ROBUST_DAYS, RuleBook, Rules
from tests.detector.histories import TODAY, ago, leave_out, raise_floor, restart
from tests.detector.test_detect_properties import LESSONS, RULES, TABLE, pasts

BOOK = RuleBook(method="robust", everyone=Rules(first_spend_micro_usd=None))
DAYS = 75


def lay(rows, last=TODAY, days=25):
    return build_history([row for row in rows if row.day <= last], last - timedelta(days), last)


@st.composite
def fleets(draw):
    """Three months of some tenants with features, and things that happen to them."""
    chance = np.random.default_rng(draw(st.integers(0, 10**6)))
    rows = []
    for tenant in range(draw(st.integers(1, 4))):
        for feature in range(draw(st.integers(1, 3))):
            level, spread = draw(st.sampled_from([0.5, 20, 300, 9_000])), draw(st.floats(0, 1.2))
            days = level * np.exp(chance.normal(0, spread, DAYS))
            days[chance.random(DAYS) < draw(st.sampled_from([0, 0, 0.4]))] = 0
            days[-draw(st.integers(1, 20)) :] *= draw(st.sampled_from([1, 1, 0.01, 4, 30]))
            rows += series(f"t{tenant}", f"f{feature}", days)
    return rows


def series(tenant, feature, days, model="m"):
    key = SeriesKey(tenant, feature, model)
    return [
        CostDay(
            ago(DAYS - 1 - step), key, round(usd * MICRO), 1, 0, round(usd * 5e5), round(usd * 9e4)
        )
        for step, usd in enumerate(days)
        if usd
    ]


EVERYTHING = Rules(
    first_spend_micro_usd=None, bar=-20, min_excess_micro_usd=0, min_excess_percent=0
)
"""Rules that tell of everybody who has a score, whatever it is."""


def judged(rows, *lessons):
    """By tenant, what is found today by rules that tell of everybody."""
    history = build_history(rows, ago(ROBUST_DAYS), TODAY)
    book = RuleBook(method="robust", everyone=EVERYTHING)
    found = detect(history, book, Context(lessons, TABLE)).findings
    return {finding.tenant: finding for finding in found}


def recent(rows):
    return [row for row in rows if row.day >= ago(ROBUST_DAYS)]


def pages(rows, book=BOOK):
    history = build_history(rows, ago(DAYS - 1), TODAY)
    judge = partial(detect, context=Context(prices=TABLE))
    found = replay(history, book, first=ago(9), last=TODAY, judge=judge)
    return [(f.tenant, f.day, f.rule) for each in found for f in each.findings]


@settings(deadline=None)
@given(pasts(), RULES, LESSONS)
def test_nothing_raises_or_warns_and_findings_add_up(rows, rules, lessons):
    book = RuleBook(method="robust", everyone=rules)
    for finding in detect(lay(rows), book, Context(tuple(lessons), TABLE)).findings:
        assert finding.kind in (FindingKind.SPEND_SPIKE, FindingKind.SPEND_DROP)
        assert finding.rule
        change = finding.actual_micro_usd - finding.expected_micro_usd
        assert sum(driver.change_micro_usd for driver in finding.drivers) == change


@pytest.mark.parametrize("amount", [0.0, 1e-9, 1e-3, 1.0, 1e12])
@pytest.mark.parametrize("days", [1, 2, 8, 30, DAYS])
@pytest.mark.parametrize("today", [0.0, 1.0, 5.0])
def test_days_that_are_all_alike_never_raise_or_warn(amount, days, today):
    rows = series("acme", "chat", [amount] * (days - 1) + [amount * today])
    late = [replace(row, day=row.day + (ago(days - 1) - ago(DAYS - 1))) for row in rows]
    pages([*late, *series("zed", "chat", [1.0] * DAYS)])


@settings(deadline=None, max_examples=40)
@given(fleets(), st.data())
def test_the_order_of_the_rows_does_not_matter(rows, data):
    assert pages(data.draw(st.permutations(rows))) == pages(rows)


@settings(deadline=None, max_examples=40)
@given(fleets())
def test_names_do_not_matter(rows):
    renamed = {f"t{number}": f"x{number}" for number in range(4)}
    other = [replace(row, key=row.key._replace(tenant=renamed[row.key.tenant])) for row in rows]
    back = {new: old for old, new in renamed.items()}
    assert [(back[tenant], day, rule) for tenant, day, rule in pages(other)] == pages(rows)


@settings(deadline=None, max_examples=40)
@given(fleets(), st.integers(1, 60))
def test_dates_do_not_matter_by_whole_weeks(rows, weeks):
    shift = timedelta(weeks=weeks)
    history = build_history(rows, ago(DAYS - 1), TODAY)
    moved = history._replace(
        days=tuple(day + shift for day in history.days),
        first_days={tenant: day + shift for tenant, day in history.first_days.items()},
    )
    before, after = (
        [each.findings for each in replay(part, BOOK, first=part.days[-9], last=part.days[-1])]
        for part in (history, moved)
    )
    assert [[(f.tenant, f.rule, f.score, f.magnitude) for f in found] for found in after] == [
        [(f.tenant, f.rule, f.score, f.magnitude) for f in found] for found in before
    ]


@settings(deadline=None, max_examples=40)
@given(fleets(), st.integers(1, 9))
def test_later_days_change_nothing(rows, later):
    early = [row for row in rows if row.day <= ago(later)]
    assert [page for page in pages(rows) if page[1] <= ago(later)] == [
        page for page in pages(early) if page[1] <= ago(later)
    ]


@settings(deadline=None, max_examples=40)
@given(fleets())
def test_money_of_another_unit_changes_nothing_but_the_floors(rows):
    """Of large amounts the floor of half a dollar is nothing."""
    floors = Rules(first_spend_micro_usd=None, min_excess_micro_usd=5 * 10**5 * MICRO)
    large = [scaled(row, 10**5) for row in rows]
    huge = [scaled(row, 10**7) for row in rows]
    more = replace(floors, min_excess_micro_usd=5 * 10**7 * MICRO)
    assert pages(large, replace(BOOK, everyone=floors)) == pages(huge, replace(BOOK, everyone=more))


@settings(deadline=None, max_examples=60)
@given(fleets(), st.data())
def test_an_answer_about_one_tenant_says_nothing_of_another(rows, data):
    rows = recent(rows)
    some = st.integers(1, ROBUST_DAYS).map(ago)
    lesson = data.draw(
        st.lists(some, min_size=1).map(lambda days: leave_out("t0", *days))
        | some.map(lambda day: restart("t0", day))
        | st.just(raise_floor("t0", 10**6, TODAY))
    )
    without, taught = judged(rows), judged(rows, lesson)
    for found in (without, taught):
        found.pop("t0", None)
    assert taught == without


@settings(deadline=None, max_examples=60)
@given(fleets(), st.data())
def test_nothing_that_lies_on_a_left_out_day_is_in_any_evidence(rows, data):
    rows = recent(rows)
    days = data.draw(st.sets(st.integers(1, ROBUST_DAYS - 1).map(ago), min_size=1, max_size=9))
    lesson = leave_out("t0", *days)
    spoil = data.draw(st.sampled_from([dearer, tokenless, with_another_feature]))
    spoilt = [
        each
        for row in rows
        for each in (spoil(row) if row.key.tenant == "t0" and row.day in days else [row])
    ]
    assert judged(spoilt, lesson).get("t0") == judged(rows, lesson).get("t0")


def dearer(row):
    return [scaled(row, 50)]


def tokenless(row):
    return [replace(row, prompt_tokens=None, completion_tokens=None)]


def with_another_feature(row):
    return [row, replace(row, key=row.key._replace(feature=f"not {row.key.feature}"))]


def scaled(row, times):
    return replace(
        row,
        micro_usd=row.micro_usd * times,
        prompt_tokens=row.prompt_tokens * times,
        completion_tokens=row.completion_tokens * times,
    )


def test_it_needs_no_more_than_its_two_months():
    rows = series("acme", "chat", [100 + 9 * (step % 5) for step in range(DAYS)])
    recent = [row for row in rows if row.day >= ago(ROBUST_DAYS)]
    spike = [scaled(row, 9) if row.day == TODAY else row for row in rows]
    assert pages(spike)[-1:] == pages([r for r in spike if r.day >= ago(ROBUST_DAYS)])[-1:] != []
    assert pages(recent) == pages(rows) == []
