from __future__ import annotations

import os
import socket
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import OperationalError

from spendwatch.db import (
    PERSON_WAIT_MS,
    DatabaseBusyError,
    DatabaseError,
    DatabaseVersionError,
    connect_again,
    reading,
    writing,
)
from spendwatch.db_engines import connect
from spendwatch.db_upgrade import open_database

THREADS, TIMES = 8, 50


@pytest.fixture
def path(tmp_path):
    return tmp_path / "spendwatch.db"


@pytest.fixture
def opened(path):
    engines = []

    def open_it(**options):
        engines.append(open_database(f"sqlite:///{path}", **options))
        return engines[-1]

    yield open_it
    for engine in engines:
        engine.dispose()


def execute(session, sql):
    return session.connection().execute(text(sql))


def add_and_fail(engine):
    with writing(engine) as session:
        execute(session, "INSERT INTO tenant_name VALUES ('acme', 'Acme')")
        raise ZeroDivisionError


def pragma(engine, name):
    with reading(engine) as session:
        return execute(session, f"PRAGMA {name}").scalar()


def test_an_empty_file_gets_the_whole_schema(path, opened):
    path.touch()
    tables = inspect(opened()).get_table_names()
    assert {"series", "cost_day", "cost_revision", "usage_slot", "alert", "pull"} <= set(tables)


def test_a_new_database_is_its_owners_alone(path, opened):
    with writing(opened()) as session:
        execute(session, "INSERT INTO tenant_name VALUES ('acme', 'Acme')")
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.glob("spendwatch.db*")}
    assert set(modes) >= {"spendwatch.db", "spendwatch.db-wal"}
    assert set(modes.values()) == {0o600}


def test_opening_again_changes_nothing(path, opened):
    opened().dispose()
    before = path.read_bytes()
    opened().dispose()
    assert path.read_bytes() == before


def test_the_folder_of_the_database_is_made(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path / 'a' / 'b' / 'spendwatch.db'}")
    engine.dispose()
    assert (tmp_path / "a" / "b" / "spendwatch.db").is_file()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(DatabaseError, match=r"the folder .*taken for the database cannot be made"):
        open_database(f"sqlite:///{tmp_path / 'taken' / 'spendwatch.db'}")


def test_a_database_in_memory_needs_no_folder():
    engine = open_database("sqlite://")
    assert inspect(engine).has_table("series")
    engine.dispose()


def test_a_file_that_is_no_database_is_refused_in_plain_words(path):
    path.write_text("tenant,cost_usd\n" * 100)
    with pytest.raises(DatabaseError, match=r"spendwatch\.db cannot be used: file is not a data"):
        open_database(f"sqlite:///{path}")


def test_sqlite_is_durable_and_strict(opened):
    engine = opened(wait_ms=123)
    found = [pragma(engine, name) for name in ("journal_mode", "synchronous", "foreign_keys")]
    assert found == ["wal", 2, 1]
    assert pragma(engine, "busy_timeout") == 123


def test_what_is_written_is_all_there_or_not_at_all(opened):
    engine = opened()
    with pytest.raises(ZeroDivisionError):
        add_and_fail(engine)
    with writing(engine) as session:
        execute(session, "INSERT INTO tenant_name VALUES ('bolt', 'Bolt')")
    with reading(engine) as session:
        assert execute(session, "SELECT tenant FROM tenant_name").scalars().all() == ["bolt"]


def test_no_update_of_eight_writers_at_once_is_lost(opened):
    engine = opened(wait_ms=60_000)
    with writing(engine) as session:
        execute(session, "INSERT INTO tenant_name VALUES ('acme', '0')")

    def count(_number):
        for _ in range(TIMES):
            with writing(engine) as session:
                before = execute(session, "SELECT name FROM tenant_name").scalar_one()
                execute(session, f"UPDATE tenant_name SET name = '{int(before) + 1}'")

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(count, range(THREADS)))
    with reading(engine) as session:
        assert execute(session, "SELECT name FROM tenant_name").scalar() == str(THREADS * TIMES)


def test_a_reader_sees_one_state_while_others_write(opened):
    engine = opened()
    with reading(engine) as session:
        count = "SELECT count(*) FROM tenant_name"
        before = execute(session, count).scalar()
        with writing(engine) as other:
            execute(other, "INSERT INTO tenant_name VALUES ('acme', 'Acme')")
        assert execute(session, count).scalar() == before == 0


def test_a_locked_database_says_that_trying_later_helps(path, opened):
    engine = opened(wait_ms=1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with (
        pytest.raises(DatabaseBusyError, match=r"spendwatch\.db is in use .*: not saved, try"),
        writing(engine),
    ):
        pytest.fail("the lock was taken twice")
    other.execute("ROLLBACK")
    other.close()
    with writing(engine) as session:
        execute(session, "SELECT 1")


def test_a_database_locked_for_reading_too_says_the_same(path, opened):
    opened().dispose()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(DatabaseBusyError):
        opened(wait_ms=1)
    other.close()


def test_a_reader_that_is_locked_out_is_told_in_plain_words(path, opened):
    engine = opened(wait_ms=1)
    engine.dispose()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(DatabaseBusyError), reading(engine) as session:
        execute(session, "SELECT count(*) FROM series")
    other.close()


def test_any_other_trouble_is_told_with_the_drivers_words(opened):
    engine = opened()
    words = "cannot be used: no such table: missing"
    with pytest.raises(DatabaseError, match=words) as caught, writing(engine) as session:
        execute(session, "SELECT * FROM missing")
    assert not isinstance(caught.value, DatabaseBusyError)


def test_a_schema_of_a_newer_program_is_refused(opened):
    engine = opened()
    with writing(engine) as session:
        execute(session, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseVersionError, match=r"\(9999\) is newer .* install the newer"):
        opened()


@pytest.mark.parametrize("where", ["UTC", "Pacific/Kiritimati"])
def test_fault_112_the_machines_own_settings_do_not_matter(tmp_path, where, monkeypatch):
    for name, value in (("TZ", where), ("LC_ALL", "C"), ("LANG", "C")):
        monkeypatch.setenv(name, value)
    before = os.umask(0o077)
    try:
        engine = open_database(f"sqlite:///{tmp_path / 'Ünïcode 数' / 'spendwatch.db'}")
        with writing(engine) as session:
            execute(session, "INSERT INTO tenant_name VALUES ('数', 'Ünïcode 数')")
        with reading(engine) as session:
            assert execute(session, "SELECT name FROM tenant_name").scalar() == "Ünïcode 数"
        engine.dispose()
    finally:
        os.umask(before)


def test_whoever_waits_for_an_answer_waits_no_longer_for_a_server_that_does_not_answer():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://spend@127.0.0.1:{silent.getsockname()[1]}/spend"
        engine = connect_again(connect(url, 30_000), wait_ms=PERSON_WAIT_MS)
        begun = time.monotonic()
        with pytest.raises(OperationalError, match="timeout"):
            engine.connect()
    assert time.monotonic() - begun < 3
