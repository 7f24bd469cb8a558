from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.model import Grain, Usage
from detector.usage import day_bounds, local_day, utc_days
from tests.databases import open_empty
from tests.detector.ledgers import Slots, copied

FIRST = date(2026, 10, 23)  # Europe's clocks go back on the 25th
ONE = timedelta(days=1)
ZONES = ["UTC", "Asia/Tokyo", "Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kathmandu",
         "Europe/Berlin", "America/St_Johns"]  # fmt: skip
zones = st.sampled_from(ZONES).map(ZoneInfo)
moments = st.integers(0, 4 * 96 - 1).map(lambda step: at(step))


def at(step):
    return datetime(2026, 10, 23, tzinfo=UTC) + timedelta(minutes=15) * step


@st.composite
def cases(draw):
    """Slots of four UTC days, told day by day in any order and some days again."""
    tenants = draw(st.lists(zones, min_size=1, max_size=3))
    told = draw(st.dictionaries(st.tuples(moments, st.integers(0, len(tenants) - 1)),
                                st.integers(1, 9), max_size=30))  # fmt: skip
    slots = [
        Usage(start, Grain.QUARTER_HOUR, f"t{number}", "chat", "gpt-4o", requests=requests)
        for (start, number), requests in told.items()
    ]
    days = [FIRST + ONE * step for step in range(4)]
    more = draw(st.lists(st.sampled_from(days), max_size=3))
    return (
        {f"t{n}": zone for n, zone in enumerate(tenants)},
        slots,
        draw(st.permutations([*days, *more])),
    )


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    path = tmp_path_factory.mktemp("empty") / "empty.db"
    open_empty(f"sqlite:///{path}").dispose()
    return path


@settings(max_examples=40)
@given(cases())
def test_every_slot_counts_once_on_its_tenants_local_day_in_whatever_order(empty, case):
    tenants, slots, order = case
    wanted = {}
    for slot in slots:
        key = (local_day(slot, tenants[slot.tenant]), slot.tenant)
        wanted[key] = wanted.get(key, 0) + slot.requests
    with copied(empty) as engine:
        kept = Slots(engine, **tenants)
        for day in order:
            kept.put(day, [slot for slot in slots if slot.start_at.date() == day])
        local = [FIRST + ONE * step for step in range(-1, 5)]
        found = {(day, usage.tenant): usage.requests for day in local for usage in kept.day(day)}
    assert found == wanted


@given(st.sampled_from(ZONES), st.dates(date(2020, 1, 1), date(2035, 1, 1)), st.integers(0, 95))
def test_the_bounds_of_a_day_hold_exactly_the_slots_of_that_day(zone, day, quarter):
    zone = ZoneInfo(zone)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=15) * quarter
    mine = local_day(Usage(start, Grain.QUARTER_HOUR, "acme"), zone)
    begin, end = day_bounds(mine, zone)
    assert begin <= start < end
    assert day in utc_days(mine, [zone])
