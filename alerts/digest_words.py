"""How an alert, a silence and a planned event are put into one line of a digest."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from alerts.facts import TEXT_LIMIT
from alerts.kind_words import words_of
from alerts.names import safe_name
from alerts.numbers import count, exact_money, full_day, moment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from alerts.holds import PlannedEvent, Silence
    from alerts.model import Alert

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


def headline(alert: Alert, names: Mapping[str, str]) -> str:
    """Return an alert's number and what it is about.

    Parameters
    ----------
    alert : Alert
    names : mapping of str to str
        Display names by tenant.
    """
    words = words_of(alert.finding, names)
    return f"A-{alert.number} {words.who}: {words.what}"


def age(at: datetime, now: datetime) -> str:
    """Return how long ago something was, in days or hours.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> now = datetime(2026, 11, 13, 8, tzinfo=UTC)
    >>> age(now - timedelta(days=12, hours=3), now), age(now - timedelta(hours=1), now)
    ('12 days', '1 hour')
    """
    passed = now - at
    if passed < _HOUR:
        return "under an hour"
    return count(passed // _DAY, "day") if passed >= _DAY else count(passed // _HOUR, "hour")


def silence_words(silence: Silence, names: Mapping[str, str]) -> str:
    """Return what a silence holds back, until when, by whom and why.

    Parameters
    ----------
    silence : Silence
    names : mapping of str to str
        Display names by tenant.
    """
    what = " ".join(filter(None, (silence.severity, silence.kind or "alert")))
    whose = f" of {_name(silence.tenant, names)}" if silence.tenant else ""
    said = f"{silence.reference}: every {what}{whose} until {moment(silence.ends_at)}"
    return said + _why(silence)


def planned_words(plan: PlannedEvent, names: Mapping[str, str]) -> str:
    """Return who may spend how much, until when, by whom it was announced and why.

    Parameters
    ----------
    plan : PlannedEvent
    names : mapping of str to str
        Display names by tenant.
    """
    ceiling, last = exact_money(plan.ceiling_micro_usd), full_day(plan.last_day)
    said = f"{plan.reference}: {_name(plan.tenant, names)} up to {ceiling} a day until {last}"
    return said + _why(plan)


def _why(announced: Silence | PlannedEvent) -> str:
    # What stands in the settings has the settings for an author: said once is enough.
    author = announced.author if announced.author != announced.reference else ""
    who = f", by {safe_name(author)}" if author else ""
    return f"{who}: {safe_name(announced.comment, TEXT_LIMIT)}" if announced.comment else who


def _name(tenant: str, names: Mapping[str, str]) -> str:
    return safe_name(names.get(tenant, tenant))
