"""The JSON schema of Block Kit, asked block by block so that the place of a mistake is known."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft7Validator, ValidationError  # type: ignore[import-untyped]
from jsonschema.exceptions import best_match  # type: ignore[import-untyped]
from jsonschema.validators import extend  # type: ignore[import-untyped]

from tests.slack.state import JSON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.slack.problems import Problems

DOCUMENT = json.loads((Path(__file__).parent / "post_message.schema.json").read_text())
DEFINITIONS = DOCUMENT["definitions"]


def _kinds(schema: JSON) -> frozenset[str]:
    """Name the values of ``type`` that a schema allows; none if it does not say."""
    if "$ref" in schema:
        return _kinds_of(schema["$ref"].rsplit("/", 1)[1])
    if "anyOf" in schema:
        return frozenset().union(*map(_kinds, schema["anyOf"]))
    const = schema.get("properties", {}).get("type", {}).get("const")
    return frozenset([const] if const else [])


@cache
def _kinds_of(name: str) -> frozenset[str]:
    return _kinds(DEFINITIONS[name])


BLOCKS = {
    kind: name
    for name in (each["$ref"].rsplit("/", 1)[1] for each in DEFINITIONS["KnownBlock"]["anyOf"])
    for kind in _kinds_of(name)
}
"""The definition of each kind of block."""


def _any_of(validator: Any, choices: list[JSON], value: Any, schema: JSON) -> Iterator[Any]:
    """Look only at what the value says it is: faster, and the mistake is found where it is."""
    kind = value.get("type") if isinstance(value, dict) else None
    if isinstance(kind, str) and all(_kinds(each) for each in choices):
        choices = [each for each in choices if kind in _kinds(each)]
        if not choices:
            yield ValidationError(f"unsupported type: {kind}", path=["type"])
            return
    if len(choices) == 1:
        yield from validator.descend(value, choices[0])
    else:
        yield from Draft7Validator.VALIDATORS["anyOf"](validator, choices, value, schema)


Strict = extend(Draft7Validator, {"anyOf": _any_of})


@cache
def _validator(name: str) -> Any:
    return Strict({"$ref": f"#/definitions/{name}", "definitions": DEFINITIONS})


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
