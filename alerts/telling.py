"""What changed becomes a decision, and what is told a notification, in the caller's transaction.

Everything that is to be told is a row before anything is sent, so a crash loses nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from alerts import outbox, store
from alerts.addressing import as_graver, heard_before, receivers_of
from alerts.composing import amounts, compose, group_of, with_keys
from alerts.episode import BUDGETS
from alerts.knowledge import heard_of, mark_told
from alerts.model import ANSWERED, HELD_FOR_NOW, Change, Reason
from alerts.policy import Ruling, decide
from alerts.taken import Taken, Told
from detector.model import FindingKind

if TYPE_CHECKING:
    from collections.abc import Sequence, Set
    from datetime import date

    from sqlmodel import Session

    from alerts.addressing import Heard
    from alerts.model import Alert
    from alerts.taken import Telling
    from detector.model import Finding

    Condition = tuple[FindingKind, str, str]


def tell(session: Session, observed: Sequence[Taken], day: date, telling: Telling) -> Told:
    """Decide about every change, store what moved, and write what is told."""
    heard = heard_before(session, observed, telling)
    taken = _stored(session, _grouped(_decided(observed, heard, telling), telling))
    changed = with_keys([each for each in taken if _is_news(each)])
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
    each = [replace(taken, receiver=name) for name in receivers_of(taken, heard, telling)]
    rulings = [_ruling(one, telling) for one in each]
    waiting = next((ruling for ruling in rulings if not ruling.told), None)
    if waiting is None:
        return [_ruled(*one, telling) for one in zip(each, rulings, strict=True)]
    if not any(ruling.told for ruling in rulings):
        return [_ruled(each[0], waiting, telling)]
    # Who sleeps is told later: until then the alert is held back, and its end news to nobody else.
    held = _moved(_kept_back(taken, waiting.reason), taken, telling)
    return [
        replace(one, alert=held, ruling=ruling) for one, ruling in zip(each, rulings, strict=True)
    ]


def _ruling(taken: Taken, telling: Telling) -> Ruling:
    return decide(
        taken.alert,
        taken.change,
        telling.situation,
        receiver=taken.receiver,
        finding=taken.finding,
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


def _grouped(taken: Sequence[Taken], telling: Telling) -> list[Taken]:
    """Turn what would flood a receiver into one message for it; reminders always come as one."""
    news = Counter(group_of(each) for each in taken if each.notified)
    one = Ruling(told=False, reason=Reason.GROUPED)
    most = {True: 1, False: telling.group_above}
    flooded = {group for group, many in news.items() if many > most[group.reminded]}
    return [
        replace(each, ruling=one) if each.notified and group_of(each) in flooded else each
        for each in taken
    ]


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
        detail="; ".join(filter(None, (taken.ruling.detail, amounts(taken, day, telling)))),
        message_key=taken.message_key,
    )
