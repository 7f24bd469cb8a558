"""Pure: a window of days asked in pieces that a log store answers whole.

Errors
------
TooMuch
    The window asked for was more than the store could answer; a part of it may do.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from detector.sources.base import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from detector.sources.log_query import Answer, LogStore, Statement

DAY = timedelta(days=1)


class TooMuch(SourceError):  # noqa: N818 - it says what was wrong with the question
    """The window was too much for the store: too long to answer, or too large."""


def ask_whole(
    store: LogStore, statement: Statement, begin: datetime, end: datetime, smallest: timedelta
) -> Iterator[tuple[datetime, datetime, Answer]]:
    """Ask for a window piece by piece, each as large as the store answers whole.

    Parameters
    ----------
    store : LogStore
        Who is asked.
    statement : Statement
        What is asked.
    begin, end : datetime
        UTC-aware, half-open; pieces end at midnight (UTC) at the latest.
    smallest : timedelta
        The length of a slot: a piece is only ever parted between two slots, counted from midnight.

    Yields
    ------
    tuple of (datetime, datetime, Answer)
        Begin and end of the piece and its answer, in order of time; together they are the window,
        without gap or overlap. An answer that is partial for a single slot stays ``whole=False``.

    Raises
    ------
    SourceError
        What the store raises; TooMuch only for a piece of a single slot.
    ValueError
        For times without a zone, or a slot that is no length of time.
    """
    if begin.tzinfo is None or end.tzinfo is None:
        raise ValueError("a window begins and ends at times with a time zone")
    if smallest <= timedelta(0):
        raise ValueError(f"a slot has a length, and {smallest} is none")
    piece_begin, end = begin.astimezone(UTC), end.astimezone(UTC)
    while piece_begin < end:
        piece_end = min(end, midnight_before(piece_begin) + DAY)
        yield from _ask_piece(store, statement, piece_begin, piece_end, smallest)
        piece_begin = piece_end


def _ask_piece(
    store: LogStore, statement: Statement, begin: datetime, end: datetime, smallest: timedelta
) -> Iterator[tuple[datetime, datetime, Answer]]:
    """Ask for a piece of one day, and for its halves where the answer is not whole."""
    middle = middle_of(begin, end, smallest)
    try:
        answer = store.ask(statement, begin, end)
    except TooMuch:
        if middle is None:
            raise
    else:
        if answer.whole or middle is None:
            yield begin, end, answer
            return
    yield from _ask_piece(store, statement, begin, middle, smallest)
    yield from _ask_piece(store, statement, middle, end, smallest)


def middle_of(begin: datetime, end: datetime, smallest: timedelta) -> datetime | None:
    """Return the boundary between two slots that is nearest before the middle of a piece.

    None where no boundary lies inside.

    Examples
    --------
    >>> hour = timedelta(hours=1)
    >>> day = datetime(2026, 11, 13, tzinfo=UTC)
    >>> middle_of(day, day + 24 * hour, hour).hour
    12
    >>> middle_of(day, day + 3 * hour, hour).hour
    1
    >>> middle_of(day, day + hour, hour) is None
    True
    """
    midnight = midnight_before(begin)
    middle = midnight + (begin + (end - begin) / 2 - midnight) // smallest * smallest
    if middle <= begin:
        middle = midnight + ((begin - midnight) // smallest + 1) * smallest
    return middle if middle < end else None


def midnight_before(at: datetime) -> datetime:
    """Return the beginning of the UTC day that a moment lies in."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
