"""Whose turn it is to write to SQLite, of the threads of one process.

SQLite's own waiting polls, ever more rarely: where others write one after the other, whoever waits
that way never gets in between. So all engines of one file share one queue, and in it people who
wait for an answer come before everybody else.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from threading import Event, Lock
from time import monotonic
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

TURN_TIMEOUT_S = 30.0
"""How long a thread that nobody waits for waits for its turn."""


@dataclass(order=True, slots=True)
class _Ticket:
    """The place of one thread in a queue; the least is called first."""

    unhurried: bool
    number: int
    called: Event = field(default_factory=Event, compare=False)


class Queue:
    """Lets one thread in at a time: people first, everybody in the order in which they came.

    Without that order a few threads that write in loops can keep another one out for ever. Whoever
    leaves wakes the next one alone: were all woken, a hundred people who wait would slow each turn.
    """

    def __init__(self) -> None:
        self._lock, self._numbers = Lock(), count()
        self._taken = False
        self._waiting: list[_Ticket] = []

    def enter(self, timeout_s: float, *, hurried: bool = False) -> bool:
        """Wait until it is one's turn; False where that took too long."""
        with self._lock:
            if not self._taken:
                self._taken = True
                return True
            ticket = _Ticket(not hurried, next(self._numbers))
            self._waiting.append(ticket)
        try:
            ticket.called.wait(timeout_s)
        except BaseException:
            if not self._give_up(ticket):
                self.leave()
            raise
        return not self._give_up(ticket)

    def leave(self) -> None:
        """Let the next one in."""
        with self._lock:
            self._taken = bool(self._waiting)
            if self._waiting:
                following = min(self._waiting)
                self._waiting.remove(following)
                following.called.set()

    def _give_up(self, ticket: _Ticket) -> bool:
        """Wait no longer; False for one that was called, be it in the last moment."""
        with self._lock:
            if ticket.called.is_set():
                return False
            self._waiting.remove(ticket)
            return True


@dataclass(frozen=True, slots=True)
class Place:
    """How the threads of one engine wait.

    Attributes
    ----------
    hurried_ms : int
        For how long at most where a person waits, for the turn and for other processes together;
        0 where nobody does.
    """

    queue: Queue
    hurried_ms: int = 0

    @contextmanager
    def turn(self) -> Iterator[int | None]:
        """Wait for a turn, and give how many milliseconds are left to wait for other processes.

        Raises TimeoutError where it does not come in time. None is as long as the engine waits.
        """
        begun_at, hurried = monotonic(), bool(self.hurried_ms)
        most_s = self.hurried_ms / 1000 if hurried else TURN_TIMEOUT_S
        if not self.queue.enter(most_s, hurried=hurried):
            raise TimeoutError
        try:
            waited_ms = int((monotonic() - begun_at) * 1000)
            yield max(1, self.hurried_ms - waited_ms) if hurried else None
        finally:
            self.queue.leave()


PLACES: WeakKeyDictionary[Engine, Place] = WeakKeyDictionary()
_QUEUES: WeakValueDictionary[Path, Queue] = WeakValueDictionary()


def queue_of(file: Path | None) -> Queue:
    """Return the queue of a file, the same one for all; of its own for what is in no file."""
    return _QUEUES.setdefault(file.resolve(), Queue()) if file else Queue()
