"""Silences and planned events as people announce, list and end them, wherever they type it."""

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
from spendwatch.announcement_words import plan_words, preview_words, silence_words
from spendwatch.db import reading, writing
from spendwatch.exits import UsageProblem
from spendwatch.moments import parse_duration, parse_end, parse_moment
from spendwatch.settings_types import nearest
from spendwatch.situation import planned_events, silences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from sqlmodel import Session

    from alerts.declaring import Preview
    from spendwatch.app import App

PREVIEW_DAYS = 30
_LONG = 10_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tongue:
    """How things are named where people type.

    Attributes
    ----------
    program : str
        What a line begins with.
    mark : str
        What stands before the name of a value.
    """

    program: str = "spendwatch"
    mark: str = "--"


COMMAND_LINE = Tongue()


@dataclass(frozen=True, slots=True)
class AskedSilence:
    """A silence as it was typed, and who announces it."""

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
    """A planned event as it was typed, and who announces it."""

    tenant: str
    first_day: date
    last_day: date
    ceiling: str
    comment: str
    actor: str
    only_preview: bool = False


@dataclass(frozen=True, slots=True)
class AnnouncedSilence:
    """What became of a silence; ``stranger`` is said where nobody knows its tenant."""

    silence: Silence
    seen: Preview
    stranger: str
    stored: bool

    def words(self, zone: ZoneInfo, now: datetime, tongue: Tongue) -> Iterator[str]:
        """Say what it would have held back, what is silenced, and how that is ended."""
        yield from preview_words(self.seen)
        if self.stranger:
            yield self.stranger
        yield silence_words(self.silence, zone, now, stored=self.stored, program=tongue.program)


@dataclass(frozen=True, slots=True)
class AnnouncedPlan:
    """What became of a planned event; ``others`` have a day of it in common."""

    plan: PlannedEvent
    seen: Preview
    stranger: str
    others: tuple[PlannedEvent, ...]
    stored: bool

    def words(self, tongue: Tongue) -> Iterator[str]:
        """Say what it would have held back, what is planned, and how that is ended."""
        yield from preview_words(self.seen)
        if self.stranger:
            yield self.stranger
        yield plan_words(self.plan, stored=self.stored, program=tongue.program)
        for other in self.others:
            yield f"  {other.reference} covers some of these days too: the higher ceiling counts"


def add_silence(
    app: App, asked: AskedSilence, now: datetime, tongue: Tongue = COMMAND_LINE
) -> AnnouncedSilence:
    """Look what a silence would have held back, then store it unless that was all.

    Raises UsageProblem or AnnouncementRefused where it makes no sense.
    """
    silence = _silence(app, asked, now, tongue)
    check_silence(silence, now)
    with reading(app.engine) as session:
        seen = _look_back(session, silence, now)
        stranger = _stranger(app, session, silence.tenant)
    stored = not asked.only_preview
    if stored:
        with writing(app.engine) as session:
            silence = announcements.add_silence(session, silence, now)
    return AnnouncedSilence(silence, seen, stranger, stored)


def add_plan(
    app: App, asked: AskedPlan, now: datetime, tongue: Tongue = COMMAND_LINE
) -> AnnouncedPlan:
    """Look what a planned event would have held back, then store it unless that was all.

    Raises UsageProblem or AnnouncementRefused where it makes no sense.
    """
    plan = _plan(app, asked, tongue)
    check_plan(plan, today_of(app, plan.tenant, now))
    with reading(app.engine) as session:
        seen = _look_back(session, plan, now)
        others = tuple(each for each in planned_events(app, session) if each.meets(plan))
        stranger = _stranger(app, session, plan.tenant)
    stored = not asked.only_preview
    if stored:
        with writing(app.engine) as session:
            plan = announcements.add_planned_event(session, plan, now)
    return AnnouncedPlan(plan, seen, stranger, others, stored)


def list_silences(app: App, now: datetime, *, everything: bool) -> list[Silence]:
    """Return silences, those of the settings first; by default without those that are over."""
    with reading(app.engine) as session:
        return [each for each in silences(app, session) if everything or not each.over(now)]


def list_plans(app: App, now: datetime, *, everything: bool) -> list[tuple[PlannedEvent, date]]:
    """Return planned events alike, each with the day that its tenant has now."""
    with reading(app.engine) as session:
        plans = planned_events(app, session)
    found = [(each, today_of(app, each.tenant, now)) for each in plans]
    return [(each, today) for each, today in found if everything or not each.over(today)]


