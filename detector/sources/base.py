"""The port every source of usage implements, and the one error it may raise.

Errors
------
SourceError
    The source could not answer. ``retryable`` says whether asking again may help.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from detector.model import Rejection, Usage


class SourceError(Exception):
    """A source could not answer; only the adapter knows whether trying again can help."""

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


@dataclass(frozen=True, slots=True)
class Window:
    """Calendar days asked for, both ends included; None is open."""

    first_day: date | None = None
    last_day: date | None = None

    def holds(self, day: date) -> bool:
        """Whether ``day`` lies in the window."""
        after = self.first_day is None or day >= self.first_day
        return after and (self.last_day is None or day <= self.last_day)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a source knows of its own completeness for the window just streamed.

    Attributes
    ----------
    first_day, last_day : date or None
        The span the source answered for (inside the window asked); None where it held nothing.
    partial_days : frozenset of date
        Days inside the span that may still lack rows; every other day is whole, and a key
        without a row on a whole day used nothing.
    """

    first_day: date | None
    last_day: date | None
    partial_days: frozenset[date] = frozenset()


class UsageSource(Protocol):
    """Where usage comes from.

    Rows arrive ordered by ``start_at`` (so that one part of a day after the other can be
    committed in bounded memory); rows sharing a key within one answer are already summed.
    Rejections may stand anywhere in the stream.
    """

    @property
    def name(self) -> str:
        """The source's name in the settings; part of the ledger's key."""

    def usage(self, window: Window) -> Iterator[Usage | Rejection]:
        """Stream the usage of ``window``; raises SourceError."""

    def coverage(self) -> Coverage:
        """Say how complete the answer is; asked of days already streamed, and at the end."""
