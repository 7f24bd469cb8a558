"""What the service says when it is back after a stop that nobody had asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from alerts import digest_store, outbox
from alerts.model import Reason
from alerts.notice import Notification
from alerts.numbers import length
from alerts.service_words import unclean_stop_message
from spendwatch.db import writing
from spendwatch.jobs import days_due
from spendwatch.moments import local_words

if TYPE_CHECKING:
    from datetime import datetime

    from alerts.notice import Message
    from spendwatch.app import App
    from spendwatch.leading import Leadership

MOST_AN_HOUR = 3
"""A service that dies again and again must not bury its receiver in messages of that."""
_UNCLEAN = "unclean stop:"


def report_unclean_stop(app: App, leadership: Leadership) -> datetime | None:
    """Tell the receiver of everything, once, that the service had died; return when, if it had.

    That it was told is noted in the transaction that writes the message.
    """
    died_at, now = leadership.leader.died_at, app.clock()
    if died_at is None:
        return None
    days = len(days_due(app, app.last_settled_day()).missed)
    receiver = app.directory.routes.default
    with writing(app.engine) as session:
        lately = digest_store.written_since(session, _UNCLEAN, now - timedelta(hours=1))
        if lately < MOST_AN_HOUR:
            message = _message(app, died_at, days, len(outbox.pending(session, now, now)))
            key = f"{_UNCLEAN}{receiver}:{died_at.isoformat()}"
            told = Notification(key, None, receiver, Reason.SERVICE, message, now)
            outbox.add_once(session, told)
        leadership.note_told(session)
    return died_at


def _message(app: App, died_at: datetime, days: int, waiting: int) -> Message:
    now, zone = app.clock(), app.directory.default_zone
    away = length(max(now - died_at, timedelta()))
    died, back = local_words(died_at, zone), local_words(now, zone)
    return unclean_stop_message(died, back, away, days, waiting)
