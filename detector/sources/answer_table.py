"""The table that answers a query: whether its columns are those wanted, and its cells values.

Errors
------
SourceError
    A whole column is missing or of another type: nothing of the answer can be believed.
BadCell
    One cell is no value: its row alone is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from itertools import islice
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple

from detector.sources.base import SourceError
from detector.sources.csv_columns import nearest

if TYPE_CHECKING:
    from detector.sources.log_query import Answer

MAX_COUNT = 10**15
MAX_COST_USD = 10**9
LOOKED_AT = 100
"""Cells of a column that are looked at to tell a column of another type from a bad cell."""


class BadCell(ValueError):  # noqa: N818 - a cell is bad; it is no error of the program
    """A cell that is no value of its column; says what would be one."""


class Kind(NamedTuple):
    """What a column may hold: how a cell is read, its Python types, and what makes it so in KQL."""

    words: str
    cure: str
    types: tuple[type, ...]
    read: Callable[[Any], Any]


class Column(NamedTuple):
    """One column of ours, its name in the answer, and what it holds."""

    name: str
    theirs: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Query:
    """What a message calls a query, and what to do where its columns are not as they should be."""

    name: str
    cure: str


def read_text(cell: Any) -> str:
    """Read trimmed text; null is empty. What no database can store is replaced."""
    if cell is None:
        return ""
    if not isinstance(cell, str):
        raise BadCell("is not text")
    if cell.isascii() and "\0" not in cell:
        return cell.strip()  # nearly every cell, and many are empty
    return (
        cell.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}").strip()
    )


def read_count(cell: Any) -> int | None:
    """Read a whole number from 0 to 10^15; null is unknown, a fraction of zeros does no harm."""
    if cell is None:
        return None
    whole = type(cell) is int or (type(cell) is float and cell.is_integer())
    if not whole or not 0 <= cell <= MAX_COUNT:
        raise BadCell("is not a whole number from 0 to 10^15")
    return int(cell)


def read_dollars(cell: Any) -> Decimal | None:
    """Read dollars up to 10^9 either way, exactly as they are written; null is unknown."""
    if cell is None:
        return None
    try:
        dollars = Decimal("NaN" if isinstance(cell, bool) else str(cell))
    except InvalidOperation:
        dollars = Decimal("NaN")
    if not dollars.is_finite() or abs(dollars) > MAX_COST_USD:
        raise BadCell("is not a number of dollars up to 10^9")
    return dollars


def read_flag(cell: Any) -> bool:
    """Read true or false; null is false."""
    if cell is not None and not isinstance(cell, bool):
        raise BadCell("is neither true nor false")
    return bool(cell)


def read_moment(cell: Any) -> datetime | None:
    """Read a moment in UTC, in which Kusto keeps all of them; null is unknown."""
    if cell is None:
        return None
    if not isinstance(cell, datetime):
        raise BadCell("is not a time")
    return cell.replace(tzinfo=UTC) if cell.tzinfo is None else cell.astimezone(UTC)


def read_day(cell: Any) -> datetime | None:
    """Read a calendar day, a time at midnight or text like 2026-11-22; gives midnight UTC."""
    if isinstance(cell, str):
        try:
            return datetime.combine(date.fromisoformat(cell.strip()), time(), UTC)
        except ValueError:
            raise BadCell("is not a calendar day like 2026-11-22") from None
    moment = read_moment(cell)
    if moment is not None and moment.timetz() != time(tzinfo=UTC):
        raise BadCell("is not a calendar day: its time is not midnight; use startofday()")
    return moment


TEXT = Kind("text", "tostring()", (str,), read_text)
COUNT = Kind("whole numbers", "tolong()", (int, float), read_count)
DOLLARS = Kind("numbers of dollars", "todecimal()", (int, float, Decimal, str), read_dollars)
FLAG = Kind("true or false", "tobool()", (bool,), read_flag)
MOMENT = Kind("times", "todatetime()", (datetime,), read_moment)
DAY = Kind("days", "startofday()", (datetime, str), read_day)

_HELD = {
    bool: "true or false",
    int: "whole numbers",
    float: "numbers",
    str: "text",
    datetime: "times",
}


def place_columns(query: Query, answer: Answer, columns: Sequence[Column]) -> list[int]:
    """Give where each column stands in the answer; SourceError tells all that is wrong.

    Names are matched as they are spelt (KQL tells upper from lower case), never guessed. A column
    whose first cells are all of another type is refused as a whole; nulls tell nothing.
    """
    problems = [
        f"no column {_named(column)}{nearest(column.theirs, answer.columns)}"
        for column in columns
        if column.theirs not in answer.columns
    ]
    problems += [
        f"the column {column.theirs!r} is there twice"
        for column in columns
        if answer.columns.count(column.theirs) > 1
    ]
    if not problems:
        problems = [problem for column in columns for problem in _type_problems(column, answer)]
    if problems:
        raise SourceError(
            f"{query.name}: {'; '.join(problems)}. Columns returned: "
            f"{', '.join(answer.columns) or 'none'}. {query.cure}"
        )
    return [answer.columns.index(column.theirs) for column in columns]


def _named(column: Column) -> str:
    same = column.name == column.theirs
    return repr(column.theirs) if same else f"{column.theirs!r} (for {column.name})"


def _type_problems(column: Column, answer: Answer) -> list[str]:
    """Say where a column holds nothing of its kind, and what makes it so."""
    at = answer.columns.index(column.theirs)
    cells = (row[at] for row in answer.rows if len(row) > at and row[at] is not None)
    held = {type(cell) for cell in islice(cells, LOOKED_AT)}
    if not held or any(_fits(kind, column.kind.types) for kind in held):
        return []
    words = " and ".join(sorted({_HELD.get(kind, kind.__name__) for kind in held}))
    return [
        f"the column {_named(column)} holds {words}, not {column.kind.words}; "
        f"use {column.kind.cure} in the query"
    ]


def _fits(kind: type, types: tuple[type, ...]) -> bool:
    """Whether a Python type is one of a kind's; true and false are no numbers."""
    return kind in types if kind is bool else issubclass(kind, types)


