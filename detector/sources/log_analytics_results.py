"""Pure: a result as an answer, and why it may lack rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from detector.sources.log_analytics_words import shortened
from detector.sources.log_query import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_ROWS = 500_000
"""The service gives no more in one answer."""


def answer_of(result: Mapping[str, Any]) -> Answer:
    """Turn a result into an answer.

    One that holds as many rows as the service ever gives is not believed to be whole either; one
    that holds no table, and no error that says why, is no result: LookupError.
    """
    error, tables = result.get("error"), result.get("tables")
    why = ""
    if error:
        inner = (each for each in _messages({**error, "details": None}) if each)
        why = why_partial(next(inner, ""), error.get("details"))
    elif not tables:
        raise LookupError("no table")
    columns, rows = _table(tables)
    if not why and len(rows) >= MOST_ROWS:
        why = f"{MOST_ROWS} rows, as many as one answer holds"
    return Answer(columns, rows, not why, why)


def _table(tables: Sequence[Any] | None) -> tuple[tuple[str, ...], Sequence[Sequence[Any]]]:
    """Read the first table, which is the result; what else there may be tells of the query."""
    if not tables:
        return (), ()
    table = tables[0]
    named = [(column["name"], column["type"]) for column in table["columns"]]
    return tuple(name for name, _ in named), table["rows"]


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
