"""What drove a change, in cases a person can work out."""

from __future__ import annotations

import math

import pytest

from detector.drivers import Cell, split_change


def cell(
    model: str,
    cost: tuple[int, int],
    tokens: tuple[float, float],
    reference: tuple[float, float] | None = None,
) -> Cell:
    return Cell("chat", model, *cost, *tokens, *(reference or tokens))


def effects(cells: list[Cell]) -> list[tuple[str, int, int, int]]:
    return [
        (d.model, d.volume_micro_usd, d.price_micro_usd, d.mix_micro_usd)
        for d in split_change(cells)
    ]


def test_no_cells_have_no_drivers() -> None:
    assert split_change([]) == ()


def test_twice_the_use_of_everything_is_only_volume() -> None:
    cells = [cell("big", (700, 1400), (7, 14)), cell("small", (30, 60), (30, 60))]
    assert effects(cells) == [("big", 700, 0, 0), ("small", 30, 0, 0)]


def test_the_same_use_at_another_price_is_only_price() -> None:
    cells = [cell("big", (700, 770), (7, 7)), cell("small", (30, 20), (30, 30))]
    assert effects(cells) == [("big", 0, 70, 0), ("small", 0, -10, 0)]


def test_as_many_tokens_of_a_dearer_model_are_only_mix() -> None:
    cells = [cell("small", (30, 0), (30, 0)), cell("big", (0, 3000), (0, 30))]
    assert effects(cells) == [("big", 0, 0, 3000), ("small", 0, 0, -30)]


def test_more_output_for_as_many_tokens_is_mix_and_not_price() -> None:
    cells = [cell("big", (100, 250), (10, 10), reference=(100, 250))]
    assert effects(cells) == [("big", 0, 0, 150)]


def test_volume_price_and_mix_are_told_apart_when_all_change() -> None:
    cells = [cell("old", (100, 240), (10, 20)), cell("new", (0, 60), (0, 10))]
    assert effects(cells) == [("old", 200, 40, -100), ("new", 0, 0, 60)]


def test_a_vanished_cell_loses_its_share_as_mix_beside_the_volume_of_all() -> None:
    cells = [cell("gone", (50, 0), (10, 0)), cell("kept", (100, 150), (20, 30))]
    assert effects(cells) == [("gone", 0, 0, -50), ("kept", 0, 0, 50)]


def test_where_nothing_was_expected_the_change_is_volume() -> None:
    cells = [cell("big", (0, 900), (0, 9)), cell("small", (0, 10), (0, 10))]
    assert effects(cells) == [("big", 900, 0, 0), ("small", 10, 0, 0)]


@pytest.mark.parametrize("unknown", [0.0, math.nan])
def test_cost_without_tokens_is_split_by_the_cost_itself(unknown: float) -> None:
    cells = [
        cell("big", (100, 260), (unknown, unknown)),
        cell("small", (100, 140), (unknown, unknown)),
    ]
    assert effects(cells) == [("big", 100, 0, 60), ("small", 100, 0, -60)]


def test_one_cell_without_tokens_does_not_hide_a_price_of_the_others() -> None:
    cells = [cell("priced", (100, 150), (10, 10)), cell("billed", (100, 100), (0, 0))]
    assert effects(cells) == [("priced", 0, 50, 0), ("billed", 0, 0, 0)]


def test_refunds_that_leave_nothing_to_grow_from_are_volume() -> None:
    cells = [cell("big", (-100, 50), (0, 0)), cell("small", (20, 20), (0, 0))]
    assert effects(cells) == [("big", 150, 0, 0), ("small", 0, 0, 0)]


def test_free_use_without_cost_still_counts_as_volume() -> None:
    cells = [cell("paid", (100, 100), (10, 10)), cell("free", (0, 0), (10, 30))]
    assert effects(cells) == [("free", 0, 0, 0), ("paid", 100, 0, -100)]


def test_drivers_are_ranked_by_the_size_of_their_change_and_then_by_name() -> None:
    cells = [
        Cell("b", "m", 10, 20, 1, 2, 1, 2),
        Cell("a", "z", 20, 10, 2, 1, 2, 1),
        Cell("a", "m", 10, 20, 1, 2, 1, 2),
        Cell("c", "m", 90, 10, 9, 1, 9, 1),
    ]
    ranked = [(driver.feature, driver.model) for driver in split_change(cells)]
    assert ranked == [("c", "m"), ("a", "m"), ("a", "z"), ("b", "m")]


def test_halves_of_a_micro_dollar_round_to_even() -> None:
    cells = [cell("one", (1, 2), (2, 3)), cell("three", (3, 4), (2, 3))]
    assert [(d.model, d.volume_micro_usd) for d in split_change(cells)] == [
        ("one", 0),
        ("three", 2),
    ]


def test_tokens_of_one_side_alone_do_not_count_as_growth() -> None:
    cells = [cell("big", (100, 300), (0, 30)), cell("small", (100, 100), (10, 10))]
    assert effects(cells) == [("big", 100, 0, 100), ("small", 100, 0, -100)]


def test_where_nothing_can_grow_a_known_reference_makes_no_price() -> None:
    assert effects([cell("big", (-10, 90), (0, 0), reference=(1, 2))]) == [("big", 100, 0, 0)]
