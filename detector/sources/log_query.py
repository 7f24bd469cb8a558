"""The port to a log store, and what is asked of it: a bound query and a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Statement:
    """A query whose parameters are bound, all but the window it is asked for.

    Attributes
    ----------
    name : str
        The file it stands in, as a message names it.
    text : str
        KQL; begins with ``let window_start = ...;`` and ``let window_end = ...;``.
    """

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A table; ``whole`` is False where the store says that rows may be missing, and ``why``.

    ``took_s`` is how long the store worked on it, 0 where nobody knows.
    """

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    whole: bool = True
    why: str = ""
    took_s: float = 0.0


class LogStore(Protocol):
    """Answers a statement for a half-open window of time."""

    @property
    def place(self) -> str:
        """What is asked, as a message names it: a workspace or a resource."""

    def ask(self, statement: Statement, begin: datetime, end: datetime) -> Answer:
        """Ask for rows from ``begin`` to before ``end`` (UTC-aware); raises SourceError."""
