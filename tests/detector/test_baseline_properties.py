"""What holds for the moments of every past."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from detector.baseline import moments

COSTS = st.one_of(
    st.integers(-(10**12), 10**12).map(lambda micro: micro / 1e6),
    st.sampled_from([0.0, 1e12, 1e-9, -1e12, 0.1, 1e5]),
)
SHAPES = st.tuples(st.integers(0, 6), st.integers(0, 31))


@st.composite
def pasts(draw):
    """Costs of some tenants, and which of their days count."""
    shape = draw(SHAPES)
    cost = draw(arrays.arrays(np.float64, shape, elements=COSTS))
    usable = draw(arrays.arrays(np.bool_, shape, elements=st.booleans()) | st.just(None))
    return cost, np.ones(shape, dtype=np.bool_) if usable is None else usable


@settings(deadline=None)
@given(pasts())
def test_moments_are_those_of_exact_sums(past):
    cost, usable = past
    found = moments(cost, usable)
    for row, (used, *got) in enumerate(zip(*found, strict=True)):
        values = cost[row, usable[row]].tolist()
        assert used == len(values)
        mean = math.fsum(values) / max(len(values), 1)
        squares = math.fsum((value - mean) ** 2 for value in values)
        size = max(map(abs, values), default=0.0)
        assert got[0] == pytest.approx(mean, abs=1e-14 * size)
        sd = math.sqrt(squares / max(len(values) - 1, 1))
        assert got[1] == pytest.approx(sd, rel=1e-9, abs=1e-14 * size)


@settings(deadline=None)
@given(pasts(), st.data())
def test_a_tenants_moments_do_not_depend_on_the_others_bit_for_bit(past, data):
    cost, usable = past
    order = data.draw(st.permutations(range(len(cost))))
    whole = moments(cost, usable)
    shuffled = moments(cost[order], usable[order])
    wide = np.hstack([cost, np.zeros((len(cost), 1))])[:, :-1]
    strided = moments(wide, usable)
    for row in range(len(cost)):
        alone = moments(cost[row : row + 1].copy(), usable[row : row + 1])
        for part, one in enumerate(alone):
            assert one[0] == whole[part][row] == strided[part][row]
            assert one[0] == shuffled[part][order.index(row)]


@settings(deadline=None)
@given(pasts(), COSTS | st.sampled_from([math.nan, math.inf]))
def test_what_is_not_usable_changes_nothing(past, other):
    cost, usable = past
    changed = np.where(usable, cost, other)
    for before, after in zip(moments(cost, usable), moments(changed, usable), strict=True):
        assert np.array_equal(before, after)


@settings(deadline=None)
@given(pasts(), st.integers(-40, 40))
def test_moments_grow_with_the_costs(past, power):
    cost, usable = past
    factor = 2.0**power
    days, mean, sd = moments(cost, usable)
    grown = moments(cost * factor, usable)
    assert np.array_equal(grown.days, days)
    assert np.array_equal(grown.mean, mean * factor)
    assert np.array_equal(grown.sd, sd * factor)
