"""What goes wrong on purpose: scripted faults and, with a seed, random ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.slack.errors import ControlError
from tests.slack.state import JSON

COMMITS = {"truncated", "empty", "html", "no_ts", "other_channel", "delay"}
"""Where the call takes effect unless the test says otherwise."""
KINDS = COMMITS | {"drop", "reset", "ratelimited", "status", "gateway", "error"}
BY_CHANCE = ("drop", "reset", "delay", "ratelimited", "status", "gateway", "truncated", "empty")
"""What the random mode draws from unless it is told otherwise."""


@dataclass
class Fault:
    """One thing that goes wrong with the next calls that match."""

    kind: str
    method: str = "*"
    count: int = 1
    skip: int = 0
    """So many matching calls go well before."""
    match: JSON = field(default_factory=dict)
    """Arguments that must contain these texts."""
    commit: bool | None = None
    """Whether the call takes effect first; None: as is usual for the kind."""
    seconds: float = 0.0
    retry_after: str | None = "30"
    """The header of a 429, sent as it is; None: no header."""
    status: int = 500
    error: str = "internal_error"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ControlError(f"no such fault: {self.kind}; one of {sorted(KINDS)}")

    @property
    def commits(self) -> bool:
        """Whether the call takes effect."""
        return self.kind in COMMITS if self.commit is None else self.commit

    def hits(self, method: str, arguments: JSON) -> bool:
        """Whether a call is one of those meant."""
        if self.method not in ("*", method):
            return False
        return all(str(text) in str(arguments.get(name)) for name, text in self.match.items())


@dataclass
class RandomFaults:
    """Faults by chance; the same seed makes the same ones for the same calls."""

    seed: int
    probability: float
    kinds: list[str] = field(default_factory=lambda: list(BY_CHANCE))
    methods: list[str] = field(default_factory=list)
    """None named: all of them."""
    max_delay_s: float = 1.0
    retry_after: str = "1"

    def __post_init__(self) -> None:
        self._random = Random(self.seed)  # noqa: S311 - no secret is made of it

    def draw(self, method: str) -> Fault | None:
        """Perhaps something goes wrong with this call."""
        if self.methods and method not in self.methods:
            return None
        if self._random.random() >= self.probability:
            return None
        kind = self._random.choice(sorted(self.kinds))
        commit = None if kind in ("ratelimited", "error") else self._random.random() < 0.5
        seconds = self._random.uniform(0, self.max_delay_s) if kind == "delay" else 0.0
        return Fault(kind, commit=commit, seconds=seconds, retry_after=self.retry_after)


class Faults:
    """Everything that is to go wrong."""

    def __init__(self) -> None:
        self.scripted: list[Fault] = []
        self.random: RandomFaults | None = None

    def script(self, **fault: Any) -> None:
        """Let something go wrong."""
        self.scripted.append(Fault(**fault))

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self.scripted.clear()
        self.random = None

    def draw(self, method: str, arguments: JSON) -> Fault | None:
        """What goes wrong with this call, if anything does."""
        for fault in self.scripted:
            if not fault.hits(method, arguments) or not fault.count:
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.count -= 1
            return fault
        return self.random.draw(method) if self.random else None
