"""Links that mails carry, and who has followed one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from alerts.links import LinkUnknown, Purpose, Signing
from alerts.render.mail import Links
from alerts.tables import NOTIFICATION
from spendwatch.settings_mail import EmailReceiver

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlmodel import Session

    from alerts.links import Link
    from alerts.notice import Notification
    from spendwatch.settings import Settings

PATHS = {Purpose.ANSWER: "/a", Purpose.UNSUBSCRIBE: "/u"}
_NOT_THEIRS = "This link was in a mail to somebody who does not get these mails any more."


def links_of(settings: Settings) -> Callable[[Notification], Links]:
    """Return what makes the links of a mail; none lead anywhere where nothing is served."""
    web, answered = settings.web, settings.email.answers == "link"
    if not (web.serves and web.public_url and web.keys):
        return lambda _notification: Links()
    signing = Signing(web.keys)

    def link(purpose: Purpose, notification: Notification) -> str:
        token = signing.token(purpose, notification.number, notification.created_at)
        return f"{web.public_url}{PATHS[purpose]}/{token}"

    def links(notification: Notification) -> Links:
        if not notification.number:  # a test message, of which nothing is kept
            return Links()
        about = answered and notification.message.about
        return Links(
            answer=link(Purpose.ANSWER, notification) if about else "",
            unsubscribe=link(Purpose.UNSUBSCRIBE, notification),
        )

    return links


@dataclass(frozen=True, slots=True)
class Reader:
    """Who has followed a link, and what the mail was about.

    Attributes
    ----------
    about : tuple of int
        Numbers of the alerts that the mail told of: these may be seen and answered, no others.
    """

    receiver: str
    address: str
    about: tuple[int, ...]
    mailed_at: datetime

    @property
    def actor(self) -> str:
        """Whom answers name."""
        return f"{self.address} (by mail)"


def reader_of(session: Session, settings: Settings, link: Link) -> Reader:
    """Return who has followed a link; raises LinkRefused where it is not theirs any more."""
    row = session.connection().execute(_message(), {"number": link.number}).one_or_none()
    if row is None:
        raise LinkUnknown("What this link was about is not kept any more.")
    addresses = {
        address
        for each in settings.receivers
        if isinstance(each, EmailReceiver) and each.name == row.receiver
        for address in each.addresses
    }
    if row.recipient not in addresses:
        raise LinkUnknown(_NOT_THEIRS)
    about = tuple(row.message.get("about", ()))
    return Reader(row.receiver, row.recipient, about, row.created_at)


@cache
def _message() -> Any:
    """Select what is asked of the message that a link stood in."""
    mine = NOTIFICATION.c.number == bindparam("number")
    names = ("receiver", "recipient", "message", "created_at")
    return select(*(NOTIFICATION.c[name] for name in names)).where(mine)
