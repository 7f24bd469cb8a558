"""One at a time: the lock, who is said to have it, and what happens to whoever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from spendwatch.db import open_engine, reading
from spendwatch.leading import AlreadyLed, guard, leader_of, leading
from tests.fakes import FakeClock
from tests.spendwatch.installations import Installation

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys, time
from spendwatch.app import system_clock
from spendwatch.db import open_engine
from spendwatch.leading import leading

with leading(open_engine(sys.argv[1]), "run", system_clock):
    print("leads", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def another(database):
    """Another process that leads."""
    url = database.url.render_as_string(hide_password=False)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, url], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "leads\n"
        yield process
        process.kill()


def test_fault_52_the_second_is_refused_and_told_who_has_it(database, another, clock):
    with (
        pytest.raises(AlreadyLed, match=rf"`spendwatch run` \(pid {another.pid} on .*\) since"),
        leading(database, "once", clock),
    ):
        pytest.fail("two lead")


def test_whoever_is_killed_leaves_the_lock_to_the_next(database, another, clock):
    os.kill(another.pid, signal.SIGKILL)
    another.wait()
    with leading(database, "once", clock) as leadership, reading(database) as session:
        assert leader_of(session) == leadership.leader


def test_within_one_process_too_there_is_one_leader(database, clock):
    other = open_engine(database.url.render_as_string(hide_password=False))
    with (
        leading(database, "run", clock),
        pytest.raises(AlreadyLed),
        leading(other, "once", clock),
    ):
        pytest.fail("two lead")
    other.dispose()
    with leading(database, "once", clock):
        pass


def test_a_heartbeat_never_goes_back(database, clock):
    with leading(database, "run", clock) as leadership:
        assert leadership.beat(clock() + timedelta(hours=1))
        assert leadership.beat(clock())
        with reading(database) as session:
            assert leader_of(session).heartbeat_at == clock() + timedelta(hours=1)


def test_a_lock_lost_with_its_connection_is_taken_again(database, clock):
    with leading(database, "run", clock) as leadership:
        if database.dialect.name == "postgresql":
            with database.connect() as connection:
                others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                connection.exec_driver_sql(
                    f"{others} current_database() AND pid <> pg_backend_pid()"
                )
        assert leadership.beat(clock() + timedelta(minutes=1))
        with pytest.raises(AlreadyLed), leading(database, "once", clock):
            pytest.fail("two lead")


def test_a_schema_is_not_changed_under_a_running_service(database, another):
    with pytest.raises(AlreadyLed, match="stop that first"), guard(database, "0003"):
        pytest.fail("the schema was changed")
    another.kill()
    another.wait()
    with guard(database, "0003"):
        pass


@pytest.mark.parametrize("command", [("once",), ("backfill", "--from", "2026-09-01")])
def test_fault_52_a_second_command_leaves_with_75(tmp_path, command, capsys):
    place = Installation(tmp_path)
    place.write_days(2, 100)
    app = place.app()
    with leading(app.engine, "run", app.clock):
        assert place.run(*command) == 75
        assert "the database is in use by `spendwatch run`" in capsys.readouterr().err
        assert place.run("alerts", "list") == 0
    assert place.run("backfill", "--from", "2026-09-01", "--to", "2026-09-02") == 0
