"""The one way out to addresses that operators name: where it goes, whom it trusts, when it ends."""

from __future__ import annotations

import socket
import ssl
from threading import Event

import pytest

from alerts.channels.outbound_http import MOST_BYTES, OutboundError, OutboundHttp, trusting
from alerts.channels.public_addresses import Private
from tests.outbound.certificates import make_authority
from tests.outbound.receiving import receiving, saying

HERE = Private.of(["127.0.0.0/8"])
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def hooks(authority):
    """A server that is called hooks.example, with a certificate for that name."""
    with receiving(authority.server("hooks.example")) as server:
        yield server


@pytest.fixture
def heard(hooks):
    """What that server hears in this test."""
    hooks.heard.clear()
    hooks.answers[:] = [(200, {})]
    return hooks.heard


def here(_host, _port):
    """Know every name as one of this machine."""
    return ["127.0.0.1"]


def client(authority=None, private=HERE, lookup=here, timeout_s=5.0):
    trust = trusting(str(authority.file) if authority else None)
    return OutboundHttp(trust, private, timeout_s, lookup)


def test_what_is_posted_arrives_under_its_name_over_tls(authority, hooks, heard):
    url = f"https://hooks.example:{hooks.port}/in/a?token=x"
    answer = client(authority).post(url, b"{}", {"Content-Type": "application/json"})
    assert answer.status == 200
    (request,) = heard
    assert (request.method, request.path, request.body) == ("POST", "/in/a?token=x", b"{}")
    assert request.headers["host"] == f"hooks.example:{hooks.port}"
    assert request.headers["user-agent"] == "spendwatch"
    assert request.headers["content-length"] == "2"


def test_what_is_asked_for_has_no_body(authority, hooks, heard):
    assert client(authority).get(f"https://hooks.example:{hooks.port}").status == 200
    assert [(each.method, each.path, each.body) for each in heard] == [("GET", "/", b"")]


def test_point_16_a_certificate_that_nobody_trusts_is_told_nothing(hooks, heard):
    url = f"https://hooks.example:{hooks.port}/in?token=hunter2"
    with pytest.raises(OutboundError, match="certificate is not trusted") as caught:
        client().post(url, b"secret", {})
    assert heard == []
    assert not caught.value.unsure
    assert "hunter2" not in str(caught.value)


def test_point_16_a_certificate_for_another_name_is_told_nothing(authority, hooks, heard):
    with pytest.raises(OutboundError, match="certificate is not trusted: Hostname mismatch"):
        client(authority).get(f"https://other.example:{hooks.port}/")
    assert heard == []


def test_point_16_certificates_are_checked_with_a_file_of_authorities_too(authority):
    context = trusting(str(authority.file))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert len(context.get_ca_certs()) == len(trusting().get_ca_certs()) + 1


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254", "localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]",
        "[::ffff:a9fe:a9fe]", "2130706433", "017700000001", "0x7f000001", "0177.0.0.1", "127.1",
        "0x7f.1", "0", "0x0", "2852039166", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "10.0.0.1",
    ],
)  # fmt: skip
def test_fault_96_an_address_that_is_not_open_is_not_called_however_it_is_written(host):
    """Looked up as the machine does it, which reads octal and decimal spellings too."""
    with receiving() as server:
        guarded = OutboundHttp(trusting(), timeout_s=5)
        with pytest.raises(OutboundError) as caught:
            guarded.get(f"https://{host}:{server.port}/latest/meta-data")
        assert server.heard == []
    refused = "is not called" in str(caught.value)
    assert refused or "not reached" in str(caught.value)  # a machine may not know the spelling
    assert refused or not host[-1].isdigit() or ":" in host
    assert not caught.value.unsure


def test_fault_96_a_name_that_resolves_to_a_private_address_is_not_called():
    with pytest.raises(OutboundError) as caught:
        client(private=Private(), lookup=lambda *_: ["10.1.2.3", "::1"]).get(
            "https://evil.example/"
        )
    assert str(caught.value) == "evil.example is not called: 10.1.2.3 is a private address"


def test_fault_96_of_several_addresses_only_an_open_one_is_called(authority, hooks, heard):
    """The first may not be called, the second is one that the settings allow."""
    guarded = client(authority, lookup=lambda *_: ["169.254.169.254", "10.0.0.1", "127.0.0.1"])
    assert guarded.get(f"https://hooks.example:{hooks.port}/").status == 200
    assert len(heard) == 1