def _everybody(_tenant: str) -> bool:
    return True


def end_silence(
    app: App,
    number: int,
    actor: str,
    now: datetime,
    may_end: Callable[[str], bool] = _everybody,
) -> Silence:
    """End a silence now; one that somebody may not end is to them as if there were none."""
    with writing(app.engine) as session:
        found = announcements.get_silence(session, number)
        if not may_end(_now_called(app, found.tenant)):
            raise announcements.no_silence(number)
        return announcements.end_silence(session, number, actor, now)


def end_plan(
    app: App, number: int, actor: str, may_end: Callable[[str], bool] = _everybody
) -> PlannedEvent:
    """Take the days that were not judged yet from a planned event; as with silences."""
    with writing(app.engine) as session:
        found = announcements.get_planned_event(session, number)
        if not may_end(_now_called(app, found.tenant)):
            raise announcements.no_planned_event(number)
        judged_day = newest_judged_day(session)
        return announcements.end_planned_event(session, number, actor, judged_day)


def today_of(app: App, tenant: str, now: datetime) -> date:
    """Return the day that a tenant has now."""
    return now.astimezone(app.directory.zone_of(tenant)).date()


def _look_back(session: Session, announced: Silence | PlannedEvent, now: datetime) -> Preview:
    told = announcements.told_since(session, now - timedelta(days=PREVIEW_DAYS))
    return preview(announced, told)


def _silence(app: App, asked: AskedSilence, now: datetime, tongue: Tongue) -> Silence:
    kind, severity, mark = asked.kind, asked.severity, tongue.mark
    starts_at, ends_at = _span(asked, app.directory.default_zone, now, mark)
    return Silence(
        reference="",
        tenant=_tenant(app, asked.tenant, mark) if asked.tenant else "",
        kind=_read(settings_types.finding_kind, kind, f"{mark}kind") if kind else None,
        severity=_read(settings_types.severity, severity, f"{mark}severity") if severity else None,
        starts_at=starts_at,
        ends_at=ends_at,
        comment=_inert(asked.comment),
        author=asked.actor,
    )


def _plan(app: App, asked: AskedPlan, tongue: Tongue) -> PlannedEvent:
    ceiling = _read(settings_types.typed_ceiling, asked.ceiling, f"{tongue.mark}ceiling")
    return PlannedEvent(
        reference="",
        tenant=_tenant(app, asked.tenant, tongue.mark),
        first_day=asked.first_day,
        last_day=asked.last_day,
        ceiling_micro_usd=settings_types.micro_usd(ceiling),
        comment=_inert(asked.comment),
        author=asked.actor,
    )


def _span(
    asked: AskedSilence, zone: ZoneInfo, now: datetime, mark: str
) -> tuple[datetime, datetime]:
    """Read from when to when; a length counts from the beginning."""
    if not asked.begin.strip():
        return now, parse_end(asked.until, asked.lasting, zone, now, mark)
    starts_at = parse_moment(asked.begin, zone, now)
    if asked.lasting.strip() and not asked.until.strip():
        return starts_at, starts_at + parse_duration(asked.lasting)
    return starts_at, parse_end(asked.until, asked.lasting, zone, now, mark)


def _tenant(app: App, text: str, mark: str) -> str:
    """Read a tenant as it is called now."""
    return _now_called(app, _read(settings_types.tenant_id, text, f"{mark}tenant"))


def _now_called(app: App, tenant: str) -> str:
    """Return a tenant as it is called now; a pattern stays one."""
    return tenant if "*" in tenant else app.directory.canonical(tenant)


def _read(accept: Callable[[Any], T], text: str, option: str) -> T:
    try:
        return accept(text)
    except ValueError as error:
        raise UsageProblem(f"{option} {error}") from None


def _inert(text: str) -> str:
    """Keep what can be seen of a text."""
    return "" if says_nothing(text) else safe_name(text, _LONG)


def _stranger(app: App, session: Session, tenant: str) -> str:
    """Say so where nobody has heard of a tenant: it may be new, or misspelt."""
    known = {*app.directory.all_names, *ledger.display_names(session)}
    if not tenant or any(is_like(each, tenant) for each in known):
        return ""
    return f"no tenant is known as {safe_name(tenant)} so far{nearest(tenant, known)}"
