"""Pure: a result of Log Analytics, read from its body while it comes.

The SDK holds a result four times over: its text, that text parsed twice, and an object with a
dictionary for every row. A day of a large gateway is hundreds of thousands of rows. So the body is
parsed here row by row and kept column by column, a text that stands in many rows once.
"""

from __future__ import annotations

import codecs
import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import repeat
from typing import Any, overload

HEAD_BYTES = 16 * 1024
LEAST_READ = 256 * 1024
MOST_KNOWN = 20_000
"""Different texts that are remembered at a time, so that each is kept once."""
_DECODER = json.JSONDecoder()
_WHOLE = ("int", "long")
_SPACE = " \t\r\n"
_AFTER = frozenset(_SPACE + ",:]}")


def read_result(chunks: Iterable[bytes], *, least_read: int = LEAST_READ) -> dict[str, Any]:
    """Read a body that is one JSON object, whatever the pieces it comes in.

    Parameters
    ----------
    chunks : iterable of bytes
        The body, UTF-8, cut anywhere.
    least_read : int
        So many bytes are read on at a time.

    Returns
    -------
    dict
        The object; the rows of ``tables`` give tuples, in which the cells of columns of the type
        datetime are datetimes (UTC) and texts are kept once. Where a row does not fit the
        columns, they are a list of what was read.

    Raises
    ------
    ValueError
        For what is no JSON object, or more than one.

    Examples
    --------
    >>> column = b'{"name": "n", "type": "long"}'
    >>> body = [b'{"tables": [{"columns": [', column, b'], "rows": [[1', b'2], [3]]}]}']
    >>> list(read_result(body)["tables"][0]["rows"])
    [(12,), (3,)]
    """
    text = _Text(chunks, least_read)
    result: dict[str, Any] = {}
    for key in text.named():
        listed = key == "tables" and text.peek() == "["
        result[key] = [_table(text) for _ in text.items()] if listed else text.value()
    if text.peek():
        raise ValueError("the body goes on after its end")
    return result


def noted(chunks: Iterable[bytes], head: bytearray) -> Iterator[bytes]:
    """Pass a body on and keep how it begins in ``head``, for the words of a fault."""
    for chunk in chunks:
        if len(head) < HEAD_BYTES:
            head += chunk
        yield chunk


def _table(text: _Text) -> Any:
    """Read a table; its columns may stand before or after its rows."""
    if text.peek() != "{":
        return text.value()
    table: dict[str, Any] = {}
    for key in text.named():
        columns = table.get("columns")
        if key == "rows" and text.peek() == "[":
            rows = (text.value() for _ in text.items())
            table[key] = _rows(rows, columns) if isinstance(columns, list) else list(rows)
            continue
        table[key] = text.value()
        if key == "columns" and isinstance(table[key], list) and type(table.get("rows")) is list:
            table["rows"] = _rows(table["rows"], table[key])
    return table


def _rows(rows: Iterable[Any], columns: list[Any]) -> Sequence[Any]:
    """Keep rows column by column; where one is no row of these columns, as a list."""
    kept = Rows([each.get("type") if isinstance(each, dict) else None for each in columns])
    waiting = iter(rows)
    for row in waiting:
        if not isinstance(row, list) or len(row) != len(columns):
            return [*kept, row, *waiting]
        kept.add(row)
    return kept


class Rows(Sequence[tuple[Any, ...]]):
    """Rows of one table, kept column by column; a row is made when it is looked at.

    A tuple for each row, with an object for each number, would weigh four times as much.
    """

    def __init__(self, kinds: Sequence[str | None], most_known: int = MOST_KNOWN) -> None:
        self._columns = [_column(kind, most_known) for kind in kinds]
        self._count = 0

    def add(self, row: list[Any]) -> None:
        """Add a row that has a cell for each column."""
        for at, cell in enumerate(row):
            try:
                self._columns[at].append(cell)
            except (TypeError, OverflowError):  # a null, or no whole number of 64 bits
                self._columns[at] = [*self._columns[at], cell]
        self._count += 1

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> tuple[Any, ...]: ...
    @overload
    def __getitem__(self, at: slice) -> list[tuple[Any, ...]]: ...
    def __getitem__(self, at: int | slice) -> tuple[Any, ...] | list[tuple[Any, ...]]:
        if isinstance(at, slice):
            return [self[each] for each in range(*at.indices(self._count))]
        if not -self._count <= at < self._count:
            raise IndexError(at)
        return tuple([column[at] for column in self._columns])

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return zip(*self._columns, strict=True) if self._columns else repeat((), self._count)


