"""What is refused before SQLite touches it: nowhere to write, or a file that lost something."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from spendwatch.db import DatabaseDamagedError, DatabaseError, open_engine, reading
from spendwatch.db_check import check_database
from spendwatch.db_files import why_damaged, why_unusable
from spendwatch.db_upgrade import open_database
from tests.spendwatch.filled import ALERTS, open_filled

ROOT = Path(__file__).parents[2]
NOBODY = 65_534
KILLED = """
import sys, time
from tests.spendwatch.filled import open_filled
engine = open_filled(sys.argv[1])
print("filled", flush=True)
time.sleep(600)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "spendwatch.db"


@pytest.fixture
def closed(path):
    """A filled database that nobody has open."""
    open_filled(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture
def killed(path):
    """A filled database whose process was killed: its log was never folded in."""
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, f"sqlite:///{path}"],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "filled\n"
        os.kill(process.pid, signal.SIGKILL)
    assert path.with_name("spendwatch.db-wal").stat().st_size > 0
    return path


@pytest.fixture
def shared():
    """A folder that every user of the machine can reach."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def not_an_administrator():
    """Be somebody whom a file's mode can keep out; an administrator is stopped by none."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def refused(path, words):
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(DatabaseDamagedError, match=words) as caught:
        open_database(f"sqlite:///{path}")
    assert "It is left as it is; `spendwatch db restore FILE`" in str(caught.value)
    assert (path.read_bytes() if path.exists() else None) == before


def alerts_in(path):
    engine = open_engine(f"sqlite:///{path}")
    try:
        assert check_database(engine, full=True).problems == ()
        with reading(engine) as session:
            found = session.connection().exec_driver_sql("SELECT count(*) FROM alert").scalar()
    finally:
        engine.dispose()
    return found


@pytest.mark.parametrize("mode", [0o444, 0o400])
def test_fault_9_a_read_only_file_is_refused_with_the_user_who_met_it(shared, mode):
    path = shared / "spendwatch.db"
    path.touch()
    path.chmod(mode)
    with not_an_administrator(), pytest.raises(DatabaseError, match=r"spendwatch.db is read-only"):
        open_database(f"sqlite:///{path}")


def test_fault_9_a_read_only_folder_is_refused(shared):
    place = shared / "data"
    place.mkdir()
    (place / "spendwatch.db").touch(mode=0o666)
    (place / "spendwatch.db").chmod(0o666)
    place.chmod(0o555)
    with not_an_administrator(), pytest.raises(DatabaseError, match=r"data is read-only .*\(uid"):
        open_database(f"sqlite:///{place / 'spendwatch.db'}")


@pytest.fixture
def disk(tmp_path):
    """A disk of its own; only an administrator can mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() or shutil.which("mount") is None:
        pytest.skip("needs the right to mount a disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a disk")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def remount(disk, option):
    subprocess.run(["mount", "-o", f"remount,{option}", str(disk)], check=True)


def test_fault_104_a_disk_that_became_read_only_is_named_and_loses_nothing(disk):
    url = f"sqlite:///{disk / 'spendwatch.db'}"
    open_filled(url).dispose()
    remount(disk, "ro")
    with pytest.raises(DatabaseError, match=r"read-only for this user .*, or its disk is"):
        open_database(url)
    remount(disk, "rw")
    assert alerts_in(disk / "spendwatch.db") == ALERTS


def test_a_sound_file_is_found_sound(closed):
    assert why_damaged(closed) == why_unusable(closed) == ""
    open_database(f"sqlite:///{closed}").dispose()


@pytest.mark.parametrize("bytes_left", [20_480, 4_096, 101])
def test_fault_105_a_file_that_was_cut_off_is_refused_and_left_alone(closed, bytes_left):
    os.truncate(closed, bytes_left)
    refused(closed, f"it was cut off: {bytes_left:,} of")


def test_fault_105_a_file_that_is_no_database_any_more_is_left_alone(closed):
    closed.write_bytes(os.urandom(closed.stat().st_size))
    refused(closed, "file is not a database")


def test_fault_105_an_empty_file_that_was_in_use_is_no_new_database(closed):
    closed.write_bytes(b"")
    closed.with_name("spendwatch.db.lock").touch()
    refused(closed, r"it is empty, and spendwatch\.db\.lock says that it was in use")


@pytest.mark.parametrize("lose", [lambda path: path.write_bytes(b""), Path.unlink])
def test_fault_105_a_log_without_its_database_is_never_thrown_away(killed, lose):
    log = killed.with_name("spendwatch.db-wal").read_bytes()
    lose(killed)
    refused(killed, r"but its spendwatch\.db-wal is not, which SQLite would throw away")
    assert killed.with_name("spendwatch.db-wal").read_bytes() == log


def test_fault_105_a_missing_shm_is_made_anew(killed):
    killed.with_name("spendwatch.db-shm").unlink()
    assert alerts_in(killed) == ALERTS


def test_fault_105_a_log_that_was_cut_off_gives_back_what_it_still_holds_whole(killed):
    log = killed.with_name("spendwatch.db-wal")
    os.truncate(log, log.stat().st_size - 100)
    assert alerts_in(killed) in (0, ALERTS)


def test_fault_105_a_broken_page_is_told_by_whoever_meets_it(closed):
    with closed.open("r+b") as opened:
        for page in range(2, closed.stat().st_size // 4096):
            opened.seek(page * 4096)
            opened.write(os.urandom(64))
    before = closed.read_bytes()
    engine = open_engine(f"sqlite:///{closed}")
    with pytest.raises(DatabaseDamagedError, match=r"disk image is malformed.*db restore FILE"):
        check_database(engine)
    engine.dispose()
    assert closed.read_bytes() == before
