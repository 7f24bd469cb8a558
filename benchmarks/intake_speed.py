"""Speed of taking alerts in: python benchmarks/intake_speed.py [ALERTS].

Takes one judgement of many new spikes into a database file, once with a message for each and once
grouped as by default, and a second day on which all of them go on. Each is printed as seconds and
as a multiple of writing the same bytes as plain JSON rows with sqlite3, measured in the same run.
"""

from __future__ import annotations

import argparse
import gc
import json
import sqlite3
import time
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from alerts.codec import encode
from alerts.intake import take_in
from alerts.model import AlertRules
from alerts.policy import Situation
from alerts.routing import Routes
from alerts.taken import Telling
from detector.model import MICRO, Baseline, Driver, Finding, FindingKind, Judgement, Severity
from spendwatch.db import writing
from spendwatch.db_upgrade import open_database

if TYPE_CHECKING:
    from sqlalchemy import Engine

DAY = date(2026, 11, 12)
NOW = datetime(2026, 11, 13, 6, 10, tzinfo=UTC)


def spike(number: int, day: date) -> Finding:
    """Return a finding with all that a real one carries."""
    return Finding(
        FindingKind.SPEND_SPIKE,
        day,
        Severity.WARNING,
        tenant=f"tenant-{number:05}",
        magnitude=(300 + number % 100) * MICRO,
        rule="z-score",
        score=6.2,
        expected_micro_usd=331 * MICRO,
        actual_micro_usd=(631 + number % 100) * MICRO,
        baseline=Baseline(30, 28, 331 * MICRO, 40 * MICRO, 240 * MICRO, 420 * MICRO),
        drivers=tuple(
            Driver(feature, "gpt-4o", 100 * MICRO, 200 * MICRO, 90 * MICRO, 0, 10 * MICRO)
            for feature in ("chat", "search", "summarise")
        ),
        facts={"z_bar": 3.0, "usable_days": 28},
    )


def take(engine: Engine, findings: list[Finding], day: date, group_above: int) -> float:
    """Take one day in and give the seconds it took."""
    situation = Situation(NOW + (day - DAY))
    telling = Telling({}, Routes("desk"), AlertRules(), situation, group_above=group_above)
    began = time.perf_counter()
    with writing(engine) as session:
        take_in(session, Judgement(day, tuple(findings), frozenset()), telling)
    return time.perf_counter() - began


def write_plainly(path: Path, findings: list[Finding]) -> float:
    """Write the findings as JSON rows and give the seconds it took."""
    began = time.perf_counter()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE plain (finding TEXT)")
        rows = [(json.dumps(encode(finding)),) for finding in findings]
        connection.executemany("INSERT INTO plain VALUES (?)", rows)
    return time.perf_counter() - began


def main() -> None:
    """Measure each way on a new database."""
    gc.set_threshold(100_000, 20, 20)  # as the command line does
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("alerts", nargs="?", type=int, default=10_000)
    alerts = parser.parse_args().alerts
    findings = [spike(number, DAY) for number in range(alerts)]
    later = [spike(number, DAY + timedelta(days=1)) for number in range(alerts)]
    with TemporaryDirectory() as folder:
        plain = write_plainly(Path(folder) / "plain.db", findings)
        print(f"{'plain JSON rows':<34} {plain:6.2f} s")
        for words, group_above in (("a message for each", alerts), ("grouped into one", 5)):
            engine = open_database(f"sqlite:///{folder}/{group_above}.db")
            for what, some, day in (
                (words, findings, DAY),
                ("  the next day of the same", later, DAY + timedelta(days=1)),
            ):
                took = take(engine, some, day, group_above)
                print(f"{what:<34} {took:6.2f} s {took / plain:6.1f} x plain")
            engine.dispose()


if __name__ == "__main__":
    main()
