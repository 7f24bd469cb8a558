"""Pictures go below their message, at most once, and nobody waits for them.

Text and picture are two messages: what cannot be drawn or uploaded is left out. A picture that may
have arrived is not sent again, because one too few does no harm and two look like a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from sqlmodel import Session

from alerts import outbox, postings
from alerts.backoff import Spread, next_try
from alerts.channels.base import ChannelError
from alerts.delivery import LEASE
from alerts.notice import Receipt

if TYPE_CHECKING:
    from alerts.channels.base import Channel
    from alerts.notice import Notification, Picture

    Transaction = Callable[[], AbstractContextManager[Session]]

MOST_TRIES = 3


@runtime_checkable
class PictureChannel(Protocol):
    """A channel that can show a picture below a message."""

    def attach(self, root: Receipt, picture: Picture) -> str:
        """Show a picture below a message; return what the channel calls it, or ChannelError."""


@dataclass(frozen=True, slots=True)
class Picturing:
    """What attaching pictures needs; ``draw`` gives None where there is nothing to be seen."""

    writing: Transaction
    channels: Mapping[str, Channel]
    clock: Callable[[], datetime]
    draw: Callable[[Notification], Picture | None]
    spread: Spread = max
    lease: timedelta = LEASE

    def attach(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Attach the pictures that are due; return how many were."""
        now, attached = self.clock(), 0
        with self.writing() as session:
            due = outbox.pending(session, now, now - self.lease, pictures=True)
        for each in due:
            channel = self.channels.get(each.receiver)
            if stopping():
                break
            if channel is None or channel.wait_s():
                continue
            with self.writing() as session:
                claim = outbox.claim(session, each.key, now, now - self.lease)
                root = postings.root_of(session, claim.notification) if claim else None
            if claim is not None:
                attached += self._attach(channel, claim, root)
        return attached

    def _attach(self, channel: Channel, claim: outbox.Claim, root: Receipt | None) -> bool:
        if claim.unsure_since or root is None or not isinstance(channel, PictureChannel):
            self._left_out(claim, "it may have been shown" if root else "nothing to show it below")
            return False
        try:
            picture = self.draw(claim.notification)
            if picture is None:
                self._left_out(claim, "there is nothing to be seen")
                return False
            shown = channel.attach(root, picture)
        except ChannelError as error:
            self._failed(claim, error)
            return False
        except Exception as error:  # noqa: BLE001 - a picture that cannot be drawn stops nothing
            self._left_out(claim, f"a fault of the program: {type(error).__name__}: {error}")
            return False
        notification = claim.notification
        receipt = Receipt(notification.receiver, shown, self.clock())
        with self.writing() as session:
            outbox.record_receipt(session, notification.key, receipt)
        return True

    def _failed(self, claim: outbox.Claim, error: ChannelError) -> None:
        now = self.clock()
        due_at = next_try(now, claim.since, claim.attempts, self.spread, error.retry_after_s)
        if error.permanent or error.unsure or due_at is None or claim.attempts >= MOST_TRIES:
            self._left_out(claim, str(error))
            return
        with self.writing() as session:
            outbox.record_failure(session, claim, str(error), due_at, None)

    def _left_out(self, claim: outbox.Claim, why: str) -> None:
        with self.writing() as session:
            outbox.leave_out(session, claim, why)
