"""Worlds of tenants whose incidents are known: ``python -m benchmarks.worlds FOLDER [--seed 1]``.

Writes what a detector reads (``usage.parquet``: date, tenant, feature, model, requests,
prompt_tokens, completion_tokens, cost_usd), what happened (``labels.csv``) and which tenants are
steady (``tenants.csv``, for judging alone), and prints how its clients compare with real ones.
Everything follows from the seed; ``benchmarks/clients.py`` is how clients behave,
``benchmarks/incidents.py`` what happens to them.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.clients import Floats, Flow, Natural, Traits, draw_client, make_flow
from benchmarks.incidents import (
    EVENTS,
    INCIDENTS,
    Change,
    cost_of,
    draw_change,
    one_feature,
    total_of,
)
from benchmarks.scoring import ANOMALY, IGNORED, LEGITIMATE
from detector.history import consecutive_days
from detector.model import UNATTRIBUTED

FIRST_DAY = date(2026, 1, 5)
TENANTS, DAYS = 400, 150
QUIET_DAYS, LEAST_DAYS = 35, 100
"""Nothing happens in the first five weeks, which a detector learns from."""
FORTNIGHT = 14
EVERYONE = "*"
USAGE, LABELS, CLASSES = "usage.parquet", "labels.csv", "tenants.csv"

REAL = {
    "idle on a day": 0.55,
    "noise p25": 0.15,
    "noise p50": 0.27,
    "noise p75": 0.49,
    "noise p95": 1.20,
    "a day above twice the median": 0.41,
    "a day above ten times": 0.17,
    "quiet weekends": 0.45,
}
"""Two weeks of real clients of language models (request rates and token lengths of ServeGen)."""

_PRICE_CHANGES = ((0.45, "gpt-4o", 0.75), (0.75, "gpt-4.1-mini", 1.25))
"""When in the world (0 to 1), of which model, and by which factor."""
_OUTAGE, _HIT, _LEFT = 0.6, 0.7, (0.05, 0.5)
_NEWCOMERS, _LEAVERS, _MONTH_ENDS = 0.08, 0.04, 0.15
_RATE, _INCIDENT_SHARE = 1 / 120, 0.75
"""What happens on a tenant's day, and how much of it is an incident."""
_SETTLES_DAYS, _APART_DAYS = 3, 14
_BURST_SD = 4.0
_CLEAR_SD, _CLEAR_USD = 3.0, 10.0
_STEADY_NOISE, _INTERMITTENT_IDLE = 0.35, 0.05


@dataclass(frozen=True, slots=True)
class Label:
    """Something that happened; days by index, both included."""

    tenant: str
    kind: str
    label: str
    first: int
    last: int
    settled: int
    factor: float = 1.0
    excess_usd: float = 0.0
    in_sd: float = 0.0
    tier: str = ""


@dataclass(frozen=True, slots=True)
class World:
    """All use of some tenants over some days, and what happened to them."""

    days: tuple[date, ...]
    flows: tuple[Flow, ...]
    labels: tuple[Label, ...]
    classes: dict[str, str]

    def costs(self) -> dict[str, Floats]:
        """Return dollars a day of each tenant."""
        found: dict[str, Floats] = defaultdict(lambda: np.zeros(len(self.days)))
        for flow in self.flows:
            found[flow.tenant] = found[flow.tenant] + billed(flow, len(self.days))
        return dict(found)


def make_world(seed: int, tenants: int = TENANTS, days: int = DAYS) -> World:
    """Draw a world; each tenant is drawn by itself.

    Raises
    ------
    ValueError
        Fewer than 100 days: no room for what shall happen.
    """
    if days < LEAST_DAYS:
        raise ValueError(f"a world has at least {LEAST_DAYS} days, not {days}")
    calendar = consecutive_days(FIRST_DAY, FIRST_DAY + timedelta(days=days - 1))
    flows: list[Flow] = []
    labels = list(_everyones(days))
    classes = {}
    for number in range(tenants):
        name = f"t{number:04d}"
        rng = np.random.default_rng((seed, number))
        client = draw_client(name, calendar, rng)
        classes[name] = _class_of(client.traits)
        labels += _live(name, client, calendar, rng)
        flows += client.flows
    unknown = np.random.default_rng((seed, tenants))
    usual = 0.002 * sum(total_of([flow], days).mean() for flow in flows)
    level = usual * np.exp(unknown.normal(0, 0.2, days))
    flows.append(make_flow(UNATTRIBUTED, "chat", "gpt-4o", level, unknown))
    return World(calendar, tuple(flows), tuple(labels), classes)


