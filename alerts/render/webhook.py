"""A notification as JSON, for programs; docs/webhooks.md is its contract."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from alerts.model import Reason

if TYPE_CHECKING:
    from alerts.notice import Message, Notification

VERSION = 1
"""Raised only where what a program may rely on is taken away or changes its meaning."""
TYPES = {
    Reason.NEW: "alert.opened",
    Reason.WORSE: "alert.worse",
    Reason.REVISED: "alert.revised",
    Reason.RESOLVED: "alert.ended",
    Reason.REMINDER: "alert.unanswered",
    Reason.GROUPED: "alert.several",
    Reason.DIGEST: "digest",
    Reason.SERVICE: "service",
}
OTHER = "alert.other"


def render_webhook(notification: Notification, identity: str) -> dict[str, Any]:
    """Return what a program is posted: the message, and nothing beside it.

    Parameters
    ----------
    notification : Notification
    identity : str
        What stands for its key.

    Returns
    -------
    dict
        Of values that JSON has.
    """
    message = notification.message
    return {
        "version": VERSION,
        "id": identity,
        "type": TYPES.get(notification.reason, OTHER),
        "reason": notification.reason.value,
        "created_at": f"{notification.created_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "receiver": notification.receiver,
        "alert": notification.alert_number,
        "alerts": list(message.about),
        "revision": notification.revision,
        "state": message.state.value if message.state else None,
        "tone": message.tone,
        "message": _message(message),
    }


def _message(message: Message) -> dict[str, Any]:
    return {
        "title": message.title,
        "lines": [{"label": line.label, "text": line.text} for line in message.lines],
        "listed": list(message.listed),
        "actions": [{"label": each.label, "command": each.command} for each in message.actions],
        "reference": message.reference,
        "owner": message.owner,
    }
