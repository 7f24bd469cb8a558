"""A real mail server for tests: STARTTLS or TLS, AUTH, and whatever answer a test asks for.

It is aiosmtpd's; what it took is kept as it was read from the wire. Its certificate is made once a
run, and signed by itself: whoever shall trust it is handed its file.
"""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage
    from pathlib import Path

USER, PASSWORD = "spendwatch", "not-a-real-password"
TAKEN = "250 OK"
NEW_KEY = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]


@dataclass(frozen=True)
class Certificate:
    """A certificate for localhost and 127.0.0.1 that nobody has signed but itself."""

    file: str
    key: str

    def serving(self) -> ssl.SSLContext:
        """What a server needs to show it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key)
        return context


def make_certificate(folder: Path) -> Certificate:
    """Make a certificate; skips where there is no openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl, to make a certificate")
    made = Certificate(str(folder / "certificate.pem"), str(folder / "key.pem"))
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command = [*NEW_KEY, *names, "-keyout", made.key, "-out", made.file]
    subprocess.run(command, check=True, capture_output=True)
    return made


@dataclass
class Answers:
    """What the server answers next: to RCPT, and to DATA; taken where nothing is asked for.

    An answer is a line; ``drop`` loses the connection instead, ``drop after`` once it has taken
    the mail. What stands under an address is for that address alone.
    """

    rcpt: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    mail_from: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


class LocalMail:
    """What the server took, and what it shall answer; ``handle_`` methods are aiosmtpd's."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.envelopes: list[tuple[str, tuple[str, ...]]] = []
        self.said: list[str] = []
        self.answers = Answers()
        self.connections = 0

    @property
    def mails(self) -> list[EmailMessage]:
        """What was taken, read."""
        return [message_from_bytes(raw, policy=policy.default) for raw in self.taken]

    def to(self, address: str) -> list[EmailMessage]:
        """What one address got."""
        return [mail for mail in self.mails if mail["To"] == address]

    async def handle_EHLO(  # noqa: N802 - as aiosmtpd calls it
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802 - as aiosmtpd calls it
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.answers.mail_from:
            return self.answers.mail_from.pop(0)
        envelope.mail_from = address
        return TAKEN

    async def handle_RCPT(  # noqa: N802 - as aiosmtpd calls it
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        answer = self.answers.refused.get(address) or _next(self.answers.rcpt)
        if answer == "drop":
            server.transport.abort()
        if answer == TAKEN:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - as aiosmtpd calls it
        answer = _next(self.answers.data)
        if answer in (TAKEN, "drop after"):
            self.taken.append(envelope.content)
            self.envelopes.append((envelope.mail_from, tuple(envelope.rcpt_tos)))
        if answer.startswith("drop"):
            server.transport.abort()
        return answer


def _next(answers: list[str]) -> str:
    return answers.pop(0) if answers else TAKEN


class _Hooks:
    """The ``handle_`` methods of a server and nothing else.

    With each connection aiosmtpd looks at whatever a handler has, properties too: to read all mails
    takes a second once there are thousands.
    """

    def __init__(self, mail: LocalMail) -> None:
        hooks = (name for name in dir(mail) if name.startswith("handle_"))
        vars(self).update({name: getattr(mail, name) for name in hooks})


class _Server(Controller):
    """aiosmtpd's server, told once what each connection may do."""

    def __init__(self, mail: LocalMail, **options: Any) -> None:
        self.options = options
        super().__init__(_Hooks(mail), hostname="127.0.0.1", port=_free_port())

    def factory(self) -> SMTP:
        with warnings.catch_warnings():
            # Over TLS from the first byte it warns of passwords in the clear all the same.
            warnings.simplefilter("ignore", UserWarning)
            return SMTP(self.handler, **self.options)


@contextmanager
def mail_server(
    certificate: Certificate | None = None,
    *,
    security: str = "starttls",
    auth: bool = False,
    port: int = 0,
    size: int | None = None,
    mail: LocalMail | None = None,
) -> Iterator[tuple[LocalMail, int]]:
    """Have a mail server; give it, and its port. ``mail`` is who answers, if not as it is told."""
    mail = mail or LocalMail()
    options: dict[str, Any] = {"hostname": "mail.test", "data_size_limit": size}
    if auth:
        options |= {
            "authenticator": _authenticate,
            "auth_require_tls": security == "starttls",
            "auth_required": True,
        }
    if security == "starttls" and certificate:
        options |= {"tls_context": certificate.serving(), "require_starttls": True}
    server = _Server(mail, **options)
    server.port = port or server.port
    if security == "tls" and certificate:
        server.ssl_context = certificate.serving()
    server.start()
    try:
        yield mail, server.port
    finally:
        server.stop()


def _authenticate(
    server: Any, session: Any, envelope: Any, mechanism: str, data: Any
) -> AuthResult:
    right = (data.login.decode(), data.password.decode()) == (USER, PASSWORD)
    return AuthResult(success=right, handled=right)


def _free_port() -> int:
    # aiosmtpd cannot say which port it was given where it asks for any.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
