"""What is said of a day that was judged again: what it cost as it was told, and costs now.

Plain ASCII except for names, which are made inert first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from alerts.kind_words import OVER
from alerts.model import Change
from alerts.notice import Line
from alerts.numbers import full_day, money, short_day

if TYPE_CHECKING:
    from alerts.model import Alert


@dataclass(frozen=True, slots=True)
class Revision:
    """What a day cost when it was told and, judged again, costs now; None is unknown."""

    day: date
    was_micro_usd: int | None = None
    now_micro_usd: int | None = None


def no_longer(alert: Alert, revision: Revision | None) -> str:
    """Return why an alert is withdrawn; completes "withdrawn, ...".

    Parameters
    ----------
    alert : Alert
        Without any abnormal day.
    revision : Revision or None
    """
    day = full_day(revision.day if revision else alert.finding.day)
    if alert.finding.early:
        return f"{day} {_in_the_end(revision)}"
    said = revision_words(revision)
    return f"{day} {said}" if said else f"{day} judged again: {OVER[alert.kind]}"


def _in_the_end(revision: Revision | None) -> str:
    if revision is None or revision.now_micro_usd is None:
        return "is normal as a whole"
    return f"cost {money(revision.now_micro_usd)} in the end, which is normal"


def revision_words(revision: Revision | None) -> str:
    """Return what a day cost as it was told, and costs now; empty where the former is not known.

    Parameters
    ----------
    revision : Revision or None
    """
    if revision is None or revision.was_micro_usd is None:
        return ""
    was = f"was {money(revision.was_micro_usd)}"
    if revision.now_micro_usd is None:
        return f"{was}, which is normal after late data"
    return f"{was}, now {money(revision.now_micro_usd)}"


def revised_lines(alert: Alert, change: Change, revision: Revision | None) -> tuple[Line, ...]:
    """Return what a message says of a day that was judged again.

    Parameters
    ----------
    alert : Alert
    change : Change
        What happened to it.
    revision : Revision or None
    """
    if change is Change.WITHDRAWN and alert.finding.early:
        return (Line("Now", "it was told of while the day ran; nothing is left to do"),)
    if change is Change.WITHDRAWN:
        return (Line("Now", "newer data has replaced what was told; nothing is left to do"),)
    if revision is None or revision.was_micro_usd is None or revision.now_micro_usd is None:
        return ()
    was, now = money(revision.was_micro_usd), money(revision.now_micro_usd)
    return (Line("Was", f"{was}, now {now}: {short_day(revision.day)} was judged again"),)
