"""What changed becomes a decision, and what is told a notification, in the caller's transaction.

Everything that is to be told is a row before anything is sent, so a crash loses nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from alerts import outbox, store
from alerts.episode import BUDGETS
from alerts.holds import plan_of
from alerts.knowledge import mark_told
from alerts.messages import (
    Revision,
    above_plan,
    alert_message,
    group_message,
    held_until_now,
)
from alerts.model import ANSWERED, Change, Notification, Reason
from alerts.policy import Ruling, decide
from detector.model import FindingKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set
    from datetime import date

    from sqlmodel import Session

    from alerts.model import AbnormalDay, Alert, AlertRules, Line, Reply
    from alerts.policy import Situation
    from detector.model import Finding

    Condition = tuple[FindingKind, str, str]

HELD_FOR_NOW = frozenset(
    {Reason.SILENCED, Reason.PLANNED, Reason.LEARNING, Reason.QUIET_HOURS, Reason.LATE}
)
"""Reasons that pass by themselves: the news is decided again once they have."""
_UNDECIDED = Ruling(told=False, reason=Reason.ALREADY_TOLD)


@dataclass(frozen=True, slots=True)
class Telling:
    """What must be known to tell anything.

    Attributes
    ----------
    names : mapping of str to str
        Display names by tenant.
    receivers : mapping of str to str
        Who is told, by tenant; "" is everybody else.
    spent : mapping of str to int
        The judged day's cost by tenant, so that a withdrawn alert can say what it costs now.
    group_above : int
        More news than this for one receiver, from one run, becomes one message.
    caught_up_days : int
        Days that were judged late before this, so that the message says so.
    """

    names: Mapping[str, str]
    receivers: Mapping[str, str]
    rules: AlertRules
    situation: Situation
    spent: Mapping[str, int] = field(default_factory=dict)
    group_above: int = 20
    caught_up_days: int = 0

    def receiver_of(self, alert: Alert) -> str:
        """Return who is told of an alert."""
        return self.receivers.get(alert.tenant, self.receivers[""])


@dataclass(frozen=True, slots=True)
class Taken:
    """What happened to one alert, and whether that is told.

    ``before`` is None where the alert was opened; ``finding`` is None where its condition does
    not hold any more; ``held`` is what had kept the news back until now.
    """

    before: Alert | None
    alert: Alert
    finding: Finding | None
    change: Change
    ruling: Ruling = _UNDECIDED
    held: Reason | None = None

    @property
    def notified(self) -> bool:
        """Whether a notification of its own was written."""
        return self.ruling.told

    @property
    def reason(self) -> Reason:
        """Why it was told or held back."""
        return self.ruling.reason


@dataclass(frozen=True, slots=True)
class Told:
    """What one run changed; what it left as it was is not listed."""

    day: date
    taken: tuple[Taken, ...] = ()

    @property
    def changes(self) -> Mapping[Change, int]:
        """How many alerts changed, by what happened."""
        return Counter(each.change for each in self.taken)

    @property
    def told(self) -> int:
        """How many changes were told by a message of their own."""
        return sum(each.notified for each in self.taken)

    @property
    def held_back(self) -> Mapping[Reason, int]:
        """How many changes were held back, by reason."""
        return Counter(each.reason for each in self.taken if not each.notified)


def tell(session: Session, observed: Sequence[Taken], day: date, telling: Telling) -> Told:
    """Decide about every change, store what moved, and write what is told."""
    taken = _stored(session, _grouped(_decided(observed, telling), telling))
    changed = tuple(each for each in taken if _is_news(each))
    store.add_decisions(session, [_decision(each, day, telling) for each in changed])
    answers = store.newest_answers(
        session, [each.alert.number for each in changed if each.notified and _was_answered(each)]
    )
    single = [
        _notification(each, day, telling, answers.get(each.alert.number))
        for each in changed
        if each.notified
    ]
    outbox.add_notifications(session, [*single, *_group_notifications(changed, day, telling)])
    return Told(day, changed)


def condition(finding: Finding) -> Condition:
    """Name what a finding is about, whatever its period and value."""
    return finding.kind, finding.tenant, finding.subject


def _decided(observed: Sequence[Taken], telling: Telling) -> list[Taken]:
    """Decide for each change whether it is told."""
    return [
        _ruled(
            each,
            decide(
                each.alert,
                each.change,
                telling.situation,
                receiver=telling.receiver_of(each.alert),
                finding=each.finding,
            ),
            telling,
        )
        for each in map(_as_first_news, _as_replaced(observed))
    ]


def _as_first_news(taken: Taken) -> Taken:
    """Turn news of what nobody heard of into its first: it cannot be worse or revised."""
    held = taken.alert.held
    if held and not taken.alert.announced and taken.change in (Change.WORSE, Change.REVISED):
        return replace(taken, change=Change.RELEASED, held=held)
    return taken


def _as_replaced(observed: Sequence[Taken]) -> list[Taken]:
    """Turn the end of a budget alert of whose budget another one tells into no end of its own."""
    replaced = _replaced(observed)
    return [
        replace(each, change=Change.REPLACED)
        if each.change is Change.RESOLVED and each.alert.fingerprint in replaced
        else each
        for each in observed
    ]


def _replaced(observed: Sequence[Taken]) -> Set[str]:
    """Pick the budget alerts of whose budget another one tells, by fingerprint.

    Its cap was changed, or what was forecast is spent by now: that is no good news.
    """
    opened = {_without_cap(each.alert.finding) for each in observed if _begins(each)}
    budgets = [each for each in observed if each.alert.kind in BUDGETS]
    spent = {
        _budget_of(each.finding): each.finding.magnitude
        for each in budgets
        if each.finding and each.alert.kind is FindingKind.BUDGET_THRESHOLD
    }
    return {
        each.alert.fingerprint
        for each in budgets
        if _without_cap(each.alert.finding) in opened
        or spent.get(_budget_of(each.alert.finding), 0) >= each.alert.finding.magnitude
    }


def _begins(taken: Taken) -> bool:
    """Whether it is in force now and was not before."""
    before = taken.before
    return not taken.alert.ended and (before is None or before.ended)


def _budget_of(finding: Finding) -> tuple[str, str, str]:
    """Name a budget's period and cap, whatever was found of it."""
    return finding.tenant, finding.subject, finding.period


