"""A look at the database for many who ask at the same time: one thread looks, within a time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
WITHIN_S = 5.0
"""Prometheus gives up after ten seconds, a probe of Kubernetes sooner."""
GOOD_FOR_S = 1.0
"""What was found is told so long to whoever asks again."""


class Look(Generic[T]):
    """Looks where nobody looks already; whoever comes meanwhile is told the same."""

    def __init__(
        self,
        look: Callable[[], T],
        steady: Callable[[], float],
        within_s: float = WITHIN_S,
        good_for_s: float = GOOD_FOR_S,
    ) -> None:
        self._look, self._steady = look, steady
        self._within_s, self._good_for_s = within_s, good_for_s
        self._looking: asyncio.Future[T] | None = None
        self._good_until_s = float("-inf")

    async def found(self) -> T:
        """Return what there is to see; raises TimeoutError where that takes too long."""
        looking = self._looking
        if looking is None or (looking.done() and self._steady() >= self._good_until_s):
            looking = self._looking = self._begin()
        # It goes on where nobody waits for it any more, and the next one is told.
        return await asyncio.wait_for(asyncio.shield(looking), self._within_s)

    def _begin(self) -> asyncio.Future[T]:
        """Look in a thread that keeps nobody from ending, however long the database takes."""
        loop = asyncio.get_running_loop()
        looking: asyncio.Future[T] = loop.create_future()
        looking.add_done_callback(self._note)

        def look() -> None:
            try:
                tell = partial(looking.set_result, self._look())
            except Exception as error:  # noqa: BLE001 - whoever asked is told
                tell = partial(looking.set_exception, error)
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(tell)

        Thread(target=look, name="web-look", daemon=True).start()
        return looking

    def _note(self, looked: asyncio.Future[T]) -> None:
        failed = looked.cancelled() or looked.exception() is not None
        self._good_until_s = float("-inf") if failed else self._steady() + self._good_for_s
