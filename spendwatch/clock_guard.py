"""Whether the machine's clock can be believed: pure, from two clocks that should agree.

A wall clock can be set; the steady one (time since the machine was started, suspended time
included) cannot. Where they part, nothing is judged until the wall clock has proven itself: no day
is judged twice for a clock that went back, or half for one that jumped ahead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from alerts.numbers import count

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
        What the wall clock said when it was last believed, UTC-aware; at the start also what an
        earlier process believed last.
    steady_s : float
        The steady clock at that moment.
    doubted_s : float or None
        The steady clock when the wall clock began to be doubted; None where it is believed.
    doubt : str
        What is wrong with it; empty where it is believed.
    """

    wall: datetime
    steady_s: float
    doubted_s: float | None = None
    doubt: str = ""


def first_look(wall: datetime, steady_s: float, newest: datetime | None) -> ClockState:
    """Return the state at the start.

    Parameters
    ----------
    wall : datetime
        UTC-aware.
    steady_s : float
        Seconds.
    newest : datetime or None
        The latest moment that an earlier process believed; None where there was none.
    """
    return look(ClockState(max(wall, newest or wall), steady_s), wall, steady_s)


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
    doubt, proven_after_s = _doubt(state, wall, steady_s)
    since = steady_s if state.doubted_s is None else state.doubted_s
    if not doubt or steady_s - since >= proven_after_s:
        return ClockState(wall, steady_s)
    return replace(state, doubted_s=since, doubt=doubt)


def _doubt(state: ClockState, wall: datetime, steady_s: float) -> tuple[str, float]:
    """Say what is wrong with the wall clock, and how long it must run on to be believed."""
    if wall < EARLIEST:
        return f"the clock was never set: it says {wall:%Y-%m-%d}", float("inf")
    expected = state.wall + timedelta(seconds=steady_s - state.steady_s)
    if wall < expected - BACK_BY:
        return (
            f"the clock went back: it should be {_said(expected)} and is {_said(wall)}",
            PROVEN_BACK_AFTER_S,
        )
    if wall > expected + AHEAD_BY:
        ahead = _length(wall - expected)
        return f"the clock jumped ahead by {ahead}, to {_said(wall)}", PROVEN_AHEAD_AFTER_S
    return "", 0.0


def _said(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _length(span: timedelta) -> str:
    return count(span.days, "day") if span.days else count(span // timedelta(hours=1), "hour")
