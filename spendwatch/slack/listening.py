"""Socket Mode: what people do in Slack comes in over a connection that we opened.

The client is slack-sdk's for aiohttp, on a loop and in a thread of its own: the others are deaf for
seconds whenever Slack refreshes a connection. What is done about a deed happens in other threads,
so that a slow database keeps no other deed waiting. What is shown after that has threads of its
own: a Slack that takes long to show one answer must not keep the next one from being taken.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any

from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from spendwatch.watchdog import Watched

if TYPE_CHECKING:
    from collections.abc import Callable

    from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
    from slack_sdk.socket_mode.request import SocketModeRequest
    from structlog.typing import FilteringBoundLogger

    from spendwatch.slack.desk import Reaction

AT_ONCE = 8
"""Deeds that are taken at the same time."""
AGAIN_AFTER_S = (1.0, 60.0)
"""How soon a first connection that failed is tried again, at first and at most."""
PULSE_S, STILL_S = 1.0, 10.0
"""How often the loop says that it turns; after how long without that nobody counts as heard."""
DEAF_AFTER_S = 60.0
"""After so long without a connection nobody's press is heard, and the log must say so."""


class Listener:
    """Keeps a connection to Slack, and hands what comes in to ``receive``.

    Attributes
    ----------
    pulse : int
        Counts up for as long as the loop turns.
    """

    def __init__(
        self,
        app_token: str,
        base_url: str,
        receive: Callable[[str, Any], Reaction],
        log: FilteringBoundLogger,
        *,
        on_app: Callable[[str], None] = lambda _app: None,
        deaf_after_s: float = DEAF_AFTER_S,
    ) -> None:
        self._token, self._base_url = app_token, base_url
        self._receive, self._log, self._on_app = receive, log, on_app
        self._deaf_after_s = deaf_after_s
        self._workers = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="slack-deed")
        self._showers = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="slack-show")
        self._ready = Event()
        self.pulse = 0
        self._pulsed_s, self._connected = 0.0, False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._client: SocketModeClient | None = None
        self._thread = Thread(target=self._live, name="slack", daemon=True)

    def start(self) -> None:
        """Begin to listen, and go on trying until that succeeds."""
        # Its own words would repeat what people do, and the address with its ticket.
        logging.getLogger("slack_sdk").setLevel(logging.CRITICAL)
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Listen no more; what was taken is finished, what was not shown is left to others."""
        loop, ended = self._loop, self._ended
        if loop is not None and ended is not None and self._thread.is_alive():
            loop.call_soon_threadsafe(ended.set)
            self._thread.join(5)
        self._workers.shutdown(wait=True, cancel_futures=False)
        self._showers.shutdown(wait=True, cancel_futures=True)

    @property
    def hears(self) -> bool:
        """Whether Slack could be heard when the loop last looked, just now."""
        return self._connected and monotonic() - self._pulsed_s < STILL_S

    def watched(self) -> Watched:
        """Return the loop, for the watchdog."""
        return Watched("what listens to Slack", lambda: self.pulse, PULSE_S)

    async def connected(self) -> bool:
        """Whether Slack can be heard just now."""
        return self._client is not None and await self._client.is_connected()

    def _live(self) -> None:
        try:
            asyncio.run(self._run())
        except Exception as error:  # noqa: BLE001 - the watchdog sees that it is dead
            self._log.exception("slack_listener_died", error=_words(error))
        finally:
            self._ready.set()

    async def _beat(self) -> None:
        while True:
            self._connected, self._pulsed_s = await self.connected(), monotonic()
            self.pulse += 1
            await asyncio.sleep(PULSE_S)

    async def _run(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        client = SocketModeClient(
            app_token=self._token,
            web_client=AsyncWebClient(base_url=self._base_url, retry_handlers=[]),
            logger=logging.getLogger("slack_sdk.socket_mode"),
        )
        client.socket_mode_request_listeners.append(self._on_request)
        client.message_listeners.append(self._on_message)
        self._client = client
        beating = asyncio.create_task(self._beat())
        self._ready.set()
        try:
            await self._connect(client, self._ended)
            await self._watch(client, self._ended)
        finally:
            beating.cancel()
            await client.close()  # type: ignore[no-untyped-call]  # slack-sdk gives it no types

    async def _connect(self, client: SocketModeClient, ended: asyncio.Event) -> None:
        wait_s, longest_s = AGAIN_AFTER_S
        while not ended.is_set():
            try:
                await client.connect()  # type: ignore[no-untyped-call]  # the same
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                self._log.warning("slack_not_connected", error=_words(error), again_in_s=wait_s)
            else:
                self._log.info("slack_connected")
                return
            try:
                await asyncio.wait_for(ended.wait(), wait_s)
            except TimeoutError:
                wait_s = min(longest_s, wait_s * 2)

    async def _watch(self, client: SocketModeClient, ended: asyncio.Event) -> None:
        """Say when Slack cannot be heard any more: the client tries again for ever, silently."""
        loop = asyncio.get_running_loop()
        heard_at, deaf = loop.time(), False
        while not ended.is_set():
            if await client.is_connected():
                if deaf:
                    self._log.info("slack_connected")
                heard_at, deaf = loop.time(), False
            elif not deaf and loop.time() >= heard_at + self._deaf_after_s:
                deaf = True
                why = "no connection to Slack, so no button works; it is tried again and again"
                self._log.error("slack_not_heard", why=why)
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), self._deaf_after_s / 4)

    async def _on_message(self, _client: object, message: dict[str, Any], _raw: str | None) -> None:
        if message.get("type") == "hello":
            self._on_app(str((message.get("connection_info") or {}).get("app_id") or ""))

    async def _on_request(
        self, client: AsyncBaseSocketModeClient, request: SocketModeRequest
    ) -> None:
        """Take a deed, acknowledge it, then do what comes after."""
        loop = asyncio.get_running_loop()
        reaction = await loop.run_in_executor(
            self._workers, self._receive, request.type, request.payload
        )
        acknowledged = SocketModeResponse(request.envelope_id, reaction.response)
        await client.send_socket_mode_response(acknowledged)
        for each in reaction.then:
            await loop.run_in_executor(self._showers, self._done, each)

    def _done(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - what is shown may fail without harm
            self._log.exception("slack_deed_not_shown", error=str(error))


def _words(error: Exception) -> str:
    """Say what went wrong without what Slack's address and answer would give away."""
    response: Any = getattr(error, "response", {})
    return str(response.get("error") if "error" in response else type(error).__name__)
