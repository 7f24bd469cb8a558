"""Sixty days of a service with a fault each, in minutes; then what it costs to do nothing.

Each day brings a spike or none, an answer, and one of nine faults (``tests/process/days.py``). At
every midnight no answer may be lost, each message must have been told once, and no open alert be
unheard of. Run as ``python -m benchmarks.simulated_days``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.process import days

IDLE_S = 30.0
MOST_MB, MOST_PERCENT = 200, 1.0


def simulate(folder: Path, many: int) -> list[days.Midnight]:
    """Live the days, a line each."""
    world = days.prepare(folder)
    midnights = []
    for each in days.live(world, many):
        midnights.append(each)
        print(f"{each.day} {each.fault:<12} {each.size / 1e3:8.0f} kB {each.open_files:3} open "
              f"files {each.threads:2} threads {each.told:4} told  "
              f"{'; '.join(each.broken) or 'all holds'}", flush=True)  # fmt: skip
    world.stop()
    return midnights


def sum_up(midnights: list[days.Midnight]) -> None:
    """Print how much the database grows, and whether it grows ever faster."""
    third = len(midnights) // 3
    if third:
        first, middle, last = midnights[0], midnights[third], midnights[-1]
        early = (middle.size - first.size) / third
        late = (last.size - midnights[-third - 1].size) / third
        print(f"growth: {early / 1e3:.1f} kB a day at first, {late / 1e3:.1f} at last")
    open_files = [each.open_files for each in midnights]
    print(f"open files {min(open_files)} to {max(open_files)}")


def idle(folder: Path) -> tuple[float, float]:
    """Run the real service with nothing to do; return its memory and its share of a processor."""
    (folder / "usage").mkdir(parents=True)
    (folder / "config.toml").write_text(days.CONFIG)
    days.write_day(folder, days.FIRST, {})
    own = [sys.executable, "-m", "spendwatch.cli", "run", "--config", str(folder / "config.toml")]
    with subprocess.Popen(own, stderr=subprocess.DEVNULL) as service:
        time.sleep(20)  # until all that is due has been done
        before = _cpu_s(service.pid)
        time.sleep(IDLE_S)
        share = (_cpu_s(service.pid) - before) / IDLE_S * 100
        memory = _resident_mb(service.pid)
        service.terminate()
    return memory, share


def _cpu_s(process: int) -> float:
    words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mb(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmRSS"))
    return int(kilobytes) / 1024


def main() -> None:
    """Simulate, then measure idleness."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=60)
    many = parser.parse_args().days
    with tempfile.TemporaryDirectory() as folder:
        midnights = simulate(Path(folder) / "days", many)
        sum_up(midnights)
        memory, share = idle(Path(folder) / "idle")
    print(f"idle: {memory:.0f} MB (aim {MOST_MB}), {share:.2f} % of a CPU (aim {MOST_PERCENT})")
    broken = sum(bool(each.broken) for each in midnights)
    print(f"{len(midnights)} days, {broken} on which something did not hold")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
