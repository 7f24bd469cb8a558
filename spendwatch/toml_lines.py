"""On which line of a TOML text each key stands, so that a problem can be shown where it is.

The standard parser gives values without places. This scanner reads a text that has already been
parsed without error, so it only follows the brackets and never judges.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Key: TypeAlias = tuple[str | int, ...]
"""A place in a document: ``("tenants", 3, "budgets", 0, "cap")``."""

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}'  # strings of several lines
    r'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\''  # strings of one line
    r"|\#[^\n]*|[ \t\r]+|\n"
    r"|[\[\]{},=.]|[^\s\[\]{},=.\"'\#]+",
    re.DOTALL,
)
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def dotted(key: Key) -> str:
    """Write a key as people read it: ``tenants[3].budgets[0].cap``."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{_quoted(part)}" for part in key]
    return "".join(parts).removeprefix(".")


def key_lines(text: str) -> dict[Key, int]:
    """Give the line, counted from 1, of every key, table and list item of a valid TOML text."""
    return _Scanner(text).scan()


def line_of(lines: Mapping[Key, int], key: Key) -> int | None:
    """Give the line of ``key`` or of the nearest table around it; None where nothing is."""
    for length in range(len(key), 0, -1):
        if key[:length] in lines:
            return lines[key[:length]]
    return None


def _quoted(part: str) -> str:
    return part if _BARE.fullmatch(part) else repr(part)


class _Scanner:
    """Walks over the tokens once, remembering the path it is in."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, int]] = []
        line = 1
        for match in _TOKEN.finditer(text):
            token = match.group()
            if token[0] not in " \t\r#":
                self.tokens.append((token, line))
            line += token.count("\n")
        self.at = 0
        self.lines: dict[Key, int] = {}
        self.sizes: dict[Key, int] = {}

    def scan(self) -> dict[Key, int]:
        table: Key = ()
        while self.at < len(self.tokens):
            opening = self.tokens[self.at][0]
            if opening == "\n":
                self.at += 1
            elif opening == "[":
                table = self.header()
            else:
                self.pair(table)
        return self.lines

    def header(self) -> Key:
        """Read ``[a.b]`` or ``[[a.b]]`` and give the table it opens."""
        line = self.tokens[self.at][1]
        many = self.tokens[self.at + 1][0] == "["
        self.at += 2 if many else 1
        *parents, last = self.names()
        self.at += 2 if many else 1
        key: Key = ()
        for name in parents:
            self.lines.setdefault((*key, name), line)
            key = self.inside((*key, name))
        key = (*key, last)
        if many:
            self.lines.setdefault(key, line)
            self.sizes[key] = self.sizes.get(key, 0) + 1
            key = self.inside(key)
        self.lines.setdefault(key, line)
        return key

    def inside(self, key: Key) -> Key:
        """Step into the newest item where ``key`` is a list of tables."""
        return (*key, self.sizes[key] - 1) if key in self.sizes else key

    def names(self) -> list[str]:
        """Read ``a.b."c d"``."""
        names = [self.name()]
        while self.tokens[self.at][0] == ".":
            self.at += 1
            names.append(self.name())
        return names

    def name(self) -> str:
        token = self.tokens[self.at][0]
        self.at += 1
        return next(iter(tomllib.loads(f"{token}=0")))

    def pair(self, table: Key) -> None:
        """Read ``a.b = value``."""
        line = self.tokens[self.at][1]
        key = table
        for name in self.names():
            key = (*key, name)
            self.lines.setdefault(key, line)
        self.at += 1
        self.value(key)

    def value(self, key: Key) -> None:
        """Read a value up to, but without, the comma, bracket or line end after it."""
        opening = self.tokens[self.at][0]
        if opening == "[":
            self.items(key)
        elif opening == "{":
            self.inline_table(key)
        while self.at < len(self.tokens) and self.tokens[self.at][0] not in ",]}\n":
            self.at += 1

    def items(self, key: Key) -> None:
        self.at += 1
        index = 0
        while (token := self.tokens[self.at])[0] != "]":
            if token[0] in ",\n":
                self.at += 1
                continue
            self.lines[*key, index] = token[1]
            self.value((*key, index))
            index += 1
        self.at += 1

    def inline_table(self, key: Key) -> None:
        self.at += 1
        while (opening := self.tokens[self.at][0]) != "}":
            if opening in ",\n":
                self.at += 1
            else:
                self.pair(key)
        self.at += 1
