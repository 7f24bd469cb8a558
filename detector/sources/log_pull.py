"""One pull from a log store: a window asked day by day, its rows summed slot by slot.

What is kept of a pull is small (its days, sums by day, one slot's use); the rows of one answer,
a UTC day at most, are all that is ever held.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from detector.model import Grain, Rejection
from detector.sources.answer_table import BadCell, place_columns, read_cells, show_row
from detector.sources.asking import ask_whole
from detector.sources.base import Coverage
from detector.sources.slot_sums import SlotSums, Use, UseKey
from detector.sources.telemetry_sums import TelemetrySums

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from detector.model import Usage
    from detector.sources.answer_table import Column, Query
    from detector.sources.base import Window
    from detector.sources.log_query import Answer, LogStore, Statement

ONE_DAY = timedelta(days=1)
SLOTS = {
    Grain.QUARTER_HOUR: timedelta(minutes=15),
    Grain.HOUR: timedelta(hours=1),
    Grain.DAY: ONE_DAY,
}
OLDEST_DAYS = 90
"""How far back an open window reaches: what a table keeps as a rule."""
FARTHEST_DAYS = 730
"""No table that can be queried keeps more than two years; no day before is ever asked for."""


class Reader(Protocol):
    """What a source makes of the rows of its query."""

    @property
    def query(self) -> Query:
        """What a message calls the query, and what to do about its columns."""

    @property
    def grain(self) -> Grain:
        """How long the slots are."""

    def columns(self, found: Sequence[str], /) -> Sequence[Column]:
        """Give the columns to be read, the start first; raises SourceError."""

    def read(
        self,
        start_at: datetime,
        cells: dict[str, Any],
        where: Callable[[], str],
        sums: TelemetrySums,
    ) -> tuple[UseKey, Use]:
        """Give what a row tells, adding what it shows of the telemetry; raises BadCell."""


def span_of(window: Window, today: date) -> tuple[datetime, datetime]:
    """Give the time of a window that can hold rows: an open one begins 90 days ago.

    The end is not part of it; where it is not after the beginning there is nothing to ask.
    """
    first = window.first_day or today - timedelta(days=OLDEST_DAYS)
    last = min(window.last_day or today, today)
    return midnight(max(first, today - timedelta(days=FARTHEST_DAYS))), midnight(last) + ONE_DAY


class _Table(NamedTuple):
    """One answer, and where our columns stand in it."""

    begin: datetime
    end: datetime
    answer: Answer
    columns: Sequence[Column]
    places: Sequence[int]


@dataclass(slots=True)
class LogPull:
    """A pull while it runs, and what is known of it when it has ended.

    ``today`` is the day that is not over; it may always lack rows.
    """

    source: str
    store: LogStore
    statement: Statement
    reader: Reader
    span: tuple[datetime, datetime]
    today: date
    sums: TelemetrySums = field(default_factory=TelemetrySums)
    _with_usage: set[date] = field(default_factory=set)
    _with_rejections: set[date] = field(default_factory=set)
    _partial: set[date] = field(default_factory=set)

    def usage(self) -> Iterator[Usage | Rejection]:
        """Stream the span, oldest first; raises SourceError."""
        for table in self._tables():
            slot: SlotSums | None = None  # no slot reaches beyond the piece that was asked for
            for start_at, number in self._ordered(table):
                if isinstance(start_at, Rejection):
                    yield start_at
                    continue
                if slot is None or slot.start_at != start_at:
                    yield from self._told(slot)
                    slot = SlotSums(start_at, self.reader.grain)
                refused = self._add(table, slot, number)
                if refused is not None:
                    yield refused
            yield from self._told(slot)
        self._tell_how_far_back()

    def coverage(self) -> Coverage:
        """Give the span of days that held usage; those not over or not whole are partial."""
        if not self._with_usage:
            return Coverage(None, None)
        first, last = min(self._with_usage), max(self._with_usage)
        # What was refused as a whole day used something, and nobody knows what.
        lacking = self._partial | (self._with_rejections - self._with_usage)
        inside = {day for day in lacking | {self.today} if first <= day <= last}
        return Coverage(first, last, frozenset(inside))

    def _tables(self) -> Iterator[_Table]:
        """Ask, a UTC day or a part of it at a time, and check the columns of each answer.

        A slot that is answered in part is left out: its sums would take the place of what is known
        of it, and be too small.
        """
        slot = SLOTS[self.reader.grain]
        for begin, end, answer in ask_whole(self.store, self.statement, *self.span, slot):
            if not answer.whole:
                self._note_partial(begin, end, answer.why)
                continue
            if not (answer.columns or answer.rows):
                continue  # how a workspace without any data answers
            columns = self.reader.columns(answer.columns)
            places = place_columns(self.reader.query, answer, columns)
            yield _Table(begin, end, answer, columns, places)

    def _note_partial(self, begin: datetime, end: datetime, why: str) -> None:
        self._partial.add(begin.date())
        self.sums.tell(
            f"{self.store.place} answered {self.statement.name} only in part for "
            f"{begin:%Y-%m-%d %H:%M} to {end:%H:%M}: {why or 'it did not say why'}"
        )

    def _ordered(self, table: _Table) -> Iterator[tuple[datetime | Rejection, int]]:
        """Give each row's slot and number, in order of time, and what has no slot before them."""
        found: list[tuple[datetime, int]] = []
        for number, row in enumerate(table.answer.rows):
            try:
                found.append((self._start_of(table, row), number))
            except BadCell as problem:
                yield self._refuse(table, number, str(problem)), number
        yield from sorted(found)

    def _start_of(self, table: _Table, row: Sequence[Any]) -> datetime:
        """Give the slot a row stands in; BadCell where that is none of those asked for."""
        column, slot = table.columns[0], SLOTS[self.reader.grain]
        cells = read_cells([column], [table.places[0]], row)
        at: datetime | None = cells[column.name]
        if at is None:
            raise BadCell(f"{column.name} is empty")
        start_at = floor_to(at, slot)
        if not floor_to(table.begin, slot) <= start_at < table.end:
            raise BadCell(
                f"{column.name} lies outside the time asked for "
                f"({table.begin:%Y-%m-%d %H:%M} to {table.end:%Y-%m-%d %H:%M}); the query must "
                "take rows from window_start to before window_end alone"
            )
        return start_at

    def _add(self, table: _Table, slot: SlotSums, number: int) -> Rejection | None:
        """Add a row to its slot, or give why it was refused."""
        try:
            cells = read_cells(table.columns, table.places, table.answer.rows[number])
            where = partial(self._where, table, number)
            slot.add(*self.reader.read(slot.start_at, cells, where, self.sums))
        except BadCell as problem:
            return self._refuse(table, number, str(problem))
        return None

    def _told(self, slot: SlotSums | None) -> Iterator[Usage]:
        """Give the usage of a slot that is over."""
        for usage in slot.usage() if slot else ():
            self._with_usage.add(usage.start_at.date())
            yield usage

    def _refuse(self, table: _Table, number: int, reason: str) -> Rejection:
        self._with_rejections.add(table.begin.date())
        text = show_row(table.answer.columns, table.answer.rows[number])
        return Rejection(self.source, self._where(table, number), reason, text)

    def _where(self, table: _Table, number: int) -> str:
        """Say where a row stands: query, time asked for and number, as a person would look."""
        asked = f"{table.begin:%Y-%m-%d %H:%M} to {table.end:%Y-%m-%d %H:%M}"
        return f"{self.statement.name}, {asked}, row {number + 1}"

    def _tell_how_far_back(self) -> None:
        """Say from when on there is usage: of the days before, nothing is known."""
        begin, end = self.span
        if begin >= end:
            return
        asked = f"{begin:%Y-%m-%d} to {end - datetime.resolution:%Y-%m-%d}"
        if not self._with_usage:
            self.sums.tell(f"{self.store.place} holds no usage for {self.statement.name}: {asked}")
        elif min(self._with_usage) > begin.date():
            self.sums.tell(
                f"{self.store.place} answers as far back as {min(self._with_usage)} (asked for "
                f"{asked}): days before it count as unknown, not as days without use"
            )


def midnight(day: date) -> datetime:
    """Give the moment a UTC day begins."""
    return datetime.combine(day, time(), UTC)


def floor_to(at: datetime, slot: timedelta) -> datetime:
    """Give the beginning of the slot a moment lies in; slots are counted from midnight, UTC."""
    day = midnight(at.date())
    return day + (at - day) // slot * slot
