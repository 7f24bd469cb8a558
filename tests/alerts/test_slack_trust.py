"""Whom the channel trusts with its token: a server with a certificate that this machine trusts."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import monotonic

import pytest

from alerts.channels.base import ChannelError
from alerts.channels.slack import SlackChannel
from alerts.channels.slack_account import SlackAccount
from tests.builders import a_notification

NEW_KEY = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]


class Hears(BaseHTTPRequestHandler):
    """Keeps whatever it is sent."""

    def __init__(self, heard, *arguments):
        self.heard = heard
        super().__init__(*arguments)

    def do_POST(self):
        self.heard.append(self.headers)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def impostor(tmp_path):
    """A server whose certificate nobody has signed but itself."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl, to make a certificate")
    key, certificate, heard = tmp_path / "key.pem", tmp_path / "certificate.pem", []
    made = [*NEW_KEY, "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Hears, heard))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1], heard
    server.shutdown()
    thread.join()
    server.server_close()


def test_fault_102_a_certificate_that_nobody_trusts_is_told_no_token(impostor):
    port, heard = impostor
    account = SlackAccount("xoxb-secret", f"https://localhost:{port}/api/", monotonic)
    with pytest.raises(ChannelError, match="CERTIFICATE_VERIFY_FAILED") as caught:
        SlackChannel(account, "C0ALERTS").send(a_notification())
    assert heard == []
    assert not caught.value.permanent
    assert "xoxb" not in str(caught.value)
