"""What changed becomes a decision, and what is told a notification, in the caller's transaction.

Everything that is to be told is a row before anything is sent, so a crash loses nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from alerts import outbox, store
from alerts.addressing import as_graver, heard_before, receivers_of
from alerts.composing import amounts, as_told, compose, group_of
from alerts.episode import BUDGETS
from alerts.knowledge import heard_of, mark_told
from alerts.model import ANSWERED, HELD_FOR_NOW, UNANSWERED, Change, Reason
from alerts.policy import decide
from alerts.taken import Taken, Told
from detector.model import FindingKind

if TYPE_CHECKING:
    from collections.abc import Sequence, Set
    from datetime import date

    from sqlmodel import Session

    from alerts.addressing import Heard
    from alerts.composing import Group
    from alerts.model import Alert
    from alerts.policy import Ruling
    from alerts.taken import Telling
    from detector.model import Finding

    Condition = tuple[FindingKind, str, str]


def tell(session: Session, observed: Sequence[Taken], day: date, telling: Telling) -> Told:
    """Decide about every change, store what moved, and write what is told."""
    heard = heard_before(session, observed, telling)
    decided = _decided(observed, heard, telling)
    stored = [each for each in _stored(session, decided) if _is_news(each[0])]
    changed = as_told(stored, _flooded(decided, telling))
    store.add_decisions(session, [_decision(each, day, telling) for each in changed])
    answers = store.newest_answers(
        session, [each.alert.number for each in changed if each.notified and _was_answered(each)]
    )
    outbox.add_notifications(session, compose(changed, day, telling, answers))
    return Told(day, changed)


def condition(finding: Finding) -> Condition:
    """Name what a finding is about, whatever its period and value."""
    return finding.kind, finding.tenant, finding.subject


def _decided(observed: Sequence[Taken], heard: Heard, telling: Telling) -> list[Taken]:
    """Decide for each change whether it is told, and to whom."""
    return [
        ruled
        for each in map(_as_first_news, _as_removed(_as_replaced(observed), telling))
        for ruled in _addressed(as_graver(each, heard, telling), heard, telling)
    ]


def _addressed(taken: Taken, heard: Heard, telling: Telling) -> list[Taken]:
    """Decide for everybody to whom it is news."""
    rulings = {name: _ruling(taken, name, telling) for name in receivers_of(taken, heard, telling)}
    waiting = next((name for name, ruling in rulings.items() if not ruling.told), None)
    if waiting is None:
        return [_ruled(taken, name, ruling, telling) for name, ruling in rulings.items()]
    if not any(ruling.told for ruling in rulings.values()):
        return [_ruled(taken, waiting, rulings[waiting], telling)]
    # Who sleeps is told later: until then the alert is held back, and its end news to nobody else.
    held = _moved(_kept_back(taken, rulings[waiting].reason), taken, telling)
    return [
        replace(taken, alert=held, receiver=name, ruling=ruling) for name, ruling in rulings.items()
    ]


def _ruling(taken: Taken, receiver: str, telling: Telling) -> Ruling:
    return decide(
        taken.alert, taken.change, telling.situation, receiver=receiver, finding=taken.finding
    )


def _as_first_news(taken: Taken) -> Taken:
    """Turn news of what nobody heard of into its first: it cannot be worse or revised."""
    held = taken.alert.held
    if held and not taken.alert.announced and taken.change in (Change.WORSE, Change.REVISED):
        return replace(taken, change=Change.RELEASED, held=held)
    if taken.before is not None and _begins(taken) and not heard_of(taken.alert):
        return replace(taken, change=Change.RELEASED)  # it had ended before anybody heard of it
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


def _as_removed(observed: Sequence[Taken], telling: Telling) -> list[Taken]:
    """Tell of a budget that is not in the settings any more: nothing else has come to an end."""
    return [
        replace(each, change=Change.REMOVED) if _is_removed(each, telling) else each
        for each in observed
    ]


def _is_removed(taken: Taken, telling: Telling) -> bool:
    finding = taken.alert.finding
    budget = finding.budget if finding.kind in BUDGETS else None
    if telling.budgets is None or budget is None or taken.change is not Change.RESOLVED:
        return False
    over = taken.alert.judged_day >= budget.ends_on
    return not over and (finding.tenant, finding.subject, budget.period) not in telling.budgets


def _replaced(observed: Sequence[Taken]) -> Set[str]:
    """Pick the budget alerts of whose budget another one tells, by fingerprint.

    Its cap was changed, or what was forecast is spent by now: that is no good news.
    """
    budgets = [each for each in observed if each.alert.kind in BUDGETS]
    opened = {_without_cap(each.alert.finding) for each in budgets if _begins(each)}
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


def _ruled(taken: Taken, receiver: str, ruling: Ruling, telling: Telling) -> Taken:
    """Mark the alert as told, or as held back for now."""
    if ruling.told:
        return replace(taken, alert=_told(taken, telling), receiver=receiver, ruling=ruling)
    if taken.change in UNANSWERED:
        return replace(taken, change=Change.UNCHANGED)  # not due after all: nothing is noted
    kept = _kept_back(taken, ruling.reason)
    return replace(taken, alert=kept, receiver=receiver, ruling=ruling)


def _told(taken: Taken, telling: Telling) -> Alert:
    """Note what people know by now; what is told has a revision of its own, as its key needs."""
    alert = mark_told(taken.alert, taken.finding, taken.change, telling.situation.now)
    return _moved(alert, taken, telling)


def _moved(alert: Alert, taken: Taken, telling: Telling) -> Alert:
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


def _flooded(taken: Sequence[Taken], telling: Telling) -> Set[Group]:
    """Pick what would flood a receiver, and so becomes one message; reminders always do."""
    news = Counter(group_of(each) for each in taken if each.notified)
    most = {True: 1, False: telling.group_above}
    return {group for group, many in news.items() if many > most[group.is_unanswered]}


def _is_news(taken: Taken) -> bool:
    """Whether anything happened that was not noted before."""
    return taken.change is not Change.UNCHANGED


def _was_answered(taken: Taken) -> bool:
    """Whether a person had answered what speaks now."""
    return taken.before is not None and taken.before.state in ANSWERED


def _stored(session: Session, taken: Sequence[Taken]) -> list[tuple[Taken, Alert]]:
    """Store what is new and what moved; return it with its alert, by now numbered."""
    moved = [each for each in taken if each.before is not None and each.alert != each.before]
    store.save_alerts(session, [each.alert for each in moved])
    opened = [each for each in taken if each.before is None]
    numbered = store.insert_alerts(session, [each.alert for each in opened])
    fresh = zip(opened, numbered, strict=True)
    return [*fresh, *((each, each.alert) for each in moved)]


def _decision(taken: Taken, day: date, telling: Telling) -> store.Decision:
    return store.Decision(
        alert_number=taken.alert.number,
        day=min(day, taken.alert.judged_day),  # time moves on without a judgement
        change=taken.change,
        reason=taken.reason,
        notified=taken.notified,
        at=telling.situation.now,
        detail="; ".join(filter(None, (taken.ruling.detail, amounts(taken, day, telling)))),
        message_key=taken.message_key,
    )
