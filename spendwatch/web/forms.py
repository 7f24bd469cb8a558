"""Forms as they are posted: each field once, and nothing that cannot be read."""

from __future__ import annotations

from urllib.parse import parse_qsl

FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 100


class Unreadable(ValueError):  # noqa: N818 - it says what the post is
    """What was posted says nothing that is understood here."""


class Fields(dict[str, str]):
    """A form; a field that it lacks makes it unreadable."""

    def __missing__(self, name: str) -> str:
        raise Unreadable(f"no {name}")


def read_fields(body: bytes) -> Fields:
    """Read a form in which no field stands twice: of two, somebody else might read the other.

    Raises ValueError.
    """
    pairs = parse_qsl(
        body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
    )
    found = Fields(pairs)
    if len(found) != len(pairs):
        raise Unreadable("a field stands there twice")
    return found
