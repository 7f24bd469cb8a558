"""`spendwatch alerts`: list, show, acknowledge, dismiss."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alerts import store
from alerts.codec import encode
from alerts.messages import alert_message
from alerts.model import AlertState, Change, Verb, Verdict
from alerts.names import safe_name
from alerts.numbers import money
from alerts.render.text import render_text
from alerts.replies import answer
from detector.model import FindingKind, normalise_tenant
from spendwatch import conversion
from spendwatch.commands.opening import acting_user, open_app
from spendwatch.db import reading, writing
from spendwatch.exits import UsageProblem
from spendwatch.judging import display_names
from spendwatch.output import print_json, print_line, print_table
from spendwatch.settings_types import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from enum import StrEnum
    from pathlib import Path

    from alerts.model import Alert, Reply
    from alerts.store import Decision
    from spendwatch.app import App


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alerts to list."""

    state: str = ""
    tenant: str = ""
    kind: str = ""
    everything: bool = False


def list_alerts(config: Path, wanted: Wanted, *, as_json: bool) -> None:
    """List alerts, the newest first."""
    app = open_app(config)
    states = [_member(AlertState, wanted.state, "--state")] if wanted.state else []
    kind = _member(FindingKind, wanted.kind, "--kind") if wanted.kind else None
    tenant = app.directory.canonical(normalise_tenant(wanted.tenant)) if wanted.tenant else None
    with reading(app.engine) as session:
        found = store.list_alerts(session, states=states, tenant=tenant, kind=kind)
        names = display_names(app, session)
    if not (wanted.everything or wanted.state):
        found = tuple(alert for alert in found if not alert.ended)
    if as_json:
        print_json([_facts(alert) for alert in found])
        return
    print_table(
        ["alert", "kind", "tenant", "state", "severity", "days", "since", "newest", "amount"],
        [_row(alert, names.get(alert.tenant, alert.tenant)) for alert in found],
        words=5,
    )
    if not found:
        print_line("no alerts" if wanted.everything else "no alerts last; --all shows ended ones")


def _member(kind: type[StrEnum], word: str, option: str) -> Any:
    try:
        return kind(word.strip().casefold().replace("-", " ") if kind is FindingKind else word)
    except ValueError:
        known = ", ".join(member.value for member in kind)
        guess = nearest(word, [member.value for member in kind])
        raise UsageProblem(f"{option} knows {known}; not {word!r}{guess}") from None


def _row(alert: Alert, name: str) -> list[str]:
    finding = alert.finding
    amount = finding.excess_micro_usd or finding.actual_micro_usd
    state = (
        alert.state.value
        if not alert.ended or alert.state is AlertState.RESOLVED
        else (f"{alert.state.value}, over")
    )
    return [
        f"A-{alert.number}",
        alert.kind.value,
        name or finding.subject or "(all)",
        state,
        alert.severity.value,
        str(len(alert.days)),
        min(alert.days, default=finding.day).isoformat(),
        max(alert.days, default=finding.day).isoformat(),
        money(amount, signed=bool(finding.excess_micro_usd)) if amount is not None else "",
    ]


def _facts(alert: Alert) -> dict[str, Any]:
    facts: dict[str, Any] = encode(alert)
    return facts | {"reference": f"A-{alert.number}"}


def show(config: Path, number: int, *, as_json: bool) -> None:
    """Show an alert as it was told, with its evidence and everything that happened to it."""
    app = open_app(config)
    with reading(app.engine) as session:
        alert = store.get_alert(session, number)
        replies = store.replies_of(session, number)
        decisions = store.decisions_of(session, number)
        names = display_names(app, session)
    if alert is None:
        raise UsageProblem(
            f"there is no alert A-{number}; `spendwatch alerts list --all` shows them"
        )
    if as_json:
        story = {"replies": encode(replies), "decisions": [encode(each) for each in decisions]}
        print_json(_facts(alert) | story)
        return
    change = Change.RESOLVED if alert.state is AlertState.RESOLVED else Change.UNCHANGED
    message = alert_message(alert, change, names, reply=replies[-1] if replies else None)
    print_line(render_text(message, colour=sys.stdout.isatty()))
    _print_drivers(alert)
    _print_story(decisions, replies)


def _print_drivers(alert: Alert) -> None:
    rows = [
        [
            f"{driver.model or '(no model)'} in {driver.feature or '(no feature)'}",
            money(driver.expected_micro_usd),
            money(driver.actual_micro_usd),
            money(driver.change_micro_usd, signed=True),
            money(driver.volume_micro_usd, signed=True),
            money(driver.price_micro_usd, signed=True),
            money(driver.mix_micro_usd, signed=True),
        ]
        for driver in alert.finding.drivers
    ]
    if rows:
        print_line()
        headings = ["driver", "expected", "actual", "change", "volume", "price", "mix"]
        print_table(headings, rows)


def _print_story(decisions: Iterable[Decision], replies: Iterable[Reply]) -> None:
    told = [
        (each.at, f"day {each.day}: {each.change}, "
         + (f"told ({each.reason})" if each.notified else f"held back ({each.reason})"))
        for each in decisions
    ]  # fmt: skip
    answered = [(reply.at, _reply_words(reply)) for reply in replies]
    print_line()
    for at, words in sorted(told + answered):
        print_line(f"  {at:%Y-%m-%d %H:%M} UTC  {words}")


def _reply_words(reply: Reply) -> str:
    verdict = f" as {reply.verdict}" if reply.verdict else ""
    note = f": {reply.note}" if reply.note else ""
    moved = f"({reply.from_state} -> {reply.to_state})"
    return safe_name(f"{reply.actor} answered {reply.verb}{verdict} {moved}{note}", limit=300)


def acknowledge(config: Path, number: int, note: str, actor: str, *, as_json: bool) -> None:
    """Say that somebody is on it."""
    _answer(open_app(config), number, Verb.ACKNOWLEDGE, None, note, actor, as_json=as_json)


def dismiss(
    config: Path, number: int, verdict: str, note: str, actor: str, *, as_json: bool
) -> None:
    """Say why it needs nobody, and teach that."""
    chosen: Verdict = _member(Verdict, verdict.strip().replace("-", "_"), "--verdict")
    _answer(open_app(config), number, Verb.DISMISS, chosen, note, actor, as_json=as_json)


def _answer(
    app: App,
    number: int,
    verb: Verb,
    verdict: Verdict | None,
    note: str,
    actor: str,
    *,
    as_json: bool,
) -> None:
    with writing(app.engine) as session:
        answered = answer(
            session,
            number,
            verb,
            verdict,
            note,
            acting_user(actor),
            app.clock(),
            conversion.teaching(app.settings),
        )
    if as_json:
        print_json(_facts(answered.alert) | {"words": answered.words})
    else:
        print_line(answered.words)
