"""Where a running day is heading: how much of a day a tenant has usually spent by then.

For people alone. Nothing is told of because of it: what a morning grows into is no fact yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

LEAST_DAYS = 7
"""Fewer past days than this, and no usual course is known."""
LEAST_SHARE = 0.05
"""So early that a day has usually hardly begun, nothing is said of its end."""
_QUANTILE = 0.75


class Course(NamedTuple):
    """What a running day will cost, in micro-dollars.

    Attributes
    ----------
    going_on : int
        If the rest of the day is to its usual as the part that is over.
    as_usual : int
        If the rest of the day is as usual.
    """

    going_on: int
    as_usual: int


def usual_share(days: Iterable[tuple[int, int]]) -> float | None:
    """Return which share of a day has usually been spent by an hour.

    Parameters
    ----------
    days : iterable of (int, int)
        Of past days: what was spent by that hour, and in all; days without any spend say nothing.

    Returns
    -------
    float or None
        The upper quartile, so that what is made of it is rather too little; None of fewer than
        seven days.

    Examples
    --------
    >>> usual_share([(25, 100)] * 7)
    0.25
    >>> usual_share([(25, 100)] * 6) is None
    True
    """
    shares = [by_then / whole for by_then, whole in days if whole > 0]
    return float(np.quantile(shares, _QUANTILE)) if len(shares) >= LEAST_DAYS else None


def project(so_far: int, usual: int, share: float | None) -> Course | None:
    """Return where a day is heading.

    Parameters
    ----------
    so_far, usual : int
        Micro-dollars: spent so far, and on a usual whole day.
    share : float or None
        Of :func:`usual_share`.

    Returns
    -------
    Course or None
        None where the share is not known, or is below 5 %.

    Examples
    --------
    >>> project(300, 100, 0.5)
    Course(going_on=600, as_usual=350)
    >>> project(300, 100, 0.01) is None
    True
    """
    if share is None or share < LEAST_SHARE:
        return None
    return Course(round(so_far / share), so_far + round(usual * (1 - share)))
