"""One at a time: who leads has the database to itself for pulling, judging, telling and migrating.

Errors
------
AlreadyLed    another process leads; the message says which, and since when (exit 75)
"""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from alerts.digest_words import age
from alerts.numbers import moment
from spendwatch.db import DatabaseBusyError, DatabaseError, reading, translated, writing
from spendwatch.db_locks import leader_lock
from spendwatch.tables import LEADER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine
    from sqlmodel import Session

    from spendwatch.db_locks import LeaderLock


class AlreadyLed(DatabaseBusyError):  # noqa: N818 - it names what is the case, as people say it
    """Another process leads; trying again once it has ended can help."""


@dataclass(frozen=True, slots=True)
class Leader:
    """Who leads, or led last, and when it was last heard of.

    Attributes
    ----------
    ended_at : datetime or None
        When it ended as it should; None while it runs, and where it was killed.
    died_at : datetime or None
        When a service was last heard of that was killed, and of which nobody was told so far.
    """

    boot_id: str
    command: str
    host: str
    pid: int
    since: datetime
    heartbeat_at: datetime
    ended_at: datetime | None = None
    died_at: datetime | None = None

    @property
    def unreported_death(self) -> datetime | None:
        """When a service was last heard of that did not end as it should, if nobody knows yet."""
        killed = self.command == "run" and self.ended_at is None
        return self.died_at or (self.heartbeat_at if killed else None)

    @property
    def words(self) -> str:
        """Name the process as a person would look for it."""
        return f"`spendwatch {self.command}` (pid {self.pid} on {self.host})"


class Leadership:
    """The lock while it is held, and the row that says so."""

    def __init__(
        self, engine: Engine, lock: LeaderLock, leader: Leader, before: Leader | None
    ) -> None:
        self._engine, self._lock = engine, lock
        self.leader, self.before = leader, before

    def beat(self, now: datetime) -> bool:
        """Say that one is alive; False where the lock was lost and another process has it now."""
        with translated(str(self._engine.url)):
            if not self._lock.held() and not self._lock.take():
                return False
        with writing(self._engine) as session:
            mine = LEADER.c.boot_id == self.leader.boot_id
            beat = update(LEADER).where(mine, LEADER.c.heartbeat_at < now)
            session.connection().execute(beat.values(heartbeat_at=now))
        return True

    def note_told(self, session: Session) -> None:
        """Note that somebody was told of the service that had died; its caller's transaction."""
        mine = LEADER.c.boot_id == self.leader.boot_id
        session.connection().execute(update(LEADER).where(mine).values(died_at=None))

    def end(self, now: datetime) -> None:
        """Say that it ends as it should; where that cannot be noted, it ends all the same."""
        mine = LEADER.c.boot_id == self.leader.boot_id
        with suppress(DatabaseError), writing(self._engine) as session:
            session.connection().execute(update(LEADER).where(mine).values(ended_at=now))


@contextmanager
def leading(engine: Engine, command: str, clock: Callable[[], datetime]) -> Iterator[Leadership]:
    """Lead for the time of a command; raises AlreadyLed."""
    lock = leader_lock(engine)
    with translated(str(engine.url)):
        taken = lock.take()
    if not taken:
        raise AlreadyLed(_by_whom(engine, clock()))
    try:
        leadership = Leadership(engine, lock, *_note(engine, command, clock()))
        yield leadership
        leadership.end(clock())
    finally:
        lock.give_back()


@contextmanager
def guard(engine: Engine, before: str) -> Iterator[None]:
    """Lead while the schema changes, when there may be no table yet to say so in."""
    refusal = (
        f"the schema of the database ({before}) is older than this spendwatch, and a running "
        "spendwatch uses it: stop that first, then try again"
    )
    with alone(engine, refusal):
        yield


@contextmanager
def alone(engine: Engine, refusal: str) -> Iterator[None]:
    """Hold the lock without a row that says so; raises AlreadyLed with these words."""
    lock = leader_lock(engine)
    with translated(str(engine.url)):
        taken = lock.take()
    if not taken:
        raise AlreadyLed(refusal)
    try:
        yield
    finally:
        lock.give_back()


def leader_of(session: Session) -> Leader | None:
    """Return who leads, or led last; None where nobody ever has."""
    row = session.connection().execute(select(LEADER)).one_or_none()
    if row is None:
        return None
    return Leader(*(getattr(row, each) for each in Leader.__slots__))


def _note(engine: Engine, command: str, now: datetime) -> tuple[Leader, Leader | None]:
    """Say who leads now; return that and who led before."""
    mine = Leader(str(uuid4()), command, socket.gethostname(), os.getpid(), now, now)
    with writing(engine) as session:
        before = leader_of(session)
        leader = replace(mine, died_at=before.unreported_death if before else None)
        values = {name: getattr(leader, name) for name in Leader.__slots__}
        session.connection().execute(delete(LEADER))
        session.connection().execute(insert(LEADER), [{"id": 1, **values}])
    return leader, before


def _by_whom(engine: Engine, now: datetime) -> str:
    try:
        with reading(engine) as session:
            leader = leader_of(session)
    except (DatabaseError, SQLAlchemyError):
        leader = None  # the one that has the lock may be making the tables just now
    who = "another spendwatch"
    if leader:
        who = f"{leader.words} since {moment(leader.since)}, {age(leader.since, now)}"
    return (
        f"the database is in use by {who}; only one at a time pulls, judges and tells. "
        "Try again once it has ended; answers and reports work meanwhile"
    )
