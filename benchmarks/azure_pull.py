"""Pulls from a local Log Analytics: a large day, and ten workspaces every hour.

The service of the tests runs in a process of its own and executes our KQL over made-up telemetry;
the client is the real SDK, and the ledger a SQLite file. Printed are, each with its aim,

day    for one day of 1,000,000 calls of 200 tenants, pulled by a process of its own: rows and bytes
       of the answers, how long it took, the peak memory of the client (VmHWM);
hours  for ten small workspaces and one source of metrics, pulled at once hour after hour: queries
       of each pull, the most at once, and the most in 30 seconds, counted by the service.

Left with 1 where a count is beyond its aim or tokens are missing; times and memory are figures of
this machine. Run as ``python -m benchmarks.azure_pull [day | hours]``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from detector.sources.base import WatchedSource, Window
from detector.tables import COST_DAY
from spendwatch.app import build_app
from spendwatch.db import DatabaseBusyError, reading
from spendwatch.ingest import pull
from spendwatch.settings import load_settings
from tests.azure.local import LocalLogAnalytics
from tests.spendwatch.local_identity import managed_identity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spendwatch.app import App
    from tests.azure.engine import Engine
    from tests.azure.state import Request

ENGINE = "benchmarks.azure_pull:open_engine"
FIRST = date(2026, 11, 1)
CALLS, TENANTS = 1_000_000, 200
WORKSPACES, HOURS = 10, 3
MOST_QUERIES, MOST_AT_ONCE, MOST_IN_WINDOW, WINDOW_S, MOST_MB = 4, 5, 200, 30.0, 200
CONFIG = """
[service]
database_url = "sqlite:///bench.db"
[azure]
credential = "managed_identity"
endpoint = "{endpoint}"
[[receivers]]
kind = "console"
name = "desk"
[alerts]
receiver = "desk"
"""
LOGS = """
[[sources]]
kind = "azure_logs"
name = "gateway-{number}"
workspace_id = "00000000-0000-0000-0000-0000000000{number:02}"
tenant = [{{ carrier = "request_header", name = "x-tenant-id" }}, {{ carrier = "subscription" }}]
{feature}
"""
FEATURE = 'feature = [{ carrier = "request_header", name = "x-feature" }]'
METRICS = """
[[sources]]
kind = "azure_metrics"
name = "metrics"
workspace_id = "00000000-0000-0000-0000-000000000099"
tenant = [{ carrier = "dimension", name = "Tenant" }]
model_dimension = "Model"
"""


def open_engine(calls: int, tenants: int, days: int) -> Engine:
    """Make the workspace that the service answers for; inside its process, the client has no part.

    What it is made with is loaded there alone: it would weigh in the memory of the client.
    """
    from tests.azure.engine import Engine
    from tests.azure.telemetry import Shape, make

    shape = Shape(FIRST, days=days, tenants=tenants, calls_a_day=calls)
    return Engine(make(shape, also=["metrics"] if days > 1 else ()).connection)


def line(what: str, figure: str, aim: str = "") -> None:
    """Print a figure."""
    print(f"  {what:<46} {figure:<30} {aim}", flush=True)


@contextmanager
def installed(sources: str, calls: int, tenants: int, days: int) -> Iterator[LocalLogAnalytics]:
    """Start the service, and be where the settings of an installation that asks it are."""
    began, before = time.perf_counter(), Path.cwd()
    with (
        LocalLogAnalytics(ENGINE, calls=calls, tenants=tenants, days=days) as service,
        managed_identity() as (variables, _asked),
        TemporaryDirectory() as folder,
    ):
        os.environ.update(variables)
        config = CONFIG.format(endpoint=service.endpoint) + sources
        Path(folder, "config.toml").write_text(config, encoding="utf-8")
        line("telemetry made and served within", f"{time.perf_counter() - began:,.0f} s")
        os.chdir(folder)
        try:
            yield service
        finally:
            os.chdir(before)


def open_app(now: datetime) -> App:
    """Build the installation of this folder."""
    return build_app(load_settings(Path("config.toml"), dict(os.environ)), lambda: now)


def pull_day() -> None:
    """Pull the day into a new ledger, and print what it took: what the child does."""
    app = open_app(datetime(2026, 11, 2, 12, tzinfo=UTC))
    (source,) = app.usage_sources()
    began, cpu = time.perf_counter(), time.process_time()
    report = pull(app, source, Window(FIRST, FIRST))
    figures = {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "usage": report.rows,
        "tokens": _tokens(app),
        "peak_mb": int(_status("VmHWM")) / 1024,
    }
    print(json.dumps(figures))


def _tokens(app: App) -> int:
    sums = select(func.sum(COST_DAY.c.prompt_tokens), func.sum(COST_DAY.c.completion_tokens))
    with reading(app.engine) as session:
        prompt, completion = session.connection().execute(sums).one()
    return int(prompt or 0) + int(completion or 0)


def _status(name: str) -> str:
    return Path("/proc/self/status").read_text().split(f"{name}:")[1].split()[0]


def measure_day(calls: int, feature: str, words: str) -> int:
    """Pull one large day in a process of its own; count the promises that are broken."""
    print(f"a day of {calls:,} calls of {TENANTS} tenants, {words}")
    with installed(LOGS.format(number=1, feature=feature), calls, TENANTS, 1) as service:
        root = str(Path(__file__).parents[1])
        environment = os.environ | {"PYTHONPATH": root}
        command = [sys.executable, "-m", "benchmarks.azure_pull", "--child"]
        child = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, env=environment
        )
        found = json.loads(child.stdout.splitlines()[-1])
        requests = service.requests()
    truth = true_tokens(calls)
    sizes = [each.size or 0 for each in requests]
    answered = sum((each.ended_s or math.nan) - each.began_s for each in requests)
    line("queries", f"{len(requests)}", f"at most {MOST_QUERIES}")
    line("rows of the answers", f"{sum(each.rows for each in requests):,}")
    line("bytes of the answers", f"{sum(sizes):,}")
    line("usage told to the ledger", f"{found['usage']:,}")
    line("tokens in the ledger", f"{found['tokens']:,}", f"truth {truth:,}")
    line("seconds, all", f"{found['seconds']:.1f} (CPU {found['cpu']:.1f})")
    line("seconds, of these the service answering", f"{answered:.1f}")
    line("peak memory of the client", f"{found['peak_mb']:.0f} MB", f"at most {MOST_MB} MB")
    return int(len(requests) > MOST_QUERIES) + int(found["tokens"] != truth)


def true_tokens(calls: int) -> int:
    """Work out what the ledger should hold of the day."""
    from tests.azure.telemetry import Shape, make

    shape = Shape(FIRST, days=1, tenants=TENANTS, calls_a_day=calls)
    return sum(sums.prompt + sums.completion for sums in make(shape).truth(by=()).values())


def pull_hour(app: App, last: date) -> int:
    """Pull every source at once, late rows and three days; count who did not get to write."""

    def one(source: Any) -> bool:
        if isinstance(source, WatchedSource):
            source.late_days(datetime(2026, 11, 3, tzinfo=UTC))
        try:
            pull(app, source, Window(last - timedelta(days=2), last))
        except DatabaseBusyError:
            return False
        return True

    sources = app.usage_sources()
    with ThreadPoolExecutor(len(sources)) as pool:
        return sum(not done for done in pool.map(one, sources))


def measure_hours() -> int:
    """Pull small workspaces hour after hour; count the promises that are broken."""
    print(f"{WORKSPACES} workspaces of 10 tenants and token metrics, {HOURS} hours in a row")
    sources = [LOGS.format(number=number, feature=FEATURE) for number in range(WORKSPACES)]
    broken = 0
    with installed("".join([*sources, METRICS]), 500, 10, 4) as service:
        now = datetime(2026, 11, 4, 12, tzinfo=UTC)
        app = open_app(now)
        for hour in range(HOURS):
            before, began = len(service.requests()), time.perf_counter()
            busy = pull_hour(app, now.date())
            took = time.perf_counter() - began
            places = Counter(each.place for each in service.requests()[before:])
            most = max(places.values())
            words = f"{most} (all: {places.total()}, {took:.0f} s)"
            line(f"hour {hour + 1}: most queries of a pull", words, f"at most {MOST_QUERIES}")
            if busy:
                line("pulls that waited too long for the ledger", f"{busy}", "0")
            broken += most > MOST_QUERIES
        requests = service.requests()
    at_once, window = max(each.at_once for each in requests), busiest(requests)
    refused = sum(each.status != 200 for each in requests)
    line("most queries at once", f"{at_once}", f"at most {MOST_AT_ONCE}")
    line("most queries within 30 s", f"{window}", f"at most {MOST_IN_WINDOW}")
    line("queries that were refused", f"{refused}", "0")
    return broken + (at_once > MOST_AT_ONCE) + (window > MOST_IN_WINDOW) + bool(refused)


def busiest(requests: Sequence[Request]) -> int:
    """Count the queries of the fullest window."""
    began = sorted(each.began_s for each in requests)
    return max(sum(first <= at < first + WINDOW_S for at in began) for first in began)


def main() -> int:
    """Measure what is asked for, by default all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=["day", "hours"], help="by default both")
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        pull_day()
        return 0
    broken = 0
    if chosen.part != "hours":
        broken += measure_day(chosen.calls, "", "by tenant")
        broken += measure_day(chosen.calls, FEATURE, "by tenant and feature")
        quarters = FEATURE + '\nslot = "quarter_hour"'
        broken += measure_day(chosen.calls, quarters, "the same, in quarters of an hour")
    if chosen.part != "day":
        broken += measure_hours()
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
