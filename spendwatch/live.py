"""What a look at the world outside found: one line for each thing that was asked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Mark(Enum):
    """Whether something is as it should be."""

    OK = "ok"
    WARNING = "warning"
    """It works in part, or it cannot be told."""
    WRONG = "wrong"
    """It does not work like this."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found about one thing.

    Attributes
    ----------
    about : str
        The setting, or the part of one.
    words : str
        What is so and, where it is not as it should be, what to do.
    """

    about: str
    mark: Mark
    words: str
