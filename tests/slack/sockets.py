"""Socket Mode: connections that come and go, envelopes, and who acknowledged them when."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from tests.slack.identity import APP_ID
from tests.slack.state import JSON, Envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tests.slack.workspace import Workspace

TICKET_S = 30.0


@dataclass
class Connection:
    """One open socket of the app."""

    number: int
    socket: web.WebSocketResponse
    request: web.Request
    leaving: bool = False
    """It has been told to go; nothing is sent to it while there is another."""
    silent: bool = False
    """It looks open and is not: nothing is sent, nothing is heard."""


@dataclass
class Waiting:
    """An envelope that has been sent and not been answered."""

    envelope: Envelope
    sent_at: float
    sent_real: float
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    on_ack: Callable[[JSON], None] | None = None


def _is_lost(connection: Connection) -> bool:
    transport = connection.request.transport
    return transport is None or transport.is_closing()


class Hub:
    """All connections of the app, and the envelopes on their way."""

    def __init__(self, slack: Workspace) -> None:
        self._slack = slack
        self._tickets: dict[str, float] = {}
        self._waiting: dict[str, Waiting] = {}
        self.connections: dict[int, Connection] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.opened = 0
        self.silent = False
        """Every connection, and every new one, is half open."""
        self.strange_frames: list[str] = []
        """What the app sent that is no acknowledgement."""
        self.log: list[JSON] = []
        """What happened to which connection, and when."""

    def new_ticket(self) -> str:
        """Let the app open one socket."""
        ticket = secrets.token_hex(8)
        self._tickets[ticket] = self._slack.clock.seconds() + TICKET_S
        return ticket

    async def link(self, request: web.Request) -> web.StreamResponse:
        """Serve a socket for as long as it lasts."""
        until = self._tickets.pop(request.query.get("ticket", ""), None)
        if until is None or self._slack.clock.seconds() > until:
            return web.Response(status=408, text="invalid ticket")
        socket = web.WebSocketResponse(autoping=False, autoclose=False)
        await socket.prepare(request)
        if len(self.connections) >= self._slack.settings.max_connections:
            await socket.send_json(self._goodbye("too_many_websockets"))
            await socket.close()
            return socket
        self.opened += 1
        connection = Connection(self.opened, socket, request, silent=self.silent)
        self.connections[connection.number] = connection
        self._note("opened", connection)
        try:
            await self._serve(connection)
        finally:
            self.connections.pop(connection.number, None)
            self._note("closed", connection)
        return socket

    async def _serve(self, connection: Connection) -> None:
        if not connection.silent:
            await connection.socket.send_json(self._hello())
        async for message in connection.socket:
            if connection.silent:
                continue
            if message.type == WSMsgType.PING:
                await connection.socket.pong(message.data)
            elif message.type == WSMsgType.TEXT:
                self._hear(str(message.data))
        while connection.silent and not _is_lost(connection):
            await asyncio.sleep(0.05)  # the dead do not even say goodbye
        await connection.socket.close()

    def _note(self, event: str, connection: Connection) -> None:
        when = {"after_s": self._slack.clock.seconds(), "monotonic_s": time.monotonic()}
        self.log.append({"event": event, "number": connection.number, **when})

    def _hello(self) -> JSON:
        debug = {"host": "applink-local", "build_number": 1, "approximate_connection_time": 3600}
        connections = {"num_connections": len(self.connections), "debug_info": debug}
        return {"type": "hello", **connections, "connection_info": {"app_id": APP_ID}}

    def _goodbye(self, reason: str) -> JSON:
        return {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-local"}}

    def _hear(self, text: str) -> None:
        """Take an acknowledgement."""
        try:
            frame = json.loads(text)
            waiting = self._waiting.get(frame["envelope_id"])
        except (ValueError, KeyError, TypeError):
            waiting = None
        if waiting is None:
            self.strange_frames.append(text[:1000])
            return
        after_s = self._slack.clock.seconds() - waiting.sent_at
        real_s = time.monotonic() - waiting.sent_real
        payload = frame.get("payload")
        waiting.envelope.acks.append({"after_s": after_s, "real_s": real_s, "payload": payload})
        first_in_time = len(waiting.envelope.acks) == 1 and waiting.envelope.failed is None
        if first_in_time and waiting.on_ack:
            waiting.on_ack(payload or {})
        waiting.answered.set()

    async def disconnect(
        self, reason: str, close_after_s: float | None = None, number: int | None = None
    ) -> int:
        """Tell connections to go, and perhaps close them a while later."""
        named = [self.connections[number]] if number else list(self.connections.values())
        for connection in named:
            connection.leaving = reason != "warning"
            self._note(reason, connection)
            await connection.socket.send_json(self._goodbye(reason))
        if close_after_s is not None:
            self.in_background(self._close_later(named, close_after_s))
        return len(named)

    async def _close_later(self, named: list[Connection], after_s: float) -> None:
        await self._slack.clock.sleep(after_s)
        for connection in named:
            await connection.socket.close()

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something happen while the test goes on."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cut(self) -> int:
        """Cut all connections without a word."""
        connections = list(self.connections.values())
        for connection in connections:
            if connection.request.transport is not None:
                connection.request.transport.abort()
        return len(connections)

    def fall_silent(self, *, new_ones_too: bool) -> None:
        """Let every connection look open and be dead."""
        for connection in self.connections.values():
            connection.silent = True
            self._note("silent", connection)
        self.silent = new_ones_too

    def speak_again(self) -> None:
        """Let new connections be alive; those that fell silent stay dead."""
        self.silent = False

    async def deliver(
        self,
        envelope: Envelope,
        *,
        times: int = 1,
        redeliver: int = 0,
        on_ack: Callable[[JSON], None] | None = None,
    ) -> None:
        """Send an envelope and wait for its acknowledgement, as long as a person would."""
        self._slack.envelopes[envelope.id] = envelope
        waiting = Waiting(envelope, self._slack.clock.seconds(), time.monotonic(), on_ack=on_ack)
        self._waiting[envelope.id] = waiting
        for attempt in range(redeliver + 1):
            for _ in range(times):
                await self._send(envelope, attempt)
            if not envelope.connections:
                await self._slack.clock.sleep(1.0 if attempt < redeliver else 0.0)
                continue
            real_s = self._slack.settings.ack_within_s / self._slack.clock.speed
            try:
                await asyncio.wait_for(waiting.answered.wait(), real_s)
            except TimeoutError:
                continue
            return
        envelope.failed = "not acknowledged" if envelope.connections else "no connection"

    async def _send(self, envelope: Envelope, attempt: int) -> None:
        connection = self._next_connection()
        if connection is None:
            return
        envelope.connections.append(connection.number)
        if connection.silent:
            return
        frame: JSON = {"envelope_id": envelope.id, "type": envelope.kind}
        frame["payload"] = envelope.payload
        frame["accepts_response_payload"] = envelope.kind != "events_api"
        if envelope.kind == "events_api":
            frame |= {"retry_attempt": attempt, "retry_reason": "timeout" if attempt else ""}
        try:
            await connection.socket.send_json(frame)
        except ConnectionError:
            return  # it was on its way and is lost

    def _next_connection(self) -> Connection | None:
        """Any connection may get any envelope."""
        staying = [each for each in self.connections.values() if not each.leaving]
        choice = staying or list(self.connections.values())
        return secrets.choice(choice) if choice else None
