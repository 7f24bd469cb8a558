"""What holds for every split of a change."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from detector.drivers import Cell, split_change

COSTS = st.integers(min_value=-(10**12), max_value=10**15)
USE = st.floats(min_value=0, max_value=1e15) | st.just(float("nan"))
TOKENS = st.integers(min_value=1, max_value=10**12)
CELLS = st.lists(
    st.builds(Cell, st.sampled_from("abc"), st.sampled_from("xyz"), COSTS, COSTS, *[USE] * 4),
    max_size=8,
)


@st.composite
def quiet(draw: st.DrawFn) -> list[Cell]:
    """Cells that cost and use as much as expected."""
    drawn = draw(
        st.lists(st.tuples(st.integers(0, 10**12), TOKENS, TOKENS), min_size=1, max_size=6)
    )
    return [
        Cell("f", str(place), cost, cost, tokens, tokens, reference, reference)
        for place, (cost, tokens, reference) in enumerate(drawn)
    ]


@settings(deadline=None)
@given(cells=CELLS)
def test_the_three_effects_add_up_to_the_change_to_the_micro_dollar(cells: list[Cell]) -> None:
    drivers = split_change(cells)
    for driver in drivers:
        parts = driver.volume_micro_usd + driver.price_micro_usd + driver.mix_micro_usd
        assert parts == driver.change_micro_usd
    total = sum(cell.actual_micro_usd - cell.expected_micro_usd for cell in cells)
    assert sum(driver.change_micro_usd for driver in drivers) == total
    assert len(drivers) == len(cells)


@settings(deadline=None)
@given(cells=CELLS)
def test_the_largest_change_comes_first(cells: list[Cell]) -> None:
    changes = [abs(driver.change_micro_usd) for driver in split_change(cells)]
    assert changes == sorted(changes, reverse=True)


@settings(deadline=None)
@given(cells=quiet(), new_costs=st.lists(st.integers(0, 10**12), min_size=6, max_size=6))
def test_other_prices_for_the_same_use_are_only_price(
    cells: list[Cell], new_costs: list[int]
) -> None:
    priced = [replace(c, actual_micro_usd=new) for c, new in zip(cells, new_costs, strict=False)]
    for driver in split_change(priced):
        assert (driver.volume_micro_usd, driver.mix_micro_usd) == (0, 0)


@settings(deadline=None)
@given(cells=quiet(), times=st.integers(min_value=1, max_value=9))
def test_as_many_times_the_use_of_everything_is_only_volume(cells: list[Cell], times: int) -> None:
    grown = [
        replace(
            cell,
            actual_micro_usd=cell.actual_micro_usd * times,
            actual_tokens=cell.actual_tokens * times,
            actual_reference=cell.actual_reference * times,
        )
        for cell in cells
    ]
    for driver in split_change(grown):
        assert (driver.price_micro_usd, driver.mix_micro_usd) == (0, 0)


@settings(deadline=None)
@given(tokens=TOKENS, before=st.integers(1, 10**12), after=st.integers(1, 10**12))
def test_another_model_for_as_many_tokens_is_only_mix(tokens: int, before: int, after: int) -> None:
    cells = [
        Cell("f", "old", before, 0, tokens, 0, before, 0),
        Cell("f", "new", 0, after, 0, tokens, 0, after),
    ]
    for driver in split_change(cells):
        assert (driver.volume_micro_usd, driver.price_micro_usd) == (0, 0)
        assert driver.mix_micro_usd == driver.change_micro_usd


@settings(deadline=None)
@given(cells=CELLS, data=st.data())
def test_the_order_of_the_cells_does_not_matter(cells: list[Cell], data: st.DataObject) -> None:
    unique = list({(cell.feature, cell.model): cell for cell in cells}.values())
    shuffled = data.draw(st.permutations(unique))
    assert split_change(shuffled) == split_change(unique)
