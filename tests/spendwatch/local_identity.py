"""A managed identity as a host of Azure offers it: gives tokens to who knows its header."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from tests.azure.state import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = "known-to-the-host"


class _Identity(BaseHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012 - one server, one list

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        self.asked.extend(query["resource"])
        known = self.headers["X-IDENTITY-HEADER"] == HEADER
        body = json.dumps(
            {"access_token": TOKEN, "expires_on": "4000000000", "token_type": "Bearer"}
        )
        self.send_response(200 if known else 401)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body.encode() if known else b"{}")

    def log_message(self, *_words: object) -> None:
        """Stay silent."""


@contextmanager
def managed_identity() -> Iterator[tuple[dict[str, str], list[str]]]:
    """Serve an identity; give the variables that a host sets, and what tokens were asked for."""
    asked: list[str] = []
    serving = type("Serving", (_Identity,), {"asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), serving) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}/msi/token"
        yield {"IDENTITY_ENDPOINT": address, "IDENTITY_HEADER": HEADER}, asked
        server.shutdown()
        thread.join()
