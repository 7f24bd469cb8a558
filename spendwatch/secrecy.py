"""The secrets that this process knows, so that no line it logs or prints repeats one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from alerts.masking import masked

if TYPE_CHECKING:
    from collections.abc import Iterable

_known: set[str] = set()


def hide(secrets: Iterable[str]) -> None:
    """Remember secrets; what was remembered before stays so, as a log may still tell of it."""
    for each in filter(None, secrets):
        _known.update((each, json.dumps(each)[1:-1]))


def veiled(text: str) -> str:
    """Return a text without any secret that is known, or looks like one."""
    return masked(text, tuple(_known))
