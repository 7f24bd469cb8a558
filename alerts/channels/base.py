"""The port every channel implements, and the one error it may raise.

Errors
------
ChannelError
    The message was not confirmed. Its words are stored, logged and told to others, so what looks
    like a secret is taken out of them. ``permanent`` says that trying again cannot help
    (``curable`` that it could, once a person has put something right there), ``unsure`` that it
    may have arrived all the same, ``gone`` that what was to be changed is no longer there,
    ``nobody_there`` that the address itself was refused; ``retry_after_s`` how long the other side
    asks to wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from alerts.masking import masked

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from alerts.notice import Notification, Receipt


class ChannelError(Exception):
    """A message was not confirmed; only the adapter knows whether trying again can help."""

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        curable: bool = False,
        unsure: bool = True,
        gone: bool = False,
        nobody_there: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(masked(message))
        self.permanent = permanent
        self.curable = curable
        self.unsure = unsure
        self.gone = gone
        self.nobody_there = nobody_there
        self.retry_after_s = retry_after_s


def as_channel_error(error: Exception) -> ChannelError:
    """Return the error of a channel as it is; any other one is a fault of the program."""
    if isinstance(error, ChannelError):
        return error
    return ChannelError(f"a fault of the program: {type(error).__name__}: {error}")


class Channel(Protocol):
    """A way to reach one receiver.

    Attributes
    ----------
    settles : timedelta
        How long after it was sent a message may still be missed by ``find``.
    recipients : tuple of str
        Whoever gets a copy of their own of what is for the receiver; empty where that is one.
    down : str
        Why nothing gets through, to whatever receiver of the kind; empty while it does.
    """

    settles: timedelta
    recipients: tuple[str, ...]

    @property
    def down(self) -> str:
        """Why nothing gets through for now."""

    def wait_s(self, *, edit: bool = False, answered: bool = False) -> float:
        """Return for how many seconds nothing may be sent, or changed; 0 where it may at once.

        ``answered`` asks for a change that shows what a person did: it goes first.
        """

    def send(
        self, notification: Notification, root: Receipt | None = None, *, again: int = 0
    ) -> Receipt:
        """Send a message; raises ChannelError where it is not known to have arrived.

        ``root`` is the message below which it belongs, where there is one; ``again`` says how
        often it may have been sent before, though ``find`` did not find it.
        """

    def find(
        self, notification: Notification, since: datetime, root: Receipt | None = None
    ) -> Receipt | None:
        """Look up whether a message was sent since; None where it was not, as far as is seen."""

    def update(self, receipt: Receipt, notification: Notification) -> Receipt:
        """Bring a message that was sent up to date, as far as the other side allows."""

    def rest(self) -> None:
        """Let go of what is held only while there is something to be sent."""
