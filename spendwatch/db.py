"""The database: how it is opened, how a transaction begins, and what went wrong in plain words.

Errors
------
DatabaseError
├── DatabaseBusyError    another writer holds it, or its server does not answer; try again later
│                        (exit 75)
├── DatabaseFullError    there is no room left where it is kept
├── DatabaseDamagedError it is broken, and is left as it is; a backup can be restored
└── DatabaseVersionError the schema is newer than this program
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from sqlalchemy import Engine, make_url
from sqlalchemy.exc import DatabaseError as DriverError
from sqlalchemy.exc import IntegrityError, InterfaceError, ProgrammingError
from sqlmodel import Session

from spendwatch.db_engines import LOCKED, WAITS_MS, WRITES, connect, sqlite_file
from spendwatch.db_files import RESTORE, why_damaged, why_unusable
from spendwatch.db_turns import PLACES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT_MS = 5_000
PERSON_WAIT_MS = 2_000
"""How long somebody who answers waits for a turn before being told to try again."""
TRY_LATER, NOT_SAVED = "; try later", ": not saved, try again"
_OURS = (IntegrityError, ProgrammingError)
"""What the driver refuses because the program asked for something wrong; no state of affairs."""
_DISK_FULL = "53100"
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_READ_ONLY = ("25006", "SQLITE_READONLY")
_NOT_OURS = ("42501",)
"""Of PostgreSQL: a right that the role was not given."""
_UNREACHABLE = ("", "08", "53", "57")
"""Of PostgreSQL: no connection, one that broke, none left, and a server that starts or stops."""


class DatabaseError(Exception):
    """The database cannot be used; the message says why and what to do."""


class DatabaseBusyError(DatabaseError):
    """Another writer holds the database, or it does not answer; trying again later can help."""


class DatabaseFullError(DatabaseError):
    """Nothing more can be stored until there is room again; nothing that was stored is lost."""


class DatabaseDamagedError(DatabaseError):
    """The database is broken; nothing was written to it."""


class DatabaseVersionError(DatabaseError):
    """The schema was written by a newer program."""


def open_engine(url: str, *, wait_ms: int = WAIT_MS) -> Engine:
    """Prepare the database at ``url`` for use as it is; its folder is made where there is none."""
    file = sqlite_file(url)
    if file is not None:
        _make_folder(file.parent)
        refuse_unusable(file)
        if wrong := why_damaged(file):
            raise damaged(url, wrong)
        _make_private(file)
    return connect(url, wait_ms)


def connect_again(engine: Engine, *, wait_ms: int) -> Engine:
    """Prepare another engine for the same database, for people: they wait no longer, and first."""
    return connect(engine.url.render_as_string(hide_password=False), wait_ms, hurried=True)


def _make_private(file: Path) -> None:
    """Make a new file its owner's alone: it says what everybody spends; SQLite's own follow it."""
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL, 0o600))


def refuse_unusable(file: Path) -> None:
    """Refuse a place where SQLite cannot keep a database; raises DatabaseError."""
    if wrong := why_unusable(file):
        raise DatabaseError(f"the database {file} cannot be used: {wrong}")


def damaged(url: str, wrong: str) -> DatabaseDamagedError:
    """Say what is broken, and how to go on."""
    return DatabaseDamagedError(
        f"the database {where(url)} cannot be used: {wrong}. It is left as it is; {RESTORE}"
    )


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """One writing transaction: all of it or none of it, one at a time."""
    with (
        translated(str(engine.url), busy=NOT_SAVED),
        _turn_to_write(engine) as left_ms,
        Session(engine) as session,
        session.begin(),
    ):
        session.connection(execution_options={WRITES: True, WAITS_MS: left_ms})
        yield session


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """One consistent view for reading."""
    with translated(str(engine.url)), Session(engine) as session:
        yield session


@contextmanager
def translated(url: str, busy: str = TRY_LATER) -> Iterator[None]:
    """Say in plain words what the driver says, and what to do when busy; raises DatabaseError."""
    try:
        yield
    except (DriverError, InterfaceError) as error:
        if isinstance(error, _OURS) and _state(error) not in _NOT_OURS:
            raise
        raise _in_plain_words(error, url, busy) from error


@contextmanager
def _turn_to_write(engine: Engine) -> Iterator[int | None]:
    """Let the threads of one process write to SQLite one after the other; raises DatabaseError."""
    place = PLACES.get(engine)
    if place is None:
        yield None
        return
    with ExitStack() as stack:
        try:
            left_ms = stack.enter_context(place.turn())
        except TimeoutError:
            raise _busy(str(engine.url), NOT_SAVED) from None
        yield left_ms


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(
            f"the folder {folder} for the database cannot be made: {error.strerror}"
        ) from error


def where(url: str) -> str:
    """Name a database to a person, without its password."""
    return make_url(url).render_as_string(hide_password=True)


def _busy(url: str, words: str) -> DatabaseBusyError:
    return DatabaseBusyError(f"the database {where(url)} is in use by another process{words}")


def _state(error: DriverError | InterfaceError) -> str:
    """Return the code that the driver gives an error; SQLite's without what it adds."""
    named = getattr(error.orig, "sqlite_errorname", "")
    if named:
        return "_".join(named.split("_")[:2])
    return getattr(error.orig, "sqlstate", None) or ""


def _in_plain_words(error: DriverError | InterfaceError, url: str, busy: str) -> DatabaseError:
    words = next(iter(str(error.orig).strip().splitlines()), "no reason given")
    state = _state(error)
    if state == LOCKED or "is locked" in words:
        return _busy(url, busy)
    if state in _DAMAGED:
        return damaged(url, words)
    if state == _DISK_FULL or "disk is full" in words:
        return DatabaseFullError(
            f"the disk of the database {where(url)} is full ({words}): nothing more can be stored "
            "until there is room; what was stored is safe"
        )
    if state in _READ_ONLY:
        return DatabaseError(
            f"the database {where(url)} is read-only ({words}): nothing was stored; make its disk "
            "writable, or name a server that is no standby"
        )
    if make_url(url).get_backend_name() == "postgresql" and state[:2] in _UNREACHABLE:
        return DatabaseBusyError(f"the database {where(url)} does not answer: {words}{busy}")
    return DatabaseError(f"the database {where(url)} cannot be used: {words}")
