"""The real web server on a real socket, before a real service."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from time import monotonic

import structlog

from spendwatch.web.building import Parts, build_web
from spendwatch.web.server import Server, bind
from tests.spendwatch.installations import CONFIG, Installation

LISTEN = '\n[web]\nlisten = "127.0.0.1:0"\nrequests_a_minute = 100000\n'
TOKEN = "canary-token-of-the-web-server"  # noqa: S105 - made up
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self):
        return json.loads(self.text)


class Served:
    """Asks the server and keeps what was logged."""

    def __init__(self, app, *, hands=None, stuck=lambda: "", openapi=False, routes=()):
        self.log = structlog.testing.LogCapture()
        log = structlog.wrap_logger(None, processors=[self.log])
        self.app = app
        self.application = build_web(Parts(app, log, monotonic, stuck, hands), openapi=openapi)
        for path, function in routes:
            self.application.add_api_route(path, function, methods=["GET", "POST"])
        at_end = hands.end if hands else lambda: None
        web = app.settings.web
        self.server = Server(self.application, bind(web), web, log, at_end=at_end)
        self.port = int(self.server.address.rpartition(":")[2])

    def ask(self, method, path, body=None, headers=None, host=None):
        """Ask once, over a connection of its own."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        named = {"Host": host} if host else {}
        try:
            connection.request(method, path, body, {**named, **(headers or {})})
            found = connection.getresponse()
            text = found.read().decode()
        finally:
            connection.close()
        return Answer(found.status, {k.lower(): v for k, v in found.getheaders()}, text)

    def get(self, path, headers=None, **more):
        return self.ask("GET", path, None, headers, **more)

    @contextmanager
    def connected(self):
        """Open a connection for whatever bytes a client may send."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            yield connection

    def raw(self, *parts):
        """Send these bytes and read until the connection ends."""
        with self.connected() as connection:
            for part in parts:
                connection.sendall(part)
            return read_all(connection)

    def logged(self, event):
        return [each for each in self.log.entries if each["event"] == event]


def read_all(connection):
    """Read until the connection ends, however it does."""
    found = b""
    try:
        while part := connection.recv(65_536):
            found += part
    except ConnectionError:
        pass
    return found


@contextmanager
def serving(app, **options):
    """Serve for a while."""
    served = Served(app, **options)
    served.server.start()
    try:
        yield served
    finally:
        assert served.server.stop()


@contextmanager
def a_server(folder, text=LISTEN, environ=None, **options):
    """Serve an installation that is set up anew."""
    place = Installation(folder, CONFIG, text)
    app = place.app(environ or {})
    with serving(app, **options) as served:
        served.place = place
        yield served
    app.engine.dispose()
