"""A day's judgement into alerts, decisions and notifications, within the caller's transaction.

Everything that is to be told is a row before anything is sent, so a crash loses nothing; a day
taken in again changes nothing, so nothing is told twice.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from alerts import store
from alerts.lifecycle import BUDGETS, fingerprint, mark_told, match, observe, open_alert
from alerts.messages import Revision, alert_message
from alerts.model import Change, Notification
from alerts.policy import decide

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from sqlmodel import Session

    from alerts.model import Alert, AlertRules, Reason
    from detector.model import Finding, FindingKind, Judgement

    Condition = tuple[FindingKind, str, str]

_NOTHING_SPENT: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class Taken:
    """What the judgement did to one alert, and whether that is told.

    ``before`` is None where the alert was opened; ``finding`` is None where its condition does
    not hold any more.
    """

    before: Alert | None
    alert: Alert
    finding: Finding | None
    change: Change
    notified: bool
    reason: Reason


@dataclass(frozen=True, slots=True)
class Intake:
    """What one judgement changed; what it left as it was is not listed."""

    day: date
    taken: tuple[Taken, ...] = ()

    @property
    def changes(self) -> Mapping[Change, int]:
        """How many alerts changed, by what happened."""
        return Counter(each.change for each in self.taken)

    @property
    def told(self) -> int:
        """How many notifications were written."""
        return sum(each.notified for each in self.taken)

    @property
    def held_back(self) -> Mapping[Reason, int]:
        """How many changes were held back, by reason."""
        return Counter(each.reason for each in self.taken if not each.notified)


def take_in(  # noqa: PLR0913 - what a judgement meets in one transaction; a bundle would hide it
    session: Session,
    judgement: Judgement,
    names: Mapping[str, str],
    receivers: Mapping[str, str],
    now: datetime,
    rules: AlertRules,
    spent: Mapping[str, int] = _NOTHING_SPENT,
) -> Intake:
    """Take one day's judgement in.

    ``receivers`` says who is told by tenant, with "" for everybody else; ``spent`` is the judged
    day's cost by tenant, so that a withdrawn alert can say what the day costs now.
    """
    findings = _worst_of_each(judgement.findings)
    periods = {fingerprint(each, each.day) for each in findings if each.period}
    known = store.alerts_touching(session, judgement.day, periods)
    observed = _observe_all(known, findings, judgement, now, rules)
    observed = _stored(session, observed)
    taken = _decided(observed)
    store.add_decisions(session, [_decision(each, judgement.day, now) for each in taken])
    notifications = [
        _notification(each, judgement.day, names, receivers, now, spent)
        for each in taken
        if each.notified
    ]
    store.add_notifications(session, notifications)
    return Intake(judgement.day, taken)
