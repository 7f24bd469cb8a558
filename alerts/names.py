"""Names are data: made inert and readable before a person, a spreadsheet or a log sees them."""

from __future__ import annotations

import re
import unicodedata
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_NAME = "(no name)"
_ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # operating-system commands (window title, links)
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # colours and cursor moves
    r"|\x1b[@-Z\\-_]"  # two-byte escapes
)
_BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and symbols that show nothing
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_MARKS = frozenset({"Mn", "Me", "Mc"})
_MARKS_KEPT = 2
_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")


def safe_name(text: str, limit: int = 60) -> str:
    r"""Return a name as one visible line that cannot steer a terminal, a log or its reader.

    Escape sequences, control, bidirectional and zero-width characters go; white space becomes
    single spaces; at most two combining marks stay on a letter.

    Parameters
    ----------
    text : str
        Any text from outside.
    limit : int
        Letters kept (marks not counted); a longer text ends in an ellipsis.

    Returns
    -------
    str
        Never empty.

    Examples
    --------
    >>> safe_name("con\x1b[31mtoso\n")
    'contoso'
    >>> safe_name("\u202e")
    '(no name)'
    """
    if text.isascii() and text.isprintable() and 0 < len(text) <= limit and "  " not in text:
        return text.strip() or NO_NAME
    # Twenty times the limit is enough to fill it, however many marks and escapes are in between.
    plain = _ESCAPES.sub("", text[: limit * 20])
    visible = " ".join("".join(_visible(plain)).split())
    letters = list(islice(_letters(visible), limit + 1))
    cut = len(letters) > limit or len(text) > limit * 20
    return "".join(letters[: limit - 1]) + "…" if cut else "".join(letters) or NO_NAME


def says_nothing(text: str) -> bool:
    """Whether nothing of a text can be seen.

    Parameters
    ----------
    text : str
        Any text from outside.

    Examples
    --------
    >>> says_nothing("  "), says_nothing("launch")
    (True, False)
    """
    return safe_name(text) == NO_NAME


def csv_cell(text: str) -> str:
    """Return text that a spreadsheet shows and never runs.

    Parameters
    ----------
    text : str
        A cell from outside.

    Returns
    -------
    str
        With a leading apostrophe where it would start a formula, spaces and quotes skipped.

    Examples
    --------
    >>> csv_cell("=HYPERLINK(1)")
    "'=HYPERLINK(1)"
    >>> csv_cell("contoso")
    'contoso'
    """
    begins = text.lstrip(" '\"\u00a0\ufeff")[:1]
    return f"'{text}" if begins in _FORMULA and begins else text


def _visible(text: str) -> Iterator[str]:
    """Keep what can be seen; whatever only takes room becomes a space."""
    for char in text:
        if char.isspace() or char in _BLANKS:
            yield " "
        elif unicodedata.category(char) not in _UNSEEN:
            yield char


def _letters(text: str) -> Iterator[str]:
    """Group each letter with its first marks."""
    letter, marks = "", 0
    for char in text:
        if letter and unicodedata.category(char) in _MARKS:
            marks += 1
            letter += char if marks <= _MARKS_KEPT else ""
            continue
        if letter:
            yield letter
        letter, marks = char, 0
    if letter:
        yield letter
