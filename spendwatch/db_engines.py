"""How each kind of database is connected to, so that nothing else need know which one it is.

Both give the same: one writer at a time, a reader that sees one state, and nothing acknowledged
that a crash could take back. Only here stands SQL that one of them alone understands.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, make_url

from spendwatch.db_turns import PLACES, Place, queue_of

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

WRITES = "writes"
"""Execution option of a connection whose transaction is to write."""
LEADS = "leads"
"""Of one whose transaction only holds a lock, and must see nothing that it would keep alive."""
WAITS_MS = "waits_ms"
"""Of one that writes: for how long it may still wait for its turn; else as long as its engine."""
CONNECT_TIMEOUT_S = 5
"""How long PostgreSQL may take to accept a connection; for people, no longer than they wait."""
LOCKED = "55P03"
"""What PostgreSQL calls it that a lock was not to be had in time."""
ONE_WRITER, ONE_LEADER = 0x5350454E44, 0x5350454E45
"""Names of two advisory locks; any numbers would do, as long as all use the same."""


def connect(url: str, wait_ms: int, *, hurried: bool = False) -> Engine:
    """Prepare an engine; ``wait_ms`` is how long a writer waits for its turn.

    ``hurried`` is for people: they come before the other threads, and wait no longer in all.
    """
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        engine = _sqlite(address, wait_ms)
        PLACES[engine] = Place(queue_of(sqlite_file(url)), wait_ms if hurried else 0)
        return engine
    timeout_s = min(CONNECT_TIMEOUT_S, wait_ms // 1000) if hurried else CONNECT_TIMEOUT_S
    return _postgresql(address, wait_ms, max(1, timeout_s))


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite database; None where it is none, or in memory."""
    address = make_url(url)
    named = address.database if address.get_backend_name() == "sqlite" else None
    return Path(named) if named and named != ":memory:" else None


def _sqlite(url: URL, wait_ms: int) -> Engine:
    """Make SQLite durable, strict about references and honest about transactions."""
    # Whatever comes first, setting the journal mode included, waits as long and no longer.
    engine = create_engine(url, connect_args={"timeout": wait_ms / 1000})
    pragmas = (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={wait_ms}",
    )

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: Any) -> None:
        # The driver's own transaction handling is switched off: it begins too late.
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes the write lock at once, so that two of them wait for each other instead
        # of losing one of two updates.
        if left_ms := connection.get_execution_options().get(WAITS_MS):
            connection.exec_driver_sql(f"PRAGMA busy_timeout={left_ms}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN")

    return engine


def _postgresql(url: URL, wait_ms: int, timeout_s: int) -> Engine:
    """Have PostgreSQL behave as SQLite does, also behind a pooler that shares its connections."""
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        # A server that was started again has closed what the pool still holds.
        pool_pre_ping=True,
        connect_args={
            # A prepared statement belongs to a server connection; a pooler hands out another one.
            "prepare_threshold": None,
            "connect_timeout": timeout_s,
            "application_name": "spendwatch",
        },
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get(LEADS, False):
            return
        if not _writes(connection):
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            return
        # Held until the transaction ends, whichever server connection it runs on.
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {wait_ms}")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ONE_WRITER})")

    return engine


def _writes(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get(WRITES, False))
