"""A small app on the real Socket Mode client, to try the local Slack with."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
    from slack_sdk.socket_mode.request import SocketModeRequest

    from tests.slack.local import LocalSlack
    from tests.slack.state import JSON


class App:
    """Answers every envelope with what a test says, from a thread of its own."""

    def __init__(self, slack: LocalSlack, ping_interval_s: float = 1.0) -> None:
        self.answer: Callable[[SocketModeRequest], JSON | None] = lambda _request: None
        self.delay_s: float | None = 0.0
        """None: no answer at all."""
        self.heard: list[SocketModeRequest] = []
        self._slack, self._ping_interval_s = slack, ping_interval_s
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)

    def start(self) -> None:
        """Connect."""
        self._thread.start()
        self._run(self._connect())

    def stop(self) -> None:
        """Leave."""
        self._run(self.client.close())
        self._run(self._leave_nothing())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _leave_nothing(self) -> None:
        """End what the client leaves running when it is closed in the middle of something."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    async def _connect(self) -> None:
        self.client = SocketModeClient(
            self._slack.app_token,
            web_client=AsyncWebClient(base_url=self._slack.base_url),
            ping_interval=self._ping_interval_s,
        )
        self.client.socket_mode_request_listeners.append(self._listen)
        await self.client.connect()

    async def _listen(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        self.heard.append(request)
        if self.delay_s is None:
            return
        await asyncio.sleep(self.delay_s)
        response = SocketModeResponse(request.envelope_id, self.answer(request))
        await client.send_socket_mode_response(response)


@contextmanager
def running(slack: LocalSlack, **options: Any) -> Iterator[App]:
    """Start an app and end it."""
    app = App(slack, **options)
    app.start()
    try:
        slack.wait_until(lambda local: local.connections())
        yield app
    finally:
        app.stop()
