"""Whoever ends the service, in whatever phase, ends it in time and loses nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import suppress
from datetime import timedelta

from alembic import command as alembic_command
from sqlalchemy import create_engine

from spendwatch.app import system_clock
from spendwatch.db_upgrade import MIGRATIONS
from tests.process.services import CONSOLE, a_place, beaten_since, command, running, told, until
from tests.process.test_io_faults import held, queued
from tests.spendwatch.test_migrations import head, migrate, revision

HUNG = """
[[sources]]
kind = "csv_file"
name = "stuck"
path = "pipes"
"""


def judged_days(place):
    database = sqlite3.connect(place.folder / "spendwatch.db")
    days = [row[0] for row in database.execute("SELECT day FROM judged_day ORDER BY day")]
    database.close()
    return days


def test_fault_108_asked_to_end_while_a_source_hangs_it_leaves_with_0(tmp_path):
    (tmp_path / "pipes").mkdir()
    os.mkfifo(tmp_path / "pipes" / "pipe.csv")  # whoever opens it waits for somebody who writes
    place = a_place(tmp_path, extra=HUNG)
    with running(place) as service:
        service.wait_for("usage_recorded")
        assert service.ask_to_end() == 0
        assert service.wait_for("service_stopped")["idle"] is False
    assert command(place, "status").returncode == 0


def test_fault_108_asked_to_end_while_it_catches_up_it_goes_on_where_it_stopped(tmp_path):
    place = a_place(tmp_path, days=50)
    first = place.newest - timedelta(days=30)
    assert command(place, "once", "--day", str(first)).returncode == 0
    with running(place) as service:
        service.wait_for("day_judged")
        assert service.ask_to_end() == 0
    with running(place) as service:
        until(lambda: "acme: $400 on" in told(place))
        assert service.ask_to_end() == 0
    assert judged_days(place) == [str(first + timedelta(days=step)) for step in range(31)]
    assert told(place).count("acme: $400 on") == 1


def test_fault_108_asked_to_end_while_a_channel_hangs_it_leaves_and_knows_what_it_was_at(tmp_path):
    place = a_place(tmp_path, CONSOLE)
    unread, full = os.pipe()
    os.set_blocking(full, False)
    with suppress(BlockingIOError):
        while os.write(full, bytes(4_096)):
            pass
    os.set_blocking(full, True)
    with running(place, stdout=full) as service:
        service.wait_for("day_judged")
        until(lambda: queued(place) == ["sending"])
        assert service.ask_to_end() == 0
    assert queued(place) == ["sending"], "looked up, and sent, by the next start"
    os.close(unread)
    os.close(full)


def test_fault_108_asked_to_end_while_the_schema_changes_it_changes_it_whole(tmp_path):
    place = a_place(tmp_path)
    url = f"sqlite:///{tmp_path / 'spendwatch.db'}"
    (tmp_path / "spendwatch.db").unlink()
    (tmp_path / "spendwatch.db.lock").unlink(missing_ok=True)
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    migrate(engine, "0001", alembic_command.upgrade)
    with running(place) as service:
        with held(place):
            until((tmp_path / "spendwatch.db.lock").exists)
            service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(15) == 0
    assert revision(engine) == head(MIGRATIONS)
    engine.dispose()


def test_fault_53_whoever_is_suspended_keeps_the_lock_and_goes_on_afterwards(tmp_path):
    place = a_place(tmp_path)
    with running(place) as service:
        service.wait_for("delivered")
        service.process.send_signal(signal.SIGSTOP)
        with running(place) as second:
            assert second.process.wait(30) == 75
        service.process.send_signal(signal.SIGCONT)
        resumed_at = system_clock()
        until(lambda: beaten_since(place, resumed_at))
        assert service.ask_to_end() == 0
    assert told(place).count("acme: $400 on") == 1


def test_fault_51_whoever_was_killed_is_followed_by_one_that_tells_nothing_twice(tmp_path):
    place = a_place(tmp_path)
    for event in ("service_started", "usage_recorded", "day_judged"):
        with running(place) as service:
            service.wait_for(event)
            service.kill()
    killed_at = system_clock()
    with running(place) as service:
        service.wait_for("service_started")
        until(lambda: beaten_since(place, killed_at))
        until(lambda: "acme: $400 on" in told(place), seconds=90)
        assert service.ask_to_end() == 0
    assert told(place).count("acme: $400 on") == 1
