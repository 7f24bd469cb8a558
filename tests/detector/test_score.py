from functools import reduce
from operator import add

import numpy as np
import pytest

from detector.baseline import Moments
from detector.checks import reaches
from detector.model import MICRO
from detector.rules import RuleBook, Rules, rule_arrays
from detector.score import (
    FIRST_SPEND,
    QUIET,
    YOUNG_TENANT,
    Z_SCORE,
    floored_spread,
    least_change,
    score_classic,
    z_scores,
)
from tests.detector.histories import TODAY, evidence, steady, weekly

FLAT = {
    "min_excess_micro_usd": 0,
    "min_excess_percent": 0,
    "scale_floor_percent": 0,
    "scale_floor_micro_usd": 0,
}


def judged(row, usable=None, **rules):
    """Direction, rule and score of one tenant."""
    scores = score_classic(evidence([row], None if usable is None else [usable], **rules))
    return int(scores.direction[0]), int(scores.rule[0]), float(scores.score[0])


def verdict(row, usable=None, **rules):
    return judged(row, usable, **rules)[:2]


def test_an_ordinary_day_is_quiet():
    direction, rule, score = judged([*steady(), 103])
    assert (direction, rule) == (0, QUIET)
    assert score == pytest.approx(3 / 5)


def test_a_rise_and_a_drop_are_scored_against_the_past():
    assert verdict([*steady(), 130]) == (1, Z_SCORE)
    assert verdict([*steady(), 70]) == (-1, Z_SCORE)


def test_expected_spread_and_days_are_told():
    scores = score_classic(evidence([[*steady(), 130]]))
    assert (scores.expected[0], scores.spread[0], scores.days[0]) == (100, 5, 30)


@pytest.mark.parametrize(
    ("direction", "up", "down"), [("both", 1, -1), ("up", 1, 0), ("down", 0, -1)]
)
def test_only_the_wanted_direction_is_a_finding(direction, up, down):
    found = [judged([*steady(), today], direction=direction)[0] for today in (130, 70)]
    assert found == [up, down]


def test_a_direction_holds_for_rules_by_dollars_too():
    assert verdict([*[0] * 30, 900], direction="down") == (0, QUIET)
    assert verdict([5, 900], direction="down") == (0, QUIET)


@pytest.mark.parametrize(("today", "direction"), [(115, 0), (115.000001, 1), (85, 0)])
def test_a_z_score_exactly_at_the_bar_does_not_fire(today, direction):
    assert judged([*[100] * 30, today], min_excess_percent=0)[0] == direction


@pytest.mark.parametrize(
    ("today", "direction"), [(25.1, 1), (25.099999, 0), (15.1, -1), (15.100001, 0)]
)
def test_the_dollar_floor_is_reached_exactly_at_its_bound(today, direction):
    found = judged([*[20.1] * 30, today], min_excess_percent=0, scale_floor_percent=0)
    assert found[0] == direction


@pytest.mark.parametrize(
    ("today", "direction"), [(125.125, 1), (125.124999, 0), (75.075, -1), (75.075001, 0)]
)
def test_the_percent_floor_is_reached_exactly_at_its_bound(today, direction):
    assert judged([*[100.1] * 30, today])[0] == direction


def test_fault_38_a_huge_score_on_two_cents_is_quiet():
    direction, rule, score = judged(
        [*[0.0001] * 30, 0.02], **{**FLAT, "min_excess_micro_usd": MICRO}
    )
    assert score > 1e6
    assert (direction, rule) == (0, QUIET)


def test_fault_33_a_flat_past_needs_more_than_a_cent_to_be_abnormal():
    assert verdict([*[100] * 30, 100.01]) == (0, QUIET)
    assert verdict([*[100] * 30, 100]) == (0, QUIET)
    assert verdict([*[100] * 30, 140]) == (1, Z_SCORE)


def test_fault_33_without_floors_a_flat_past_scores_without_end():
    assert judged([*[64] * 30, 65], **FLAT) == (1, Z_SCORE, np.inf)
    assert judged([*[64] * 30, 63], **FLAT) == (-1, Z_SCORE, -np.inf)
    assert judged([*[64] * 30, 64], **FLAT) == (0, QUIET, 0)


