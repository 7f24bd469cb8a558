"""The few pieces of Slack's Block Kit that are used here, all of them without any markup.

Text is only ever a ``plain_text`` object or a ``text`` element of rich text. Slack parses neither,
so that a name like ``<!channel>`` calls nobody; ``mrkdwn`` is used nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alerts.letters import cut, one_line
from alerts.notice import Line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
    label, text = one_line(line.label), _text_of(line)
    if not label:
        return [words(f"{text}{end}")] if text else []
    said = f" {text}{end}" if text else end
    return [words(cut(label, LABEL), bold=True), *([words(said)] if said else [])]


def lines_of(lines: Iterable[Line]) -> list[Json]:
    """Return the paragraphs and lists of many lines.

    Neighbours with the same label become a list below it, and those without a label go on with the
    list of the line before them.
    """
    elements: list[Json] = []
    paragraph_of: list[Line] = []
    for head, items in map(_listed, _grouped(lines)):
        paragraph_of.append(head)
        if items:
            elements += [*_joined(paragraph_of), bullets([words(item)] for item in items)]
            paragraph_of = []
    return [*elements, *_joined(paragraph_of)]


def _grouped(lines: Iterable[Line]) -> list[list[Line]]:
    groups: list[list[Line]] = []
    for line in lines:
        if groups and line.label in ("", groups[-1][0].label):
            groups[-1].append(line)
        else:
            groups.append([line])
    return groups


def _listed(group: Sequence[Line]) -> tuple[Line, list[str]]:
    """Return the line above a list, and the items of the list."""
    head, *others = group
    if any(line.label == head.label for line in others):
        head, others = Line(head.label, ""), list(group)
    return head, [text for text in map(_text_of, others) if text]


def _joined(lines: Iterable[Line]) -> list[Json]:
    """Return a paragraph with a line break between two lines; none where all are empty."""
    said = [line for line in lines if line_of(line)]
    ended = [line_of(line, "\n") for line in said[:-1]] + [line_of(line) for line in said[-1:]]
    return [section(*(each for line in ended for each in line))] if said else []


def _text_of(line: Line) -> str:
    return cut(one_line(line.text), LINE)


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
