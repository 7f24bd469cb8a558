"""What is wrong with the settings, as sentences a person can act on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel

from spendwatch.settings_types import nearest, shown
from spendwatch.toml_lines import dotted, line_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from spendwatch.toml_lines import Key

_SHAPES = {
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "dict_type": "must be a table",
    "tuple_type": "must be a list in square brackets",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    ``key`` is where it stands; ``variable`` is set where it concerns an environment variable and
    no key, ``in_file`` where it is about the file whatever the environment says.
    """

    key: Key
    text: str
    variable: str = ""
    in_file: bool = False


@dataclass(frozen=True, slots=True)
class Places:
    """Where each key was set: on a line of the file, or by an environment variable."""

    file: str
    lines: Mapping[Key, int]
    variables: Mapping[Key, str]

    def sentences(self, problems: Iterable[Problem]) -> tuple[str, ...]:
        """Write the problems in the order of the file; the environment comes last."""
        return tuple(self._sentence(problem) for problem in sorted(problems, key=self._order))

    def _variable(self, problem: Problem) -> str:
        if problem.in_file:
            return ""
        return problem.variable or self.variables.get(problem.key[:2], "")

    def _order(self, problem: Problem) -> tuple[bool, int]:
        return bool(self._variable(problem)), line_of(self.lines, problem.key) or 0

    def _sentence(self, problem: Problem) -> str:
        variable = self._variable(problem)
        if variable:
            return f"environment: {variable}: {problem.text}"
        line = line_of(self.lines, problem.key)
        where = self.file if line is None else f"{self.file}:{line}"
        return f"{where}: {dotted(problem.key)}: {problem.text}"


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Give the models an annotation is made of, however deep inside lists and unions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def key_names(model: type[BaseModel]) -> list[str]:
    """Give the keys of a table as people write them; some are no names in Python."""
    return [field.alias or name for name, field in model.model_fields.items()]


def problems_of(error: ValidationError, root: type[BaseModel]) -> list[Problem]:
    """Turn the errors of a validation of ``root`` into problems."""
    return [_problem(detail, root) for detail in error.errors(include_url=False)]


def unknown_key(key: Key, known: Iterable[str]) -> Problem:
    """Say that a key is unknown, and which known one is probably meant."""
    names = sorted(known)
    guess = nearest(str(key[-1]), names) or f"; known here: {', '.join(names)}"
    return Problem(key, f"unknown key{guess}")


def _problem(detail: ErrorDetails, root: type[BaseModel]) -> Problem:
    kind, value = detail["type"], detail["input"]
    key, models = _place(detail["loc"], root)
    if kind.startswith("union_tag"):
        key, models = _place((*detail["loc"], "kind"), root)
        return Problem(key, _not_one_of([_kind_of(model) for model in models], value.get("kind")))
    if kind == "extra_forbidden":
        return unknown_key(key, {name for model in models for name in key_names(model)})
    if kind == "literal_error":
        fields = [model.model_fields[str(key[-1])] for model in models]
        return Problem(key, _not_one_of(get_args(fields[0].annotation), value))
    if kind == "missing":
        return Problem(key, "is required")
    if kind == "value_error":
        return Problem(key, str(detail["ctx"]["error"]))
    return Problem(key, f"{_SHAPES[kind]}, not {shown(value)}")


def _not_one_of(words: Sequence[str], value: Any) -> str:
    listed = ", ".join(repr(word) for word in words)
    guess = nearest(value, words) if isinstance(value, str) else ""
    told = "is required:" if value is None else f"{shown(value)} is not known here; it must be"
    return f"{told} one of {listed}{guess}"


def _place(loc: Key, root: type[BaseModel]) -> tuple[Key, list[type[BaseModel]]]:
    """Give the key as people wrote it, and the models that could hold its last part.

    Between the number of a source and its own keys pydantic names the source's kind, which
    nobody wrote there.
    """
    key: Key = ()
    models: list[type[BaseModel]] = []
    inside: list[type[BaseModel]] = [root]
    named_freely = False
    for part in loc:
        of_kind = [model for model in inside if part == _kind_of(model)]
        if of_kind and len(inside) > 1:
            inside = of_kind
            continue
        key = (*key, part)
        if named_freely:
            named_freely = False
        elif isinstance(part, str):
            models = inside
            fields = [model.model_fields[part] for model in models if part in model.model_fields]
            inside = [model for field in fields for model in models_in(field.annotation)]
            named_freely = any(get_origin(field.annotation) is dict for field in fields)
    return key, models


def _kind_of(model: type[BaseModel]) -> str:
    kind = model.model_fields.get("kind")
    return str(get_args(kind.annotation)[0]) if kind else ""
