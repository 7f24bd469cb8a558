"""When people are told, and when we stay silent: every decision with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alerts.model import AlertState, Change, Reason

if TYPE_CHECKING:
    from alerts.model import Alert

_SPEAKING = {
    Change.OPENED: Reason.NEW,
    Change.WORSE: Reason.WORSE,
    Change.REVISED: Reason.REVISED,
    Change.RESOLVED: Reason.RESOLVED,
    Change.WITHDRAWN: Reason.REVISED,
}


def decide(alert: Alert, change: Change, *, replaced: bool = False) -> tuple[bool, Reason]:
    """Return whether to tell a change, and why or why not.

    Parameters
    ----------
    alert : Alert
        As it is after the change.
    change : Change
    replaced : bool
        Another alert of the same condition was opened by the same judgement (a changed cap).

    Returns
    -------
    tuple of (bool, Reason)
        New and worse always speak. What is dismissed ends in silence, what is acknowledged is
        quiet until it ends; an end that nobody was told the beginning of is not told.
    """
    if change in (Change.OPENED, Change.WORSE):
        return True, _SPEAKING[change]
    if alert.state is AlertState.DISMISSED:
        return False, Reason.DISMISSED
    if alert.state is AlertState.ACKNOWLEDGED:
        return False, Reason.ACKNOWLEDGED
    if change is Change.RESOLVED and replaced:
        return False, Reason.REPLACED
    if change not in _SPEAKING or (alert.ended and not alert.announced):
        return False, Reason.ALREADY_TOLD
    return True, _SPEAKING[change]