def _without_cap(finding: Finding) -> tuple[Condition, str]:
    """Name a budget's period whatever its cap: a changed cap opens another alert of it."""
    return condition(finding), finding.period.rpartition(" cap ")[0]


def _ruled(taken: Taken, ruling: Ruling, telling: Telling) -> Taken:
    """Mark the alert as told, or as held back for now."""
    if ruling.told:
        return replace(taken, alert=_told(taken, telling), ruling=ruling)
    if taken.change is Change.REMINDED:
        return replace(taken, change=Change.UNCHANGED)  # not due after all: nothing is noted
    return replace(taken, alert=_kept_back(taken, ruling.reason), ruling=ruling)


def _told(taken: Taken, telling: Telling) -> Alert:
    """Note what people know by now; what is told has a revision of its own, as its key needs."""
    alert = mark_told(taken.alert, taken.finding, taken.change, telling.situation.now)
    if taken.before is not None and alert.revision == taken.before.revision:
        return replace(alert, revision=alert.revision + 1, updated_at=telling.situation.now)
    return alert


def _kept_back(taken: Taken, reason: Reason) -> Alert:
    """Note what is decided anew once its reason has passed."""
    alert, change = taken.alert, taken.change
    if change is Change.REPLACED:
        return replace(alert, held=None, announced=False)  # the other alert tells of it
    if reason not in HELD_FOR_NOW or change is Change.UPDATED:
        return alert
    return replace(alert, held=reason)


def _grouped(taken: Sequence[Taken], telling: Telling) -> list[Taken]:
    """Turn what would flood a receiver into one message for it; reminders always come as one."""
    news = Counter(_group(each, telling) for each in taken if each.notified)
    one = Ruling(told=False, reason=Reason.GROUPED, detail="told in one message with others")
    most = {True: 1, False: telling.group_above}
    flooded = {group for group, many in news.items() if many > most[group.reminded]}
    return [
        replace(each, ruling=one) if each.notified and _group(each, telling) in flooded else each
        for each in taken
    ]


class _Group(NamedTuple):
    receiver: str
    reminded: bool


def _group(taken: Taken, telling: Telling) -> _Group:
    """Say with what a change would share a message."""
    return _Group(telling.receiver_of(taken.alert), taken.change is Change.REMINDED)


