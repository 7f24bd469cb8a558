"""Disks that fill or fail, databases that others hold, logs that nobody reads.

Numbers are those of the fault catalogue. What is mounted or traced needs root, or strace.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import contextmanager, suppress

import pytest

from spendwatch.app import system_clock
from tests.process.crash_rig import Zygote, new_place, record, what_differs
from tests.process.final_state import read_state, told_keys, told_wrongly
from tests.process.services import (
    CONSOLE,
    ROOT,
    a_place,
    beaten_since,
    command,
    running,
    told,
    until,
)

STRACE = shutil.which("strace")


def can_mount():
    """Whether a file system in memory can be mounted here."""
    if os.geteuid() or not shutil.which("unshare"):
        return False
    tried = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


needs_mount = pytest.mark.skipif(not can_mount(), reason="needs root, and the right to mount")
needs_strace = pytest.mark.skipif(STRACE is None, reason="needs strace to have a disk fail")


@contextmanager
def small_disk(folder, megabytes):
    """A disk of a few megabytes."""
    folder.mkdir()
    options = f"size={megabytes}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder):
    """Fill a disk to the last byte; return the file to remove."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4_096)):
            pass
    return ballast


@contextmanager
def held(place, mode="to write"):
    """Another program that has the database to itself."""
    foreign = sqlite3.connect(place.folder / "spendwatch.db", isolation_level=None)
    if mode == "altogether":
        foreign.execute("PRAGMA locking_mode = EXCLUSIVE")
    foreign.execute("BEGIN IMMEDIATE")
    foreign.execute("CREATE TABLE foreign_table (a)")
    yield foreign
    foreign.execute("ROLLBACK")
    foreign.close()


@pytest.fixture(scope="module")
def zygote():
    started = Zygote()
    yield started
    started.end()


