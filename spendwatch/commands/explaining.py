"""`spendwatch explain`: why a tenant's day was told, or was not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from alerts.codec import encode
from alerts.numbers import full_day, money
from alerts.replies import require_alert
from alerts.verdicts import TEACHING
from detector import ledger
from detector.explanation import Verdict
from detector.model import normalise_tenant
from detector.pulls import newest_judged_day
from spendwatch.commands.looking_up import require_known_tenant
from spendwatch.commands.opening import open_app
from spendwatch.db import reading
from spendwatch.exits import UsageProblem
from spendwatch.explain_words import sections_of
from spendwatch.explanations import explain_day
from spendwatch.output import print_json, print_line, print_table
from spendwatch.situation import display_names

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from sqlmodel import Session

    from alerts.model import Alert
    from spendwatch.app import App
    from spendwatch.explain_words import Explained, Section


@dataclass(frozen=True, slots=True)
class Asked:
    """What to explain: an alert, or a tenant; and which day."""

    number: int | None = None
    tenant: str = ""
    day: date | None = None


def explain(config: Path, asked: Asked, *, as_json: bool) -> None:
    """Explain a day from use and prices to the verdict."""
    if (asked.number is None) == (not asked.tenant):
        raise UsageProblem(
            "say what to explain: an alert, like `spendwatch explain 12`, or a tenant, like "
            "`spendwatch explain --tenant acme --day 2026-11-12`"
        )
    app = open_app(config)
    with reading(app.engine) as session:
        alert = _require_spend(session, asked.number) if asked.number else None
        tenant, day = _whose(app, session, asked, alert)
        _require_judged(session, day)
        found = explain_day(app, session, tenant, day)
    if alert:
        found = replace(found, remarks=tuple(_since_told(alert, found)))
    if as_json:
        print_json(_facts(found, alert))
        return
    print_explained(found)
    print_line()
    print_line("every sum is written out with --json")
    if alert:
        print_line(f"how it was told: spendwatch alerts why {alert.number}")


def _require_spend(session: Session, number: int) -> Alert:
    alert = require_alert(session, number)
    if alert.kind not in TEACHING:
        raise UsageProblem(
            f"A-{number} ({alert.kind}) rests on no baseline; what it rests on is in "
            f"`spendwatch alerts show {number}`"
        )
    return alert


def _whose(app: App, session: Session, asked: Asked, alert: Alert | None) -> tuple[str, date]:
    """Return the tenant and the day; of an alert its first, of a tenant the newest judged."""
    if alert:
        first = min(alert.days, default=alert.finding.day)
        return app.directory.canonical(alert.tenant), asked.day or first
    tenant = app.directory.canonical(normalise_tenant(asked.tenant))
    require_known_tenant(app, tenant, display_names(app, session))
    day = asked.day or newest_judged_day(session)
    if day is None:
        raise UsageProblem("no day was judged yet; `spendwatch once` judges the newest one")
    return tenant, day


def _require_judged(session: Session, day: date) -> None:
    """Refuse a day that is still to come, or of which nothing is known."""
    newest = newest_judged_day(session)
    if newest is None or day > newest:
        known = f"the newest that was is {newest}" if newest else "none was so far"
        raise UsageProblem(f"{day} is not judged yet; {known}")
    pulled, _ = ledger.day_states(session, (day,), ())
    if not pulled[0]:
        raise UsageProblem(
            f"there is no data of {day}; `spendwatch costs --by day --from {day}` shows which "
            "days there are"
        )


def _since_told(alert: Alert, found: Explained) -> list[str]:
    """Say where what is known now is not what was told."""
    explanation = found.explanation
    told, now = alert.finding, explanation.actual_micro_usd
    day = full_day(explanation.day)
    words = []
    if told.day == explanation.day and told.actual_micro_usd != now:
        words.append(f"A-{alert.number} tells of {money(told.actual_micro_usd or 0)} on {day}")
    if explanation.day not in alert.days:
        words.append(f"{day} is no day of A-{alert.number}")
    elif explanation.verdict is not Verdict.TOLD:
        words.append(
            f"A-{alert.number} was told of this day; by the data, the answers and the settings of "
            "now it would not be"
        )
    return words


def _facts(found: Explained, alert: Alert | None) -> dict[str, Any]:
    facts: dict[str, Any] = encode(found.explanation)
    other: dict[str, Any] = encode(found)
    del other["explanation"]
    other["use"] = [encode(use) | {"key": use.key._asdict()} for use in found.use]
    return {"alert": alert and f"A-{alert.number}"} | other | facts


def print_explained(found: Explained, *, indent: int = 0) -> None:
    """Print what an explanation says, section by section."""
    for section in sections_of(found):
        _print(section, indent)


def _print(section: Section, indent: int) -> None:
    margin = " " * indent
    if section.title:
        print_line()
        print_line(f"{margin}{section.title}")
    if section.rows:
        print_table(section.columns, section.rows, words=section.words, indent=indent + 2)
    for words in section.lines:
        print_line(f"{margin}  {words}" if section.title else f"{margin}{words}")
