from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from detector.model import Grain
from detector.slots import slot_days
from detector.sources.base import SourceError, Window
from detector.tables import USAGE_SLOT
from detector.usage import whole_day
from spendwatch.db import reading
from spendwatch.ingest import pull
from tests.detector.ledgers import at, current, rows, source_days
from tests.fakes import Crash
from tests.spendwatch.apps import (
    DAY,
    ONE,
    DyingSource,
    FakeSource,
    an_app,
    hours,
    pulls,
    requests,
    slot,
    tenant,
    told,
    used,
    wholes,
)


@pytest.fixture
def app(tmp_path):
    return an_app(tmp_path)


def test_two_daily_files_make_the_right_local_days_in_tokyo(tmp_path):
    app = an_app(tmp_path, zone="Asia/Tokyo")
    told(app, *hours(DAY))
    assert requests(app) == {("acme", 0): 15 * 3, ("acme", 1): 9 * 3}
    told(app, *hours(DAY + ONE))
    assert requests(app) == {("acme", 0): 15 * 3, ("acme", 1): 24 * 3, ("acme", 2): 9 * 3}


def test_a_local_day_is_whole_once_every_utc_day_it_reaches_into_was_told(tmp_path):
    app = an_app(tmp_path, zone="Asia/Tokyo")
    app.clock.move(3 * ONE)
    told(app, *hours(DAY))
    assert wholes(app) == {0: False, 1: False}
    told(app, *hours(DAY + ONE))
    assert wholes(app) == {0: False, 1: True, 2: False}
    told(app, *hours(DAY - ONE))
    assert wholes(app) == {-1: False, 0: True, 1: True, 2: False}


@pytest.mark.parametrize(
    ("zone", "first", "last"),
    [("UTC", 0, 0), ("Asia/Tokyo", -1, 0), ("America/New_York", 0, 1), ("Asia/Kathmandu", -1, 0)],
)
def test_fault_44_a_window_of_local_days_is_asked_for_in_full(tmp_path, zone, first, last):
    app = an_app(tmp_path, zone=zone)
    source = FakeSource(*hours(DAY - ONE), *hours(DAY), *hours(DAY + ONE))
    pull(app, source, Window(DAY, DAY))
    assert source.asked == [Window(DAY + first * ONE, DAY + last * ONE)]
    assert requests(app)["acme", 0] == 24 * 3
    assert wholes(app)[0]


def test_fault_44_every_tenant_has_its_own_days(tmp_path):
    zones = tenant("acme", "Pacific/Kiritimati") + tenant("bolt", "Etc/GMT+12")
    app = an_app(tmp_path, zones)
    told(app, *hours(DAY), *hours(DAY, "bolt"), *hours(DAY, "corp"))
    assert requests(app) == {
        ("acme", 0): 10 * 3, ("acme", 1): 14 * 3, ("bolt", -1): 12 * 3, ("bolt", 0): 12 * 3,
        ("corp", 0): 24 * 3,
    }  # fmt: skip


@pytest.mark.parametrize(("month", "day", "length"), [(3, 29, 23), (10, 25, 25)])
def test_fault_47_a_day_of_23_or_25_hours_is_whole_and_complete(tmp_path, month, day, length):
    app = an_app(tmp_path, zone="Europe/Berlin")
    changed = datetime(2026, month, day, tzinfo=UTC).date()
    told(app, *(one for step in (-1, 0, 1) for one in hours(changed + step * ONE)))
    by_day = {key[3]: row.requests for key, row in rows(app.engine).items()}
    assert by_day[changed] == length * 3
    assert source_days(app.engine)["gateway", changed].whole


@pytest.mark.parametrize(("zone", "days"), [("UTC", [72]), ("Asia/Tokyo", [45, 27])])
def test_a_slot_that_moves_to_another_tenant_does_not_count_twice(tmp_path, zone, days):
    app = an_app(tmp_path, zone=zone)
    told(app, *hours(DAY))
    told(app, *hours(DAY, "bolt"))
    assert requests(app) == {
        (who, step): uses if who == "bolt" else 0
        for who in ("acme", "bolt")
        for step, uses in enumerate(days)
    }


