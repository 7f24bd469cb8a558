"""What every request passes before anything of ours sees it, and every answer on its way out."""

from __future__ import annotations

import secrets
import traceback
from math import ceil
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders

from spendwatch.web.answers import told
from spendwatch.web.bodies import refuse
from spendwatch.web.clients import client_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from structlog.typing import FilteringBoundLogger

    from spendwatch.web.clients import Network, Pace
    from spendwatch.web.rules import OwnNames

    Seen = Callable[[Scope, int, float], None]

ALIVE = "/healthz"
SLACK = "/slack/"
WATCHERS = (ALIVE, "/readyz", "/metrics")
"""They are asked under whatever name the watching program knows; none of them changes anything."""
MOST_AT_ONCE = 256
"""Requests that are answered at the same time: with their bodies 64 MB at most."""
_CLIENT = "spendwatch.client"


class Observed:
    """Tells of each answer once it is given; a question for the head alone is one for the page.

    Attributes
    ----------
    seen : callable
        Takes the scope, the status and how many seconds it took.
    """

    def __init__(self, app: ASGIApp, seen: Seen, steady: Callable[[], float]) -> None:
        self._app, self._seen, self._steady = app, seen, steady

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        begun_s, status = self._steady(), 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        # The server leaves out the body by the scope that it has itself.
        inner = dict(scope, method="GET") if scope["method"] == "HEAD" else scope
        try:
            await self._app(inner, receive, noting)
        finally:
            self._seen(inner, status, self._steady() - begun_s)


class Headed:
    """Puts the headers of every answer on it, where the page has not set its own."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app, self._headers = app, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    found.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


class LastResort:
    """Tells a client a number and nothing else, and the log all the rest, under that number."""

    def __init__(self, app: ASGIApp, log: FilteringBoundLogger) -> None:
        self._app, self._log = app, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            number = secrets.token_hex(6)
            self._log.exception(
                "web_failed", id=number, route=route_of(scope), traceback=traceback.format_exc()
            )
            if started:
                raise  # half an answer cannot be taken back: the connection ends
            words = f"It is in the log of spendwatch under {number}."
            await told(scope, 500, words)(scope, receive, send)


class Paced:
    """Finds out who asks, and lets nobody ask too often.

    What Slack signs comes from many of its machines through one proxy, and is found out to be
    Slack's by its signature; whether the process lives must be told also while somebody storms.
    """

    def __init__(
        self,
        app: ASGIApp,
        pace: Pace,
        proxies: Sequence[Network],
        steady: Callable[[], float],
    ) -> None:
        self._app, self._pace, self._proxies, self._steady = app, pace, proxies, steady

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers, peer = Headers(scope=scope), (scope.get("client") or ("",))[0]
        heard = ",".join(headers.getlist("x-forwarded-for"))
        client = scope[_CLIENT] = client_of(peer, heard, self._proxies)
        if scope["path"] != ALIVE and not scope["path"].startswith(SLACK):
            wait_s = self._pace.wait_s(client, self._steady())
            if wait_s > 0:
                after = {"retry-after": str(ceil(wait_s))}
                words = "You ask more often than is answered; wait a little."
                await refuse(scope, receive, send, 429, words, after)
                return
        await self._app(scope, receive, send)


class Few:
    """Answers so many at the same time and no more."""

    def __init__(self, app: ASGIApp, most: int = MOST_AT_ONCE) -> None:
        self._app, self._most, self._now = app, most, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if self._now >= self._most and scope["path"] != ALIVE:
            words = "Too many ask at the same time; try again."
            await refuse(scope, receive, send, 503, words, {"retry-after": "1"})
            return
        self._now += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._now -= 1


class OwnSite:
    """Refuses what was meant for another server, and what another's page made a browser send."""

    def __init__(self, app: ASGIApp, names: OwnNames) -> None:
        self._app, self._names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = Headers(scope=scope)
        if scope["path"] not in WATCHERS and not self._names.know(headers.get("host", "")):
            words = "This server does not answer under that name."
            await refuse(scope, receive, send, 421, words)
        elif self._names.refuse_site(scope["method"], headers):
            words = "Another site sent you here; open the link itself."
            await refuse(scope, receive, send, 403, words)
        else:
            await self._app(scope, receive, send)


def client(scope: Scope) -> str:
    """Return the address of whoever asks, as far as proxies of ours say it."""
    return str(scope.get(_CLIENT, ""))


def route_of(scope: Scope) -> str:
    """Return the pattern of the address: what people and programs put into it is a secret."""
    return str(getattr(scope.get("route"), "path", "") or "none")
