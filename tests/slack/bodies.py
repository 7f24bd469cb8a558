"""Bodies that Slack takes, and every way to break them."""

from __future__ import annotations

import copy
from typing import Any

from tests.slack.state import JSON

CHANNEL = "C0ALERTS"


def plain(text: str) -> JSON:
    return {"type": "plain_text", "text": text, "emoji": True}


def option(value: str) -> JSON:
    return {"text": plain(value.title()), "value": value}


def card() -> list[JSON]:
    """A message with one block of each kind that matters."""
    acknowledge: JSON = {"type": "button", "action_id": "ack", "text": plain("Acknowledge")}
    acknowledge |= {"style": "primary", "value": "alert-1"}
    snooze: JSON = {"type": "static_select", "action_id": "snooze", "placeholder": plain("Snooze")}
    snooze |= {"options": [option("1h"), option("1d")]}
    more: JSON = {
        "type": "overflow",
        "action_id": "more",
        "options": [option("undo"), option("mute")],
    }
    bold: JSON = {"type": "text", "text": "gpt-4o", "style": {"bold": True}}
    section = {"type": "rich_text_section", "elements": [bold]}
    return [
        {"type": "header", "block_id": "head", "text": plain("acme: $1,284 yesterday")},
        {"type": "section", "block_id": "body", "text": {"type": "mrkdwn", "text": "*+$953*"}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "Budget"}], "accessory": more},
        {"type": "rich_text", "elements": [section]},
        {"type": "actions", "block_id": "buttons", "elements": [acknowledge, snooze]},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "INC-1"}]},
        {"type": "divider"},
    ]


def metadata(**payload: Any) -> JSON:
    return {"event_type": "cost_alert", "event_payload": payload or {"key": "k1", "rev": 1}}


def modal(**changes: Any) -> JSON:
    """A modal with an input of text and one of choice."""
    note: JSON = {
        "type": "plain_text_input",
        "action_id": "text",
        "multiline": True,
        "max_length": 500,
    }
    reason: JSON = {"type": "radio_buttons", "action_id": "choice", "options": [option("planned")]}
    blocks = [
        {"type": "input", "block_id": "note", "label": plain("Note"), "element": note},
        {"type": "input", "block_id": "reason", "label": plain("Reason"), "element": reason},
    ]
    body: JSON = {"type": "modal", "callback_id": "expected", "private_metadata": "alert-1"}
    body |= {"title": plain("Expected"), "submit": plain("Save"), "blocks": blocks}
    return body | changes


def home() -> JSON:
    return {"type": "home", "blocks": card()}


def changed(body: Any, path: str, value: Any) -> Any:
    """The same body with something else at one place; None takes it away."""
    result = copy.deepcopy(body)
    *way, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    place = result
    for part in way:
        place = place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return result


def buttons(count: int) -> list[JSON]:
    return [
        {"type": "button", "action_id": f"a{number}", "text": plain("Go")}
        for number in range(count)
    ]


def sections(count: int, length: int = 10) -> list[JSON]:
    text = {"type": "mrkdwn", "text": "x" * length}
    return [{"type": "section", "text": text} for _ in range(count)]


def _image(**changes: Any) -> JSON:
    image: JSON = {"type": "image", "alt_text": "30 days", "image_url": "https://example.org/a.png"}
    return image | changes


BUTTON, SELECT = "4/elements/0", "4/elements/1"
AT_BUTTON, AT_SELECT = f"/blocks/{BUTTON}", f"/blocks/{SELECT}"
MANY_OPTIONS = [option(f"o{number}") for number in range(101)]
DIALOG = {"title": plain("Sure?"), "text": plain("Yes?"), "confirm": plain("Y"), "deny": plain("N")}
TABLE = {"type": "table", "rows": [[{"type": "raw_text", "text": "a"}] * 21]}
TALL_TABLE = {"type": "table", "rows": [[{"type": "raw_text", "text": "a"}]] * 101}