def _class_of(traits: Traits) -> str:
    if traits.idle > _INTERMITTENT_IDLE:
        return "intermittent"
    return "steady" if traits.noise <= _STEADY_NOISE and not traits.bursts else "volatile"


def _everyones(days: int) -> Iterator[Label]:
    """Tell what happens to all: changes of price, and a day of outage."""
    for when, model, factor in _PRICE_CHANGES:
        first = int(when * days)
        yield Label(
            EVERYONE, f"price_change:{model}", LEGITIMATE, first, first + 2, first + 2, factor
        )
    outage = int(_OUTAGE * days)
    yield Label(EVERYONE, "outage", LEGITIMATE, outage, outage, outage)


def _live(
    name: str, client: Natural, days: Sequence[date], rng: np.random.Generator
) -> Iterator[Label]:
    """Let everything happen that a tenant meets, and tell of it."""
    yield from _bursts(name, client)
    yield from _come_and_go(name, client.flows, len(days), rng)
    if rng.random() < _MONTH_ENDS:
        yield from _month_ends(name, client.flows, days, rng)
    if rng.random() < _HIT:
        outage = int(_OUTAGE * len(days))
        for flow in client.flows:
            flow.scale(slice(outage, outage + 1), float(rng.uniform(*_LEFT)))
    first = QUIET_DAYS
    while (first := first + round(rng.exponential(1 / _RATE))) < len(days) - FORTNIGHT:
        happened = _happen(name, client, first, rng)
        if happened:
            yield happened
            first = happened.last + _APART_DAYS


def _come_and_go(
    name: str, flows: list[Flow], days: int, rng: np.random.Generator
) -> Iterator[Label]:
    """Let a few begin or end within the world."""
    if rng.random() < _NEWCOMERS:
        first = int(rng.integers(QUIET_DAYS, days - QUIET_DAYS))
        ramp = np.clip(np.arange(1 - first, days - first + 1) / FORTNIGHT, 0, 1)
        yield Label(name, "onboarding", LEGITIMATE, first, first + 28, first + 28)
    elif rng.random() < _LEAVERS:
        first = int(rng.integers(QUIET_DAYS, days - QUIET_DAYS))
        ramp = np.clip(1 - np.arange(-first, days - first) / FORTNIGHT, 0, 1)
        yield Label(name, "leaving", LEGITIMATE, first, days - 1, days - 1)
    else:
        return
    for flow in flows:
        flow.scale(slice(None), ramp)


def _month_ends(
    name: str, flows: list[Flow], days: Sequence[date], rng: np.random.Generator
) -> Iterator[Label]:
    """Let a feature do more on the last two days of every month."""
    factor = float(rng.uniform(1.8, 4.0))
    touched = one_feature(flows, rng)
    closing = [index for index, day in enumerate(days) if (day + timedelta(days=2)).day <= 2]
    for index in closing:
        for flow in touched:
            flow.scale(slice(index, index + 1), factor)
        yield Label(name, "month_end", LEGITIMATE, index, index, index, factor)


def _bursts(name: str, client: Natural) -> Iterator[Label]:
    """Tell of days that stand out by nature: who pages on them is neither right nor wrong."""
    total = total_of(client.flows, len(client.bursts))
    logs = np.log(total[total > 0])
    if not len(logs):
        return
    centre = np.median(logs)
    spread = 1.4826 * np.median(np.abs(logs - centre))
    with np.errstate(divide="ignore"):
        out = (total > 0) & (np.log(total) - centre > _BURST_SD * max(spread, 0.05))
    for index in np.flatnonzero(client.bursts | out):
        yield Label(name, "burst", IGNORED, int(index), int(index), int(index))


def _happen(name: str, client: Natural, first: int, rng: np.random.Generator) -> Label | None:
    """Let an incident or another event happen; None where there is nothing to happen to."""
    incident = rng.random() < _INCIDENT_SHARE
    change, effect = draw_change(INCIDENTS if incident else EVENTS, first, rng)
    count, own = len(client.bursts), [flow for flow in client.flows if flow.tenant == name]
    before, there = total_of(own, count), len(own)
    if change.last >= count or not before[change.first] or before[change.days].mean() < 1:
        return None
    effect(own, change, rng)
    after = total_of([flow for flow in own if flow.tenant == name], count)
    if there == len(own) and np.array_equal(before, after):
        return None
    client.flows.extend(own[there:])
    return _label(name, change, client.traits, (before, after), incident=incident)


