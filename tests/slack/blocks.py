"""The limits of the blocks of Block Kit, and of all of them together."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.slack.elements import ID_LENGTH, check_element, check_image
from tests.slack.errors import SlackError
from tests.slack.problems import Problems
from tests.slack.schema import block_fits
from tests.slack.state import JSON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
TEXT_TOTAL, JSON_TOTAL = 9_597, 15_561
"""Documented nowhere: the most that was ever seen to be taken."""
MARKDOWN_TOTAL, TABLE_TOTAL = 12_000, 10_000


def check_blocks(blocks: Any, problems: Problems, pointer: str, most: int) -> None:
    """Check a list of blocks: each by schema and by limit, then what they share."""
    problems.count(blocks, 0, most, pointer)
    well_formed = []
    for number, block in enumerate(blocks):
        here = f"{pointer}/{number}"
        if block_fits(block, problems, here):
            well_formed.append(block)
            _check_block(block, problems, here)
    ids = [block["block_id"] for block in well_formed if "block_id" in block]
    problems.unique(ids, "block_id", pointer)
    _check_kinds(well_formed, problems, pointer)


def check_total(blocks: list[JSON]) -> None:
    """Refuse a message that is too long as a whole."""
    text = sum(len(each) for each in texts(blocks))
    size = len(json.dumps(blocks, ensure_ascii=False, separators=(",", ":")))
    if text > TEXT_TOTAL or size > JSON_TOTAL:
        raise SlackError("msg_blocks_too_long")


def texts(value: Any) -> Iterator[str]:
    """Every text that a reader sees."""
    if isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name in ("text", "alt_text") and isinstance(each, str):
                yield each
            else:
                yield from texts(each)


def _check_block(block: JSON, problems: Problems, pointer: str) -> None:
    problems.string(block, "block_id", ID_LENGTH, pointer, least=1)
    check = CHECKS.get(block["type"])
    if check is not None:
        check(block, problems, pointer)


def _check_kinds(blocks: list[JSON], problems: Problems, pointer: str) -> None:
    if sum(block["type"] == "table" for block in blocks) > 1:
        problems.add("only_one_table_allowed", pointer)
    markdown = sum(len(block["text"]) for block in blocks if block["type"] == "markdown")
    if markdown > MARKDOWN_TOTAL:
        problems.add(f"must be less than {MARKDOWN_TOTAL + 1} characters", pointer)


def _header(block: JSON, problems: Problems, pointer: str) -> None:
    problems.text(block, "text", 150, pointer)


def _section(block: JSON, problems: Problems, pointer: str) -> None:
    if "text" not in block and "fields" not in block:
        problems.add("must provide text or fields", pointer)
    problems.text(block, "text", 3000, pointer)
    if "fields" in block:
        problems.count(block["fields"], 1, 10, f"{pointer}/fields")
        for number, each in enumerate(block["fields"]):
            problems.string(each, "text", 2000, f"{pointer}/fields/{number}", least=1)
    if "accessory" in block:
        check_element(block["accessory"], problems, f"{pointer}/accessory")


def _elements(most: int) -> Callable[[JSON, Problems, str], None]:
    def check(block: JSON, problems: Problems, pointer: str) -> None:
        problems.count(block["elements"], 1, most, f"{pointer}/elements")
        for number, element in enumerate(block["elements"]):
            check_element(element, problems, f"{pointer}/elements/{number}")
        ids = [each["action_id"] for each in block["elements"] if "action_id" in each]
        problems.unique(ids, "action_id", f"{pointer}/elements")

    return check


def _input(block: JSON, problems: Problems, pointer: str) -> None:
    problems.text(block, "label", 2000, pointer)
    problems.text(block, "hint", 2000, pointer)
    check_element(block["element"], problems, f"{pointer}/element")


def _table(block: JSON, problems: Problems, pointer: str) -> None:
    problems.count(block["rows"], 1, 100, f"{pointer}/rows")
    for number, row in enumerate(block["rows"]):
        problems.count(row, 1, 20, f"{pointer}/rows/{number}")
    if sum(len(each) for each in texts(block["rows"])) > TABLE_TOTAL:
        problems.add(f"must be less than {TABLE_TOTAL + 1} characters", f"{pointer}/rows")


CHECKS: dict[str, Callable[[JSON, Problems, str], None]] = {
    "actions": _elements(25),
    "context": _elements(10),
    "header": _header,
    "image": check_image,
    "input": _input,
    "section": _section,
    "table": _table,
}
