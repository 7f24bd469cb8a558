"""What the local Log Analytics knows, and what it remembers of those who asked."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.azure.faults import Faults

if TYPE_CHECKING:
    from tests.azure.answering import Engine

TOKEN = "token-of-the-tests"  # noqa: S105 - it opens nothing but the server of these tests


@dataclass
class Settings:
    """How the service behaves."""

    tokens: list[str] = field(default_factory=lambda: [TOKEN])
    places: list[str] = field(default_factory=list)
    """Workspace ids and resource ids that there are; none named: whatever is asked for."""
    most_rows: int = 500_000
    most_in_window: int = 0
    """So many queries in ``window_s``, and further ones are refused; 0: any number."""
    window_s: float = 30.0
    most_at_once: int = 0
    retry_after: str | None = None
    """The header of a 429, as it is sent."""


@dataclass
class Request:
    """A query as it came, and what came of it."""

    number: int
    place: str
    query: str
    timespan: str
    wait_s: int
    headers: dict[str, str]
    """Without the token."""
    at_once: int
    """Queries on their way when this one came, it included."""
    began_s: float
    ended_s: float | None = None
    status: int | None = None
    fault: str = ""
    rows: int = 0
    size: int | None = None
    """Rows of the table that went out, and bytes of the whole body."""
    problems: list[str] = field(default_factory=list)


class State:
    """Everything, from one reset to the next."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.settings = Settings()
        self.faults = Faults()
        self.requests: list[Request] = []
        self.on_their_way = 0
        self.released = asyncio.Event()
        """Set for those who wait for it: who hangs, or is delayed."""
        self._taken: deque[float] = deque()

    def release(self) -> None:
        """Let everybody go on who waits now."""
        self.released.set()
        self.released = asyncio.Event()

    def is_too_often(self) -> bool:
        """Count a query; tell whether it is one too many."""
        now = time.monotonic()
        while self._taken and self._taken[0] + self.settings.window_s <= now:
            self._taken.popleft()
        most, at_once = self.settings.most_in_window, self.settings.most_at_once
        if most and len(self._taken) >= most:
            return True
        self._taken.append(now)
        return bool(at_once) and self.on_their_way > at_once
