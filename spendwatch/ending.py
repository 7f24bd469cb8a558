"""How the service is asked to end, or to begin anew with its settings as they are by now.

It is light, so that it listens before anything heavy is loaded.
"""

from __future__ import annotations

import os
import signal
import sys
from queue import SimpleQueue
from threading import Event
from typing import TYPE_CHECKING

from spendwatch.streams import unburden

if TYPE_CHECKING:
    from types import FrameType


class Ending:
    """Who asked for the end, and with which exit code; asked twice, it ends at once.

    ``anew`` says that it ends only to begin anew.
    """

    def __init__(self) -> None:
        self.asked, self.code, self.why, self.anew = Event(), 0, "", False
        # A signal's handler may run within the very wait that it ends: this queue bears that.
        self._woken: SimpleQueue[None] = SimpleQueue()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGHUP, lambda *_: self._woken.put(None))

    def wait(self) -> bool:
        """Wait until somebody asks; whether that is for the end, else it is to look again."""
        self._woken.get()
        return self.asked.is_set()

    def ask(self, why: str, code: int) -> None:
        """End for a reason of our own."""
        if not self.asked.is_set():
            self.why, self.code = why, code
        self.asked.set()
        self._woken.put(None)

    def leave(self) -> None:
        """End now, whatever hangs in a thread: all that counts is committed."""
        unburden()
        if self.anew:
            # The same process to whoever supervises it; what is due stands in the database.
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - as it was started
        os._exit(self.code)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.asked.is_set():
            self.leave()
        self.ask(signal.Signals(number).name, 0)
