"""Our detectors beside those of others: ``make quality``, or ``python -m benchmarks.detectors``.

Every detector sees each tenant's daily cost up to the day before and judges the day: abnormal
above its bar, at least $5 and 25 % above the mean of 30 days, after 14 days. `robust`, as shipped,
and `classic`, of rises by its z-score, run by the replay of `spendwatch backtest`; `robust` sees
features, tokens and models too, and tells of drops. Of the others' bars the one with the best F1 on
this very panel is shown, in their favour. Slow ones are asked for a sample of tenants, on which
ours are shown again.

A world is made where no files are named. The others need the ``benchmark`` group (``make quality``
installs it); who is missing is left out and said so.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from benchmarks.libraries import CONTENDERS, WINDOW_DAYS, Contender, Floats
from benchmarks.panels import CLASSIC, ROBUST, Panel, add_panel_options, alerts_of, panels
from benchmarks.quality import short
from benchmarks.scoring import Alert, Quality
from detector.groups import group_tenants, sum_by_tenant
from detector.model import MICRO
from spendwatch.output import progress

LEAST_USD, LEAST_SHARE = 5.0, 0.25
OURS = {"**robust**": ROBUST, "classic": CLASSIC}
BARS = {"robust": ROBUST.everyone.bar, "classic": CLASSIC.everyone.z}
SAMPLE = 100


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    name: str
    tenants: int
    bar: str
    found: tuple[Quality, Quality]
    us_a_day: float


@dataclass(frozen=True, slots=True)
class Costs:
    """Dollars a day of some tenants; NaN before a tenant's first use."""

    tenants: tuple[str, ...]
    usd: Floats


def costs_of(panel: Panel) -> Costs:
    """Sum what a panel was billed."""
    groups = group_tenants(panel.history.keys)
    usd = sum_by_tenant(panel.history.cost / MICRO, groups)
    begun = np.logical_or.accumulate(usd > 0, axis=1)
    return Costs(groups.tenants, np.where(begun, usd, np.nan))


def scores_of(contender: Contender, costs: Costs, columns: range) -> Floats:
    """Ask for every day of a span; what is learned from ends before what is judged."""
    scorer = contender.make()
    scores = np.full(costs.usd.shape, np.nan)
    with progress(contender.name, len(columns)) as step:
        for first in columns[:: contender.refit_days]:
            ahead = slice(first, min(first + contender.refit_days, columns.stop))
            # A copy: nothing of what lies ahead is in reach, whatever a library does with it.
            past = costs.usd[:, :first].copy()
            scores[:, ahead] = scorer(past, np.nan_to_num(costs.usd[:, ahead]))
            for _ in range(*ahead.indices(columns.stop)):
                step("")
    return scores


def worth_telling(costs: Costs) -> Floats:
    """Say which days are at least $5 and 25 % above the mean of the 30 before them."""
    worth = np.zeros(costs.usd.shape)
    for column in range(1, costs.usd.shape[1]):
        window = costs.usd[:, max(0, column - WINDOW_DAYS) : column]
        days = np.maximum((~np.isnan(window)).sum(axis=1), 1)
        mean = np.nansum(window, axis=1) / days
        least = np.maximum(LEAST_USD, LEAST_SHARE * mean)
        worth[:, column] = costs.usd[:, column] - mean >= least
    return worth


def run_contender(contender: Contender, panel: Panel) -> Row:
    """Run a detector of others, and keep the bar with the best F1."""
    costs, days = costs_of(panel), panel.history.days
    first, last = days.index(panel.truth.first), days.index(panel.truth.last)
    begin = perf_counter()
    scores = scores_of(contender, costs, range(first, last + 1))
    took = perf_counter() - begin
    worth = worth_telling(costs) > 0
    best = max(
        (
            (bar, panel.quality(_alerts(panel, costs, worth & (scores > bar))))
            for bar in contender.bars
        ),
        key=lambda tried: tried[1][0].f1,
    )
    each = took / (len(costs.tenants) * (last - first + 1)) * 1e6
    return Row(contender.name, panel.truth.tenants, f"{best[0]:.10g}", best[1], each)


