"""Time and peak memory of importing ten million rows: python benchmarks/import_memory.py [ROWS].

Writes each file to a temporary folder, runs `spendwatch import` on it in a child process, into a
new SQLite ledger, and prints the rows a second and the child's peak resident memory; exits 1
above 500 MB. Name kinds (requests.parquet) to run those alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_MB = 500
CONFIG = """
[service]
database_url = "sqlite:///ledger.db"
[[receivers]]
kind = "console"
name = "desk"
[alerts]
receiver = "desk"
"""
CHILD = """
import sys, time
from pathlib import Path
from spendwatch.cli import app
from spendwatch.exits import run_reporting_errors
begin = time.perf_counter()
code = run_reporting_errors(app, sys.argv[1:])
peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
print(time.perf_counter() - begin, int(peak) / 1024)  # getrusage would start at the parent's peak
sys.exit(code)
"""
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


KINDS = {"daily": daily_rows, "requests": request_rows}
SUFFIXES = ("csv", "parquet")


def write(path: Path, tables: Iterator[pa.Table]) -> None:
    """Write tables as CSV or Parquet, by the suffix."""
    first = next(tables)
    parquet = path.suffix == ".parquet"
    writer = (pa.parquet.ParquetWriter if parquet else pa.csv.CSVWriter)(path, first.schema)
    with writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table)


def measure(name: str, rows: int) -> float:
    """Write one file, import it in a child, print the figures and give the peak in MB."""
    kind, _, _suffix = name.partition(".")
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path, KINDS[kind](rows))
        size_mb = path.stat().st_size / 1e6
        config = Path(folder) / "config.toml"
        config.write_text(CONFIG)
        command = [sys.executable, "-c", CHILD, "import", str(path), "--config", str(config)]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        ledger_mb = (Path(folder) / "ledger.db").stat().st_size / 1e6
    *sentence, figures = printed.splitlines()
    seconds, peak_mb = (float(figure) for figure in figures.split())
    print(
        f"{name:18} {size_mb:6.0f} MB {rows:>10,} rows {seconds:6.0f} s {rows / seconds:>9,.0f}"
        f" rows/s  ledger {ledger_mb:5.0f} MB  peak {peak_mb:4.0f} MB: {sentence[0]}",
        flush=True,
    )
    return peak_mb


def main() -> int:
    """Measure the files asked for, by default every kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=10_000_000)
    parser.add_argument("names", nargs="*", default=[f"{k}.{s}" for k in KINDS for s in SUFFIXES])
    chosen = parser.parse_args()
    peaks = [measure(name, chosen.rows) for name in chosen.names]
    return int(max(peaks) > LIMIT_MB)


if __name__ == "__main__":
    sys.exit(main())
