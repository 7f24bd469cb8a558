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
from alerts.model import Change, Notification, Reason
from alerts.policy import decide

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from sqlmodel import Session

    from alerts.model import Alert, AlertRules
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


def take_in(
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
    observed = list(_observed(known, findings, judgement, now, rules))
    taken = _stored(session, _decided(observed))
    changed = tuple(each for each in taken if each.change is not Change.UNCHANGED)
    store.add_decisions(session, [_decision(each, judgement.day, now) for each in changed])
    store.add_notifications(
        session,
        [
            _notification(each, judgement.day, names, receivers, now, spent)
            for each in changed
            if each.notified
        ],
    )
    return Intake(judgement.day, changed)


def _worst_of_each(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Keep one finding a condition: the highest of several thresholds crossed at once."""
    worst: dict[tuple[FindingKind, str, str, str], Finding] = {}
    for finding in findings:
        key = (*_condition(finding), finding.period)
        if key not in worst or finding.magnitude > worst[key].magnitude:
            worst[key] = finding
    return tuple(worst.values())


def _condition(finding: Finding) -> Condition:
    return finding.kind, finding.tenant, finding.subject


def _observed(
    known: Sequence[Alert],
    findings: Iterable[Finding],
    judgement: Judgement,
    now: datetime,
    rules: AlertRules,
) -> Iterator[Taken]:
    """Show each alert its finding, or that the day was judged without one."""
    alike: dict[Condition, list[Alert]] = defaultdict(list)
    for alert in known:
        alike[_condition(alert.finding)].append(alert)
    met: set[int] = set()
    for finding in findings:
        before = match(finding, alike[_condition(finding)], rules)
        if before is None:
            yield _undecided(None, open_alert(finding, now), finding, Change.OPENED)
            continue
        met.add(before.number)
        after, change = observe(before, finding, judgement.day, now, rules)
        yield _undecided(before, after, finding, change)
    for alert in known:
        if alert.number not in met and judgement.judged(alert.kind, alert.tenant):
            after, change = observe(alert, None, judgement.day, now, rules)
            yield _undecided(alert, after, None, change)


def _undecided(
    before: Alert | None, after: Alert, finding: Finding | None, change: Change
) -> Taken:
    return Taken(before, after, finding, change, notified=False, reason=Reason.ALREADY_TOLD)


def _decided(observed: Sequence[Taken]) -> list[Taken]:
    """Decide for each change whether it is told."""
    opened = {_without_cap(each.alert.finding) for each in observed if each.before is None}
    return [
        _with_decision(
            each,
            replaced=each.alert.kind in BUDGETS and _without_cap(each.alert.finding) in opened,
        )
        for each in observed
    ]


def _without_cap(finding: Finding) -> tuple[Condition, str]:
    """Name a budget's period whatever its cap: a changed cap opens another alert of it."""
    return _condition(finding), finding.period.rpartition(" cap ")[0]


def _with_decision(taken: Taken, *, replaced: bool) -> Taken:
    notified, reason = decide(taken.alert, taken.change, replaced=replaced)
    told = notified and taken.finding is not None
    alert = mark_told(taken.alert, taken.finding) if told and taken.finding else taken.alert
    return replace(taken, alert=alert, notified=notified, reason=reason)


def _stored(session: Session, taken: Sequence[Taken]) -> list[Taken]:
    """Store what is new and what moved, and number what is new."""
    moved = [each for each in taken if each.before is not None and each.alert != each.before]
    store.save_alerts(session, [each.alert for each in moved])
    opened = [each for each in taken if each.before is None]
    numbered = store.insert_alerts(session, [each.alert for each in opened])
    fresh = [replace(each, alert=alert) for each, alert in zip(opened, numbered, strict=True)]
    return [*fresh, *moved]


def _decision(taken: Taken, day: date, now: datetime) -> store.Decision:
    return store.Decision(
        alert_number=taken.alert.number,
        day=day,
        change=taken.change,
        reason=taken.reason,
        notified=taken.notified,
        at=now,
    )


def _notification(
    taken: Taken,
    day: date,
    names: Mapping[str, str],
    receivers: Mapping[str, str],
    now: datetime,
    spent: Mapping[str, int],
) -> Notification:
    alert = taken.alert
    receiver = receivers.get(alert.tenant, receivers[""])
    return Notification(
        key=f"{alert.fingerprint}:{alert.revision}:{receiver}",
        alert_number=alert.number,
        receiver=receiver,
        reason=taken.reason,
        message=alert_message(
            alert,
            taken.change,
            names,
            finding=taken.finding,
            revision=_revision(taken, day, spent),
        ),
        created_at=now,
    )


def _revision(taken: Taken, day: date, spent: Mapping[str, int]) -> Revision | None:
    """Say what a day that was judged again cost before and costs now."""
    was = taken.before.on(day) if taken.before else None
    if was is None:
        return None
    now_costs = taken.finding.actual_micro_usd if taken.finding else spent.get(taken.alert.tenant)
    return Revision(day, was.actual_micro_usd, now_costs)
