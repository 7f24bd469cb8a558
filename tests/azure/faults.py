"""What goes wrong on purpose with the next queries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.local_serving import ControlError

KINDS = ("answer", "partial", "hang", "delay", "reset", "cut", "stall", "trickle")
"""What happens to the query:

answer    status, body and headers as given
partial   the first ``rows`` rows, and an error beside them
hang      no answer
delay     the answer after ``seconds``
reset     the connection is lost before the answer
cut       the same in its middle
stall     nothing more after half of it
trickle   a byte every ``seconds``
"""


@dataclass
class Fault:
    """One thing that goes wrong with the next queries that match."""

    kind: str = "answer"
    count: int = 1
    skip: int = 0
    """So many matching queries go well before."""
    match: str = ""
    """The query must contain this text."""
    place: str = ""
    """The address of what is asked must contain this text."""
    status: int = 200
    body: Any = ""
    """A text is sent as it is, everything else as JSON."""
    headers: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    seconds: float = 0.01
    longer_than_s: float = 0.0
    """Only queries for a longer span of time."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ControlError(f"no such fault: {self.kind}; one of {', '.join(KINDS)}")


class Faults:
    """Everything that is to go wrong."""

    def __init__(self) -> None:
        self._scripted: list[Fault] = []

    def script(self, **fault: Any) -> None:
        """Let something go wrong."""
        self._scripted.append(Fault(**fault))

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self._scripted.clear()

    def draw(self, place: str, query: str, span_s: float) -> Fault | None:
        """What goes wrong with this query, if anything does."""
        for fault in self._scripted:
            hit = fault.match in query and fault.place in place and span_s > fault.longer_than_s
            if not hit or not fault.count:
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.count -= 1
            return fault
        return None
