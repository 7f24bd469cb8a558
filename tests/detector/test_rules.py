from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from detector.model import MICRO, Effect
from detector.rules import RuleBook, Rules, raised_floors, rule_arrays
from tests.detector.histories import TODAY, ago, leave_out, raise_floor

SOON = TODAY + timedelta(days=1)


def test_a_named_tenant_has_its_own_rules():
    own = Rules(z=6.0)
    book = RuleBook(tenants={"acme": own})
    assert book.of("acme") is own
    assert book.of("bolt") is book.everyone
    assert rule_arrays(book, ["acme", "bolt"], (), TODAY).z.tolist() == [6.0, 3.0]


def test_amounts_are_dollars_and_percents_are_shares():
    rules = Rules(
        min_days=7,
        min_excess_micro_usd=2 * MICRO,
        min_excess_percent=50,
        scale_floor_percent=10,
        scale_floor_micro_usd=500_000,
    )
    arrays = rule_arrays(RuleBook(everyone=rules), ["acme"], (), TODAY)
    found = (*arrays.min_days, *arrays.min_excess, *arrays.min_excess_share)
    assert found == (7.0, 2.0, 0.5)
    assert (*arrays.scale_floor_share, *arrays.scale_floor) == (0.1, 0.5)


def test_a_rule_that_is_off_can_never_be_reached():
    rules = Rules(first_spend_micro_usd=None, young_guard_micro_usd=None)
    arrays = rule_arrays(RuleBook(everyone=rules), ["acme"], (), TODAY)
    assert np.isinf(arrays.first_spend).all()
    assert np.isinf(arrays.young_guard).all()


@pytest.mark.parametrize(
    ("direction", "up", "down"),
    [("both", True, True), ("up", True, False), ("down", False, True)],
)
def test_a_direction_says_which_changes_are_findings(direction, up, down):
    arrays = rule_arrays(RuleBook(everyone=Rules(direction=direction)), ["acme"], (), TODAY)
    assert (bool(arrays.up[0]), bool(arrays.down[0])) == (up, down)


def test_no_tenants_have_no_rules():
    arrays = rule_arrays(RuleBook(), [], (), TODAY)
    assert {len(array) for array in arrays} == {0}
    assert arrays.up.dtype == np.bool_


@pytest.mark.parametrize(("until", "floor"), [(ago(1), None), (TODAY, 90), (SOON, 90)])
def test_a_raised_floor_lasts_up_to_and_including_its_day(until, floor):
    floors = raised_floors([raise_floor("acme", 90, until)], TODAY)
    assert floors.get("acme") == (floor and floor * MICRO)


def test_of_several_raised_floors_the_highest_holds():
    lessons = [raise_floor("acme", dollars, SOON) for dollars in (40, 90, 60)]
    assert raised_floors(lessons, TODAY) == {"acme": 90 * MICRO}


def test_only_lessons_about_floors_raise_them():
    other = replace(raise_floor("acme", 90, SOON), effect=Effect.LEAVE_OUT)
    assert raised_floors([leave_out("acme", ago(1)), other], TODAY) == {}


def test_a_raised_floor_holds_for_its_tenant_and_never_lowers_one():
    lessons = [raise_floor("acme", 90, SOON), raise_floor("corp", 1, SOON)]
    arrays = rule_arrays(RuleBook(), ["acme", "bolt", "corp"], lessons, TODAY)
    assert arrays.min_excess.tolist() == [90.0, 5.0, 5.0]


def test_a_raised_floor_says_nothing_of_the_days_before_the_answer():
    lesson = replace(raise_floor("acme", 90, SOON), from_day=TODAY)
    assert raised_floors([lesson], ago(1)) == {}
    assert raised_floors([lesson], TODAY) == {"acme": 90 * MICRO}