def test_slots_of_a_utc_day_that_is_empty_now_are_removed_from_both_local_days(tmp_path):
    app = an_app(tmp_path, zone="Asia/Tokyo")
    days = [DAY - ONE, DAY, DAY + ONE]
    told(app, *(one for day in days for one in hours(day)))
    told(app, *hours(DAY - ONE), *hours(DAY + ONE))
    assert requests(app) == {
        ("acme", -1): 15 * 3, ("acme", 0): 9 * 3, ("acme", 1): 15 * 3, ("acme", 2): 9 * 3,
    }  # fmt: skip


def test_fault_25_a_partial_utc_day_makes_every_local_day_it_reaches_into_partial(tmp_path):
    app = an_app(tmp_path, zone="Asia/Tokyo")
    days = [DAY - ONE, DAY, DAY + ONE]
    told(app, *(one for day in days for one in hours(day)))
    before = requests(app)
    told(app, *hours(DAY)[:3], *hours(DAY + ONE), partial=[DAY])
    assert requests(app) == before
    assert wholes(app) == {-1: False, 0: False, 1: False, 2: False}


def test_a_local_day_nothing_touches_is_whole_only_if_all_its_slots_were_told(tmp_path):
    app = an_app(tmp_path, zone="America/New_York")
    app.clock.move(3 * ONE)
    early = datetime(2026, 11, 12, 3, tzinfo=UTC)  # still the day before in New York
    told(app, slot(early), slot(early + 2 * ONE))
    # local day 1 reaches into the UTC days 1 and 2, which were told; local day 2 into day 3 too
    assert requests(app) == {("acme", -1): 3, ("acme", 1): 3}
    assert wholes(app) == {-1: False, 0: True, 1: True, 2: False}


def test_a_quiet_day_becomes_whole_once_its_last_slots_could_have_come(tmp_path):
    app = an_app(tmp_path, zone="America/New_York")
    noon = datetime(2026, 11, 12, 17, tzinfo=UTC)
    told(app, slot(noon), window=Window(), span=(DAY, DAY))
    assert wholes(app) == {0: False}
    told(app, slot(noon + ONE))
    assert wholes(app) == {0: True, 1: False}


def test_days_told_whole_before_are_left_alone_by_slots_of_later_days(app):
    told(app, used(DAY - ONE), used())
    told(app, *hours(DAY + ONE), span=(DAY + ONE, DAY + ONE))
    assert requests(app) == {("acme", -1): 3, ("acme", 0): 3, ("acme", 1): 72}


def test_an_empty_day_before_the_slots_may_become_whole(tmp_path):
    app = an_app(tmp_path, zone="Asia/Tokyo")
    told(app, *hours(DAY)[20:])  # in Tokyo it is the next day already
    assert wholes(app) == {0: False, 1: False}
    told(app, *hours(DAY - ONE)[:3])
    assert wholes(app) == {-1: False, 0: True, 1: False}


@pytest.mark.parametrize("grains", [(Grain.HOUR, Grain.DAY), (Grain.DAY, Grain.HOUR)])
def test_one_source_must_not_tell_a_day_both_whole_and_in_parts(tmp_path, grains):
    app = an_app(tmp_path, tenant("acme", "Asia/Tokyo") + tenant("bolt", "America/New_York"))
    late, early = datetime(2026, 11, 11, 20, tzinfo=UTC), datetime(2026, 11, 13, 2, tzinfo=UTC)
    part = slot(late, "acme") if grains[0] is Grain.HOUR else slot(early, "bolt")
    with pytest.raises(SourceError, match=rf"gateway tells {DAY} both as a whole .* two sources"):
        told(app, used(who="corp"), part)
    assert pulls(app)[-1].error.startswith("gateway tells")


