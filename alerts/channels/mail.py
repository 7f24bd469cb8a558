"""Mail to the addresses of one receiver, whoever carries it: one for each, and none twice over.

A carrier that is lost while it takes a mail may have taken it or not, and most cannot be asked. So
such a mail is handed in once more under the id that it had, which mail programs show once; where
that ends in the same way it is given up, and said so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from alerts.channels.base import ChannelError
from alerts.notice import Notification, Receipt
from alerts.render.mail import Envelope, Links, render_mail

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import EmailMessage

    from alerts.notice import Picture

    LinksOf = Callable[[Notification], Links]
    Draw = Callable[[Notification], Picture | None]


MOST_TRIES = 2
"""So often is a mail handed in where nobody knows how that ended."""
_TWICE = "it was handed in twice under the same id and may have arrived"


class TooLargeError(ChannelError):
    """A mail was refused for its size alone."""


class Carrier(Protocol):
    """What hands mails in, for all receivers."""

    down: str
    """Why nothing can be handed in for now; empty while it can."""
    can_be_asked: bool
    """Whether it tells what it has taken."""

    def wait_s(self) -> float:
        """Return for how many seconds nothing may be handed in."""

    def hand_in(self, mail: EmailMessage) -> None:
        """Hand a mail in; raises ChannelError where it is not known to be taken."""

    def was_taken(self, mail: EmailMessage) -> bool:
        """Whether a mail was taken before, as far as that can be asked."""

    def close(self) -> None:
        """End the connection, where there is one; the next mail makes it again."""


def no_links(_notification: Notification) -> Links:
    """Lead nowhere: mails of this receiver cannot be answered."""
    return Links()


def no_picture(_notification: Notification) -> Picture | None:
    """Draw nothing."""
    return None


@dataclass(slots=True, eq=False)
class MailChannel:
    """The addresses of one receiver. A mail stands as it was sent: none is ever changed.

    Attributes
    ----------
    recipients : tuple of str
        Whoever gets a copy of what is for the receiver.
    sender, domain : str
        See :class:`Envelope`.
    links, draw : callable
        Where a mail leads, and what it shows.
    """

    carrier: Carrier
    recipients: tuple[str, ...]
    sender: str
    domain: str
    clock: Callable[[], datetime]
    links: LinksOf = no_links
    draw: Draw = no_picture
    settles: timedelta = timedelta(0)

    @property
    def down(self) -> str:
        """Why nothing gets through for now; empty while it does."""
        return self.carrier.down

    def wait_s(self, *, edit: bool = False, answered: bool = False) -> float:
        """Return for how many seconds nothing may be sent."""
        return self.carrier.wait_s()

    def send(
        self, notification: Notification, root: Receipt | None = None, *, again: int = 0
    ) -> Receipt:
        """Send a mail; one that may have arrived twice over is given up."""
        if again >= MOST_TRIES and not self.carrier.can_be_asked:
            raise ChannelError(f"the service died while it was sent; {_TWICE}", permanent=True)
        mail = self._mail(notification, self.draw(notification))
        try:
            self._hand_in(mail, notification)
        except ChannelError as error:
            if again and error.unsure:
                raise ChannelError(f"{error}; {_TWICE}", permanent=True) from error
            raise
        return self._receipt(notification, mail)

    def find(
        self, notification: Notification, since: datetime, root: Receipt | None = None
    ) -> Receipt | None:
        """Ask whether a mail was taken, where that can be asked."""
        mail = self._mail(notification, None)
        return self._receipt(notification, mail) if self.carrier.was_taken(mail) else None

    def update(self, receipt: Receipt, notification: Notification) -> Receipt:
        """Leave a mail as it is."""
        return receipt

    def rest(self) -> None:
        """End the connection: a server takes an idle one for a fault."""
        self.carrier.close()

    def _hand_in(self, mail: EmailMessage, notification: Notification) -> None:
        try:
            self.carrier.hand_in(mail)
        except TooLargeError:
            self.carrier.hand_in(self._mail(notification, None))  # a chart is worth less than news

    def _mail(self, notification: Notification, picture: Picture | None) -> EmailMessage:
        # A test message has no copies: it goes to the first.
        recipient = notification.recipient or self.recipients[0]
        envelope = Envelope(self.sender, recipient, self.domain)
        return render_mail(notification, envelope, self.links(notification), picture)

    def _receipt(self, notification: Notification, mail: EmailMessage) -> Receipt:
        at = self.clock().astimezone(UTC)
        return Receipt(notification.receiver, str(mail["Message-ID"]), at)
