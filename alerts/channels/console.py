"""Messages written to a terminal or appended to a file."""

from __future__ import annotations

import json
import os
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TextIO

from alerts.channels.base import ChannelError
from alerts.notice import Receipt
from alerts.render.text import render_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from alerts.notice import Message, Notification

_BEGINS = "== "
"""What the first line of a message in a file begins with; no other line does."""
_ENDS = "\n"
"""What stands below a message in a file: without it, it was torn by a crash."""


class ConsoleChannel:
    """Writes messages to a terminal, which remembers nothing: ``find`` never finds."""

    settles = timedelta(0)
    recipients: tuple[str, ...] = ()
    down = ""

    def __init__(
        self,
        stream: TextIO,
        clock: Callable[[], datetime],
        *,
        colour: bool = False,
        width: int = 100,
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._colour = colour
        self._width = width

    def wait_s(self, *, edit: bool = False, answered: bool = False) -> float:
        """Wait for nothing."""
        return 0.0

    def send(
        self, notification: Notification, root: Receipt | None = None, *, again: int = 0
    ) -> Receipt:
        """Write a message."""
        self._write(notification.message)
        return Receipt(notification.receiver, notification.key, self._clock())

    def find(
        self, notification: Notification, since: datetime, root: Receipt | None = None
    ) -> Receipt | None:
        """Find nothing: what scrolled by cannot be looked up."""
        return None

    def update(self, receipt: Receipt, notification: Notification) -> Receipt:
        """Write the message as it is now."""
        self._write(notification.message)
        return Receipt(receipt.receiver, receipt.reference, self._clock())

    def rest(self) -> None:
        """Hold nothing."""

    def _write(self, message: Message) -> None:
        text = render_text(message, colour=self._colour, width=self._width)
        # A terminal in the C locale cannot show every name; it must not cost the message.
        encoding = self._stream.encoding or "utf-8"
        shown = text.encode(encoding, errors="replace").decode(encoding)
        try:
            self._stream.write(f"{shown}\n\n")
            self._stream.flush()
        except OSError as error:
            raise ChannelError(f"the terminal cannot be written: {error}") from error


class FileChannel:
    """Appends messages to a file, each below a line that says when it was written, and its key.

    A blank line comes last, so a message without one was torn by a crash and is written again;
    every other line of a message starts with a space or a bracket.
    """

    settles = timedelta(0)
    recipients: tuple[str, ...] = ()
    down = ""

    def __init__(self, path: Path, clock: Callable[[], datetime]) -> None:
        self._path = path
        self._clock = clock

    def wait_s(self, *, edit: bool = False, answered: bool = False) -> float:
        """Wait for nothing."""
        return 0.0

    def send(
        self, notification: Notification, root: Receipt | None = None, *, again: int = 0
    ) -> Receipt:
        """Append a message under its key, on disk before it counts as sent."""
        return self._append(notification.message, notification.receiver, notification.key)

    def find(
        self, notification: Notification, since: datetime, root: Receipt | None = None
    ) -> Receipt | None:
        """Look for the key among what was written to its end."""
        key = notification.key
        header = re.compile(rf"{_BEGINS}(\S+) {re.escape(json.dumps(key))} to (.+)\n")
        try:
            with self._path.open(encoding="utf-8", errors="replace") as lines:
                found = next(filter(None, map(header.fullmatch, _headers(lines))), None)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ChannelError(f"{self._path} cannot be read: {error}") from error
        return found and Receipt(json.loads(found[2]), key, datetime.fromisoformat(found[1]))

    def update(self, receipt: Receipt, notification: Notification) -> Receipt:
        """Append the message as it is now: what a file holds is not rewritten."""
        return self._append(notification.message, receipt.receiver, receipt.reference)

    def rest(self) -> None:
        """Hold nothing."""

    def _append(self, message: Message, receiver: str, key: str) -> Receipt:
        receipt = Receipt(receiver, key, self._clock().replace(microsecond=0))
        text = f"{_header(receipt)}\n{render_text(message, colour=False)}\n{_ENDS}"
        try:
            _append_whole(self._path, text.encode("utf-8", errors="replace"))
        except OSError as error:
            raise ChannelError(f"{self._path} cannot be written: {error}") from error
        return receipt


def _append_whole(path: Path, text: bytes) -> None:
    """Append and wait for the disk; a line torn by a crash before is closed first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            text = text if file.read(1) == b"\n" else b"\n" + text
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _header(receipt: Receipt) -> str:
    key, receiver = json.dumps(receipt.reference), json.dumps(receipt.receiver)
    return f"{_BEGINS}{receipt.sent_at:%Y-%m-%dT%H:%M:%SZ} {key} to {receiver}"


def _headers(lines: Iterable[str]) -> Iterator[str]:
    """Pick the first lines of the messages that are there to their end."""
    header = ""
    for line in lines:
        if line.startswith(_BEGINS):
            header = line
        elif line == _ENDS:
            yield header
