"""The web server put together: what is served where, and what everything passes on its way."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from spendwatch.mail_replies import Replies
from spendwatch.web import answering, pages, probes, slack_posts
from spendwatch.web.answers import UNKNOWN, told
from spendwatch.web.bodies import Bounded
from spendwatch.web.clients import Pace
from spendwatch.web.guards import (
    WATCHERS,
    Few,
    Headed,
    LastResort,
    Observed,
    OwnSite,
    Paced,
    client,
    route_of,
)
from spendwatch.web.metrics import Metrics
from spendwatch.web.rules import OwnNames, security_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi import APIRouter, Request
    from starlette.responses import Response
    from starlette.types import Scope
    from structlog.typing import FilteringBoundLogger

    from spendwatch.app import App
    from spendwatch.slack.taking import Hands

_TOO_OFTEN = 429
_WRONG = 400


@dataclass(frozen=True, slots=True)
class Parts:
    """What is served needs this.

    Attributes
    ----------
    app : App
        Its engine waits for no longer than people do.
    steady : callable
        Seconds on a clock that nobody sets.
    stuck : callable
        Says which thread does not move any more; empty while all do.
    hands : Hands or None
        Who takes what Slack posts; None where it posts nothing.
    """

    app: App
    log: FilteringBoundLogger
    steady: Callable[[], float]
    stuck: Callable[[], str]
    hands: Hands | None = None


def build_web(parts: Parts, *, openapi: bool = False) -> FastAPI:
    """Build what is served; ``openapi`` lets it describe itself at /openapi.json, for tests."""
    metrics = Metrics(parts.app)
    found = FastAPI(
        title="spendwatch",
        version=version("spendwatch"),
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if openapi else None,
        redirect_slashes=False,
        middleware=_guards(parts, metrics),
        exception_handlers={HTTPException: _refused, RequestValidationError: _misread},
    )
    for router in _routers(parts, metrics):
        found.include_router(router)
    return found


def _routers(parts: Parts, metrics: Metrics) -> Iterator[APIRouter]:
    """Give everything that is served; a page of the product is one more router here."""
    yield pages.router()
    yield probes.router(probes.Probes(parts.app, metrics, parts.stuck, parts.steady))
    web = parts.app.settings.web
    if web.public_url and web.keys:
        yield answering.router(answering.Pages(Replies(parts.app), parts.log))
    if parts.hands:
        secrets, clock = parts.app.settings.slack.signing_secrets, parts.app.clock
        yield slack_posts.router(slack_posts.Posts(parts.hands, secrets, clock, parts.log))


def _guards(parts: Parts, metrics: Metrics) -> list[Middleware]:
    """Give what a request passes, the outermost first."""
    web = parts.app.settings.web

    def seen(scope: Scope, status: int, took_s: float) -> None:
        metrics.count(scope, status, took_s)
        _log(parts.log, scope, status, took_s)

    return [
        Middleware(Observed, seen, parts.steady),
        Middleware(Headed, security_headers(web.public_url)),
        Middleware(LastResort, parts.log),
        Middleware(Paced, Pace(web.requests_a_minute), web.networks, parts.steady),
        Middleware(Few),
        Middleware(OwnSite, OwnNames(web.public_url)),
        Middleware(Bounded),
    ]


def _log(log: FilteringBoundLogger, scope: Scope, status: int, took_s: float) -> None:
    """Log one request by the pattern of its address, which has no secret in it.

    Whoever watches asks all the time, and who storms is counted alone: neither may fill the disk.
    """
    if status == _TOO_OFTEN or (scope["path"] in WATCHERS and status < _WRONG):
        return
    log.info(
        "web_request",
        route=route_of(scope),
        method=scope["method"][:16],
        status=status,
        ms=round(took_s * 1000, 1),
        client=client(scope),
    )


async def _refused(request: Request, error: Exception) -> Response:
    """Tell of an address that is not there, or takes another method, in our own words."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    words = "That is not done at this address." if status == 405 else UNKNOWN  # noqa: PLR2004 - HTTP's
    return told(request.scope, status, words, headers)


async def _misread(request: Request, _error: Exception) -> Response:
    """Tell that a field is missing or wrong, without repeating what came."""
    return told(request.scope, 422, "A field is missing, or is not what it should be.")
