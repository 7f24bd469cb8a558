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

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

USER, PASSWORD = "spendwatch", "not-a-real-password"
TAKEN = "250 OK"
NEW_KEY = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]


@dataclass(frozen=True)
class Certificate:
    """A certificate for localhost and 127.0.0.1 that nobody has signed but itself."""

    file: str
    key: str

    def serving(self):
        """What a server needs to show it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key)
        return context


def make_certificate(folder):
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

    rcpt: list = field(default_factory=list)
    data: list = field(default_factory=list)
    mail_from: list = field(default_factory=list)
    refused: dict = field(default_factory=dict)


class LocalMail:
    """What the server took, and what it shall answer; ``handle_`` methods are aiosmtpd's."""

    def __init__(self):
        self.taken = []
        self.envelopes = []
        self.said = []
        self.answers = Answers()
        self.connections = 0

    @property
    def mails(self):
        """What was taken, read."""
        return [message_from_bytes(raw, policy=policy.default) for raw in self.taken]

    def to(self, address):
        """What one address got."""
        return [mail for mail in self.mails if mail["To"] == address]

    async def handle_EHLO(self, server, session, envelope, hostname, responses):  # noqa: N802 - as aiosmtpd calls it
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802 - as aiosmtpd calls it
        if self.answers.mail_from:
            return self.answers.mail_from.pop(0)
        envelope.mail_from = address
        return TAKEN

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - as aiosmtpd calls it
        answer = self.answers.refused.get(address) or _next(self.answers.rcpt)
        if answer == "drop":
            server.transport.abort()
        if answer == TAKEN:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - as aiosmtpd calls it
        answer = _next(self.answers.data)
        if answer in (TAKEN, "drop after"):
            self.taken.append(envelope.content)
            self.envelopes.append((envelope.mail_from, tuple(envelope.rcpt_tos)))
        if answer.startswith("drop"):
            server.transport.abort()
        return answer


def _next(answers):
    return answers.pop(0) if answers else TAKEN


class _Server(Controller):
    """aiosmtpd's server, told once what each connection may do."""

    def __init__(self, handler, **options):
        self.options = options
        super().__init__(handler, hostname="127.0.0.1", port=_free_port())

    def factory(self):
        with warnings.catch_warnings():
            # Over TLS from the first byte it warns of passwords in the clear all the same.
            warnings.simplefilter("ignore", UserWarning)
            return SMTP(self.handler, **self.options)


@contextmanager
def mail_server(certificate=None, *, security="starttls", auth=False, port=0, size=None):
    """Have a mail server; give it, and its port."""
    mail = LocalMail()
    options = {"hostname": "mail.test", "data_size_limit": size}
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
    if security == "tls":
        server.ssl_context = certificate.serving()
    server.start()
    try:
        yield mail, server.port
    finally:
        server.stop()


def _authenticate(server, session, envelope, mechanism, data):
    right = (data.login.decode(), data.password.decode()) == (USER, PASSWORD)
    return AuthResult(success=right, handled=right)


def _free_port():
    # aiosmtpd cannot say which port it was given where it asks for any.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
