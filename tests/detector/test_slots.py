from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from detector.model import Grain
from detector.slots import newest_slot, series_of, slot_days, sum_stretch
from detector.usage import add_up, day_bounds
from spendwatch.db import reading
from tests.detector.ledgers import DAY, Slots, at, first_days, hours, quarters, slot

BERLIN, TOKYO = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Tokyo")
ONE = timedelta(days=1)


@pytest.mark.parametrize(
    ("zone", "hour", "day"),
    [
        ("Pacific/Kiritimati", 9, DAY),  # +14
        ("Pacific/Kiritimati", 10, DAY + ONE),
        ("Etc/GMT+12", 11, DAY - ONE),  # -12
        ("Etc/GMT+12", 12, DAY),
        ("Asia/Kathmandu", 18, DAY),  # +5:45: the hour from 18:00 begins at 23:45
        ("Asia/Kathmandu", 19, DAY + ONE),
    ],
)
def test_fault_44_an_hour_belongs_to_the_local_day_it_begins_on(database, zone, hour, day):
    slots = Slots(database, ZoneInfo(zone))
    assert slots.put(DAY, [slot(at(DAY, hour))]) == {day}
    assert [usage.start_at for usage in slots.day(day)] == [at(day)]
    assert slots.requests(day - ONE, day, day + ONE) == [0, 1, 0]


@pytest.mark.parametrize(
    ("zone", "quarter", "day"),
    [("Asia/Kathmandu", 0, DAY), ("Asia/Kathmandu", 15, DAY + ONE), ("Asia/Tokyo", 15, DAY + ONE)],
)
def test_fault_44_quarters_of_an_hour_cut_odd_zones_exactly(database, zone, quarter, day):
    start = at(DAY, 18, quarter)  # 23:45 and 00:00 in Kathmandu
    assert Slots(database, ZoneInfo(zone)).put(DAY, [slot(start)]) == {day}


@pytest.mark.parametrize("make", [hours, quarters])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12", "Asia/Tokyo", "UTC"])
def test_fault_44_a_local_day_between_pulled_utc_days_is_complete(database, make, zone):
    slots = Slots(database, ZoneInfo(zone))
    for day in (DAY - ONE, DAY, DAY + ONE):
        slots.put(day, make(day))
    assert slots.requests(DAY) == [len(make(DAY))]


@pytest.mark.parametrize(
    ("day", "length"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (DAY, 24)]
)
def test_fault_47_a_day_of_23_or_25_hours_holds_that_many(database, day, length):
    slots = Slots(database, BERLIN)
    for each in (day - ONE, day, day + ONE):
        slots.put(each, hours(each))
    assert slots.requests(day) == [length]
    begin, end = day_bounds(day, BERLIN)
    assert end - begin == timedelta(hours=length)


def test_fault_47_no_hour_is_lost_or_doubled_over_the_change_of_the_clocks(database):
    slots = Slots(database, BERLIN)
    first = date(2026, 10, 23)
    days = [first + ONE * step for step in range(5)]
    for day in days:
        slots.put(day, hours(day))
    assert sum(slots.requests(first - ONE, *days, days[-1] + ONE)) == 5 * 24


def test_a_day_a_zone_left_out_is_empty():
    begin, end = day_bounds(date(2011, 12, 30), ZoneInfo("Pacific/Apia"))
    assert begin == end


def test_two_daily_files_give_the_right_local_days_in_tokyo(database):
    slots = Slots(database, TOKYO)
    slots.put(DAY, hours(DAY))
    assert slots.requests(DAY, DAY + ONE) == [15, 9]
    slots.put(DAY + ONE, hours(DAY + ONE))
    assert slots.requests(DAY, DAY + ONE, DAY + 2 * ONE) == [15, 24, 9]


def test_each_tenant_is_summed_in_its_own_zone(database):
    slots = Slots(database, acme=TOKYO, bolt=BERLIN, corp=ZoneInfo("Europe/Paris"))
    everyone = [one for tenant in ("acme", "bolt", "corp") for one in hours(DAY, tenant=tenant)]
    slots.put(DAY, everyone)
    found = {usage.tenant: usage.requests for usage in slots.day(DAY)}
    assert found == {"acme": 15, "bolt": 23, "corp": 23}


def test_fault_19_slots_told_again_replace_themselves(database):
    slots = Slots(database)
    for _ in range(2):
        slots.put(DAY, hours(DAY))
    assert (slots.count(), slots.requests(DAY)) == (24, [24])


def test_a_slot_that_is_gone_still_touches_the_local_day_it_was_part_of(database):
    slots = Slots(database, TOKYO)
    slots.put(DAY, hours(DAY))
    assert slots.put(DAY, [slot(at(DAY, 3))]) == {DAY, DAY + ONE}
    assert slots.requests(DAY, DAY + ONE) == [1, 0]


def test_fault_25_a_partial_answer_replaces_the_slots_it_tells_of_and_removes_none(database):
    slots = Slots(database)
    slots.put(DAY, hours(DAY))
    touched = slots.put(DAY, [slot(at(DAY, 3), requests=5)], whole=False)
    assert (touched, slots.count(), slots.requests(DAY)) == ({DAY}, 24, [28])
    assert slots.put(DAY, [], whole=False) == set()
    assert slots.count() == 24


