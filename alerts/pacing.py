"""How often the other side may be called: never more than it allows, so that it never refuses."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MINUTE_S = 60.0
_FROM_ANSWER = 1 / 1.05
"""The part of a distance that is kept from an answer too: a call may arrive late, never later."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What one kind of call is held to.

    Attributes
    ----------
    apart_s : float
        Seconds between two calls about the same thing.
    a_minute : int
        Calls of this kind in any minute, whatever they are about; 0 is no limit.
    kept : int
        How many of these only calls that go first may be.
    """

    apart_s: float = 0.0
    a_minute: int = 0
    kept: int = 0


@dataclass(slots=True)
class _Spent:
    """What was called, and until when nothing may be."""

    calls: deque[float] = field(default_factory=deque)
    last: dict[str, float] = field(default_factory=dict)
    paused: dict[str, float] = field(default_factory=lambda: defaultdict(float))


class Pacer:
    """Counts calls by kind and by what they are about; safe to be asked from many threads.

    Parameters
    ----------
    limits : mapping of str to Limit
        By kind of call.
    steady : callable
        Seconds on a clock that nobody can set.

    Examples
    --------
    >>> now = [100.0]
    >>> pacer = Pacer({"post": Limit(apart_s=1.05)}, lambda: now[0])
    >>> round(pacer.wait_s("post", "C1"), 2)
    1.05
    >>> now[0] += 2
    >>> pacer.took("post", "C1")
    >>> round(pacer.wait_s("post", "C1"), 2), pacer.wait_s("post", "C2")
    (1.05, 0.0)
    """

    def __init__(self, limits: Mapping[str, Limit], steady: Callable[[], float]) -> None:
        self._limits = limits
        self._steady = steady
        self._begun = steady()  # a process before this one may have called just now
        self._spent: defaultdict[str, _Spent] = defaultdict(_Spent)
        self._lock = Lock()

    def wait_s(self, kind: str, about: str = "", *, first: bool = False) -> float:
        """Return in how many seconds a call is allowed; 0 where it is now.

        ``first`` asks for one that goes first: only that may use what is kept of a minute.
        """
        with self._lock:
            return self._wait_s(kind, about, first=first)

    def took(self, kind: str, about: str = "") -> None:
        """Note that a call is made now."""
        with self._lock:
            now, spent = self._steady(), self._spent[kind]
            spent.calls.append(now)
            spent.last[about] = now

    def answered(self, kind: str, about: str = "") -> None:
        """Note that a call that was made has been answered, or will not be any more.

        It reached the other side at some moment until now, and the next one may be quicker.
        """
        with self._lock:
            limit, spent = self._limits[kind], self._spent[kind]
            early_s = limit.apart_s * (1 - _FROM_ANSWER)
            spent.last[about] = max(spent.last.get(about, 0.0), self._steady() - early_s)

    def pause(self, kind: str, about: str, seconds: float) -> None:
        """Allow no call for a time: the other side asked for it.

        Where it asks for it about a second thing meanwhile, everything of this kind is paused.
        """
        with self._lock:
            now, paused = self._steady(), self._spent[kind].paused
            others = [name for name, until in paused.items() if until > now and name != about]
            for name in (about, *([""] if others else [])):
                paused[name] = max(paused[name], now + seconds)

    def _wait_s(self, kind: str, about: str, *, first: bool) -> float:
        now, spent, limit = self._steady(), self._spent[kind], self._limits[kind]
        while spent.calls and spent.calls[0] <= now - MINUTE_S:
            spent.calls.popleft()
        free_at = max(spent.paused[about], spent.paused[""])
        if limit.apart_s:
            free_at = max(free_at, spent.last.get(about, self._begun) + limit.apart_s)
        most = limit.a_minute if first else limit.a_minute - limit.kept
        if limit.a_minute and len(spent.calls) >= most:
            free_at = max(free_at, spent.calls[-most] + MINUTE_S)
        return max(0.0, free_at - now)
