"""What time alone changes: snoozes that end, news held back until now, alerts left unanswered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alerts import store
from alerts.episode import revised
from alerts.lifecycle import come_due
from alerts.messages import ENDS
from alerts.model import Change
from alerts.taken import Taken
from alerts.telling import tell

if TYPE_CHECKING:
    from datetime import date

    from sqlmodel import Session

    from alerts.model import Alert
    from alerts.taken import Telling, Told


def wake(session: Session, day: date, telling: Telling) -> Told:
    """Tell what has become due; ``day`` is the newest that was judged."""
    waiting = store.waiting_alerts(session, telling.situation.now, telling.rules)
    return tell(session, [_due(alert, telling) for alert in waiting], day, telling)


def _due(alert: Alert, telling: Telling) -> Taken:
    after, change = come_due(alert, telling.situation.now, telling.rules)
    about = None if change in ENDS else after.finding
    if change is Change.REVISED:
        about = revised(after, telling.rules)
    return Taken(alert, after, about, change, held=alert.held)
