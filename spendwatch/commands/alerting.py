"""`spendwatch alerts list`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alerts import settling, store
from alerts.model import AlertState
from alerts.numbers import money
from detector.model import FindingKind, normalise_tenant
from spendwatch.commands.looking_up import (
    as_of,
    facts_of,
    require_known_tenant,
    require_member,
    undelivered_words,
)
from spendwatch.commands.opening import open_app
from spendwatch.db import reading
from spendwatch.moments import local_words
from spendwatch.output import print_json, print_line, print_table
from spendwatch.situation import display_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Set
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from sqlmodel import Session

    from alerts.model import Alert, Reply
    from alerts.settling import Entry
    from spendwatch.app import App

COLUMNS = (
    "alert", "kind", "tenant", "state", "severity", "answered", "since", "newest", "days", "amount",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alerts to list."""

    state: str = ""
    tenant: str = ""
    kind: str = ""
    everything: bool = False


def list_alerts(config: Path, wanted: Wanted, *, as_json: bool) -> None:
    """List alerts, the newest first; acknowledged ones by who has waited longest."""
    app = open_app(config)
    state = require_member(AlertState, wanted.state, "--state") if wanted.state else None
    kind = require_member(FindingKind, wanted.kind, "--kind") if wanted.kind else None
    tenant = app.directory.canonical(normalise_tenant(wanted.tenant)) if wanted.tenant else None
    with reading(app.engine) as session:
        stored = store.list_alerts(session, states=_stored_as(state), tenant=tenant, kind=kind)
        found = [as_of(alert, app.clock()) for alert in stored]
        if state or not wanted.everything:
            found = [each for each in found if (each.state is state if state else not each.ended)]
        answers = store.newest_answers(session, [each.number for each in found])
        names = display_names(app, session)
        undelivered = settling.entries(session, settling.UNDELIVERED)
        unheard = _unheard(session, found, undelivered)
    if not stored:
        require_known_tenant(app, tenant, names)
    if state is AlertState.ACKNOWLEDGED:
        found.sort(key=lambda each: _answered_at(each, answers))
    if as_json:
        print_json([facts_of(alert) for alert in found])
        return
    _print(app, found, names, answers, unheard)
    if not found:
        everything = wanted.everything or wanted.state
        print_line("no alerts" if everything else "no alerts last; --all shows ended ones")
    if undelivered:
        print_line(undelivered_words(undelivered))


def _unheard(
    session: Session, found: Iterable[Alert], undelivered: Iterable[Entry]
) -> frozenset[int]:
    """Pick the alerts of which the newest message, alone or with others, has not gone out."""
    lost = {each.key for each in undelivered}
    if not lost:
        return frozenset()
    newest = store.newest_message_keys(session, [each.number for each in found])
    return frozenset(number for number, key in newest.items() if key in lost)


def _stored_as(state: AlertState | None) -> tuple[AlertState, ...]:
    """Return the states in which alerts of a state may be stored."""
    if state is None:
        return ()
    # A snooze whose time is over is open, before the next run notes it.
    return (state, AlertState.SNOOZED) if state is AlertState.OPEN else (state,)


def _answered_at(alert: Alert, answers: Mapping[int, Reply]) -> tuple[str, int]:
    newest = answers.get(alert.number)
    return (newest.at if newest else alert.updated_at).isoformat(), alert.number


def _print(
    app: App,
    found: Iterable[Alert],
    names: Mapping[str, str],
    answers: Mapping[int, Reply],
    unheard: Set[int],
) -> None:
    zone = app.directory.default_zone
    rows = [
        _row(
            alert,
            names.get(alert.tenant, alert.tenant),
            _answer(alert, answers.get(alert.number), zone),
            _state(alert, zone, delivered=alert.number not in unheard),
        )
        for alert in found
    ]
    print_table(COLUMNS, rows, words=len(COLUMNS) - 2)


def _row(alert: Alert, name: str, answered: str, state: str) -> list[str]:
    finding = alert.finding
    return [
        f"A-{alert.number}",
        alert.kind.value,
        name or finding.subject or "(all)",
        state,
        alert.severity.value,
        answered,
        min(alert.days, default=finding.day).isoformat(),
        max(alert.days, default=finding.day).isoformat(),
        str(len(alert.days)),
        _amount(alert),
    ]


def _answer(alert: Alert, newest: Reply | None, zone: ZoneInfo) -> str:
    """Say who answered when, where that is still in force."""
    if newest is None or newest.to_state is not alert.state:
        return ""
    return f"{local_words(newest.at, zone)} {newest.actor}"


def _state(alert: Alert, zone: ZoneInfo, *, delivered: bool) -> str:
    if not delivered and alert.state is AlertState.OPEN:
        return f"{alert.state.value}, not delivered"
    if alert.snoozed_until:
        return f"snoozed until {local_words(alert.snoozed_until, zone)}"
    if alert.held and not alert.ended:
        return f"{alert.state.value}, not told: {alert.held.value}"
    over = alert.ended and alert.state is not AlertState.RESOLVED
    return f"{alert.state.value}, over" if over else alert.state.value


def _amount(alert: Alert) -> str:
    """Say how much it is about: a forecast's is what will be spent, not what was."""
    finding = alert.finding
    if alert.kind is FindingKind.BUDGET_FORECAST and finding.budget:
        forecast = finding.budget.forecast_micro_usd
        return f"forecast {money(forecast)}" if forecast is not None else ""
    amount = finding.excess_micro_usd or finding.actual_micro_usd
    signed = bool(finding.excess_micro_usd)
    return money(amount, signed=signed) if amount is not None else ""
