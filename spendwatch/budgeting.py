"""Budgets of the settings against the spend of the ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import insert, select

from detector import ledger
from detector.budget import evaluate_budget, period_bounds
from detector.forecast import WINDOW_DAYS
from detector.price_table import PriceError
from detector.pricing import exchange_rate
from detector.tables import BUDGET_CAP
from spendwatch import conversion

if TYPE_CHECKING:
    from datetime import date

    from sqlmodel import Session

    from detector.budget import Budget
    from detector.model import BudgetState
    from spendwatch.app import App


def budget_states(
    app: App, session: Session, day: date, tenant: str = ""
) -> tuple[BudgetState, ...]:
    """Say where every budget, or one tenant's, stands at the end of the day.

    In the reporting currency.
    """
    budgets = budgets_on(app, day, tenant)
    if not budgets:
        return ()
    learns_from = day - timedelta(days=WINDOW_DAYS - 1)
    spend = ledger.spend(
        session,
        (min(learns_from, *(_period_start(budget, day) for budget in budgets)), day),
        canonical=app.directory.canonical,
        tenants={budget.tenant for budget in budgets},
        sources=app.source_names,
        stored_as=app.directory.stored_as((tenant,)) if tenant else (),
    )
    states = (_state(budget, day, spend) for budget in budgets)
    return tuple(state for state in states if state is not None)


def budgets_on(app: App, day: date, tenant: str = "") -> tuple[Budget, ...]:
    """Return every budget, or one tenant's, with its cap in the reporting currency.

    At the rate of its period.
    """
    found = []
    for budget, currency in conversion.budgets(app.settings):
        if tenant not in ("", budget.tenant):
            continue
        starts_on = _period_start(budget, day)
        rate = exchange_rate(app.prices, currency, starts_on)
        if rate is None:
            raise PriceError(
                [
                    f"budget of {budget.tenant} in {currency}: no exchange rate is in force on "
                    f"{starts_on}; add one to prices.exchange_rates with an earlier effective_from"
                ]
            )
        cap = budget.cap_micro_usd
        found.append(budget if cap is None else replace(budget, cap_micro_usd=round(cap * rate)))
    return tuple(found)


def note_caps(app: App, session: Session) -> None:
    """Keep every cap that ever was in force, and since when it was seen."""
    table = BUDGET_CAP.c
    newest = {
        (row.tenant, row.feature, row.period): row.cap_micro_usd
        for row in session.connection().execute(select(BUDGET_CAP).order_by(table.seen_at))
    }
    rows = [
        {
            "tenant": budget.tenant,
            "feature": budget.feature,
            "period": budget.period.value,
            "seen_at": app.clock(),
            "cap_micro_usd": budget.cap_micro_usd,
        }
        for budget, _ in conversion.budgets(app.settings)
        if newest.get((budget.tenant, budget.feature, budget.period.value), "none seen")
        != budget.cap_micro_usd
    ]
    if rows:
        session.connection().execute(insert(BUDGET_CAP), rows)


def _period_start(budget: Budget, day: date) -> date:
    starts_on, _ = period_bounds(
        budget.period,
        day,
        fiscal_start_day=budget.fiscal_start_day,
        fiscal_start_month=budget.fiscal_start_month,
    )
    return starts_on


def _state(budget: Budget, day: date, spend: ledger.Spend) -> BudgetState | None:
    """Evaluate one budget on the days anything is known of."""
    key = (budget.tenant, budget.feature)
    begun = int(np.argmax(spend.complete)) if spend.complete.any() else 0
    nothing = np.zeros(len(spend.days), dtype=np.int64)
    amounts = spend.by_feature.get(key, nothing)[begun:]
    unknown = spend.unknown.get(key, nothing.astype(np.bool_))[begun:]
    days = spend.days[begun:]
    inside = np.array([other >= _period_start(budget, day) for other in days], dtype=np.bool_)
    return evaluate_budget(
        budget,
        day,
        days,
        amounts,
        spend.complete[begun:] & ~unknown,
        unknown_cost=bool((unknown & inside).any()),
    )
