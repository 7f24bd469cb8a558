"""What the commands about alerts share: finding one, a tenant, naming it, its facts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from alerts.codec import encode
from alerts.lifecycle import state_at
from alerts.model import AlertState
from alerts.names import safe_name
from alerts.numbers import count
from detector.model import UNATTRIBUTED
from spendwatch.exits import UsageProblem
from spendwatch.settings_types import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from enum import StrEnum

    from alerts.model import Alert
    from alerts.settling import Entry
    from spendwatch.app import App

    E = TypeVar("E", bound=StrEnum)


def as_of(alert: Alert, now: datetime) -> Alert:
    """Return an alert as it is now: a snooze is over when its time is, whoever noted it."""
    state = state_at(alert, now)
    return replace(
        alert,
        state=state,
        snoozed_until=alert.snoozed_until if state is AlertState.SNOOZED else None,
    )


def require_member(kind: type[E], word: str, option: str) -> E:
    """Read one of an option's words, however it is spaced; raises UsageProblem."""
    members = {_plain(member.value): member for member in kind}
    if _plain(word) in members:
        return members[_plain(word)]
    known = [member.value for member in kind]
    raise UsageProblem(f"{option} knows {', '.join(known)}; not {word!r}{nearest(word, known)}")


def require_known_tenant(app: App, tenant: str | None, names: Mapping[str, str]) -> None:
    """Refuse a tenant nobody has heard of: an empty list would look like good news."""
    known = {*names, *app.directory.all_names, UNATTRIBUTED}
    if tenant is not None and tenant not in known:
        raise UsageProblem(
            f"no tenant is known as {safe_name(tenant)!r}{nearest(tenant, known)}; "
            "`spendwatch tenants` lists them"
        )


def facts_of(alert: Alert) -> dict[str, Any]:
    """Return an alert for programs."""
    facts: dict[str, Any] = encode(alert)
    return facts | {"reference": f"A-{alert.number}"}


def message_words(entry: Entry) -> str:
    """Name a message as people look for it: ``message 7 to desk, "Acme: $900 on Tue 6 Oct"``."""
    title = safe_name(entry.title, limit=200)
    return f'message {entry.number} to {safe_name(entry.receiver)}, "{title}"'


def undelivered_words(undelivered: Sequence[Entry]) -> str:
    """Say in one line what people were not told; ``undelivered`` is not empty, newest first."""
    many = f"{count(len(undelivered), 'message')}, the newest: " if len(undelivered) > 1 else ""
    return f"not delivered: {many}{message_words(undelivered[0])}; see `spendwatch outbox list`"


def _plain(word: str) -> str:
    return word.strip().casefold().replace("-", " ").replace("_", " ")
