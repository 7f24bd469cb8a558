"""A backup: one SQLite file, whatever the database is, made while others go on writing.

It has its name only once it is whole, checked and on the disk; until then it is a draft, and what
fails takes its draft away and leaves every older backup alone.

Errors
------
BackupError    no backup was made; the message says why
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from spendwatch.db import DatabaseBusyError, DatabaseError, open_engine, reading, translated
from spendwatch.db_copy import copy_database
from spendwatch.db_engines import sqlite_file
from spendwatch.db_files import beside
from spendwatch.db_rows import count_rows, first_filled, tables_of
from spendwatch.leading import guard
from spendwatch.rotation import Backup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from spendwatch.db_upgrade import Guard

OWNER_ALONE = 0o600
DRAFT = ".part"
_OF_SQLITE = ("", "-wal", "-shm", "-journal")


class BackupError(DatabaseError):
    """No backup was made, or it cannot be used; nothing else was touched."""


def back_up(engine: Engine, folder: Path, now: datetime, *, before_upgrade: bool = False) -> Path:
    """Write a backup into a folder, named after the moment; raises BackupError."""
    file = folder / Backup(now, before_upgrade).name
    back_up_to(engine, file)
    return file


def back_up_to(engine: Engine, file: Path) -> None:
    """Write a backup to this file, all of it or nothing; raises BackupError."""
    draft = file.with_name(f".{file.name}.{os.getpid()}{DRAFT}")
    with _refusing(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            _make_empty(draft)
            _fill(engine, draft)
            put_in_place(draft, file)
        finally:
            _remove(draft)


def careful(folder: Path, clock: Callable[[], datetime], made: Callable[[Path], None]) -> Guard:
    """Return what stands around a change of the schema: the lock, and a backup in ``folder``.

    ``made`` is told where the backup is. A database without a row gets none.
    """

    @contextmanager
    def around(engine: Engine, before: str) -> Iterator[None]:
        with guard(engine, before):
            if _holds_rows(engine):
                made(back_up(engine, folder, clock(), before_upgrade=True))
            yield

    return around


def put_in_place(draft: Path, file: Path) -> None:
    """Give a finished file its name so that no crash can leave half of it."""
    opened = os.open(draft, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
    draft.replace(file)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Have the disk remember which names a folder holds."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def check_pages(connection: sqlite3.Connection, how: str = "quick_check") -> list[str]:
    """Return what SQLite finds wrong with its own file; empty where nothing is."""
    try:
        found = [str(row[0]) for row in connection.execute(f"PRAGMA {how}(20)")]
    except sqlite3.DatabaseError as error:
        if not error.sqlite_errorname.startswith("SQLITE_CORRUPT"):
            raise
        found = [str(error)]  # too broken to be looked through
    return [] if found == ["ok"] else found


@contextmanager
def _refusing(folder: Path) -> Iterator[None]:
    """Say of whatever fails that no backup was made, and why; a busy database stays one."""
    try:
        yield
    except DatabaseBusyError:
        raise
    except (OSError, sqlite3.Error, DBAPIError, DatabaseError) as error:
        raise BackupError(
            f"no backup was made in {folder}: {_why(error)}; the older ones there are as they "
            "were (service.backup_dir names another folder)"
        ) from error


def _make_empty(draft: Path) -> None:
    _remove(draft)
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWNER_ALONE))


def _remove(draft: Path) -> None:
    for ending in _OF_SQLITE:
        beside(draft, ending).unlink(missing_ok=True)


def _fill(engine: Engine, draft: Path) -> None:
    if sqlite_file(engine.url.render_as_string(hide_password=False)) is None:
        rows = _copy_rows(engine, draft)
    else:
        with reading(engine) as session:
            rows = _copy_pages(session.connection(), draft)
    _check_draft(draft, rows)


def _copy_pages(connection: Connection, draft: Path) -> dict[str, int]:
    """Copy the state that this transaction sees; what it counted is what the copy must hold."""
    rows = count_rows(connection, tables_of(connection))
    source: Any = connection.connection.driver_connection
    with closing(sqlite3.connect(draft)) as target:
        source.backup(target)
    return rows


def _copy_rows(engine: Engine, draft: Path) -> dict[str, int]:
    target = open_engine(f"sqlite:///{draft}")
    try:
        copied = copy_database(engine, target)
    finally:
        target.dispose()
    if copied.differences:
        raise BackupError(f"the copy is not like the database: {'; '.join(copied.differences)}")
    return {
        name.removesuffix(": rows"): rows
        for name, rows in copied.here.items()
        if name.endswith(": rows")
    }


def _check_draft(draft: Path, rows: dict[str, int]) -> None:
    """Make it one file that can be read anywhere, and see that it holds everything."""
    with closing(sqlite3.connect(draft)) as copy:
        copy.execute("PRAGMA journal_mode=DELETE")
        wrong = check_pages(copy)
        if wrong:
            raise BackupError(
                f"the copy does not pass its check ({wrong[0]}), so the database is damaged: "
                "`spendwatch db check --full` tells more"
            )
        counted = {name: copy.execute(f'SELECT count(*) FROM "{name}"').fetchone() for name in rows}  # noqa: S608 - names of the schema
    if {name: found[0] for name, found in counted.items()} != rows:
        raise BackupError(f"the copy holds other rows than the database: {counted}, not {rows}")


def _holds_rows(engine: Engine) -> bool:
    with translated(str(engine.url)), engine.connect() as connection:
        return bool(first_filled(connection, tables_of(connection)))


def _why(error: Exception) -> str:
    words = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    if isinstance(error, OSError) and error.strerror:
        words = error.strerror
    full = "disk is full" in words or "No space left" in words
    return "the disk there is full" if full else words
