"""A backup back in its place: proven first, nothing lost of what was there."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from spendwatch.db import DatabaseBusyError, DatabaseVersionError, open_engine, reading, writing
from spendwatch.db_backup import BackupError, back_up
from spendwatch.db_check import check_database
from spendwatch.db_copy import TargetHoldsRows
from spendwatch.db_engines import connect
from spendwatch.db_restore import restore
from spendwatch.db_upgrade import newest_schema
from spendwatch.leading import AlreadyLed, leading
from tests.builders import DAY
from tests.fakes import FakeClock
from tests.spendwatch.filled import ALERTS, REPLIES, open_filled
from tests.spendwatch.test_migrations import migrate

NOW = datetime(2026, 11, 24, 6, 10, tzinfo=UTC)
ASIDE = "spendwatch.db.replaced-20261124T061000Z"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "here" / "spendwatch.db"


@pytest.fixture
def url(file):
    return f"sqlite:///{file}"


@pytest.fixture
def engine(url):
    engine = open_filled(url)
    yield engine
    engine.dispose()


@pytest.fixture
def backup(engine, tmp_path):
    return back_up(engine, tmp_path / "backups", NOW)


def bring_back(url, backup):
    return restore(url, backup, backup.parent, NOW)


def lose_all(engine):
    with writing(engine) as session:
        for table in ("reply", "decision", "notification", "alert"):
            session.connection().execute(text(f"DELETE FROM {table}"))
    engine.dispose()


def alerts_in(url):
    engine = open_engine(url)
    try:
        with reading(engine) as session:
            return session.connection().execute(text("SELECT count(*) FROM alert")).scalar()
    finally:
        engine.dispose()


def raw(file, *statements):
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def names(folder):
    return sorted(each.name for each in folder.iterdir())


def test_what_was_restored_is_said_and_reads_as_it_did(engine, url, backup, file):
    lose_all(engine)
    told = bring_back(url, backup)
    assert (told.newest_judged_day, told.alerts, told.replies) == (str(DAY), ALERTS, REPLIES)
    assert alerts_in(url) == ALERTS
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_was_there_is_kept_as_one_file(engine, url, backup, file):
    lose_all(engine)
    kept = bring_back(url, backup).kept_as
    assert kept == file.parent / ASIDE
    assert names(file.parent) == ["spendwatch.db", "spendwatch.db.lock", ASIDE]
    assert alerts_in(f"sqlite:///{kept}") == 0


def test_restoring_twice_at_the_same_moment_keeps_both(engine, url, backup, file):
    engine.dispose()
    assert [bring_back(url, backup).kept_as.name for _ in range(2)] == [ASIDE, f"{ASIDE}-2"]


def test_fault_105_a_damaged_database_is_moved_aside_whole(engine, url, backup, file):
    engine.dispose()
    damage = os.urandom(8192) + file.read_bytes()[8192:]
    file.write_bytes(damage)
    file.with_name("spendwatch.db-wal").write_bytes(b"what is left of a log")
    kept = bring_back(url, backup).kept_as
    assert kept.read_bytes() == damage
    assert kept.with_name(f"{ASIDE}-wal").read_bytes() == b"what is left of a log"
    assert alerts_in(url) == ALERTS


def test_fault_105_an_emptied_database_is_restored(engine, url, backup, file):
    engine.dispose()
    file.write_bytes(b"")
    assert bring_back(url, backup).kept_as.read_bytes() == b""
    assert alerts_in(url) == ALERTS


def test_a_database_that_is_gone_is_restored(engine, url, backup, file):
    engine.dispose()
    shutil.rmtree(file.parent)
    assert bring_back(url, backup).kept_as is None
    assert alerts_in(url) == ALERTS


def test_nothing_is_restored_under_a_running_service(engine, url, backup):
    with leading(engine, "run", FakeClock()), pytest.raises(AlreadyLed, match="stop it first"):
        bring_back(url, backup)


def test_nothing_is_restored_while_somebody_is_inside(engine, url, backup, file):
    lose_all(engine)
    with reading(engine) as session:
        session.connection().execute(text("SELECT 1 FROM alert"))
        with pytest.raises(DatabaseBusyError, match="stop it first"):
            bring_back(url, backup)
    engine.dispose()
    assert alerts_in(url) == 0
    assert not any("replaced" in name or "restoring" in name for name in names(file.parent))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda file: file.unlink(), "there is no such file"),
        (lambda file: file.write_text("tenant,cost\n" * 400), "file is not a database"),
        (lambda file: file.write_bytes(b""), "it is no database of spendwatch"),
        (lambda file: os.truncate(file, 40_960), "it was cut off: 40,960 of"),
        (lambda file: raw(file, "DROP TABLE alembic_version"), "no database of spendwatch"),
        (lambda file: raw(file, "DELETE FROM series"), "with no series behind series_id"),
        (lambda file: raw(file, "UPDATE alembic_version SET version_num='9'"), r"\(9\) is newer"),
    ],
    ids=["missing", "text", "empty", "cut off", "foreign", "incomplete", "newer"],
)
def test_fault_105_what_is_no_whole_backup_is_refused_and_changes_nothing(
    engine, url, backup, file, spoil, words
):
    engine.dispose()
    before = file.read_bytes()
    spoil(backup)
    with pytest.raises((BackupError, DatabaseVersionError), match=f"cannot be restored: .*{words}"):
        bring_back(url, backup)
    assert file.read_bytes() == before
    assert names(file.parent) == ["spendwatch.db", "spendwatch.db.lock"]


def test_fault_105_a_backup_with_a_broken_page_is_refused(engine, url, backup):
    engine.dispose()
    with backup.open("r+b") as opened:
        opened.seek(10 * 4096)
        opened.write(os.urandom(20 * 4096))
    with pytest.raises(BackupError, match="cannot be restored"):
        bring_back(url, backup)


def test_a_backup_of_an_older_program_is_brought_up_to_date(engine, url, tmp_path):
    engine.dispose()
    older = connect(f"sqlite:///{tmp_path / 'older.db'}", 1_000)
    migrate(older, "0003")
    older.dispose()
    told = bring_back(url, tmp_path / "older.db")
    assert (told.made_with, told.schema) == ("0003", newest_schema())
    fresh = open_engine(url)
    assert check_database(fresh).schema == newest_schema()
    fresh.dispose()


def test_the_file_of_a_live_database_is_restored_with_its_log(engine, url, tmp_path):
    live = tmp_path / "live.db"
    engine.dispose()
    other = open_filled(f"sqlite:///{live}")
    assert live.with_name("live.db-wal").stat().st_size > 0
    assert bring_back(url, live).alerts == ALERTS
    other.dispose()


def test_an_empty_postgresql_is_filled_and_a_filled_one_refused(engine, backup, tmp_path):
    from tests.postgresql import new_database

    with new_database() as server:
        assert bring_back(server, backup).alerts == ALERTS
        assert alerts_in(server) == ALERTS
        with pytest.raises(TargetHoldsRows, match="name an empty one"):
            bring_back(server, backup)
    assert names(backup.parent) == [backup.name]
