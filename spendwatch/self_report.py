"""What the service tells of itself: that nothing is judged, or its new settings are refused."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from alerts import digest_store, outbox
from alerts.model import Reason
from alerts.notice import Notification
from alerts.service_words import refused_settings_message, stopped_message
from spendwatch.db import writing

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def report_refused_settings(app: App, problems: Sequence[str]) -> None:
    """Tell the receiver of everything that the new settings are refused; once of the same ones."""
    receiver = app.directory.routes.default
    what = sha256("\n".join(problems).encode()).hexdigest()[:16]
    told = Notification(
        f"settings:{receiver}:{what}",
        None,
        receiver,
        Reason.SERVICE,
        refused_settings_message(problems),
        app.clock(),
    )
    with writing(app.engine) as session:
        outbox.add_once(session, told)
