"""What one identity is allowed at Log Analytics, kept by all who share it; and when it is refused.

The service takes 5 queries at once and 200 in 30 seconds from one identity, whatever places they
are for.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING

from detector.sources.base import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

AT_ONCE = 5
IN_WINDOW = 200
WINDOW_S = 30.0
REFUSED_FOR_S = 300.0
_SHORTEST_S = 0.001


class Gate:
    """Lets the queries of one identity through; safe to be asked from many threads.

    Parameters
    ----------
    clock : callable
        Seconds on a clock that nobody can set (``time.monotonic``).
    sleep : callable
        Waits so many seconds.
    at_once, in_window, window_s : int, int, float
        What the service allows.
    refused_for_s : float
        How long a credential that was refused is not tried again.

    Examples
    --------
    >>> gate = Gate(lambda: 100.0, lambda _s: None)
    >>> with gate.passing(left_s=10):
    ...     pass
    >>> gate.refuse("the token was refused")
    >>> gate.check("workspace a")
    Traceback (most recent call last):
    detector.sources.base.SourceError: the token was refused (not asked again for another 300 s)
    """

    def __init__(
        self,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        *,
        at_once: int = AT_ONCE,
        in_window: int = IN_WINDOW,
        window_s: float = WINDOW_S,
        refused_for_s: float = REFUSED_FOR_S,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._in_window, self._window_s = in_window, window_s
        self._refused_for_s = refused_for_s
        self._lock = Lock()
        self._places = BoundedSemaphore(at_once)
        self._running = 0
        self._ended: deque[float] = deque()
        self._paused_until = 0.0
        self._refused: dict[str, tuple[float, str]] = {}

    @contextmanager
    def passing(self, left_s: float) -> Iterator[None]:
        """Hold one of the places; SourceError if none is free within ``left_s`` seconds."""
        if not self._places.acquire(timeout=max(0.0, left_s)):
            raise _crowded(left_s)
        try:
            self._enter(left_s)
            try:
                yield
            finally:
                self._leave()
        finally:
            self._places.release()

    def pause(self, seconds: float) -> None:
        """Let nobody through for a while, as the service asked; never for longer than a window."""
        until = self._clock() + min(seconds, self._window_s)
        with self._lock:
            self._paused_until = max(self._paused_until, until)

    def refuse(self, words: str, place: str = "") -> None:
        """Note that the identity was refused: everywhere, or at one place alone."""
        with self._lock:
            self._refused[place] = (self._clock() + self._refused_for_s, words)

    def check(self, place: str) -> None:
        """Raise SourceError while the identity is refused there."""
        with self._lock:
            for where in ("", place):
                until, words = self._refused.get(where, (0.0, ""))
                left_s = until - self._clock()
                if words and left_s > 0:
                    raise SourceError(f"{words} (not asked again for another {left_s:.0f} s)")

    def _enter(self, left_s: float) -> None:
        """Wait until the window has room."""
        begun = self._clock()
        while (wait_s := self._take()) > 0:
            if self._clock() - begun + wait_s > left_s:
                raise _crowded(left_s)
            self._sleep(max(wait_s, _SHORTEST_S))

    def _take(self) -> float:
        """Count one query that begins, or say how long it has to wait."""
        with self._lock:
            now = self._clock()
            if now < self._paused_until:
                return self._paused_until - now
            # From its end on: a query has reached the service by then, however late it was.
            while self._ended and self._ended[0] + self._window_s <= now:
                self._ended.popleft()
            if self._running + len(self._ended) >= self._in_window and self._ended:
                return self._ended[0] + self._window_s - now
            self._running += 1
            return 0.0

    def _leave(self) -> None:
        with self._lock:
            self._running -= 1
            self._ended.append(self._clock())


def _crowded(left_s: float) -> SourceError:
    return SourceError(
        f"no room among the queries of this identity within the {max(0.0, left_s):.0f} s that the "
        "run has left; pull less often, give the sources identities of their own, or raise "
        "run_timeout_s in [azure]",
        retryable=True,
    )
