"""What the recent days say about the coming ones."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from detector.forecast import Outlook, Pace, expected_spend, learn_pace, total_spread

MONDAY = date(2026, 4, 6).toordinal()
WEEK = np.array([1.3, 1.2, 1.2, 1.3, 1.2, 0.5, 0.3])


def weekly(count: int, dollars: float = 10.0) -> np.ndarray:
    return (dollars * 1e6 * WEEK[np.arange(count) % 7]).astype(np.int64)


def forecast(spend: np.ndarray, ahead: int, known: np.ndarray | None = None) -> np.ndarray:
    """Return the expected dollars of the days that follow."""
    days = MONDAY + np.arange(len(spend))
    marks = np.ones(len(spend), dtype=bool) if known is None else known
    pace = learn_pace(days[marks], spend[marks], int(days[-1]))
    assert pace is not None
    return expected_spend(pace, days[-1] + 1 + np.arange(ahead)) / 1e6


def simulate(rng: np.random.Generator, count: int) -> np.ndarray:
    """A tenant with weekends of its own, growth of -15 % to +35 % a month, and noise."""
    week = np.append(np.exp(rng.normal(0, 0.08, 5)), [rng.uniform(0.1, 1)] * 2)
    sd, growth = rng.uniform(0.15, 0.5), rng.uniform(-0.005, 0.01)
    days = np.arange(count)
    level = 2e7 * np.exp(growth * days + rng.normal(-sd * sd / 2, sd, count))
    return np.asarray(level * week[days % 7]).astype(np.int64)


@pytest.mark.parametrize("count", [21, 56, 61])
def test_weekdays_are_forecast_at_their_own_cost(count: int) -> None:
    coming = forecast(weekly(count), 7)
    assert coming == pytest.approx(10 * WEEK[(count + np.arange(7)) % 7], rel=0.03)


def test_the_first_factor_is_that_of_monday() -> None:
    spend = np.where(np.arange(56) % 7 == 0, 20_000_000, 5_000_000)
    pace = learn_pace(MONDAY + np.arange(56), spend, MONDAY + 55)
    assert pace is not None
    assert np.argmax(pace.factors) == 0


def test_chance_differences_between_weekdays_are_not_believed() -> None:
    rng, believed, seen = np.random.default_rng(7), [], []
    for _ in range(40):
        noise = (1e7 * rng.lognormal(0, 0.4, 21)).astype(np.int64)
        pace = learn_pace(MONDAY + np.arange(21), noise, MONDAY + 20)
        assert pace is not None
        assert np.mean(pace.factors) == pytest.approx(1)
        believed.append(np.std(pace.factors))
        seen.append(np.std(noise.reshape(3, 7).mean(axis=0) / noise.mean()))
    assert np.mean(believed) < 0.6 * np.mean(seen)


@pytest.mark.parametrize("place", [10, 30, 55])
def test_one_spike_does_not_move_the_forecast(place: int) -> None:
    spend = weekly(56)
    calm = forecast(spend, 20).sum()
    spend[place] *= 10
    assert forecast(spend, 20).sum() == pytest.approx(calm, rel=0.02)


def test_one_spike_among_14_days_still_leaves_a_forecast() -> None:
    spend = np.full(14, 10_000_000)
    spend[-1] = 200_000_000
    assert forecast(spend, 10) == pytest.approx(np.full(10, 10.0), rel=0.01)


def test_a_new_level_is_believed_after_a_few_days() -> None:
    spend = np.full(56, 10_000_000)
    spend[-3:] = 30_000_000
    assert forecast(spend, 1)[0] == pytest.approx(10, rel=0.01)
    spend[-10:] = 30_000_000
    assert forecast(spend, 7).mean() > 20


def test_growth_is_followed_for_four_weeks_and_no_further() -> None:
    spend = (1e7 * (1 + 0.02 * np.arange(56))).astype(np.int64)
    coming = forecast(spend, 60)
    assert coming[0] == pytest.approx(21, rel=0.05)
    assert coming[27] > coming[0] + 3
    assert coming[28:] == pytest.approx(np.full(32, coming[27]), rel=0.01)


def test_bursts_that_come_often_are_the_pattern_and_are_kept() -> None:
    spend = np.zeros(56, dtype=np.int64)
    spend[::9] = 100_000_000
    assert forecast(spend, 54).sum() == pytest.approx(600, rel=0.5)


def test_refunds_count_as_days_without_spend() -> None:
    spend = np.full(28, 10_000_000)
    spend[[3, 9, 15, 24]] = -500_000_000
    assert forecast(spend, 7).sum() == pytest.approx(60, rel=0.1)


def test_missing_days_do_not_count_as_days_without_spend() -> None:
    known = np.arange(56) % 5 != 0
    spend = np.where(known, weekly(56), 0)
    assert forecast(spend, 7, known).sum() == pytest.approx(forecast(weekly(56), 7).sum(), rel=0.02)


def test_a_weekday_that_was_never_seen_is_taken_as_an_average_one() -> None:
    known = np.arange(28) % 7 != 6
    spend = np.full(28, 10_000_000)
    assert forecast(spend, 7, known) == pytest.approx(np.full(7, 10.0), rel=0.01)


def test_too_few_recent_days_give_no_pace() -> None:
    days, spend = MONDAY + np.arange(60), weekly(60)
    assert learn_pace(days[:13], spend[:13], int(days[12])) is None
    assert learn_pace(days[:30], spend[:30], int(days[29]) + 43) is None
    assert learn_pace(days[:0], spend[:0], MONDAY) is None


def test_a_newcomer_is_not_averaged_with_the_days_before_it_came() -> None:
    days, spend = MONDAY + np.arange(56), np.zeros(56, dtype=np.int64)
    spend[43:] = 10_000_000
    assert learn_pace(days, spend, int(days[-1])) is None
    spend[42:] = 10_000_000
    assert forecast(spend, 7) == pytest.approx(np.full(7, 10.0), rel=0.01)


def test_a_tenant_that_spent_nothing_is_forecast_to_spend_nothing() -> None:
    assert forecast(np.zeros(20, dtype=np.int64), 9).tolist() == [0] * 9


def test_only_the_last_56_days_are_looked_at() -> None:
    spend = weekly(100)
    days = MONDAY + np.arange(100)
    before = learn_pace(days, spend, int(days[-1]))
    spend[:44] *= 5
    assert learn_pace(days, spend, int(days[-1])) == before


def test_noise_of_neighbouring_days_alike_widens_the_sum() -> None:
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 1, 56)
    alike = np.repeat(noise[::4], 4)
    days = MONDAY + np.arange(56)
    paces = [
        learn_pace(days, (1e7 + 1e6 * e).astype(np.int64), MONDAY + 55) for e in (noise, alike)
    ]
    assert paces[0] is not None
    assert paces[1] is not None
    assert paces[1].inflation > 2 > paces[0].inflation >= 1


def test_the_spread_grows_with_the_days_that_are_summed_and_is_nothing_for_none() -> None:
    pace = learn_pace(MONDAY + np.arange(56), simulate(np.random.default_rng(1), 56), MONDAY + 55)
    assert pace is not None
    spreads = [total_spread(pace, MONDAY + 56 + np.arange(ahead)) for ahead in (0, 1, 10, 100)]
    assert spreads[0] == 0
    assert spreads[1] * 3 < spreads[2] < spreads[3]
    assert spreads[3] > 10 * spreads[1]


def test_the_spread_adds_noise_and_doubt_as_its_formula_says() -> None:
    pace = Pace(MONDAY - 1, 10.0, 0.0, (1.0,) * 7, 9.0, (4.0, 0.5, 0.25), 2.0, 5.0)
    ahead = np.array([MONDAY, MONDAY + 39])  # one and forty days after the anchor
    doubt = 2 * 2 * 4.0 + 2 * 2 * 41 * 0.5 + 41 * 41 * 0.25
    assert total_spread(pace, ahead) == pytest.approx((2.0 * (doubt + 2 * 9.0)) ** 0.5)


def test_a_certain_sum_has_a_chance_of_nothing_or_one() -> None:
    certain = Outlook(mean=5.0, spread=0.0, degrees_of_freedom=3.0)
    assert (certain.chance_of(5.0), certain.chance_of(5.1)) == (1, 0)
    assert certain.interval(0.8) == (5, 5)


def test_the_interval_leaves_out_as_much_as_it_says() -> None:
    outlook = Outlook(mean=100.0, spread=10.0, degrees_of_freedom=8.0)
    low, high = outlook.interval(0.8)
    assert outlook.chance_of(low) == pytest.approx(0.9)
    assert outlook.chance_of(high) == pytest.approx(0.1)


def test_the_80_percent_interval_holds_70_to_90_percent_of_simulated_sums() -> None:
    rng, held = np.random.default_rng(20_260_601), []
    for _ in range(400):
        seen, ahead = int(rng.integers(14, 57)), int(rng.integers(3, 29))
        spend = simulate(rng, seen + ahead)
        days = MONDAY + np.arange(seen + ahead)
        pace = learn_pace(days, spend, int(days[seen - 1]))
        assert pace is not None
        mean = float(expected_spend(pace, days[seen:]).sum())
        outlook = Outlook(mean, total_spread(pace, days[seen:]), pace.degrees_of_freedom)
        low, high = outlook.interval(0.8)
        held.append(low <= spend[seen:].sum() <= high)
    assert 0.7 <= np.mean(held) <= 0.9
