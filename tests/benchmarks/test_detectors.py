"""Detectors beside each other: all see the same, nothing sees what lies ahead."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from benchmarks.detectors import (
    Row,
    costs_of,
    run_contender,
    run_ours,
    sample,
    scores_of,
    table,
    tenants_of,
    worth_telling,
)
from benchmarks.libraries import CONTENDERS, Contender, by_forecast, median_mad
from benchmarks.panels import Panel
from benchmarks.scoring import Event, Truth
from detector.history import build_history
from detector.model import MICRO, CostDay, SeriesKey
from tests.detector.histories import TODAY, ago

DAYS = 60
SPIKE = 50
MAD = CONTENDERS[0]


def panel(*costs):
    """Tenants a, b, ... with these dollars a day; b has an incident on day 50."""
    rows = [
        CostDay(ago(DAYS - 1 - day), SeriesKey(name), round(usd * MICRO), given=True)
        for name, days in zip("abcdef", costs, strict=False)
        for day, usd in enumerate(days)
        if usd
    ]
    history = build_history(rows, ago(DAYS - 1), TODAY)
    spike = history.days[SPIKE]
    loop = Event("e", "b", "surge", "anomaly", spike, spike, spike + timedelta(days=3), "clear")
    truth = Truth((loop,), len(costs), history.days[30], history.days[-1])
    return Panel("p", history, None, truth, frozenset({"b"}))


def noisy(seed, spike=1.0):
    days = 100 + np.random.default_rng(seed).normal(0, 5, DAYS)
    days[SPIKE] *= spike
    return days


def test_costs_are_those_billed_and_unknown_before_the_first_use():
    days = noisy(1)
    days[:10] = 0
    days[20] = 0
    costs = costs_of(panel(days))
    assert np.isnan(costs.usd[0, :10]).all()
    assert costs.usd[0, 10:] == pytest.approx(days[10:], abs=1e-6)


def test_what_lies_ahead_changes_no_score_of_a_day():
    (before, after) = noisy(1), noisy(1)
    after[51:] *= 7
    scores = [
        scores_of(MAD, costs_of(panel(days)), range(30, DAYS))[0, :51] for days in (before, after)
    ]
    assert np.array_equal(*scores, equal_nan=True)
    assert not np.isnan(scores[0][30:]).any()


def test_what_is_learned_from_ends_before_the_days_ahead():
    seen = []

    def remember(past, ahead):
        seen.append((past.shape[1], ahead.shape[1]))
        past[:] = 0  # a library may spoil what it is given
        return np.zeros(ahead.shape)

    costs = costs_of(panel(noisy(1)))
    scores_of(Contender("c", "numpy", lambda: remember, (1,), refit_days=7), costs, range(30, 50))
    assert seen == [(30, 7), (37, 7), (44, 6)]
    assert costs.usd.min() > 0


def test_a_day_is_scored_by_its_median_and_the_deviations_from_it():
    past = np.array([[10.0, 12.0] * 15, [np.nan] * 20 + [10.0] * 10])
    scores = median_mad(past, np.array([[15.0], [99.0]]))
    assert scores[0, 0] == pytest.approx((15 - 11) / 1.4826)
    assert np.isnan(scores[1, 0])


def test_a_forecast_is_asked_for_what_is_known_and_not_for_a_series_that_never_moves():
    asked = []

    def forecast(own, days):
        asked.append(len(own))
        return np.full(days, 10.0), np.full(days, 2.0)

    past = np.array([[np.nan] * 10 + [8.0, 12.0] * 10, [5.0] * 30, [np.nan] * 29 + [1.0]])
    scores = by_forecast(forecast)(past, np.array([[14.0], [5.0], [9.0]]))
    assert asked == [20]
    assert scores[0, 0] == 2
    assert scores[1, 0] == 0
    assert np.isnan(scores[2, 0])


def test_the_floors_are_five_dollars_and_a_quarter_above_the_mean():
    days = np.full((3, 40), 100.0)
    days[:, -1] = (124.9, 125.1, 300)
    days[2] /= 100
    worth = worth_telling(replace(costs_of(panel(noisy(1))), usd=days))
    assert worth[:, -1].tolist() == [0, 1, 0]


def test_a_detector_of_others_finds_the_spike_and_takes_the_best_of_its_bars():
    tried = replace(MAD, bars=(1.0, 20.0))
    row = run_contender(tried, panel(noisy(1, spike=1.4), noisy(2, spike=3)))
    assert row.bar == "20"
    assert (row.found[0].true, row.found[0].false) == (1, 0)
    assert row.found[0].f1 == row.found[1].f1 == 1
    assert row.us_a_day > 0


def test_ours_are_shown_for_all_tenants_and_for_the_sample():
    every = panel(noisy(1), noisy(2, spike=3), noisy(3), noisy(4))
    rows = list(run_ours(every, sample(every, 2)))
    assert [(row.name, row.bar, row.tenants) for row in rows] == [
        ("**robust**", "0", 4), ("**robust**", "0", 2), ("classic", "3", 4), ("classic", "3", 2),
    ]  # fmt: skip
    assert rows[2].found[0].caught == 1


def test_a_sample_holds_whole_tenants_and_their_incidents_alone():
    every = panel(*(noisy(seed) for seed in range(6)))
    few = sample(every, 2)
    assert len(tenants_of(few)) == 2
    assert few.truth.tenants == 2
    assert {event.tenant for event in few.truth.events} <= set(tenants_of(few))
    assert few.steady <= set(tenants_of(few))
    assert sample(every, 6) is every


def test_the_table_has_a_line_for_each_and_the_best_first():
    every = panel(noisy(1), noisy(2, spike=3))
    rows = [*run_ours(every, every), run_contender(MAD, every)]
    worst = Row("worst", 2, "1", (replace(rows[0].found[0], caught=0, true=0),) * 2, 1.0)
    lines = list(table(every, [worst, *rows]))
    assert len(lines) == 2 + 4
    assert lines[-1].startswith("| worst | 2 | 1 | 0 |")
    assert {line.count("|") for line in lines} == {12}


def test_a_detector_whose_package_is_missing_is_known_to_be():
    assert not replace(MAD, package="no_such_package").is_here
    assert MAD.is_here
