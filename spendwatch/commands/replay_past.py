"""What a backtest replays: the past of a file, by a price table alone."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

from detector.detect import Context, detect
from detector.history import build_history
from detector.model import Grain, Rejection, Usage
from detector.price_usage import price_usage
from detector.rules import RuleBook
from detector.sources.base import SourceError, Window
from detector.sources.csv_file import CsvFileSource
from detector.usage import merge_usage
from spendwatch.app import system_clock
from spendwatch.commands.opening import parse_pairs
from spendwatch.output import progress
from spendwatch.price_files import load_price_table
from spendwatch.settings_sections import DetectionSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from alerts.holds import PlannedEvent
    from alerts.model import Alert, Verdict
    from detector.history import History
    from detector.model import CostDay, Judgement


class Known(NamedTuple):
    """An alert that there was, and how it was dismissed, if it was."""

    alert: Alert
    verdict: Verdict | None


class Past(Protocol):
    """A past that can be judged again.

    Attributes
    ----------
    title, remark : str
        What is replayed, in words, and what there is to say of how.
    book : RuleBook
        The rules that hold where nothing else is asked for.
    plans : sequence of PlannedEvent
    known : tuple of Known, or None
        The alerts there were; None where nobody ever answered anything.
    names : mapping of str to str
        Display names by tenant; the id stands where there is none.
    refused : int
        Rows that could not be read.
    """

    title: str
    remark: str
    book: RuleBook
    plans: Sequence[PlannedEvent]
    known: tuple[Known, ...] | None
    names: Mapping[str, str]
    refused: int

    def days(self) -> tuple[date, date]:
        """Return the first and the last day there is; raises SourceError where there is none."""

    def read(self, first: date, last: date) -> History:
        """Return the history, which holds at least these days as far as they are there."""

    def judge(self, history: History, book: RuleBook) -> Judgement:
        """Judge the last day of a part of the history."""

    def around(self, history: History) -> tuple[History, Context]:
        """Return what is judged then, and what is known besides."""

    def canonical(self, tenant: str) -> str:
        """Return the id that a tenant goes by."""


class FilePast:
    """The past as a file tells it; costs that it does not state are from the price table."""

    def __init__(self, path: Path, columns: Sequence[str] = (), *, reprice: bool = False) -> None:
        self.title = path.name
        self.remark = ""
        self.book = RuleBook(method=DetectionSettings().method)
        self.plans: Sequence[PlannedEvent] = ()
        self.known: tuple[Known, ...] | None = None
        self.names: Mapping[str, str] = {}
        self.refused = 0
        self._path, self._columns, self._reprice = path, columns, reprice
        self._prices = load_price_table()
        self._context = Context(prices=self._prices)

    def days(self) -> tuple[date, date]:
        """Return the first and the last day of the file."""
        return self._history.days[0], self._history.days[-1]

    def read(self, first: date, last: date) -> History:
        """Return all of the file."""
        return self._history

    def judge(self, history: History, book: RuleBook) -> Judgement:
        """Judge a day by what the file says alone."""
        return detect(history, book, self._context)

    def around(self, history: History) -> tuple[History, Context]:
        """Return the history; besides, prices alone are known."""
        return history, self._context

    def canonical(self, tenant: str) -> str:
        """Return the tenant: a file knows no aliases."""
        return tenant

    @cached_property
    def _history(self) -> History:
        """Read the file; refused rows are counted, the first is shown."""
        rejections: list[Rejection] = []
        costs = list(self._costs(rejections))
        refused = [rejection for rejection in rejections if not rejection.kept]
        if refused:
            first = f"{refused[0].where}: {refused[0].reason}"
            sys.stderr.write(f"spendwatch: {len(refused)} rows rejected, first {first}\n")
        if not costs:
            raise SourceError(f"{self._path} holds no usage that could be read")
        self.refused = len(refused)
        days = [cost.day for cost in costs]
        return build_history(costs, min(days), max(days))

    def _costs(self, rejections: list[Rejection]) -> Iterator[CostDay]:
        with progress(f"reading {self._path.name}", 100) as step:
            source = CsvFileSource(
                name=self._path.name,
                path=self._path,
                columns=parse_pairs(self._columns, "--column"),
                latest_day=system_clock().date(),
                on_progress=lambda rows, share: step(f"% ({rows:,} rows)", round(100 * share)),
            )
            for day, usage in _by_day(source.usage(Window()), rejections):
                yield from price_usage(self._prices, day, usage, reprice=self._reprice)


def _by_day(
    stream: Iterable[Usage | Rejection], rejections: list[Rejection]
) -> Iterator[tuple[date, Iterable[Usage]]]:
    """Group usage by UTC day: without settings there is no other time zone to go by."""
    day, rows = None, []
    for row in stream:
        if isinstance(row, Rejection):
            rejections.append(row)
            continue
        if day is not None and row.start_at.date() != day:
            yield day, merge_usage(rows)
            rows = []
        day = row.start_at.date()
        midnight = row.start_at.replace(hour=0, minute=0)
        rows.append(replace(row, start_at=midnight, grain=Grain.DAY))
    if day is not None:
        yield day, merge_usage(rows)
