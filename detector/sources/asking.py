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
MOST_ROWS = 200_000
"""Rows that one answer should hold at most, where its days can be parted: they lie in memory."""
MOST_S = 45.0
"""So long one answer should take at most: a quarter of what the service allows by default."""
MOST_DAYS = 31
GROWTH = 4
"""Of so many times the days of an answer the next one is believed to be as foreseen."""


class TooMuch(SourceError):  # noqa: N818 - it says what was wrong with the question
    """The window was too much for the store: too long to answer, or too large."""


class Pace:
    """How many days are asked for at once: as many as the answers so far suggest go well.

    The first day is asked for alone. From then on a piece may have as many days as should stay
    below ``most_rows`` and ``most_s``, but only ``GROWTH`` times those of a piece that was
    answered; days without any row tell nothing of those to come. What was too much is halved, and
    tried again day by day. A pace that is kept makes the next pull begin where this one ended.

    Examples
    --------
    >>> from detector.sources.log_query import Answer
    >>> pace = Pace(most_rows=10)
    >>> pace.days
    1
    >>> pace.learn(1.0, Answer((), [[7], [7]]))
    >>> pace.days
    4
    >>> pace.learn(1.0, Answer((), [[7]] * 8))
    >>> pace.days
    1
    """

    def __init__(self, most_rows: int = MOST_ROWS, most_s: float = MOST_S) -> None:
        self._most_rows, self._most_s = most_rows, most_s
        self._rows_a_day = self._s_a_day = 0.0
        self._bound = MOST_DAYS
        self._days = 1

    @property
    def days(self) -> int:
        """How many days the next piece may have."""
        return self._days

    def learn(self, days: float, answer: Answer) -> None:
        """Take note of a whole answer for so many days."""
        if answer.rows:
            self._rows_a_day = max(len(answer.rows) / days, self._rows_a_day / 2)
        self._s_a_day = max(answer.took_s / days, self._s_a_day / 2)
        if days >= self._bound:
            self._bound = min(self._bound + 1, MOST_DAYS)
        grown = max(self._days, GROWTH * max(1, int(days))) if self._rows_a_day else GROWTH
        by_rows = self._most_rows / max(self._rows_a_day, 1.0)
        by_time = self._most_s / max(self._s_a_day, 1.0)
        self._days = max(1, int(min(grown, self._bound, by_rows, by_time)))

    def shrink(self, days: float) -> None:
        """Take note that so many days were too much."""
        self._bound = max(1, int(days) // 2)
        self._days = min(self._days, self._bound)


def ask_whole(
    store: LogStore,
    statement: Statement,
    begin: datetime,
    end: datetime,
    smallest: timedelta,
    pace: Pace | None = None,
) -> Iterator[tuple[datetime, datetime, Answer]]:
    """Ask for a window piece by piece, each as large as the store answers whole.

    Parameters
    ----------
    store : LogStore
        Who is asked.
    statement : Statement
        What is asked.
    begin, end : datetime
        UTC-aware, half-open; pieces of more than a day end at midnight (UTC).
    smallest : timedelta
        The length of a slot: a piece is only ever parted between two slots, counted from midnight.
    pace : Pace or None
        How many days are asked for at once; None begins with one day.

    Yields
    ------
    tuple of (datetime, datetime, Answer)
        Begin and end of the piece and its answer, in order of time; together they are the window,
        without gap or overlap. A piece is asked for when the one before was taken. An answer that
        is partial for a single slot stays ``whole=False``.

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
    pace = pace or Pace()
    piece_begin, end = begin.astimezone(UTC), end.astimezone(UTC)
    while piece_begin < end:
        piece_end = min(end, midnight_before(piece_begin) + pace.days * DAY)
        piece = (piece_begin, piece_end)
        yield from _ask_piece(store, statement, piece, smallest, pace)
        piece_begin = piece_end


def _ask_piece(
    store: LogStore,
    statement: Statement,
    piece: tuple[datetime, datetime],
    smallest: timedelta,
    pace: Pace,
) -> Iterator[tuple[datetime, datetime, Answer]]:
    """Ask for a piece, and for its halves where the answer is not whole."""
    begin, end = piece
    middle = middle_of(begin, end, DAY if end - begin > DAY else smallest)
    days = (end - begin) / DAY
    try:
        answer = store.ask(statement, begin, end)
    except TooMuch:
        if middle is None:
            raise
    else:
        if answer.whole:
            pace.learn(days, answer)
        if answer.whole or middle is None:
            yield begin, end, answer
            return
        del answer  # what is not believed must not lie in memory beside what is
    pace.shrink(days)
    yield from _ask_piece(store, statement, (begin, middle), smallest, pace)
    yield from _ask_piece(store, statement, (middle, end), smallest, pace)


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
