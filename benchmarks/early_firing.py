"""What is told while a day runs, and what the finished day says of it.

``python -m benchmarks.early_firing``: days are cut into hours (``benchmarks/hours.py``) and judged
at the end of each, as the service would with all data there.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from benchmarks.hours import HOURS, Courses, Floats
from benchmarks.panels import CLASSIC, ROBUST, add_panel_options, panels
from detector.detect import Context, detect
from detector.early import detect_early
from detector.history import History
from detector.model import FindingKind, Judgement
from detector.price_table import PriceTable
from detector.rules import RuleBook
from spendwatch.output import progress

BOOKS = {"robust": ROBUST, "classic": CLASSIC}
EVERY = 3


@dataclass(slots=True)
class Told:
    """What some days told; of each that was told early the hour by which it was."""

    finished: int = 0
    confirmed: list[int] = field(default_factory=list)
    unconfirmed: list[tuple[str, date, int]] = field(default_factory=list)

    def add(self, early: dict[str, int], finished: Iterable[str], day: date) -> None:
        """Take a day: whom it told of by which hour, and whom once it was over."""
        told = set(finished)
        self.finished += len(told)
        self.confirmed += [hour for tenant, hour in early.items() if tenant in told]
        wrong = {tenant: hour for tenant, hour in early.items() if tenant not in told}
        self.unconfirmed += [(tenant, day, hour) for tenant, hour in wrong.items()]

    @property
    def words(self) -> str:
        """Say it in one line."""
        early = len(self.confirmed) + len(self.unconfirmed)
        share = len(self.confirmed) / max(self.finished, 1)
        quarter, half = (
            np.quantile(self.confirmed, (0.25, 0.5)).astype(int) if self.confirmed else ("-", "-")
        )
        return (
            f"{early} told early, {len(self.unconfirmed)} not confirmed; {share:.0%} of the "
            f"{self.finished} that finished days tell, a quarter by {quarter}:00, half by {half}:00"
        )


def live(
    history: History,
    prices: PriceTable | None,
    book: RuleBook,
    courses: Courses,
    days: Iterable[date],
) -> Told:
    """Judge each of these days hour by hour, then as a whole."""
    told, context = Told(), Context(prices=prices)
    for day in days:
        column = history.days.index(day)
        window = history.window(column, book.history_days + 1)
        by_hour = courses.by_hour(history, column)
        early: dict[str, int] = {}
        for hour in HOURS[:-1]:
            so_far = _so_far(window, by_hour[:, hour])
            for tenant in _spikes(detect_early(so_far, book, context)):
                early.setdefault(tenant, int(hour) + 1)
        told.add(early, _spikes(detect(window, book, context)), day)
    return told


def _so_far(history: History, share: Floats) -> History:
    """Leave of the last day what had been used by an hour."""
    parts = {
        name: getattr(history, name).copy() for name in ("cost", "prompt", "completion", "cached")
    }
    for part in parts.values():
        part[:, -1] = np.rint(part[:, -1] * share)
    return history._replace(**parts)


def _spikes(judgement: Judgement) -> list[str]:
    spikes = (each for each in judgement.findings if each.kind is FindingKind.SPEND_SPIKE)
    return [each.tenant for each in spikes]


def main() -> None:
    """Live the panels hour by hour."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_panel_options(parser)
    parser.add_argument("--method", choices=sorted(BOOKS), default="robust")
    parser.add_argument("--every", type=int, default=EVERY, help="judge one day of so many")
    parser.add_argument("--own", type=float, default=Courses.own, help="features with own hours")
    parser.add_argument("--apart", action="store_true", help="extra use begins feature by feature")
    asked = parser.parse_args()
    for panel in panels(asked):
        within = [day for day in panel.history.days if panel.truth.first <= day <= panel.truth.last]
        courses = Courses(panel.history.keys, own=asked.own, apart=asked.apart)
        days = within[:: asked.every]
        with progress(f"early firing on {panel.name}", len(days)) as step:
            told = live(
                panel.history, panel.prices, BOOKS[asked.method], courses, _stepping(days, step)
            )
        print(f"{panel.name}, {asked.method}: {told.words}")


def _stepping(days: Sequence[date], step: Callable[[str], None]) -> Iterator[date]:
    for day in days:
        step(day.isoformat())
        yield day


if __name__ == "__main__":
    main()
