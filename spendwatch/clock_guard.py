"""Whether the machine's clock can be believed: pure, from two clocks that should agree.

A wall clock can be set; the steady one (time since the machine was started, suspended time
included) cannot. Where they part, nothing is judged until the wall clock has proven itself: no day
is judged twice for a clock that went back, or half for one that jumped ahead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

BACK_BY = timedelta(seconds=60)
AHEAD_BY = timedelta(hours=1)
PROVEN_AHEAD_AFTER_S = 300.0
PROVEN_BACK_AFTER_S = 3_600.0
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""This program did not exist before: such a clock was never set."""


@dataclass(frozen=True, slots=True)
class ClockState:
    """What was seen of both clocks.

    Attributes
    ----------
    wall : datetime
        When it was last looked at, UTC-aware.
    steady_s : float
        The steady clock at that moment.
    newest : datetime
        The latest moment that was ever believed, also by a process before this one.
    doubted_s : float or None
        The steady clock when the wall clock began to be doubted; None where it is believed.
    doubt : str
        What is wrong with it; empty where it is believed.
    """

    wall: datetime
    steady_s: float
    newest: datetime
    doubted_s: float | None = None
    doubt: str = ""


def first_look(wall: datetime, steady_s: float, newest: datetime | None) -> ClockState:
    """Return the state at the start; ``newest`` is what an earlier process believed last.

    Parameters
    ----------
    wall : datetime
        UTC-aware.
    steady_s : float
        Seconds.
    newest : datetime or None
    """
    state = ClockState(wall, steady_s, newest or wall)
    return _doubted(state, wall, steady_s, timedelta())


def look(state: ClockState, wall: datetime, steady_s: float) -> ClockState:
    """Return the state after another look at both clocks.

    Parameters
    ----------
    state : ClockState
    wall : datetime
        UTC-aware.
    steady_s : float
        Seconds.

    Returns
    -------
    ClockState
        Doubted from a jump until the clock is right again, or has run on long enough to be
        believed: 5 minutes after a jump ahead, an hour after one back; before 2026 for ever.
    """
    drift = (wall - state.wall) - timedelta(seconds=steady_s - state.steady_s)
    return _doubted(state, wall, steady_s, drift)


def _doubted(state: ClockState, wall: datetime, steady_s: float, drift: timedelta) -> ClockState:
    seen = replace(state, wall=wall, steady_s=steady_s)
    doubt, proven_after_s = _doubt(state, wall, drift)
    if not doubt:
        return replace(seen, newest=max(state.newest, wall), doubted_s=None, doubt="")
    since = steady_s if state.doubted_s is None else state.doubted_s
    if steady_s - since >= proven_after_s:
        return replace(seen, newest=wall, doubted_s=None, doubt="")
    return replace(seen, doubted_s=since, doubt=doubt)


def _doubt(state: ClockState, wall: datetime, drift: timedelta) -> tuple[str, float]:
    """Say what is wrong with the wall clock, and how long it must run on to be believed."""
    if wall < EARLIEST:
        return f"the clock was never set: it says {wall:%Y-%m-%d}", float("inf")
    if wall < state.newest - BACK_BY:
        return (
            f"the clock went back: it was {_said(state.newest)} and is {_said(wall)}",
            PROVEN_BACK_AFTER_S,
        )
    if drift > AHEAD_BY:
        return f"the clock jumped ahead by {_length(drift)}, to {_said(wall)}", PROVEN_AHEAD_AFTER_S
    if state.doubt and state.doubted_s is not None and wall > state.newest + AHEAD_BY:
        return state.doubt, PROVEN_AHEAD_AFTER_S
    return "", 0.0


def _said(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _length(span: timedelta) -> str:
    return f"{span.days} days" if span.days > 1 else f"{span // timedelta(minutes=1)} minutes"
