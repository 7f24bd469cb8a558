"""What goes wrong around a service stops as little as possible, and is said."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from detector.sources.base import Coverage
from spendwatch.app import App
from spendwatch.clock_guard import first_look, look
from spendwatch.db import reading
from spendwatch.keeping import CHECK, FULL_CHECK
from spendwatch.standing import standing
from spendwatch.tables import JOB_RUN
from tests.postgresql import new_database
from tests.service.serving import HOUR, ONE, serving
from tests.service.test_catching_up import judged_days, morning_after, spend
from tests.spendwatch.filled import break_a_page
from tests.spendwatch.installations import CONFIG, Installation

MINUTE = timedelta(minutes=1)
SECOND_SOURCE = """
[[sources]]
kind = "csv_file"
name = "stuck"
path = "usage"
"""


class WaitingSource:
    """Answers with nothing, once it is let go."""

    name = "stuck"

    def __init__(self):
        self.asked, self.let_go = threading.Event(), threading.Event()

    def usage(self, window):
        self.asked.set()
        self.let_go.wait(60)
        return iter(())

    def coverage(self):
        return Coverage(None, None)


class AppWithWaiting(App):
    """The service's parts, one of its sources another."""

    def usage_sources(self):
        return (*App.usage_sources(self)[:1], WAITING)


WAITING = WaitingSource()


def steady_place(folder, config=CONFIG, extra=""):
    place = Installation(folder, config, extra)
    place.write_days(35, 100)
    place.now = morning_after(34)
    return place


@pytest.fixture
def steady(tmp_path):
    return steady_place(tmp_path)


def test_a_source_that_never_answers_stops_neither_the_others_nor_delivery(tmp_path):
    place = steady_place(tmp_path, extra=SECOND_SOURCE)
    spend(place, 35, 400)
    place.now = morning_after(35)
    with serving(place, kind=AppWithWaiting) as service:
        hung = threading.Thread(target=service.tick, args=("pull stuck",), daemon=True)
        hung.start()
        assert WAITING.asked.wait(10)
        service.tick("pull gateway", "judge", "deliver")
        assert "acme" not in service.told(), "the day waits for its sources"
        service.wait(59 * MINUTE, tick=False)
        service.tick("judge")
        assert service.logged("day_judged") == []
        service.wait(2 * MINUTE, tick=False)
        service.tick("judge", "deliver")
        assert service.times_told("acme: $400 on") == 1
        WAITING.let_go.set()
        hung.join(10)
        assert not hung.is_alive()


def test_a_tick_that_fails_is_logged_and_the_next_one_goes_on(steady):
    with serving(steady) as service:
        steady.usage.rename(steady.folder / "away")
        service.tick()
        (failed,) = service.logged("source_failed")
        assert "usage" in failed["error"]
        (steady.folder / "away").rename(steady.usage)
        service.wait(2 * MINUTE)
        assert len(service.logged("day_judged")) == 1


def test_with_too_little_room_nothing_is_judged_answers_are_stored_and_it_is_said(tmp_path, capsys):
    place = steady_place(tmp_path)
    spend(place, 35, 400)
    place.now = morning_after(35)
    with serving(place) as service:
        service.tick()
    spend(place, 36, 900)
    place.now = morning_after(36)
    place.config.write_text(CONFIG.replace("[service]", "[service]\nmin_free_mb = 1000000"))
    with serving(place) as service:
        for _ in range(3):
            service.wait(MINUTE)
        assert len(service.logged("judging_stopped")) == 1
        told = service.told()
        assert service.times_told("[critical] spendwatch judges nothing for now: ") == 1
        assert "MB are left in" in told
        assert "$900" not in told
        assert place.run("alerts", "ack", "1") == 0
    capsys.readouterr()
    assert place.run("health") == 1
    assert "MB are needed to go on" in capsys.readouterr().out
    place.config.write_text(CONFIG)
    with serving(place) as service:
        service.tick()
        assert "worse, $900" in service.told()


def test_fault_48_a_clock_that_goes_back_stops_judging_until_it_has_caught_up(steady):
    with serving(steady) as service:
        service.tick()
        service.set_clock(-2 * HOUR)
        service.wait(MINUTE)
        (stopped,) = service.logged("judging_stopped")
        assert stopped["why"].startswith("the clock went back: it should be 2026-10-06 06:01")
        service.set_clock(2 * HOUR)
        service.wait(MINUTE)
        assert "judging_goes_on" in service.events()
        assert len(judged_days(steady)) == 1