def test_sources_keep_their_slots_apart(database):
    slots = Slots(database)
    slots.put(DAY, hours(DAY), source="gateway")
    slots.put(DAY, [slot(at(DAY))], source="import")
    assert [len(slots.day(DAY, source)) for source in ("gateway", "import")] == [1, 1]
    assert slots.put(DAY, [], source="import") == {DAY}
    assert slots.requests(DAY) == [24]


def test_a_cost_the_source_states_is_summed_apart_from_tokens_to_be_priced(database):
    slots = Slots(database)
    slots.put(DAY, [slot(at(DAY)), slot(at(DAY), cost_micro_usd=7), slot(at(DAY, 1))])
    found = {usage.cost_micro_usd: usage.prompt_tokens for usage in slots.day(DAY)}
    assert found == {None: 200, 7: 100}


def test_an_unknown_number_makes_the_sum_unknown(database):
    slots = Slots(database)
    first = slot(at(DAY), completion_tokens=None, estimated=True, requests_without_usage=2)
    slots.put(DAY, [first, slot(at(DAY, 1))])
    (usage,) = slots.day(DAY)
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (200, None, None)
    assert (usage.requests, usage.requests_without_usage, usage.estimated) == (2, 2, True)


@pytest.mark.parametrize(
    ("others", "estimated"),
    [
        ({"cached_tokens": None}, True),
        ({"cached_tokens": None, "prompt_tokens": None}, True),
        ({"cached_tokens": None, "prompt_tokens": 0}, False),
        ({"cached_tokens": 0}, False),
    ],
)
def test_cached_tokens_that_some_slots_know_are_summed_and_marked(database, others, estimated):
    slots = Slots(database)
    both = [slot(at(DAY), cached_tokens=4), slot(at(DAY, 1), **others)]
    slots.put(DAY, both)
    (usage,) = slots.day(DAY)
    assert (usage.cached_tokens, usage.estimated) == (4, estimated)
    added = add_up(both)
    assert (added.cached_tokens, added.estimated) == (4, estimated)


def test_a_series_begins_on_the_first_local_day_of_its_own(database):
    slots = Slots(database, acme=ZoneInfo("America/New_York"))
    slots.put(DAY, [slot(at(DAY)), slot(at(DAY), tenant="bolt")])
    found = {tenant: day for (_, tenant, _), day in first_days(database).items()}
    assert found == {"acme": DAY - ONE, "bolt": DAY}


def test_the_utc_days_a_source_told_slots_of_are_its_own(database):
    Slots(database).put(DAY, [slot(at(DAY, 23))])
    with reading(database) as session:
        assert slot_days(session, "gateway") == {DAY}
        assert slot_days(session, "gateway", whole=False) == set()
        assert slot_days(session, "import") == set()


def test_an_answer_for_a_day_that_runs_is_all_there_is_so_far_and_never_whole(database):
    slots = Slots(database)
    slots.put(DAY, [slot(at(DAY, 9), "nobody"), slot(at(DAY, 10))], over=False)
    slots.put(DAY, [slot(at(DAY, 9)), slot(at(DAY, 10))], over=False)  # it has its tenant by now
    assert slots.requests(DAY) == [2]
    with reading(database) as session:
        assert slot_days(session, "gateway", whole=True) == set()
        assert slot_days(session, "gateway", whole=False) == {DAY}
    slots.put(DAY, hours(DAY))
    with reading(database) as session:
        assert slot_days(session, "gateway", whole=True) == {DAY}


def test_a_stretch_of_a_day_is_summed_for_some_tenants_alone(database):
    slots = Slots(database)
    slots.put(DAY, [*quarters(DAY), slot(at(DAY, 3), "bolt"), slot(at(DAY, 3), "acme-old")])
    with reading(database) as session:

        def requests(begin, end, *tenants):
            series = series_of(session, tenants)
            found = sum_stretch(session, DAY, series, at(DAY, *begin), at(DAY, *end))
            return sum(usage.requests for usage in found)

        assert requests((0,), (6,), "acme") == 24
        assert requests((3,), (3, 15), "acme", "acme-old") == 2
        assert requests((3, 7), (3, 8), "acme") == 0  # no slot begins there
        assert requests((0,), (23,), "nobody") == 0


def test_the_newest_slot_of_some_tenants_ends_an_hour_or_a_quarter_later(database):
    slots = Slots(database)
    slots.put(DAY, [slot(at(DAY, 3)), replace(slot(at(DAY, 5), "bolt"), grain=Grain.QUARTER_HOUR)])
    with reading(database) as session:

        def newest(*tenants, end=23):
            return newest_slot(session, series_of(session, tenants), at(DAY), at(DAY, end))

        assert newest("acme") == at(DAY, 4)
        assert newest("acme", "bolt") == at(DAY, 5, 15)
        assert newest("corp") is None
        assert newest("bolt", end=5) is None
