"""Notifications that are due go out, each exactly once as far as its channel can tell.

A row is claimed and committed before it is sent, and its receipt is committed after; a row that
was claimed before (a crash, an error) is looked up with ``find`` first. Nothing is sent within a
transaction.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlmodel import Session

from alerts import store
from alerts.channels.base import ChannelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from alerts.channels.base import Channel
    from alerts.model import Notification

    Transaction = Callable[[], AbstractContextManager[Session]]

LEASE = timedelta(seconds=60)
"""How long a claim is left to the process that made it."""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A notification that did not go out, and why; it is tried again by the next delivery."""

    key: str
    receiver: str
    error: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one delivery did.

    ``found`` counts what an earlier one had sent without living to note it.
    """

    sent: int = 0
    found: int = 0
    undelivered: tuple[Undelivered, ...] = ()


def deliver(
    writing: Transaction,
    channels: Mapping[str, Channel],
    clock: Callable[[], datetime],
    lease: timedelta = LEASE,
) -> Delivered:
    """Send what is due, oldest first; ``channels`` says how each receiver is reached."""
    with writing() as session:
        keys = store.pending_keys(session, clock() - lease)
    delivered = Delivered()
    for key in keys:
        now = clock()
        with writing() as session:
            claimed = store.claim(session, key, now, now - lease)
        if claimed is not None:
            delivered = _deliver_one(writing, channels, *claimed, delivered)
    return delivered


def _deliver_one(
    writing: Transaction,
    channels: Mapping[str, Channel],
    notification: Notification,
    again: bool,
    delivered: Delivered,
) -> Delivered:
    key = notification.key
    try:
        channel = _channel(channels, notification)
        found = channel.find(key) if again else None
        receipt = found or channel.send(notification)
    except ChannelError as error:
        with writing() as session:
            store.record_error(session, key, str(error))
        failure = Undelivered(key, notification.receiver, str(error))
        return replace(delivered, undelivered=(*delivered.undelivered, failure))
    with writing() as session:
        store.record_receipt(session, key, receipt)
    if found:
        return replace(delivered, found=delivered.found + 1)
    return replace(delivered, sent=delivered.sent + 1)


def _channel(channels: Mapping[str, Channel], notification: Notification) -> Channel:
    channel = channels.get(notification.receiver)
    if channel is None:
        known = ", ".join(sorted(channels)) or "none"
        raise ChannelError(
            f"no channel reaches the receiver {notification.receiver!r} (known: {known})",
            permanent=True,
        )
    return channel