def test_fault_48_a_clock_that_jumps_a_day_ahead_judges_no_half_day(steady):
    with serving(steady) as service:
        service.tick()
        service.set_clock(ONE)
        service.wait(MINUTE)
        assert service.logged("judging_stopped")[0]["why"].startswith(
            "the clock jumped ahead by 1 day, to 2026-10-07 06:01 UTC"
        )
        service.set_clock(-ONE)
        service.wait(MINUTE)
        assert len(judged_days(steady)) == 1
        assert service.times_told("source gateway: silent") == 0
        assert "judging_goes_on" in service.events()


def test_fault_48_a_clock_set_right_is_believed_once_it_has_run_on(steady):
    with serving(steady) as service:
        service.tick()
        spend(steady, 35, 400)
        service.set_clock(ONE)
        for _ in range(7):
            service.wait(MINUTE)
        assert "acme: $400 on" in service.told()


def test_fault_53_a_machine_that_slept_is_no_clock_that_jumped(steady):
    with serving(steady) as service:
        service.tick()
        spend(steady, 35, 400)
        service.wait(ONE)
        assert service.logged("judging_stopped") == []
        assert "acme: $400 on" in service.told()


def test_fault_48_a_clock_that_was_never_set_judges_nothing_for_ever():
    start = datetime(1970, 1, 1, tzinfo=UTC)
    state = first_look(start, 0, None)
    for hours in range(1, 50):
        state = look(state, start + hours * HOUR, hours * 3_600)
    assert state.doubt == "the clock was never set: it says 1970-01-03"


def test_fault_48_a_start_before_the_last_heartbeat_is_noticed(steady):
    with serving(steady) as service:
        service.tick()
    steady.now -= 3 * HOUR
    with serving(steady) as service:
        service.tick()
        assert "the clock went back" in service.service.paused
        for _ in range(13):
            service.wait(5 * MINUTE)
        assert service.service.paused == "", "it has run on for an hour: it is right now"


def test_whoever_lost_the_lead_ends(tmp_path):
    place = steady_place(tmp_path)
    with new_database() as url:
        environ = {"SPENDWATCH_SERVICE__DATABASE_URL": url}
        with serving(place, environ) as first:
            first.tick("heartbeat")
            engine = first.service.app.engine
            with engine.connect() as connection:
                connection.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            with serving(place, environ) as second:
                first.tick("heartbeat")
                assert first.lost == [True]
                second.tick()
                assert second.lost == []


@pytest.mark.parametrize(
    ("zone", "step", "settled_at"),
    [
        ("Europe/Berlin", "2026-03-28", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        ("Europe/Berlin", "2026-03-29", datetime(2026, 3, 30, 0, tzinfo=UTC)),
        ("Europe/Berlin", "2026-10-25", datetime(2026, 10, 26, 1, tzinfo=UTC)),
        ("Pacific/Kiritimati", "2026-11-12", datetime(2026, 11, 12, 12, tzinfo=UTC)),
    ],
)
def test_fault_47_a_day_is_settled_two_hours_after_its_own_midnight(
    tmp_path, zone, step, settled_at
):
    config = CONFIG.replace('time_zone = "UTC"', f'time_zone = "{zone}"')
    app = Installation(tmp_path, config).app()
    day = datetime.fromisoformat(step).date()
    assert app.settled_at(day) == settled_at
    assert app.last_settled_day(settled_at) == day
    assert app.last_settled_day(settled_at - MINUTE) == day - ONE


def test_fault_105_a_broken_page_is_found_at_the_start_and_nothing_more_is_judged(steady):
    with serving(steady) as service:
        service.tick()
    break_a_page(steady.folder / "spendwatch.db")
    spend(steady, 35, 400)
    steady.now = morning_after(35)
    with serving(steady) as service:
        service.tick("keep", "heartbeat", "judge", "deliver")
        assert service.logged("day_judged") == []
        (stopped,) = service.logged("judging_stopped")
        assert "db restore" in stopped["why"]
        service.wait(HOUR)
        assert service.logged("day_judged") == []
        assert any("db restore" in fault for fault in standing(service.service.app).faults())
    assert service.times_told("spendwatch judges nothing for now: ") == 1


def test_every_page_is_looked_at_once_a_start_and_every_index_once_a_week(steady):
    with serving(steady) as service:
        service.tick()
        for _ in range(8):
            service.wait(ONE)
    with reading(service.service.app.engine) as session:
        rows = session.connection().execute(select(JOB_RUN.c.job, JOB_RUN.c.day)).all()
    assert [day for job, day in rows if job == CHECK] == [morning_after(34).date()]
    full = [day for job, day in rows if job == FULL_CHECK]
    assert full == [morning_after(34).date(), morning_after(41).date()]
