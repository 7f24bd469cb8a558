"""Days as windows to ask for: a set of days is asked for in as few stretches as it has."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from detector.sources.base import Window

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date


def windows_of(days: Iterable[date], longest: int | None = None) -> tuple[Window, ...]:
    """Return the windows that hold these days and no other, oldest first.

    Parameters
    ----------
    days : iterable of date
        In any order.
    longest : int, optional
        No window holds more days than this.

    Returns
    -------
    tuple of Window
        Empty where there is no day.

    Examples
    --------
    >>> from datetime import date
    >>> [str(window.last_day) for window in windows_of([date(2026, 3, 1), date(2026, 2, 28)])]
    ['2026-03-01']
    """
    windows: list[Window] = []
    held = 0
    for day in sorted(set(days)):
        newest = windows[-1] if windows else None
        follows = newest is not None and newest.last_day == day - timedelta(days=1)
        if newest is not None and follows and held != longest:
            windows[-1] = Window(newest.first_day, day)
            held += 1
        else:
            windows.append(Window(day, day))
            held = 1
    return tuple(windows)
