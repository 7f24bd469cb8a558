"""The web server in a thread of its own, with its own loop: begun, watched, and ended in time."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING

import uvicorn

from spendwatch.settings import ConfigError
from spendwatch.settings_web import host_and_port
from spendwatch.watchdog import Watched
from spendwatch.web.protocol import Connection
from spendwatch.web.rules import security_headers

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp
    from structlog.typing import FilteringBoundLogger

    from spendwatch.settings_web import WebSettings

PULSE_S = 1.0
"""How often the loop says that it turns."""
IDLE_S = 5
"""How long a connection may wait between two requests."""
GRACE_S = 3
"""How long requests that run may take to end."""
END_WITHIN_S = 8.0
"""How long the end may take altogether, with what Slack's posts have begun."""
BACKLOG = 512


def bind(settings: WebSettings) -> socket.socket:
    """Take the address; raises ConfigError where it cannot be had."""
    host, port = host_and_port(settings.listen)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(BACKLOG)
    except OSError as error:
        found.close()
        why = f"{error.strerror}; choose another, or end what has it"
        raise ConfigError((f"web.listen: {settings.listen} cannot be had: {why}",)) from error
    found.setblocking(False)
    return found


class Server:
    """Serves an application until it is asked to end.

    Attributes
    ----------
    pulse : int
        Counts up for as long as the loop turns.
    """

    def __init__(
        self,
        application: ASGIApp,
        heard: socket.socket,
        settings: WebSettings,
        log: FilteringBoundLogger,
        *,
        on_beat: Callable[[], None] = lambda: None,
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._socket, self._log = heard, log
        self._on_beat, self._at_end = on_beat, at_end
        self._server = uvicorn.Server(_config(application, settings))
        self._thread = Thread(target=self._live, name="web", daemon=True)
        self._idle: bool | None = None
        self._over = Event()
        self._asked_s: float | None = None
        self.pulse = 0

    @property
    def address(self) -> str:
        """Where it listens, as people write it."""
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def start(self) -> None:
        """Begin to serve; the address is taken already, so whoever comes from now on is heard."""
        # Of its own words some hold the address that was asked for, and ours say the rest.
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL + 1)
        self._log.info("web_started", address=self.address)
        self._thread.start()

    def ask_to_end(self) -> None:
        """Take no more requests; does not wait."""
        self._asked_s = self._asked_s or monotonic()
        self._server.should_exit = True

    def stop(self) -> bool:
        """Wait until all that was begun has ended, as far as there is time; say whether it has."""
        self.ask_to_end()
        if self._idle is None:
            left_s = (self._asked_s or 0.0) + END_WITHIN_S - monotonic()
            self._idle = not self._thread.is_alive() or self._over.wait(max(0.0, left_s))
            self._socket.close()
        return self._idle

    def watched(self) -> Watched:
        """Return the loop, for the watchdog."""
        return Watched("the web server", lambda: self.pulse, PULSE_S)

    def _live(self) -> None:
        try:
            asyncio.run(self._run())
        except Exception as error:  # noqa: BLE001 - the watchdog sees that it is dead
            self._log.exception("web_died", error=str(error))
        finally:
            self._at_end()
            self._over.set()

    async def _run(self) -> None:
        beating = asyncio.create_task(self._beat())
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating

    async def _beat(self) -> None:
        while True:
            self.pulse += 1
            self._on_beat()
            await asyncio.sleep(PULSE_S)


def _config(application: ASGIApp, settings: WebSettings) -> uvicorn.Config:
    own = tuple(
        (name.encode(), value.encode())
        for name, value in security_headers(settings.public_url).items()
    )
    protocol = type("Connection", (Connection,), {"headers_of_refusals": own})
    return uvicorn.Config(
        application,
        loop="asyncio",
        http=protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level=logging.CRITICAL + 1,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
