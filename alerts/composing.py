"""The notifications that tell what happened: one for each change, or one for many of a receiver."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from alerts.grouping import group_message, list_messages
from alerts.holds import plan_of
from alerts.messages import above_plan, alert_message, held_until_now
from alerts.model import UNANSWERED, Change, Reason
from alerts.notice import Message, Notification
from alerts.policy import Ruling
from alerts.revisions import Revision, revision_words
from alerts.verdicts import TEACHING
from detector.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
    from datetime import date

    from alerts.model import AbnormalDay, Alert, Reply
    from alerts.notice import Line, Message
    from alerts.taken import Taken, Telling

_CALLS = frozenset({Change.OPENED, Change.RELEASED, Change.WORSE})
"""For which the owner is called by name."""
_GROUPED_AS = {Change.REMINDED: Reason.REMINDER, Change.ESCALATED: Reason.ESCALATION}
_GROUPED = Ruling(told=False, reason=Reason.GROUPED)


class Group(NamedTuple):
    """With what a change would share a message."""

    receiver: str
    reason: Reason

    @property
    def is_unanswered(self) -> bool:
        """Whether it tells what was told before: all of that is one message."""
        return self.reason in (Reason.REMINDER, Reason.ESCALATION)


def group_of(taken: Taken) -> Group:
    """Return with what a change would share a message.

    Parameters
    ----------
    taken : Taken
    """
    return Group(taken.receiver, _GROUPED_AS.get(taken.change, Reason.GROUPED))


def as_told(stored: Iterable[tuple[Taken, Alert]], flooded: Set[Group]) -> tuple[Taken, ...]:
    """Return each change with the key of the notification that tells it, its own or its group's.

    Parameters
    ----------
    stored : iterable of (Taken, Alert)
        Each with its alert as it is stored.
    flooded : set of Group
        What of them comes as one message.

    Returns
    -------
    tuple of Taken
        What is not told has no key.
    """
    groups: dict[Group, str] = {}
    told = []
    for each, alert in stored:
        group, key, ruling = group_of(each), _key(each) if each.notified else "", each.ruling
        if each.notified and group in flooded:
            key, ruling = groups.setdefault(group, f"group:{key}"), _GROUPED
        told.append(replace(each, alert=alert, ruling=ruling, message_key=key))
    return tuple(told)


def compose(
    taken: Sequence[Taken], day: date, telling: Telling, answers: Mapping[int, Reply]
) -> list[Notification]:
    """Return the notifications that tell these changes.

    Parameters
    ----------
    taken : sequence of Taken
        With their keys, see :func:`as_told`.
    day : date
        The judged day.
    telling : Telling
    answers : mapping of int to Reply
        The newest answer, by the number of an alert that was answered.
    """
    groups: dict[str, list[Taken]] = defaultdict(list)
    for each in taken:
        if each.reason is Reason.GROUPED:
            groups[each.message_key].append(each)
    singles = [
        _notification(each, day, telling, answers.get(each.alert.number))
        for each in taken
        if each.notified
    ]
    alerts = [each.alert for each in taken if each.notified]
    return [
        *singles,
        *(
            _chart(single)
            for alert, single in zip(alerts, singles, strict=True)
            if alert.kind in TEACHING and single.reason is Reason.NEW
            if single.receiver in telling.threaded
        ),
        *(
            notification
            for members in groups.values()
            for notification in _group_notifications(members, day, telling)
        ),
    ]


def amounts(taken: Taken, day: date, telling: Telling) -> str:
    """Return what a day cost that was judged again, and costs now; empty where nothing is known.

    Parameters
    ----------
    taken : Taken
    day : date
        The judged day.
    telling : Telling
    """
    if taken.change not in (Change.REVISED, Change.WITHDRAWN):
        return ""
    return revision_words(_revision(taken, day, telling))


def _notification(taken: Taken, day: date, telling: Telling, answer: Reply | None) -> Notification:
    alert = taken.alert
    message = alert_message(
        alert,
        taken.change,
        telling.names,
        finding=taken.finding,
        revision=_revision(taken, day, telling),
        reply=answer,
        notes=_notes(taken, telling),
    )
    return Notification(
        key=taken.message_key,
        alert_number=alert.number,
        receiver=taken.receiver,
        reason=taken.reason,
        message=replace(message, owner=_owner(taken, message, telling)),
        created_at=telling.situation.now,
        revision=alert.revision,
    )


def _owner(taken: Taken, message: Message, telling: Telling) -> str:
    """Return whom to call by name: nobody, but for critical news."""
    if taken.change not in _CALLS or message.tone != Severity.CRITICAL:
        return ""
    return telling.owners.get(taken.alert.tenant, "")


def _chart(below: Notification) -> Notification:
    """Write that a picture goes below the first word of a spike; it is drawn when it is sent."""
    numbers = below.message.about
    message = Message("notice", "how the last 30 days went", (), (), "", about=numbers)
    return replace(
        below,
        key=f"{below.key}:chart",
        alert_number=None,
        reason=Reason.CHART,
        message=message,
        thread_of=below.key,
    )


def _notes(taken: Taken, telling: Telling) -> list[Line]:
    """Say what was planned, and what had kept the news back."""
    plan = plan_of(taken.finding, telling.situation.plans) if taken.finding else None
    planned = [above_plan(taken.finding, plan)] if taken.finding and plan else []
    held = [held_until_now(taken.held, telling.caught_up_days)] if taken.held else []
    return [*planned, *held]


def _key(taken: Taken) -> str:
    return f"{taken.alert.fingerprint}:{taken.alert.revision}:{taken.receiver}"


def _group_notifications(
    members: Sequence[Taken], day: date, telling: Telling
) -> Iterator[Notification]:
    """Write one message for the news of one receiver, and its list where that goes below it."""
    head = _group_notification(members, day, telling)
    yield head
    if head.receiver not in telling.threaded:
        return
    for place, message in enumerate(list_messages(head.message), 1):
        yield replace(head, key=f"{head.key}:list-{place}", message=message, thread_of=head.key)


def _group_notification(members: Sequence[Taken], day: date, telling: Telling) -> Notification:
    """Write one message for the news of one receiver that was grouped."""
    group = group_of(members[0])
    return Notification(
        key=members[0].message_key,
        alert_number=None,
        receiver=group.receiver,
        reason=group.reason,
        message=group_message([(each.alert, each.change) for each in members], day, telling.names),
        created_at=telling.situation.now,
    )


def _revision(taken: Taken, day: date, telling: Telling) -> Revision | None:
    """Say what a day that was judged again cost, as it was told, and costs now."""
    if taken.held is not None:
        return _revision_held(taken)
    was = taken.before.on(day) if taken.before else None
    if was is None or taken.change in {Change.WOKEN, Change.RELEASED} | UNANSWERED:
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
