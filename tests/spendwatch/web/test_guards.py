"""What every request passes and every answer carries, over real connections."""

from __future__ import annotations

import asyncio
import gzip
import time
import tracemalloc

import pytest
from fastapi import Request

from spendwatch.web import bodies, protocol
from spendwatch.web.bodies import MOST_BYTES
from spendwatch.web.rules import POLICY
from tests.process.services import until
from tests.spendwatch.web.served import LISTEN, WITH_TOKEN, a_server

HTML = {"Accept": "text/html,application/xhtml+xml"}
EVERY_HEADER = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
ASKED = "web_request"
PUBLIC = '\npublic_url = "https://spend.example"'
A_PATH = "/home/spendwatch/place"


async def broken(_request: Request) -> None:
    """A page with a fault of ours."""
    raise RuntimeError(f"cannot read {A_PATH}")


async def mirror(request: Request) -> dict[str, int]:
    """Say how much came."""
    return {"bytes": len(await request.body())}


async def endless(_request: Request) -> None:
    """A page that never comes."""
    await asyncio.Event().wait()


ROUTES = [("/broken", broken), ("/mirror", mirror), ("/a/{token}", mirror)]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with a_server(tmp_path_factory.mktemp("web"), routes=ROUTES) as served:
        yield served


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    """A server whose seconds are tenths of one."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(protocol, "HEAD_WITHIN_S", 0.3)
        changed.setattr(bodies.Bounded.__init__, "__defaults__", (MOST_BYTES, 0.3))
        with a_server(tmp_path_factory.mktemp("hasty"), routes=ROUTES) as served:
            yield served


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    """A server that others reach over TLS."""
    with a_server(tmp_path_factory.mktemp("public"), LISTEN + PUBLIC, routes=ROUTES) as served:
        yield served


def post(*headers, body=b""):
    lines = ["POST /mirror HTTP/1.1", "Host: localhost", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("HEAD", "/healthz", 200),
        ("GET", "/readyz", 503),
        ("GET", "/metrics", 200),
        ("GET", "/style.css", 200),
        ("GET", "/broken", 500),
        ("GET", "/nothing", 404),
        ("GET", "/docs", 404),
        ("GET", "/redoc", 404),
        ("GET", "/openapi.json", 404),
        ("GET", "/healthz/", 404),
        ("GET", "/%00%ff/../etc/passwd", 404),
        ("DELETE", "/healthz", 405),
        ("OPTIONS", "/healthz", 405),
        ("TRACE", "/healthz", 405),
        ("BREW", "/healthz", 405),
        ("POST", "/slack/actions", 404),
    ],
)
def test_every_answer_has_every_header_and_names_no_server(served, method, path, status):
    answer = served.ask(method, path)
    assert answer.status == status
    assert EVERY_HEADER.items() <= answer.headers.items()
    assert answer.headers.keys().isdisjoint({"server", "x-powered-by", "set-cookie"})
    assert "strict-transport-security" not in answer.headers, "not over TLS"


def test_what_is_no_http_is_refused_with_every_header(served):
    answer = served.raw(b"\x16\x03\x01\x02\x00 this is TLS\r\n\r\n").decode().lower()
    assert answer.startswith("http/1.1 400 ")
    for name, value in EVERY_HEADER.items():
        assert f"{name}: {value}".lower() in answer


def test_whoever_is_reached_over_tls_says_that_it_stays_so(public):
    for path in ("/healthz", "/nothing"):
        assert public.get(path).headers["strict-transport-security"] == "max-age=31536000"


def test_a_person_is_shown_a_page_and_a_program_told_json(served):
    page, told = served.get("/nothing", HTML), served.get("/nothing")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1>There is no such page</h1>" in page.text
    assert "<script" not in page.text
    assert "http" not in page.text
    assert told.json == {"error": "There is nothing under that address."}


def test_only_the_head_is_sent_where_only_that_is_asked_for(served):
    head, whole = served.ask("HEAD", "/healthz"), served.get("/healthz")
    assert (head.text, head.headers["content-length"]) == ("", str(len(whole.text)))


def test_an_error_of_ours_is_a_number_to_the_client_and_all_the_rest_to_the_log(served):
    for headers in ({}, HTML):
        answer = served.get("/broken", headers)
        assert answer.status == 500
        assert A_PATH not in answer.text
        assert "Traceback" not in answer.text
        (failed,) = served.logged("web_failed")[-1:]
        assert failed["id"] in answer.text
        assert f"RuntimeError: cannot read {A_PATH}" in failed["traceback"]
        assert failed["route"] == "/broken"


def test_what_is_asked_for_is_logged_without_what_is_secret_in_its_address(served):
    served.log.entries.clear()
    served.get("/a/canary-in-path?key=canary-in-query", WITH_TOKEN)
    served.get("/canary-elsewhere/canary?canary")
    # It is logged once it is answered: whoever asked may hear that first.
    until(lambda: {"/a/{token}", "none"} <= {each["route"] for each in served.logged(ASKED)})
    assert "canary" not in str(served.log.entries)


def test_whoever_only_watches_is_not_logged(served):
    served.log.entries.clear()
    served.get("/healthz")
    served.get("/metrics")
    served.get("/elsewhere")
    until(lambda: "none" in {each["route"] for each in served.logged(ASKED)})
    assert not {"/healthz", "/metrics"} & {each["route"] for each in served.logged(ASKED)}


def test_fault_88_what_is_just_small_enough_is_taken(served):
    assert served.ask("POST", "/mirror", b"x" * MOST_BYTES).json == {"bytes": MOST_BYTES}


def test_fault_88_ten_megabytes_are_refused_in_bounded_memory(served):
    body = b"x" * 10_000_000
    tracemalloc.start()
    try:
        told = served.ask("POST", "/mirror", body)
        chunked = served.ask("POST", "/mirror", iter([body[:1_000_000]] * 10))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (told.status, chunked.status) == (413, 413)
    assert EVERY_HEADER.items() <= told.headers.items()
    assert most < 8_000_000, "the client's own pieces of a megabyte included"


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "gzip, gzip", "zstd"])
def test_fault_88_what_is_compressed_is_refused_unopened(served, encoding):
    bomb = gzip.compress(b"0" * 50_000_000)
    answer = served.ask("POST", "/mirror", bomb, {"Content-Encoding": encoding})
    assert answer.status == 415


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (post("Content-Length: 3", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400),
        (post("Content-Length: 3", "Content-Length: 4", body=b"abcd"), 400),
        (post("Content-Length: -3"), 400),
        (post("Content-Length: 3.5"), 400),
        (post("Content-Length: 9" + "9" * 5_000), 400),
        (post("Content-Length: 300000"), 413),
        (post("Transfer-Encoding: chunked", body=b"zz\r\nabc\r\n0\r\n\r\n"), 400),
        (post("Transfer-Encoding: chunked", body=b"5\r\nabc\r\n0\r\n\r\n..."), 400),
        (post("Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), 400),
        (post("Transfer-Encoding: chunked", body=b"ffffffffffffffffff\r\nabc"), 408),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 200_000 + b"\r\n\r\n", 400),
    ],
)
def test_fault_88_lies_about_a_body_are_refused(hasty, sent, status):
    answer = hasty.raw(sent)
    assert answer[9:12] == b"%d" % status, answer[:200]
    assert b"200 OK" not in answer
    assert hasty.get("/healthz").status == 200


def test_fault_88_a_body_that_never_comes_is_not_waited_for(hasty):
    answer = hasty.raw(post("Content-Length: 100", body=b"ten bytes."))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert hasty.get("/healthz").status == 200


def test_fault_88_a_connection_on_which_nothing_comes_is_cut_off(hasty):
    assert hasty.raw() == b""


def drip(connection, sent):
    for byte in sent:
        connection.sendall(bytes([byte]))
        time.sleep(0.01)


def test_fault_88_a_head_that_comes_byte_by_byte_is_cut_off(hasty):
    with hasty.connected() as slow, pytest.raises(ConnectionError):
        drip(slow, b"GET /healthz HTTP/1.1\r\nX-Slow: " + b"y" * 1_000)
    with hasty.connected() as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert slow.recv(15) == b"HTTP/1.1 200 OK", "of a second request too"
        with pytest.raises(ConnectionError):
            drip(slow, b"GET /healthz HTTP/1.1\r\nX-Slow: " + b"y" * 1_000)
    assert hasty.get("/healthz").status == 200


def test_fault_88_an_answer_that_is_never_finished_ends_with_its_connection(tmp_path, monkeypatch):
    monkeypatch.setattr(protocol, "WHOLE_WITHIN_S", 0.3)
    monkeypatch.setattr(protocol, "HEAD_WITHIN_S", 600)
    with a_server(tmp_path, routes=[("/endless", endless)]) as served:
        assert served.raw(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n") == b""
        assert served.get("/healthz").status == 200


def test_fault_88_two_hundred_slow_ones_keep_nobody_else_waiting(tmp_path):
    with a_server(tmp_path, routes=ROUTES) as served:
        slow = [served.connected() for _ in range(200)]
        for each in slow:
            each.__enter__().sendall(b"POST /mirror HTTP/1.1\r\nHost: localhost\r\n")
        assert served.get("/healthz").status == 200
        assert served.ask("POST", "/mirror", b"x").status == 200
        for each in slow:
            each.__exit__(None, None, None)


def test_a_connection_serves_one_request_after_the_other(served):
    ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = ask.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert served.raw(ask + ask, ask, last).count(b"200 OK") == 4


def test_whoever_asks_too_often_waits(tmp_path):
    with a_server(tmp_path, LISTEN.replace("100000", "3")) as served:
        found = [served.get("/style.css") for _ in range(4)]
        assert [each.status for each in found] == [200, 200, 200, 429]
        assert 1 <= int(found[-1].headers["retry-after"]) <= 20
        assert EVERY_HEADER.items() <= found[-1].headers.items()
        assert served.get("/nothing").status == 429
        assert served.get("/healthz").status == 200, "also while somebody storms"
        assert {each["status"] for each in served.logged("web_request")} == {200}, "not the storm"


def test_a_client_is_who_a_proxy_of_ours_says_and_nobody_else(tmp_path):
    limited = LISTEN.replace("100000", "1")
    with a_server(tmp_path, f'{limited}proxies = ["127.0.0.1"]') as served:
        from_two = [served.get("/style.css", {"X-Forwarded-For": each}) for each in ("a", "a")]
        assert [each.status for each in from_two] == [200, 429], "that is no address"
        heard = ["9.9.9.9, 192.0.2.1", "8.8.8.8, 192.0.2.1", "192.0.2.2"]
        found = [served.get("/style.css", {"X-Forwarded-For": each}).status for each in heard]
        assert found == [200, 429, 200], "what stands before a proxy's own word is made up"
    with a_server(tmp_path, limited) as served:
        found = [served.get("/style.css", {"X-Forwarded-For": f"192.0.2.{each}"}) for each in "12"]
        assert [each.status for each in found] == [200, 429]


def test_what_was_meant_for_another_server_is_refused(public):
    for host in ("spend.example", "SPEND.example:443", "localhost", "127.0.0.1", "[::1]:80"):
        assert public.get("/style.css", host=host).status == 200
    for host in ("evil.example", "spend.example.evil.example", "10.0.0.7:8080"):
        assert public.get("/style.css", host=host).status == 421
        assert public.get("/healthz", host=host).status == 200, "probes know an address only"


CROSS = [
    ({"Origin": "https://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": "https://spend.example.evil.example"}, 403),
    ({"Origin": "https://spend.example", "Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-site"}, 403),
    ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 200),
    ({"Sec-Fetch-Site": "none"}, 200),
    ({"Origin": "https://spend.example"}, 200),
    ({}, 200),
]


@pytest.mark.parametrize(("headers", "status"), CROSS)
def test_fault_95_another_sites_page_changes_nothing(public, headers, status):
    for path in ("/a/token", "/mirror"):
        assert public.ask("POST", path, b"x", headers).status == status
        assert public.get(path, headers).status == 200, "to look is no change"
