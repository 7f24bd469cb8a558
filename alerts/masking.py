"""Secrets taken out of text, as far as they can be known by their looks or their value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

MASK = "***"
SHORTEST = 6
"""What is shorter is in too many words to be taken out of them."""
_TOKEN = re.compile(
    r"\b(?:xox[a-z]|xapp)-[^\s\"'\\]+|\bwhsec_[\w+/=-]+|\b(Bearer\s+)[^\s\"'\\]+"
    r"|\b((?:SharedAccessKey|SharedAccessSignature|AccountKey|ClientSecret)=)[^;\s\"'\\]+"
    r"|([?&;]sig=)[^&\s\"'\\]+",
    re.IGNORECASE,
)
_PASSWORD = re.compile(r"(://[^/\s:@\"']*:)[^/\s@\"']+(?=@)")
_QUERY = re.compile(r"(https?://[^\s\"'?<>\\]+\?)[^\s\"'<>\\]+", re.IGNORECASE)


def masked(text: str, known: Collection[str] = ()) -> str:
    r"""Return a text without what is, or looks like, a secret.

    Parameters
    ----------
    text : str
    known : collection of str
        Secrets by their value; each of at least six characters.

    Returns
    -------
    str
        With three stars in place of each.

    Examples
    --------
    >>> masked("invalid URL 'https://hooks.example/in?token=abc': xoxb-1-2")
    "invalid URL 'https://hooks.example/in?***': ***"
    >>> masked("the key is hunter22", ["hunter22"])
    'the key is ***'
    """
    # The longest first: a part of one must not spoil the whole.
    for secret in sorted(known, key=len, reverse=True):
        if len(secret) >= SHORTEST:
            text = text.replace(secret, MASK)
    text = _TOKEN.sub(lambda found: "".join(filter(None, found.groups())) + MASK, text)
    text = _PASSWORD.sub(rf"\1{MASK}", text)
    return _QUERY.sub(rf"\1{MASK}", text)
