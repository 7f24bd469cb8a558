"""Databases that have their tables already: made once in each test process, then copied.

A copy is what the program or the declared tables made, to the byte. Tests of how a database comes
to its tables (migrations, backups before them, a first start) make theirs the real way.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sqlalchemy import inspect
from sqlmodel import SQLModel

import alerts.tables  # noqa: F401 # declares its tables when imported
import detector.tables
import spendwatch.tables  # noqa: F401 # declares its tables when imported
from detector.vector_triggers import create_triggers
from spendwatch.db import open_engine
from spendwatch.db_engines import WRITES, sqlite_file
from spendwatch.db_files import beside
from spendwatch.db_upgrade import open_database

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from spendwatch.settings import Settings


def open_migrated(url: str) -> Engine:
    """Open a database as the program does; a file that is not there yet has been migrated."""
    _put(_migrated, url)
    return open_database(url)


def migrated(settings: Settings) -> Settings:
    """Give an installation its database, migrated, where it has none yet."""
    _put(_migrated, settings.service.database_url)
    return settings


def open_empty(url: str) -> Engine:
    """Open a database as the program does, with the tables as they are declared."""
    _put(_declared, url)
    engine = open_engine(url)
    if not inspect(engine).has_table(detector.tables.SERIES.name):
        declare(engine)
    return engine


def declare(engine: Engine) -> None:
    """Make the tables as they are declared."""
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        SQLModel.metadata.create_all(connection)
        for statement in create_triggers(connection.dialect.name):
            connection.exec_driver_sql(statement)


def _put(made: Callable[[], bytes], url: str) -> None:
    """Write a database's file where there is none, its owner's alone as the program's are.

    Where that is not possible nothing is done: the program itself says so when it opens it.
    """
    file = sqlite_file(url)
    if file is None or beside(file, "-wal").exists():
        return
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as fresh:
            fresh.write(made())


@cache
def _migrated() -> bytes:
    return _file_of(open_database)


@cache
def _declared() -> bytes:
    def opened(url: str) -> Engine:
        engine = open_engine(url)
        declare(engine)
        return engine

    return _file_of(opened)


def _file_of(opened: Callable[[str], Engine]) -> bytes:
    """Let a database be made; return its file, into which SQLite has moved all it holds."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "spendwatch.db"
        opened(f"sqlite:///{file}").dispose()
        assert list(Path(folder).iterdir()) == [file]
        return file.read_bytes()
