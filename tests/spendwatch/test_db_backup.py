"""Backups of both kinds of database: whole, consistent, and never at the cost of an older one."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spendwatch.db import open_engine, reading
from spendwatch.db_backup import BackupError, back_up, back_up_to
from spendwatch.db_check import check_database
from spendwatch.db_engines import sqlite_file
from spendwatch.db_upgrade import open_database
from tests.spendwatch.filled import ALERTS, open_filled

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 24, 6, 10, tzinfo=UTC)
NAME = "spendwatch-20261124T061000Z.db"
WRITER = """
import sys
from sqlalchemy import text
from spendwatch.db import open_engine, writing

engine = open_engine(sys.argv[1])
number = 0
while True:
    number += 1
    with writing(engine) as session:
        for name in ("left", "right"):
            row = {"tenant": f"{name}-{number}", "name": "x" * 500}
            statement = text("INSERT INTO tenant_name VALUES (:tenant, :name)")
            session.connection().execute(statement, [row])
    if number == 20:
        print("writing", flush=True)
"""
LIMITED = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
from spendwatch.db import open_engine
from spendwatch.db_backup import BackupError, back_up

resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
try:
    back_up(open_engine(sys.argv[1]), Path(sys.argv[2]), datetime(2026, 11, 25, tzinfo=UTC))
except BackupError as error:
    print(error)
"""


@pytest.fixture
def filled(database_url):
    engine = open_filled(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "backups"


def address(engine):
    return engine.url.render_as_string(hide_password=False)


def count(file, what):
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(f"SELECT count(*) FROM {what}").fetchone()[0]


def names(folder):
    return sorted(file.name for file in folder.iterdir())


@contextmanager
def another_that_writes(engine):
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, address(engine)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "writing\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_backup_is_one_file_that_holds_everything_and_is_its_owners_alone(filled, folder):
    file = back_up(filled, folder, NOW)
    assert names(folder) == [NAME]
    assert file.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o077 == 0
    assert count(file, "alert") == ALERTS
    engine = open_engine(f"sqlite:///{file}")
    assert check_database(engine, full=True).problems == ()
    engine.dispose()


def test_a_backup_can_be_read_where_nothing_can_be_written(filled, folder):
    file = back_up(filled, folder, NOW)
    with closing(sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() != ("wal",)
        assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)


def test_fault_106_a_backup_during_writes_is_of_one_moment(filled, folder):
    with another_that_writes(filled) as writer:
        files = [back_up_to(filled, folder / f"{n}.db") or folder / f"{n}.db" for n in range(4)]
        assert writer.poll() is None
    pairs = [count(file, "tenant_name WHERE tenant LIKE 'left-%'") for file in files]
    assert pairs == [count(file, "tenant_name WHERE tenant LIKE 'right-%'") for file in files]
    assert pairs == sorted(pairs)
    assert pairs[0] >= 20


def test_fault_106_whoever_writes_is_not_kept_waiting_by_a_backup(filled, folder):
    with reading(filled) as session:
        session.connection().exec_driver_sql("SELECT count(*) FROM alert")
        with another_that_writes(filled):
            back_up(filled, folder, NOW)
    assert count(folder / NAME, "alert") == ALERTS


def test_fault_106_a_backup_that_does_not_fit_leaves_the_older_ones(filled, folder):
    older = back_up(filled, folder, NOW)
    before = older.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, address(filled), str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"no backup was made in {folder}" in done.stdout
    assert "the older ones there are as they were" in done.stdout
    assert (names(folder), older.read_bytes()) == ([NAME], before)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own with room for one backup; only an administrator can make one."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    try:
        made = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        made = False
    if not made:
        pytest.skip("needs the right to mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_fault_106_a_full_backup_disk_is_named_and_keeps_what_it_has(filled, small_disk):
    older = back_up(filled, small_disk, NOW)
    room = shutil.disk_usage(small_disk).free - 100_000
    (small_disk / "others").write_bytes(b"x" * room)
    with pytest.raises(BackupError, match=r"made in .*small: the disk there is full; the older"):
        back_up(filled, small_disk, NOW.replace(hour=7))
    assert names(small_disk) == ["others", older.name]
    assert count(older, "alert") == ALERTS


def test_a_folder_that_cannot_be_made_is_named(filled, tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(BackupError, match=r"made in .*taken/backups: Not a directory"):
        back_up(filled, tmp_path / "taken" / "backups", NOW)


def test_a_damaged_database_gives_no_backup(tmp_path, folder):
    engine = open_filled(f"sqlite:///{tmp_path / 'spendwatch.db'}")
    engine.dispose()
    file = sqlite_file(address(engine))
    with file.open("r+b") as opened:
        opened.seek(20 * 4096)
        opened.write(os.urandom(40 * 4096))
    with pytest.raises(BackupError, match="no backup was made"):
        back_up(engine, folder, NOW)
    engine.dispose()
    assert names(folder) == []


def test_a_database_without_tables_can_be_backed_up_too(tmp_path, folder):
    engine = open_database(f"sqlite:///{tmp_path / 'new.db'}")
    assert count(back_up(engine, folder, NOW), "alert") == 0
    engine.dispose()
