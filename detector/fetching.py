"""Rows by the hundred thousand, as the driver of the database has them."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Select
    from sqlmodel import Session

ROWS_AT_ONCE = 20_000
COLLECT_AT = (100_000, 20, 20)
"""Thresholds for the collector of a process that reads: rows hold no cycles, and looking for some
as often as usual takes as long as reading them."""
Columns = tuple[tuple[Any, ...], ...]


def columns_of(session: Session, statement: Select[Any]) -> Iterator[Columns]:
    """Give what a statement selects, 20,000 rows at once, one tuple for each column.

    SQLAlchemy makes an object of each row, which takes longer than reading it: this is for the
    few statements that read all of a large table.

    Parameters
    ----------
    session : Session
    statement : Select
        Of numbers, truth values and text: SQLite knows nothing else, and what stands in for it
        (a date is text there) is not translated.
    """
    connection = session.connection()
    text = str(statement.compile(connection, compile_kwargs={"literal_binds": True}))
    cursor = connection.connection.cursor()
    try:
        cursor.execute(text)
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            # Not zip(*rows): that makes an iterator for each row, which takes longer than reading.
            yield tuple(tuple(map(itemgetter(at), rows)) for at in range(len(rows[0])))
    finally:
        cursor.close()