def _column(kind: str | None, most_known: int) -> Any:
    if kind in _WHOLE:
        return array("q")
    if kind in ("real", "bool"):
        return []
    return _Texts(_moment_of if kind == "datetime" else _as_it_is, most_known)


class _Texts:
    """The texts of a column (or what is read of them), each once, and their numbers by row."""

    def __init__(self, read: Callable[[str], Any], most_known: int) -> None:
        self._read, self._most_known = read, most_known
        self._cells: list[Any] = []
        self._numbers = array("H")
        self._known: dict[str | None, int] = {}

    def append(self, cell: Any) -> None:
        """Add the cell of the next row."""
        try:
            number = self._known.get(cell)
        except TypeError:  # a list or an object, where a text should be
            number = None
        if number is None:
            number = self._learn(cell)
        try:
            self._numbers.append(number)
        except OverflowError:
            self._numbers = array("I", [*self._numbers, number])

    def _learn(self, cell: Any) -> int:
        number = len(self._cells)
        if cell is None or isinstance(cell, str):
            if len(self._known) >= self._most_known:
                self._known.clear()
            self._known[cell] = number
        self._cells.append(self._read(cell) if isinstance(cell, str) else cell)
        return number

    def __getitem__(self, at: int) -> Any:
        return self._cells[self._numbers[at]]

    def __iter__(self) -> Iterator[Any]:
        return map(self._cells.__getitem__, self._numbers)


def _as_it_is(text: str) -> str:
    return text


def _moment_of(text: str) -> Any:
    """Read a time; a text that is none stays one, for its reader to complain of."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class _Text:
    """JSON text of which the part that was read is forgotten."""

    def __init__(self, chunks: Iterable[bytes], least_read: int) -> None:
        self._chunks, self._least_read = iter(chunks), least_read
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._over = False
        self._text, self._at = "", 0

    def peek(self) -> str:
        """Give the next character that is no space; empty at the end."""
        while True:
            while self._at < len(self._text):
                char = self._text[self._at]
                if char not in _SPACE:
                    return char
                self._at += 1
            if not self._read_on():
                return ""

    def value(self) -> Any:
        """Read the next value, however long it is."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except ValueError:
                if not self._read_on():
                    raise
                continue
            # A number may go on: of 1.5 there may be no more than 1 or 1. yet.
            if self._text[end : end + 1] in _AFTER or not self._read_on():
                self._at = end
                return value

    def named(self) -> Iterator[str]:
        """Give the keys of an object; the value of each is to be read before the next."""
        self._take("{")
        if self.peek() == "}":
            self._take("}")
            return
        while True:
            key = self.value()
            self._take(":")
            yield str(key)
            if self._ends("}"):
                return

    def items(self) -> Iterator[None]:
        """Give a turn for each item of a list; it is to be read before the next."""
        self._take("[")
        if self.peek() == "]":
            self._take("]")
            return
        while True:
            yield None
            if self._ends("]"):
                return

    def _ends(self, closing: str) -> bool:
        """Read the comma or what closes."""
        if self.peek() == ",":
            self._at += 1
            return False
        self._take(closing)
        return True

    def _take(self, char: str) -> None:
        if self.peek() != char:
            raise ValueError(f"the body is no result: {char} is missing")
        self._at += 1

    def _read_on(self) -> bool:
        """Read as much again as there is; False at the end."""
        if self._over:
            return False
        parts = [self._text[self._at :]]
        wanted = max(self._least_read, len(parts[0]))
        for chunk in self._chunks:
            parts.append(self._decoder.decode(chunk))
            wanted -= len(chunk)
            if wanted <= 0:
                break
        else:
            self._over = True
            parts.append(self._decoder.decode(b"", final=True))
        self._text, self._at = "".join(parts), 0
        return True
