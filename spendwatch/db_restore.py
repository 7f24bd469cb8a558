"""A backup back in its place: proven first, and nothing that was there is ever deleted."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from spendwatch.db import (
    WAIT_MS,
    DatabaseBusyError,
    DatabaseError,
    DatabaseVersionError,
    open_engine,
    refuse_unusable,
)
from spendwatch.db_backup import OWNER_ALONE, BackupError, check_pages, put_in_place, sync_folder
from spendwatch.db_check import check_database
from spendwatch.db_copy import copy_database
from spendwatch.db_engines import connect, sqlite_file
from spendwatch.db_files import beside, why_damaged
from spendwatch.db_upgrade import open_database, refuse_unknown
from spendwatch.leading import alone
from spendwatch.rotation import stamp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Engine

    from spendwatch.db_copy import OnBatch

IN_USE = (
    "a running spendwatch uses the database: stop it first, then restore; whatever it writes "
    "meanwhile would be lost"
)


@dataclass(frozen=True, slots=True)
class Restored:
    """What the database holds now, and where that is which it held before."""

    made_with: str
    schema: str
    newest_judged_day: str
    alerts: int
    replies: int
    kept_as: Path | None


def restore(
    url: str, backup: Path, scratch: Path, now: datetime, on_batch: OnBatch = lambda _table: None
) -> Restored:
    """Put a backup in the place of the database at ``url``; ``scratch`` is a folder to work in.

    Raises BackupError where the backup is not whole, DatabaseVersionError where a newer program
    made it, AlreadyLed where the service runs, TargetHoldsRows where PostgreSQL is not empty.
    """
    file = sqlite_file(url)
    engine = connect(url, WAIT_MS)
    try:
        if file is None:
            return _into_server(engine, backup, scratch, on_batch)
        file.parent.mkdir(parents=True, exist_ok=True)
        refuse_unusable(file)
        with alone(engine, IN_USE), _prepared(backup, file.parent) as (draft, made_with):
            told = _told(draft, made_with, _aside(file, now))
            _swap(draft, file, told.kept_as)
            return told
    finally:
        engine.dispose()


def _into_server(engine: Engine, backup: Path, scratch: Path, on_batch: OnBatch) -> Restored:
    scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    with alone(engine, IN_USE), _prepared(backup, scratch) as (draft, made_with):
        source = open_engine(f"sqlite:///{draft}")
        try:
            copied = copy_database(source, engine, on_batch)
        finally:
            source.dispose()
        if copied.differences:
            raise DatabaseError(f"not restored as it was: {'; '.join(copied.differences)}")
        return _told(draft, made_with, None)


@contextmanager
def _prepared(backup: Path, folder: Path) -> Iterator[tuple[Path, str]]:
    """Give a copy of the backup that is proven and up to date, and the schema it was made with.

    It lies in a folder where it can take another file's name.
    """
    draft = folder / f".restoring-{os.getpid()}.db"
    endings = ("", "-wal", "-shm", "-journal")
    try:
        made_with = _copy(backup, draft)
        engine = open_database(f"sqlite:///{draft}")
        problems = check_database(engine, full=True).problems
        engine.dispose()
        if problems:
            raise BackupError(f"{backup} cannot be restored: {'; '.join(problems)}")
        yield draft, made_with
    finally:
        for ending in endings:
            beside(draft, ending).unlink(missing_ok=True)


def _copy(backup: Path, draft: Path) -> str:
    """Copy a backup that is whole and return its schema; raises BackupError."""
    if not backup.is_file():
        raise BackupError(f"{backup} cannot be restored: there is no such file")
    wrong = why_damaged(backup)
    try:
        if wrong:
            raise BackupError(f"{backup} cannot be restored: {wrong}")
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWNER_ALONE))
        with closing(sqlite3.connect(_read_only(backup), uri=True)) as source:
            schema = _schema_of(source, backup)
            with closing(sqlite3.connect(draft)) as copy:
                source.backup(copy)
                found = check_pages(copy, "integrity_check")
    except (sqlite3.Error, OSError) as error:
        raise BackupError(f"{backup} cannot be restored: {error}") from error
    if found:
        raise BackupError(f"{backup} cannot be restored, it is damaged: {found[0]}")
    return schema


def _read_only(backup: Path) -> str:
    """Name the backup so that nothing is written beside it; a live file brings its -wal along."""
    wal = beside(backup, "-wal")
    still = "" if wal.exists() and wal.stat().st_size else "&immutable=1"
    return f"file:{quote(str(backup.absolute()))}?mode=ro{still}"


def _schema_of(source: sqlite3.Connection, backup: Path) -> str:
    known = source.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
    row = source.execute("SELECT version_num FROM alembic_version").fetchone() if known else None
    if row is None:
        raise BackupError(f"{backup} cannot be restored: it is no database of spendwatch")
    try:
        refuse_unknown(row[0])
    except DatabaseVersionError:
        raise DatabaseVersionError(
            f"{backup} cannot be restored: its schema ({row[0]}) is newer than this spendwatch; "
            "install the version that made it, or a newer one"
        ) from None
    return str(row[0])


def _told(draft: Path, made_with: str, kept_as: Path | None) -> Restored:
    with closing(sqlite3.connect(draft)) as held:
        newest = held.execute("SELECT max(day) FROM judged_day").fetchone()[0] or ""
        alerts, replies = (
            held.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - two names from here
            for table in ("alert", "reply")
        )
        (schema,) = held.execute("SELECT version_num FROM alembic_version").fetchone()
    return Restored(made_with, schema, newest, alerts, replies, kept_as)


def _aside(file: Path, now: datetime) -> Path | None:
    """Return the name under which the present file is kept; None where there is none."""
    if not any(beside(file, ending).exists() for ending in ("", "-wal")):
        return None
    name = f".replaced-{stamp(now)}"
    taken = [beside(file, f"{name}{more}") for more in ("", *(f"-{n}" for n in range(2, 100)))]
    return next(place for place in taken if not place.exists())


def _swap(draft: Path, file: Path, kept_as: Path | None) -> None:
    """Keep what is there under its new name and let the draft take the old one.

    The name never leads to nothing: whoever opens it meanwhile would begin an empty database.
    """
    if kept_as is None:
        put_in_place(draft, file)
        return
    with _nobody_inside(file):
        for ending in ("-wal", "-shm"):
            if beside(file, ending).exists():
                beside(file, ending).replace(beside(kept_as, ending))
        if file.exists():
            _keep(file, kept_as)
        sync_folder(file.parent)
        put_in_place(draft, file)


def _keep(file: Path, kept_as: Path) -> None:
    try:
        os.link(file, kept_as)
    except OSError:  # a file system that gives no file two names
        file.replace(kept_as)


@contextmanager
def _nobody_inside(file: Path) -> Iterator[None]:
    """Fold the -wal into the file and keep everybody out; a damaged file is left as it is."""
    if why_damaged(file) or not file.exists():
        yield
        return
    with closing(sqlite3.connect(file, isolation_level=None, timeout=WAIT_MS / 1000)) as held:
        try:
            held.execute("PRAGMA journal_mode=DELETE")
            held.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise DatabaseBusyError(IN_USE) from error
        except sqlite3.DatabaseError:
            pass  # too damaged to be opened, which is why it is replaced
        yield
