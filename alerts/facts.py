"""What a finding says, and its facts as inert words.

Plain ASCII except for names, which are made inert first.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from alerts.names import safe_name
from alerts.notice import Action, Line
from alerts.numbers import full_day

if TYPE_CHECKING:
    from detector.model import Finding

TEXT_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Words:
    """What one kind says; ``look`` is where to look first."""

    who: str
    what: str
    lines: tuple[Line, ...] = ()
    look: tuple[Action, ...] = ()


def show_price(model: str) -> Action:
    """Give the command that shows the price of a model."""
    name = shlex.quote(safe_name(model, TEXT_LIMIT))
    return Action("see its price", f"spendwatch prices show {name}")


def fact(finding: Finding, key: str) -> str:
    """Return a fact as one inert line; the subject where the finding does not carry it."""
    return safe_name(str(finding.facts.get(key) or finding.subject or "not stated"), TEXT_LIMIT)


def fact_day(finding: Finding, key: str) -> str:
    """Return a fact that is a day in words; empty where the finding does not carry it."""
    text = str(finding.facts.get(key, ""))
    return full_day(date.fromisoformat(text)) if text else ""
