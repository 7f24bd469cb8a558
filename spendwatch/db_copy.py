"""A whole installation from one database into another, and the proof that nothing is missing.

Errors
------
TargetHoldsRows    the database to be filled holds something already
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spendwatch.db import DatabaseError, DatabaseVersionError, translated, where
from spendwatch.db_engines import WRITES
from spendwatch.db_rows import (
    Digest,
    count_rows,
    first_filled,
    read_rows,
    set_next_numbers,
    sums_of,
    tables_of,
    write_rows,
)
from spendwatch.db_upgrade import refuse_unknown, schema_of, upgrade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine, Table

    from spendwatch.db_rows import Row

    OnBatch = Callable[[str], None]


class TargetHoldsRows(DatabaseError):  # noqa: N818 - it names what is the case, as people say it
    """The database to be filled is not empty; nothing was changed."""


@dataclass(slots=True)
class Copied:
    """What was counted on both sides; ``unlike`` names the tables whose rows are not the same."""

    here: dict[str, int] = field(default_factory=dict)
    there: dict[str, int] = field(default_factory=dict)
    unlike: list[str] = field(default_factory=list)

    @property
    def differences(self) -> list[str]:
        """Say what is not the same on both sides."""
        named = [
            f"{name}: {self.here.get(name, 0):,} here, {self.there.get(name, 0):,} there"
            for name in sorted(self.here.keys() | self.there.keys())
            if self.here.get(name) != self.there.get(name)
        ]
        return [*named, *(f"{table}: its rows are not the same" for table in self.unlike)]


def copy_database(
    source: Engine, target: Engine, on_batch: OnBatch = lambda _table: None
) -> Copied:
    """Fill an empty database with everything another one holds, in one transaction; and compare.

    The source is read as it stands at one moment, whatever is written to it meanwhile; the target
    gets the same schema. What differs is told and not undone: see ``Copied.differences``.
    """
    make_schema(source, target)
    url = str(target.url)
    with (
        translated(str(source.url)),
        source.connect() as origin,
        translated(url),
        target.connect().execution_options(**{WRITES: True}) as into,
        into.begin(),
    ):
        refuse_filled(into, url)
        copied = Copied()
        tables = tables_of(origin)
        for table in tables:
            _copy_table(origin, into, table, copied, on_batch)
        set_next_numbers(into, tables)
    return copied


def make_schema(source: Engine, target: Engine) -> None:
    """Give an empty database the schema that another one has; raises TargetHoldsRows."""
    with translated(str(source.url)):
        wanted = schema_of(source)
    if wanted is None:
        raise DatabaseError(f"the database {where(str(source.url))} holds nothing to copy")
    refuse_unknown(wanted)
    with translated(str(target.url)):
        with target.connect() as connection:
            refuse_filled(connection, str(target.url))
        upgrade(target, to=wanted)
        there = schema_of(target)
    if there != wanted:
        raise DatabaseVersionError(
            f"the database {where(str(target.url))} has the schema {there}, and what is to be "
            f"copied {wanted}: name a database without tables"
        )


def refuse_filled(connection: Connection, url: str) -> None:
    """Refuse to fill what holds something; raises TargetHoldsRows."""
    tables = tables_of(connection)
    filled = first_filled(connection, tables)
    if filled:
        rows = count_rows(connection, [table for table in tables if table.name == filled])[filled]
        raise TargetHoldsRows(
            f"the database {where(url)} is not empty (its table {filled} holds {rows:,} rows), and "
            "nothing in it is ever overwritten: name an empty one (CREATE DATABASE makes one on "
            "PostgreSQL, a file that is not there yet is one of SQLite)"
        )


def _copy_table(
    origin: Connection, into: Connection, table: Table, copied: Copied, on_batch: OnBatch
) -> None:
    read, found = Digest(), Digest()

    def passed_on() -> Iterator[list[Row]]:
        with closing(read_rows(origin, table)) as batches:
            for rows in batches:
                read.add(rows)
                yield rows
                on_batch(table.name)

    write_rows(into, table, passed_on())
    for rows in read_rows(into, table):
        found.add(rows)
    if read != found:
        copied.unlike.append(table.name)
    copied.here |= sums_of(origin, table)
    copied.there |= sums_of(into, table)