def _label(
    name: str, change: Change, traits: Traits, costs: tuple[Floats, Floats], *, incident: bool
) -> Label:
    """Say what a change added, in dollars and in spreads of the tenant's own days."""
    if not incident:
        return Label(name, change.kind, LEGITIMATE, change.first, change.last, change.last)
    before, after = (each[change.days] for each in costs)
    excess = float((after - before).sum())
    in_sd = float(np.abs(np.log((after + 0.5) / (before + 0.5))).mean() / traits.noise)
    clear = in_sd >= _CLEAR_SD and abs(excess) / len(before) >= _CLEAR_USD
    tier = "clear" if clear else "subtle"
    settled = change.last + _SETTLES_DAYS
    return Label(
        name, change.kind, ANOMALY, change.first, change.last, settled, change.factor, excess,
        in_sd, tier,
    )  # fmt: skip


def billed(flow: Flow, days: int) -> Floats:
    """Return dollars a day with the changes of price."""
    cost = cost_of(flow)
    for when, model, factor in _PRICE_CHANGES:
        if flow.model == model:
            cost[int(when * days) :] *= factor
    return cost


def figures(world: World) -> dict[str, float]:
    """Describe the tenants that are there in the first two weeks, as real clients are described."""
    costs = np.stack([cost[:FORTNIGHT] for cost in world.costs().values()])
    costs = costs[(costs > 0).any(axis=1)]
    weekend = np.array([day.weekday() >= 5 for day in world.days[:FORTNIGHT]])
    used = np.where(costs > 0, costs, np.nan)
    logs = np.log(used)
    noise = 1.4826 * np.nanmedian(np.abs(logs - np.nanmedian(logs, axis=1)[:, None]), axis=1)
    times = np.nanmax(used / np.nanmedian(used, axis=1)[:, None], axis=1)
    quiet = costs[:, weekend].mean(axis=1) < 0.8 * costs[:, ~weekend].mean(axis=1)
    quantiles = np.quantile(noise, (0.25, 0.5, 0.75, 0.95))
    shares = ((costs == 0).any(axis=1).mean(), *quantiles, (times > 2).mean(), (times > 10).mean())
    return dict(zip(REAL, map(float, (*shares, quiet.mean())), strict=True))


def write_world(world: World, folder: Path) -> None:
    """Write the three files; a day without use has no row."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(_table(world), folder / USAGE)
    with (folder / LABELS).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ("event_id", "tenant", "kind", "label", "start", "end", "grace_end", "factor",
             "excess_usd", "snr", "tier")
        )  # fmt: skip
        writer.writerows(_row(number, label) for number, label in enumerate(world.labels))
    with (folder / CLASSES).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("tenant", "class"))
        writer.writerows(world.classes.items())


def _row(number: int, label: Label) -> tuple[str, ...]:
    days = (label.first, label.last, label.settled)
    return (
        f"e{number:05d}",
        label.tenant,
        label.kind,
        label.label,
        *((FIRST_DAY + timedelta(days=day)).isoformat() for day in days),
        f"{label.factor:.3f}",
        f"{label.excess_usd:.2f}",
        f"{label.in_sd:.2f}",
        label.tier,
    )


def _table(world: World) -> pa.Table:
    """Lay all use out as rows, a day after the other."""
    columns: dict[str, list[str] | Floats] = {}
    used = [np.flatnonzero(np.rint(flow.requests) > 0) for flow in world.flows]
    counts = [len(days) for days in used]
    order = np.argsort(np.concatenate(used), kind="stable")
    for name in ("tenant", "feature", "model"):
        values = np.repeat([getattr(flow, name) for flow in world.flows], counts)
        columns[name] = values[order].tolist()
    numbers = {
        "requests": [flow.requests for flow in world.flows],
        "prompt_tokens": [flow.prompt for flow in world.flows],
        "completion_tokens": [flow.completion for flow in world.flows],
        "cost_usd": [billed(flow, len(world.days)) for flow in world.flows],
    }
    table = {"date": [world.days[day].isoformat() for day in np.concatenate(used)[order]]} | columns
    for name, series in numbers.items():
        values = np.concatenate([each[days] for each, days in zip(series, used, strict=True)])[
            order
        ]
        table[name] = (
            np.round(values, 6) if name == "cost_usd" else np.rint(values).astype(np.int64)
        )
    return pa.table(table)


def main() -> None:
    """Write a world and describe it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tenants", type=int, default=TENANTS)
    parser.add_argument("--days", type=int, default=DAYS)
    asked = parser.parse_args()
    world = make_world(asked.seed, asked.tenants, asked.days)
    write_world(world, asked.folder)
    incidents = sum(label.label == ANOMALY for label in world.labels)
    print(f"{asked.tenants:,} tenants, {asked.days} days, {incidents} incidents in {asked.folder}")
    for name, value in figures(world).items():
        print(f"{name:30} {value:5.2f}  (real clients {REAL[name]:.2f})")


if __name__ == "__main__":
    main()