@pytest.mark.parametrize("days", [14, 20, 30])
def test_the_judged_day_is_not_inside_its_own_sample(days):
    row = [*(99, 101) * (days // 2), 10_000]
    assert judged(row, **FLAT)[2] > (days - 1) / np.sqrt(days) + 1


def test_fault_36_one_huge_day_inside_the_window_hides_a_doubling_and_outside_does_not():
    row = [*steady(29), 1000, 200]
    usable = [True] * 29 + [False, False]
    assert verdict(row) == (0, QUIET)
    assert verdict(row, usable) == (1, Z_SCORE)


def test_fault_37_a_working_day_after_a_weekend_is_quiet():
    assert verdict([*weekly(), 200]) == (0, QUIET)
    assert verdict([*weekly(), 20]) == (0, QUIET)


@pytest.mark.parametrize(("today", "found"), [(49.999999, (0, QUIET)), (50, (1, FIRST_SPEND))])
def test_fault_34_spend_after_nothing_but_zeros_is_judged_by_dollars(today, found):
    direction, rule, score = judged([*[0] * 30, today])
    assert (direction, rule) == found
    assert np.isnan(score)


def test_fault_34_sums_of_features_reach_the_first_spend_to_the_micro_dollar():
    # Added one by one: from Python 3.12 on `sum` makes up for what is lost.
    today = reduce(add, [0.4] * 125)
    assert today < 50
    assert verdict([*[0] * 30, today]) == (1, FIRST_SPEND)


def test_fault_34_a_tenant_new_today_is_judged_by_the_first_spend():
    assert verdict([*[0] * 30, 60], [False] * 31) == (1, FIRST_SPEND)


def test_fault_34_without_the_rule_a_zero_baseline_has_a_score():
    assert verdict([*[0] * 30, 6], first_spend_micro_usd=None) == (1, Z_SCORE)


def test_fault_34_a_spike_that_was_answered_does_not_make_cents_abnormal_after_zeros():
    usable = [True] * 20 + [False] + [True] * 9 + [False]
    row = [*[0] * 20, 700, *[0] * 9]
    assert verdict([*row, 49], usable) == (0, QUIET)
    assert verdict([*row, 51], usable) == (1, FIRST_SPEND)


def test_a_past_left_out_wholly_is_no_first_spend_but_too_young():
    row = [*[100] * 30, 190]
    assert verdict(row, [False] * 31) == (0, QUIET)
    assert verdict([*row[:-1], 200], [False] * 31) == (1, YOUNG_TENANT)


def test_fault_10_a_tenant_whose_use_had_no_price_so_far_is_no_newcomer():
    looked_at = evidence([[*[0] * 30, 60]], [[False] * 31])
    looked_at.history.unknown[0, 12] = True
    assert score_classic(looked_at).rule.tolist() == [QUIET]


def test_fault_23_after_days_nobody_was_watched_no_spend_is_the_first():
    looked_at = evidence([[*[0] * 30, 60]], [[False] * 31])
    nothing = np.zeros(31, dtype=np.bool_)
    blind = looked_at._replace(history=looked_at.history._replace(pulled=nothing))
    partly = looked_at._replace(history=looked_at.history._replace(whole=nothing))
    assert score_classic(looked_at).rule.tolist() == [FIRST_SPEND]
    assert score_classic(blind).rule.tolist() == score_classic(partly).rule.tolist() == [QUIET]


@pytest.mark.parametrize(("today", "found"), [(219.999999, (0, QUIET)), (220, (1, YOUNG_TENANT))])
def test_fault_35_a_young_tenant_has_a_guard_and_no_score(today, found):
    direction, rule, score = judged([20, 20, 20, today])
    assert (direction, rule) == found
    assert np.isnan(score)


@pytest.mark.parametrize(("days", "rule"), [(13, YOUNG_TENANT), (14, Z_SCORE)])
def test_fault_35_a_score_needs_enough_days(days, rule):
    assert verdict([*[100] * days, 900])[1] == rule


def test_fault_35_a_young_tenant_never_drops():
    assert verdict([*[900] * 13, 0]) == (0, QUIET)


def test_fault_35_on_the_very_first_day_only_the_guard_judges():
    assert verdict([150]) == (0, QUIET)
    assert verdict([200]) == (1, YOUNG_TENANT)


def test_fault_35_the_guard_holds_for_a_newcomer_below_a_high_first_spend():
    rules = {"first_spend_micro_usd": 900 * MICRO}
    assert verdict([*[0] * 30, 300], [False] * 31, **rules) == (1, YOUNG_TENANT)
    assert verdict([*[0] * 30, 900], [False] * 31, **rules) == (1, FIRST_SPEND)


def test_fault_35_a_large_young_tenant_may_move_within_the_percent_floor():
    assert verdict([5000, 6200]) == (0, QUIET)
    assert verdict([5000, 6250]) == (1, YOUNG_TENANT)


def test_rules_that_are_off_find_nothing():
    off = {"first_spend_micro_usd": None, "young_guard_micro_usd": None}
    assert verdict([*[0] * 5, 1e12], **off) == (0, QUIET)


@pytest.mark.parametrize("row", [[*[0] * 30, 900], [5, 900], [*steady(), 900]])
def test_a_raised_floor_holds_whatever_the_rule(row):
    assert verdict(row)[0] == 1
    assert verdict(row, min_excess_micro_usd=1000 * MICRO) == (0, QUIET)


def test_fault_45_refunds_make_a_negative_mean_and_floors_hold_all_the_same():
    refunded = [*[-100] * 30]
    assert verdict([*refunded, -110]) == (0, QUIET)
    assert verdict([*refunded, -80]) == (0, QUIET)
    assert verdict([*refunded, -74]) == (1, Z_SCORE)
    assert verdict([*refunded, -130]) == (-1, Z_SCORE)


def test_fault_45_a_refund_after_silence_is_quiet():
    assert verdict([*[0] * 30, -900]) == (0, QUIET)


def test_no_tenants_are_no_trouble():
    scores = score_classic(evidence([]))
    apart = [*scores.quiet, *scores[:7]]
    assert {len(part) for part in apart} == {0}


def test_a_score_without_a_spread_is_infinite_or_zero():
    scores = z_scores(np.array([2.0, 0.0, 1.0]), np.ones(3), np.zeros(3))
    assert scores.tolist() == [np.inf, -np.inf, 0.0]
    assert z_scores(np.array([1e300]), np.zeros(1), np.array([5e-324])).tolist() == [np.inf]


def test_the_spread_has_three_floors():
    rules = Rules(scale_floor_percent=5, scale_floor_micro_usd=MICRO)
    arrays = rule_arrays(RuleBook(everyone=rules), ["a", "b", "c", "d"], (), TODAY)
    past = Moments(
        np.full(4, 30.0), np.array([100.0, 100.0, 2.0, -100.0]), np.array([9.0, 2, 0, 0])
    )
    assert floored_spread(past, arrays).tolist() == [9.0, 5.0, 1.0, 5.0]
    assert least_change(past, arrays).tolist() == [25.0, 25.0, 5.0, 25.0]


def test_a_bar_is_reached_to_the_micro_dollar():
    bars = np.array([0.2, 0.2, np.inf])
    assert reaches(np.array([0.3 - 0.1, 0.199999, 1e12]), bars).tolist() == [True, False, False]


def test_whose_past_is_nothing_is_accounted_for_by_dollars_alone():
    trials = score_classic(evidence([[0] * 30 + [900]])).account(0).trials
    assert [trial.rule for trial in trials] == ["first spend"]


def test_the_account_of_a_flat_past_without_floors_has_no_sum():
    flat = evidence([[100] * 30 + [130]], scale_floor_percent=0.0, scale_floor_micro_usd=0)
    (*_, above) = score_classic(flat).account(0).trials[0].checks
    assert (above.value, above.formula) == (np.inf, "")