def _alerts(panel: Panel, costs: Costs, told: np.ndarray) -> set[Alert]:
    return {
        (costs.tenants[row], panel.history.days[column])
        for row, column in zip(*np.nonzero(told), strict=True)
    }


def run_ours(panel: Panel, sampled: Panel) -> Iterator[Row]:
    """Run our methods over all tenants, and hold them against the sample too."""
    truth = panel.truth
    for name, book in OURS.items():
        begin = perf_counter()
        alerts = alerts_of(panel.judge(book))
        took = perf_counter() - begin
        each = took / (truth.tenants * ((truth.last - truth.first).days + 1)) * 1e6
        yield Row(name, truth.tenants, f"{BARS[book.method]:g}", panel.quality(alerts), each)
        if sampled is not panel:
            mine = {alert for alert in alerts if alert[0] in set(tenants_of(sampled))}
            yield Row(
                name, sampled.truth.tenants, f"{BARS[book.method]:g}", sampled.quality(mine), each
            )


def tenants_of(panel: Panel) -> tuple[str, ...]:
    """Return whose use a panel holds."""
    return group_tenants(panel.history.keys).tenants


def sample(panel: Panel, count: int, seed: int = 1) -> Panel:
    """Keep some tenants of a panel; the panel itself where there are not more."""
    every = tenants_of(panel)
    if count >= len(every):
        return panel
    chosen = set(np.random.default_rng(seed).permutation(np.array(every))[:count].tolist())
    history = panel.history
    rows = [row for row, key in enumerate(history.keys) if key.tenant in chosen]
    cut = {
        name: getattr(history, name)[rows]
        for name in ("cost", "unknown", "given", "prompt", "completion", "cached")
    }
    events = tuple(event for event in panel.truth.events if event.tenant in chosen)
    return replace(
        panel,
        history=history._replace(keys=tuple(history.keys[row] for row in rows), **cut),
        truth=replace(panel.truth, events=events, tenants=count),
        steady=panel.steady & chosen,
    )


def table(panel: Panel, rows: Sequence[Row]) -> Iterator[str]:
    """Give the lines of the table, the largest group of tenants first, then the best F1."""
    classic = next(row.us_a_day for row in rows if row.name == "classic")
    yield (
        f"| {panel.name} | tenants | bar | precision | recall | F1 | clear | pages | delay "
        "| µs a tenant and day | x classic |"
    )
    yield "|---" * 11 + "|"
    for row in sorted(rows, key=lambda row: (-row.tenants, -row.found[0].f1)):
        whole, core = row.found
        shares = (whole.precision, whole.recall, whole.f1, core.f1)
        cells = [
            row.name, f"{row.tenants}", row.bar, *map(short, shares), short(whole.pages, 3),
            short(whole.delay_days), f"{row.us_a_day:,.0f}", f"{row.us_a_day / classic:,.1f}",
        ]  # fmt: skip
        yield f"| {' | '.join(cells)} |"


def compete(panel: Panel, contenders: Iterable[Contender], count: int) -> list[Row]:
    """Run all detectors over a panel."""
    sampled = sample(panel, count)
    rows = list(run_ours(panel, sampled))
    for contender in contenders:
        if contender.is_here:
            rows.append(run_contender(contender, sampled if contender.slow else panel))
        else:
            sys.stderr.write(f"{contender.name}: {contender.package} is not installed, left out\n")
    return rows


def main() -> None:
    """Print a table for each panel."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_panel_options(parser)
    parser.add_argument("--sample", type=int, default=SAMPLE, help="tenants for slow detectors")
    parser.add_argument("--only", action="append", help="part of a detector's name; repeatable")
    asked = parser.parse_args()
    chosen = [
        contender
        for contender in CONTENDERS
        if not asked.only or any(part in contender.name for part in asked.only)
    ]
    for panel in panels(asked):
        print(*table(panel, compete(panel, chosen, asked.sample)), "", sep="\n", flush=True)


if __name__ == "__main__":
    main()
