from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.model import Grain, Usage
from detector.usage import (
    add_up,
    cut_day,
    day_bounds,
    local_day,
    merge_usage,
    utc_days,
    whole_day,
)
from tests.detector.ledgers import DAY, at, slot
from tests.spendwatch.apps import used

ONE = timedelta(days=1)


def test_a_row_of_day_grain_names_its_local_day_itself():
    usage = Usage(at(DAY), Grain.DAY, "acme")
    assert local_day(usage, ZoneInfo("Pacific/Pago_Pago")) == DAY


def test_fault_47_midnight_that_does_not_exist_begins_the_day_when_the_clock_jumps():
    cairo = ZoneInfo("Africa/Cairo")  # 24 April 2026 begins at 01:00
    begin, end = day_bounds(date(2026, 4, 24), cairo)
    assert (begin, end - begin) == (datetime(2026, 4, 23, 22, tzinfo=UTC), timedelta(hours=23))


def test_adding_up_rows_keeps_the_same_rule_as_the_database():
    both = [slot(at(DAY), completion_tokens=None), slot(at(DAY, 1), estimated=True)]
    usage = add_up(both)
    assert (usage.requests, usage.prompt_tokens, usage.completion_tokens) == (2, 200, None)
    assert usage.cached_tokens is None
    assert (usage.estimated, usage.cost_micro_usd) == (True, None)


@pytest.mark.parametrize(
    ("zones", "days"),
    [
        (["UTC"], [0]),
        (["Asia/Tokyo"], [-1, 0]),
        (["America/New_York"], [0, 1]),
        (["Asia/Tokyo", "UTC", "America/New_York"], [-1, 0, 1]),
    ],
)
def test_a_local_day_reaches_into_the_utc_days_of_every_zone(zones, days):
    assert utc_days(DAY, map(ZoneInfo, zones)) == {DAY + ONE * step for step in days}


def test_rows_of_one_key_are_summed_and_others_stay_apart():
    merged = merge_usage([used(who="Acme"), used(who="acme"), used(feature="search"),
                          used(cost_micro_usd=1), used(DAY + ONE)])  # fmt: skip
    assert [row.requests for row in merged] == [6, 3, 3, 3]
    assert {row.tenant for row in merged} == {"acme"}


def test_a_row_that_needs_no_change_is_passed_on_as_it_is():
    row = used()
    assert merge_usage([row])[0] is row
    assert merge_usage([replace(row, tenant="Acme")])[0].tenant == "acme"


def test_a_day_is_cut_between_two_starts_never_within_one():
    rows = [slot(at(DAY, hour)) for hour in (1, 1, 2, 2, 2, 5)]
    parts = list(cut_day(DAY, rows, at_least=3))
    assert [(part.begin, part.end, len(part.rows)) for part in parts] == [
        (at(DAY), at(DAY, 5), 5),
        (at(DAY, 5), at(DAY + ONE), 1),
    ]


@given(st.lists(st.integers(0, 95)).map(sorted), st.integers(1, 20))
def test_the_parts_of_a_day_are_the_whole_day_and_bounded(quarters, at_least):
    rows = [slot(at(DAY) + timedelta(minutes=15) * step) for step in quarters]
    parts = list(cut_day(DAY, rows, at_least))
    assert [row for part in parts for row in part.rows] == rows
    assert all(part.begin <= row.start_at < part.end for part in parts for row in part.rows)
    begins, ends = [part.begin for part in parts], [part.end for part in parts]
    assert [*begins, whole_day(DAY).end] == [whole_day(DAY).begin, *ends]
    for part in parts:
        newest = [row for row in part.rows if row.start_at == part.rows[-1].start_at]
        assert len(part.rows) < at_least + len(newest)
