"""The database: how it is opened, how a transaction begins, and what went wrong in plain words.

Errors
------
DatabaseError
├── DatabaseBusyError    another writer holds it, or its server does not answer; try again later
│                        (exit 75)
├── DatabaseFullError    there is no room left where it is kept
└── DatabaseVersionError the schema is newer than this program
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Engine, make_url
from sqlalchemy.exc import DatabaseError as DriverError
from sqlalchemy.exc import IntegrityError, InterfaceError, ProgrammingError
from sqlmodel import Session

from spendwatch.db_engines import TURNS, WRITES, connect, sqlite_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT_MS = 5_000
PERSON_WAIT_MS = 2_000
"""How long somebody who answers waits for a turn before being told to try again."""
TURN_TIMEOUT_S = 30.0
_OURS = (IntegrityError, ProgrammingError)
"""What the driver refuses because the program asked for something wrong; no state of affairs."""
_LOCKED, _DISK_FULL = "55P03", "53100"
_UNREACHABLE = ("", "08", "53", "57")
"""Of PostgreSQL: no connection, one that broke, none left, and a server that starts or stops."""


class DatabaseError(Exception):
    """The database cannot be used; the message says why and what to do."""


class DatabaseBusyError(DatabaseError):
    """Another writer holds the database, or it does not answer; trying again later can help."""


class DatabaseFullError(DatabaseError):
    """Nothing more can be stored until there is room again; nothing that was stored is lost."""


class DatabaseVersionError(DatabaseError):
    """The schema was written by a newer program."""


def open_engine(url: str, *, wait_ms: int = WAIT_MS) -> Engine:
    """Prepare the database at ``url`` for use as it is; its folder is made where there is none."""
    file = sqlite_file(url)
    if file is not None:
        _make_folder(file.parent)
    return connect(url, wait_ms)


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """One writing transaction: all of it or none of it, one at a time."""
    with (
        translated(str(engine.url)),
        _turn_to_write(engine),
        Session(engine) as session,
        session.begin(),
    ):
        session.connection(execution_options={WRITES: True})
        yield session


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """One consistent view for reading."""
    with translated(str(engine.url)), Session(engine) as session:
        yield session


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Say in plain words what the driver says; raises DatabaseError."""
    try:
        yield
    except _OURS:
        raise
    except (DriverError, InterfaceError) as error:
        raise _in_plain_words(error, url) from error


@contextmanager
def _turn_to_write(engine: Engine) -> Iterator[None]:
    """Let the threads of one process write to SQLite one after the other.

    SQLite's own waiting polls, ever more rarely: under load one of many threads starves.
    """
    turn = TURNS.get(engine)
    if turn is None:
        yield
        return
    if not turn.acquire(timeout=TURN_TIMEOUT_S):
        raise _busy(str(engine.url))
    try:
        yield
    finally:
        turn.release()


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


def _busy(url: str) -> DatabaseBusyError:
    return DatabaseBusyError(f"the database {where(url)} is in use by another process; try later")


def _in_plain_words(error: DriverError | InterfaceError, url: str) -> DatabaseError:
    words = next(iter(str(error.orig).strip().splitlines()), "no reason given")
    state = getattr(error.orig, "sqlstate", None) or ""
    if state == _LOCKED or "is locked" in words:
        return _busy(url)
    if state == _DISK_FULL or "disk is full" in words:
        return DatabaseFullError(
            f"the disk of the database {where(url)} is full ({words}): nothing more can be stored "
            "until there is room; what was stored is safe"
        )
    if make_url(url).get_backend_name() == "postgresql" and state[:2] in _UNREACHABLE:
        return DatabaseBusyError(f"the database {where(url)} does not answer: {words}; try later")
    return DatabaseError(f"the database {where(url)} cannot be used: {words}")
