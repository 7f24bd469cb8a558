import math
from decimal import Decimal

import numpy as np
import pytest

from detector.baseline import BLOCK_ROWS, explain_left_out, find_usable_days, moments, restate
from detector.groups import group_tenants
from detector.model import MICRO, UNATTRIBUTED, CostDay, LeftOutDay, SeriesKey
from detector.price_table import Price
from tests.detector.histories import (
    TODAY,
    acme,
    ago,
    corp,
    history_of,
    leave_out,
    partial,
    price,
    priced,
    prices,
    raise_floor,
    restart,
    spend,
    unpulled,
)


def found(row, usable=None):
    """Moments of one row."""
    row = np.array([row], dtype=np.float64)
    usable = np.ones(row.shape, dtype=np.bool_) if usable is None else np.array([usable])
    return tuple(float(part[0]) for part in moments(row, usable))


def exactly(row):
    mean = math.fsum(row) / len(row)
    return mean, math.sqrt(math.fsum((x - mean) ** 2 for x in row) / (len(row) - 1))


def test_the_spread_is_the_sample_standard_deviation():
    assert found([1, 2, 3, 4]) == (4, 2.5, pytest.approx(1.2909944487358056))


@pytest.mark.parametrize("offset", [1e5, 1e9, -1e9, 1e12])
def test_a_small_spread_on_a_large_cost_does_not_cancel(offset):
    rng = np.random.default_rng(7)
    row = offset + rng.normal(0, 1, 30)
    mean, sd = exactly(row.tolist())
    days, found_mean, found_sd = found(row)
    assert days == 30
    assert found_mean == pytest.approx(mean, rel=1e-15)
    assert found_sd == pytest.approx(sd, rel=1e-9 if abs(offset) < 1e10 else 1e-6)


def test_days_that_do_not_count_are_not_looked_at():
    assert found([1, np.nan, 3, np.inf], [True, False, True, False]) == found([1, 3])


def test_fault_35_without_a_day_or_with_one_there_is_no_spread():
    assert found([5, 6], [False, False]) == (0, 0, 0)
    assert found([5, 6], [True, False]) == (1, 5, 0)
    assert found([]) == (0, 0, 0)


def test_fault_33_equal_costs_have_no_spread_to_speak_of():
    assert found([64.0] * 30) == (30, 64, 0)
    assert found([0.1] * 30)[2] < 1e-15


def test_more_rows_than_a_block_holds_are_all_there():
    rows = np.arange(2.0 * BLOCK_ROWS + 1)[:, None] + np.array([-1.0, 0.0, 1.0])
    past = moments(rows, np.ones(rows.shape, dtype=np.bool_))
    assert np.array_equal(past.mean, np.arange(2.0 * BLOCK_ROWS + 1))
    assert np.array_equal(past.sd, np.ones(2 * BLOCK_ROWS + 1))


def test_no_tenants_have_no_moments():
    past = moments(np.zeros((0, 30)), np.zeros((0, 30), dtype=np.bool_))
    assert [len(part) for part in past] == [0, 0, 0]


def usable_days(history, *lessons, tenant="acme"):
    """Days the baseline of one tenant may use, as how many days ago."""
    groups = group_tenants(history.keys)
    exclusions = find_usable_days(history, groups, lessons)
    row = exclusions.usable[groups.tenants.index(tenant)]
    return {(TODAY - day).days for day, use in zip(history.days, row, strict=True) if use}


def left_out(history, *lessons, tenant="acme"):
    groups = group_tenants(history.keys)
    exclusions = find_usable_days(history, groups, lessons)
    return explain_left_out(history, groups, exclusions, groups.tenants.index(tenant))


EVERY_DAY = set(range(1, 31))


def test_the_judged_day_is_never_part_of_its_own_baseline():
    assert usable_days(history_of(acme())) == EVERY_DAY


def test_a_day_without_use_after_the_first_one_counts_as_zero():
    assert usable_days(history_of(acme(), spend("idle", [5, *[...] * 30])), tenant="idle") == (
        EVERY_DAY
    )


def test_fault_35_days_before_the_first_one_do_not_count_and_are_not_named():
    history = history_of(acme(), corp())
    assert usable_days(history, tenant="corp") == {1, 2, 3, 4}
    assert left_out(history, tenant="corp") == ()


def test_a_tenant_whose_first_day_is_not_known_counts_from_the_first_column():
    history = history_of(acme())._replace(first_days={})
    assert usable_days(history) == EVERY_DAY
    assert left_out(unpulled(history, ago(30))) == (LeftOutDay(ago(30), "no data"),)


def test_a_day_that_was_not_pulled_is_missing_and_never_zero():
    history = unpulled(history_of(acme()), ago(3))
    assert usable_days(history) == EVERY_DAY - {3}
    assert left_out(history) == (LeftOutDay(ago(3), "no data"),)


