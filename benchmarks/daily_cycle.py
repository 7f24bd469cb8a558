"""One full day's cycle on SQLite: store, judge, tell, at 1,000 and 10,000 tenants x 3 features.

Each size runs in a process of its own, so that its peak memory is its own. The 30 days before are
recorded first and not counted. Two tenants in a thousand spike on the measured day.
"""

from __future__ import annotations

import argparse
import io
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import perf_counter

import numpy as np

from alerts.channels.console import ConsoleChannel
from detector.history import consecutive_days
from detector.model import Grain, Rejection, Usage
from detector.sources.base import Coverage, Window
from spendwatch.app import build_app
from spendwatch.ingest import pull
from spendwatch.jobs import tell
from spendwatch.judging import judge
from spendwatch.settings import load_settings

LAST = date(2026, 11, 11)
HISTORY_DAYS = 30
FEATURES = ("chat", "search", "summarise")
SPIKES_IN_A_THOUSAND = 2
CONFIG = """
[service]
database_url = "sqlite:///bench.db"
[[sources]]
kind = "sample"
name = "bench"
first_day = 2026-01-01
[[receivers]]
kind = "console"
name = "desk"
[alerts]
receiver = "desk"
"""


@dataclass(frozen=True)
class ManyTenants:
    """A source of many tenants whose use differs a little from day to day."""

    tenants: int
    name: str = "bench"

    def usage(self, window: Window) -> Iterator[Usage | Rejection]:
        """Stream the days of the window."""
        for day in consecutive_days(window.first_day or LAST, window.last_day or LAST):
            yield from self._day(day)

    def coverage(self) -> Coverage:
        """Say that nothing is known of the span beyond what was asked for."""
        return Coverage(None, None)

    def _day(self, day: date) -> Iterator[Usage]:
        noise = np.random.default_rng(day.toordinal()).normal(1, 0.1, (self.tenants, 3))
        start = datetime.combine(day, time(), UTC)
        for tenant in range(self.tenants):
            spikes = day == LAST and tenant % 1000 < SPIKES_IN_A_THOUSAND
            for index, feature in enumerate(FEATURES):
                tokens = int(4_000_000 * max(noise[tenant, index], 0.2) * (6 if spikes else 1))
                yield Usage(
                    start_at=start,
                    grain=Grain.DAY,
                    tenant=f"tenant-{tenant:05d}",
                    feature=feature,
                    model="gpt-4o",
                    requests=1_000,
                    prompt_tokens=tokens,
                    completion_tokens=tokens // 10,
                    cached_tokens=tokens // 4,
                )


def morning_after() -> datetime:
    """Stand still at six on the morning after the measured day."""
    return datetime.combine(LAST + timedelta(days=1), time(6), UTC)


def measure(tenants: int) -> None:
    """Run one cycle and print its steps, each with its share."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.toml"
        config.write_text(CONFIG)
        app = build_app(load_settings(config, {}), morning_after)
        source = ManyTenants(tenants)
        first = LAST - timedelta(days=HISTORY_DAYS)
        pull(app, source, Window(first, LAST - timedelta(days=1)))
        marks = [perf_counter()]
        pull(app, source, Window(LAST, LAST))
        marks.append(perf_counter())
        judged = judge(app, LAST)
        marks.append(perf_counter())
        told = tell(app, {"desk": ConsoleChannel(io.StringIO(), morning_after)})
        marks.append(perf_counter())
    steps = dict(zip(("store", "judge", "tell"), np.diff(marks), strict=True))
    total = sum(steps.values())
    parts = ", ".join(f"{step} {took:.2f} s ({took / total:.0%})" for step, took in steps.items())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{tenants:>6,} tenants x 3 features: {total:.2f} s ({parts}); peak {peak:.0f} MB; "
        f"{len(judged.judgement.findings)} findings, {told.sent} told"
    )


def main() -> None:
    """Measure each size in a child."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenants", type=int)
    one = parser.parse_args().tenants
    if one:
        measure(one)
        return
    for tenants in (1_000, 10_000):
        subprocess.run([sys.executable, __file__, "--tenants", str(tenants)], check=True)


if __name__ == "__main__":
    main()
