"""Whose turn it is to write to SQLite, of the threads of one process.

SQLite's own waiting polls, ever more rarely: where others write one after the other, whoever waits
that way never gets in between. So all engines of one file share one queue, and in it people who
wait for an answer come before everybody else.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from threading import Condition
from time import monotonic
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

TURN_TIMEOUT_S = 30.0
"""How long a thread that nobody waits for waits for its turn."""


class Queue:
    """Lets one thread in at a time: people first, everybody in the order in which they came.

    Without that order a few threads that write in loops can keep another one out for ever.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._taken, self._numbers = False, count()
        self._waiting: list[tuple[bool, int]] = []

    def enter(self, timeout_s: float, *, hurried: bool = False) -> bool:
        """Wait until it is one's turn; False where that took too long."""
        with self._changed:
            ticket = (not hurried, next(self._numbers))
            self._waiting.append(ticket)
            try:
                free = self._changed.wait_for(lambda: self._is_next(ticket), timeout_s)
                self._taken = self._taken or free
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()
            return free

    def leave(self) -> None:
        """Let the next one in."""
        with self._changed:
            self._taken = False
            self._changed.notify_all()

    def _is_next(self, ticket: tuple[bool, int]) -> bool:
        return not self._taken and ticket == min(self._waiting)


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