BROKEN_CARDS: list[tuple[str, Any, str]] = [
    ("0/type", "headline", "/blocks/0/type"),
    ("0/text", {"type": "mrkdwn", "text": "x"}, "/blocks/0/text/type"),
    ("0/text", plain("x" * 151), "/blocks/0/text/text"),
    ("0/text", plain(""), "/blocks/0/text/text"),
    ("0/text", None, "/blocks/0"),
    ("0/colour", "red", "/blocks/0"),
    ("0/block_id", "x" * 256, "/blocks/0/block_id"),
    ("0/block_id", "body", "/blocks"),
    ("1/text/text", "x" * 3001, "/blocks/1/text/text"),
    ("1/text/text", "", "/blocks/1/text/text"),
    ("1/text/text", 5, "/blocks/1/text/text"),
    ("1/text", None, "/blocks/1"),
    ("2/fields/0/text", "x" * 2001, "/blocks/2/fields/0/text"),
    ("2/fields", [plain("x")] * 11, "/blocks/2/fields"),
    ("2/fields", [], "/blocks/2/fields"),
    ("2/accessory/options", [option(str(n)) for n in range(6)], "/blocks/2/accessory/options"),
    ("2/accessory/options", [], "/blocks/2/accessory/options"),
    ("3/elements/0/type", "rich_text_poem", "/blocks/3/elements/0/type"),
    (f"{BUTTON}/text", plain("x" * 76), f"{AT_BUTTON}/text/text"),
    (f"{BUTTON}/value", "x" * 2001, f"{AT_BUTTON}/value"),
    (f"{BUTTON}/action_id", "x" * 256, f"{AT_BUTTON}/action_id"),
    (f"{BUTTON}/action_id", "snooze", "/blocks/4/elements"),
    (f"{BUTTON}/style", "green", f"{AT_BUTTON}/style"),
    (f"{BUTTON}/url", "https://example.org/" + "x" * 3000, f"{AT_BUTTON}/url"),
    (f"{BUTTON}/url", "javascript:alert(1)", f"{AT_BUTTON}/url"),
    (f"{BUTTON}/accessibility_label", "x" * 76, f"{AT_BUTTON}/accessibility_label"),
    (f"{BUTTON}/confirm", DIALOG | {"title": plain("x" * 101)}, f"{AT_BUTTON}/confirm/title/text"),
    (f"{BUTTON}/confirm", DIALOG | {"text": plain("x" * 301)}, f"{AT_BUTTON}/confirm/text/text"),
    (f"{BUTTON}/confirm", DIALOG | {"deny": plain("x" * 31)}, f"{AT_BUTTON}/confirm/deny/text"),
    (f"{SELECT}/options", MANY_OPTIONS, f"{AT_SELECT}/options"),
    (f"{SELECT}/options", None, AT_SELECT),
    (f"{SELECT}/options/0/text", plain("x" * 76), f"{AT_SELECT}/options/0/text/text"),
    (f"{SELECT}/options/0/value", "x" * 151, f"{AT_SELECT}/options/0/value"),
    (f"{SELECT}/options/0/description", plain("x" * 76), f"{AT_SELECT}/options/0/description/text"),
    (f"{SELECT}/placeholder", plain("x" * 151), f"{AT_SELECT}/placeholder/text"),
    (f"{SELECT}/initial_option", option("never"), AT_SELECT),
    ("4/elements", buttons(26), "/blocks/4/elements"),
    ("4/elements", [], "/blocks/4/elements"),
    ("5/elements", [plain("x")] * 11, "/blocks/5/elements"),
    ("6", _image(alt_text="x" * 2001), "/blocks/6/alt_text"),
    ("6", _image(title=plain("x" * 2001)), "/blocks/6/title/text"),
    ("6", _image(image_url="https://example.org/" + "x" * 3000), "/blocks/6/image_url"),
    ("6", _image(image_url="http://10.0.0.1/a.png"), "/blocks/6/image_url"),
    ("6", _image(image_url="http://localhost/a.png"), "/blocks/6/image_url"),
    ("6", {"type": "image", "image_url": "https://example.org/a.png"}, "/blocks/6"),
    ("6", _image(slack_file={"id": "F1"}), "/blocks/6"),
    ("6", {"type": "image", "alt_text": "x", "slack_file": {"id": "F1"}}, "/blocks/6/slack_file"),
    ("6", TABLE, "/blocks/6/rows/0"),
    ("6", TALL_TABLE, "/blocks/6/rows"),
    ("6", {"type": "markdown", "text": "x" * 12_001}, "/blocks"),
]  # fmt: skip
"""What stands at which place, and the place that Slack then names."""

BROKEN_MESSAGES: list[tuple[JSON, str]] = [
    ({"text": None, "blocks": None}, "no_text"),
    ({"text": "", "blocks": []}, "no_text"),
    ({"blocks": {"type": "divider"}}, "invalid_blocks_format"),
    ({"blocks": "not JSON"}, "invalid_blocks_format"),
    ({"blocks": sections(51)}, "invalid_blocks"),
    ({"blocks": sections(4, 2500)}, "msg_blocks_too_long"),
    ({"blocks": [{"type": "actions", "elements": buttons(25)}] * 8}, "msg_blocks_too_long"),
    ({"metadata": "k1"}, "invalid_metadata_format"),
    ({"metadata": {"event_type": "a"}}, "invalid_metadata_schema"),
    ({"metadata": metadata(nested={"a": "b"})}, "invalid_metadata_schema"),
    ({"metadata": metadata(key="x" * 1024)}, "metadata_too_large"),
    ({"markdown_text": "*x*"}, "markdown_text_conflict"),
    ({"attachments": [{"text": "x"}] * 101}, "too_many_attachments"),
    ({"blokcs": []}, "invalid_arguments"),
]
"""Arguments laid over a good message, and the error."""

INPUT = "blocks/0/element"
BROKEN_VIEWS: list[tuple[str, Any, str]] = [
    ("type", "dialog", "/view/type"),
    ("title", None, "/view"),
    ("title", plain("x" * 25), "/view/title/text"),
    ("title", {"type": "mrkdwn", "text": "x"}, "/view/title/type"),
    ("submit", None, "/view/submit"),
    ("submit", plain("x" * 25), "/view/submit/text"),
    ("close", plain("x" * 25), "/view/close/text"),
    ("private_metadata", "x" * 3001, "/view/private_metadata"),
    ("callback_id", "x" * 256, "/view/callback_id"),
    ("blocks", None, "/view"),
    ("blocks", sections(101), "/view/blocks"),
    ("blocks", [{"type": "markdown", "text": "x"}], "/view/blocks/0/type"),
    ("colour", "red", "/view"),
    ("blocks/0/label", plain("x" * 2001), "/view/blocks/0/label/text"),
    ("blocks/0/hint", plain("x" * 2001), "/view/blocks/0/hint/text"),
    ("blocks/0/block_id", "reason", "/view/blocks"),
    (f"{INPUT}/placeholder", plain("x" * 151), "/view/blocks/0/element/placeholder/text"),
    (f"{INPUT}/max_length", 3001, "/view/blocks/0/element/max_length"),
    (f"{INPUT}/min_length", 3001, "/view/blocks/0/element/min_length"),
    (f"{INPUT}/initial_value", "x" * 501, "/view/blocks/0/element/initial_value"),
]
