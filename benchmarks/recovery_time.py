"""How soon a service is back after kill -9, with a million costs: benchmarks/recovery_time.py.

A database of 2,500 series and 400 days is written once. Then, again and again, a process that
writes costs is killed in the middle of it, `spendwatch run` is started, and it is measured when it
says that it has started, and when its first heartbeat stands in the database.
"""

from __future__ import annotations

import argparse
import json
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from itertools import count
from pathlib import Path

from detector.history import consecutive_days
from detector.model import CostDay, SeriesKey
from detector.recording import SeriesIndex, Slice, record_slice
from spendwatch.app import App, build_app, system_clock
from spendwatch.db import reading, writing
from spendwatch.repricing import Repriced, _digest, note_priced
from spendwatch.settings import load_settings

CONFIG = """
[service]
database_url = "sqlite:///spendwatch.db"
min_free_mb = 0
[[sources]]
kind = "csv_file"
name = "gateway"
path = "usage"
[[receivers]]
kind = "console"
name = "desk"
path = "told.txt"
digest = "off"
[alerts]
receiver = "desk"
"""
AIM_S, TOO_LONG_S = 2.0, 60.0


def open_place(folder: Path) -> App:
    """Put the program together."""
    return build_app(load_settings(folder / "config.toml", {}))


def write(folder: Path, days: tuple[date, ...], series: int, step: int = 0) -> None:
    """Record days of costs, one transaction each."""
    app = open_place(folder)
    _write(app, days, series, step)
    with writing(app.engine) as session:
        note_priced(session, Repriced((), _digest(app)), system_clock())
    app.engine.dispose()


def _write(app: App, days: tuple[date, ...], series: int, step: int) -> None:
    keys = [SeriesKey(f"tenant-{n:05d}", "chat", "gpt-4o", "", "global") for n in range(series)]
    with reading(app.engine) as session:
        index = SeriesIndex(session, "gateway")
    for day in days:
        costs = [
            CostDay(day, key, 1_000 * n + step, 10, 0, 900 + n, 100, 50, given=True)
            for n, key in enumerate(keys)
        ]
        with writing(app.engine) as session:
            part = Slice("gateway", day)
            record_slice(session, part, costs, now=system_clock(), index=index)


def write_for_ever(folder: Path, series: int) -> None:
    """Change a day's costs until somebody kills this process."""
    app, today = open_place(folder), system_clock().date()
    for step in count(time.monotonic_ns() % 1_000_000):
        _write(app, (today,), series, step)
        print("written", flush=True)


def killed_while_writing(folder: Path, series: int) -> int:
    """Kill a writer in the middle of a transaction; return how long the log of writes is."""
    own = [sys.executable, __file__, "--write", str(folder), "--series", str(series)]
    with subprocess.Popen(own, stdout=subprocess.PIPE, text=True) as writer:
        for _ in writer.stdout or ():
            break
        time.sleep(0.2)
        writer.kill()
    return (folder / "spendwatch.db-wal").stat().st_size


def start(folder: Path) -> tuple[float, float]:
    """Start the service; return when it has started, and when its first heartbeat is stored."""
    own = [sys.executable, "-m", "spendwatch.cli", "run", "--config", str(folder / "config.toml")]
    begun, log = time.perf_counter(), folder / "log.txt"
    with log.open("w") as errors, subprocess.Popen(own, stderr=errors) as service:
        started_s = _wait(lambda: _said(log, "service_started"), begun)
        beaten_s = _wait(lambda: _beaten(folder, service.pid), begun)
        service.send_signal(signal.SIGTERM)
        service.wait(20)
    return started_s, beaten_s


def _wait(holds: Callable[[], bool], begun: float) -> float:
    while not holds():
        time.sleep(0.005)
        if time.perf_counter() - begun > TOO_LONG_S:
            raise SystemExit(f"it did not start within {TOO_LONG_S} s")
    return time.perf_counter() - begun


def _said(log: Path, event: str) -> bool:
    return any(json.loads(line)["event"] == event for line in log.read_text().splitlines(True)
               if line.endswith("\n"))  # fmt: skip


def _beaten(folder: Path, pid: int) -> bool:
    database = sqlite3.connect(f"file:{folder / 'spendwatch.db'}?mode=ro", uri=True)
    row = database.execute("SELECT pid, since, heartbeat_at FROM leader").fetchone()
    database.close()
    return bool(row and row[0] == pid and row[2] > row[1])


def measure(series: int, days: int, times: int) -> None:
    """Kill, start, and print the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "usage").mkdir()
        (folder / "usage" / "a.csv").write_text("date,tenant,cost_usd\n2026-01-01,a,1\n")
        (folder / "config.toml").write_text(CONFIG)
        last = system_clock().date() - timedelta(days=1)
        write(folder, consecutive_days(last - timedelta(days=days - 1), last), series)
        size = (folder / "spendwatch.db").stat().st_size / 1e6
        own = [sys.executable, "-c", "import spendwatch.commands.serving"]
        begun = time.perf_counter()
        subprocess.run(own, check=True)
        imports_s = time.perf_counter() - begun
        print(f"{series * days:,} costs, {size:,.0f} MB; the imports alone take {imports_s:.2f} s")
        taken = []
        for _ in range(times):
            log_mb = killed_while_writing(folder, series) / 1e6
            taken.append(start(folder))
            print(f"  killed with {log_mb:5.1f} MB in the log of writes: started after "
                  f"{taken[-1][0]:.2f} s, first heartbeat after {taken[-1][1]:.2f} s")  # fmt: skip
        for words, each in zip(("started", "heartbeat"), zip(*taken, strict=True), strict=True):
            print(f"  {words}: median {statistics.median(each):.2f} s, most {max(each):.2f} s "
                  f"(aim {AIM_S:.0f} s)")  # fmt: skip


def main() -> None:
    """Measure, or be the writer that is killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--series", type=int, default=2_500)
    parser.add_argument("--days", type=int, default=400)
    parser.add_argument("--times", type=int, default=5)
    asked = parser.parse_args()
    if asked.write:
        write_for_ever(asked.write, asked.series)
    else:
        measure(asked.series, asked.days, asked.times)


if __name__ == "__main__":
    main()
