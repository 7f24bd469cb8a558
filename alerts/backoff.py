"""When a message that did not go out is tried again, and when that is given up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

Spread = Callable[[float, float], float]
"""Picks a number between two; ``random.uniform`` in service, so that not all come back at once."""

FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 900.0
GIVE_UP_AFTER = timedelta(hours=24)

_DOUBLINGS = 16
"""More would change nothing: the longest wait is long reached, and a float has an end."""


def next_try(
    now: datetime,
    since: datetime,
    attempts: int,
    spread: Spread,
    retry_after_s: float | None = None,
) -> datetime | None:
    """Return when a message that failed just now is due again.

    Parameters
    ----------
    now : datetime
        When it failed, UTC-aware.
    since : datetime
        When its 24 hours began: with the first try, or the first since a person asked for it.
    attempts : int
        How often it was tried so far, at least 1.
    spread : callable
        Picks the wait between its two arguments, in seconds.
    retry_after_s : float or None
        How long the other side asks to wait; None where it did not.

    Returns
    -------
    datetime or None
        None where it would come later than 24 hours after ``since``: it is given up.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> now = datetime(2026, 11, 13, 6, 10, tzinfo=UTC)
    >>> next_try(now, now, 3, max).isoformat()
    '2026-11-13T06:10:16+00:00'
    >>> next_try(now, now, 1, max, retry_after_s=30).isoformat()
    '2026-11-13T06:10:30+00:00'
    >>> next_try(now, now - GIVE_UP_AFTER, 1, max) is None
    True
    """
    due_at = now + max(_backoff(attempts, spread), asked_wait(retry_after_s))
    return due_at if due_at <= since + GIVE_UP_AFTER else None


def asked_wait(retry_after_s: float | None) -> timedelta:
    """Return how long the other side may have us wait.

    Parameters
    ----------
    retry_after_s : float or None
        As it asked; None or less than nothing is no wait, what is no number the longest.

    Examples
    --------
    >>> asked_wait(30), asked_wait(86_400), asked_wait(None)
    (datetime.timedelta(seconds=30), datetime.timedelta(seconds=900), datetime.timedelta(0))
    """
    # In this order a NaN, which is less than nothing else, becomes the longest wait.
    return timedelta(seconds=max(0.0, min(LONGEST_WAIT_S, retry_after_s or 0.0)))


def _backoff(attempts: int, spread: Spread) -> timedelta:
    """Wait anything up to a bound that doubles with every attempt ("full jitter")."""
    bound_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(attempts, _DOUBLINGS))
    return timedelta(seconds=spread(0.0, bound_s))
