"""What Slack takes: the lengths and numbers of Block Kit, and of a message as a whole.

Slack refuses a body with one field too long as a whole, and the alert with it. What is written here
can be asked before a body is sent. References: https://docs.slack.dev/reference/block-kit; the
totals of a message are documented nowhere, these are well below what is known to be refused.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

from alerts.letters import length

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MESSAGE_BLOCKS, VIEW_BLOCKS = 10, 100
TEXT, MESSAGE_TEXT, MESSAGE_JSON = 150, 8_000, 12_000
VIEW_JSON = 250_000
PARAGRAPH = 3_000
"""The text of one block."""
_ELEMENTS = {"actions": 25, "context": 10}
_OPTIONS = {"static_select": 100, "radio_buttons": 10, "overflow": 5}
_KINDS = frozenset({"header", "rich_text", "section", "actions", "context", "divider", "input"})
# Length from and to, by type and field; a field that holds a text object is measured in it.
_LENGTHS: dict[str, dict[str, tuple[int, int]]] = {
    "header": {"text": (1, 150)},
    "section": {"text": (1, 3_000)},
    "input": {"label": (1, 2_000), "hint": (1, 2_000)},
    "button": {"text": (1, 75), "value": (1, 2_000), "action_id": (1, 255)},
    "static_select": {"placeholder": (1, 150), "action_id": (1, 255)},
    "radio_buttons": {"action_id": (1, 255)},
    "plain_text_input": {"placeholder": (1, 150), "action_id": (1, 255)},
    "option": {"text": (1, 75), "value": (1, 150), "description": (1, 75)},
    "plain_text": {"text": (1, 3_000)},
    "text": {"text": (1, 3_000)},
    "modal": {"title": (1, 24), "submit": (1, 24), "close": (1, 24),
              "private_metadata": (0, 3_000), "callback_id": (1, 255)},
}  # fmt: skip


class Body(Protocol):
    """What is sent as a message."""

    @property
    def text(self) -> str:
        """What is read where no blocks are shown."""

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """What is shown."""


def problems(body: Body) -> list[str]:
    """Return why Slack would refuse a message; empty where nothing is wrong with it.

    Parameters
    ----------
    body : Body
        A message; its ``text`` is counted as it is read, without the escapes.
    """
    read = unescaped(body.text)
    return [
        *_outside("text", length(read), (1, TEXT)),
        *_blocks(body.blocks, MESSAGE_BLOCKS),
        *_outside("all text", text_length(body.blocks), (1, MESSAGE_TEXT)),
        *_outside("all JSON", json_length(body.text, body.blocks), (1, MESSAGE_JSON)),
    ]


def view_problems(view: Mapping[str, Any]) -> list[str]:
    """Return why Slack would refuse a modal or a home page.

    Parameters
    ----------
    view : mapping
        As it is given to ``views.open`` or ``views.publish``.
    """
    return [
        *_fields(view, "view"),
        *_blocks(view["blocks"], VIEW_BLOCKS),
        *_outside("all JSON", len(json.dumps(view)), (1, VIEW_JSON)),
    ]


def unescaped(text: str) -> str:
    """Return what a reader sees of a text that was escaped for Slack."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def text_length(blocks: Sequence[Mapping[str, Any]]) -> int:
    """Return the length of all that is read in blocks."""
    return sum(length(each["text"]) for each in _parts(blocks) if isinstance(each.get("text"), str))


def json_length(text: str, blocks: Sequence[Mapping[str, Any]]) -> int:
    """Return the length of a message on its way to Slack."""
    body = {"text": text, "blocks": blocks}
    return len(json.dumps(body, ensure_ascii=False, separators=(",", ":")))


def _blocks(blocks: Sequence[Mapping[str, Any]], most: int) -> Iterator[str]:
    yield from _outside("blocks", len(blocks), (1, most))
    ids = Counter(block["block_id"] for block in blocks if "block_id" in block)
    yield from (f"block_id {each} is there {many} times" for each, many in ids.items() if many > 1)
    for number, block in enumerate(blocks):
        if block["type"] not in _KINDS:
            yield f"block {number}: unknown type {block['type']}"
        for part in _parts(block):
            yield from _fields(part, f"block {number}")


def _fields(part: Mapping[str, Any], where: str) -> Iterator[str]:
    """Say what is wrong with one part alone."""
    kind = part.get("type", "option")
    if kind == "mrkdwn":
        yield f"{where}: mrkdwn, in which names are not inert"
    for field, limits in _LENGTHS.get(kind, {}).items():
        if field in part:
            yield from _outside(f"{where}: {kind} {field}", length(_text_in(part[field])), limits)
    yield from _counts(part, kind, where)


def _counts(part: Mapping[str, Any], kind: str, where: str) -> Iterator[str]:
    if kind in _OPTIONS:
        options = part["options"]
        yield from _outside(f"{where}: {kind} options", len(options), (1, _OPTIONS[kind]))
        yield from _twice([each["value"] for each in options], f"{where}: option")
    if kind in _ELEMENTS:
        elements = part["elements"]
        yield from _outside(f"{where}: {kind} elements", len(elements), (1, _ELEMENTS[kind]))
        yield from _twice([each.get("action_id") for each in elements], f"{where}: action_id")
    if kind.startswith("rich_text") and not part["elements"]:
        yield f"{where}: empty {kind}"


def _text_in(field: Any) -> str:
    return field if isinstance(field, str) else str(field["text"])


def _twice(names: Sequence[str | None], what: str) -> Iterator[str]:
    for name, many in Counter(names).items():
        if name is not None and many > 1:
            yield f"{what} {name} is there {many} times"


def _outside(what: str, size: int, limits: tuple[int, int]) -> Iterator[str]:
    least, most = limits
    if not least <= size <= most:
        yield f"{what}: {size:,}, not {least:,} to {most:,}"


def _parts(value: Any) -> Iterator[Mapping[str, Any]]:
    """Walk through everything that has fields of its own."""
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from _parts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _parts(each)
