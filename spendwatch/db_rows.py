"""Rows in the form in which SQLite keeps them, read from and written to either kind of database.

A moment is text in UTC, a truth value 0 or 1, a document the text it was written as: so that a row
can be compared cell by cell wherever it stands, and passes through without being understood.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, Boolean, Date, DateTime, MetaData
from sqlalchemy.exc import DatabaseError as DriverError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from sqlalchemy import Column, Connection, Table

    Row = tuple[Any, ...]

BATCH_ROWS = 5_000
OF_ALEMBIC = "alembic_version"
DERIVED = ("day_vector",)
"""Tables that are made from others, and made again where they are empty."""
_MASK = 2**64 - 1


@dataclass(slots=True)
class Digest:
    """How many rows there were, and a sum over all of them that no order changes.

    It holds within one process alone: Python salts its hashes anew in each.
    """

    rows: int = 0
    sum: int = 0

    def add(self, rows: Iterable[Row]) -> None:
        """Take in some rows."""
        for row in rows:
            self.rows += 1
            self.sum = (self.sum + hash(row)) & _MASK


def tables_of(connection: Connection) -> tuple[Table, ...]:
    """Return the tables that are there, each after those it refers to.

    Alembic's own is left out, and so are those that are derived from others.
    """
    found = MetaData()
    found.reflect(connection)
    ours = (table for table in found.sorted_tables if table.name not in DERIVED)
    return tuple(table for table in ours if table.name != OF_ALEMBIC)


def first_filled(connection: Connection, tables: Iterable[Table]) -> str:
    """Return the name of a table that holds a row; empty where none does."""
    for table in tables:
        if connection.exec_driver_sql(f"SELECT 1 FROM {_name(table)} LIMIT 1").first():  # noqa: S608 - the name is the schema's own
            return table.name
    return ""


def count_rows(connection: Connection, tables: Iterable[Table]) -> dict[str, int]:
    """Return how many rows each table holds."""
    return {
        table.name: int(connection.exec_driver_sql(f"SELECT count(*) FROM {_name(table)}").scalar())  # type: ignore[arg-type]  # noqa: S608 - a count is never NULL; the name is the schema's own
        for table in tables
    }


def sums_of(connection: Connection, table: Table) -> dict[str, int]:
    """Return what a copy must have in common with its original, in words and numbers."""
    money = [column.name for column in table.columns if column.name.endswith("micro_usd")]
    sums = [f"coalesce(sum({_quoted(name)}), 0)" for name in money]
    cells = ", ".join(["count(*)", *sums])
    found = connection.exec_driver_sql(f"SELECT {cells} FROM {_name(table)}").one()  # noqa: S608 - names of the schema
    named = {f"{table.name}: rows": int(found[0])}
    named |= {
        f"{table.name}: sum of {name}": int(amount)
        for name, amount in zip(money, found[1:], strict=True)
    }
    for name in ("state", "to_state"):
        if name in table.columns:
            named |= _states(connection, table, name)
    return named


def read_rows(connection: Connection, table: Table) -> Generator[list[Row], None, None]:
    """Give all rows in batches; memory holds one batch."""
    cells = ", ".join(_as_kept(column, connection.dialect.name) for column in table.columns)
    with connection.exec_driver_sql(
        f"SELECT {cells} FROM {_name(table)}",  # noqa: S608 - names of the schema
        execution_options={"stream_results": True, "max_row_buffer": BATCH_ROWS},
    ) as found:
        for rows in found.partitions(BATCH_ROWS):
            yield [tuple(row) for row in rows]


def write_rows(connection: Connection, table: Table, batches: Iterable[list[Row]]) -> None:
    """Add rows as they were read; raises the driver's error, with the table's name in it."""
    if connection.dialect.name == "postgresql":
        _copy_in(connection, table, batches)
        return
    places = ", ".join("?" for _ in table.columns)
    statement = f"INSERT INTO {_name(table)} ({_columns(table)}) VALUES ({places})"  # noqa: S608 - names of the schema
    for rows in batches:
        connection.exec_driver_sql(statement, rows)


def set_next_numbers(connection: Connection, tables: Iterable[Table]) -> None:
    """Have PostgreSQL number new rows after those that were copied; SQLite does by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables:
        for column in table.primary_key.columns:
            named = f"pg_get_serial_sequence('{table.name}', '{column.name}')"
            if connection.exec_driver_sql(f"SELECT {named}").scalar() is not None:
                newest = f"(SELECT coalesce(max({_quoted(column.name)}), 0) FROM {_name(table)})"  # noqa: S608 - names of the schema
                connection.exec_driver_sql(f"SELECT setval({named}, {newest} + 1, false)")


def _states(connection: Connection, table: Table, name: str) -> dict[str, int]:
    found = connection.exec_driver_sql(
        f"SELECT {_quoted(name)}, count(*) FROM {_name(table)} GROUP BY 1 ORDER BY 1"  # noqa: S608 - names of the schema
    )
    return {f"{table.name}: {state}": int(many) for state, many in found}


def _copy_in(connection: Connection, table: Table, batches: Iterable[list[Row]]) -> None:
    # 9 MB that whoever has no PostgreSQL need not hold.
    import psycopg

    connection.exec_driver_sql("SET LOCAL TimeZone = 'UTC'")
    connection.exec_driver_sql("SET LOCAL DateStyle = 'ISO, YMD'")
    statement = f"COPY {_name(table)} ({_columns(table)}) FROM STDIN"
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]  # the dialect says that it is psycopg's
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copied:
            for rows in batches:
                for row in rows:
                    copied.write_row(row)
    except psycopg.Error as error:
        told = type(error)(f"table {table.name}: {error}")
        raise DriverError(statement, None, told) from error


def _as_kept(column: Column[Any], dialect: str) -> str:
    """Write the expression that gives a cell as SQLite keeps it."""
    name = _quoted(column.name)
    if dialect == "sqlite":
        # A whole second may have been written without its microseconds.
        whole = f"CASE length({name}) WHEN 19 THEN {name} || '.000000' ELSE {name} END"
        return whole if isinstance(column.type, DateTime) else name
    if isinstance(column.type, DateTime):
        return f"to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
    if isinstance(column.type, Date):
        return f"to_char({name}, 'YYYY-MM-DD')"
    if isinstance(column.type, Boolean):
        return f"{name}::int"
    return f"{name}::text" if isinstance(column.type, JSON) else name


def _name(table: Table) -> str:
    return _quoted(table.name)


def _columns(table: Table) -> str:
    return ", ".join(_quoted(column.name) for column in table.columns)


def _quoted(name: str) -> str:
    return f'"{name}"'
