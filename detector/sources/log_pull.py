"""One pull from a log store: a window asked piece by piece, its rows summed slot by slot.

What is kept of a pull is small (its days, sums by day, one slot's use); the rows of one answer
are all that is ever held, and how many they are is what a pace sees to.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from detector.model import Grain, Rejection
from detector.sources.answer_table import BadCell, place_columns, read_columns, show_row
from detector.sources.asking import Pace, ask_whole
from detector.sources.base import Coverage, SourceError
from detector.sources.slot_sums import SlotSums, Use, UseKey
from detector.sources.telemetry_sums import TelemetrySums

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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
ROWS_AT_ONCE = 5_000
"""Rows that are read together: their values lie in memory beside the rows."""
FARTHEST_DAYS = 730
"""No table that can be queried keeps more than two years; no day before is ever asked for."""


class Rows(NamedTuple):
    """Good rows of one slot: their values column by column, and where each row stands."""

    start_at: datetime
    values: Mapping[str, Sequence[Any]]
    numbers: Sequence[int]
    asked: str

    def where(self, index: int) -> str:
        """Say where a row stands: query, time asked for and number, as a person would look."""
        return f"{self.asked}, row {self.numbers[index] + 1}"

    def columns(self, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Give the values of these columns row by row."""
        return zip(*(self.values[name] for name in names), strict=True)


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

    def read(self, rows: Rows, sums: TelemetrySums) -> Iterator[tuple[UseKey, Use] | BadCell]:
        """Give what each row tells, or why it is refused; adds what all show of the telemetry."""


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

    def days(self) -> Iterator[date]:
        """Give the days that were asked for, wholly or in part."""
        day = self.begin.date()
        while midnight(day) < self.end:
            yield day
            day += ONE_DAY


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
    pace: Pace = field(default_factory=Pace)
    sums: TelemetrySums = field(default_factory=TelemetrySums)
    _with_usage: set[date] = field(default_factory=set)
    _with_rejections: set[date] = field(default_factory=set)
    _partial: set[date] = field(default_factory=set)
    _answered: set[date] = field(default_factory=set)

    def usage(self) -> Iterator[Usage | Rejection]:
        """Stream the span, oldest first; raises SourceError.

        Where asking fails in the middle of a day, that day counts as one that may lack rows.
        """
        told_until = self.span[0]
        try:
            for table in self._tables():
                self._answered.update(table.days())
                yield from self._read(table)
                told_until = table.end
                del table  # its rows must not lie in memory beside those of the next answer
        except SourceError:
            if told_until != midnight(told_until.date()):
                self._partial.add(told_until.date())
            raise
        self._tell_how_far_back()

    def _read(self, table: _Table) -> Iterator[Usage | Rejection]:
        """Tell the usage of one answer; no slot reaches beyond the piece that was asked for."""
        starts, refused = self._starts(table)
        yield from refused
        slots: dict[datetime, array[int]] = defaultdict(lambda: array("l"))
        for number, start_at in enumerate(starts):
            if start_at is not None:
                slots[start_at].append(number)
        del starts
        for start_at in sorted(slots):
            slot, numbers = SlotSums(start_at, self.reader.grain), slots[start_at]
            for first in range(0, len(numbers), ROWS_AT_ONCE):
                yield from self._add(table, slot, numbers[first : first + ROWS_AT_ONCE])
            for usage in slot.usage():
                self._with_usage.add(start_at.date())
                yield usage

    def coverage(self) -> Coverage:
        """Give the span of days that held usage, and what is known of the days beside it.

        Where no day held any nothing is known: that is a fault more often than a rest.
        """
        # What was refused as a whole day used something, and nobody knows what.
        partial = frozenset(self._partial | (self._with_rejections - self._with_usage))
        unfinished = frozenset({self.today} & self._answered)
        if not self._with_usage:
            return Coverage(None, None, partial, unfinished)
        first, last = min(self._with_usage), max(self._with_usage)
        beside = {day for day in self._answered if not first <= day <= last}
        empty = frozenset(beside - partial - unfinished)
        return Coverage(first, last, partial, unfinished, empty)

    def _tables(self) -> Iterator[_Table]:
        """Ask piece by piece, and check the columns of each answer.

        A slot that is answered in part is left out: its sums would take the place of what is known
        of it, and be too small.
        """
        slot = SLOTS[self.reader.grain]
        asked = ask_whole(self.store, self.statement, *self.span, slot, self.pace)
        for begin, end, answer in asked:
            if not answer.whole:
                self._note_partial(begin, end, answer.why)
            if answer.whole and (answer.columns or answer.rows):
                columns = self.reader.columns(answer.columns)
                places = place_columns(self.reader.query, answer, columns)
                yield _Table(begin, end, answer, columns, places)
            else:  # partial, or how a workspace without any data answers
                yield _Table(begin, end, answer, (), ())
            del answer

    def _note_partial(self, begin: datetime, end: datetime, why: str) -> None:
        self._partial.add(begin.date())
        self.sums.tell(
            f"{self.store.place} answered {self.statement.name} only in part for "
            f"{begin:%Y-%m-%d %H:%M} to {end:%H:%M}: {why or 'it did not say why'}"
        )

    def _starts(self, table: _Table) -> tuple[list[datetime | None], list[Rejection]]:
        """Give the slot of each row, and what is refused since it stands in none asked for."""
        if not table.columns:
            return [], []
        values, wrong = read_columns(table.columns[:1], table.places[:1], table.answer.rows)
        moments: list[datetime | None] = values[table.columns[0].name]
        starts = {at: self._start_of(table, at) for at in set(moments)}
        found: list[datetime | None] = []
        for number, at in enumerate(moments):
            start_at = starts[at]
            if isinstance(start_at, BadCell):
                wrong.setdefault(number, str(start_at))
            found.append(None if isinstance(start_at, BadCell) else start_at)
        if wrong:
            self._with_rejections.update(table.days())
        return found, [self._refuse(table, number, wrong[number]) for number in sorted(wrong)]

    def _start_of(self, table: _Table, at: datetime | None) -> datetime | BadCell:
        """Give the slot of a moment, or what is wrong where it is none of those asked for."""
        name, slot = table.columns[0].name, SLOTS[self.reader.grain]
        if at is None:
            return BadCell(f"{name} is empty")
        start_at = floor_to(at, slot)
        if not floor_to(table.begin, slot) <= start_at < table.end:
            return BadCell(
                f"{name} lies outside the time asked for "
                f"({table.begin:%Y-%m-%d %H:%M} to {table.end:%Y-%m-%d %H:%M}); the query must "
                "take rows from window_start to before window_end alone"
            )
        return start_at

    def _add(self, table: _Table, slot: SlotSums, numbers: array[int]) -> Iterator[Rejection]:
        """Add rows to their slot; give those that are refused."""
        rows = [table.answer.rows[number] for number in numbers]
        values, wrong = read_columns(table.columns, table.places, rows)
        if wrong:
            good = [index for index in range(len(rows)) if index not in wrong]
            values = {name: [cells[index] for index in good] for name, cells in values.items()}
            self._with_rejections.add(slot.start_at.date())
            for index, words in wrong.items():
                yield self._refuse(table, numbers[index], words)
            numbers = array("l", [numbers[index] for index in good])
        read = self.reader.read(Rows(slot.start_at, values, numbers, self._asked(table)), self.sums)
        for number, told in zip(numbers, read, strict=True):
            if isinstance(told, BadCell):
                self._with_rejections.add(slot.start_at.date())
                yield self._refuse(table, number, str(told))
            else:
                slot.add(*told)

    def _refuse(self, table: _Table, number: int, reason: str) -> Rejection:
        text = show_row(table.answer.columns, table.answer.rows[number])
        where = f"{self._asked(table)}, row {number + 1}"
        return Rejection(self.source, where, reason, text)

    def _asked(self, table: _Table) -> str:
        """Say what was asked, as a person would look for it."""
        asked = f"{table.begin:%Y-%m-%d %H:%M} to {table.end:%Y-%m-%d %H:%M}"
        return f"{self.statement.name}, {asked}"

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