@pytest.fixture(scope="module")
def undisturbed(zygote, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    return record(zygote, new_place(folder / "place"), folder)


@needs_mount
def test_fault_104_a_full_disk_stops_no_service_and_an_answer_is_refused_in_words(tmp_path):
    with small_disk(tmp_path / "disk", 8) as disk:
        place = a_place(disk)
        with running(place) as service:
            service.wait_for("delivered")
            ballast = fill(disk)
            assert "disk" in service.wait_for("tick_failed")["error"]
            refused = command(place, "alerts", "ack", "1")
            assert (refused.returncode, "is full" in refused.stderr) == (1, True)
            ballast.unlink()
            assert command(place, "alerts", "ack", "1").returncode == 0
            freed_at = system_clock()
            until(lambda: beaten_since(place, freed_at))
            assert service.ask_to_end() == 0
        assert told(place).count("acme: $400 on") == 1
        with sqlite3.connect(disk / "spendwatch.db") as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        database.close()


@needs_mount
def test_fault_104_a_message_torn_by_a_full_disk_is_written_whole_once_there_is_room(tmp_path):
    with small_disk(tmp_path / "disk", 1) as disk:
        place = a_place(tmp_path / "place")
        words = place.config.read_text()
        place.config.write_text(words.replace('"told.txt"', f'"{disk}/told.txt"'))
        ballast = fill(disk)
        os.truncate(ballast, ballast.stat().st_size - 4_096)
        (disk / "told.txt").write_bytes(b"earlier\n" * 500)
        failed = command(place, "once")
        assert (failed.returncode, "No space left" in failed.stderr) == (1, True)
        torn = (disk / "told.txt").read_text().partition("== ")[2]
        assert torn
        assert not torn.endswith("\n\n")
        ballast.unlink()
        with running(place) as service:
            until(lambda: (disk / "told.txt").read_text().endswith("spend spike, open\n\n"))
            assert service.ask_to_end() == 0
        assert (disk / "told.txt").read_text().count("A-1, spend spike, open") == 1


@needs_mount
def test_fault_104_on_a_read_only_disk_everything_is_refused_in_words(tmp_path):
    with small_disk(tmp_path / "disk", 8) as disk:
        place = a_place(disk)
        assert command(place, "once").returncode == 0
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        for arguments in (("alerts", "ack", "1"), ("run",)):
            refused = command(place, *arguments)
            assert refused.returncode == 1, refused.stderr
            assert refused.stderr.count("spendwatch: ") == 1, "no traceback, one clear line"
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        assert command(place, "alerts", "ack", "1").returncode == 0


@needs_strace
@pytest.mark.parametrize(
    ("calls", "error", "when"),
    [
        ("fdatasync,fsync", "EIO", "60..75"),
        ("pwrite64", "ENOSPC", "400..420"),
        ("pwrite64", "EROFS", "500..520"),
    ],
)
def test_fault_104_a_disk_that_fails_for_a_while_costs_nothing(
    undisturbed, zygote, tmp_path, calls, error, when
):
    place = undisturbed.starts[9].copy(tmp_path / "place")
    strace = [STRACE, "-f", "--seccomp-bpf", "-qq", "-o", tmp_path / "calls"]
    fault = ["-e", f"trace={calls}", "-e", f"inject={calls}:error={error}:when={when}"]
    story = [sys.executable, "-m", "tests.process.crashing", place.folder, place.url]
    subprocess.run([*strace, *fault, *story], cwd=ROOT, check=False, capture_output=True)
    assert "(INJECTED)" in (tmp_path / "calls").read_text()
    assert zygote.live(place, faults=True)["status"] == 0, "where it could not go on, the next can"
    state = read_state(place.url)
    assert told_wrongly(place.folder, state) == []
    assert costs(state) == costs(undisturbed.state)
    for table, column in (("judged_day", "day"), ("alert", "fingerprint"), ("reply", "verb")):
        assert names(state, table, column) == names(undisturbed.state, table, column)


def names(state, table, column):
    """What there is, in any order; the name of a price change says when it was noticed."""
    return sorted(str(row[column]).partition(", priced ")[0] for row in state[table])


def costs(state):
    """Every cost, whenever it was recorded."""
    return [(row["day"], row["series_id"], row["micro_usd"]) for row in state["cost_day"]]


@pytest.mark.parametrize("mode", ["to write", "altogether"])
def test_fault_103_while_another_program_has_the_database_an_answer_is_refused_in_words(
    tmp_path, mode
):
    place = a_place(tmp_path)
    assert command(place, "once").returncode == 0
    with held(place, mode):
        refused = command(place, "alerts", "ack", "1")
        assert refused.returncode == 75, "it does not wait until the other one is done"
        assert "in use by another process" in refused.stderr
    assert command(place, "alerts", "ack", "1").returncode == 0


def test_fault_103_the_service_outlives_a_database_that_another_program_has(tmp_path):
    place = a_place(tmp_path)
    with running(place) as service:
        service.wait_for("service_started")
        with held(place):
            for _ in range(2):
                assert "in use by another process" in service.wait_for("tick_failed")["error"]
        until(lambda: "acme: $400 on" in told(place))
        assert service.ask_to_end() == 0
    assert told(place).count("acme: $400 on") == 1


def test_fault_103_asked_for_new_settings_while_another_program_has_the_database_it_goes_on(
    tmp_path,
):
    place = a_place(tmp_path)
    with running(place) as service:
        service.wait_for("service_started")
        with held(place):
            service.process.send_signal(signal.SIGHUP)
            assert "in use by another process" in service.wait_for("settings_not_read")["error"]
        service.process.send_signal(signal.SIGHUP)
        service.wait_for("service_started")
        assert service.ask_to_end() == 0


def test_fault_105_a_missing_shared_memory_file_is_made_again(undisturbed, zygote, tmp_path):
    place = undisturbed.starts[9].copy(tmp_path / "place")
    zygote.live(place, kill="after commit judging.write_judgement #1")
    (place.folder / "spendwatch.db-shm").unlink()
    assert zygote.live(place)["status"] == 0
    assert what_differs(undisturbed, place) == []


def test_fault_105_a_truncated_log_of_writes_costs_at_most_the_newest_of_them(
    undisturbed, zygote, tmp_path
):
    place = undisturbed.starts[9].copy(tmp_path / "place")
    zygote.live(place, kill="before commit leading.Leadership.beat #2")
    log = place.folder / "spendwatch.db-wal"
    os.truncate(log, log.stat().st_size * 2 // 3)
    (place.folder / "spendwatch.db-shm").unlink()
    assert zygote.live(place)["status"] == 0
    assert costs(read_state(place.url)) == costs(undisturbed.state)
    assert told_keys(place.folder).keys() >= told_keys(undisturbed.end.folder).keys()


@pytest.mark.parametrize("streams", ["> /dev/full 2> /dev/full", ">&- 2>&- <&-"])
def test_fault_111_where_nobody_can_read_the_log_the_service_goes_on_and_leaves_with_0(
    tmp_path, streams
):
    place = a_place(tmp_path)
    shell = ("/bin/sh", "-c", f'exec "$@" {streams}', "sh")
    with running(place, before=shell, stderr=subprocess.DEVNULL) as service:
        until(lambda: "acme: $400 on" in told(place))
        assert service.ask_to_end() == 0
    assert told(place).count("acme: $400 on") == 1


def test_fault_111_what_a_full_terminal_does_not_take_stays_queued_and_comes_once(tmp_path):
    place = a_place(tmp_path, CONSOLE)
    with open("/dev/full", "w") as full, running(place, stdout=full) as service:
        service.wait_for("day_judged")
        until(lambda: queued(place) == ["retry"])
        assert service.ask_to_end() == 0
    with (tmp_path / "screen").open("w+") as screen:
        with running(place, stdout=screen) as service:
            until(lambda: queued(place) == ["sent"])
            assert service.ask_to_end() == 0
        screen.seek(0)
        assert screen.read().count("acme: $400 on") == 1


def queued(place):
    database = sqlite3.connect(place.folder / "spendwatch.db")
    states = [row[0] for row in database.execute("SELECT state FROM notification")]
    database.close()
    return states
