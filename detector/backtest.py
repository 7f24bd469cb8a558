"""Detect, replayed over past days: the very code that judges today, one day after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from detector.detect import detect
from detector.history import History
from detector.model import Judgement
from detector.rules import RuleBook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

Judge = Callable[[History, RuleBook], Judgement]
"""Judges the last day of a history."""


def replay(
    history: History, book: RuleBook, *, first: date, last: date, judge: Judge = detect
) -> Iterator[Judgement]:
    """Judge each day from ``first`` to ``last`` as it would have been judged then.

    Parameters
    ----------
    history : History
        All days there are; a judgement sees its own window of them and nothing later.
    book : RuleBook
    first, last : date
        Both included; days outside the history are not judged.
    judge : callable
        By default :func:`detector.detect.detect`, which then knows nothing besides the history.

    Yields
    ------
    Judgement
        One per day, oldest first.
    """
    for column, day in enumerate(history.days):
        if first <= day <= last:
            yield judge(history.window(column, book.history_days + 1), book)
