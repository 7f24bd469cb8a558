"""Whether everything that should move still moves.

Time in which the whole process stood still (stopped, suspended, starved) counts for little, so that
nobody is found dead who has not had a turn yet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PATIENCE_S = 60.0
"""What has not moved for so long is dead, or blocked."""
LOOKS = 12
"""How often it is looked in that time."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One thing that should move.

    Attributes
    ----------
    words : str
        What people call it.
    pulse : callable
        Returns a number that changes whenever it moves; None while it is at work, however long.
    every_s : float
        How often it moves by itself.
    """

    words: str
    pulse: Callable[[], int | None]
    every_s: float


@dataclass(slots=True)
class Watchdog:
    """Remembers when each thing moved last, in time that was really given to it."""

    watched: Sequence[Watched]
    steady: Callable[[], float]
    patience_s: float = PATIENCE_S
    _still_s: dict[str, float] = field(default_factory=dict)
    _pulses: dict[str, int | None] = field(default_factory=dict)
    _looked_s: float | None = None

    @property
    def look_every_s(self) -> float:
        """How often to look."""
        return self.patience_s / LOOKS

    def look(self) -> str:
        """Say what has not moved for too long; empty where everything has."""
        now_s = self.steady()
        passed_s = 0.0 if self._looked_s is None else now_s - self._looked_s
        self._looked_s = now_s
        stuck = [self._stuck(each, min(passed_s, 2 * self.look_every_s)) for each in self.watched]
        return "; ".join(filter(None, stuck))

    def _stuck(self, each: Watched, passed_s: float) -> str:
        pulse = each.pulse()
        moved = pulse is None or pulse != self._pulses.get(each.words)
        self._pulses[each.words] = pulse
        still_s = 0.0 if moved else self._still_s[each.words] + passed_s
        self._still_s[each.words] = still_s
        late = still_s >= each.every_s + self.patience_s
        return f"{each.words} has not moved for {still_s:.0f} s" if late else ""
