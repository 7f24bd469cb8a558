"""Pure: a result of the SDK as an answer, and why it may lack rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from detector.sources.log_analytics_words import shortened
from detector.sources.log_query import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_ROWS = 500_000
"""The service gives no more in one answer."""
_NULL_AS_TEXT = ("timespan", "guid")
"""The SDK gives a null of these types as the text ``None``."""


def answer_of(result: Any) -> Answer:
    """Turn a LogsQueryResult or LogsQueryPartialResult into an answer.

    One that holds as many rows as the service ever gives is not believed to be whole either.
    """
    why = ""
    if hasattr(result, "partial_data"):
        error = result.partial_error
        why = why_partial(str(error.message or ""), error.details)
        tables = result.partial_data
    else:
        tables = result.tables
    columns, rows = _table(tables)
    if not why and len(rows) >= MOST_ROWS:
        why = f"{MOST_ROWS} rows, as many as one answer holds"
    return Answer(columns, rows, not why, why)


def _table(tables: Sequence[Any]) -> tuple[tuple[str, ...], Sequence[Sequence[Any]]]:
    """Read the first table, which is the result; what else there may be tells of the query."""
    if not tables:
        return (), ()
    table = tables[0]
    nulls = [index for index, kind in enumerate(table.columns_types) if kind in _NULL_AS_TEXT]
    rows = [list(row) for row in table.rows]
    for row in rows if nulls else ():
        for index in nulls:
            row[index] = None if row[index] == "None" else row[index]
    return tuple(table.columns), rows


def why_partial(message: str, details: object) -> str:
    """Say why a result may lack rows, from what stands beside it."""
    inner = [*_messages(details), message]
    return next((shortened(each) for each in inner if each), "the service gave no reason")


def _messages(details: object) -> Iterator[str]:
    """Give the messages in the details of an error, the innermost first."""
    if isinstance(details, dict):
        yield from _messages(details.get("innererror"))
        yield from _messages(details.get("details"))
        yield str(details.get("message") or "")
    elif isinstance(details, (list, tuple)):
        for each in details:
            yield from _messages(each)
