"""A message as Slack shows it: a headline, what happened, and buttons to answer with.

Names are inert by the kind of block they stand in (see :mod:`alerts.render.slack_parts`), not by
escaping. Only the one-line ``text``, which phones and screen readers read, has to be escaped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from alerts.letters import ELLIPSIS, cut, one_line
from alerts.model import AlertState, Verb
from alerts.notice import Line
from alerts.numbers import count
from alerts.render.slack_limits import MESSAGE_JSON, MESSAGE_TEXT, TEXT, json_length, text_length
from alerts.render.slack_parts import (
    LABEL,
    actions,
    button,
    header,
    line_of,
    lines_of,
    option,
    plain,
    rich,
    section,
    small_print,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from alerts.notice import Action, Message

OPEN, LIST = "open", "list"
"""The ``action_id`` of the two buttons that answer nothing; of the others it is their verb."""
SNOOZES = {
    "1 hour": timedelta(hours=1),
    "4 hours": timedelta(hours=4),
    "1 day": timedelta(days=1),
    "3 days": timedelta(days=3),
    "1 week": timedelta(weeks=1),
}
_HOUR = timedelta(hours=1)
_TONES = {"critical": "🔴", "warning": "🟠", "notice": "🔵", "calm": "🟢"}
_ANSWERED = {AlertState.ACKNOWLEDGED: "🟡", AlertState.SNOOZED: "🟡", AlertState.DISMISSED: "⚪"}
_MEMBER = re.compile(r"[UW][A-Z0-9]{6,30}")
_VALUE = re.compile(r"([0-9]{1,18})(?::([0-9]{1,18}))?", re.ASCII)
_LINES = 100
_PLAIN, _PLAIN_LINE = 3_500, 500
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# At the border of a word these begin bold, italic, struck or fixed text; their doubles never do.
_MARKS = re.compile(r"(?<!\w)[*_~`]|[*_~`](?!\w)")
_DOUBLES = {"*": "∗", "_": "ˍ", "~": "∼", "`": "ˋ"}


@dataclass(frozen=True, slots=True)
class SlackBody:
    """What ``chat.postMessage`` and ``chat.update`` are given.

    Attributes
    ----------
    text : str
        One escaped line for notifications and screen readers.
    blocks : list of dict
        What is shown instead of it.
    """

    text: str
    blocks: list[dict[str, Any]]


def render_slack(message: Message, alert_number: int | None) -> SlackBody:
    """Return a message for Slack, within all of its limits.

    Parameters
    ----------
    message : Message
    alert_number : int or None
        The alert that its buttons answer; None where it tells of many or of none.

    Returns
    -------
    SlackBody
        What is too long loses lines from its end; never its title, buttons or reference.
    """
    text = escaped(cut(_first_line(message), TEXT))
    kept = min(len(message.lines), _LINES)
    body = SlackBody(text, _blocks(message, kept, alert_number))
    while kept and not _fits(body):
        kept -= 1
        body = SlackBody(text, _blocks(message, kept, alert_number))
    return body


def render_plain(message: Message) -> str:
    """Return a message without blocks, for when Slack refuses them; its commands stand for buttons.

    Parameters
    ----------
    message : Message

    Returns
    -------
    str
        Escaped, at most 3,500 characters; send it with ``parse`` set to ``none``.
    """
    commands = [f"{action.label}: {action.command}" for action in message.actions]
    ends = [escaped(cut(one_line(each), _PLAIN_LINE)) for each in [*commands, message.reference]]
    room = _PLAIN - sum(map(len, ends))
    text = escaped(cut(_first_line(message), TEXT))
    for line in message.lines:
        label = f"{line.label}: " if line.label else "- "
        more = escaped(cut(one_line(f"{label}{line.text}"), _PLAIN_LINE))
        if len(text) + len(more) > room:
            text += f"\n{ELLIPSIS}"
            break
        text += f"\n{more}"
    return cut("\n".join((text, *ends)), _PLAIN)


def escaped(text: str) -> str:
    """Return a text that Slack shows as it is, where it would read markup.

    Parameters
    ----------
    text : str

    Examples
    --------
    >>> escaped("<!channel> & *b* of snake_case")
    '&lt;!channel&gt; &amp; ∗b∗ of snake_case'
    """
    tame = _MARKS.sub(lambda mark: _DOUBLES[mark[0]], text)
    return "".join(_ESCAPES.get(char, char) for char in tame)


def read_value(value: str) -> tuple[int, int | None] | None:
    """Return what a button holds: the alert's number, then what else it says.

    Parameters
    ----------
    value : str
        From the payload of a press.

    Returns
    -------
    tuple or None
        Second is the number of the reply to undo, or for how many hours to snooze; None where it
        says neither. None altogether where no button of ours holds such a value.

    Examples
    --------
    >>> read_value("12:4"), read_value("12"), read_value("12; drop")
    ((12, 4), (12, None), None)
    """
    found = _VALUE.fullmatch(value)
    return (int(found[1]), int(found[2]) if found[2] else None) if found else None


def answer_buttons(offered: Sequence[Action], alert_number: int) -> list[dict[str, Any]]:
    """Return a button for each answer that an alert takes now, and a menu to snooze it.

    Parameters
    ----------
    offered : sequence of Action
        Those without a verb are no answers; of two with the same verb the first counts.
    alert_number : int
    """
    first = {action.verb: action for action in reversed(offered) if action.verb}
    return [
        _BUTTONS[action.verb](action, alert_number)
        for action in offered
        if action.verb and first[action.verb] is action
    ]


def icon_of(tone: str, state: AlertState | None) -> str:
    """Return the coloured circle that says how grave it is, or that it was answered.

    Parameters
    ----------
    tone : str
        As of a message.
    state : AlertState or None
    """
    return (_ANSWERED.get(state) if state else None) or _TONES[tone]


def _first_line(message: Message) -> str:
    return f"[{message.tone}] {one_line(message.title)}"


def _kept(lines: Sequence[Line], kept: int) -> list[Line]:
    """Return the first lines, and one that says how many are missing."""
    missing = len(lines) - kept
    more = [Line("", f"{ELLIPSIS} and {count(missing, 'more line')}")] if missing else []
    return [*lines[:kept], *more]


def _fits(body: SlackBody) -> bool:
    fits = text_length(body.blocks) <= MESSAGE_TEXT
    return fits and json_length(body.text, body.blocks) <= MESSAGE_JSON


def _blocks(message: Message, kept: int, alert_number: int | None) -> list[dict[str, Any]]:
    lines = _kept(message.lines, kept)
    return [
        header(f"{icon_of(message.tone, message.state)} {message.title}"),
        *_rich(_beginning(lines[:1], message.owner)),
        *_rich(lines_of(lines[1:])),
        *actions(*_buttons(message, alert_number)),
        small_print(message.reference),
    ]


def _rich(elements: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [rich(*elements)] if elements else []


def _beginning(lines: Sequence[Line], owner: str) -> list[dict[str, Any]]:
    """Return the first line, and for whom it is."""
    elements = [*(each for line in lines for each in line_of(line)), *_for_whom(owner)]
    return [section(*elements)] if elements else []


def _for_whom(owner: str) -> list[dict[str, Any]]:
    """Name the owner; call a member of the workspace, and nobody else, ever."""
    if _MEMBER.fullmatch(owner):
        return [words(" for "), {"type": "user", "user_id": owner}]
    name = cut(one_line(owner), LABEL)
    return [words(f" for {name}")] if name else []


def _buttons(message: Message, alert_number: int | None) -> list[dict[str, Any]]:
    if alert_number is not None:
        look = button(OPEN, "Open", str(alert_number))
        return [*answer_buttons(message.actions, alert_number), look]
    if not message.about:
        return []
    them = "them" if len(message.about) > 1 else "it"
    return [button(LIST, f"See {them}", LIST)]


def _acknowledge(action: Action, number: int) -> dict[str, Any]:
    return button(Verb.ACKNOWLEDGE, _label(action), str(number), style="primary")


def _dismiss(action: Action, number: int) -> dict[str, Any]:
    return button(Verb.DISMISS, f"{_label(action)}{ELLIPSIS}", str(number))


def _undo(action: Action, number: int) -> dict[str, Any]:
    value = str(number) if action.undoes is None else f"{number}:{action.undoes}"
    return button(Verb.UNDO, _label(action), value)


def _snooze(action: Action, number: int) -> dict[str, Any]:
    return {
        "type": "static_select",
        "action_id": Verb.SNOOZE.value,
        "placeholder": plain(f"{_label(action)}{ELLIPSIS}", _SHORT),
        "options": [option(said, f"{number}:{lasts // _HOUR}") for said, lasts in SNOOZES.items()],
    }


_SHORT = 40
_BUTTONS: Mapping[Verb, Callable[[Action, int], dict[str, Any]]] = {
    Verb.ACKNOWLEDGE: _acknowledge,
    Verb.DISMISS: _dismiss,
    Verb.SNOOZE: _snooze,
    Verb.UNDO: _undo,
}


def _label(action: Action) -> str:
    """Write what it does, as buttons do: with a capital, and never empty."""
    said = cut(one_line(action.label), _SHORT) or str(action.verb)
    return said[:1].upper() + said[1:]
