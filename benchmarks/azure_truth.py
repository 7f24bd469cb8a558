"""A month of 200 tenants from Azure Monitor into the ledger, against a truth: to the token.

Telemetry is made with everything that goes wrong in it (``tests/azure/telemetry.py``), served by
the local Log Analytics in a process of its own, and read by `spendwatch backfill` as a person types
it: from the gateway's logs, from its token metrics and by a query of the user's own. Ends with 1
where a row of the ledger differs.

Run as ``python -m benchmarks.azure_truth [--days 31] [--tenants 200] [--calls 20000]``.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.azure.local import LocalLogAnalytics
from tests.azure.workspaces import WORKSPACES, telemetry_of
from tests.spendwatch.azure_place import (
    GATEWAY,
    OWN_QUERY,
    TOKEN_METRICS,
    Place,
    differences,
)
from tests.spendwatch.local_identity import managed_identity


def backfill(place: Place, environ: dict[str, str], name: str) -> float:
    """Pull one source by the command; return the seconds it took."""
    shape = place.telemetry.shape
    command = [sys.executable, "-m", "spendwatch.cli", "backfill", "--source", name,
               "--from", str(shape.first_day - timedelta(days=1)), "--to", str(shape.end.date()),
               "--config", str(place.config)]  # fmt: skip
    began = time.perf_counter()
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if ended.returncode:
        sys.exit(ended.stderr)
    print(f"  {ended.stdout.strip()}")
    return time.perf_counter() - began


def compare(place: Place, name: str) -> bool:
    """Print where the ledger is not the truth."""
    truth = {"gateway": place.logs_truth, "metrics": place.metrics_truth, "own": place.own_truth}
    held, wanted = place.ledger(name), truth[name]()
    prompt = sum(row.prompt for row in held.values())
    found = differences(held, wanted)
    print(f"  {len(held):,} rows of the ledger, {prompt:,} prompt tokens: "
          f"{'; '.join(found) or 'equal to the truth'}", flush=True)  # fmt: skip
    return not found


def main() -> None:
    """Make telemetry, read it, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=31)
    parser.add_argument("--tenants", type=int, default=200)
    parser.add_argument("--calls", type=int, default=20_000, help="a day")
    given = parser.parse_args()
    today = datetime.now(UTC).date()  # noqa: TID251 - the program has the clock of the machine
    first = today - timedelta(days=given.days + 3)
    options = {"first_day": str(first), "days": given.days, "tenants": given.tenants,
               "calls_a_day": given.calls, "metrics": True}  # fmt: skip
    began, right = time.perf_counter(), True
    telemetry = telemetry_of(**options)
    print(f"{given.days * given.calls:,} calls made in {time.perf_counter() - began:.1f} s")
    with (
        LocalLogAnalytics(WORKSPACES, **options) as local,
        managed_identity() as (variables, _asked),
        tempfile.TemporaryDirectory() as folder,
    ):
        place = Place(Path(folder), local, telemetry, GATEWAY + TOKEN_METRICS + OWN_QUERY)
        for name in ("gateway", "metrics", "own"):
            print(f"{name}:")
            asked = len(local.requests())
            took = backfill(place, os.environ | variables, name)
            requests = local.requests()[asked:]
            served = sum(each.ended_s - each.began_s for each in requests if each.ended_s)
            print(f"  {took:.1f} s, of which {served:.1f} s in {len(requests)} queries")
            right &= compare(place, name)
        size = (Path(folder) / "spendwatch.db").stat().st_size
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"database {size / 1e6:.0f} MB; no process used more than {peak:.0f} MB")
    if not right:
        sys.exit(1)


if __name__ == "__main__":
    main()
