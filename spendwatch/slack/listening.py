"""Socket Mode: what people do in Slack comes in over a connection that we opened.

The client is slack-sdk's for aiohttp, on a loop and in a thread of its own. A connection that was
cut is renewed at once; one that looks open and is dead (the other side fell silent) is noticed by
its pings within ten seconds. What is done about a deed happens in other threads (`taking.py`), so
that a slow database keeps no other deed waiting.
"""

from __future__ import annotations

import asyncio
import logging
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any

from slack_sdk.socket_mode.response import SocketModeResponse

from alerts.channels.slack_faults import fault_of
from spendwatch.slack.connection import PATIENT, Socket, Waits
from spendwatch.watchdog import Watched

if TYPE_CHECKING:
    from collections.abc import Callable

    from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
    from slack_sdk.socket_mode.request import SocketModeRequest
    from structlog.typing import FilteringBoundLogger

    from spendwatch.slack.taking import Hands

LOOK_EVERY_S = 0.2
"""How often it is looked whether the connection still stands."""
END_WITHIN_S = 3.0
"""How long the end waits for what is still done: a person's answer is committed within two."""
PULSE_S, STILL_S = 1.0, 10.0
"""How often the loop says that it turns; after how long without that nobody counts as heard."""


class Listener:
    """Keeps a connection to Slack, and gives what comes in to ``hands``.

    Attributes
    ----------
    pulse : int
        Counts up for as long as the loop turns.
    """

    def __init__(
        self,
        app_token: str,
        base_url: str,
        hands: Hands,
        log: FilteringBoundLogger,
        *,
        on_app: Callable[[str], None] = lambda _app: None,
        at_first: Callable[[], None] = lambda: None,
        waits: Waits = PATIENT,
    ) -> None:
        self._token, self._base_url = app_token, base_url
        self._hands, self._log, self._on_app = hands, log, on_app
        self._waits, self._at_first = waits, at_first
        self._ready = Event()
        self.pulse = 0
        self._pulsed_s, self._connected = 0.0, False
        self._idle: bool | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._client: Socket | None = None
        self._thread = Thread(target=self._live, name="slack", daemon=True)

    def start(self) -> None:
        """Begin to listen, and go on trying until that succeeds."""
        # Its own words would repeat what people do, and the address with its ticket.
        logging.getLogger("slack_sdk").setLevel(logging.CRITICAL)
        self._thread.start()
        self._ready.wait()
        self._hands.show(self._at_first)

    def stop(self) -> bool:
        """Listen no more; whether all that was begun has ended, as far as there is time for it.

        What was taken is finished, what was not shown is left to others.
        """
        if self._idle is None:
            ending = Thread(target=self._end, name="slack-end", daemon=True)
            ending.start()
            ending.join(END_WITHIN_S)
            self._idle = not ending.is_alive()
        return self._idle

    def _end(self) -> None:
        loop, ended = self._loop, self._ended
        if loop is not None and ended is not None and self._thread.is_alive():
            loop.call_soon_threadsafe(ended.set)
            self._thread.join(5)
        self._hands.end()

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
        client = self._client = Socket(self._token, self._base_url, self._waits)
        client.socket_mode_request_listeners.append(self._on_request)
        client.message_listeners.append(self._on_message)
        self._ready.set()
        going_on = [
            asyncio.create_task(self._beat()),
            asyncio.create_task(self._keep_connected(client)),
        ]
        try:
            await self._ended.wait()
        finally:
            for each in going_on:
                each.cancel()
            await client.close()  # type: ignore[no-untyped-call]  # slack-sdk gives it no types

    async def _keep_connected(self, client: Socket) -> None:
        """Connect, and again as soon as nothing is heard any more; ever later where that fails."""
        wait_s, longest_s = self._waits.again_after_s
        while True:
            if await client.is_connected():
                await asyncio.sleep(LOOK_EVERY_S)
                continue
            try:
                await client.connect_to_new_endpoint()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                wait_s = max(wait_s, fault_of(error).retry_after_s or 0.0)
                self._log.warning("slack_not_connected", error=_words(error), again_in_s=wait_s)
                await asyncio.sleep(wait_s)
                wait_s = min(longest_s, wait_s * 2)
            else:
                self._log.info("slack_connected")
                wait_s = self._waits.again_after_s[0]

    async def _on_message(self, _client: object, message: dict[str, Any], _raw: str | None) -> None:
        if message.get("type") == "hello":
            self._on_app(str((message.get("connection_info") or {}).get("app_id") or ""))

    async def _on_request(
        self, client: AsyncBaseSocketModeClient, request: SocketModeRequest
    ) -> None:
        """Take a deed, acknowledge it, then do what comes after."""
        reaction = await self._hands.take(request.type, request.payload)
        acknowledged = SocketModeResponse(request.envelope_id, reaction.response)
        # Where this fails Slack sends the same once more, and what comes after is done then.
        await client.send_socket_mode_response(acknowledged)
        self._hands.follow(reaction)


def _words(error: Exception) -> str:
    """Say what went wrong without what Slack's address and answer would give away."""
    response: Any = getattr(error, "response", {})
    return str(response.get("error") if "error" in response else type(error).__name__)
