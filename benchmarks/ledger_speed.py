"""Speed of the ledger: python benchmarks/ledger_speed.py [SERIES [DAYS]].

Records days of many series in a database file, the same days again unchanged and once more with
every cost changed, reads them back through ledger.history, and prints rows a second and the peak
resident memory.
"""

from __future__ import annotations

import argparse
import resource
import time
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from detector import ledger
from detector.history import consecutive_days
from detector.model import CostDay, SeriesKey
from detector.recording import SeriesIndex, Slice, record_slice
from spendwatch.db import reading, writing
from spendwatch.db_upgrade import open_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

FIRST = date(2026, 1, 1)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@contextmanager
def measured(words: str, rows: int) -> Iterator[None]:
    """Print how long the body took."""
    began = time.perf_counter()
    yield
    took = time.perf_counter() - began
    print(f"{words:<28} {took:7.2f} s  {rows / took:10,.0f} rows/s")


def record(engine: Engine, keys: list[SeriesKey], days: tuple[date, ...], step: int) -> None:
    """Record every day as a pull does: one transaction each."""
    with reading(engine) as session:
        index = SeriesIndex(session, "gateway")
    for day in days:
        costs = [CostDay(day, key, 1_000 * n + step, 10, 0, 900 + n, 100, 50)
                 for n, key in enumerate(keys)]  # fmt: skip
        with writing(engine) as session:
            record_slice(session, Slice("gateway", day), costs, now=NOW, index=index)


def main() -> None:
    """Run all steps on a new database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("series", nargs="?", type=int, default=30_000)
    parser.add_argument("days", nargs="?", type=int, default=31)
    sizes = parser.parse_args()
    keys = [SeriesKey(f"tenant-{n // 3:05}", f"feature-{n % 3}", "gpt-4o")
            for n in range(sizes.series)]  # fmt: skip
    days = consecutive_days(FIRST, FIRST + timedelta(days=sizes.days - 1))
    rows = len(keys) * len(days)
    with TemporaryDirectory() as folder:
        engine = open_database(f"sqlite:///{Path(folder) / 'ledger.db'}")
        for step, words in enumerate(("recorded", "again, unchanged", "again, all changed")):
            with measured(words, rows):
                record(engine, keys, days, step // 2)
        with measured("read by ledger.history", rows), reading(engine) as session:
            history = ledger.history(session, days[0], days[-1], canonical=str)
        engine.dispose()
    print(f"{history.cost.shape[0]:,} series x {history.cost.shape[1]} days, peak memory "
          f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")  # fmt: skip


if __name__ == "__main__":
    main()
