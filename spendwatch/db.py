"""The database: how it is opened, how a write begins, how the schema is brought up to date.

Errors
------
DatabaseError
├── DatabaseBusyError    another writer holds it; try again later (exit 75)
└── DatabaseVersionError the schema is newer than this program
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import DatabaseError as DriverError
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

BUSY_TIMEOUT_MS = 5_000
TURN_TIMEOUT_S = 30.0
_TURNS: WeakKeyDictionary[Engine, Lock] = WeakKeyDictionary()
MIGRATIONS = Path(__file__).parent / "migrations"


class DatabaseError(Exception):
    """The database cannot be used; the message says why and what to do."""


class DatabaseBusyError(DatabaseError):
    """Another writer holds the database; trying again later can help."""


class DatabaseVersionError(DatabaseError):
    """The schema was written by a newer program."""


def open_database(url: str, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> Engine:
    """Open the database at ``url`` and bring its schema up to date."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, url, busy_timeout_ms)
    try:
        upgrade(engine)
    except DriverError as error:
        raise _translated(error, url) from error
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """One writing transaction: all of it or none of it."""
    try:
        with _turn_to_write(engine), Session(engine) as session, session.begin():
            # SQLite takes the write lock at once (BEGIN IMMEDIATE), so that two writers wait for
            # each other instead of losing one of two updates.
            session.connection(execution_options={"writes": True})
            yield session
    except OperationalError as error:
        raise _translated(error, str(engine.url)) from error


@contextmanager
def _turn_to_write(engine: Engine) -> Iterator[None]:
    """Let the threads of one process write to SQLite one after the other.

    SQLite's own waiting polls, ever more rarely: under load one of many threads starves.
    """
    turn = _TURNS.get(engine)
    if turn is None:
        yield
        return
    if not turn.acquire(timeout=TURN_TIMEOUT_S):
        raise _busy(str(engine.url))
    try:
        yield
    finally:
        turn.release()


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """One consistent view for reading."""
    try:
        with Session(engine) as session:
            yield session
    except OperationalError as error:
        raise _translated(error, str(engine.url)) from error


def _prepare_sqlite(engine: Engine, url: str, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
    """Make SQLite durable, strict about references and honest about transactions."""
    _TURNS[engine] = Lock()
    path = make_url(url).database
    if path and path != ":memory:":
        _make_folder(Path(path).parent)

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: Any) -> None:
        # The driver's own transaction handling is switched off: it begins too late.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={busy_timeout_ms}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(
            f"the folder {folder} for the database cannot be made: {error.strerror}"
        ) from error


def upgrade(engine: Engine, migrations: Path = MIGRATIONS) -> None:
    """Run the migrations that are missing; refuse a schema this program does not know."""
    config = Config()
    config.set_main_option("script_location", str(migrations))
    script = ScriptDirectory.from_config(config)
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current == script.get_current_head():
        return
    if current is not None and current not in {rev.revision for rev in script.walk_revisions()}:
        raise DatabaseVersionError(
            f"the database's schema ({current}) is newer than this spendwatch; "
            "install the newer version, or restore a backup made with this one"
        )
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _busy(url: str) -> DatabaseBusyError:
    where = make_url(url).render_as_string(hide_password=True)
    return DatabaseBusyError(f"the database {where} is in use by another process; try later")


def _translated(error: DriverError, url: str) -> DatabaseError:
    """Say in plain words what the driver said."""
    words = str(error.orig)
    where = make_url(url).render_as_string(hide_password=True)
    if "locked" in words or "busy" in words:
        return _busy(url)
    return DatabaseError(f"the database {where} cannot be used: {words}")
