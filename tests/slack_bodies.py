"""What is asked of everything that goes to Slack: the schema, the limits, no markup, no mention."""

from __future__ import annotations

import json
import os
from pathlib import Path

from jsonschema import Draft7Validator

from alerts.render.slack_limits import problems, view_problems

HERE = Path(__file__).resolve().parent
GOLDEN = HERE / "golden" / "slack"
SCHEMA = json.loads((HERE / "slack" / "post_message.schema.json").read_text(encoding="utf-8"))
POST = Draft7Validator(SCHEMA)
BLOCK = Draft7Validator({"$ref": "#/definitions/KnownBlock", "definitions": SCHEMA["definitions"]})
SPEAKING = {"text", "plain_text"}


def is_sound(body):
    """Assert that Slack takes a message."""
    assert problems(body) == []
    assert not list(POST.iter_errors({"channel": "C1", "text": body.text, "blocks": body.blocks}))
    assert_inert(body.blocks)


def is_sound_view(view):
    """Assert that Slack takes a modal or a home page."""
    assert view_problems(view) == []
    assert [error for block in view["blocks"] for error in BLOCK.iter_errors(block)] == []
    assert_inert(view)


def assert_inert(body):
    """Assert that whatever is read stands in an element that Slack never parses."""
    for part in parts(body):
        if isinstance(part.get("text"), str):
            assert part["type"] in SPEAKING
        assert part.get("type") not in ("mrkdwn", "markdown", "link", "broadcast", "usergroup")
        assert part.get("emoji", False) is False


def parts(value):
    """Everything that has fields of its own."""
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from parts(each)
    elif isinstance(value, list):
        for each in value:
            yield from parts(each)


def texts(body):
    """All that is read, in order."""
    return [part["text"] for part in parts(body) if isinstance(part.get("text"), str)]


def looks_as(name, value):
    """Assert that JSON is that of a golden file; ``make golden`` writes it."""
    path = GOLDEN / f"{name}.json"
    text = json.dumps(value, ensure_ascii=False, indent=1) + "\n"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text
