"""Pure: a result of Log Analytics, read from its body while it comes.

The SDK holds a result four times over: its text, that text parsed twice, and an object with a
dictionary for every row. A day of a large gateway is hundreds of thousands of rows. So the body is
parsed here row by row, each text that stands in many rows is kept once, and nothing is kept twice.
"""

from __future__ import annotations

import codecs
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

HEAD_BYTES = 16 * 1024
LEAST_READ = 256 * 1024
MOST_KNOWN = 20_000
"""Different texts that are remembered at a time, so that each is kept once."""
_DECODER = json.JSONDecoder()
_SPACE = " \t\r\n"
_AFTER = frozenset(_SPACE + ",:]}")


def read_result(chunks: Iterable[bytes]) -> dict[str, Any]:
    """Read a body that is one JSON object, whatever the pieces it comes in.

    Parameters
    ----------
    chunks : iterable of bytes
        The body, UTF-8, cut anywhere.

    Returns
    -------
    dict
        The object; the rows of ``tables`` are tuples, in which the cells of columns of the type
        datetime are datetimes (UTC) and texts are kept once.

    Raises
    ------
    ValueError
        For what is no JSON object, or more than one.

    Examples
    --------
    >>> column = b'{"name": "n", "type": "long"}'
    >>> body = [b'{"tables": [{"columns": [', column, b'], "rows": [[1', b'2], [3]]}]}']
    >>> read_result(body)["tables"][0]["rows"]
    [(12,), (3,)]
    """
    text = _Text(chunks)
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
    cells = _Cells()
    rows: list[Any] | None = None
    for key in text.named():
        if key == "rows" and text.peek() == "[":
            times = _times(table)
            rows = table[key] = [cells.read(text.value(), times) for _ in text.items()]
        else:
            table[key] = text.value()
            if key == "columns" and rows is not None:
                times = _times(table)
                rows[:] = [cells.read(row, times) for row in rows]
    return table


def _times(table: dict[str, Any]) -> Sequence[int]:
    """Give which columns hold times, as far as that is known."""
    columns = table.get("columns")
    if not isinstance(columns, list):
        return ()
    kinds = [column.get("type") if isinstance(column, dict) else None for column in columns]
    return [at for at, kind in enumerate(kinds) if kind == "datetime"]


class _Cells:
    """Makes rows of what was parsed."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._moments: dict[str, Any] = {}

    def read(self, row: Any, times: Sequence[int]) -> Any:
        """Give a row as a tuple; what is no row stays what it is."""
        if not isinstance(row, (list, tuple)):
            return row
        cells = list(row)
        for at in times:
            if at < len(cells) and isinstance(cells[at], str):
                cells[at] = self._moment(cells[at])
        if len(self._texts) > MOST_KNOWN:
            self._texts.clear()
        once = self._texts.setdefault
        return tuple([once(cell, cell) if type(cell) is str else cell for cell in cells])

    def _moment(self, text: str) -> Any:
        """Read a time; a text that is none stays one, for its reader to complain of."""
        known = self._moments.get(text)
        if known is None:
            if len(self._moments) > MOST_KNOWN:
                self._moments.clear()
            known = self._moments[text] = _moment_of(text)
        return known


def _moment_of(text: str) -> Any:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class _Text:
    """JSON text of which the part that was read is forgotten."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
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
        wanted = max(LEAST_READ, len(parts[0]))
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
