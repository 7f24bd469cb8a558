"""A list of what is wrong with a body, each with the place where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.slack.state import JSON


@dataclass
class Problems:
    """Collects what is wrong; the wording is Slack's."""

    found: list[str] = field(default_factory=list)

    def add(self, what: str, pointer: str) -> None:
        """Note a mistake and its place."""
        self.found.append(f"{what} [json-pointer:{pointer}]")

    def string(self, owner: JSON, name: str, most: int, pointer: str, least: int = 0) -> None:
        """Check the length of a string, if it is there."""
        if isinstance(value := owner.get(name), str):
            self._length(value, most, f"{pointer}/{name}", least)

    def text(self, owner: JSON, name: str, most: int, pointer: str) -> None:
        """Check the length of a text object, if it is there; an empty one is refused too."""
        if isinstance(value := owner.get(name), dict):
            self._length(value.get("text", ""), most, f"{pointer}/{name}/text", 1)

    def count(self, items: list[Any], least: int, most: int, pointer: str) -> None:
        """Check how many there are."""
        if len(items) > most:
            self.add(f"no more than {most} items allowed", pointer)
        elif len(items) < least:
            self.add(f"must provide at least {least} items", pointer)

    def url(self, owner: JSON, name: str, pointer: str) -> None:
        """Check an address, if it is there."""
        value = owner.get(name)
        if value is None:
            return
        self.string(owner, name, 3000, pointer, least=1)
        if urlsplit(value).scheme not in ("http", "https", "mailto", "slack"):
            self.add("must be a valid URI", f"{pointer}/{name}")

    def unique(self, values: list[str], what: str, pointer: str) -> None:
        """Check that no two are the same."""
        if len(set(values)) < len(values):
            self.add(f"duplicate {what}", pointer)

    def _length(self, value: str, most: int, pointer: str, least: int) -> None:
        if len(value) > most:
            self.add(f"must be less than {most + 1} characters", pointer)
        elif len(value) < least:
            self.add(f"must be more than {least - 1} characters", pointer)
