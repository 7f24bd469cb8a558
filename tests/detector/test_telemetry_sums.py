"""What a pull learns of the telemetry, bounded whatever the rows carry."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from detector.sources import telemetry_sums
from detector.sources.base import ApiDay, Telemetry, UseByIds
from detector.sources.slot_sums import Use, UseKey
from detector.sources.telemetry_sums import MOST_VALUES, TelemetrySums, carried
from tests.detector.log_stores import DAY, HOUR

ON = date(2026, 11, 12)
SERVED = ("gpt-4o", "chat", "global")
NOBODY = UseKey("", "", *SERVED)
ACME = UseKey("acme", "ocr", *SERVED)


def test_nothing_seen_is_nothing_told():
    assert TelemetrySums().telemetry() == Telemetry()


def test_an_apis_day_is_added_up_and_its_newest_times_kept():
    sums = TelemetrySums()
    sums.add_api(ApiDay(ON, "chat", 3, 1, 0, 2, 1, DAY, None))
    sums.add_api(ApiDay(ON, "chat", 4, 0, 1, 0, 4, DAY + HOUR, DAY + 2 * HOUR))
    sums.add_api(ApiDay(ON, "chat", newest_at=DAY))
    (seen,) = sums.telemetry().apis
    assert seen == ApiDay(ON, "chat", 7, 1, 1, 2, 5, DAY + HOUR, DAY + 2 * HOUR)


def test_days_and_apis_are_told_in_order():
    sums = TelemetrySums()
    later = ON + timedelta(1)
    for day, api in [(later, "chat"), (ON, "ocr"), (ON, "chat")]:
        sums.add_api(ApiDay(day, api))
    found = [(seen.day, seen.api) for seen in sums.telemetry().apis]
    assert found == [(ON, "chat"), (ON, "ocr"), (later, "chat")]


def test_unattributed_use_is_told_by_its_ids_without_the_empty_ones():
    sums = TelemetrySums()
    for cached in (3, 4):
        ids = carried({"subscription": "bu-hr", "product": ""})
        sums.add_use(ON, ids, NOBODY, Use(2, 0, 10, 5, cached))
    sums.add_use(ON, (), NOBODY, Use(1, 1, 0, 0))
    assert sums.telemetry().unattributed == (
        UseByIds(ON, (("subscription", "bu-hr"),), *SERVED, 4, 20, 10, 7),
        UseByIds(ON, (), *SERVED, 1, 0, 0, None),
    )


def test_use_with_a_tenant_stands_beside_use_without_one():
    sums = TelemetrySums()
    api = carried({"api": "chat"})
    for key in (ACME, ACME._replace(tenant="bolt"), NOBODY):
        sums.add_use(ON, api, key, Use(1, 0, 10, 5, 2))
    told = sums.telemetry()
    assert told.uses == (
        UseByIds(ON, api, *SERVED, 2, 20, 10, 4, attributed=True),
        UseByIds(ON, api, *SERVED, 1, 10, 5, 2),
    )
    assert [use.api for use in told.unattributed] == ["chat"]


@pytest.mark.parametrize(
    ("cached", "known"), [((3, None), 3), ((None, 3), 3), ((None, None), None)]
)
def test_cached_tokens_are_summed_as_far_as_they_are_known_as_in_the_ledger(cached, known):
    sums = TelemetrySums()
    for each in cached:
        sums.add_use(ON, (), NOBODY, Use(1, 0, 10, 5, each))
    (use,) = sums.telemetry().uses
    assert use.cached_tokens == known


def test_use_that_tells_its_cost_has_no_tokens_to_show():
    sums = TelemetrySums()
    sums.add_use(ON, (), NOBODY._replace(given=True), Use(1, dollars=Decimal("0.5")))
    (use,) = sums.telemetry().uses
    assert (use.prompt_tokens, use.completion_tokens, use.cached_tokens) == (0, 0, None)
    assert use.stated_micro_usd == 500_000


def test_a_long_id_is_cut_where_it_is_shown():
    ((_, shown),) = carried({"request_header x": "é" * 10_000})
    assert (len(shown), shown[-1]) == (300, "…")


def test_beyond_a_bound_ids_are_summed_by_their_api_and_that_is_told():
    sums = TelemetrySums()
    for number in range(telemetry_sums.MOST_IDS + 3):
        ids = (("user", str(number)), ("api", "chat"))
        sums.add_use(ON, ids, NOBODY, Use(1, 0, 2, 1))
    sums.add_use(ON, (("user", "0"), ("api", "chat")), NOBODY, Use(1, 0, 2, 1))
    told = sums.telemetry()
    assert len(told.uses) == telemetry_sums.MOST_IDS + 1
    assert (told.uses[-1].ids, told.uses[-1].requests) == ((("api", "chat"),), 3)
    assert sum(use.requests for use in told.uses) == telemetry_sums.MOST_IDS + 4
    assert told.remarks == ("only the first 10,000 groups of ids are kept apart",)


def test_what_rows_have_in_common_is_told_once_with_the_first_of_them():
    sums = TelemetrySums()
    for number in range(3):
        sums.count("odd", lambda number=number: f"row {number}")
    sums.count("rare", lambda: "row 9")
    sums.tell("a sentence")
    sums.tell("a sentence")
    assert sums.telemetry().remarks == (
        "a sentence", "3 rows: odd (first: row 0)", "1 row: rare (first: row 9)",
    )  # fmt: skip


def values(count, name="tenant", day=ON):
    sums = TelemetrySums()
    sums.add_api(ApiDay(ON, "chat"))
    for number in range(count):
        sums.add_values(day, name, [str(number), str(number)])
        sums.add_values(day, "model", ["gpt-4o"])
        sums.add_values(day, "empty", [""])
    return sums.telemetry()


@pytest.mark.parametrize(("count", "remarks"), [(89, 0), (90, 1)])
def test_from_ninety_values_of_a_dimension_on_the_silent_cap_is_told(count, remarks):
    assert len(values(count).remarks) == remarks


def test_the_cap_is_told_with_dimension_count_and_fullest_day():
    sums = TelemetrySums()
    for count, day in [(91, ON), (95, ON + timedelta(1)), (90, ON + timedelta(2))]:
        for number in range(count):
            sums.add_values(day, "tenant", [str(number)])
    (remark,) = sums.telemetry().remarks
    assert "the dimension 'tenant' had 95 values on 2026-11-13" in remark
    assert "silently drops" in remark


def test_an_apis_day_tells_the_fullest_dimension_of_the_day():
    (seen,) = values(7).apis
    assert (seen.fullest_dimension, seen.dimension_values) == ("tenant", 7)
    (seen,) = values(7, day=ON + timedelta(1)).apis
    assert (seen.fullest_dimension, seen.dimension_values) == ("", 0)


def test_distinct_values_are_counted_up_to_a_bound():
    told = values(MOST_VALUES + 5)
    assert told.apis[0].dimension_values == MOST_VALUES
    assert "had at least 1,000 values" in told.remarks[0]
