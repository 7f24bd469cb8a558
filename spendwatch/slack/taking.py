"""Who does what people do in Slack: threads that take it, and threads that show what came of it.

What is shown has threads of its own: a Slack that takes long to show one answer must not keep the
next one from being taken. What was taken is finished also when nobody listens any more.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import FilteringBoundLogger

    from spendwatch.slack.desk import Reaction

AT_ONCE = 8
"""Deeds that are taken at the same time."""
MOST_WAITING = 500
"""Of posts that wait for a thread; whoever comes then is told that it did not work."""


class Hands:
    """Takes deeds in threads of its own, whoever heard of them."""

    def __init__(self, receive: Callable[[str, Any], Reaction], log: FilteringBoundLogger) -> None:
        self._receive, self._log = receive, log
        self._workers = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="slack-deed")
        self._showers = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="slack-show")
        self._taking = 0

    @property
    def full(self) -> bool:
        """Whether more waits than could be answered in time."""
        return self._taking >= MOST_WAITING

    async def take(self, kind: str, payload: Any) -> Reaction:
        """Take one deed, and return what Slack is told at once."""
        self._taking += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._workers, self._receive, kind, payload)
        finally:
            self._taking -= 1

    def follow(self, reaction: Reaction) -> None:
        """Do what comes after Slack was told, none of which may raise."""
        self._workers.submit(self._finish, reaction)

    def show(self, work: Callable[[], None]) -> None:
        """Do something that may be left out."""
        self._showers.submit(self._done, work)

    def end(self) -> None:
        """Finish what was taken; what was not shown is left to others."""
        self._workers.shutdown(wait=True, cancel_futures=False)
        self._showers.shutdown(wait=True, cancel_futures=True)

    def _finish(self, reaction: Reaction) -> None:
        for each in reaction.work:
            self._done(each)
        if reaction.then:
            self._showers.submit(self._show_all, reaction)

    def _show_all(self, reaction: Reaction) -> None:
        for each in reaction.then:
            self._done(each)

    def _done(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - what is shown may fail without harm
            self._log.exception("slack_deed_not_shown", error=str(error))
