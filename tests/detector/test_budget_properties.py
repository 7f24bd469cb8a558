"""What holds for budgets whatever is spent."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.budget import Budget, Period, budget_findings, evaluate_budget, period_bounds
from detector.model import FindingKind

START = date(2026, 1, 5)
AMOUNTS = st.integers(min_value=-50, max_value=100)
PERIODS = st.sampled_from(list(Period))


def judge(budget: Budget, spend: list[int], upto: int, known: list[bool] | None = None):
    days = [START + timedelta(days=number) for number in range(len(spend))]
    marks = np.array(known if known is not None else [True] * len(spend), dtype=bool)
    amounts = np.array(spend, dtype=np.int64)
    state = evaluate_budget(budget, days[upto], days, amounts, marks)
    assert state is not None
    return state


@settings(deadline=None)
@given(
    spend=st.lists(AMOUNTS, min_size=1, max_size=45),
    caps=st.lists(st.integers(min_value=0, max_value=900), min_size=1, max_size=3),
    period=st.sampled_from([Period.WEEKLY, Period.MONTHLY]),
)
def test_a_threshold_speaks_at_most_once_per_period_and_cap(spend, caps, period) -> None:
    told: dict[tuple[str, str], list[int]] = defaultdict(list)
    crossed: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number in range(len(spend)):
        budget = Budget("acme", caps[number * len(caps) // len(spend)], period)
        state = judge(budget, spend, number)
        for finding in budget_findings([state], START + timedelta(days=number)):
            fingerprint = (finding.kind.value, finding.period)
            assert finding.period == f"{period} {state.starts_on} cap {budget.cap_micro_usd}"
            crossed[fingerprint].append(finding.magnitude)
            if finding.magnitude > max(told[fingerprint], default=0):
                told[fingerprint].append(finding.magnitude)
    for fingerprint, magnitudes in told.items():
        assert all(lower < higher for lower, higher in pairwise(magnitudes))
        assert set(magnitudes) <= {50, 80, 100}
        assert max(magnitudes) == max(crossed[fingerprint])


@settings(deadline=None)
@given(
    spend=st.lists(AMOUNTS, min_size=2, max_size=70),
    later=st.lists(st.integers(min_value=-(10**9), max_value=10**9), min_size=1, max_size=20),
    period=PERIODS,
)
def test_a_judged_day_never_depends_on_later_days(spend, later, period) -> None:
    budget = Budget("acme", 500, period)
    alone = judge(budget, spend, len(spend) - 1)
    assert judge(budget, spend + later, len(spend) - 1) == alone


@settings(deadline=None)
@given(
    days=st.lists(st.tuples(AMOUNTS, st.booleans()), min_size=1, max_size=90),
    cap=st.integers(min_value=0, max_value=4000),
    period=PERIODS,
)
def test_every_state_is_consistent_in_itself(days, cap, period) -> None:
    budget = Budget("acme", cap, period)
    spend = [amount for amount, _ in days]
    state = judge(budget, spend, len(days) - 1, [known for _, known in days])
    inside = spend[max(0, (state.starts_on - START).days) :]
    assert state.spent_micro_usd == sum(inside)
    if state.crossed_percent:
        assert state.spent_micro_usd > 0
        assert state.crossed_percent * cap <= 100 * state.spent_micro_usd
    if state.forecast_micro_usd is not None:
        assert state.low_micro_usd is not None
        assert state.high_micro_usd is not None
        assert state.spent_micro_usd <= state.low_micro_usd <= state.forecast_micro_usd
        assert state.forecast_micro_usd <= state.high_micro_usd
    if state.reached_on is not None:
        assert state.starts_on <= state.reached_on < state.ends_on


@settings(deadline=None)
@given(
    spend=st.lists(st.integers(min_value=0, max_value=100), min_size=1, max_size=60),
    lower=st.integers(min_value=1, max_value=2000),
    more=st.integers(min_value=1, max_value=2000),
)
def test_a_higher_cap_never_crosses_more(spend, lower, more) -> None:
    tight = judge(Budget("acme", lower, Period.YEARLY), spend, len(spend) - 1)
    loose = judge(Budget("acme", lower + more, Period.YEARLY), spend, len(spend) - 1)
    assert (loose.crossed_percent or 0) <= (tight.crossed_percent or 0)
    assert (loose.forecast_percent or 0) <= (tight.forecast_percent or 0)


@settings(deadline=None)
@given(
    day=st.dates(min_value=date(1990, 1, 1), max_value=date(2100, 12, 31)),
    period=PERIODS,
    start_day=st.integers(min_value=1, max_value=28),
    start_month=st.integers(min_value=1, max_value=12),
)
def test_periods_tile_the_calendar(day, period, start_day, start_month) -> None:
    start = (start_day - 1) % 7 + 1 if period is Period.WEEKLY else start_day

    def bounds(of: date) -> tuple[date, date]:
        return period_bounds(period, of, fiscal_start_day=start, fiscal_start_month=start_month)

    starts_on, ends_on = bounds(day)
    assert starts_on <= day < ends_on
    assert bounds(starts_on) == bounds(ends_on - timedelta(days=1)) == (starts_on, ends_on)
    assert bounds(ends_on)[0] == ends_on
    assert bounds(starts_on - timedelta(days=1))[1] == starts_on


@settings(deadline=None)
@given(spend=st.lists(AMOUNTS, min_size=14, max_size=60), cap=st.integers(0, 3000))
def test_a_forecast_never_speaks_of_what_has_already_happened(spend, cap) -> None:
    state = judge(Budget("acme", cap, Period.MONTHLY), spend, len(spend) - 1)
    findings = budget_findings([state], START)
    actual = [f.magnitude for f in findings if f.kind is FindingKind.BUDGET_THRESHOLD]
    coming = [f.magnitude for f in findings if f.kind is FindingKind.BUDGET_FORECAST]
    assert len(actual) <= 1
    assert all(percent > max(actual, default=0) for percent in coming)
