"""The lock that lets one process at a time pull, judge and tell; reading and answering need none.

Whoever dies loses it at once: a file lock goes with the process, an advisory lock with its
connection. Both are held for as long as the process leads, whatever else it does meanwhile.
"""

from __future__ import annotations

import fcntl
from typing import IO, TYPE_CHECKING, Protocol

from sqlalchemy.exc import DBAPIError, OperationalError

from spendwatch.db_engines import LEADS, LOCKED, ONE_LEADER, sqlite_file

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection, Engine


NOTICED_WITHIN_MS = 1_000


class LeaderLock(Protocol):
    """What one process holds."""

    def take(self) -> bool:
        """Take it without waiting; False where another process has it."""

    def held(self) -> bool:
        """Whether it is still ours; a lost one may be taken again."""

    def give_back(self) -> None:
        """Let the next one have it."""


def leader_lock(engine: Engine) -> LeaderLock:
    """Return the lock that belongs to a database."""
    file = sqlite_file(engine.url.render_as_string(hide_password=False))
    if file is not None:
        return FileLock(file.with_name(f"{file.name}.lock"))
    return ServerLock(engine)


class FileLock:
    """A lock on a file beside the database; the file stays, so that nobody locks a deleted one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def take(self) -> bool:
        """Lock the file; False where another process has."""
        file = self._path.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    def held(self) -> bool:
        """Nothing but the end of the process takes it away."""
        return self._file is not None

    def give_back(self) -> None:
        """Close the file, which unlocks it."""
        if self._file is not None:
            self._file.close()
        self._file = None


class ServerLock:
    """An advisory lock of a transaction that stays open on a connection of its own.

    A pooler that shares connections pins one to an open transaction; a lock of the session would
    go to whoever gets that connection next. Idle, the transaction sees nothing and hinders nobody.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def take(self) -> bool:
        """Begin the transaction and ask for the lock; False where another process has it.

        It waits a moment: the server takes that long to notice that a process was killed.
        """
        self._connection = self._engine.connect().execution_options(**{LEADS: True})
        self._connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        self._connection.exec_driver_sql(f"SET LOCAL lock_timeout = {NOTICED_WITHIN_MS}")
        try:
            self._connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ONE_LEADER})")
        except OperationalError as error:
            self.give_back()
            if getattr(error.orig, "sqlstate", None) == LOCKED:
                return False
            raise
        return True

    def held(self) -> bool:
        """Whether the connection lives, and with it the transaction."""
        if self._connection is None:
            return False
        try:
            self._connection.exec_driver_sql("SELECT 1")
        except DBAPIError:
            self.give_back()
        return self._connection is not None

    def give_back(self) -> None:
        """End the transaction, which frees the lock, and give the connection up."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.rollback()
        except DBAPIError:
            connection.invalidate()  # it is gone, and the lock with it
        connection.close()