@pytest.mark.parametrize("dies_after", [10, 30, 60])
def test_fault_51_a_killed_pull_of_slots_is_mended_by_a_rerun(tmp_path, dies_after):
    slots = [one for step in range(3) for one in hours(DAY + step * ONE)]
    undisturbed = an_app(tmp_path / "a", zone="Asia/Tokyo")
    killed = an_app(tmp_path / "b", zone="Asia/Tokyo")
    told(undisturbed, *slots)
    with pytest.raises(Crash):
        pull(killed, DyingSource(*slots, dies_after=dies_after), Window())
    told(killed, *slots)
    assert current(killed.engine) == current(undisturbed.engine)
    assert wholes(killed) == wholes(undisturbed)


def test_slots_that_came_before_a_failure_are_summed(tmp_path):
    app = an_app(tmp_path, zone="Asia/Tokyo")
    app.clock.move(3 * ONE)
    days = [one for step in range(3) for one in hours(DAY + step * ONE)]
    with pytest.raises(SourceError):
        told(app, *days, fails_after=60)
    assert requests(app) == {("acme", 0): 15 * 3, ("acme", 1): 24 * 3, ("acme", 2): 9 * 3}
    assert wholes(app) == {0: False, 1: True, 2: False}


def busy_day(day, tenants=range(250)):
    """More slots than are recorded at once: the last four hours are a part of their own."""
    return [one for number in tenants for one in hours(day, f"t{number}")]


def by_hour(app, day):
    with reading(app.engine) as session:
        begin, end, _ = whole_day(day)
        statement = select(USAGE_SLOT.c.start_at).where(USAGE_SLOT.c.start_at.between(begin, end))
        return Counter(moment.hour for moment in session.execute(statement).scalars())


def test_a_busy_day_is_recorded_part_by_part_and_whole_at_its_end(app):
    seen = []

    class Watched(FakeSource):
        def usage(self, window):
            for number, row in enumerate(super().usage(window)):
                if number == len(self.rows) - 1:
                    seen.append((len(by_hour(app, DAY)), unfinished(app)))
                yield row

    pull(app, Watched(*busy_day(DAY)), Window())
    assert seen == [(20, {DAY})]
    assert unfinished(app) == set()
    assert by_hour(app, DAY) == dict.fromkeys(range(24), 250)
    assert wholes(app) == {0: True}


def unfinished(app):
    with reading(app.engine) as session:
        return slot_days(session, "gateway", whole=False)


def test_fault_51_a_pull_killed_within_a_day_leaves_the_day_unfinished_until_it_is_told_again(app):
    app.clock.move(3 * ONE)
    with pytest.raises(Crash):
        pull(app, DyingSource(*busy_day(DAY), dies_after=5_500), Window())
    told(app, *hours(DAY + ONE, "t1"))  # another day alone: what was left unsummed is summed now
    assert wholes(app) == {0: False, 1: True}
    assert sum(requests(app).values()) == (20 * 250 + 24) * 3
    told(app, *busy_day(DAY))
    assert wholes(app) == {0: True, 1: True}
    assert sum(requests(app).values()) == (24 * 250 + 24) * 3


def test_fault_51_a_failure_within_a_day_loses_nothing_of_what_was_stored_before(app):
    told(app, *busy_day(DAY))
    before = requests(app)
    with pytest.raises(SourceError):
        told(app, *busy_day(DAY), fails_after=5_500)
    assert requests(app) == before
    assert wholes(app) == {0: False}


def test_a_busy_day_told_again_loses_the_slots_that_are_gone_in_every_part_of_it(app):
    told(app, *busy_day(DAY))
    fewer = [one for one in busy_day(DAY) if one.start_at.hour not in (0, 7, 23)]
    told(app, *fewer)
    assert by_hour(app, DAY).keys() == set(range(24)) - {0, 7, 23}
    assert sum(requests(app).values()) == 21 * 250 * 3


def test_slots_out_of_the_order_of_their_start_are_refused(app):
    source = FakeSource()
    source.rows = [slot(at(DAY, 3)), slot(at(DAY, 2))]
    with pytest.raises(SourceError, match=f"{DAY} 02:00 after that of {DAY} 03:00"):
        pull(app, source, Window())
