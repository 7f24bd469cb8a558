"""`spendwatch silence` and `spendwatch planned`: add, list, end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from alerts import announcements
from alerts.declaring import check_plan, check_silence, preview
from alerts.holds import PlannedEvent, Silence, is_like
from alerts.names import safe_name, says_nothing
from detector import ledger
from detector.pulls import newest_judged_day
from spendwatch import settings_types
from spendwatch.announcement_words import (
    plan_end_words,
    plan_facts,
    plan_row,
    plan_words,
    preview_facts,
    preview_words,
    silence_end_words,
    silence_facts,
    silence_row,
    silence_words,
)
from spendwatch.commands.opening import acting_user, open_app
from spendwatch.db import reading, writing
from spendwatch.exits import UsageProblem
from spendwatch.moments import parse_duration, parse_end, parse_moment
from spendwatch.output import print_json, print_line, print_table
from spendwatch.settings_types import nearest
from spendwatch.situation import planned_events, silences

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from sqlmodel import Session

    from alerts.declaring import Preview
    from spendwatch.app import App

PREVIEW_DAYS = 30
_LONG = 10_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AskedSilence:
    """A silence as it was typed."""

    tenant: str
    kind: str
    severity: str
    begin: str
    until: str
    lasting: str
    comment: str
    actor: str
    only_preview: bool = False


@dataclass(frozen=True, slots=True)
class AskedPlan:
    """A planned event as it was typed."""

    tenant: str
    first_day: date
    last_day: date
    ceiling: str
    comment: str
    actor: str
    only_preview: bool = False


def add_silence(config: Path, asked: AskedSilence, *, as_json: bool) -> None:
    """Show what a silence would have held back, then store it unless that was all."""
    app = open_app(config)
    now = app.clock()
    silence = _silence(app, asked, now)
    check_silence(silence, now)
    with reading(app.engine) as session:
        seen = _look_back(session, silence, now)
        stranger = _stranger(app, session, silence.tenant)
    if not asked.only_preview:
        with writing(app.engine) as session:
            silence = announcements.add_silence(session, silence, now)
    if as_json:
        facts = silence_facts(silence, now) | {"stored": not asked.only_preview}
        print_json(facts | {"preview": preview_facts(seen), "words": stranger})
        return
    for words in (*preview_words(seen), stranger):
        if words:
            print_line(words)
    zone = app.directory.default_zone
    print_line(silence_words(silence, zone, now, stored=not asked.only_preview))


def list_silences(config: Path, *, everything: bool, as_json: bool) -> None:
    """List silences, those of the settings first."""
    app = open_app(config)
    now, zone = app.clock(), app.directory.default_zone
    with reading(app.engine) as session:
        found = [each for each in silences(app, session) if everything or not each.over(now)]
    if as_json:
        print_json([silence_facts(each, now) for each in found])
        return
    columns = ["silence", "tenant", "kind", "severity", "from", "until", "state", "by", "comment"]
    rows = [silence_row(each, now, zone) for each in found]
    if rows:
        print_table(columns, rows, f"times in {zone.key}", words=len(columns))
    if not found:
        print_line("no silences" if everything else "no silence lasts; --all shows past ones")


def end_silence(config: Path, number: int, actor: str, *, as_json: bool) -> None:
    """End a silence now."""
    app = open_app(config)
    now = app.clock()
    with writing(app.engine) as session:
        ended = announcements.end_silence(session, number, _who(actor), now)
    if as_json:
        print_json(silence_facts(ended, now))
        return
    print_line(silence_end_words(ended))


def add_planned_event(config: Path, asked: AskedPlan, *, as_json: bool) -> None:
    """Show what a plan would have held back, then store it unless that was all."""
    app = open_app(config)
    now = app.clock()
    plan = _plan(app, asked)
    today = _today(app, plan.tenant, now)
    check_plan(plan, today)
    with reading(app.engine) as session:
        seen = _look_back(session, plan, now)
        others = [each for each in planned_events(app, session) if each.meets(plan)]
        stranger = _stranger(app, session, plan.tenant)
    if not asked.only_preview:
        with writing(app.engine) as session:
            plan = announcements.add_planned_event(session, plan, now)
    if as_json:
        meets = [each.reference for each in others]
        facts = plan_facts(plan, today) | {"stored": not asked.only_preview, "meets": meets}
        print_json(facts | {"preview": preview_facts(seen), "words": stranger})
        return
    for words in (*preview_words(seen), stranger):
        if words:
            print_line(words)
    print_line(plan_words(plan, stored=not asked.only_preview))
    for other in others:
        print_line(f"  {other.reference} covers some of these days too: the higher ceiling counts")


def list_planned_events(config: Path, *, everything: bool, as_json: bool) -> None:
    """List planned events, those of the settings first."""
    app = open_app(config)
    now = app.clock()
    with reading(app.engine) as session:
        plans = planned_events(app, session)
    found = [(each, _today(app, each.tenant, now)) for each in plans]
    if not everything:
        found = [(each, today) for each, today in found if not each.over(today)]
    if as_json:
        print_json([plan_facts(*each) for each in found])
        return
    columns = ["planned", "tenant", "from", "to", "state", "by", "comment", "ceiling a day"]
    if found:
        print_table(columns, [plan_row(*each) for each in found], words=len(columns) - 1)
    if not found:
        print_line("no planned events" if everything else "nothing is planned; --all: past ones")


def end_planned_event(config: Path, number: int, actor: str, *, as_json: bool) -> None:
    """Take the days that were not judged yet from a planned event."""
    app = open_app(config)
    with writing(app.engine) as session:
        judged_day = newest_judged_day(session)
        ended = announcements.end_planned_event(session, number, _who(actor), judged_day)
    if as_json:
        print_json(plan_facts(ended, _today(app, ended.tenant, app.clock())))
        return
    print_line(plan_end_words(ended))


def _look_back(session: Session, announced: Silence | PlannedEvent, now: datetime) -> Preview:
    told = announcements.told_since(session, now - timedelta(days=PREVIEW_DAYS))
    return preview(announced, told)


def _silence(app: App, asked: AskedSilence, now: datetime) -> Silence:
    kind = _read(settings_types.finding_kind, asked.kind, "--kind") if asked.kind else None
    gravity = asked.severity
    severity = _read(settings_types.severity, gravity, "--severity") if gravity else None
    starts_at, ends_at = _span(asked, app.directory.default_zone, now)
    return Silence(
        reference="",
        tenant=_tenant(app, asked.tenant) if asked.tenant else "",
        kind=kind,
        severity=severity,
        starts_at=starts_at,
        ends_at=ends_at,
        comment=_inert(asked.comment),
        author=_who(asked.actor),
    )


def _plan(app: App, asked: AskedPlan) -> PlannedEvent:
    ceiling = _read(settings_types.typed_ceiling, asked.ceiling, "--ceiling")
    return PlannedEvent(
        reference="",
        tenant=_tenant(app, asked.tenant),
        first_day=asked.first_day,
        last_day=asked.last_day,
        ceiling_micro_usd=settings_types.micro_usd(ceiling),
        comment=_inert(asked.comment),
        author=_who(asked.actor),
    )


def _span(asked: AskedSilence, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    """Read from when to when; a length counts from the beginning."""
    if not asked.begin.strip():
        return now, parse_end(asked.until, asked.lasting, zone, now)
    starts_at = parse_moment(asked.begin, zone, now)
    if asked.lasting.strip() and not asked.until.strip():
        return starts_at, starts_at + parse_duration(asked.lasting)
    return starts_at, parse_end(asked.until, asked.lasting, zone, now)


def _tenant(app: App, text: str) -> str:
    """Read a tenant as it is called now; a pattern stays one."""
    tenant: str = _read(settings_types.tenant_id, text, "--tenant")
    return tenant if "*" in tenant else app.directory.canonical(tenant)


def _read(accept: Callable[[Any], T], text: str, option: str) -> T:
    try:
        return accept(text)
    except ValueError as error:
        raise UsageProblem(f"{option} {error}") from None


def _inert(text: str) -> str:
    """Keep what can be seen of a text."""
    return "" if says_nothing(text) else safe_name(text, _LONG)


def _who(actor: str) -> str:
    return safe_name(acting_user(actor))


def _today(app: App, tenant: str, now: datetime) -> date:
    return now.astimezone(app.directory.zone_of(tenant)).date()


def _stranger(app: App, session: Session, tenant: str) -> str:
    """Say so where nobody has heard of a tenant: it may be new, or misspelt."""
    known = {*app.directory.names, *ledger.display_names(session)}
    if not tenant or any(is_like(each, tenant) for each in known):
        return ""
    return f"no tenant is known as {safe_name(tenant)} so far{nearest(tenant, known)}"
