"""What is answered to whoever only looks: the service, a tenant, the alerts that last."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from alerts.holds import fits
from alerts.lifecycle import state_at
from alerts.messages import alert_message
from alerts.model import Change
from alerts.names import safe_name
from alerts.numbers import count
from alerts.phrases import pace
from detector.price_table import PriceError
from spendwatch.announcement_words import plan_line, silence_line
from spendwatch.announcing import today_of
from spendwatch.budgeting import budget_states
from spendwatch.db import reading
from spendwatch.moments import end_words
from spendwatch.situation import display_names, planned_events, silences
from spendwatch.slack.figures import figures_of
from spendwatch.slack.pages import lasting
from spendwatch.standing import next_due_words, standing, work_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from sqlmodel import Session

    from alerts.holds import Silence
    from alerts.model import Alert
    from detector.model import BudgetState
    from spendwatch.slack.asking import Asker

MOST = 20
"""Lines of one kind; how many more there are is said."""


def status(asker: Asker, _rest: str) -> Iterator[str]:
    """Say how the service stands; to an owner, how their tenants do."""
    if not asker.sees_all:
        yield from _own_tenants(asker)
        return
    found, zone = standing(asker.app), asker.app.directory.default_zone
    yield found.words
    for label, words in work_lines(found, zone):
        yield f"{label}: {words}"
    yield f"next due: {next_due_words(found, zone)} (times in {zone.key})"


def tenant(asker: Asker, rest: str) -> Iterator[str]:
    """Say what a tenant spent, how its budgets stand, and what is told or held back."""
    with reading(asker.app.engine) as session:
        found = asker.find(session, rest.strip('"“”'))
        name = asker.names(session).get(found) or found
        called = safe_name(name) if name == found else f"{safe_name(name)} ({safe_name(found)})"
        yield f"{called}: {figures_of(asker.app, session, (found,))[found].words}"
        yield from _budgets(asker, session, found)
        yield from _alerts(asker, session, lambda tenant: tenant == found)
        yield from _silences(asker, session, found)
        yield from _plans(asker, session, found)


def alerts(asker: Asker, _rest: str) -> Iterator[str]:
    """List the alerts that last and are theirs."""
    with reading(asker.app.engine) as session:
        yield from _alerts(asker, session, asker.sees)


def some(lines: list[str], none: str) -> Iterator[str]:
    """Give the first lines and say how many more there are; ``none`` where there are none."""
    yield from lines[:MOST] or [none]
    if len(lines) > MOST:
        yield f"… and {len(lines) - MOST:,} more"


def _own_tenants(asker: Asker) -> Iterator[str]:
    with reading(asker.app.engine) as session:
        names, last = asker.names(session), lasting(session, asker.sees)
        figures = figures_of(asker.app, session, asker.owned)
    lines = []
    for each in sorted(asker.owned):
        many = sum(alert.tenant == each for alert in last)
        said = (
            f"{count(many, 'alert')} last{'s' if many == 1 else ''}" if many else "no alert lasts"
        )
        lines.append(f"{safe_name(names[each])}: {figures[each].words}; {said}")
    yield from some(lines, "no tenant is yours")


def _alerts(asker: Asker, session: Session, sees: Callable[[str], bool]) -> Iterator[str]:
    names, now = display_names(asker.app, session), asker.app.clock()
    lines = [
        f"A-{each.number} {alert_message(_as_of(each, now), Change.UNCHANGED, names).title}"
        for each in lasting(session, sees)
    ]
    yield from some(lines, "no alert lasts")


def _as_of(alert: Alert, now: datetime) -> Alert:
    """Return an alert as it is now: a snooze is over when its time is, whoever noted it."""
    return replace(alert, state=state_at(alert, now))


def _budgets(asker: Asker, session: Session, tenant: str) -> Iterator[str]:
    day = asker.app.last_settled_day()
    try:
        states = budget_states(asker.app, session, day, tenant)
    except PriceError as error:
        yield str(error)
        return
    yield from some([_budget(each) for each in states], "no budget")


def _budget(state: BudgetState) -> str:
    of = f" of {safe_name(state.feature)}" if state.feature else ""
    least = ", a lower bound" if state.unknown_cost else ""
    return f"{state.period} budget{of}: {pace(state)}{least}"


def _silences(asker: Asker, session: Session, tenant: str) -> Iterator[str]:
    """Name the silences in force; of one for many tenants an owner hears no more than its end."""
    in_force = silences(asker.app, session, in_force_at=asker.app.clock())
    yield from some(
        [_silence(asker, each) for each in in_force if fits(tenant, each.tenant)], "no silence"
    )


def _silence(asker: Asker, silence: Silence) -> str:
    zone = asker.app.directory.default_zone
    if asker.sees(silence.tenant):
        return silence_line(silence, zone, asker.app.clock())
    until = f"until {end_words(silence.ends_at, zone)}"
    return f"{silence.reference}: for this tenant and others {until}"


def _plans(asker: Asker, session: Session, tenant: str) -> Iterator[str]:
    today = today_of(asker.app, tenant, asker.app.clock())
    plans = (each for each in planned_events(asker.app, session) if each.tenant == tenant)
    yield from some([plan_line(each, today) for each in plans if not each.over(today)], "no plan")
