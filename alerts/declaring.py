"""What may be announced beforehand, what ending it early does, and what it would have held back.

Errors
------
AnnouncementRefused
    A silence or planned event makes no sense like that; the message says what would.
    AlreadyOver
        It was ended before, or is over by itself: what was asked for is so already.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from alerts.names import safe_name
from alerts.numbers import count, full_day, moment
from detector.model import Effect, Lesson

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from alerts.holds import PlannedEvent, Silence, ToldNews
    from detector.model import FindingKind

LONGEST_SILENCE = timedelta(days=90)
LONGEST_PLAN_DAYS = 92
PLANNED_AHEAD_DAYS = 366
MAX_COMMENT = 200


class AnnouncementRefused(Exception):  # noqa: N818 - it names what happened, as people say it
    """It cannot be announced or ended like that; the message says why and what would do."""


class AlreadyOver(AnnouncementRefused):
    """There is nothing left to end; the message says since when, and who ended it."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a silence or planned event would have held back of what was told.

    Attributes
    ----------
    told : int
        How many messages there were; each piece of news in a message about many counts as one.
    held : tuple of ToldNews
        Those it fits, in the order they were given.
    """

    told: int
    held: tuple[ToldNews, ...]

    @property
    def kinds(self) -> Counter[FindingKind]:
        """How many it would have held back, by kind."""
        return Counter(each.kind for each in self.held)

    @property
    def alerts(self) -> tuple[ToldNews, ...]:
        """The alerts among them, each once, in the order of their first."""
        return tuple({each.alert_number: each for each in self.held}.values())


def check_silence(silence: Silence, now: datetime) -> None:
    """Refuse a silence that would hide too much, for too long or without a reason.

    Parameters
    ----------
    silence : Silence
    now : datetime
        UTC-aware.

    Raises
    ------
    AnnouncementRefused
        It names nothing, says no reason, is over, ends before it begins, or ends more than 90
        days from now.
    """
    _require_comment(silence.comment)
    if not (silence.tenant or silence.kind or silence.severity):
        raise AnnouncementRefused(
            "a silence names a tenant, a kind or a severity: one for everything hides everything"
        )
    end = moment(silence.ends_at)
    if silence.over(now):
        raise AnnouncementRefused(f"a silence ends in the future; {end} is over")
    if silence.starts_at is not None and silence.starts_at >= silence.ends_at:
        raise AnnouncementRefused(f"a silence ends after it begins; {end} is before that")
    if silence.ends_at - now > LONGEST_SILENCE:
        raise AnnouncementRefused(
            f"a silence ends at most {LONGEST_SILENCE.days} days from now, on "
            f"{moment(now + LONGEST_SILENCE)}, so that none is forgotten; {end} is later"
        )


def check_plan(plan: PlannedEvent, today: date) -> None:
    """Refuse a planned event that is none: for many, for too long, too early or too late.

    Parameters
    ----------
    plan : PlannedEvent
    today : date
        In the tenant's time zone.

    Raises
    ------
    AnnouncementRefused
        It is for a pattern, says no reason, has begun already, ends before it begins, is longer
        than 92 days, or begins more than 366 days ahead.
    """
    _require_comment(plan.comment)
    if "*" in plan.tenant:
        raise AnnouncementRefused(
            "a planned event is for one tenant, as its ceiling is; add one for each tenant"
        )
    if plan.first_day < today:
        raise AnnouncementRefused(
            f"a planned event is declared beforehand, and {full_day(plan.first_day)} is over: "
            'answer its alert with `spendwatch alerts dismiss NUMBER --verdict expected --note "'
            '..."`, which keeps its days out of the baseline too'
        )
    days = (plan.last_day - plan.first_day).days + 1
    if days < 1:
        raise AnnouncementRefused(
            f"the last day, {plan.last_day}, is before the first, {plan.first_day}"
        )
    if days > LONGEST_PLAN_DAYS:
        raise AnnouncementRefused(
            f"a planned event has at most {LONGEST_PLAN_DAYS} days, not {days}: what lasts longer "
            "is the new normal"
        )
    if (plan.first_day - today).days > PLANNED_AHEAD_DAYS:
        raise AnnouncementRefused(
            f"{plan.first_day} is more than {PLANNED_AHEAD_DAYS} days ahead; is the year right?"
        )


def end_silence(silence: Silence, actor: str, now: datetime) -> Silence:
    """Return the silence with its end moved to now.

    Parameters
    ----------
    silence : Silence
    actor : str
        Who ends it.
    now : datetime
        UTC-aware.

    Raises
    ------
    AlreadyOver
        It was ended, or has ended by itself.
    """
    if silence.over(now):
        raise AlreadyOver(
            f"{silence.reference} is over since {moment(silence.ends_at)}{_by(silence.ended_by)}"
        )
    return replace(silence, ends_at=now, ended_by=actor)


def end_plan(plan: PlannedEvent, actor: str, judged_day: date | None) -> PlannedEvent:
    """Return the planned event without the days that were not judged yet.

    What it has held back stays held back; of a plan no day of which was judged, none is left.

    Parameters
    ----------
    plan : PlannedEvent
    actor : str
        Who ends it.
    judged_day : date or None
        The newest judged day; None where no day was judged yet.

    Raises
    ------
    AlreadyOver
        Somebody has ended it, or its last day was judged.
    """
    if plan.ended_by:
        raise AlreadyOver(f"{plan.reference} was ended already{_by(plan.ended_by)}")
    judged = judged_day or date.min
    if plan.last_day <= judged:
        raise AlreadyOver(
            f"{plan.reference} is over: its last day, {full_day(plan.last_day)}, was judged"
        )
    last_day = max(judged, plan.first_day - timedelta(days=1))
    return replace(plan, last_day=last_day, ended_by=actor)


def planned_lesson(plan: PlannedEvent) -> Lesson | None:
    """Return that planned days stay out of the baseline; None where no day is left.

    Parameters
    ----------
    plan : PlannedEvent
    """
    span = (plan.last_day - plan.first_day).days + 1
    if span < 1:
        return None
    reason = f"planned: {safe_name(plan.comment)}" if plan.comment.strip() else "planned"
    days = frozenset(plan.first_day + timedelta(days=step) for step in range(span))
    return Lesson(plan.tenant, Effect.LEAVE_OUT, reason, days=days)


def preview(announced: Silence | PlannedEvent, told: Iterable[ToldNews]) -> Preview:
    """Return what of the messages a silence or planned event would have held back.

    Parameters
    ----------
    announced : Silence or PlannedEvent
        When it is in force does not matter.
    told : iterable of ToldNews
    """
    told = tuple(told)
    return Preview(len(told), tuple(each for each in told if announced.matches(each)))


def _require_comment(comment: str) -> None:
    if not comment.strip():
        raise AnnouncementRefused("say why: those who come after you read it in the comment")
    if len(comment) > MAX_COMMENT:
        raise AnnouncementRefused(
            f"the comment has {count(len(comment), 'character')}; at most {MAX_COMMENT} are kept"
        )


def _by(actor: str) -> str:
    return f", by {safe_name(actor)}" if actor else ""
