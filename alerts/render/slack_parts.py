"""The few pieces of Slack's Block Kit that are used here, all of them without any markup.

Text is only ever a ``plain_text`` object or a ``text`` element of rich text. Slack parses neither,
so that a name like ``<!channel>`` calls nobody; ``mrkdwn`` is used nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alerts.letters import cut, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from alerts.model import Line

    Json = dict[str, Any]

HEADER, BUTTON, OPTION, REFERENCE = 150, 75, 75, 150
LABEL, LINE = 75, 1_000
TITLE = 24
_BOLD = {"bold": True}


def plain(text: str, limit: int) -> Json:
    """Return a text object that is shown as it is; ``:names:`` of emoji in it stay words."""
    return {"type": "plain_text", "text": cut(one_line(text), limit) or " ", "emoji": False}


def words(text: str, *, bold: bool = False) -> Json:
    """Return an element of rich text; the text must be neither empty nor too long."""
    element: Json = {"type": "text", "text": text}
    return element | {"style": _BOLD} if bold else element


def header(text: str) -> Json:
    """Return the headline of a message or a page."""
    return {"type": "header", "text": plain(text, HEADER)}


def section(*elements: Json) -> Json:
    """Return a paragraph of rich text."""
    return {"type": "rich_text_section", "elements": list(elements)}


def rich(*elements: Json) -> Json:
    """Return a block of paragraphs and lists."""
    return {"type": "rich_text", "elements": list(elements)}


def paragraph(text: str) -> Json:
    """Return a block of one paragraph."""
    return rich(section(words(cut(one_line(text), LINE) or " ")))


def bullets(items: Iterable[Iterable[Json]]) -> Json:
    """Return a list with a bullet before each item."""
    return {
        "type": "rich_text_list",
        "style": "bullet",
        "elements": [section(*item) for item in items],
    }


def line_of(line: Line, end: str = "") -> list[Json]:
    """Return a labelled line: the label bold, then its text; nothing where both are empty."""
    label, text = one_line(line.label), cut(one_line(line.text), LINE)
    if not label:
        return [words(f"{text}{end}")] if text else []
    said = f" {text}{end}" if text else end
    return [words(cut(label, LABEL), bold=True), *([words(said)] if said else [])]


def lines_of(lines: Sequence[Line]) -> list[Json]:
    """Return the elements of many lines, a line break after each but the last."""
    said = [line for line in lines if line_of(line)]
    return [
        element
        for place, line in enumerate(said, start=1)
        for element in line_of(line, "\n" if place < len(said) else "")
    ]


def button(action_id: str, label: str, value: str, **more: str) -> Json:
    """Return a button; ``value`` is what comes back when it is pressed."""
    text = plain(label, BUTTON)
    return {"type": "button", "action_id": str(action_id), "text": text, "value": value, **more}


def option(text: str, value: str, description: str = "") -> Json:
    """Return one choice of a menu or of radio buttons."""
    choice: Json = {"text": plain(text, OPTION), "value": value}
    return choice | {"description": plain(description, OPTION)} if description else choice


def actions(*elements: Json) -> list[Json]:
    """Return a row of buttons; no block where there are none."""
    return [{"type": "actions", "elements": list(elements)}] if elements else []


def small_print(text: str) -> Json:
    """Return a line in small grey letters."""
    return {"type": "context", "elements": [plain(text, REFERENCE)]}
