"""Text as people see it: cut between whole letters, one line, nothing unseen in it.

A letter may be many characters: an accent stands on the one before it, a family is four faces held
together. What cuts in the middle of one shows a broken letter.
"""

from __future__ import annotations

import unicodedata
from itertools import accumulate

ELLIPSIS = "…"
_JOINER = "\u200d"
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_BEYOND = "\uffff"
_SKIN = range(0x1F3FB, 0x1F400)
_FLAG = range(0x1F1E6, 0x1F200)
_FOLLOWING_JAMO = range(0x1160, 0x1200)


def length(text: str) -> int:
    """Return how long a text is in UTF-16 units, the largest number anybody counts for it.

    Parameters
    ----------
    text : str

    Examples
    --------
    >>> length("abc"), length("\U0001f600")
    (3, 2)
    """
    return len(text) if text.isascii() else sum(map(_units, text))


def one_line(text: str) -> str:
    r"""Return a text on one line, without what cannot be seen.

    Control, bidirectional and zero-width characters go, except a joiner between two characters;
    white space becomes single spaces. Unlike :func:`alerts.names.safe_name` it keeps the length.

    Parameters
    ----------
    text : str

    Examples
    --------
    >>> one_line("two\nlines \u202e")
    'two lines'
    """
    if not text.isascii() or not text.isprintable():
        kept = (" " if char.isspace() else char for char in text)
        text = "".join(char for char in kept if char == _JOINER or not _is_unseen(char))
    return " ".join(text.split()).strip(f"{_JOINER} ")


def cut(text: str, limit: int) -> str:
    """Return a text of at most ``limit`` UTF-16 units, cut between letters, with an ellipsis.

    Parameters
    ----------
    text : str
    limit : int
        At least 2.

    Returns
    -------
    str
        A first letter that alone is too long (hundreds of accents) is cut within.

    Examples
    --------
    >>> cut("contoso", 5), cut("contoso", 7)
    ('cont…', 'contoso')
    >>> cut("abe\u0301x", 4)
    'ab…'
    """
    if length(text) <= limit:
        return text
    fits = _fitting(text, limit - 1)
    whole = next((place for place in range(fits, 0, -1) if _parts(text, place)), fits)
    return text[:whole].rstrip() + ELLIPSIS


def _fitting(text: str, room: int) -> int:
    """Count the characters that fit; the text may be far longer than that."""
    ends = accumulate(map(_units, text))
    return next(place for place, end in enumerate(ends) if end > room)


def _units(char: str) -> int:
    return 1 + (char > _BEYOND)


def _is_unseen(char: str) -> bool:
    return unicodedata.category(char) in _UNSEEN


def _parts(text: str, place: int) -> bool:
    """Whether a letter ends before ``place`` and another begins there."""
    before, after = text[place - 1], text[place]
    if _JOINER in (before, after) or unicodedata.category(after).startswith("M"):
        return False
    code = ord(after)
    if code in _SKIN or code in _FOLLOWING_JAMO:
        return False
    return not (code in _FLAG and _flags_before(text, place) % 2)


def _flags_before(text: str, place: int) -> int:
    """Count the halves of flags that stand before a place without a gap."""
    first = place
    while first and ord(text[first - 1]) in _FLAG:
        first -= 1
    return place - first
