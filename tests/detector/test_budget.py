"""Where a budget stands, and what of that is a finding."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from detector.budget import (
    Budget,
    Period,
    budget_findings,
    evaluate_budget,
    period_bounds,
)
from detector.model import MICRO, BudgetState, FindingKind, Severity

JUNE = date(2026, 6, 1)


def monthly(cap_usd: int | None, **settings: object) -> Budget:
    cap = None if cap_usd is None else cap_usd * MICRO
    return Budget("acme", cap, Period.MONTHLY, **settings)  # type: ignore[arg-type] # any setting


def stand(
    budget: Budget,
    usd: list[float],
    first: date = JUNE,
    unknown: tuple[int, ...] = (),
    **more: bool,
) -> BudgetState:
    """Judge the last of the days that begin on ``first``; ``unknown`` are positions."""
    days = [first + timedelta(days=number) for number in range(len(usd))]
    known = np.ones(len(usd), dtype=bool)
    known[list(unknown)] = False
    spend = np.round(np.array(usd) * MICRO).astype(np.int64)
    state = evaluate_budget(budget, days[-1], days, spend, known, **more)
    assert state is not None
    return state


def test_fault_41_without_a_cap_there_is_no_budget_to_judge() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    assert evaluate_budget(monthly(None), JUNE, [], nothing, nothing.astype(bool)) is None


def test_fault_41_with_a_cap_of_zero_the_first_micro_dollar_crosses_it_without_a_division() -> None:
    state = stand(monthly(0), [0, 0.000001, 0])
    assert (state.crossed_percent, state.burn_rate) == (100, None)
    assert state.reached_on == date(2026, 6, 2)


def test_fault_41_with_a_cap_of_zero_no_spend_crosses_nothing() -> None:
    state = stand(monthly(0), [0] * 20)
    assert (state.crossed_percent, state.forecast_percent, state.reached_on) == (None, None, None)
    assert budget_findings([state], JUNE) == ()


def test_with_a_cap_of_zero_the_forecast_warns_of_a_tenant_that_spent_before() -> None:
    state = stand(monthly(0), [5] * 31 + [0], first=date(2026, 5, 1))
    assert (state.crossed_percent, state.forecast_percent) == (None, 100)
    (finding,) = budget_findings([state], JUNE)
    assert (finding.kind, finding.period) == (
        FindingKind.BUDGET_FORECAST,
        "monthly 2026-06-01 cap 0",
    )


def test_fault_41_a_cap_below_what_was_spent_gives_one_finding_of_100_percent() -> None:
    state = stand(monthly(100), [60, 60])
    (finding,) = budget_findings([state], date(2026, 6, 2))
    assert (finding.kind, finding.magnitude) == (FindingKind.BUDGET_THRESHOLD, 100)
    assert finding.severity is Severity.CRITICAL


def test_fault_42_another_cap_is_another_period_of_the_finding() -> None:
    spent = [30, 30, 30]
    before, lowered, raised = (stand(monthly(cap), spent) for cap in (150, 100, 1000))
    first, second = budget_findings([before, lowered, raised], date(2026, 6, 3))
    assert first.period == "monthly 2026-06-01 cap 150000000"
    assert second.period == "monthly 2026-06-01 cap 100000000"
    assert (first.magnitude, second.magnitude, raised.crossed_percent) == (50, 80, None)


def test_fault_43_of_several_thresholds_crossed_at_once_only_the_highest_is_told() -> None:
    state = stand(monthly(100), [0, 85])
    findings = budget_findings([state], date(2026, 6, 2))
    assert [finding.magnitude for finding in findings] == [80]
    assert findings[0].severity is Severity.WARNING


@pytest.mark.parametrize(
    ("day", "starts_on", "ends_on"),
    [
        (date(2027, 2, 28), date(2027, 2, 1), date(2027, 3, 1)),
        (date(2028, 2, 29), date(2028, 2, 1), date(2028, 3, 1)),
        (date(2026, 4, 30), date(2026, 4, 1), date(2026, 5, 1)),
        (date(2026, 12, 31), date(2026, 12, 1), date(2027, 1, 1)),
    ],
)
def test_fault_44_months_of_28_to_31_days_end_on_their_own_last_day(
    day: date, starts_on: date, ends_on: date
) -> None:
    assert period_bounds(Period.MONTHLY, day) == (starts_on, ends_on)


@pytest.mark.parametrize(
    ("day", "starts_on", "ends_on"),
    [
        (date(2026, 1, 14), date(2025, 12, 15), date(2026, 1, 15)),
        (date(2026, 1, 15), date(2026, 1, 15), date(2026, 2, 15)),
    ],
)
def test_fault_44_a_fiscal_month_starts_on_the_15th(
    day: date, starts_on: date, ends_on: date
) -> None:
    assert period_bounds(Period.MONTHLY, day, fiscal_start_day=15) == (starts_on, ends_on)


@pytest.mark.parametrize(
    ("period", "starts_on", "ends_on"),
    [
        (Period.QUARTERLY, date(2026, 1, 6), date(2026, 4, 6)),
        (Period.YEARLY, date(2025, 4, 6), date(2026, 4, 6)),
    ],
)
def test_fault_44_fiscal_quarters_and_years_start_from_their_month(
    period: Period, starts_on: date, ends_on: date
) -> None:
    last_day = date(2026, 4, 5)
    bounds = period_bounds(period, last_day, fiscal_start_day=6, fiscal_start_month=4)
    assert bounds == (starts_on, ends_on)
    following = period_bounds(period, ends_on, fiscal_start_day=6, fiscal_start_month=4)
    assert following[0] == ends_on


@pytest.mark.parametrize(("start", "starts_on"), [(1, 1), (7, 31), (3, 3)])
def test_fault_44_a_week_starts_on_its_fiscal_weekday(start: int, starts_on: int) -> None:
    wednesday = date(2026, 6, 3)
    first, end = period_bounds(Period.WEEKLY, wednesday, fiscal_start_day=start)
    assert (first.day, end - first) == (starts_on, timedelta(days=7))


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        (datetime(2026, 2, 28, 11, tzinfo=UTC), "Pacific/Kiritimati", date(2026, 3, 1)),
        (datetime(2026, 3, 1, 11, tzinfo=UTC), "Etc/GMT+12", date(2026, 2, 28)),
    ],
)
def test_fault_44_a_tenants_zone_decides_on_the_month(
    moment: datetime, zone: str, day: date
) -> None:
    assert moment.astimezone(ZoneInfo(zone)).date() == day
    assert period_bounds(Period.MONTHLY, day)[0] == day.replace(day=1)


def test_fault_45_a_refund_brings_a_budget_back_below_its_threshold() -> None:
    before, after = stand(monthly(100), [120]), stand(monthly(100), [120, -90])
    assert (before.crossed_percent, before.reached_on) == (100, JUNE)
    assert (after.crossed_percent, after.reached_on) == (None, None)
    assert after.spent_micro_usd == 30 * MICRO


def test_fault_46_spend_exactly_at_the_threshold_crosses_it() -> None:
    assert stand(monthly(100), [80]).crossed_percent == 80
    assert stand(monthly(100), [79.999999]).crossed_percent == 50


def test_fault_47_days_of_23_and_25_hours_are_days_like_any_other() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    midnights = [datetime(2026, 10, day, tzinfo=berlin).astimezone(UTC) for day in (24, 25, 26)]
    assert midnights[2] - midnights[1] == timedelta(hours=25)
    assert [midnight.astimezone(berlin).day for midnight in midnights] == [24, 25, 26]
    state = stand(monthly(310), [10] * 25, first=date(2026, 10, 1))
    assert state.burn_rate == pytest.approx(1)


def test_burn_rate_is_the_spent_share_over_the_elapsed_share() -> None:
    assert stand(monthly(300), [30, 30, 30]).burn_rate == pytest.approx(0.3 / 0.1)


def test_the_forecast_of_a_steady_tenant_is_its_pace_to_the_end() -> None:
    state = stand(monthly(250), [10] * 46, first=date(2026, 5, 1))
    assert state.forecast_micro_usd == pytest.approx(300 * MICRO, rel=1e-6)
    assert (state.crossed_percent, state.forecast_percent) == (50, 100)
    assert state.reached_on == date(2026, 6, 25)


def test_a_forecast_warns_before_the_cap_is_reached_and_not_after_it() -> None:
    early = stand(monthly(250), [10] * 46, first=date(2026, 5, 1))
    late = stand(monthly(250), [10] * 60, first=date(2026, 5, 1))
    threshold, forecast = budget_findings([early], date(2026, 6, 15))
    assert (threshold.kind, threshold.magnitude) == (FindingKind.BUDGET_THRESHOLD, 50)
    assert (forecast.kind, forecast.magnitude) == (FindingKind.BUDGET_FORECAST, 100)
    assert forecast.severity is Severity.WARNING
    (only,) = budget_findings([late], date(2026, 6, 29))
    assert (only.kind, only.magnitude) == (FindingKind.BUDGET_THRESHOLD, 100)


def test_of_several_forecast_thresholds_the_highest_likely_one_is_given() -> None:
    budget = monthly(250, forecast_thresholds=(80, 110, 130))
    assert stand(budget, [10] * 46, first=date(2026, 5, 1)).forecast_percent == 110


def test_fewer_than_14_known_days_give_no_forecast() -> None:
    state = stand(monthly(100), [10] * 14, unknown=(3,))
    assert (state.forecast_micro_usd, state.forecast_percent) == (None, None)
    assert stand(monthly(100), [10] * 14).forecast_micro_usd is not None


def test_a_missing_day_is_forecast_instead_of_counted_as_nothing() -> None:
    whole = stand(monthly(250), [10] * 46, first=date(2026, 5, 1))
    usd = [10.0] * 46
    usd[40] = 4
    missing = stand(monthly(250), usd, first=date(2026, 5, 1), unknown=(40,))
    assert missing.spent_micro_usd == whole.spent_micro_usd - 6 * MICRO
    assert missing.forecast_micro_usd == pytest.approx(whole.forecast_micro_usd, rel=1e-6)


def test_days_before_the_first_known_one_cost_nothing() -> None:
    state = stand(monthly(250), [10] * 20, first=date(2026, 6, 11))
    assert state.spent_micro_usd == 200 * MICRO
    assert state.forecast_micro_usd == 200 * MICRO


def test_one_spike_is_spent_but_not_extrapolated() -> None:
    usd = [10.0] * 41
    calm = stand(monthly(400), usd, first=date(2026, 5, 1))
    spiked = stand(monthly(400), [*usd[:-1], 90.0], first=date(2026, 5, 1))
    assert calm.forecast_micro_usd is not None
    assert spiked.forecast_micro_usd == pytest.approx(
        calm.forecast_micro_usd + 80 * MICRO, rel=0.01
    )
    assert spiked.forecast_percent is None


def test_the_interval_holds_the_forecast_and_never_starts_below_what_was_spent() -> None:
    usd = (20.0 * np.random.default_rng(3).integers(0, 2, 60)).tolist()  # on or off by chance
    state = stand(monthly(400), usd, first=date(2026, 5, 1))
    low, forecast, high = state.low_micro_usd, state.forecast_micro_usd, state.high_micro_usd
    assert forecast is not None
    assert high is not None
    assert low == state.spent_micro_usd
    assert low < forecast < high


def test_on_the_last_day_of_the_period_the_forecast_is_what_was_spent() -> None:
    state = stand(monthly(700), [10 + number % 5 for number in range(61)], first=date(2026, 5, 1))
    assert state.forecast_micro_usd == state.low_micro_usd == state.high_micro_usd
    assert state.forecast_micro_usd == state.spent_micro_usd
    assert state.reached_on is None


def test_use_without_a_price_makes_the_finding_a_lower_bound() -> None:
    state = stand(monthly(100, feature="search"), [60], unknown_cost=True)
    (finding,) = budget_findings([state], JUNE)
    assert (finding.lower_bound, finding.subject) == (True, "search")
    assert (finding.tenant, finding.day, finding.budget) == ("acme", JUNE, state)
    assert (finding.actual_micro_usd, finding.expected_micro_usd) == (60 * MICRO, None)


def test_days_that_do_not_ascend_are_refused_by_name() -> None:
    days = [JUNE, JUNE]
    with pytest.raises(ValueError, match="2026-06-01 follows 2026-06-01"):
        evaluate_budget(monthly(1), JUNE, days, np.zeros(2, np.int64), np.ones(2, bool))


def test_sequences_of_different_length_are_refused_with_their_lengths() -> None:
    with pytest.raises(ValueError, match="1 days, 2 amounts and 1 marks"):
        evaluate_budget(monthly(1), JUNE, [JUNE], np.zeros(2, np.int64), np.ones(1, bool))


def test_every_value_out_of_range_is_named_at_once() -> None:
    with pytest.raises(ValueError, match="budget of 'acme'") as refused:
        Budget("acme", -1, Period.WEEKLY, "", 8, 13, (0,), (100,), 1.0)
    for part in ("cap_micro_usd is -1", "is 8, must be 1 to 7", "is 13", "0 %", "1.0"):
        assert part in str(refused.value)
