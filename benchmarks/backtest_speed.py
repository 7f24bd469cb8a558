"""How long a backtest of 600 tenants x 180 days takes: python benchmarks/backtest_speed.py.

The use is drawn from a seed: two features of each tenant, calm on most days, a surge now and then.
It is replayed from a file and from a ledger, with the page that is drawn of it; each replay is a
process of its own, from its start to its end. Leaves with 1 where one has the processor for more
than 60 s: how long that takes by the clock depends on what else the machine does.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet

TENANTS, DAYS, FEATURES = 600, 180, ("chat", "search")
FIRST = np.datetime64("2025-01-01")
SURGES = 0.002
MOST_S = 60
CONFIG = """
[service]
database_url = "sqlite:///ledger.db"
[[receivers]]
kind = "console"
name = "desk"
[alerts]
receiver = "desk"
"""


def usage() -> pa.Table:
    """One row for each day, tenant and feature."""
    rng = np.random.default_rng(1)
    shape = (DAYS, TENANTS, len(FEATURES))
    level = np.exp(rng.normal(16, 1.5, shape[1:]))
    surges = np.where(rng.random(shape) < SURGES, 8, 1)
    prompt = (level * np.exp(rng.normal(0, 0.2, shape)) * surges).astype(np.int64)
    day, tenant, feature = (part.ravel() for part in np.indices(shape))
    return pa.table(
        {
            "date": (FIRST + day).astype(str),
            "tenant": np.char.add("tenant-", tenant.astype(str)),
            "feature": np.array(FEATURES)[feature],
            "model": np.full(prompt.size, "gpt-4o"),
            "requests": np.ones(prompt.size, dtype=np.int64),
            "prompt_tokens": prompt.ravel(),
            "completion_tokens": prompt.ravel() // 5,
        }
    )


def run(folder: Path, *words: str) -> tuple[float, float]:
    """Run a command of the program; return its seconds by the clock and of the processor."""
    begin, used = perf_counter(), _used_s()
    program = [sys.executable, "-m", "spendwatch.cli", *words]
    subprocess.run(program, cwd=folder, check=True, capture_output=True)
    return perf_counter() - begin, _used_s() - used


def _used_s() -> float:
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Measure both."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        pyarrow.parquet.write_table(usage(), folder / "usage.parquet")
        (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
        run(folder, "import", "usage.parquet")
        page = ("--html", "page.html")
        took = {
            "from a file": run(folder, "backtest", "--usage", "usage.parquet", *page),
            "from a ledger": run(folder, "backtest", *page),
            "two methods, from a ledger": run(
                folder, "backtest", "--compare", "robust", "classic", *page
            ),
        }
        size = (folder / "page.html").stat().st_size
    for what, (clock_s, used_s) in took.items():
        said = f"{clock_s:.1f} s, {used_s:.1f} s of the processor (aim: {MOST_S} s)"
        print(f"{TENANTS} tenants x {DAYS} days {what}: {said}")
    print(f"the page of two methods: {size / 1e6:.1f} MB")
    return int(max(used_s for _, used_s in took.values()) > MOST_S)


if __name__ == "__main__":
    sys.exit(main())
