"""What the service tells of itself: that nothing is judged for now, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alerts import digest_store, outbox
from alerts.model import Reason
from alerts.notice import Notification
from alerts.service_words import stopped_message
from spendwatch.db import writing

if TYPE_CHECKING:
    from spendwatch.app import App


def report_stop(app: App, why: str) -> bool:
    """Tell the receiver of everything that nothing is judged, once a day; False where it knows."""
    now, receiver = app.clock(), app.directory.routes.default
    key = f"stopped:{receiver}:{now.astimezone(app.directory.default_zone).date()}"
    with writing(app.engine) as session:
        if digest_store.written_keys(session, [key]):
            return False
        message = stopped_message(why)
        told = Notification(key, None, receiver, Reason.SERVICE, message, now)
        outbox.add_notifications(session, [told])
    return True
