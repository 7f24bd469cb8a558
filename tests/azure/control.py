"""What a test may do to the local Log Analytics, and read from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.azure.answering import CannedTables
from tests.local_serving import ControlError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.azure.state import Request, State


def configure(state: State, **changes: Any) -> None:
    """Change settings."""
    for name, value in changes.items():
        if not hasattr(state.settings, name):
            raise ControlError(f"no such setting: {name}")
        setattr(state.settings, name, value)


def put(state: State, **table: Any) -> None:
    """Put a table there."""
    if not isinstance(state.engine, CannedTables):
        raise ControlError("an engine runs the queries; nothing is put there")
    state.engine.put(**table)


def engine(state: State, *, call: str, arguments: dict[str, Any]) -> Any:
    """Call a method of the engine."""
    return getattr(state.engine, call)(**arguments)


def fault(state: State, **fault: Any) -> None:
    """Let something go wrong with the next queries that match."""
    state.faults.script(**fault)


def clear_faults(state: State) -> None:
    """Let nothing go wrong any more."""
    state.faults.clear()


def requests(state: State) -> list[Request]:
    """Read every query that came."""
    return state.requests


def on_their_way(state: State) -> int:
    """Count the queries that wait for their answer."""
    return state.on_their_way


def let_go(state: State) -> None:
    """Let whoever hangs or is delayed go on at once."""
    state.release()


CONTROLS: dict[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (configure, put, engine, fault, clear_faults, requests, on_their_way, let_go)
}
