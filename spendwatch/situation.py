"""What is known around a judgement when it is told: names, receivers, silences, plans, the hour."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from alerts import announcements
from alerts.policy import Situation
from alerts.taken import Telling
from detector import ledger
from detector.tables import JUDGED_DAY
from spendwatch import conversion
from spendwatch.settings_slack import SlackReceiver

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from sqlmodel import Session

    from alerts.holds import PlannedEvent, Silence
    from spendwatch.app import App


def telling(app: App, session: Session) -> Telling:
    """Gather what a telling needs, as of now."""
    return Telling(
        names=display_names(app, session),
        routes=app.directory.routes,
        rules=conversion.alert_rules(app.settings),
        situation=situation(app, session),
        group_above=app.settings.alerts.group_above,
        owners=app.directory.owners,
        budgets=frozenset(
            (budget.tenant, budget.feature, budget.period.value)
            for budget, _ in conversion.budgets(app.settings)
            if budget.cap_micro_usd is not None
        ),
        seconds=conversion.seconds(app.settings),
        reachable=frozenset(receiver.name for receiver in app.settings.receivers),
        threaded=frozenset(
            receiver.name
            for receiver in app.settings.receivers
            if isinstance(receiver, SlackReceiver)
        ),
    )


def situation(app: App, session: Session) -> Situation:
    """Gather what holds news back now."""
    now = app.clock()
    return Situation(
        now=now,
        silences=silences(app, session, in_force_at=now),
        plans=planned_events(app, session),
        quiet_hours=conversion.quiet_hours(app.settings),
        learning_until=learning_until(app, session),
    )


def silences(
    app: App, session: Session, *, in_force_at: datetime | None = None
) -> tuple[Silence, ...]:
    """Return the silences of the settings, then the announced ones, for tenants as named now."""
    canonical = app.directory.canonical
    found = (
        *conversion.silences(app.settings),
        *announcements.list_silences(session, in_force_at=in_force_at),
    )
    # A pattern is no alias, whatever it looks like.
    return tuple(
        each if "*" in each.tenant else replace(each, tenant=canonical(each.tenant))
        for each in found
        if in_force_at is None or each.holds(in_force_at)
    )


def planned_events(app: App, session: Session) -> tuple[PlannedEvent, ...]:
    """Return the planned events of the settings, then the announced ones, past ones included."""
    canonical = app.directory.canonical
    found = (
        *conversion.planned_events(app.settings),
        *announcements.list_planned_events(session),
    )
    return tuple(replace(each, tenant=canonical(each.tenant)) for each in found)


def learning_until(app: App, session: Session) -> date | None:
    """Return the first day whose spikes and drops are told at once; None where all are."""
    days = app.settings.alerts.learning_days
    if not days:
        return None
    first: date | None = (
        session.connection()
        .execute(select(func.min(JUDGED_DAY.c.day)).where(JUDGED_DAY.c.silently.is_(False)))
        .scalar()
    )
    # Before anything was judged, the day that now is will be the first.
    return (first or app.last_settled_day()) + timedelta(days=days)


def tenant_costs(
    app: App, session: Session, days: Sequence[date]
) -> tuple[Mapping[str, int], frozenset[str]]:
    """Return what days (ascending, without a gap) cost by tenant, and whose cost is partly unknown.

    The cost is in micro-dollars; of those whose cost is partly unknown it is a lower bound.
    """
    spent: dict[str, int] = {}
    unpriced = set()
    canonical = app.directory.canonical
    for columns in ledger.costs_by_tenant(session, days[0], days[-1]) if days else ():
        for stored, cost, tokens in zip(*columns, strict=True):
            tenant = canonical(stored)
            spent[tenant] = spent.get(tenant, 0) + int(cost)
            if tokens:
                unpriced.add(tenant)
    return spent, frozenset(unpriced)


def display_names(app: App, session: Session) -> Mapping[str, str]:
    """Return how tenants are called: as configured or mapped, else as first spelt."""
    return ledger.display_names(session) | app.directory.all_names
