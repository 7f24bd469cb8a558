"""Where in config.toml a detection setting goes, and the lines to paste there."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from detector.model import normalise_tenant
from spendwatch.settings_environment import PREFIX
from spendwatch.toml_lines import key_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from spendwatch.toml_lines import Key

_KEY = "detection"


@dataclass(frozen=True, slots=True)
class Place:
    """Lines, and where they go: below a line, in its place, or (``line`` is 0) at the end.

    ``inside`` is said of a line that holds a whole entry. ``variable`` is set where an environment
    variable wins over the file: then nothing that is pasted would have an effect.
    """

    lines: tuple[str, ...]
    line: int = 0
    replaces: bool = False
    inside: bool = False
    variable: str = ""

    def words(self, file: str) -> str:
        """Say where they go."""
        if self.variable:
            return f"{self.variable} is set and wins over {file}; set it instead"
        if not self.line:
            return f"at the end of {file}"
        where = "in place of" if self.replaces else "into the entry of" if self.inside else "below"
        return f"{where} {file}:{self.line}"


def place_for_everyone(
    text: str, setting: str, value: str, variables: Collection[str] = ()
) -> Place:
    """Say where a detection setting of everybody goes in the text of a config.toml."""
    variable = f"{PREFIX}{_KEY}__{setting}".upper()
    if variable in variables:
        return Place((f"{variable}={value}",), variable=variable)
    document = tomllib.loads(text)
    if _KEY not in document:
        return Place((f"[{_KEY}]", f"{setting} = {value}"))
    return _within(text, (_KEY,), document[_KEY], setting, value)


def place_for_tenant(
    text: str,
    tenant: str,
    setting: str,
    value: str,
    *,
    name: str = "",
    canonical: Callable[[str], str] = str,
) -> Place:
    """Say where a detection setting of one tenant goes; one that is not listed gets an entry.

    ``name`` is how people call a tenant that is not listed; ``canonical`` maps an id to the tenant
    it means by now.
    """
    document = tomllib.loads(text)
    listed = document.get("tenants", [])
    for index, entry in enumerate(listed):
        if canonical(normalise_tenant(entry["id"])) == tenant:
            return _of_entry(text, index, entry, setting, value)
    called = [f"name = {_written(name)}"] if name not in ("", tenant) else []
    entry = [f"id = {_written(tenant)}", *called, _inline({}, setting, value)]
    if listed and not _opens_table(text, ("tenants",)):
        return Place((f"{{ {', '.join(entry)} }},",), key_lines(text)["tenants",])
    return Place(("", "[[tenants]]", *entry))


def _of_entry(text: str, index: int, entry: dict[str, Any], setting: str, value: str) -> Place:
    if not _opens_table(text, ("tenants",)):
        line = key_lines(text)["tenants", index, "id"]
        return Place((_inline(entry.get(_KEY, {}), setting, value),), line, inside=True)
    if _KEY in entry:
        return _within(text, ("tenants", index, _KEY), entry[_KEY], setting, value)
    return Place((_inline({}, setting, value),), key_lines(text)["tenants", index, "id"])


def _within(text: str, table: Key, found: dict[str, Any], setting: str, value: str) -> Place:
    """Add a setting to a table that is there, however it is written."""
    lines = key_lines(text)
    own = lines.get((*table, setting), 0)
    if _opens_table(text, table):
        return Place((f"{setting} = {value}",), own or lines[table], replaces=bool(own))
    before, dotted, _ = _line(text, lines[table]).partition(f"{_KEY}.")
    if dotted and not before.strip():
        line = own or lines[table]
        return Place((f"{_KEY}.{setting} = {value}",), line, replaces=bool(own))
    return Place((_inline(found, setting, value),), lines[table], replaces=True)


def _inline(found: dict[str, Any], setting: str, value: str) -> str:
    kept = [f"{key} = {_written(each)}" for key, each in found.items() if key != setting]
    return f"{_KEY} = {{ {', '.join([*kept, f'{setting} = {value}'])} }}"


def _opens_table(text: str, key: Key) -> bool:
    """Whether the line of a key is the header of a table."""
    return _line(text, key_lines(text)[key]).lstrip().startswith("[")


def _line(text: str, number: int) -> str:
    return text.split("\n")[number - 1]


def _written(value: Any) -> str:
    """Write a value as TOML does; a table of settings holds words and numbers alone."""
    return json.dumps(value, ensure_ascii=False)
