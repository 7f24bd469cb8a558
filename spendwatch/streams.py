"""Standard output and error of a service that goes on where nobody reads them any more.

A closed terminal, a full log volume: a log line is lost then, a message is not sent, and nothing
else happens.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from io import TextIOBase
from typing import TextIO, cast

_OUTPUT, _ERROR = 1, 2


class AtOnce(TextIOBase):
    """Writes to a descriptor without a buffer: what failed does not come out later, twice."""

    def __init__(self, descriptor: int, encoding: str = "utf-8") -> None:
        self._descriptor, self._encoding = descriptor, encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]  # the base class has an attribute
        """How text becomes bytes."""
        return self._encoding

    def write(self, text: str) -> int:
        """Write all of a text, or raise OSError."""
        left = text.encode(self._encoding, errors="replace")
        while left:
            left = left[os.write(self._descriptor, left) :]
        return len(text)

    def isatty(self) -> bool:
        """Whether a person looks at it."""
        return os.isatty(self._descriptor)


class Forgiving(TextIOBase):
    """Writes to a stream as long as it takes it; what it does not take is lost."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, if that can be."""
        with suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what waits, if that can be."""
        try:
            if self._stream is not None:
                self._stream.flush()
        except (OSError, ValueError):
            pass

    def isatty(self) -> bool:
        """Whether a person looks at it."""
        return self._stream is not None and self._stream.isatty()


def standard_output() -> TextIO:
    """Return the standard output without its buffer."""
    encoding = sys.stdout.encoding if sys.stdout else "utf-8"
    return cast("TextIO", AtOnce(_OUTPUT, encoding))


def reserve() -> None:
    """Keep the numbers of closed standard streams from a database: a stray line would ruin it.

    What is opened in their place can only be read: writing there still fails, as it should.
    """
    number = os.open(os.devnull, os.O_RDONLY)
    while number <= _ERROR:
        number = os.open(os.devnull, os.O_RDONLY)
    os.close(number)


def unburden() -> None:
    """Give up what nobody takes, so that the exit code says how the work went and not that."""
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue  # closed before we were started
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
