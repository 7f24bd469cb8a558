"""Whether a database is whole: its pages, its schema, and that nothing refers to what is gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alerts.numbers import count
from spendwatch.db import DatabaseError, damaged, translated, where
from spendwatch.db_backup import check_pages
from spendwatch.db_rows import count_rows, tables_of
from spendwatch.db_upgrade import newest_schema, refuse_unknown, schema_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection, Engine, ForeignKey, Table


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at and what is wrong; ``schema`` may be older than the ``newest``."""

    database: str
    schema: str
    newest: str
    rows: Mapping[str, int]
    problems: tuple[str, ...]


def check_database(engine: Engine, *, full: bool = False) -> Checked:
    """Look for damage; ``full`` has SQLite compare its indexes with its tables too."""
    url = str(engine.url)
    with translated(url):
        schema = schema_of(engine)
        if schema is None:
            raise DatabaseError(f"the database {where(url)} holds no tables of spendwatch yet")
        refuse_unknown(schema)
        with engine.connect() as connection:
            wrong = tuple(_pages(connection, full=full))
            tables = tables_of(connection)
            rows = count_rows(connection, tables)
            lost = tuple(words for table in tables for words in _lost(connection, table))
    return Checked(where(url), schema, newest_schema(), rows, (*wrong, *lost))


def refuse_damaged(engine: Engine, *, full: bool = False) -> None:
    """Look at SQLite's pages alone; raises DatabaseDamagedError where one is broken."""
    url = str(engine.url)
    with translated(url), engine.connect() as connection:
        wrong = _pages(connection, full=full)
    if wrong:
        raise damaged(url, wrong[0])


def _pages(connection: Connection, *, full: bool) -> list[str]:
    """Ask SQLite about its file; PostgreSQL looks after its own."""
    if connection.dialect.name != "sqlite":
        return []
    connection.exec_driver_sql("SELECT 1")  # begins the one state that everything here looks at
    driver = connection.connection.driver_connection
    return check_pages(driver, "integrity_check" if full else "quick_check")  # type: ignore[arg-type]  # the dialect says that it is SQLite's


def _lost(connection: Connection, table: Table) -> Iterator[str]:
    """Find rows that refer to one that is not there, whatever the database enforces."""
    for key in sorted(table.foreign_keys, key=lambda each: each.parent.name):
        many = connection.exec_driver_sql(_how_many(table, key)).scalar()
        if many:
            lost = f"no {key.column.table.name} behind {key.parent.name}"
            yield f"{table.name}: {count(many, 'row')} with {lost}"


def _how_many(table: Table, key: ForeignKey) -> str:
    mine, other = f'a."{key.parent.name}"', f'b."{key.column.name}"'
    return (
        f'SELECT count(*) FROM "{table.name}" a LEFT JOIN "{key.column.table.name}" b '  # noqa: S608 - names of the schema
        f"ON {mine} = {other} WHERE {mine} IS NOT NULL AND {other} IS NULL"
    )
