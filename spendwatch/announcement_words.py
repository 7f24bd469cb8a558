"""How silences and planned events are shown: a sentence, a row of a table, facts for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alerts.declaring import MAX_COMMENT
from alerts.names import safe_name
from alerts.numbers import count, exact_money, full_day
from spendwatch.moments import end_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from alerts.declaring import Preview
    from alerts.holds import PlannedEvent, Silence, ToldNews

_SHOWN = 5
_PREVIEW = "only a preview, nothing was stored"


def preview_words(seen: Preview) -> Iterator[str]:
    """Say what a silence or plan would have held back of what was told in the last 30 days."""
    if not seen.told:
        yield "nothing was told in the last 30 days that it could have held back"
        return
    kinds = ", ".join(count(many, kind.value) for kind, many in seen.kinds.most_common())
    many = len(seen.held) or "none"
    of = count(seen.told, "message")
    yield f"would have held back {many} of {of} of the last 30 days{kinds and f': {kinds}'}"
    named = [_news(each) for each in seen.alerts]
    if named:
        more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
        yield f"  newest: {', '.join(named[:_SHOWN])}{more}"


def preview_facts(seen: Preview) -> dict[str, Any]:
    """Give the same for programs."""
    return {
        "told": seen.told,
        "held_back": len(seen.held),
        "kinds": {kind.value: many for kind, many in seen.kinds.items()},
        "newest": [f"A-{each.alert_number}" for each in seen.alerts[:_SHOWN]],
    }


def silence_words(
    silence: Silence, zone: ZoneInfo, now: datetime, *, stored: bool, program: str = "spendwatch"
) -> str:
    """Say what is silenced, until when exactly, and how that is ended."""
    begin = "" if silence.begun(now) else f"from {_on(silence.starts_at, zone)} "
    span = f"{_what(silence)} {begin}until {end_words(silence.ends_at, zone)}"
    if not stored:
        return f"{_PREVIEW}: {span}"
    end = f"{program} silence end {silence.reference.removeprefix('S-')}"
    return f"{silence.reference} silences {span}; before that: {end}"


def silence_end_words(ended: Silence) -> str:
    """Say what comes of a silence that was just ended."""
    if _never_began(ended):
        what = "before it began: it has held nothing back"
        return f"{ended.reference} taken back by {ended.ended_by} {what}"
    told = "what it held back and still holds is told by the next run"
    return f"{ended.reference} ended by {ended.ended_by}: {told}"


def silence_row(silence: Silence, now: datetime, zone: ZoneInfo) -> list[str]:
    """Give the cells of one silence."""
    return [
        silence.reference,
        silence.tenant or "(all)",
        silence.kind.value if silence.kind else "(all)",
        silence.severity.value if silence.severity else "(all)",
        f"{silence.starts_at.astimezone(zone):%Y-%m-%d %H:%M}" if silence.starts_at else "",
        f"{silence.ends_at.astimezone(zone):%Y-%m-%d %H:%M}",
        _silence_state(silence, now),
        silence.author,
        silence.comment,
    ]


def silence_line(silence: Silence, zone: ZoneInfo, now: datetime) -> str:
    """Say in one line what is silenced, who announced it and why."""
    begin = "" if silence.begun(now) else f"from {_on(silence.starts_at, zone)} "
    span = f"{_what(silence)} {begin}until {end_words(silence.ends_at, zone)}"
    why = _why(_silence_state(silence, now), silence.author, silence.comment)
    return f"{silence.reference}: {span} ({why})"


def silence_facts(silence: Silence, now: datetime) -> dict[str, Any]:
    """Give one silence for programs."""
    return {
        "reference": silence.reference,
        "tenant": silence.tenant,
        "kind": silence.kind,
        "severity": silence.severity,
        "from": silence.starts_at,
        "until": silence.ends_at,
        "state": _silence_state(silence, now),
        "author": silence.author,
        "comment": silence.comment,
        "ended_by": silence.ended_by,
    }


def plan_words(plan: PlannedEvent, *, stored: bool, program: str = "spendwatch") -> str:
    """Say what is planned, and how that is ended."""
    up_to = f"up to {exact_money(plan.ceiling_micro_usd)} a day are planned"
    out = "the day stays" if plan.first_day == plan.last_day else "these days stay"
    said = f"{up_to} for {safe_name(plan.tenant)} {_days(plan)}; {out} out of its baseline"
    if not stored:
        return f"{_PREVIEW}: {said}"
    end = f"{program} planned end {plan.reference.removeprefix('P-')}"
    return f"{plan.reference}: {said}; if that changes: {end}"


def plan_end_words(ended: PlannedEvent) -> str:
    """Say what is left of a planned event that was just ended."""
    if _none_left(ended):
        none = "none of its days was judged yet, none is planned any more"
        return f"{ended.reference} taken back by {ended.ended_by}: {none}"
    last = f"{full_day(ended.last_day)} was judged and is its last day"
    return f"{ended.reference} ended by {ended.ended_by}: {last}"


def plan_row(plan: PlannedEvent, today: date) -> list[str]:
    """Give the cells of one planned event."""
    return [
        plan.reference,
        plan.tenant,
        plan.first_day.isoformat(),
        "" if _none_left(plan) else plan.last_day.isoformat(),
        _plan_state(plan, today),
        plan.author,
        plan.comment,
        exact_money(plan.ceiling_micro_usd),
    ]


def plan_line(plan: PlannedEvent, today: date) -> str:
    """Say in one line what is planned, who announced it and why."""
    up_to = f"up to {exact_money(plan.ceiling_micro_usd)} a day for {safe_name(plan.tenant)}"
    days = "" if _none_left(plan) else f" {_days(plan)}"
    why = _why(_plan_state(plan, today), plan.author, plan.comment)
    return f"{plan.reference}: {up_to}{days} ({why})"


def plan_facts(plan: PlannedEvent, today: date) -> dict[str, Any]:
    """Give one planned event for programs."""
    return {
        "reference": plan.reference,
        "tenant": plan.tenant,
        "first_day": plan.first_day,
        "last_day": plan.last_day,
        "ceiling_micro_usd": plan.ceiling_micro_usd,
        "state": _plan_state(plan, today),
        "author": plan.author,
        "comment": plan.comment,
        "ended_by": plan.ended_by,
    }


def _what(silence: Silence) -> str:
    """Name what is silenced: ``warning spend spike alerts of contoso*``."""
    named = [each.value for each in (silence.severity, silence.kind) if each]
    of = f" of {safe_name(silence.tenant)}" if silence.tenant else ""
    return f"{' '.join([*named, 'alerts'])}{of}"


def _days(plan: PlannedEvent) -> str:
    if plan.first_day == plan.last_day:
        return f"on {_dated(plan.first_day)}"
    return f"from {_dated(plan.first_day)} to {_dated(plan.last_day)}"


def _why(state: str, author: str, comment: str) -> str:
    said = f": {safe_name(comment, MAX_COMMENT)}" if comment.strip() else ""
    return f"{state}, by {safe_name(author, MAX_COMMENT)}{said}"


def _news(told: ToldNews) -> str:
    of = f" {safe_name(told.tenant)}" if told.tenant else ""
    return f"A-{told.alert_number} {told.kind}{of}"


def _silence_state(silence: Silence, now: datetime) -> str:
    if silence.ended_by:
        return f"{'taken back' if _never_began(silence) else 'ended'} by {silence.ended_by}"
    if silence.over(now):
        return "expired"
    return "in force" if silence.begun(now) else "to come"


def _never_began(silence: Silence) -> bool:
    """Whether a silence ended before it began."""
    return not silence.begun(silence.ends_at)


def _plan_state(plan: PlannedEvent, today: date) -> str:
    if plan.ended_by:
        return f"{'taken back' if _none_left(plan) else 'ended'} by {plan.ended_by}"
    if plan.over(today):
        return "over"
    return "in force" if plan.first_day <= today else "to come"


def _none_left(plan: PlannedEvent) -> bool:
    """Whether a plan was ended before any of its days was judged."""
    return plan.last_day < plan.first_day


def _on(at: datetime | None, zone: ZoneInfo) -> str:
    return end_words(at, zone) if at else ""


def _dated(day: date) -> str:
    return f"{full_day(day)} {day.year}"
