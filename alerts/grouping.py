"""What one message says of many alerts: what happened to them, the gravest and dearest first."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from alerts.kind_words import words_of
from alerts.messages import ENDS, title_of
from alerts.model import UNANSWERED, Change
from alerts.notice import Action, Line, Message
from alerts.numbers import count, full_day
from detector.model import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from alerts.model import Alert

    News = Sequence[tuple[Alert, Change]]

_SHOWN, _LISTED = 5, 500
_PARTS, _PART, _PART_LINES = 5, 6_000, 90
"""How many messages a list may fill, and how much one of them holds."""
_NEW, _OVER = "new", "over"
_HAPPENED = {
    Change.OPENED: _NEW,
    Change.RELEASED: _NEW,
    Change.WOKEN: "out of their snooze",
    Change.WORSE: "worse",
    Change.REVISED: "revised",
} | dict.fromkeys(ENDS, _OVER)
"""What happened, in the words and the order of a title."""


def group_message(news: News, day: date, names: Mapping[str, str]) -> Message:
    """Return one message about many alerts, the gravest and dearest first, what is over last.

    Parameters
    ----------
    news : sequence of (Alert, Change)
        At least one; either all are reminders or none is.
    day : date
        The judged day.
    names : mapping of str to str
        Display names by tenant id.

    Returns
    -------
    Message
        As grave as the gravest alert that is not over; calm where all are. Five are shown, and
        up to 500 listed.
    """
    ranked = sorted(news, key=_rank)
    gravest, change = ranked[0]
    listed = [_one_of_many(*each, names) for each in ranked[:_LISTED]]
    lines = [Line("Then" if place else "First", said) for place, said in enumerate(listed[:_SHOWN])]
    if len(news) > _LISTED:
        listed.append(f"and {len(news) - _LISTED:,} more")
    if len(news) > _SHOWN:
        lines.append(Line("More", count(len(news) - _SHOWN, "other")))
    return Message(
        tone="calm" if change in ENDS else gravest.severity.value,
        title=_title(news, day),
        lines=tuple(lines),
        actions=(Action("see all", "spendwatch alerts list"),),
        reference="told in one message",
        about=tuple(alert.number for alert, _ in ranked),
        listed=tuple(listed),
    )


def list_messages(message: Message) -> list[Message]:
    """Return the list of a message about many alerts, in as few messages as can hold it.

    Parameters
    ----------
    message : Message
        Of :func:`group_message`.

    Returns
    -------
    list of Message
        At most five; what they cannot hold is counted at the end. Empty where the message itself
        shows all of them.
    """
    if len(message.listed) <= _SHOWN:
        return []
    parts: list[list[str]] = [[]]
    for place, said in enumerate(message.listed):
        if sum(map(len, parts[-1])) + len(said) > _PART or len(parts[-1]) >= _PART_LINES:
            if len(parts) == _PARTS:
                parts[-1].append(f"and {len(message.about) - place:,} more")
                break
            parts.append([])
        parts[-1].append(said)
    return [
        Message(
            tone=message.tone,
            title=f"all of them, {place} of {len(parts)}" if len(parts) > 1 else "all of them",
            lines=tuple(Line("", said) for said in part),
            actions=(),
            reference="spendwatch alerts list",
        )
        for place, part in enumerate(parts, 1)
    ]


def _title(news: News, day: date) -> str:
    """Say what happened to them: one word where it is the same of all, else how many each."""
    said = _counted(Counter(alert.kind.value for alert, _ in news))
    many = count(len(news), "alert")
    if any(change in UNANSWERED for _, change in news):
        return f"{many} still unanswered: {said}"
    happened = Counter(_HAPPENED[change] for _, change in news)
    if set(happened) == {_OVER}:
        return f"{many} are over on {full_day(day)}: {said}"
    if set(happened) != {_NEW}:
        each = dict.fromkeys(_HAPPENED.values())
        moved = ", ".join(f"{happened[what]} {what}" for what in each if happened[what])
        said = f"{moved} ({said})"
    return f"{many} at once on {full_day(day)}: {said}"


def _counted(kinds: Counter[str]) -> str:
    return ", ".join(count(many, kind) for kind, many in kinds.most_common())


def _rank(each: tuple[Alert, Change]) -> tuple[bool, int, int, int]:
    alert, change = each
    grave, dear = list(Severity).index(alert.severity), abs(alert.finding.excess_micro_usd)
    return change in ENDS, grave, -dear, alert.number


def _one_of_many(alert: Alert, change: Change, names: Mapping[str, str]) -> str:
    said = Change.UNCHANGED if change in UNANSWERED else change
    return f"A-{alert.number} {title_of(alert, words_of(alert.finding, names), said)}"
