"""A Socket Mode connection that loses no press while it is renewed.

The client of slack-sdk closes the old socket before it opens the new one, tries an address that is
good for one time again and again, and looks only every few seconds whether it was cut off. Here the
new socket is open before the old one is left, what Slack still had sent to the old one is read, and
each try has an address of its own.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import ClientWebSocketResponse, ClientWSTimeout, WSMsgType
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.web.async_client import AsyncWebClient

if TYPE_CHECKING:
    from collections.abc import Coroutine

OPEN_WITHIN_S, CLOSE_WITHIN_S = 10.0, 2.0
SHORT_LIFE_S = 1.0
"""A socket that Slack wants gone sooner than this is renewed ever later: it may be one too many."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How patient a connection is, in seconds.

    Attributes
    ----------
    ping_every_s : float
        A socket whose ping is not answered within half of this is dead: 7.5 seconds at most.
    read_for_s : float
        How long the old socket is still read.
    later_s : tuple of float
        How much later a socket is renewed that Slack wants gone at once: at first and at most.
    again_after_s : tuple of float
        How soon a connection that failed is tried again: at first and at most.
    """

    ping_every_s: float = 5.0
    read_for_s: float = 1.0
    later_s: tuple[float, float] = (1.0, 15.0)
    again_after_s: tuple[float, float] = (1.0, 15.0)


PATIENT = Waits()


class Socket(SocketModeClient):
    """Slack's client, which never has less than one open socket where it can help it."""

    def __init__(self, app_token: str, base_url: str, waits: Waits = PATIENT) -> None:
        super().__init__(
            app_token=app_token,
            web_client=AsyncWebClient(base_url=base_url, retry_handlers=[]),
            logger=logging.getLogger("slack_sdk.socket_mode"),
            ping_interval=waits.ping_every_s,
        )
        self._waits = waits
        self._left: set[asyncio.Task[None]] = set()
        self._opened_at = float("-inf")
        self._later_s = 0.0

    async def connect_to_new_endpoint(self, force: bool = False) -> None:
        """Renew the connection, unless somebody else has done so meanwhile."""
        asked_of = self.current_session
        self.stale = self.stale or force  # Slack wants it gone: it counts no more
        async with self.connect_operation_lock:
            if self.closed or self.current_session is not asked_of or await self.is_connected():
                return
            await asyncio.sleep(self._hold_back_s())
            await asyncio.wait_for(self._open(), OPEN_WITHIN_S)

    def _hold_back_s(self) -> float:
        """Return how long to wait where Slack wants each new socket gone at once."""
        least_s, most_s = self._waits.later_s
        lived_s = asyncio.get_running_loop().time() - self._opened_at
        self._later_s = (
            min(most_s, max(least_s, self._later_s * 2)) if lived_s < SHORT_LIFE_S else 0.0
        )
        return self._later_s

    async def _open(self) -> None:
        opened = await self.web_client.apps_connections_open(app_token=self.app_token)
        session = await self.aiohttp_client_session.ws_connect(
            str(opened["url"]),
            autoping=False,
            heartbeat=self.ping_interval,
            proxy=self.proxy,
            timeout=ClientWSTimeout(ws_close=CLOSE_WITHIN_S),
        )
        self._opened_at = asyncio.get_running_loop().time()
        self._change_over(session)

    def _change_over(self, session: ClientWebSocketResponse) -> None:
        """Use another socket from now on."""
        old, receiver, monitor = (
            self.current_session,
            self.message_receiver,
            self.current_session_monitor,
        )
        self.current_session, self.stale, self.last_ping_pong_time = session, False, None
        self.message_receiver = asyncio.ensure_future(self.receive_messages())
        self.current_session_monitor = asyncio.ensure_future(self.monitor_current_session())
        if old is not None and receiver is not None:
            self._in_background(self._leave(old, receiver))
        if monitor is not None:
            monitor.cancel()  # perhaps the very task that runs this: nothing is awaited after it

    async def _leave(self, old: ClientWebSocketResponse, receiver: asyncio.Future[None]) -> None:
        """Take what Slack still sends to a socket, until it knows that this one is left."""
        receiver.cancel()
        await asyncio.wait([receiver])
        await self._read_on(old, self._waits.read_for_s)
        with suppress(ConnectionError):
            await old.send_frame(_NORMAL, WSMsgType.CLOSE)  # its own close() reads nothing more
        await self._read_on(old, CLOSE_WITHIN_S)
        await old.close()

    async def _read_on(self, old: ClientWebSocketResponse, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while (message := await old.receive()).type in _ALIVE:
                    if message.type is WSMsgType.TEXT:
                        await self.enqueue_message(message.data)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._left.add(task)
        task.add_done_callback(self._left.discard)


_NORMAL = (1000).to_bytes(2, "big")
_ALIVE = frozenset({WSMsgType.TEXT, WSMsgType.PING, WSMsgType.PONG})
