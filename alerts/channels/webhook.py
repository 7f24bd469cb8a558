"""Messages posted as JSON to a program, signed as Standard Webhooks (standardwebhooks.com) has it.

A program cannot be asked what it was sent. So what may have arrived is posted again, with the same
id: it arrives at least once, and whoever keeps the ids takes it once.
"""

from __future__ import annotations

import base64
import hmac
import json
from datetime import timedelta
from typing import TYPE_CHECKING

from alerts.channels.base import ChannelError
from alerts.channels.opaque import opaque
from alerts.channels.outbound_http import OutboundError
from alerts.channels.retry_after import retry_after
from alerts.notice import Receipt
from alerts.render.webhook import render_webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from alerts.channels.outbound_http import Answer, OutboundHttp
    from alerts.notice import Notification

_TAKEN, _ELSEWHERE, _REFUSED = range(200, 300), range(300, 400), range(400, 500)
_TIMED_OUT, _GONE, _TOO_EARLY, _TOO_MANY, _UNAVAILABLE = 408, 410, 425, 429, 503
_LATER = (_TIMED_OUT, _TOO_EARLY)


def sign(keys: Sequence[bytes], identity: str, timestamp: int, body: bytes) -> str:
    """Sign a body with each key, so that whoever has one of them can check it.

    Examples
    --------
    >>> sign([b"secret"], "msg_1", 1_700_000_000, b"{}")
    'v1,A5oIrJxXPB/PkULSoVu0e4khvPiqpF9vljmhkSKg0FI='
    """
    signed = f"{identity}.{timestamp}.".encode() + body
    made = (hmac.digest(key, signed, "sha256") for key in keys)
    return " ".join(f"v1,{base64.b64encode(each).decode()}" for each in made)


class WebhookChannel:
    """One address, called by one client."""

    settles = timedelta(0)
    recipients: tuple[str, ...] = ()
    down = ""

    def __init__(
        self, http: OutboundHttp, url: str, keys: Sequence[bytes], clock: Callable[[], datetime]
    ) -> None:
        self._http, self._url, self._keys, self._clock = http, url, tuple(keys), clock

    def wait_s(self, *, edit: bool = False, answered: bool = False) -> float:
        """Wait for nothing: what asks for a pause has the whole receiver wait, in the outbox."""
        return 0.0

    def send(
        self, notification: Notification, root: Receipt | None = None, *, again: int = 0
    ) -> Receipt:
        """Post a message; it has the same id every time."""
        identity = f"msg_{opaque(notification.key)}"
        body = json.dumps(render_webhook(notification, identity)).encode()
        now = self._clock()
        headers = {
            "Content-Type": "application/json",
            "webhook-id": identity,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": sign(self._keys, identity, int(now.timestamp()), body),
        }
        try:
            answer = self._http.post(self._url, body, headers)
        except OutboundError as error:
            raise ChannelError(
                str(error), permanent=error.refused, curable=error.refused, unsure=error.unsure
            ) from None
        if answer.status not in _TAKEN:
            raise _fault_of(answer, now)
        return Receipt(notification.receiver, identity, now)

    def find(
        self, notification: Notification, since: datetime, root: Receipt | None = None
    ) -> Receipt | None:
        """Find nothing: a program cannot be asked."""
        return None

    def update(self, receipt: Receipt, notification: Notification) -> Receipt:
        """Post the message as it is now; what was posted is not changed."""
        return self.send(notification)

    def rest(self) -> None:
        """Hold nothing: each message is a connection of its own."""


def _fault_of(answer: Answer, now: datetime) -> ChannelError:
    """Say what an answer means; its words are the program's own, and are not repeated."""
    status = answer.status
    said = f"the webhook answered HTTP {status}"
    if status == _TOO_MANY or (status == _UNAVAILABLE and "retry-after" in answer.headers):
        wait_s = retry_after(answer.headers, now)
        return ChannelError(f"{said}, to wait {wait_s:.0f} s", unsure=False, retry_after_s=wait_s)
    if status in _ELSEWHERE:
        words = f"{said}: it leads elsewhere, which is not followed; put the other address in"
        return ChannelError(words, permanent=True, curable=True, unsure=False)
    if status in _REFUSED and status not in _LATER:
        return ChannelError(said, permanent=True, curable=status != _GONE, unsure=False)
    return ChannelError(said)
