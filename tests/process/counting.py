"""What each receiver was told, beside what it was to be told: what was lost, what came again."""

from __future__ import annotations

import base64
import hmac
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from alerts.channels.opaque import opaque
from alerts.channels.slack import EVENT
from alerts.model import Reason
from alerts.render.mail import Envelope, message_id
from alerts.tables import AlertRow, NotificationRow, PostingRow
from tests.process.elsewhere import ADDRESSES, DOMAIN, MAIL, PROGRAM, SECRET

if TYPE_CHECKING:
    from tests.outbound.receiving import Heard

IS_MESSAGE = col(NotificationRow.reason) != Reason.CHART.value
IN_SLACK, BY_MAIL, TO_PROGRAM = "t", "m", "w"
"""What the names of tenants begin with, by who is told of them."""
MOST_BY_MAIL = 2
"""A mail whose end nobody knows is handed in once more at most."""
_KEY = base64.b64decode(SECRET.removeprefix("whsec_"))


@dataclass
class Told:
    """What was told in one way.

    Attributes
    ----------
    alerts : int
        How many were to be told.
    messages, repeats : int
        How many have arrived, and how many of them once more than needed.
    given_up : int
        Mails that may have arrived, and were told in Slack as well.
    lost : list of str
        Messages that have not arrived, and alerts that none of those tells.
    wrong : list of str
        What else does not hold that must.
    """

    way: str
    alerts: int = 0
    messages: int = 0
    repeats: int = 0
    given_up: int = 0
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        given_up = f", {self.given_up} given up and told in Slack" if self.given_up else ""
        return (
            f"{self.way}: {self.alerts} alerts, {self.messages} messages, "
            f"{self.repeats} repeats{given_up}, {len(self.lost)} lost, {len(self.wrong)} wrong"
        )

    def take(self, row: NotificationRow, times: int, *, given_up: bool = False) -> None:
        """Count how often a message has arrived."""
        self.messages += times > 0
        self.repeats += max(0, times - 1)
        if given_up:
            self.given_up += 1
        elif row.state != "sent":
            self.wrong.append(f"{row.key} ({row.reason}) is {row.state}: {row.error}")
        elif not times:
            self.lost.append(f"{row.key} ({row.reason}) was sent and is not there")

    def take_alerts(self, session: Session, first: str, told: Iterable[NotificationRow]) -> None:
        """Count the alerts of tenants that begin so, and those that nothing has told."""
        query = select(AlertRow.number).where(col(AlertRow.tenant).startswith(first))
        numbers = {number for number in session.exec(query) if number}
        self.alerts = len(numbers)
        numbers -= {number for row in told for number in row.message["about"]}
        self.lost += [f"A-{number} was told nobody" for number in sorted(numbers)]


def in_slack(session: Session, receivers: Sequence[str], messages: Iterable[Any]) -> Told:
    """Compare with what stands in Slack, by its opaque key: each message once."""
    stands: dict[str, list[float]] = defaultdict(list)
    for message in messages:
        if message.metadata and message.metadata.get("event_type") == EVENT:
            stands[message.metadata["event_payload"]["key"]].append(float(message.ts))
    told, arrived = Told("Slack"), []
    for row in rows_of(session, receivers):
        posted = stands.pop(opaque(row.key), [])
        if posted or row.reason != Reason.RESOLVED.value or row.state != "sent":
            told.take(row, len(posted))
        if len(posted) > 1:
            apart = ", ".join(f"{at - posted[0]:.2f} s later" for at in posted[1:])
            told.wrong.append(f"{row.key} ({row.reason}) stands {len(posted)} times, {apart}")
        arrived += [row] * bool(posted)
    told.wrong += [f"{key} stands and is not known" for key in stands]
    told.take_alerts(session, IN_SLACK, arrived)
    return told


def by_mail(session: Session, taken: Iterable[bytes]) -> Told:
    """Compare with what the mail server has taken, by its id: each mail twice at most."""
    by_id: dict[str, list[bytes]] = defaultdict(list)
    for raw in taken:
        by_id[str(message_from_bytes(raw)["Message-ID"])].append(raw)
    told, arrived, rows = Told("mail"), [], rows_of(session, [MAIL])
    told.wrong += _not_divided(rows)
    for row in (each for each in rows if each.recipient):
        same = by_id.pop(message_id(row.key, Envelope("", row.recipient, DOMAIN)), [])
        given_up = row.state == "dead" and _was_forwarded(session, row)
        told.take(row, len(same), given_up=given_up)
        if len(same) > MOST_BY_MAIL:
            told.wrong.append(f"{row.key} was handed in {len(same)} times")
        if len(set(same)) > 1:
            told.wrong.append(f"{row.key} was not the same mail each time")
        arrived += [row] * bool(same or given_up)
    told.wrong += [f"{name} was mailed and is not known" for name in by_id]
    told.take_alerts(session, BY_MAIL, arrived)
    return told


def by_webhook(session: Session, taken: Sequence[Heard]) -> Told:
    """Compare with what the program has kept, by its webhook-id: each message at least once."""
    by_id: dict[str, list[Heard]] = defaultdict(list)
    for heard in taken:
        by_id[heard.headers["webhook-id"]].append(heard)
    told, arrived = Told("webhook"), []
    for row in rows_of(session, [PROGRAM]):
        same = by_id.pop(f"msg_{opaque(row.key)}", [])
        told.take(row, len(same))
        if len({heard.body for heard in same}) > 1:
            told.wrong.append(f"{row.key} was not the same message each time")
        arrived += [row] * bool(same)
    told.wrong += [f"{name} was posted and is not known" for name in by_id]
    told.wrong += [f"{each.headers} is not signed" for each in taken if not _is_signed(each)]
    told.take_alerts(session, TO_PROGRAM, arrived)
    return told


def not_shown(session: Session) -> list[str]:
    """Find messages that do not show their alert as it is."""
    rows = session.exec(
        select(AlertRow.number, AlertRow.revision, PostingRow.revision).where(
            AlertRow.number == PostingRow.alert_number
        )
    )
    return [
        f"the message of A-{number} shows revision {shown} of {revision}"
        for number, revision, shown in rows
        if shown < revision
    ]


def rows_of(session: Session, receivers: Sequence[str]) -> Sequence[NotificationRow]:
    """Return what was to be told to these, without pictures."""
    of_these = col(NotificationRow.receiver).in_(receivers)
    return session.exec(select(NotificationRow).where(IS_MESSAGE, of_these)).all()


def _not_divided(rows: Sequence[NotificationRow]) -> list[str]:
    """Find what has no copy for each address."""
    copies = Counter(row.part_of for row in rows if row.recipient)
    return [
        f"{row.key} is {row.state}, with {copies[row.key]} copies: {row.error}"
        for row in rows
        if not row.recipient and (row.state, copies[row.key]) != ("divided", len(ADDRESSES))
    ]


def _was_forwarded(session: Session, row: NotificationRow) -> bool:
    """Whether what was given up was told to whom everything is told; that is counted there."""
    key = col(NotificationRow.key) == f"forward:{row.key}"
    return session.exec(select(NotificationRow).where(key)).first() is not None


def _is_signed(heard: Heard) -> bool:
    sent, at = heard.headers["webhook-id"], heard.headers["webhook-timestamp"]
    made = hmac.digest(_KEY, f"{sent}.{at}.".encode() + heard.body, "sha256")
    good = f"v1,{base64.b64encode(made).decode()}"
    return hmac.compare_digest(heard.headers["webhook-signature"], good)