@pytest.mark.usefixtures("heard")
def test_fault_96_a_name_that_changes_its_address_is_called_where_it_was_checked(authority, hooks):
    """The resolver of an attacker gives an open address to whoever checks, then a private one."""
    answers = [["127.0.0.1"], ["169.254.169.254"], ["169.254.169.254"]]
    asked = []

    def rebinding(host, _port):
        asked.append(host)
        return answers.pop(0)

    guarded = client(authority, lookup=rebinding)
    assert guarded.get(f"https://hooks.example:{hooks.port}/").status == 200
    assert asked == ["hooks.example"], "it is looked up once for a call"
    with pytest.raises(OutboundError, match="where clouds keep their metadata"):
        guarded.get(f"https://hooks.example:{hooks.port}/")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_fault_96_no_answer_leads_elsewhere(authority, hooks, heard, status):
    with receiving() as elsewhere:
        hooks.answers[:] = [(status, {"Location": f"http://127.0.0.1:{elsewhere.port}/"})]
        answer = client(authority).post(f"https://hooks.example:{hooks.port}/", b"x", {})
        assert answer.status == status
        assert elsewhere.heard == []
    assert len(heard) == 1


def test_fault_96_proxies_of_the_environment_are_not_asked(authority, hooks, heard, monkeypatch):
    with receiving() as proxy:
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        client(authority).get(f"https://hooks.example:{hooks.port}/")
        assert proxy.heard == []
    assert len(heard) == 1


def test_plain_http_is_for_this_machine_alone():
    with receiving() as server:
        assert client().get(f"http://127.0.0.1:{server.port}/").status == 200
        with pytest.raises(OutboundError, match="over https alone"):
            client().get(f"http://hooks.example:{server.port}/")
        assert len(server.heard) == 1


def test_whether_it_can_be_reached_is_seen_without_asking_anything(authority, hooks, heard):
    client(authority).reach(f"https://hooks.example:{hooks.port}/in")
    with pytest.raises(OutboundError, match="not trusted"):
        client().reach(f"https://hooks.example:{hooks.port}/in")
    assert heard == []


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def test_what_does_not_listen_was_sent_nothing():
    with pytest.raises(OutboundError, match="not reached: Connection refused") as caught:
        client().get(f"https://hooks.example:{free_port()}/")
    assert not caught.value.unsure


def test_a_name_that_nobody_knows_was_sent_nothing():
    with pytest.raises(OutboundError, match=r"nobody\.invalid is not reached") as caught:
        OutboundHttp(trusting(), timeout_s=5).get("https://nobody.invalid/")
    assert not caught.value.unsure
    with pytest.raises(OutboundError, match="its name has no address"):
        client(lookup=lambda *_: []).get("https://hooks.example/")


def test_a_connection_that_is_cut_after_the_request_may_have_arrived(authority, hooks, heard):
    hooks.answers[:] = ["drop"]
    with pytest.raises(OutboundError, match=r"no answer from hooks\.example: RemoteDisc") as caught:
        client(authority).post(f"https://hooks.example:{hooks.port}/?t=hunter2", b"x", {})
    assert caught.value.unsure
    assert "hunter2" not in str(caught.value)
    assert len(heard) == 1


@pytest.mark.parametrize(
    "said",
    [b"", b"hello\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200,
     b"HTTP/1.1 200 OK\r\n" + b"a" * 70_000,
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
)  # fmt: skip
def test_an_answer_that_is_none_may_mean_that_it_arrived(said):
    with saying([said]) as port, pytest.raises(OutboundError) as caught:
        client().post(f"http://127.0.0.1:{port}/", b"x", {})
    assert caught.value.unsure


def test_of_a_long_answer_only_the_beginning_is_read():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"
    with saying([head, *[b"x" * 60_000] * 5]) as port:
        answer = client().get(f"http://127.0.0.1:{port}/")
    assert len(answer.body) == MOST_BYTES


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"]
)
def test_an_answer_that_drips_ends_with_the_time_of_the_call(head):
    """Each byte comes long before the time is over, and all of them together do not."""
    drops = [bytes([each]) for each in b"HTTP/1.1 200 OK" * 40]
    with saying([head, *drops], apart_s=0.03) as port:
        with pytest.raises(OutboundError, match="it takes too long") as caught:
            client(timeout_s=0.4).get(f"http://127.0.0.1:{port}/")
        assert caught.value.unsure


def test_a_handshake_that_drips_ends_with_the_time_of_the_call():
    drops = [bytes([each]) for each in b"\x16\x03\x03\x40\x00" + b"\x02" * 600]
    with saying(drops, apart_s=0.03) as port, pytest.raises(OutboundError) as caught:
        client(timeout_s=0.4).get(f"https://127.0.0.1:{port}/")
    assert not caught.value.unsure


def test_a_name_that_is_not_looked_up_in_time_holds_nobody():
    released = Event()
    try:
        with pytest.raises(OutboundError, match="no answer of the resolver"):
            client(lookup=lambda *_: released.wait(30), timeout_s=0.1).get("https://x.example/")
    finally:
        released.set()


def test_a_server_that_never_answers_ends_with_the_time_of_the_call():
    with receiving() as server:
        server.answers[:] = ["hang"]
        with pytest.raises(OutboundError, match="it takes too long") as caught:
            client(timeout_s=0.3).post(f"http://127.0.0.1:{server.port}/", b"x", {})
        assert caught.value.unsure