def _is_news(taken: Taken) -> bool:
    """Whether anything happened that was not noted before."""
    return taken.change is not Change.UNCHANGED


def _was_answered(taken: Taken) -> bool:
    """Whether a person had answered what speaks now."""
    return taken.before is not None and taken.before.state in ANSWERED


def _stored(session: Session, taken: Sequence[Taken]) -> list[Taken]:
    """Store what is new and what moved, and number what is new."""
    moved = [each for each in taken if each.before is not None and each.alert != each.before]
    store.save_alerts(session, [each.alert for each in moved])
    opened = [each for each in taken if each.before is None]
    numbered = store.insert_alerts(session, [each.alert for each in opened])
    fresh = [replace(each, alert=alert) for each, alert in zip(opened, numbered, strict=True)]
    return [*fresh, *moved]


def _decision(taken: Taken, day: date, telling: Telling) -> store.Decision:
    return store.Decision(
        alert_number=taken.alert.number,
        day=min(day, taken.alert.judged_day),  # time moves on without a judgement
        change=taken.change,
        reason=taken.reason,
        notified=taken.notified,
        at=telling.situation.now,
        detail=taken.ruling.detail,
    )


def _notification(taken: Taken, day: date, telling: Telling, answer: Reply | None) -> Notification:
    alert, receiver = taken.alert, telling.receiver_of(taken.alert)
    return Notification(
        key=_key(taken, receiver),
        alert_number=alert.number,
        receiver=receiver,
        reason=taken.reason,
        message=alert_message(
            alert,
            taken.change,
            telling.names,
            finding=taken.finding,
            revision=_revision(taken, day, telling),
            reply=answer,
            notes=_notes(taken, telling),
        ),
        created_at=telling.situation.now,
    )


def _notes(taken: Taken, telling: Telling) -> list[Line]:
    """Say what was planned, and what had kept the news back."""
    plan = plan_of(taken.finding, telling.situation.plans) if taken.finding else None
    planned = [above_plan(taken.finding, plan)] if taken.finding and plan else []
    held = [held_until_now(taken.held, telling.caught_up_days)] if taken.held else []
    return [*planned, *held]


def _key(taken: Taken, receiver: str) -> str:
    return f"{taken.alert.fingerprint}:{taken.alert.revision}:{receiver}"


def _group_notifications(taken: Sequence[Taken], day: date, telling: Telling) -> list[Notification]:
    """Write one message for each receiver whose news was grouped."""
    groups: dict[_Group, list[Taken]] = defaultdict(list)
    for each in taken:
        if each.reason is Reason.GROUPED:
            groups[_group(each, telling)].append(each)
    return [
        Notification(
            key=f"group:{_key(members[0], group.receiver)}",
            alert_number=None,
            receiver=group.receiver,
            reason=Reason.REMINDER if group.reminded else Reason.GROUPED,
            message=group_message(
                [(each.alert, each.change) for each in members], day, telling.names
            ),
            created_at=telling.situation.now,
        )
        for group, members in groups.items()
    ]


def _revision(taken: Taken, day: date, telling: Telling) -> Revision | None:
    """Say what a day that was judged again cost, as it was told, and costs now."""
    if taken.held is not None:
        return _revision_held(taken)
    was = taken.before.on(day) if taken.before else None
    if was is None or taken.change in (Change.WOKEN, Change.REMINDED):
        return None
    now_costs = telling.spent.get(taken.alert.tenant)
    if taken.finding:
        now_costs = taken.finding.actual_micro_usd
    return Revision(day, _as_told(was), now_costs)


def _revision_held(taken: Taken) -> Revision | None:
    """Say the same of what was held back, as far as the alert itself still knows it."""
    about = taken.finding or taken.alert.finding
    if taken.change is Change.WITHDRAWN:
        return Revision(about.day, about.actual_micro_usd)
    known = taken.alert.on(about.day)
    before = taken.before.on(about.day) if taken.before else None
    if taken.change is not Change.REVISED or known is None or before is None:
        return None
    return Revision(about.day, _as_told(before), about.actual_micro_usd)


def _as_told(judged: AbnormalDay) -> int | None:
    """Return a day's cost as people were told it; as it was judged where they were not."""
    if judged.actual_micro_usd is None or not judged.told_micro_usd:
        return judged.actual_micro_usd
    return judged.actual_micro_usd - judged.excess_micro_usd + judged.told_micro_usd
