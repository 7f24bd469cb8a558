"""How often alerts were right, counted from the answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from alerts.model import Verdict
from alerts.precision import Outcome, tally, tally_by, wilson
from detector.model import MICRO
from tests.builders import NOW, an_alert, budget, drop, spike

HOUR = timedelta(hours=1)


def outcome(verdict=None, *, after=HOUR, finding=None, tenant="acme", method="robust"):
    """An alert answered so long after it was told; None is not answered."""
    answered_at = None if after is None else NOW + after
    return Outcome(an_alert(finding or spike()), tenant, method, NOW, answered_at, verdict)


def of(*verdicts):
    return tally(map(outcome, verdicts))


def test_precision_is_the_share_of_real_ones_among_real_and_noise():
    found = of(Verdict.REAL, Verdict.REAL, Verdict.FALSE_ALARM)
    assert (found.real, found.noise, found.counted) == (2, 1, 3)
    assert found.precision == pytest.approx(2 / 3)
    assert found.interval == pytest.approx((0.208, 0.939), abs=0.001)


@pytest.mark.parametrize(
    "verdict", [Verdict.EXPECTED, Verdict.NEW_NORMAL, Verdict.DATA_ERROR, None]
)
def test_what_was_neither_an_incident_nor_noise_does_not_move_precision(verdict):
    without = of(Verdict.REAL, Verdict.FALSE_ALARM)
    found = of(Verdict.REAL, Verdict.FALSE_ALARM, verdict)
    assert (found.told, found.answered) == (3, 3)
    assert (found.precision, found.interval) == (without.precision, without.interval)
    assert found.without_verdict == (verdict is None)


def test_without_an_answer_there_is_nothing_to_say():
    for found in (tally([]), tally([outcome(after=None)])):
        assert (found.answered, found.counted, found.without_verdict) == (0, 0, 0)
        assert (found.precision, found.interval, found.answered_in) == (None, None, None)
        assert found.caught_micro_usd == 0


def test_the_median_time_to_an_answer_leaves_out_what_was_not_answered():
    waits = (HOUR, 3 * HOUR, 10 * HOUR, None)
    assert tally(outcome(after=wait) for wait in waits).answered_in == 3 * HOUR
    assert tally(outcome(after=wait) for wait in waits[:2]).answered_in == 2 * HOUR


def test_who_answers_before_the_message_arrives_waited_for_nothing():
    assert tally([outcome(after=-HOUR)]).answered_in == timedelta()


def test_dollars_caught_are_what_real_spikes_cost_above_what_was_expected():
    twice = an_alert(spike(actual=1_284, expected=331))
    day = twice.abnormal[0]
    twice = replace(twice, abnormal=(day, replace(day, excess_micro_usd=47 * MICRO)))
    real = replace(outcome(Verdict.REAL), alert=twice)
    others = [
        outcome(Verdict.FALSE_ALARM),
        outcome(Verdict.EXPECTED),
        outcome(Verdict.REAL, finding=drop()),
        outcome(Verdict.REAL, finding=budget()),
    ]
    assert tally([real, *others]).caught_micro_usd == 1_000 * MICRO


def test_groups_with_most_noise_come_first_then_those_told_most_often():
    outcomes = [
        outcome(Verdict.REAL, tenant="calm"),
        outcome(Verdict.FALSE_ALARM, tenant="noisy"),
        outcome(tenant="busy"),
        outcome(tenant="busy"),
    ]
    found = tally_by(outcomes, lambda each: (each.tenant, each.method))
    assert list(found) == [("noisy", "robust"), ("busy", "robust"), ("calm", "robust")]
    assert [each.told for each in found.values()] == [1, 2, 1]
    assert tally_by([], lambda each: (each.tenant,)) == {}


@given(st.integers(1, 5_000), st.floats(0, 1))
def test_the_interval_is_the_one_that_statisticians_use(counted, share):
    real = round(share * counted)
    known = binomtest(real, counted).proportion_ci(method="wilson")
    assert wilson(real, counted) == pytest.approx((known.low, known.high), abs=1e-9)
