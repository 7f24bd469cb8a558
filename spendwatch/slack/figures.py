"""What a tenant spent so far, for one line: its newest settled day, and the month to date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from alerts.numbers import count, day_list, full_day, money
from detector import ledger
from detector.history import consecutive_days

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

    from sqlmodel import Session

    from detector.ledger import Spend
    from spendwatch.app import App


@dataclass(frozen=True, slots=True)
class Figures:
    """What one tenant spent.

    Attributes
    ----------
    day : date
        The newest settled day.
    day_micro_usd, month_micro_usd : int
        Of the day, and of its month so far; lower bounds where something is not known.
    day_complete, day_priced : bool
        Whether the day was pulled wholly, and whether all of its use has a price.
    begins_on : date or None
        The first day of the month that anything is known of; None where nothing is.
    unknown_days : int
        Days since then that are not known wholly.
    """

    day: date
    day_micro_usd: int
    day_complete: bool
    day_priced: bool
    month_micro_usd: int
    begins_on: date | None
    unknown_days: int

    @property
    def words(self) -> str:
        """Say both; what is not known is never $0."""
        return f"{full_day(self.day)} {self._day()}; {self._month()}"

    def _day(self) -> str:
        if self.day_complete and self.day_priced:
            return money(self.day_micro_usd)
        return f"at least {money(self.day_micro_usd)}" if self.day_micro_usd else "not known"

    def _month(self) -> str:
        if self.begins_on is None:
            return "nothing known of the month so far"
        least = "at least " if self.unknown_days else ""
        missing = f", {count(self.unknown_days, 'day')} not known wholly"
        span = day_list(consecutive_days(self.begins_on, self.day))
        spent = f"month to date {least}{money(self.month_micro_usd)} ({span}"
        return f"{spent}{missing if self.unknown_days else ''})"


def figures_of(app: App, session: Session, tenants: Collection[str]) -> Mapping[str, Figures]:
    """Return what tenants spent so far; nothing of others is read."""
    day = app.last_settled_day()
    spend = ledger.spend(
        session,
        (day.replace(day=1), day),
        canonical=app.directory.canonical,
        tenants=tenants,
        sources=app.source_names,
        stored_as=app.directory.stored_as(tenants),
    )
    return {tenant: _figures(spend, tenant) for tenant in tenants}


def _figures(spend: Spend, tenant: str) -> Figures:
    nothing = np.zeros(len(spend.days), dtype=np.int64)
    amounts = spend.by_feature.get((tenant, ""), nothing)
    unpriced = spend.unknown.get((tenant, ""), nothing.astype(np.bool_))
    known = spend.complete | (amounts > 0) | unpriced
    begun = int(np.argmax(known))
    unknown = (~spend.complete | unpriced)[begun:]
    return Figures(
        day=spend.days[-1],
        day_micro_usd=int(amounts[-1]),
        day_complete=bool(spend.complete[-1]),
        day_priced=not unpriced[-1],
        month_micro_usd=int(amounts.sum()),
        begins_on=spend.days[begun] if known.any() else None,
        unknown_days=int(unknown.sum()),
    )
