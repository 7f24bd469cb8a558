"""No token and no secret is written anywhere, or sent where others could read it."""

import logging
import ssl
import traceback
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from threading import Thread

import pytest
from azure.core.exceptions import ClientAuthenticationError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from detector.sources.base import SourceError
from detector.sources.log_analytics import Limits, open_log_analytics
from tests.azure import bodies
from tests.azure.asking import (
    AUDIENCE,
    DAY,
    NEXT_DAY,
    QUERY,
    Sleeper,
    StubCredential,
    longest,
    new_gate,
    store_on,
)

CANARY = "canary-token-that-nobody-may-read"


def everything_goes_wrong(server):
    """Live through a run of failures; all that a log could be given of them."""
    server.configure(tokens=[CANARY])
    echo = bodies.error("Oops", f"you sent Authorization: Bearer {CANARY}")
    told = []
    for status, body in [(500, echo), (400, echo), (418, echo), (401, echo), (403, echo)]:
        server.refuse(status, body, count=99)
        told += failures(store_on(server, credential=StubCredential(CANARY)))
        server.clear_faults()
    told += failures(store_on(server, credential=StubCredential(CANARY + "-expired")))
    unknown = ClientAuthenticationError(f"AADSTS1: secret {CANARY}")
    told += failures(store_on(server, credential=StubCredential(CANARY, unknown)))
    for kind in ("reset", "cut"):
        server.fault(kind, count=99)
        told += failures(store_on(server, credential=StubCredential(CANARY)))
        server.clear_faults()
    return told


def failures(store):
    with pytest.raises(SourceError) as raised:
        store.ask(QUERY, DAY, NEXT_DAY)
    return [str(raised.value), repr(store), *traceback.format_exception(raised.value)]


def test_a_run_with_canaries_for_secrets_leaves_none_of_them_anywhere(log_analytics, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    told = everything_goes_wrong(log_analytics)
    store_on(log_analytics, credential=StubCredential(CANARY)).ask(QUERY, DAY, NEXT_DAY)
    written = capfd.readouterr()
    assert len(told) > 20
    assert "[hidden]" in "".join(told)
    assert len(caplog.messages) > 20, "Azure's own libraries were heard"
    assert CANARY not in "".join([*told, *caplog.messages, caplog.text, *written])


def test_azures_own_warnings_are_not_written_to_the_terminal(log_analytics, capfd):
    store_on(log_analytics).ask(QUERY, DAY, NEXT_DAY)
    logging.getLogger("azure.identity").warning("a warning of theirs")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("endpoint", ["http://192.0.2.1", "http://example.org", "example.org"])
def test_a_store_that_would_send_a_token_in_the_clear_is_not_made(endpoint):
    class Elsewhere:
        workspace = "w"

    Elsewhere.endpoint = endpoint
    credential = StubCredential(CANARY)
    with pytest.raises(ValueError, match="endpoint"):
        store_on(Elsewhere, credential=credential)
    assert credential.scopes == []


class Listener(BaseHTTPRequestHandler):
    """Hears what is sent, and says nothing."""

    def do_POST(self):
        self.server.heard.append(dict(self.headers))
        self.send_response(500)
        self.end_headers()

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def listener():
    server = HTTPServer(("127.0.0.1", 0), Listener)
    server.heard = []
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_redirect_is_not_followed(log_analytics, listener):
    target = f"http://localhost:{listener.server_port}/v1/workspaces/w/query"
    for status in (301, 302, 307, 308):
        log_analytics.refuse(status, headers={"Location": target})
        with pytest.raises(SourceError, match="redirect"):
            store_on(log_analytics).ask(QUERY, DAY, NEXT_DAY)
    assert listener.heard == []


def test_no_proxy_is_handed_a_token_over_http(log_analytics, listener, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{listener.server_port}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    store_on(log_analytics).ask(QUERY, DAY, NEXT_DAY)
    assert listener.heard == []


@pytest.fixture
def certified(listener, tmp_path):
    """The listener behind a certificate that it signed itself, and the file with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)  # noqa: TID251 - a certificate is valid in the machine's time
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path / "certificate.pem"
    file.write_bytes(private + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    listener.socket = context.wrap_socket(listener.socket, server_side=True)
    listener.handle_error = lambda *_arguments: None
    return listener, file


def over_https(server):
    time = Sleeper()
    return open_log_analytics(
        workspace_id="w",
        credential=StubCredential(CANARY),
        endpoint=f"https://127.0.0.1:{server.server_port}",
        audience=AUDIENCE,
        limits=Limits(),
        gate=new_gate(time),
        clock=time.clock,
        sleep=time.sleep,
        spread=longest,
    )


def test_a_certificate_that_is_not_trusted_gets_no_token(certified):
    server, _file = certified
    with pytest.raises(SourceError, match="is not trusted; where a proxy shows its own") as raised:
        over_https(server).ask(QUERY, DAY, NEXT_DAY)
    assert raised.value.retryable
    assert server.heard == []


def test_a_certificate_that_the_environment_trusts_does(certified, monkeypatch):
    server, file = certified
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    with pytest.raises(SourceError, match=r"failed \(500\)"):
        over_https(server).ask(QUERY, DAY, NEXT_DAY)
    assert server.heard[0]["Authorization"] == f"Bearer {CANARY}"
