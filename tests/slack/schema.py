"""The JSON schema of Block Kit, asked block by block so that the place of a mistake is known."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft7Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import best_match  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from tests.slack.problems import Problems

DOCUMENT = json.loads((Path(__file__).parent / "post_message.schema.json").read_text())
DEFINITIONS = DOCUMENT["definitions"]


def _const_types(name: str) -> list[str]:
    definition = DEFINITIONS[name]
    shapes = definition.get("anyOf", [definition])
    return [shape["properties"]["type"]["const"] for shape in shapes]


BLOCKS = {
    kind: name
    for name in (each["$ref"].rsplit("/", 1)[1] for each in DEFINITIONS["KnownBlock"]["anyOf"])
    for kind in _const_types(name)
}
"""The definition of each kind of block."""


@cache
def _validator(name: str) -> Draft7Validator:
    return Draft7Validator({"$ref": f"#/definitions/{name}", "definitions": DEFINITIONS})


def fits(name: str, value: Any, problems: Problems, pointer: str) -> bool:
    """Whether a value has the shape of a definition; what is wrong is noted with its place."""
    error = best_match(_validator(name).iter_errors(value))
    if error is None:
        return True
    path = "".join(f"/{part}" for part in error.absolute_path)
    problems.add(error.message[:200], f"{pointer}{path}")
    return False


def block_fits(block: Any, problems: Problems, pointer: str) -> bool:
    """Whether a block is of a known kind and has its shape."""
    kind = block.get("type") if isinstance(block, dict) else None
    if not isinstance(kind, str) or kind not in BLOCKS:
        problems.add(f"unsupported type: {kind}", f"{pointer}/type")
        return False
    return fits(BLOCKS[kind], block, problems, pointer)
