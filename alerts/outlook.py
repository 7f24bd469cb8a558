"""What it would take to hear of an alert again, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alerts.episode import BUDGETS, told_early, worse_from
from alerts.kind_words import amount_of, level
from alerts.knowledge import heard_of
from alerts.lifecycle import remind_at, state_at
from alerts.model import ANSWERED, AlertState
from alerts.numbers import moment

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from alerts.model import Alert, AlertRules

    Said = Callable[[datetime], str]


def wake_words(alert: Alert, rules: AlertRules) -> str:
    """Return when an alert that was just answered speaks again; empty where it is over.

    Parameters
    ----------
    alert : Alert
        After the answer.
    rules : AlertRules
    """
    if alert.ended or alert.state not in ANSWERED:
        return ""
    if alert.kind in BUDGETS:
        return "wakes at the next threshold"
    wakes_at = worse_from(alert, rules)
    if wakes_at is None:
        return "does not wake before it ends"
    seen = alert.told_magnitude == alert.finding.magnitude
    told = f"{amount_of(alert.kind, alert.told_magnitude)} {'answered' if seen else 'told'}"
    factor = f"{rules.worse_factor:g} times the {told}"
    return f"wakes at {level(alert.kind, wakes_at)}{_later(alert)} ({factor})"


def outlook(
    alert: Alert, rules: AlertRules, now: datetime, *, held: str = "", said: Said = moment
) -> str:
    """Return what it would take to hear of an alert again, as one sentence.

    Parameters
    ----------
    alert : Alert
    rules : AlertRules
    now : datetime
        UTC-aware.
    held : str
        What holds its news back now (``silenced, S-3 by ...``); empty where nothing does.
    said : callable
        How a moment is written; by default in UTC.
    """
    if alert.ended and not heard_of(alert):
        return "over; nobody was told: it began and ended while it was held back"
    if alert.ended:
        return "over; only newer data about its own days, or its return, would be told"
    state = state_at(alert, now)
    if state is AlertState.OPEN:
        return _unanswered(alert, rules, now, held, said)
    reaches, until = _reaches(alert, rules), alert.snoozed_until
    if state is AlertState.SNOOZED and until:
        return f"snoozed until {said(until)}, unless it ends{reaches} before"
    if state is AlertState.DISMISSED:
        return f"dismissed: quiet for good{reaches.replace(' or', ', unless it', 1)}"
    return f"acknowledged: quiet until it ends{reaches}"


def _unanswered(alert: Alert, rules: AlertRules, now: datetime, held: str, said: Said) -> str:
    if alert.held or alert.snoozed_until:
        begins = "snooze over" if alert.snoozed_until else "open"
        return f"{begins}, held back: {held}" if held else f"{begins}: it is told with the next run"
    due_at = remind_at(alert, rules)
    reminded = ""
    if due_at is not None:
        late = f", or goes unanswered until {said(due_at)}"
        reminded = late if due_at > now else ", and once more with the next run"
    silent = f"; for now silent: {held}" if held else ""
    reaches = _reaches(alert, rules)
    return f"open, nobody has answered: told again when it ends{reaches}{reminded}{silent}"


def _reaches(alert: Alert, rules: AlertRules) -> str:
    """Say from which level on it speaks, as one more condition; empty where no level does."""
    if alert.kind in BUDGETS:
        return " or crosses the next threshold"
    wakes_at = worse_from(alert, rules)
    if wakes_at is None:
        return ""
    told = amount_of(alert.kind, alert.told_magnitude)
    reaches = f" or reaches {level(alert.kind, wakes_at)}{_later(alert)}"
    return f"{reaches} ({rules.worse_factor:g} x {told})"


def _later(alert: Alert) -> str:
    """Say that a day that was told while it ran is not told for what it grows to."""
    return " on a later day" if told_early(alert, alert.finding.day) else ""
