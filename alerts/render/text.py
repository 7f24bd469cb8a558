"""A message as text: plain for files and logs, with a coloured title for a terminal."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from alerts.notice import Message

_COLOURS = {"critical": "1;31", "warning": "1;33", "notice": "1;36", "calm": "1;32"}
_INDENT = "  "
_NARROWEST = 40


def render_text(message: Message, *, colour: bool, width: int = 100) -> str:
    """Return a message as lines of text, without a line break at the end.

    The title stands out by its tone in brackets, and in colour where that is wished; every other
    line is indented, so that no line of a message can pass for anything else. Commands are never
    broken, because people copy them.

    Parameters
    ----------
    message : Message
    colour : bool
        Colour the title by ANSI codes; without it there is no escape sequence at all.
    width : int
        Columns to wrap at; at least 40 are used.

    Returns
    -------
    str
    """
    room = max(width, _NARROWEST)
    title = _wrap(message.title, room, first=f"[{message.tone}] ", then=_INDENT)
    if colour:
        code = _COLOURS[message.tone]
        title = [f"\x1b[{code}m{line}\x1b[0m" for line in title]
    return "\n".join((*title, *_body(message, room)))


def _body(message: Message, width: int) -> Iterator[str]:
    labels = [line.label for line in message.lines] + ["Do"]
    column = len(_INDENT) + max(map(len, labels)) + 2
    for line in message.lines:
        yield from _wrap(line.text, width, first=_label(line.label, column), then=" " * column)
    longest = max((len(action.label) for action in message.actions), default=0)
    for index, action in enumerate(message.actions):
        label = _label("Do" if index == 0 else "", column)
        yield f"{label}{action.label + ':':<{longest + 2}}{action.command}"
    yield f"{_INDENT}{message.reference}"


def _label(label: str, column: int) -> str:
    return f"{_INDENT}{label:<{column - len(_INDENT)}}"


def _wrap(text: str, width: int, *, first: str, then: str) -> list[str]:
    """Break text at spaces, wide characters counted twice; a word too long is cut."""
    lines, line, used = [], first, len(first)
    fresh = True
    for word in _words(text, width - max(len(first), len(then))):
        size = _columns(word)
        if not fresh and used + 1 + size > width:
            lines.append(line)
            line, used, fresh = then, len(then), True
        line += word if fresh else f" {word}"
        used += size + (not fresh)
        fresh = False
    return [*lines, line]


def _words(text: str, most: int) -> Iterator[str]:
    """Split text into words of at most ``most`` columns."""
    for word in text.split():
        part, used = "", 0
        for char in word:
            size = _columns(char)
            if used + size > most:
                yield part
                part, used = "", 0
            part, used = part + char, used + size
        yield part


def _columns(text: Iterable[str]) -> int:
    return sum(_char_columns(char) for char in text)


def _char_columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
