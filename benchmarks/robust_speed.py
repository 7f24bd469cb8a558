"""Speed of `robust` on a day of many tenants: ``python -m benchmarks.robust_speed [TENANTS]``.

Scores the last of 62 days of tenants with three features each, beside numpy's own ``mean`` and
``std`` of the tenants' 30 days before it: alternating repetitions in one run, the best of each.
On the calm day two tenants in a thousand spend six times as much as usual; the restless fleet
idles, bursts and varies as real clients do, so that every fourth must be looked at closely. Exits
1 where a tenant of the calm day takes more than 38 times what numpy takes, which is 5 microseconds
where numpy takes 0.13.
"""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.classic_speed import best_times, score_with_numpy
from benchmarks.judging_growth import FEATURES, LAST, cells_of
from detector.detect import Context, weigh
from detector.history import DayCells, History, consecutive_days, lay_out
from detector.model import SeriesKey
from detector.robust.method import score_robust
from detector.rules import ROBUST_DAYS, RuleBook
from spendwatch.price_files import load_price_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from detector.score import Evidence

LIMIT = 38.0
BOOK = RuleBook(method="robust")
_NOISE, _IDLE = (0.15, 0.27, 0.49, 1.2), (0.0, 0.0, 0.1, 0.4)


def restless_cells(day: date, tenants: int) -> DayCells:
    """Draw the use of a day of tenants each of which has a level, a noise and idle days."""
    kinds = np.random.default_rng(1)
    level, noise = kinds.normal(14.5, 1, tenants), kinds.choice(_NOISE, tenants)
    idle = kinds.choice(_IDLE, tenants)
    chance = np.random.default_rng(day.toordinal())
    used = np.repeat(chance.random(tenants) >= idle, len(FEATURES))
    apart = np.repeat(noise, len(FEATURES)) * chance.normal(size=len(used))
    prompt = (np.exp(np.repeat(level, len(FEATURES)) + apart) * used).astype(np.int64)
    cached, completion = prompt // 4, prompt // 10
    cost = ((prompt - cached) * 2.5 + cached * 1.25 + completion * 10).astype(np.int64)
    none = np.zeros(len(used), dtype=np.bool_)
    return DayCells(np.arange(1, len(used) + 1), cost, prompt, completion, cached, none, none)


def history_of(cells: Callable[[date, int], DayCells], tenants: int) -> History:
    """Lay the days out as the ledger does."""
    days = consecutive_days(LAST - timedelta(days=ROBUST_DAYS), LAST)
    names = (f"tenant-{tenant:07d}" for tenant in range(tenants))
    keys = [SeriesKey(name, each, "gpt-4o", "", "") for name in names for each in FEATURES]
    drawn = ((column, cells(day, tenants)) for column, day in enumerate(days))
    told = ((column, day._replace(rows=day.rows - 1)) for column, day in drawn)
    known = np.ones(len(days), dtype=np.bool_)
    return lay_out(keys, days, told, pulled=known, whole=known, first_days={})


def evidence_of(history: History) -> Evidence:
    """Return what the method is handed."""
    return weigh(history, BOOK, Context(prices=load_price_table())).evidence


def main() -> int:
    """Measure, print, and say whether the limit holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tenants", nargs="?", type=int, default=100_000)
    tenants = parser.parse_args().tenants
    calm = evidence_of(history_of(cells_of, tenants))
    restless = evidence_of(history_of(restless_cells, tenants))
    past = np.ascontiguousarray(calm.total[:, -31:-1])
    best = best_times(
        {
            "numpy mean and std": lambda: score_with_numpy(past),
            "robust, a calm day": lambda: score_robust(calm),
            "robust, a restless fleet": lambda: score_robust(restless),
        }
    )
    numpy_s, calm_s, _ = best.values()
    print(f"{tenants:,} tenants x {len(FEATURES)} features x {ROBUST_DAYS + 1} days")
    for name, took in best.items():
        each = took / tenants * 1e6
        print(f"{name:25} {took:6.3f} s {each:6.2f} us a tenant {took / numpy_s:6.1f} x numpy")
    print(f"ratio {calm_s / numpy_s:.1f} (at most {LIMIT:.0f})")
    return int(calm_s > LIMIT * numpy_s)


if __name__ == "__main__":
    sys.exit(main())
