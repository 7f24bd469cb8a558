"""How judging a day grows with the tenants: ``python -m benchmarks.judging_growth [--largest N]``.

Each size runs in a process of its own, so that its peak memory is its own. The ledger (SQLite)
holds 61 days of tenants x 3 features, as arrays, as the judgements of the days before leave them;
the rows of the judged day have just been recorded. Then, measured: its array is made, everything is
read, all tenants are judged by `robust`, and findings, alerts and notifications are stored. Two
tenants in a thousand spike. ``--svg FILE`` draws it.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import perf_counter

import numpy as np
from sqlalchemy import insert

from benchmarks.classic_speed import peak_mb
from detector.day_vectors import store_vector
from detector.detect import detect
from detector.fetching import COLLECT_AT
from detector.history import DayCells, consecutive_days
from detector.rules import ROBUST_DAYS
from detector.tables import COST_DAY, SERIES, SOURCE_DAY
from spendwatch.app import App, build_app
from spendwatch.db import reading, writing
from spendwatch.judging import gather, keep_vectors, write_judgement
from spendwatch.settings import load_settings

LAST = date(2026, 11, 11)
FEATURES = ("chat", "search", "summarise")
SPIKES_IN_A_THOUSAND = 2
SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
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
WIDTH, HEIGHT, EDGE, LINE = 640, 360, 60, 18
INK, BLUE, RED = "#57606a", "#0072b2", "#d55e00"


@dataclass(frozen=True, slots=True)
class Measured:
    """One size: seconds of each step, and the peak of memory."""

    tenants: int
    array_s: float
    read_s: float
    judge_s: float
    store_s: float
    peak_mb: int
    findings: int

    @property
    def total_s(self) -> float:
        """How long all of it took."""
        return self.array_s + self.read_s + self.judge_s + self.store_s

    def told(self) -> str:
        """Return a line for a person."""
        steps = (("array", self.array_s), ("read", self.read_s), ("judge", self.judge_s),
                 ("store", self.store_s))  # fmt: skip
        parts = ", ".join(f"{name} {took:.2f} s" for name, took in steps)
        return (
            f"{self.tenants:>9,} tenants x 3: {self.total_s:6.2f} s ({parts}), "
            f"{self.total_s / self.tenants * 1e6:5.1f} us a tenant, judged in "
            f"{self.judge_s / self.tenants * 1e6:4.1f}; peak {self.peak_mb:,} MB; "
            f"{self.findings:,} findings"
        )


def morning_after() -> datetime:
    """Stand still at six on the morning after the measured day."""
    return datetime.combine(LAST + timedelta(days=1), time(6), UTC)


def cells_of(day: date, tenants: int) -> DayCells:
    """Draw the use of a day: a little different each day, some six times as much on the last."""
    series = len(FEATURES) * tenants
    usage = np.random.default_rng(day.toordinal()).normal(1, 0.1, series).clip(0.2)
    if day == LAST:
        usage[np.repeat(np.arange(tenants) % 1000 < SPIKES_IN_A_THOUSAND, len(FEATURES))] *= 6
    prompt = (4_000_000 * usage).astype(np.int64)
    cached, completion = prompt // 4, prompt // 10
    cost = ((prompt - cached) * 2.5 + cached * 1.25 + completion * 10).astype(np.int64)
    none = np.zeros(series, dtype=np.bool_)
    return DayCells(np.arange(1, series + 1), cost, prompt, completion, cached, none, none)


def fill(app: App, tenants: int) -> None:
    """Lay the ledger out as it is on the morning after the measured day."""
    first = LAST - timedelta(days=ROBUST_DAYS)
    with writing(app.engine) as session:
        session.connection().execute(insert(SERIES), list(_series(tenants, first)))
        rows = _rows(cells_of(LAST, tenants))
        session.connection().execute(insert(COST_DAY), list(rows))
    for day in consecutive_days(first, LAST):
        with writing(app.engine) as session:
            if day < LAST:
                store_vector(session, day, cells_of(day, tenants))
            known = {"source": "bench", "day": day, "rows": len(FEATURES) * tenants, "whole": True}
            at = morning_after()
            told = known | {"pulled_at": at, "changed_at": at}
            session.connection().execute(insert(SOURCE_DAY), [told])


def _series(tenants: int, first: date) -> Iterator[dict[str, object]]:
    for tenant in range(tenants):
        for feature in FEATURES:
            yield {
                "source": "bench", "tenant": f"tenant-{tenant:07d}", "feature": feature,
                "model": "gpt-4o", "deployment": "", "scope": "", "first_day": first,
            }  # fmt: skip


def _rows(cells: DayCells) -> Iterator[dict[str, object]]:
    numbers = (part.tolist() for part in cells[:5])
    for series, cost, prompt, completion, cached in zip(*numbers, strict=True):
        yield {
            "series_id": series, "day": LAST, "version": 1, "recorded_at": morning_after(),
            "micro_usd": cost, "requests": 1_000, "requests_without_usage": 0,
            "prompt_tokens": prompt, "completion_tokens": completion, "cached_tokens": cached,
            "estimated": False, "shadow": False, "upper_bound": False, "given": False,
        }  # fmt: skip


def measure(tenants: int) -> Measured:
    """Judge the day once, as a service does that has judged others before."""
    gc.set_threshold(*COLLECT_AT)  # as the program does
    _measure(10)
    return _measure(tenants)


def _measure(tenants: int) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.toml"
        config.write_text(CONFIG)
        app = build_app(load_settings(config, {}), morning_after)
        fill(app, tenants)
        marks = [perf_counter()]
        keep_vectors(app, LAST)
        marks.append(perf_counter())
        with reading(app.engine) as session:
            history, context = gather(app, session, LAST)
        marks.append(perf_counter())
        judgement = detect(history, app.book, context)
        marks.append(perf_counter())
        write_judgement(app, judgement, lambda _: None)
        marks.append(perf_counter())
        app.engine.dispose()
    array_s, read_s, judge_s, store_s = np.diff(marks).tolist()
    findings = len(judgement.findings)
    return Measured(tenants, array_s, read_s, judge_s, store_s, peak_mb(), findings)


def draw(found: Sequence[Measured]) -> str:
    """Draw seconds and memory against tenants, both on logarithmic axes."""
    places = [math.log10(each.tenants) for each in found]
    low, high = min(places), max(max(places), min(places) + 1)

    def spots(values: Sequence[float], most: float) -> Iterator[tuple[float, float]]:
        decades = math.log10(most / min(values)) or 1
        for place, value in zip(places, values, strict=True):
            x = EDGE + (WIDTH - 2 * EDGE) * (place - low) / (high - low)
            yield x, EDGE + (HEIGHT - 2 * EDGE) * math.log10(most / value) / decades

    body = [f'<text x="{EDGE}" y="{LINE}">judging a day: seconds (blue), peak MB (orange)</text>']
    for values, colour, spell in (
        ([each.total_s for each in found], BLUE, "{:.2g} s"),
        ([float(each.peak_mb) for each in found], RED, "{:,.0f} MB"),
    ):
        path = list(spots(values, max(values)))
        line = " ".join(f"{x:.0f},{y:.0f}" for x, y in path)
        body.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        up = -8 if colour == BLUE else LINE
        body += [
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3" fill="{colour}"/>'
            f'<text x="{x:.0f}" y="{y + up:.0f}" text-anchor="middle" fill="{colour}">'
            f"{spell.format(value)}</text>"
            for (x, y), value in zip(path, values, strict=True)
        ]
    body += [
        f'<text x="{x:.0f}" y="{HEIGHT - LINE}" text-anchor="middle">{each.tenants:,}</text>'
        for (x, _), each in zip(spots([1.0] * len(found), 1.0), found, strict=True)
    ]
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'font-family="sans-serif" font-size="12" fill="{INK}">'
    )
    return "\n".join([opening, "<title>Judging a day by tenants</title>", *body, "</svg>\n"])


def main() -> None:
    """Measure each size in a child."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenants", type=int, help="measure this many here, and print JSON")
    parser.add_argument("--largest", type=int, default=100_000)
    parser.add_argument("--svg", type=Path)
    asked = parser.parse_args()
    if asked.tenants:
        print(json.dumps(asdict(measure(asked.tenants))))
        return
    found = []
    for tenants in (size for size in SIZES if size <= asked.largest):
        command = [sys.executable, "-m", "benchmarks.judging_growth", "--tenants", str(tenants)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found.append(Measured(**json.loads(answer)))
        print(found[-1].told(), flush=True)
    if asked.svg:
        asked.svg.write_text(draw(found), encoding="utf-8")


if __name__ == "__main__":
    main()
