"""The port every channel implements, and the one error it may raise.

Errors
------
ChannelError
    The message was not confirmed. ``permanent`` says that trying again cannot help;
    ``retry_after_s`` how long the other side asks to wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from alerts.model import Message, Notification, Receipt


class ChannelError(Exception):
    """A message was not confirmed; only the adapter knows whether trying again can help."""

    def __init__(
        self, message: str, *, permanent: bool = False, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after_s = retry_after_s


class Channel(Protocol):
    """A way to reach one receiver."""

    def send(self, notification: Notification) -> Receipt:
        """Send a message; raises ChannelError where it is not known to have arrived."""

    def find(self, key: str) -> Receipt | None:
        """Look up whether the notification of this key was sent already; None where it was not."""

    def update(self, receipt: Receipt, message: Message) -> Receipt:
        """Bring a message that was sent up to date, as far as the other side allows."""
