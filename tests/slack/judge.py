"""Whether Slack would take a message or a view."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.slack.blocks import MESSAGE_BLOCKS, VIEW_BLOCKS, check_blocks, check_total
from tests.slack.errors import SlackError
from tests.slack.problems import Problems
from tests.slack.schema import fits
from tests.slack.state import JSON

if TYPE_CHECKING:
    from collections.abc import Callable

METADATA_BYTES = 1024
VIEW_BYTES = 250 * 1024
MARKDOWN_TEXT = 12_000
UPDATE_TEXT = 4_000
MAX_ATTACHMENTS = 100
MESSAGE_ARGUMENTS = {
    "attachments", "blocks", "channel", "client_msg_id", "icon_emoji", "icon_url", "link_names",
    "markdown_text", "metadata", "mrkdwn", "parse", "reply_broadcast", "text", "thread_ts", "ts",
    "unfurl_links", "unfurl_media", "user", "username",
}  # fmt: skip
VIEW_FIELDS = {
    "blocks", "callback_id", "clear_on_close", "close", "external_id", "notify_on_close",
    "private_metadata", "submit", "submit_disabled", "title", "type",
}  # fmt: skip
ONLY_IN_MESSAGES = {"file", "markdown", "table"}


def check_message(arguments: JSON, file_is_ready: Callable[[str], bool]) -> None:
    """Refuse a message that Slack would refuse."""
    if unknown := sorted(arguments.keys() - MESSAGE_ARGUMENTS):
        raise SlackError("invalid_arguments", [f"unknown argument: {each}" for each in unknown])
    blocks = arguments.get("blocks")
    _check_is_said(arguments, blocks)
    if blocks is not None:
        _check_message_blocks(blocks, file_is_ready)
    if len(arguments.get("attachments") or []) > MAX_ATTACHMENTS:
        raise SlackError("too_many_attachments")
    if arguments.get("metadata"):
        _check_metadata(arguments["metadata"])


def _check_is_said(arguments: JSON, blocks: Any) -> None:
    if "markdown_text" in arguments:
        if blocks or arguments.get("text"):
            raise SlackError("markdown_text_conflict")
        if len(arguments["markdown_text"]) > MARKDOWN_TEXT:
            raise SlackError("msg_too_long")
    said = [arguments.get(name) for name in ("text", "markdown_text", "blocks", "attachments")]
    if not any(said):
        raise SlackError("no_text")
    if not isinstance(arguments.get("text", ""), str):
        raise SlackError("invalid_arguments", ["must be a string [json-pointer:/text]"])


def _check_message_blocks(blocks: Any, file_is_ready: Callable[[str], bool]) -> None:
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    problems = Problems()
    check_blocks(blocks, problems, "/blocks", MESSAGE_BLOCKS)
    _check_files(blocks, file_is_ready, problems, "/blocks")
    if problems.found:
        raise SlackError("invalid_blocks", problems.found)
    check_total(blocks)


def _check_files(
    value: Any, file_is_ready: Callable[[str], bool], problems: Problems, pointer: str
) -> None:
    if isinstance(value, list):
        for number, each in enumerate(value):
            _check_files(each, file_is_ready, problems, f"{pointer}/{number}")
    elif isinstance(value, dict):
        file = value.get("slack_file")
        if isinstance(file, dict) and "id" in file and not file_is_ready(file["id"]):
            problems.add("invalid slack file", f"{pointer}/slack_file")
        for name, each in value.items():
            _check_files(each, file_is_ready, problems, f"{pointer}/{name}")


def _check_metadata(metadata: Any) -> None:
    if not isinstance(metadata, dict):
        raise SlackError("invalid_metadata_format")
    problems = Problems()
    if fits("MessageMetadata", metadata, problems, "/metadata"):
        for name, value in metadata["event_payload"].items():
            if isinstance(value, (dict, list)):
                problems.add("must be a flat value", f"/metadata/event_payload/{name}")
    if problems.found:
        raise SlackError("invalid_metadata_schema", problems.found)
    if len(json.dumps(metadata, ensure_ascii=False).encode()) > METADATA_BYTES:
        raise SlackError("metadata_too_large")


def check_update_text(arguments: JSON) -> None:
    """Refuse an edit whose text is longer than an edit's may be."""
    if len(arguments.get("text") or "") > UPDATE_TEXT:
        raise SlackError("msg_too_long")


def check_view(view: Any, kind: str) -> None:
    """Refuse a view that Slack would refuse; ``kind`` is modal or home."""
    if not isinstance(view, dict):
        raise SlackError("invalid_arguments", ["must provide an object [json-pointer:/view]"])
    if len(json.dumps(view, ensure_ascii=False).encode()) > VIEW_BYTES:
        raise SlackError("view_too_large")
    problems = Problems()
    _check_view_shape(view, kind, problems)
    blocks = view.get("blocks")
    if isinstance(blocks, list):
        check_blocks(blocks, problems, "/view/blocks", VIEW_BLOCKS)
        _check_view_blocks(view, blocks, problems)
    if problems.found:
        raise SlackError("invalid_arguments", problems.found)


def _check_view_shape(view: JSON, kind: str, problems: Problems) -> None:
    if view.get("type") != kind:
        problems.add(f"must be {kind}", "/view/type")
    for name in sorted(view.keys() - VIEW_FIELDS):
        problems.add(f"additional property: {name}", "/view")
    if not isinstance(view.get("blocks"), list):
        problems.add("missing required field: blocks", "/view")
    if kind == "modal" and "title" not in view:
        problems.add("missing required field: title", "/view")
    for name in ("title", "submit", "close"):
        if name in view and fits("PlainTextElement", view[name], problems, f"/view/{name}"):
            problems.text(view, name, 24, "/view")
    for name, most in {"private_metadata": 3000, "callback_id": 255, "external_id": 255}.items():
        problems.string(view, name, most, "/view")


def _check_view_blocks(view: JSON, blocks: list[Any], problems: Problems) -> None:
    kinds = [block.get("type") for block in blocks if isinstance(block, dict)]
    for number, kind in enumerate(kinds):
        if kind in ONLY_IN_MESSAGES:
            problems.add(f"unsupported type: {kind}", f"/view/blocks/{number}/type")
    if view.get("type") == "modal" and "input" in kinds and "submit" not in view:
        problems.add("must define submit to use an input block in modals", "/view/submit")
