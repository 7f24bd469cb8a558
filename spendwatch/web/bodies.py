"""What comes with a request is read whole, in bounded memory and time, before it is looked at."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from spendwatch.web.answers import told

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 256 * 1024
"""As much as is hashed of what Slack posts, and more than any form of ours has."""
WITHIN_S = 10.0
"""How long a body may take to come."""
LINGER_S, LINGER_BYTES = 1.0, 32 * 1024 * 1024
"""So much more of a body that was refused is thrown away, so that the refusal is still read."""


class Gone(Exception):  # noqa: N818 - it is what has happened, and no fault of anybody's
    """Whoever asked is not there any more."""


class TooMuch(Exception):  # noqa: N818 - it names what came
    """More came than is taken."""


class Bounded:
    """Reads the body, refuses what is too long or too slow, and hands on what is complete."""

    def __init__(
        self, app: ASGIApp, most_bytes: int = MOST_BYTES, within_s: float = WITHIN_S
    ) -> None:
        self._app, self._most, self._within_s = app, most_bytes, within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        status, words = self._announced(Headers(scope=scope))
        if status:
            await refuse(scope, receive, send, status, words)
            return
        try:
            async with asyncio.timeout(self._within_s):
                body = await self._read(receive)
        except TooMuch:
            await refuse(scope, receive, send, 413, self._too_large)
        except TimeoutError:
            await refuse(scope, receive, send, 408, "The request took too long to come.")
        except Gone:
            return
        else:
            await self._app(scope, _again(body, receive), send)

    @property
    def _too_large(self) -> str:
        return f"A request may have at most {self._most} bytes."

    def _announced(self, headers: Headers) -> tuple[int, str]:
        """Say what is wrong by what is said of the body alone; 0 where nothing is."""
        if headers.get("content-encoding", "identity").lower() != "identity":
            return 415, "A compressed request is not read here."
        length = headers.get("content-length")
        if length is None:
            return 0, ""
        if "transfer-encoding" in headers:
            return 400, "A request cannot have a length and be chunked."
        if not (length.isascii() and length.isdigit()):
            return 400, "The length of the request is no number."
        # No number of so many digits is made: that alone would take long.
        if len(length) > len(str(self._most)) or int(length) > self._most:
            return 413, self._too_large
        return 0, ""

    async def _read(self, receive: Receive) -> bytes:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Gone
            body += message.get("body", b"")
            if len(body) > self._most:
                raise TooMuch
            if not message.get("more_body", False):
                return bytes(body)


async def refuse(
    scope: Scope,
    receive: Receive,
    send: Send,
    status: int,
    words: str,
    headers: dict[str, str] | None = None,
) -> None:
    """Answer before the body was read: the connection ends with it.

    The rest of the body is thrown away for a moment: an answer is lost on its way where the
    connection is closed upon a client that still sends.
    """
    response = told(scope, status, words, (headers or {}) | {"connection": "close"})
    start = {"status": status, "headers": response.raw_headers}
    await send({"type": "http.response.start", **start})
    await send({"type": "http.response.body", "body": bytes(response.body), "more_body": True})
    if _has_body(Headers(scope=scope)):
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                await _throw_away(receive)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


async def _throw_away(receive: Receive) -> None:
    left = LINGER_BYTES
    while left > 0:
        message = await receive()
        left -= len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return


def _again(body: bytes, receive: Receive) -> Receive:
    """Give what was read to whoever asks for it, then go on listening for the end."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
