"""What holds for every score of the classic method."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from detector.score import QUIET, score_classic
from tests.detector.histories import NO_FLOORS, evidence

MICRO_DOLLARS = st.integers(-(10**11), 10**12)
DOLLARS = st.one_of(
    MICRO_DOLLARS.map(lambda micro: micro / 1e6),
    st.sampled_from([0.0, 0.0, 1e12, -1e12, 1e-9, 100.0]),
)
ARRAYS = 6
"""Fields of the scores that are arrays by tenant."""
WITHOUT_DOLLARS = {
    **asdict(NO_FLOORS),
    "first_spend_micro_usd": None,
    "young_guard_micro_usd": None,
}
AMOUNTS = ("min_excess_micro_usd", "scale_floor_micro_usd", "first_spend_micro_usd",
           "young_guard_micro_usd")  # fmt: skip
RULES = st.fixed_dictionaries(
    {
        "min_days": st.integers(1, 20),
        "z": st.floats(0, 6),
        "direction": st.sampled_from(["both", "up", "down"]),
        "min_excess_percent": st.floats(0, 100),
        "scale_floor_percent": st.floats(0, 20),
        **{name: st.integers(0, 10**9) for name in AMOUNTS},
    }
)


@st.composite
def fleets(draw):
    """Dollars of some tenants over some days, and which of the days count."""
    shape = (draw(st.integers(1, 5)), draw(st.integers(1, 31)))
    rows = draw(arrays.arrays(np.float64, shape, elements=DOLLARS))
    usable = draw(arrays.arrays(np.bool_, shape, elements=st.booleans()) | st.just(None))
    return rows, np.ones(shape, dtype=np.bool_) if usable is None else usable


def scored(fleet, **rules):
    rows, usable = fleet
    return score_classic(evidence(rows, usable.copy(), **rules))


def alike(left, right):
    left, right = (tuple(part)[:ARRAYS] for part in (left, right))
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(left, right, strict=True))


@settings(deadline=None)
@given(fleets(), RULES)
def test_nothing_raises_or_warns_and_every_number_is_one(fleet, rules):
    found = scored(fleet, **rules)
    assert np.isfinite(found.expected).all()
    assert np.isfinite(found.spread).all()
    assert (found.spread >= 0).all()
    assert ((found.direction == 0) == (found.rule == QUIET)).all()


@settings(deadline=None)
@given(fleets(), RULES, st.data())
def test_the_order_of_the_tenants_does_not_matter(fleet, rules, data):
    order = data.draw(st.permutations(range(len(fleet[0]))))
    shuffled = scored((fleet[0][order], fleet[1][order]), **rules)
    before = scored(fleet, **rules)[:ARRAYS]
    assert alike(shuffled, [part[order] for part in before])


@settings(deadline=None)
@given(fleets(), st.integers(-20, 20), st.integers(1, 20), st.floats(0, 6))
def test_the_unit_of_money_does_not_matter_without_floors(fleet, power, min_days, bar):
    rules = {**WITHOUT_DOLLARS, "min_days": min_days, "z": bar}
    before, after = scored(fleet, **rules), scored((fleet[0] * 2.0**power, fleet[1]), **rules)
    assert alike(before[:3], after[:3])
    assert np.array_equal(after.expected, before.expected * 2.0**power)


@settings(deadline=None)
@given(fleets(), RULES, st.integers(0, 12))
def test_the_unit_of_money_does_not_matter_where_the_floors_grow_alike(fleet, rules, power):
    # Whole dollars: half a micro-dollar, by which a bar may be missed, does not grow.
    rows, usable = np.rint(fleet[0]), fleet[1]
    grown = {name: rules[name] // 10**6 * 10**6 * 2**power for name in AMOUNTS}
    rules = {**rules, **{name: rules[name] // 10**6 * 10**6 for name in AMOUNTS}}
    rules = {**rules, "min_excess_percent": round(rules["min_excess_percent"])}
    grown = {**rules, **grown}
    before, after = scored((rows, usable), **rules), scored((rows * 2.0**power, usable), **grown)
    assert alike(before[:3], after[:3])


@settings(deadline=None)
@given(fleets(), RULES, DOLLARS)
def test_a_day_that_does_not_count_changes_only_who_counts_as_silent(fleet, rules, other):
    rows, usable = fleet
    rules = {**rules, "first_spend_micro_usd": None}
    today = np.arange(rows.shape[1]) == rows.shape[1] - 1
    changed = np.where(usable | today, rows, other)
    assert alike(scored(fleet, **rules), scored((changed, usable), **rules))


@settings(deadline=None)
@given(fleets(), RULES)
def test_more_spend_today_never_ends_a_rise(fleet, rules):
    rows, usable = fleet
    more = rows.copy()
    more[:, -1] = 2 * np.abs(more[:, -1]) + 1
    before, after = scored(fleet, **rules), scored((more, usable), **rules)
    assert (after.direction[before.direction > 0] > 0).all()


@settings(deadline=None)
@given(fleets(), RULES, st.floats(0, 20))
def test_a_higher_bar_never_tells_more(fleet, rules, extra):
    low = scored(fleet, **rules).direction
    high = scored(fleet, **{**rules, "z": rules["z"] + extra}).direction
    assert (np.abs(high) <= np.abs(low)).all()
