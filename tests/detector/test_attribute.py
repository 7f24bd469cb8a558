from decimal import Decimal

import numpy as np
import pytest

from detector.attribute import split_by_cell
from detector.model import MICRO, CostDay, SeriesKey
from tests.detector.histories import (
    TODAY,
    ago,
    history_of,
    price,
    priced,
    prices,
    spend,
)

PAST = np.arange(31) < 30


def split(history, usable=PAST, table=None):
    return split_by_cell(history, range(len(history.keys)), usable, table)


def told(driver):
    """Volume, price and mix in dollars."""
    parts = (driver.volume_micro_usd, driver.price_micro_usd, driver.mix_micro_usd)
    return tuple(part / MICRO for part in parts)


def test_more_of_the_same_use_is_volume():
    (driver,) = split(history_of(spend("acme", [*[100] * 30, 150])))
    assert (driver.feature, driver.model) == ("chat", "gpt-4o")
    assert (driver.expected_micro_usd, driver.actual_micro_usd) == (100 * MICRO, 150 * MICRO)
    assert told(driver) == (50, 0, 0)


def test_the_feature_that_moved_most_comes_first():
    history = history_of(
        spend("acme", [*[50] * 30, 49], feature="chat"),
        spend("acme", [*[50] * 30, 250], feature="search"),
    )
    assert [driver.feature for driver in split(history)] == ["search", "chat"]


def test_rows_of_one_feature_and_model_are_one_driver():
    eu = [
        CostDay(ago(days), SeriesKey("acme", "chat", "gpt-4o", "eu"), MICRO) for days in range(31)
    ]
    (driver,) = split(history_of(spend("acme", [1] * 31), eu))
    assert driver.actual_micro_usd == 2 * MICRO


def test_a_row_without_a_model_goes_by_its_deployment():
    (driver,) = split(history_of([CostDay(TODAY, SeriesKey("acme", deployment="prod-eu"), MICRO)]))
    assert driver.model == "prod-eu"


def test_days_that_do_not_count_expect_nothing():
    history = history_of(spend("acme", [*[100] * 29, 900, 150]))
    (driver,) = split(history, PAST & (np.arange(31) != 29))
    assert driver.expected_micro_usd == 100 * MICRO


def test_without_a_usable_day_nothing_was_expected():
    (driver,) = split(history_of(spend("acme", [100] * 31)), np.zeros(31, dtype=np.bool_))
    assert driver.expected_micro_usd == 0
    assert driver.change_micro_usd == 100 * MICRO


def test_what_neither_cost_nor_used_anything_is_no_driver():
    history = history_of(spend("acme", [5] * 31), spend("acme", [9], last=ago(3), feature="old"))
    usable = PAST & (np.arange(31) != 27)
    assert [driver.feature for driver in split(history, usable)] == ["chat"]


def test_fault_11_a_change_of_price_stands_apart_from_a_change_of_use():
    table = prices(price(ago(400), "3"), price(TODAY, "6"))
    history = history_of(priced(table, "acme", [*[1_000_000] * 30, 2_000_000]))
    (driver,) = split(history, table=table)
    assert told(driver) == (3, 6, 0)


def test_fault_15_cached_tokens_are_valued_at_their_own_rate():
    table = prices(price(ago(400), "10", cached_input=Decimal(1)))
    key = SeriesKey("acme", "chat", "gpt-4o")
    before = [CostDay(ago(days), key, 10 * MICRO, 1, 0, 10**6, 0, 0) for days in range(1, 31)]
    today = CostDay(TODAY, key, MICRO, 1, 0, 10**6, 0, 10**6)
    (driver,) = split(history_of(before, [today]), table=table)
    assert told(driver) == (0, 0, -9)


def test_fault_10_use_of_unknown_cost_is_not_told_as_use_that_became_cheaper():
    table = prices(price(ago(400), "10"))
    history = history_of(
        priced(table, "acme", [*[1_000_000] * 30]  , last=ago(1)),
        spend("acme", [None], feature="chat"),
        priced(table, "acme", [2_000_000] * 31, feature="search"),
    )  # fmt: skip
    drivers = {driver.feature: driver for driver in split(history, table=table)}
    assert drivers["chat"].actual_micro_usd == 0
    assert [driver.price_micro_usd for driver in drivers.values()] == [0, 0]


def test_a_cost_without_tokens_has_no_price_and_the_others_keep_theirs():
    table = prices(price(ago(400), "3"), price(TODAY, "6"))
    key = SeriesKey("acme", "fee")
    fees = [CostDay(ago(days), key, 5 * MICRO) for days in range(1, 31)]
    history = history_of(
        fees, [CostDay(TODAY, key, 8 * MICRO)], priced(table, "acme", [10**6] * 31)
    )
    drivers = {driver.feature: driver for driver in split(history, table=table)}
    assert drivers["fee"].price_micro_usd == 0
    assert told(drivers["chat"]) == (0, 3, 0)


@pytest.mark.parametrize("when", [TODAY, ago(5)])
def test_a_cost_without_tokens_on_one_day_makes_cost_the_quantity(when):
    lump = CostDay(when, SeriesKey("acme", "chat", "gpt-4o"), 600 * MICRO)
    rows = [row for row in spend("acme", [20] * 31) if row.day != when]
    eu = SeriesKey("acme", "chat", "gpt-4o", "eu")
    beside = [CostDay(ago(days), eu, MICRO, 1, 0, 10_000, 0) for days in range(31)]
    (driver,) = split(history_of(rows, [lump], beside))
    assert driver.volume_micro_usd == driver.change_micro_usd != 0


def test_a_row_without_a_price_leaves_its_driver_to_tokens():
    table = prices(price(ago(400), "3"))
    other = SeriesKey("acme", "chat", "gpt-4o", scope="batch")
    stated = [CostDay(ago(days), other, MICRO, 1, 0, 10**6, 0, given=True) for days in range(31)]
    history = history_of(stated, priced(table, "acme", [*[10**6] * 30, 3 * 10**6]))
    (driver,) = split(history, table=table)
    # Tokens double and the cost grows from 4 to 10.
    assert told(driver) == (4, 2, 0)
