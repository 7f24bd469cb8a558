"""How a day of the made-up company goes: what of it has come by an hour."""

from __future__ import annotations

BEGINS = 9.5
"""When whatever happens on a day begins, as an hour of it."""
_OPENS, _CLOSES, _AT_NIGHT = 7.0, 20.0, 0.25
"""Office hours, and the share of a day's use that knows none."""


def usual_share(hour: float) -> float:
    """Return which share of a usual day's use has come by an hour (0 to 24).

    Examples
    --------
    >>> usual_share(0), usual_share(24)
    (0.0, 1.0)
    >>> round(usual_share(13.5), 2)
    0.52
    """
    office = min(max((hour - _OPENS) / (_CLOSES - _OPENS), 0.0), 1.0)
    smooth = office * office * (3 - 2 * office)
    return _AT_NIGHT * hour / 24 + (1 - _AT_NIGHT) * smooth


def later_share(hour: float) -> float:
    """Return which share of what happens on a day has come by an hour: none before it begins.

    Never more than of the usual use, so that what it takes away is not missing beforehand.

    Examples
    --------
    >>> later_share(9), later_share(24)
    (0.0, 1.0)
    """
    begun = usual_share(BEGINS)
    return max(0.0, (usual_share(hour) - begun) / (1 - begun))
