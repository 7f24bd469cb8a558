"""Speed of the classic z-score: python benchmarks/classic_speed.py [TENANTS].

Scores 31 days of many tenants (30 past ones and the judged one) as ``detector/score.py`` does
(mean, standard deviation, spread with its floors, z) and compares that with numpy's own ``mean``
and ``std`` of the past days, which is less work: alternating repetitions in one run, the best of
each. Exits 1 where ours takes longer than numpy's.
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from detector.baseline import moments
from detector.rules import RuleArrays, RuleBook, rule_arrays
from detector.score import floored_spread, z_scores

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

DAYS = 31
REPETITIONS = 5
LIMIT = 0.5


def make_costs(tenants: int) -> NDArray[np.float64]:
    """Draw daily dollars of very different tenants: a level each, and noise around it."""
    rng = np.random.default_rng(1)
    costs = rng.standard_normal((tenants, DAYS))
    costs *= 0.27
    costs += rng.normal(3, 1.5, tenants)[:, None]
    return np.exp(costs, out=costs)


def score(
    total: NDArray[np.float64], usable: NDArray[np.bool_], rules: RuleArrays
) -> NDArray[np.float64]:
    """Score the last day of every row, on the very view of the array that the method uses."""
    past = moments(total[:, :-1], usable[:, :-1])
    return z_scores(total[:, -1], past.mean, floored_spread(past, rules))


def score_with_numpy(past: NDArray[np.float64]) -> None:
    """Ask numpy for both moments of the past days, which lie together in memory."""
    past.mean(axis=1)
    past.std(axis=1, ddof=1)


def best_times(tasks: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Run the tasks in turn and keep the shortest time of each, in seconds."""
    best = dict.fromkeys(tasks, float("inf"))
    for _ in range(REPETITIONS):
        for name, task in tasks.items():
            begin = time.perf_counter()
            task()
            best[name] = min(best[name], time.perf_counter() - begin)
    return best


def extra_mb(task: Callable[[], object]) -> float:
    """Run a task once more and return the most memory it held beside its input."""
    tracemalloc.start()
    task()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def peak_mb() -> int:
    """Peak resident memory of this process."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def main() -> int:
    """Measure, print, and say whether the limit holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tenants", nargs="?", type=int, default=1_000_000)
    tenants = parser.parse_args().tenants
    total = make_costs(tenants)
    past = np.ascontiguousarray(total[:, :-1])
    every = np.ones(total.shape, dtype=np.bool_)
    some = every.copy()
    some[::20, 3] = False
    rules = rule_arrays(RuleBook(), [""] * tenants, (), date(2026, 11, 12))
    tasks: dict[str, Callable[[], object]] = {
        "numpy mean and std": lambda: score_with_numpy(past),
        "classic z, every day counts": lambda: score(total, every, rules),
        "classic z, 1 in 20 lacks a day": lambda: score(total, some, rules),
    }
    best = best_times(tasks)
    numpy_s, ours_s, _ = best.values()
    print(f"{tenants:,} tenants x {DAYS} days of float64, best of {REPETITIONS}")
    for name, task in tasks.items():
        print(
            f"{name:31} {best[name]:6.3f} s {best[name] / tenants * 1e9:6.0f} ns a tenant"
            f"  {best[name] / numpy_s:5.2f} x numpy  +{extra_mb(task):4.0f} MB"
        )
    print(f"peak memory {peak_mb():,} MB, of which the arrays take {total.nbytes * 2 >> 20:,} MB")
    print(f"ratio {ours_s / numpy_s:.2f} (at most {LIMIT:.1f})")
    return int(ours_s > LIMIT * numpy_s)


if __name__ == "__main__":
    sys.exit(main())