def test_a_day_that_was_pulled_in_part_does_not_count():
    history = partial(history_of(acme()), ago(3))
    assert usable_days(history) == EVERY_DAY - {3}
    assert left_out(history) == (LeftOutDay(ago(3), "only partly pulled"),)


def test_fault_10_a_day_of_unknown_cost_does_not_count_for_its_tenant():
    history = history_of(
        acme(), spend("acme", [None], last=ago(3), model="new"), spend("bolt", [7])
    )
    assert usable_days(history) == EVERY_DAY - {3}
    assert left_out(history) == (LeftOutDay(ago(3), "cost unknown"),)


def test_fault_36_an_answered_day_is_left_out_with_the_answer_as_its_reason():
    history = history_of(acme(), corp())
    lesson = leave_out("acme", ago(2), ago(3), ago(90))
    assert usable_days(history, lesson) == EVERY_DAY - {2, 3}
    assert usable_days(history, lesson, tenant="corp") == {1, 2, 3, 4}
    expected = [LeftOutDay(ago(days), "dismissed as expected") for days in (3, 2)]
    assert list(left_out(history, lesson)) == expected


def test_an_answer_explains_a_day_before_anything_else_does():
    history = unpulled(history_of(acme()), ago(3))
    lesson = leave_out("acme", ago(3), reason="dismissed as a data error")
    assert left_out(history, lesson) == (LeftOutDay(ago(3), "dismissed as a data error"),)


def test_fault_39_a_new_normal_starts_the_baseline_again_on_its_day():
    assert usable_days(history_of(acme()), restart("acme", ago(4))) == {1, 2, 3, 4}


@pytest.mark.parametrize("days", [0, -1])
def test_fault_22_a_day_judged_again_keeps_the_baseline_from_before_a_later_new_normal(days):
    assert usable_days(history_of(acme()), restart("acme", ago(days))) == EVERY_DAY


@pytest.mark.parametrize(
    "lesson",
    [leave_out("nobody", ago(2)), raise_floor("acme", 5, TODAY), restart("acme", None)],
)
def test_lessons_about_others_or_other_things_leave_nothing_out(lesson):
    assert usable_days(history_of(acme()), lesson) == EVERY_DAY


def test_without_a_table_costs_stay_as_billed():
    assert restate(history_of(acme()), None)[0, -1] == 100.0


def test_without_a_change_of_price_costs_stay_as_billed():
    table = prices(price(ago(400), "3"))
    history = history_of(acme(), last=TODAY)
    assert np.array_equal(restate(history, table), history.cost / MICRO)
    assert restate(history_of([]), table).shape == (0, 31)


def test_fault_11_the_past_is_valued_at_the_prices_of_the_judged_day():
    table = prices(price(ago(400), "3"), price(ago(10), "6"))
    history = history_of(priced(table, "acme", [1_000_000] * 31))
    assert history.cost[0, [0, -1]].tolist() == [3 * MICRO, 6 * MICRO]
    assert restate(history, table)[0].tolist() == [6.0] * 31


def test_fault_15_cached_and_completion_tokens_are_restated_at_their_own_rates():
    rates = {"cached_input": Decimal(1), "output": Decimal(20)}
    table = prices(price(ago(400), "3"), price(ago(10), "10", **rates))
    usage = CostDay(ago(20), SeriesKey("acme", model="gpt-4o"), 99, 1, 0, 5_000_000, 1_000_000,
                    2_000_000)  # fmt: skip
    restated = restate(history_of([usage], spend("acme", [5], given=True)), table)
    assert restated[0, 10] == pytest.approx(3 * 10 + 2 * 1 + 1 * 20)


def test_fault_11_a_stated_or_unknown_cost_cannot_be_restated():
    table = prices(price(ago(400), "3"), price(ago(10), "6"))
    given = [*spend("acme", [7], last=ago(20), given=True), *spend("acme", [None], last=ago(19))]
    restated = restate(history_of(given, priced(table, "acme", [1_000_000])), table)
    assert restated[0, [10, 11, -1]].tolist() == [7.0, 0.0, 6.0]


def test_a_series_without_a_price_stays_as_it_is():
    table = prices(price(ago(400), "3", "other"), price(ago(10), "6", "other"))
    history = history_of(spend(UNATTRIBUTED, [4, 5]))
    assert restate(history, table)[0, -2:].tolist() == [4.0, 5.0]


def test_a_model_without_an_input_rate_stays_as_billed():
    changes = [
        Price("gpt-4o", "global", day, {"output": Decimal(rate)})
        for day, rate in ((ago(400), 3), (ago(10), 6))
    ]
    history = history_of(spend("acme", [4] * 31))
    assert restate(history, prices(*changes))[0].tolist() == [4.0] * 31