def read_cells(
    columns: Sequence[Column], places: Sequence[int], row: Sequence[Any]
) -> dict[str, Any]:
    """Read a row by our names; BadCell tells everything that is wrong with it."""
    if len(row) <= max(places):
        raise BadCell(f"the row has only {len(row)} cells")
    values, problems = {}, []
    for column, at in zip(columns, places, strict=True):
        try:
            values[column.name] = column.kind.read(row[at])
        except BadCell as problem:
            problems.append(f"{column.name} {problem}")
    if problems:
        raise BadCell("; ".join(problems))
    return values


def read_columns(
    columns: Sequence[Column], places: Sequence[int], rows: Sequence[Sequence[Any]]
) -> tuple[dict[str, list[Any]], dict[int, str]]:
    """Read many rows at once: the values of each column, and what is wrong with which rows.

    A row that is wrong stands in the second mapping, by its number, with all that is wrong with
    it; what its values are means nothing.
    """
    wrong: dict[int, list[str]] = {}
    width = max(places) + 1
    if min(map(len, rows), default=width) < width:
        wrong = {
            number: [f"the row has only {len(row)} cells"]
            for number, row in enumerate(rows)
            if len(row) < width
        }
        rows = [row if len(row) >= width else [None] * width for row in rows]
    values = {}
    for column, at in zip(columns, places, strict=True):
        values[column.name], bad = _read_column(column.kind, [row[at] for row in rows])
        for number, words in bad:
            wrong.setdefault(number, []).append(f"{column.name} {words}")
    return values, {number: "; ".join(words) for number, words in wrong.items()}


def _read_column(kind: Kind, cells: list[Any]) -> tuple[list[Any], Iterable[tuple[int, str]]]:
    """Read the cells of a column, each different one once if all are of the kind's own types."""
    if set(map(type, cells)) <= {*kind.types, NoneType}:
        try:
            known = {cell: kind.read(cell) for cell in set(cells)}
        except BadCell:
            pass
        else:
            return [known[cell] for cell in cells], ()
    return _read_one_by_one(kind, cells)


def _read_one_by_one(kind: Kind, cells: list[Any]) -> tuple[list[Any], list[tuple[int, str]]]:
    values, bad = [], []
    for number, cell in enumerate(cells):
        value = None
        try:
            value = kind.read(cell)
        except BadCell as problem:
            bad.append((number, str(problem)))
        values.append(value)
    return values, bad


def show_row(columns: Sequence[str], row: Sequence[Any], most: int = 200) -> str:
    """Give a row as a person reads it, cut to ``most`` characters."""
    shown = (f"{name}={read_shown(cell)}" for name, cell in zip(columns, row, strict=False))
    return ", ".join(shown)[:most]


def read_shown(cell: Any) -> str:
    """Give a cell's first characters, whatever it is."""
    return "" if cell is None else read_text(str(cell)[:100])
