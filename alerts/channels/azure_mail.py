"""Mail handed in to Azure Communication Services.

Each mail carries an operation id made from its own id: whether one was taken can be asked, and one
that was is refused the second time.
"""

from __future__ import annotations

import uuid
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from azure.communication.email import EmailClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
)
from azure.core.rest import HttpRequest

from alerts.channels.base import ChannelError
from alerts.pacing import Limit, Pacer

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import EmailMessage

    from azure.core.credentials import TokenCredential

PROBE_S = 60.0
_OPERATIONS = uuid.UUID("0a1f6e34-63d1-5d0b-9f0e-53f1f3f7f6aa")
_MAIL = "mail"
_OWN_HEADERS = {"x-ms-acsemail-validate-message-id": "true"}
_SENT_AS_FIELDS = frozenset({"from", "to", "subject", "date", "content-type", "mime-version"})
_TAKEN = ("Succeeded", "Running", "NotStarted")
_TOO_MANY, _SERVER_ERROR = 429, 500
_API = "2025-09-01"
_SAID = 200


class AzureMailAccount:
    """One resource of Azure Communication Services; its own retries are off: the outbox retries.

    ``credential`` is an access key, or what gives tokens.

    Attributes
    ----------
    down : str
        Why it takes nothing; empty while it does.
    """

    can_be_asked = True

    def __init__(
        self,
        endpoint: str,
        credential: str | TokenCredential,
        steady: Callable[[], float],
        *,
        timeout_s: float = 10.0,
        a_minute: int = 30,
        probe_s: float = PROBE_S,
    ) -> None:
        self.down = ""
        self._client = EmailClient(
            endpoint,
            AzureKeyCredential(credential) if isinstance(credential, str) else credential,
            retry_total=0,
            connection_timeout=timeout_s,
            read_timeout=timeout_s,
            logging_enable=False,
        )
        self._steady, self._probe_s, self._timeout_s = steady, probe_s, timeout_s
        self._pacer = Pacer({_MAIL: Limit(a_minute=a_minute)}, steady)
        self._tried_s = float("-inf")

    def wait_s(self) -> float:
        """Return how long nothing may be handed in: Azure counts a minute's mails."""
        if self.down and (left_s := self._tried_s + self._probe_s - self._steady()) > 0:
            return left_s
        return self._pacer.wait_s(_MAIL)

    def hand_in(self, mail: EmailMessage) -> None:
        """Hand a mail in; raises ChannelError where Azure does not say that it took it."""
        self._pacer.took(_MAIL)
        operation = operation_of(mail)
        try:
            poller = self._client.begin_send(
                _body(mail), operation_id=operation, polling_interval=1
            )
            poller.wait(self._timeout_s)  # what takes longer was accepted, and counts as taken
        except AzureError as error:
            raise self._fault(error) from error
        self.down = ""

    def was_taken(self, mail: EmailMessage) -> bool:
        """Ask for the operation that a mail would be; raises ChannelError where that fails."""
        path = f"/emails/operations/{operation_of(mail)}?api-version={_API}"
        try:
            answer = self._client.send_request(HttpRequest("GET", path))
        except AzureError as error:
            raise self._fault(error) from error
        return answer.status_code // 100 == 2 and answer.json().get("status") in _TAKEN  # noqa: PLR2004 - any success

    def close(self) -> None:
        """Keep the connections: they end by themselves, and closed ones cannot be made again."""

    def _fault(self, error: AzureError) -> ChannelError:
        found = fault_of(error)
        if isinstance(error, ClientAuthenticationError | ServiceRequestError):
            self.down, self._tried_s = str(found), self._steady()
        if found.retry_after_s:
            self._pacer.pause(_MAIL, "", found.retry_after_s)
        return found


def operation_of(mail: EmailMessage) -> str:
    """Return the id by which Azure knows a mail, the same for each try."""
    return str(uuid.uuid5(_OPERATIONS, str(mail["Message-ID"])))


def fault_of(error: AzureError) -> ChannelError:
    """Say what became of a mail that was not taken."""
    words = f"Azure: {' '.join(str(error).split())[:_SAID]}"
    if isinstance(error, ServiceRequestError | ClientAuthenticationError):
        return ChannelError(words, unsure=False)
    if not isinstance(error, HttpResponseError) or error.status_code is None:
        return ChannelError(words)
    if error.status_code == _TOO_MANY:
        return ChannelError(words, unsure=False, retry_after_s=_retry_after_s(error))
    final = error.status_code < _SERVER_ERROR  # also 200, of an operation that failed
    return ChannelError(words, permanent=final, curable=final, unsure=not final)


def _retry_after_s(error: HttpResponseError) -> float:
    headers = getattr(error.response, "headers", {})
    asked = str(headers.get("Retry-After", ""))
    return float(asked) if asked.isdigit() else PROBE_S


def _body(mail: EmailMessage) -> dict[str, Any]:
    """Return a mail as Azure takes one: the same parts, named."""
    sender, recipient = mail["From"].addresses[0], mail["To"].addresses[0]
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    kept = {name: str(value) for name, value in mail.items() if name.lower() not in _SENT_AS_FIELDS}
    return {
        "senderAddress": sender.addr_spec,
        "recipients": {"to": [{"address": recipient.addr_spec}]},
        "content": {
            "subject": str(mail["Subject"]),
            "plainText": text.get_content() if text else "",
            "html": html.get_content() if html else "",
        },
        "headers": {**kept, **_OWN_HEADERS},
        "attachments": [_attachment(part) for part in mail.walk() if part["Content-ID"]],
        "userEngagementTrackingDisabled": True,
    }


def _attachment(part: Any) -> dict[str, str]:
    return {
        "name": part.get_filename() or "chart.png",
        "contentType": part.get_content_type(),
        "contentInBase64": b64encode(part.get_payload(decode=True)).decode(),
        "contentId": str(part["Content-ID"]).strip("<>"),
    }
