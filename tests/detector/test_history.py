from datetime import timedelta

import numpy as np
import pytest

from detector.groups import any_by_tenant, group_tenants, sum_by_tenant
from detector.history import (
    build_history,
    consecutive_days,
    day_cells,
    lay_out,
)
from detector.model import MICRO, CostDay, SeriesKey
from tests.detector.histories import TODAY, acme, ago, bolt, corp, history_of, spend


def test_the_days_are_consecutive_and_the_last_one_is_judged():
    history = history_of(acme())
    assert history.days == consecutive_days(ago(30), TODAY)
    assert history.cost[0, -1] == 100 * MICRO
    assert history.first_days == {"acme": ago(30)}


def test_a_span_that_ends_before_it_begins_has_no_days():
    assert consecutive_days(TODAY, ago(1)) == ()


def test_a_window_holds_its_columns_and_nothing_later():
    history = history_of(acme())
    window = history.window(20, 11)
    assert window.days == history.days[10:21]
    assert np.shares_memory(window.cost, history.cost)
    for name in ("cost", "unknown", "given", "prompt", "completion", "cached"):
        assert np.array_equal(getattr(window, name), getattr(history, name)[:, 10:21])
    assert len(window.pulled) == len(window.whole) == 11


def test_a_window_at_the_beginning_is_shorter():
    assert history_of(acme()).window(3, 31).days == consecutive_days(ago(30), ago(27))


def test_the_rows_of_a_tenant_stand_together():
    parts = [*acme(), *acme(feature="search"), *bolt()]
    history = history_of(parts[::-1])
    groups = group_tenants(history.keys)
    assert groups.tenants == ("acme", "bolt")
    assert [list(groups.rows(index)) for index in (0, 1)] == [[0, 1], [2]]
    assert sum_by_tenant(history.cost / MICRO, groups)[:, -1].tolist() == [200.0, 200.0]


def test_without_series_there_are_no_tenants():
    history = history_of([])
    groups = group_tenants(history.keys)
    assert groups.tenants == ()
    assert sum_by_tenant(history.cost / MICRO, groups).shape == (0, 31)
    assert any_by_tenant(history.unknown, groups).shape == (0, 31)
    assert not history.pulled.any()


def test_rows_that_share_a_key_and_a_day_are_summed():
    history = history_of(acme(), acme(), spend("acme", [None]))
    assert history.cost[0, -1] == 200 * MICRO
    assert history.prompt[0, -1] == 2 * 1_000_000 + 7_000
    assert history.completion[0, -1] == 2 * 100_000 + 700


def test_fault_10_an_unknown_cost_is_marked_and_never_zero_cost():
    history = history_of(spend("acme", [5, None]))
    assert history.unknown[0, -2:].tolist() == [False, True]
    assert history.prompt[0, -1] > 0


def test_a_cost_that_was_stated_is_marked():
    history = history_of(spend("acme", [5, 6], given=True), spend("bolt", [5]))
    assert history.given[:, -1].tolist() == [True, False]


def test_a_day_on_which_nobody_has_a_row_is_missing():
    history = history_of(spend("acme", [5, ..., 6]))
    assert history.pulled[-3:].tolist() == history.whole[-3:].tolist() == [True, False, True]


def test_cached_tokens_are_kept():
    cost = CostDay(TODAY, SeriesKey("acme"), 1, 1, 0, 10, 2, 4)
    assert history_of([cost]).cached[0, -1] == 4


def test_fault_30_an_alias_keeps_the_history_of_a_renamed_tenant():
    old = spend("ac-me", [100] * 20, last=ago(11))
    new = spend("acme", [100] * 11)
    history = build_history(
        [*old, *new], ago(30), TODAY, canonical={"ac-me": "acme", "acme": "acme"}.__getitem__
    )
    assert [key.tenant for key in history.keys] == ["acme"]
    assert history.first_days == {"acme": ago(30)}
    assert history.cost[0, -31:].tolist() == [100 * MICRO] * 31


@pytest.mark.parametrize("day", [ago(31), TODAY + timedelta(days=1)])
def test_a_cost_outside_the_days_is_refused(day):
    with pytest.raises(ValueError, match=f"a cost of {day} does not lie within"):
        history_of(spend("acme", [5], last=day))


def test_rows_without_use_in_the_days_are_left_out():
    keys = [SeriesKey("acme"), SeriesKey("bolt"), SeriesKey("corp")]
    cells = [
        (1, day_cells([[number] for number in (0, 5, 0, 0, 0, 0, 0)])),
        (0, day_cells([[number] for number in (2, 0, 0, 0, 0, 1, 0)])),
    ]
    every = np.ones(2, dtype=np.bool_)
    laid = lay_out(keys, (ago(1), TODAY), cells, pulled=every, whole=every, first_days={})
    assert [key.tenant for key in laid.keys] == ["acme", "corp"]
    assert laid.cost.tolist() == [[0, 5], [0, 0]]
    assert laid.unknown.tolist() == [[False, False], [True, False]]


def test_the_order_of_the_rows_does_not_matter():
    rows = [*acme(), *bolt(), *corp(), *acme(feature="search")]
    forth, back = history_of(rows), history_of(rows[::-1])
    assert forth.keys == back.keys
    for name in ("cost", "unknown", "given", "prompt", "completion", "cached", "pulled", "whole"):
        assert np.array_equal(getattr(forth, name), getattr(back, name))
