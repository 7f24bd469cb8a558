"""What a pull brought, in numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from detector.recording import Recorded


@dataclass(slots=True)
class PullReport:
    """What one pull brought: counted while it runs, printed and stored at its end."""

    source: str
    days: set[date] = field(default_factory=set)
    rows: int = 0
    rejected: int = 0
    kept: int = 0
    first_rejection: str = ""
    added: int = 0
    revised: int = 0
    zeroed: int = 0
    unpriced_models: set[str] = field(default_factory=set)
    late_days: frozenset[date] = frozenset()
    remarks: tuple[str, ...] = ()

    def count(self, recorded: Recorded) -> None:
        """Add what one slice changed."""
        self.added += recorded.added
        self.revised += recorded.revised
        self.zeroed += recorded.zeroed
