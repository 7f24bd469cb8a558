"""A server that keeps what it is sent, and answers as it is told."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator


@dataclass
class Heard:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiving:
    """What a server has heard, and what it answers next; the last answer is given for ever.

    An answer is a status and headers; "drop" ends the connection instead, "hang" waits with it
    until ``released``.
    """

    answers: list[tuple[int, dict[str, str]] | str] = field(default_factory=lambda: [(200, {})])
    heard: list[Heard] = field(default_factory=list)
    released: Event = field(default_factory=Event)
    port: int = 0

    def answer_to(self, _heard: Heard) -> tuple[int, dict[str, str]] | str:
        """Take the next answer, whatever was heard."""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, receiving: Receiving, *arguments: object) -> None:
        self.receiving = receiving
        super().__init__(*arguments)  # type: ignore[arg-type]  # what the server hands on

    def do_POST(self) -> None:
        """Keep it, and answer."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        heard = Heard(self.command, self.path, headers, body)
        self.receiving.heard.append(heard)
        answer = self.receiving.answer_to(heard)
        self.close_connection = True
        if answer == "hang":
            self.receiving.released.wait(30)
        if isinstance(answer, str):
            return
        status, more = answer
        self.send_response(status)
        for name, value in {"Content-Length": "0", **more}.items():
            self.send_header(name, value)
        self.end_headers()

    def do_GET(self) -> None:
        """Do the same."""
        self.do_POST()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of a client that went away: whoever does not trust us does."""


@contextmanager
def receiving(
    context: ssl.SSLContext | None = None, found: Receiving | None = None
) -> Iterator[Receiving]:
    """Serve on a free port of this machine; ``found`` is who answers, if not as it is told."""
    found = found or Receiving()
    server = _Server(("127.0.0.1", 0), partial(_Answers, found))
    if context:
        # In the thread of each connection: who shakes no hand must not hold up the others.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    found.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield found
    finally:
        found.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def saying(pieces: list[bytes], apart_s: float = 0.0) -> Iterator[int]:
    """Serve anything, piece by piece, whatever it is asked; give the port."""
    ended = Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)

        def serve() -> None:
            while not ended.is_set():
                try:
                    taken, _ = listening.accept()
                except TimeoutError:
                    continue
                with taken:
                    _say(taken, pieces, apart_s, ended)

        thread = Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            ended.set()
            thread.join()


def _say(taken: socket.socket, pieces: list[bytes], apart_s: float, ended: Event) -> None:
    try:
        taken.settimeout(5)
        taken.recv(65_536)
        for piece in pieces:
            if ended.wait(apart_s):
                return
            taken.sendall(piece)
    except OSError:
        return  # the other side has gone
