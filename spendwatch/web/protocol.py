"""How a connection behaves: its head must come in time, its answer be taken, and there are so many.

uvicorn bounds how long a connection may idle between two requests, and how long a head may be. What
it leaves open is closed here: a head that comes byte by byte, an answer that nobody reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from asyncio import TimerHandle, Transport

    from uvicorn.protocols.http.h11_impl import RequestResponseCycle

HEAD_WITHIN_S = 10.0
"""From the first byte, or from the connection, to the end of the head."""
WHOLE_WITHIN_S = 30.0
"""From the end of the head until the answer was sent."""
MOST_CONNECTIONS = 1_000
"""Whoever comes then is not heard; each takes some kilobytes, and 64 of a body."""


class Connection(H11Protocol):
    """One connection with its limits; ``headers`` are those of an answer that no page gives."""

    headers_of_refusals: tuple[tuple[bytes, bytes], ...] = ()

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._deadline: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Begin to wait for a head."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
            return
        self._within(HEAD_WITHIN_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Begin to wait for the rest of a head, or for the answer once it is whole."""
        if self._deadline is None:
            self._within(HEAD_WITHIN_S)
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._answering()

    def on_response_complete(self) -> None:
        """Let the connection idle as long as uvicorn does, or go on with the next request."""
        self._cancel()
        before = self.cycle
        super().on_response_complete()
        if self.cycle is not before:
            self._answering()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, with the headers of every answer."""
        cycle: RequestResponseCycle | None = self.cycle  # which uvicorn says is always there
        started = cycle is not None and cycle.response_started
        if started or self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()  # half an answer is out, or a whole one
            return
        headers = [
            *self.headers_of_refusals,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"connection", b"close"),
        ]
        self._write(h11.Response(status_code=400, headers=headers, reason=b"Bad Request"))
        self._write(h11.Data(data=msg.encode("ascii")))
        self._write(h11.EndOfMessage())
        self.transport.close()

    def _write(self, event: h11.Event) -> None:
        self.transport.write(self.conn.send(event) or b"")

    def _answering(self) -> None:
        if not self.cycle.response_complete:
            self._within(WHOLE_WITHIN_S)

    def _within(self, seconds: float) -> None:
        self._cancel()
        self._deadline = self.loop.call_later(seconds, self._give_up)

    def _cancel(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        """End a connection that holds a place for nothing."""
        self._deadline = None
        self.transport.abort()
