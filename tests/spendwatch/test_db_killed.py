"""Killed at any step, a restore leaves the old database or the new one, and a backup no half file.

A tracer kills the process as it enters one system call after the other.
"""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import text

from spendwatch.db import writing
from spendwatch.db_backup import back_up
from tests.spendwatch.filled import ALERTS, open_filled

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 24, 6, 10, tzinfo=UTC)
RESTORE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from spendwatch.db_restore import restore

backup = Path(sys.argv[2])
restore(sys.argv[1], backup, backup.parent, datetime(2026, 11, 25, tzinfo=UTC))
"""
BACK_UP = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from spendwatch.db import open_engine
from spendwatch.db_backup import back_up

back_up(open_engine(sys.argv[1]), Path(sys.argv[2]).parent, datetime(2026, 11, 25, tzinfo=UTC))
"""
RENAMES = "/^(rename|renameat|renameat2)$"
OF_BACKUP = [
    (RENAMES, 1),
    *[("/^fsync$", number) for number in (1, 2)],
    *[("/^fdatasync$", number) for number in (1, 3)],
]
OF_RESTORE = [*OF_BACKUP, ("/^(link|linkat)$", 1), ("/^fsync$", 3), ("/^fdatasync$", 6)]


@cache
def can_trace():
    """Whether this machine has strace and lets us use it."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "true"], capture_output=True, check=False).returncode == 0


@pytest.fixture
def place(tmp_path):
    """A database, and a backup of what it held before its alerts were lost."""
    if not can_trace():
        pytest.skip("needs strace, and the right to use it: apt-get install strace")
    url = f"sqlite:///{tmp_path / 'here' / 'spendwatch.db'}"
    engine = open_filled(url)
    backup = back_up(engine, tmp_path / "backups", NOW)
    with writing(engine) as session:
        for table in ("reply", "decision", "notification", "alert"):
            session.connection().execute(text(f"DELETE FROM {table}"))
    engine.dispose()
    return url, backup


def kill_at(step, code, place):
    """Run the code until it enters a system call for the n-th time."""
    calls, number = step
    trace = ["-qq", "-f", "-o", "/dev/null", "-e", f"trace={calls}"]
    inject = ["-e", f"inject={calls}:signal=KILL:when={number}"]
    command = ["strace", *trace, *inject, sys.executable, "-c", code, *map(str, place)]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, "the process ended before that step"


def alerts_in(file):
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM cost_day").fetchone() == (3,)
        return connection.execute("SELECT count(*) FROM alert").fetchone()[0]


@pytest.mark.parametrize("step", OF_RESTORE, ids=str)
def test_a_restore_killed_at_any_step_leaves_the_old_or_the_new_and_can_be_repeated(step, place):
    url, backup = place
    file = Path(url.removeprefix("sqlite:///"))
    kill_at(step, RESTORE, place)
    assert alerts_in(file) in (0, ALERTS)
    subprocess.run([sys.executable, "-c", RESTORE, url, str(backup)], cwd=ROOT, check=True)
    assert alerts_in(file) == ALERTS
    kept = [each for each in file.parent.iterdir() if ".replaced-" in each.name]
    assert 0 in [alerts_in(each) for each in kept]


@pytest.mark.parametrize("step", OF_BACKUP, ids=str)
def test_fault_106_a_backup_killed_at_any_step_is_whole_or_has_no_name(step, place):
    _, backup = place
    kill_at(step, BACK_UP, place)
    named = list(backup.parent.glob("spendwatch-*.db"))
    assert backup in named
    for file in named:
        assert alerts_in(file) == (ALERTS if file == backup else 0)
