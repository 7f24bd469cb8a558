"""Faults 33 to 40 on `robust`: what makes a detector useless, each by its number."""

from __future__ import annotations

import numpy as np
import pytest

from detector.budget import Budget, Period, budget_findings, evaluate_budget
from detector.history import build_history
from detector.model import MICRO, FindingKind
from detector.rules import ROBUST_DAYS
from tests.detector.histories import TODAY, ago, restart
from tests.detector.test_robust import noise, tenant, told, use

STEADY = [100.0] * ROBUST_DAYS
DOLLARS = {"first_spend_micro_usd": 50 * MICRO, "young_guard_micro_usd": 200 * MICRO}


@pytest.mark.parametrize(("today", "found"), [(100.01, 0), (104, 0), (900, 1)])
def test_fault_33_a_flat_past_makes_an_alert_of_no_cent(today, found):
    assert len(told(use("acme", [*STEADY, today]))) == found


@pytest.mark.parametrize(("today", "found"), [(0.01, 0), (49, 0), (900, 1)])
def test_fault_34_spend_after_nothing_is_judged_by_dollars(today, found):
    assert len(told(use("acme", [today]), **DOLLARS)) == found


def test_fault_35_a_young_tenant_has_no_points_and_a_guard():
    young = [100, 110, 90, 105, 95]
    assert told(use("acme", [*young, 250]), **DOLLARS) == []
    assert told(use("acme", [*young, 900]), **DOLLARS) == [("acme", "young tenant")]


@pytest.mark.parametrize("since", [1, 3, 10, 30])
def test_fault_36_one_huge_day_that_nobody_answered_hides_no_other(since):
    rows = tenant("acme", 1, (1, 8, 1))
    huge = use("acme", [30 * 12, *[0] * since], feature="f1")
    without = [row for row in rows if (row.day, row.key.feature) != (ago(since), "f1")]
    assert told([*without, *huge]) == [("acme", "volume")]


def test_fault_37_a_weekly_pattern_is_no_finding_on_any_day():
    weekday = [ago(ROBUST_DAYS - step).weekday() for step in range(ROBUST_DAYS + 1)]
    shape = np.where(np.array(weekday) > 4, 0.2, 1.0)
    for today in range(7):
        days = 300 * np.roll(shape, today) * np.append(noise(today), 1)
        assert told(use("acme", days)) == []


def test_fault_38_a_hundredfold_of_two_cents_is_quiet():
    assert told(use("acme", [*[0.02] * ROBUST_DAYS, 2])) == []


def test_fault_39_after_a_new_normal_the_new_level_is_quiet():
    days = [*(100 * noise(1, ROBUST_DAYS - 20)), *(400 * noise(2, 20)), 410]
    begins = restart("acme", ago(20))
    assert told(use("acme", days), begins) == []
    assert told(use("acme", [*days[:-1], 4_000]), begins) == [("acme", "volume")]


def test_fault_40_a_slow_leak_is_found_by_the_budget_forecast_and_not_by_points():
    leak = [100 * 1.01**step for step in range(ROBUST_DAYS + 1)]
    rows = use("acme", leak)
    assert told(rows) == []
    history = build_history(rows, ago(ROBUST_DAYS), TODAY)
    spend, known = history.cost[0], np.ones(len(history.days), dtype=np.bool_)
    budget = Budget("acme", 3_500 * MICRO, Period.MONTHLY)
    state = evaluate_budget(budget, TODAY, list(history.days), spend, known)
    assert state is not None
    kinds = {found.kind for found in budget_findings([state], TODAY)}
    assert FindingKind.BUDGET_FORECAST in kinds
