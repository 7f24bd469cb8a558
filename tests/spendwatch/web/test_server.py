"""The server's thread: it is watched, dies loudly, and ends in time."""

from __future__ import annotations

import socket
import threading
from threading import Event
from types import SimpleNamespace

import pytest
import structlog
from fastapi import Request

from spendwatch.settings import ConfigError
from spendwatch.settings_web import WebSettings
from spendwatch.web.server import Server, bind
from spendwatch.web.serving import Vitals, Web
from tests.spendwatch.installations import CONFIG, Installation
from tests.spendwatch.test_watchdog import watch
from tests.spendwatch.web.served import LISTEN, a_server

HERE = WebSettings(listen="127.0.0.1:0")


def test_a_server_that_nobody_asks_anything_is_alive(tmp_path):
    with a_server(tmp_path) as served:
        assert watch([served.server.watched()], 2.0, 5) == ""


def test_fault_109_a_loop_that_is_blocked_is_found(tmp_path):
    go_on = Event()

    async def blocking(_request: Request) -> None:
        go_on.wait(60)

    with a_server(tmp_path, routes=[("/blocking", blocking)]) as served:
        with served.connected() as connection:
            connection.sendall(b"GET /blocking HTTP/1.1\r\nHost: localhost\r\n\r\n")
            found = watch([served.server.watched()], 2.0, 20)
            go_on.set()
        assert found.startswith("the web server has not moved for")


def test_fault_109_a_server_that_died_is_found_and_can_still_be_ended(monkeypatch):
    log = structlog.testing.LogCapture()
    server = Server(None, bind(HERE), HERE, structlog.wrap_logger(None, processors=[log]))

    async def dying(sockets):
        raise RuntimeError(f"no {len(sockets)} is served")

    monkeypatch.setattr(server._server, "serve", dying)
    server.start()
    assert watch([server.watched()], 1.0, 15).startswith("the web server has not moved for")
    assert server.stop()
    assert [each["event"] for each in log.entries] == ["web_started", "web_died"]


def has_ipv6():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_an_address_of_ipv6_is_had_and_one_that_is_taken_is_told():
    with bind(WebSettings(listen="[::1]:0")) as first:
        port = first.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"web.listen: \[::1\]:{port} cannot be had: Addr"):
            bind(WebSettings(listen=f"[::1]:{port}"))


def test_an_address_of_another_machine_is_told():
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1:80 cannot be had: Cannot assign"):
        bind(WebSettings(listen="192.0.2.1:80"))


def test_what_was_begun_and_never_served_gives_the_address_back(tmp_path):
    app = Installation(tmp_path, CONFIG, LISTEN).app()
    web = Web(app, None, structlog.get_logger())
    port = web._socket.getsockname()[1]
    web.ask_to_end()
    assert web.stop()
    with socket.create_server(("127.0.0.1", port)):
        app.engine.dispose()


def test_what_is_found_not_to_move_is_kept_until_the_next_look():
    found = iter(["the tick judge", ""])
    vitals = Vitals(SimpleNamespace(look=lambda: next(found)))
    for words in ("the tick judge", ""):
        vitals.look()
        assert vitals.stuck == words


def test_nothing_is_left_running(tmp_path):
    with a_server(tmp_path) as served:
        served.get("/readyz")
        served.get("/metrics")
    names = [each.name for each in threading.enumerate()]
    assert "web" not in names
