"""Messages written to a terminal or appended to a file."""

from __future__ import annotations

import json
import os
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

from alerts.channels.base import ChannelError
from alerts.model import Receipt
from alerts.render.text import render_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from alerts.model import Message, Notification

_SENT = "sent "


class ConsoleChannel:
    """Writes messages to a terminal, which remembers nothing: ``find`` never finds."""

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

    def send(self, notification: Notification) -> Receipt:
        """Write a message."""
        self._write(notification.message)
        return Receipt(notification.receiver, notification.key, self._clock())

    def find(self, key: str) -> Receipt | None:
        """Find nothing: what scrolled by cannot be looked up."""
        return None

    def update(self, receipt: Receipt, message: Message) -> Receipt:
        """Write the message as it is now."""
        self._write(message)
        return Receipt(receipt.receiver, receipt.reference, self._clock())

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
    """Appends messages to a file; each ends with a line that holds its key.

    The key comes last, so a message without its key line was torn by a crash and is written
    again; every other line of a message starts with a space or a bracket.
    """

    def __init__(self, path: Path, clock: Callable[[], datetime]) -> None:
        self._path = path
        self._clock = clock

    def send(self, notification: Notification) -> Receipt:
        """Append a message and its key, on disk before it counts as sent."""
        return self._append(notification.message, notification.receiver, notification.key)

    def find(self, key: str) -> Receipt | None:
        """Look for the key among those written."""
        begins = f"{_SENT}[{json.dumps(key)}, "
        try:
            with self._path.open(encoding="utf-8", errors="replace") as lines:
                # A key line without its line break was torn by a crash, as was its message.
                whole = (line for line in lines if line.startswith(begins) and line.endswith("]\n"))
                return _receipt(next(whole, ""))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ChannelError(f"{self._path} cannot be read: {error}") from error

    def update(self, receipt: Receipt, message: Message) -> Receipt:
        """Append the message as it is now: what a file holds is not rewritten."""
        return self._append(message, receipt.receiver, receipt.reference)

    def _append(self, message: Message, receiver: str, key: str) -> Receipt:
        receipt = Receipt(receiver, key, self._clock())
        text = f"{render_text(message, colour=False)}\n{_key_line(receipt)}\n"
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


def _key_line(receipt: Receipt) -> str:
    fields = (receipt.reference, receipt.receiver, receipt.sent_at.isoformat())
    return f"{_SENT}{json.dumps(fields)}"


def _receipt(line: str) -> Receipt | None:
    if not line:
        return None
    key, receiver, sent_at = json.loads(line.removeprefix(_SENT))
    return Receipt(receiver, key, datetime.fromisoformat(sent_at))
