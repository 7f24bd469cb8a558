"""WHAT A DIGEST SAYS: what need not wake anybody, and that somebody has looked at all.

Pure functions of what happened since the last one. A digest says also that all is quiet, and never
says so where nobody has looked: a day that was not judged comes first in it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from alerts.digest_words import age, headline, planned_words, silence_words
from alerts.interim import OFF, only_of
from alerts.knowledge import unanswered_since
from alerts.lifecycle import state_at
from alerts.model import AlertState
from alerts.names import safe_name
from alerts.notice import Action, Line, Message
from alerts.numbers import count, day_list, full_day, moment, money
from detector.model import UNATTRIBUTED, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from alerts.interim import HeldBack, Interim, Reader
    from alerts.model import Alert

_OLDEST, _SHOWN = 5, 3


def digest_message(interim: Interim, reader: Reader) -> Message:
    """Return the digest of one receiver.

    Parameters
    ----------
    interim : Interim
        Of the whole installation: what is not the receiver's own is left out here.
    reader : Reader

    Returns
    -------
    Message
        As grave as the gravest alert that is open; at least a warning where a day was not judged,
        a source is silent or a message was given up; else calm.
    """
    own = only_of(reader, interim)
    every = "" if reader.schedule.every == OFF else f"{reader.schedule.every} "
    alarming = [*_unjudged(interim), *_blind(interim), *_undelivered(own)]
    said = ", ".join([*alarming, *_waiting(own)]) or "all quiet"
    to = f" to {full_day(max(interim.judged))}" if interim.judged else ""
    return Message(
        tone=_tone(own, alarming=bool(alarming)),
        title=f"{every}digest{to}: {said}",
        lines=(*_about(interim, own, reader), *_lists(own, reader), *_announced(own, reader)),
        actions=_actions(interim, own),
        reference=f"for {safe_name(reader.receiver)}",
        about=_numbers(own),
    )


def _numbers(own: Interim) -> tuple[int, ...]:
    """Return which alerts it tells of: those that wait first, then the others, each once."""
    told = [*own.unanswered, *own.lasting, *(each.alert for each in own.held_back)]
    return tuple(dict.fromkeys(alert.number for alert in told))


def _tone(own: Interim, *, alarming: bool) -> str:
    grave = {alert.severity.value for alert in own.lasting if own.is_open(alert)}
    if alarming:
        grave.add(Severity.WARNING.value)
    return next((each.value for each in Severity if each.value in grave), "calm")


def _unjudged(interim: Interim) -> Iterator[str]:
    if interim.since is None:
        yield "NO DAY WAS EVER JUDGED"
    elif interim.days and not interim.judged:
        yield f"NO DAY WAS JUDGED since {moment(interim.since)}"
    elif len(interim.judged) < len(interim.days):
        missing = len(interim.days) - len(interim.judged)
        yield f"{missing} of {count(len(interim.days), 'day')} not judged"


def _blind(interim: Interim) -> Iterator[str]:
    if interim.blind:
        yield f"no usage from {count(len(interim.blind), 'source')}"


def _undelivered(own: Interim) -> Iterator[str]:
    if own.undelivered:
        yield f"{count(sum(own.undelivered.values()), 'message')} not delivered"


def _waiting(own: Interim) -> Iterator[str]:
    many, held = len(own.unanswered), len(own.held_back)
    in_hand = sum(not own.is_open(alert) for alert in own.lasting)
    if many:
        yield f"{count(many, 'alert')} need{'s' if many == 1 else ''} an answer"
    if held:
        yield f"{held:,} held back"
    if in_hand:
        yield f"{in_hand:,} in hand"


def _about(interim: Interim, own: Interim, reader: Reader) -> Iterator[Line]:
    """Say which time this is about, and what it cost."""
    begins = f"{moment(interim.since)} to " if interim.since else "up to "
    yield Line("Period", f"{begins}{moment(interim.until)}")
    yield Line("Judged", _judged(interim))
    for alert in interim.blind:
        # Whoever hears of the source has it among the alerts, until it is answered.
        if alert not in own.unanswered:
            yield Line("Data", f"missing: {headline(alert, reader.names)}")
    if own.undelivered:
        each = ", ".join(
            f"{many:,} to {safe_name(name)}" for name, many in sorted(own.undelivered.items())
        )
        total = count(sum(own.undelivered.values()), "message")
        yield Line("Lost", f"{total} could not be delivered and will not be tried again: {each}")
    if interim.judged:
        yield Line("Spent", _spent(own))


def _judged(interim: Interim) -> str:
    missing = [day for day in interim.days if day not in interim.judged]
    if not interim.days:
        return "nothing yet" if interim.since is None else "no day had to be"
    judged = sorted(interim.judged)
    said = f"{count(len(judged), 'day')}: {day_list(judged)}" if judged else "nothing"
    if not missing:
        return said
    return f"{said}; NOT {day_list(missing)}, so nobody would have been told of anything then"


def _spent(own: Interim) -> str:
    least = "at least " if own.unpriced else ""
    tenants = sum(cost > 0 for tenant, cost in own.spent.items() if tenant != UNATTRIBUTED)
    nobody = own.spent.get(UNATTRIBUTED, 0)
    rest = f", {money(nobody)} of it with no tenant" if nobody else ""
    return f"{least}{money(sum(own.spent.values()))} by {count(tenants, 'tenant')}{rest}"


def _lists(own: Interim, reader: Reader) -> Iterator[Line]:
    """Say what lasts, what was held back and what is over already."""
    names = reader.names
    yield from _listed(
        "Open",
        [
            f"{headline(alert, names)}{_grave(alert)}; unanswered for "
            f"{age(unanswered_since(alert), own.until)}"
            for alert in own.unanswered
        ],
        _OLDEST,
    )
    for label, state in (("On it", AlertState.ACKNOWLEDGED), ("Snoozed", AlertState.SNOOZED)):
        yield from _listed(label, _answered(own, state, names), _SHOWN)
    yield from _held(own.held_back, names)
    kept = {each.alert.number for each in own.held_back}
    over = Counter(alert.kind.value for alert in own.ended if alert.number not in kept)
    if over:
        kinds = ", ".join(count(many, kind) for kind, many in over.most_common())
        yield Line("Over", f"came and went: {kinds}")


def _answered(own: Interim, state: AlertState, names: Mapping[str, str]) -> list[str]:
    """Say what was answered and lasts, so that it is not forgotten: the oldest answer first."""
    found = [
        (
            answer.at if (answer := own.answers.get(alert.number)) else alert.updated_at,
            answer,
            alert,
        )
        for alert in own.lasting
        if state_at(alert, own.until) is state
    ]
    said = []
    for at, answer, alert in sorted(found, key=lambda each: (each[0], each[2].number)):
        who = f" by {safe_name(answer.actor)}" if answer else ""
        until = f", until {moment(alert.snoozed_until)}" if alert.snoozed_until else ""
        said.append(f"{headline(alert, names)}; {state}{who} {age(at, own.until)} ago{until}")
    return said


def _held(kept: Sequence[HeldBack], names: Mapping[str, str]) -> Iterator[Line]:
    reasons = Counter(each.reason.value for each in kept)
    said = [f"{many:,} {reason}" for reason, many in reasons.most_common()]
    if said:
        yield Line("Held back", ", ".join(said))
    yield from _listed(
        "",
        [
            f"{headline(each.alert, names)} ({each.reason}{', over' if each.alert.ended else ''})"
            for each in kept
        ],
        _SHOWN,
    )


def _announced(own: Interim, reader: Reader) -> Iterator[Line]:
    """Say what will be held back, so that no silence is forgotten."""
    today = own.until.astimezone(reader.schedule.zone).date()
    silences = sorted(own.silences, key=lambda each: each.ends_at)
    plans = [plan for plan in own.plans if plan.first_day <= today and not plan.over(today)]
    yield from _listed("Silence", [silence_words(each, reader.names) for each in silences], _SHOWN)
    yield from _listed("Planned", [planned_words(each, reader.names) for each in plans], _SHOWN)


def _listed(label: str, texts: Sequence[str], most: int) -> Iterator[Line]:
    for text in texts[:most]:
        yield Line(label, text)
    if len(texts) > most:
        yield Line(label, f"and {len(texts) - most:,} more")


def _grave(alert: Alert) -> str:
    return ", critical" if alert.severity is Severity.CRITICAL else ""


def _actions(interim: Interim, own: Interim) -> tuple[Action, ...]:
    actions = [Action("see all", "spendwatch alerts list")]
    if own.unanswered:
        oldest = own.unanswered[0].number
        actions.insert(0, Action("answer the oldest", f"spendwatch alerts ack {oldest}"))
    if own.undelivered:
        actions.append(Action("see what was lost", "spendwatch outbox list --state dead"))
    if any(_unjudged(interim)):
        actions.insert(0, Action("judge now", "spendwatch once"))
    return tuple(actions)
