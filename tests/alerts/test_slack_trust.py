"""Whom the channel trusts with its token: a server with a trusted certificate, and no other."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import monotonic

import pytest
from slack_sdk.errors import SlackApiError

from alerts.channels.base import ChannelError
from alerts.channels.slack import SlackChannel
from alerts.channels.slack_account import SlackAccount, SlackFailure, try_app_token
from alerts.channels.slack_http import is_slacks_own, post_json
from spendwatch.slack.connection import Socket
from tests.builders import a_notification

NEW_KEY = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]


class Hears(BaseHTTPRequestHandler):
    """Keeps whatever it is sent, and leads elsewhere where it is told to."""

    def __init__(self, heard, answer, *arguments):
        self.heard, self.answer = heard, answer
        super().__init__(*arguments)

    def do_POST(self):
        self.heard.append(self.headers)
        status, elsewhere = self.answer
        self.send_response(status)
        if elsewhere:
            self.send_header("Location", elsewhere)
        self.end_headers()

    def do_GET(self):
        self.do_POST()

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
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with serving(heard, context=context) as port:
        yield port, heard


@contextmanager
def serving(heard, answer=(200, ""), context=None):
    """Have a server that keeps what it hears; give its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Hears, heard, answer))
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(params=[301, 302, 303, 307, 308])
def led_astray(request):
    """A server that answers with another address; what came here, and what went there."""
    here, there = [], []
    with serving(there) as port:
        elsewhere = f"http://127.0.0.1:{port}/api/chat.postMessage"
        with serving(here, (request.param, elsewhere)) as ours:
            yield f"http://127.0.0.1:{ours}/api/", here, there


def test_fault_102_a_certificate_that_nobody_trusts_is_told_no_token(impostor):
    port, heard = impostor
    account = SlackAccount("xoxb-secret", f"https://localhost:{port}/api/", monotonic)
    with pytest.raises(ChannelError, match="CERTIFICATE_VERIFY_FAILED") as caught:
        SlackChannel(account, "C0ALERTS").send(a_notification())
    assert heard == []
    assert not caught.value.permanent
    assert "xoxb" not in str(caught.value)


def test_an_answer_that_leads_elsewhere_is_not_followed_and_no_token_arrives_there(led_astray):
    address, here, there = led_astray
    account = SlackAccount("xoxb-secret", address, monotonic)
    with pytest.raises(ChannelError, match="led elsewhere") as caught:
        SlackChannel(account, "C0ALERTS").send(a_notification())
    assert [each["Authorization"] for each in here] == ["Bearer xoxb-secret"]
    assert there == []
    assert caught.value.unsure, "nobody knows what was done with it"


def test_the_app_token_is_led_nowhere_either(led_astray):
    address, here, there = led_astray
    with pytest.raises(SlackFailure, match="led elsewhere"):
        try_app_token("xapp-secret", address, 5)
    assert len(here) == 1
    assert there == []


def test_what_listens_hands_the_app_token_to_nobody_else(led_astray):
    address, here, there = led_astray

    async def connect():
        socket = Socket("xapp-secret", address)
        try:
            await socket.issue_new_wss_url()
        finally:
            await socket.close()

    with suppress(SlackApiError):  # it depends on the answer whether that is the end of it
        asyncio.run(connect())
    assert [each["Authorization"] for each in here] == ["Bearer xapp-secret"]
    assert [each["Authorization"] for each in there] == [None] * len(there)


def test_what_is_answered_to_a_person_carries_no_token_and_is_led_nowhere(led_astray):
    address, here, there = led_astray
    account = SlackAccount("xoxb-secret", address, monotonic)
    with pytest.raises(SlackFailure):
        account.respond(f"{address}hook", {"text": "hello"})
    assert [each["Authorization"] for each in here] == [None]
    assert there == []


@pytest.mark.parametrize(
    "address",
    [
        "", "x", "http://hooks.slack.com/x", "https://hooks.slack.com.evil.example/",
        "https://hooks.slack.com@evil.example/", "https://evil.example/hooks.slack.com",
        "https://hooks.slack.com:8080/", "ftp://hooks.slack.com/", "file:///etc/passwd",
        "http://169.254.169.254/latest", "http://[::1/", "https://hooks.slack.com\\@evil.example/",
        "http://127.0.0.1:9/api/", "http://slack.test/api/",
    ],
)  # fmt: skip
def test_fault_96_an_address_that_is_not_slacks_own_is_not_called(address):
    account = SlackAccount("xoxb-secret", "https://slack.test/api/", monotonic)
    with pytest.raises(SlackFailure, match="no address of Slack"):
        account.respond(address, {"text": "hello"})


def test_where_slack_takes_answers_is_its_own_place_or_that_of_the_settings():
    for address in ("https://hooks.slack.com/commands/1", "https://slack.test/actions/1"):
        assert is_slacks_own(address, "https://slack.test/api/")


def test_what_is_posted_there_arrives_as_json():
    heard = []
    with serving(heard) as port:
        post_json(f"http://127.0.0.1:{port}/", {"text": "hello"}, 5)
    assert heard[0]["Content-Type"].startswith("application/json")
