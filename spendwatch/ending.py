"""How the service is asked to end; light, so that it listens before anything heavy is loaded."""

from __future__ import annotations

import os
import signal
from threading import Event
from typing import TYPE_CHECKING

from spendwatch.streams import unburden

if TYPE_CHECKING:
    from types import FrameType


class Ending:
    """Who asked for the end, and with which exit code; asked twice, it ends at once."""

    def __init__(self) -> None:
        self.asked, self.code, self.why = Event(), 0, ""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def ask(self, why: str, code: int) -> None:
        """End for a reason of our own."""
        if not self.asked.is_set():
            self.why, self.code = why, code
        self.asked.set()

    def leave(self) -> None:
        """End now, whatever hangs in a thread: all that counts is committed."""
        unburden()
        os._exit(self.code)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.asked.is_set():
            self.leave()
        self.ask(signal.Signals(number).name, 0)
