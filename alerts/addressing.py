"""To whom a change is news: who is told now, and whoever was told before where it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from alerts import store
from alerts.messages import ENDS
from alerts.model import ANSWERED, Change

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlmodel import Session

    from alerts.taken import Taken, Telling

    Heard = Mapping[int, Mapping[str, Change]]
    """The newest word of an alert, by its number and the receiver."""

_SILENT = frozenset({Change.UPDATED, Change.UNCHANGED})


def heard_before(session: Session, observed: Sequence[Taken], telling: Telling) -> Heard:
    """Return what receivers were told last of those alerts where that matters."""
    asked = [each.alert.number for each in observed if _matters(each, telling)]
    return store.heard_last(session, asked)


def as_graver(taken: Taken, heard: Heard, telling: Telling) -> Taken:
    """Turn what is so grave now that somebody else is told into news for that one.

    It may have grown by so little that who was told before needs no other word.
    """
    known = heard.get(taken.alert.number, {})
    if not _may_be_graver(taken, telling) or telling.receiver_of(taken.alert) in known:
        return taken
    if telling.routes.receivers_below(taken.alert).isdisjoint(known):
        return taken
    return replace(taken, change=Change.WORSE)


def receivers_of(taken: Taken, heard: Heard, telling: Telling) -> tuple[str, ...]:
    """Return who is told: of an end whoever was told the beginning, and can still be told."""
    if taken.change is Change.ESCALATED:
        second = telling.second_of(taken.alert)
        return (second,) if second else ()
    believing = [
        receiver
        for receiver, last in heard.get(taken.alert.number, {}).items()
        if taken.change in ENDS and last not in ENDS and _is_reachable(receiver, telling)
    ]
    return tuple(believing) or (telling.receiver_of(taken.alert),)


def _matters(taken: Taken, telling: Telling) -> bool:
    return taken.change in ENDS or _may_be_graver(taken, telling)


def _may_be_graver(taken: Taken, telling: Telling) -> bool:
    """Whether people know that it lasts, nobody is on it, and its newest day is what was judged."""
    alert, finding = taken.alert, taken.finding
    return (
        telling.routes.by_severity
        and taken.change in _SILENT
        and finding is not None
        and finding.day == alert.finding.day
        and alert.announced
        and not alert.ended
        and alert.state not in ANSWERED
    )


def _is_reachable(receiver: str, telling: Telling) -> bool:
    return telling.reachable is None or receiver in telling.reachable
