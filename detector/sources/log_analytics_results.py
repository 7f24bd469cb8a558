"""Pure: a result of the SDK as an answer, and why it may lack rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from detector.sources.log_analytics_words import shortened
from detector.sources.log_query import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_ROWS = 500_000
"""The service gives no more in one answer."""


def _in_utc(value: Any) -> Any:
    """Give a time the standard library's own UTC; what is none stays as it came."""
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _null_or_text(value: Any) -> Any:
    """Undo what the SDK does to a null of these types: it gives the text ``None``."""
    return None if value == "None" else value


_READ = {"datetime": _in_utc, "timespan": _null_or_text, "guid": _null_or_text}


def answer_of(result: Any) -> Answer:
    """Turn a LogsQueryResult or LogsQueryPartialResult into an answer.

    One that holds as many rows as the service ever gives is not believed to be whole either; one
    that holds no table, and no error that says why, is no result: LookupError.
    """
    why = ""
    if hasattr(result, "partial_data"):
        error = result.partial_error
        why = why_partial(str(error.message or ""), error.details)
        tables = result.partial_data
    else:
        tables = result.tables
        if not tables:
            raise LookupError("no table")
    columns, rows = _table(tables)
    if not why and len(rows) >= MOST_ROWS:
        why = f"{MOST_ROWS} rows, as many as one answer holds"
    return Answer(columns, rows, not why, why)


def _table(tables: Sequence[Any]) -> tuple[tuple[str, ...], Sequence[Sequence[Any]]]:
    """Read the first table, which is the result; what else there may be tells of the query."""
    if not tables:
        return (), ()
    table = tables[0]
    rows = [list(row) for row in table.rows]
    for index, kind in enumerate(table.columns_types):
        if kind in _READ:
            for row in rows:
                row[index] = _READ[kind](row[index])
    return tuple(table.columns), rows


def why_partial(message: str, details: object) -> str:
    """Say why a result may lack rows, from what stands beside it."""
    inner = [*_messages(details), message]
    return next((shortened(each) for each in inner if each), "the service gave no reason")


def _messages(details: object) -> Iterator[str]:
    """Give the messages in the details of an error, the innermost first."""
    if isinstance(details, Mapping):
        yield from _messages(details.get("innererror"))
        yield from _messages(details.get("details"))
        yield str(details.get("message") or "")
    elif isinstance(details, Sequence) and not isinstance(details, str):
        for each in details:
            yield from _messages(each)
