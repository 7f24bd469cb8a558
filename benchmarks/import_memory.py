"""Time and peak memory of reading ten million rows: python benchmarks/import_memory.py [ROWS].

Writes each file to a temporary folder, streams it in a child process, and prints the rows a
second and the child's peak resident memory; exits 1 above 500 MB.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from detector.model import Usage
from detector.sources.base import Window
from detector.sources.csv_file import CsvFileSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT_MB = 500
CHUNK_ROWS = 500_000
TENANTS, FEATURES, MODELS = 2_000, ("chat", "search", "extract"), ("gpt-4o", "gpt-4o-mini")


def daily_rows(rows: int) -> Iterator[pa.Table]:
    """Rows of one day, tenant, feature and model each, in no order: no two share a key."""
    rng = np.random.default_rng(1)
    stride = 7_368_787  # a prime: its multiples visit every row number once, far apart
    keys = TENANTS * len(FEATURES) * len(MODELS)
    for begin in range(0, rows, CHUNK_ROWS):
        at = (np.arange(begin, min(begin + CHUNK_ROWS, rows)) * stride) % rows
        days = np.datetime64("2024-06-01") + at // keys
        yield _table({"date": days.astype(str)}, at % keys, rng)


def request_rows(rows: int) -> Iterator[pa.Table]:
    """One row a request over thirty days, in the order of time as a gateway logs them."""
    rng = np.random.default_rng(2)
    keys = TENANTS * len(FEATURES) * len(MODELS)
    for begin in range(0, rows, CHUNK_ROWS):
        at = np.arange(begin, min(begin + CHUNK_ROWS, rows))
        times = np.datetime64("2026-10-01T00:00:00") + (at * 30 * 86_400) // rows
        stamps = np.char.add(times.astype(str), "Z")
        yield _table({"start_at": stamps}, rng.integers(0, keys, len(at)), rng)


def _table(
    time_column: dict[str, np.ndarray[tuple[int], np.dtype[np.str_]]],
    key: np.ndarray[tuple[int], np.dtype[np.int64]],
    rng: np.random.Generator,
) -> pa.Table:
    """Fill the other columns."""
    prompt = rng.integers(100, 200_000, len(key))
    return pa.table(
        {
            **time_column,
            "tenant": np.char.add("tenant-", (key // 6).astype(str)),
            "feature": np.array(FEATURES)[key // 2 % 3],
            "model": np.array(MODELS)[key % 2],
            "requests": rng.integers(1, 500, len(key)),
            "prompt_tokens": prompt,
            "completion_tokens": rng.integers(10, 20_000, len(key)),
            "cached_tokens": prompt // 3,
            "cost_usd": np.round(rng.random(len(key)) * 9, 6),
        }
    )


def write(path: Path, tables: Iterator[pa.Table]) -> None:
    """Write tables as CSV or Parquet, by the suffix."""
    first = next(tables)
    parquet = path.suffix == ".parquet"
    writer = (pa.parquet.ParquetWriter if parquet else pa.csv.CSVWriter)(path, first.schema)
    with writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table)


def stream(path: Path) -> None:
    """In the child: read it all and print what it took."""
    source = CsvFileSource("benchmark", path, {}, date(2026, 11, 22))
    begin = time.perf_counter()
    usages = sum(isinstance(item, Usage) for item in source.usage(Window()))
    seconds = time.perf_counter() - begin
    print(f"{usages} {seconds} {peak_kb() / 1024}")


def peak_kb() -> int:
    """Peak resident memory of this process alone; getrusage would start at the parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def measure(name: str, rows: int, tables: Callable[[int], Iterator[pa.Table]]) -> float:
    """Write one file, stream it in a child, print the figures and give the peak in MB."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path, tables(rows))
        size_mb = path.stat().st_size / 1e6
        command = [sys.executable, __file__, "--stream", str(path)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    usages, seconds, peak_mb = (float(figure) for figure in printed.split())
    print(
        f"{name:18} {size_mb:6.0f} MB {rows:>10,} rows -> {usages:>10,.0f} usages"
        f" {seconds:6.1f} s {rows / seconds:>9,.0f} rows/s  peak {peak_mb:4.0f} MB"
    )
    return peak_mb


def main() -> int:
    """Measure every kind of file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=10_000_000)
    parser.add_argument("--stream", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.stream:
        stream(chosen.stream)
        return 0
    peaks = [
        measure(f"{kind}.{suffix}", chosen.rows, tables)
        for kind, tables in (("daily", daily_rows), ("requests", request_rows))
        for suffix in ("csv", "parquet")
    ]
    return int(max(peaks) > LIMIT_MB)


if __name__ == "__main__":
    sys.exit(main())
