"""Which setting would have kept noise quiet, and never anything real."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.model import Verdict
from alerts.precision import Outcome
from alerts.suggestions import InForce, suggest, suggestion_words
from detector.model import MICRO
from tests.builders import NOW, an_alert, budget, november, spike

REAL, NOISE = Verdict.REAL, Verdict.FALSE_ALARM
SETTINGS = {"bar": 0.0, "z": 3.0, "min_excess_usd": 5.0}
ROBUST = InForce("robust", SETTINGS)
CLASSIC = InForce("classic", SETTINGS)


class Alerts:
    """Makes alerts with numbers of their own."""

    def __init__(self):
        self.number = 0

    def __call__(self, verdict, *bars, usd=1_000, tenant="acme", method="robust", **changes):
        """An alert of as many days as there are bars; None is a day that no bar silences."""
        self.number += 1
        days = [self._day(method, bar, usd, at) for at, bar in enumerate(bars)]
        alert = replace(an_alert(spike(tenant=tenant)), number=self.number, abnormal=tuple(days))
        answered_at = NOW if verdict else None
        told = Outcome(alert, tenant, method, NOW, answered_at, verdict)
        return replace(told, **changes)

    def _day(self, method, bar, usd, at):
        (day,) = an_alert().abnormal
        return replace(
            day,
            day=november(12 + at),
            method=method,
            quiet_bar=bar,
            quiet_micro_usd=round(usd * MICRO),
        )


@pytest.fixture
def alert():
    return Alerts()


def settings_of(found):
    return [(each.tenant, each.lever.setting, each.value) for each in found]


def test_the_smallest_bar_that_silences_the_noise_is_suggested_with_its_evidence(alert):
    outcomes = [
        *(alert(NOISE, bar) for bar in (0.2, 0.45, 0.5)),
        alert(REAL, 4.0),
        alert(None, 3.0),
    ]
    (found,) = suggest(outcomes, ROBUST)
    assert settings_of([found]) == [("acme", "bar", 0.5)]
    assert (found.now, found.noise, found.kept) == (0.0, 3, 1)
    assert suggestion_words(found, {"acme": "Acme Ltd"}) == (
        "with bar 0.5, not 0, Acme Ltd would have had 3 pages fewer, all answered as noise "
        "(A-1, A-2, A-3); 1 page answered as real would still be told"
    )


def test_one_alert_answered_as_noise_is_no_evidence(alert):
    assert suggest([alert(NOISE, 0.2), alert(None, 0.3)], ROBUST) == ()
    assert suggest([], ROBUST) == ()


def test_nothing_is_suggested_that_would_silence_a_real_alert(alert):
    noise = [alert(NOISE, 0.6), alert(NOISE, 0.7)]
    assert settings_of(suggest([*noise, alert(REAL, 1.01)], ROBUST)) == [("acme", "bar", 1.0)]
    assert suggest([*noise, alert(REAL, 1.0)], ROBUST) == ()


def test_nothing_is_suggested_that_would_tell_a_real_alert_a_day_later(alert):
    noise = [alert(NOISE, 0.6), alert(NOISE, 0.7)]
    assert suggest([*noise, alert(REAL, 0.9, 8.0)], ROBUST) == ()


def test_a_real_alert_of_which_nothing_was_kept_stands_against_everything(alert):
    noise = [alert(NOISE, 0.6), alert(NOISE, 0.7)]
    old = alert(REAL, None)
    days = tuple(replace(day, method="", quiet_micro_usd=None) for day in old.alert.abnormal)
    old = replace(old, alert=replace(old.alert, abnormal=days))
    assert suggest([*noise, old], ROBUST) == ()
    assert suggest([*noise, replace(old, method="")], ROBUST) == ()
    # What `classic` told, no bar of `robust` silences.
    assert settings_of(suggest([*noise, replace(old, method="classic")], ROBUST)) == [
        ("acme", "bar", 1.0)
    ]


def test_an_alert_is_silenced_only_where_all_of_its_days_are(alert):
    outcomes = [alert(NOISE, 0.2), alert(NOISE, 0.2, 0.3), alert(NOISE, 0.1, 6.3)]
    (found,) = suggest(outcomes, ROBUST)
    assert (found.value, [each.alert.number for each in found.silenced]) == (0.5, [1, 2])


def test_half_of_the_noise_is_enough_for_the_smallest_change(alert):
    outcomes = [alert(NOISE, bar) for bar in (0.3, 0.4, 2.2, 7.9)]
    assert settings_of(suggest(outcomes, ROBUST)) == [("acme", "bar", 0.5)]
    assert settings_of(suggest(outcomes[1:], ROBUST)) == [("acme", "bar", 2.5)]


def test_what_a_setting_silences_must_be_mostly_noise(alert):
    noise = [alert(NOISE, 0.1 * number) for number in range(1, 5)]
    (found,) = suggest([*noise, alert(Verdict.EXPECTED, 0.2)], ROBUST)
    assert (len(found.silenced), found.noise) == (5, 4)
    assert "4 of them answered as noise (A-1, A-2, A-3, A-4, A-5)" in suggestion_words(found, {})
    others = [alert(None, 0.2, usd=1_000), alert(Verdict.DATA_ERROR, 0.1)]
    assert suggest([*noise, *others], ROBUST) == ()


def test_small_amounts_are_silenced_by_a_floor_where_no_bar_could(alert):
    outcomes = [
        alert(NOISE, 9.0, usd=43.2),
        alert(NOISE, None, usd=12),
        alert(REAL, 0.4, usd=400),
    ]
    (found,) = suggest(outcomes, ROBUST)
    assert settings_of([found]) == [("acme", "min_excess_usd", 44.0)]
    assert found.lever.written(found.value) == "44"


@pytest.mark.parametrize(("usd", "floor"), [(44, 45), (428.5, 430), (0.4, 1), (99, 100)])
def test_a_floor_has_two_digits_and_lies_above_what_it_silences(alert, usd, floor):
    small = InForce("robust", SETTINGS | {"min_excess_usd": 0.0})
    outcomes = [alert(NOISE, None, usd=usd), alert(NOISE, None, usd=usd)]
    assert settings_of(suggest(outcomes, small)) == [("acme", "min_excess_usd", floor)]


def test_a_floor_is_suggested_only_where_the_bar_does_not_silence_half(alert):
    half = [alert(NOISE, bar, usd=20) for bar in (0.4, 0.5, None, None)]
    assert settings_of(suggest(half, ROBUST)) == [("acme", "bar", 0.5)]
    less = [*half, alert(NOISE, None, usd=20)]
    assert settings_of(suggest(less, ROBUST)) == [("acme", "min_excess_usd", 21.0)]


def test_where_neither_silences_half_the_one_with_more_is_suggested(alert):
    outcomes = [
        *(alert(NOISE, bar, usd=800) for bar in (0.2, 0.3, 0.4)),
        *(alert(NOISE, 9.0, usd=6) for _ in range(2)),
        *(alert(NOISE, 9.0, usd=900) for _ in range(4)),
        alert(REAL, 0.6, usd=7),
    ]
    assert settings_of(suggest(outcomes, ROBUST)) == [("acme", "bar", 0.5)]
    more = [alert(NOISE, 9.0, usd=6.5) for _ in range(2)]
    assert settings_of(suggest([*outcomes, *more], ROBUST)) == [("acme", "min_excess_usd", 7.0)]


def test_a_score_of_classic_is_measured_with_z_and_an_infinite_one_with_nothing(alert):
    outcomes = [alert(NOISE, bar, method="classic") for bar in (3.2, 3.4, math.inf)]
    assert settings_of(suggest(outcomes, CLASSIC)) == [("acme", "z", 3.5)]
    # Nobody knows what `robust` would have said of them.
    assert suggest(outcomes, ROBUST) == ()


def test_the_floor_looks_at_real_alerts_of_every_method(alert):
    noise = [alert(NOISE, None, usd=40), alert(NOISE, None, usd=41)]
    real = alert(REAL, 9.0, usd=41.5, method="classic")
    assert suggest([*noise, real], ROBUST) == ()
    assert settings_of(suggest(noise, ROBUST)) == [("acme", "min_excess_usd", 42.0)]


def test_what_the_settings_in_force_would_silence_by_now_is_no_evidence_any_more(alert):
    outcomes = [alert(NOISE, 0.2), alert(NOISE, 0.4), alert(REAL, 0.45), alert(NOISE, 1.3)]
    raised = InForce("robust", SETTINGS, {"acme": {"bar": 0.5}})
    assert suggest(outcomes, raised) == ()
    (found,) = suggest([*outcomes, alert(NOISE, 1.2)], raised)
    assert (found.value, found.now, found.noise, found.kept) == (1.5, 0.5, 2, 0)
    assert suggestion_words(found, {}).endswith("(A-4, A-5); none was real")


def test_what_one_setting_silences_by_now_no_other_has_to(alert):
    outcomes = [alert(NOISE, 0.2, usd=20), alert(NOISE, 0.4, usd=20), alert(NOISE, 9.0, usd=20)]
    raised = InForce("robust", SETTINGS, {"acme": {"bar": 0.5}})
    assert suggest(outcomes, raised) == ()
    floored = InForce("robust", SETTINGS | {"min_excess_usd": 21.0})
    assert suggest(outcomes, floored) == ()
    # Of days that two settings silence in turn nothing is told.
    mixed = alert(NOISE, 0.2, 3.0)
    days = (mixed.alert.abnormal[0], replace(mixed.alert.abnormal[1], quiet_micro_usd=10 * MICRO))
    mixed = replace(mixed, alert=replace(mixed.alert, abnormal=days))
    (found,) = suggest(
        [mixed, alert(NOISE, 0.3)], InForce("robust", SETTINGS | {"min_excess_usd": 11.0})
    )
    assert (found.value, found.noise) == (0.5, 2)


def test_no_value_is_suggested_that_cannot_be_set(alert):
    huge = [alert(NOISE, 20.1, usd=2e9), alert(NOISE, 20.2, usd=2e9)]
    assert suggest(huge, ROBUST) == ()


def test_kinds_that_no_method_judges_and_withdrawn_alerts_are_no_evidence(alert):
    gone = alert(NOISE, 0.2)
    gone = replace(gone, alert=replace(gone.alert, abnormal=()))
    other = replace(alert(NOISE, 0.2), alert=an_alert(budget()))
    assert suggest([gone, other, alert(NOISE, 0.2)], ROBUST) == ()


def test_each_tenant_is_judged_by_its_own_alerts(alert):
    outcomes = [
        alert(NOISE, 0.2, tenant="bolt"),
        alert(NOISE, 0.3, tenant="bolt"),
        alert(NOISE, 0.2),
        alert(REAL, 0.1, tenant="corp"),
    ]
    assert settings_of(suggest(outcomes, ROBUST)) == [("bolt", "bar", 0.5)]


def many(alert, *bars, **changes):
    return [alert(NOISE, bar, tenant=f"t{number}", **changes) for number, bar in enumerate(bars)]


def test_what_three_tenants_need_is_suggested_for_everybody_first(alert):
    outcomes = [*many(alert, 0.2, 0.3, 0.4), *many(alert, 0.4, 0.3, 0.1)]
    found = suggest(outcomes, ROBUST)
    assert settings_of(found) == [("", "bar", 0.5)]
    assert suggestion_words(found[0], {}) == (
        "with bar 0.5, not 0, 3 tenants would have had 6 pages fewer, all answered as noise "
        "(A-1, A-2, A-3, A-4, A-5, ...); none was real"
    )
    real = alert(REAL, 0.2, tenant="bystander")
    assert settings_of(suggest([*outcomes, real], ROBUST)) == [
        ("t0", "bar", 0.5), ("t1", "bar", 0.5), ("t2", "bar", 0.5),
    ]  # fmt: skip


def test_a_tenant_that_needs_more_than_everybody_gets_its_own(alert):
    outcomes = [*many(alert, 0.2, 0.3, 0.4, 1.2), *many(alert, 0.4, 0.3, 0.1, 1.4)]
    assert settings_of(suggest(outcomes, ROBUST)) == [("", "bar", 0.5), ("t3", "bar", 1.5)]


def test_tenants_with_a_setting_of_their_own_do_not_count_for_everybody(alert):
    outcomes = [*many(alert, 0.2, 0.3, 0.4), *many(alert, 0.4, 0.3, 0.1)]
    own = InForce("robust", SETTINGS, {"t2": {"bar": 0.0}, "t1": {"z": 4.0}})
    assert settings_of(suggest(outcomes, own)) == [
        ("t0", "bar", 0.5), ("t1", "bar", 0.5), ("t2", "bar", 0.5),
    ]  # fmt: skip
    more = [alert(NOISE, bar, tenant="t3") for bar in (0.1, 0.2)]
    assert settings_of(suggest([*outcomes, *more], own)) == [("", "bar", 0.5), ("t2", "bar", 0.5)]


def test_for_everybody_three_tenants_must_really_be_spared(alert):
    one = [alert(NOISE, 0.1, tenant="t0") for _ in range(12)]
    outcomes = [*one, *many(alert, 0.2, 4.1, 6.2), *many(alert, 0.2, 4.2, 6.1)]
    found = settings_of(suggest(outcomes, ROBUST))
    assert ("t0", "bar", 0.5) in found
    assert not [each for each in found if not each[0]]


@given(st.data())
def test_no_suggestion_ever_delays_or_silences_what_was_real(data):
    alert = Alerts()
    bars = st.none() | st.floats(-5, 25)
    outcomes = [
        alert(
            data.draw(st.sampled_from([REAL, NOISE, NOISE, Verdict.EXPECTED, None])),
            *data.draw(st.lists(bars, min_size=1, max_size=3)),
            usd=data.draw(st.floats(0, 2_000)),
            tenant=data.draw(st.sampled_from(["acme", "bolt", "corp", "dune"])),
        )
        for _ in range(data.draw(st.integers(0, 14)))
    ]
    in_force = InForce("robust", SETTINGS, {"bolt": {"bar": 1.0}})
    for found in suggest(outcomes, in_force):
        assert found.noise >= max(2, 0.8 * len(found.silenced))
        assert found.now < found.value <= found.lever.most
        for each in outcomes:
            mine = found.tenant == each.tenant
            inherits = not found.tenant and not (
                each.tenant == "bolt" and found.lever.setting == "bar"
            )
            first = found.lever.quiet(each.alert.abnormal[0])
            if each.verdict is REAL and (mine or inherits) and first is not None:
                heard = not found.lever.silences(first, found.now)
                assert not (heard and found.lever.silences(first, found.value))
