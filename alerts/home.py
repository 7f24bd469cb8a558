"""What a person sees on the home page: what waits for them, and how their tenants stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from alerts.model import AlertState


@dataclass(frozen=True, slots=True)
class AlertEntry:
    """An alert in a list.

    Attributes
    ----------
    title : str
        As its message has it.
    tone : str
        As its message has it.
    """

    number: int
    title: str
    tone: str
    state: AlertState


@dataclass(frozen=True, slots=True)
class BudgetEntry:
    """How far one budget is spent.

    Attributes
    ----------
    name : str
        The tenant's, with the feature where the budget is of one.
    spent_share : float or None
        Spent by cap; None where the cap is zero, or the spend is not known.
    words : str
        The same in one line, see :func:`alerts.phrases.pace`.
    """

    name: str
    spent_share: float | None
    words: str


@dataclass(frozen=True, slots=True)
class HomePage:
    """The home page of one person; everything on it is theirs.

    Attributes
    ----------
    alerts : tuple of AlertEntry
        Those that last, first those that wait for an answer.
    budgets : tuple of BudgetEntry
        Of their tenants, the fullest first.
    silences, plans : tuple of str
        Silences in force and planned events, each in one line.
    health : str
        Whether the service sees everything, in one line.
    drawn_at : datetime
        UTC-aware.
    """

    alerts: tuple[AlertEntry, ...]
    budgets: tuple[BudgetEntry, ...]
    silences: tuple[str, ...]
    plans: tuple[str, ...]
    health: str
    drawn_at: datetime
