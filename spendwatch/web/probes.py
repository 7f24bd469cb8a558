"""Whether the process lives, whether the service does its work, and its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import JSONResponse, Response

from spendwatch.db import DatabaseError
from spendwatch.standing import standing
from spendwatch.web.answers import told
from spendwatch.web.guards import WATCHERS
from spendwatch.web.looking import Look
from spendwatch.web.trusting import is_trusted

if TYPE_CHECKING:
    from collections.abc import Callable

    from spendwatch.app import App
    from spendwatch.web.metrics import Metrics

_HEALTHZ, _READYZ, _METRICS = WATCHERS
_NO_ANSWER = "the database does not answer in time"
_TOKEN = {"www-authenticate": 'Bearer realm="spendwatch"'}
_FOR_WHOM = "The figures are told to whoever has the token of the web server."


class Probes:
    """Looks for whoever asks; of many at the same time one looks.

    Attributes
    ----------
    stuck : callable
        Says which thread does not move any more; empty while all do.
    """

    def __init__(
        self, app: App, metrics: Metrics, stuck: Callable[[], str], steady: Callable[[], float]
    ) -> None:
        self._settings, self._stuck = app.settings.web, stuck
        self._faults = Look(lambda: tuple(standing(app).faults()), steady)
        self._metrics = Look(metrics.text, steady)

    def alive(self, request: Request) -> Response:
        """Say whether everything in this process still moves."""
        stuck = self._stuck()
        told_all = is_trusted(request, self._settings)
        faults = {"faults": [stuck]} if stuck and told_all else {}
        return JSONResponse({"alive": not stuck, **faults}, 503 if stuck else 200)

    async def ready(self, request: Request) -> Response:
        """Say whether the service does its work; what is wrong is told to few."""
        try:
            faults = await self._faults.found()
        except TimeoutError:
            faults = (_NO_ANSWER,)
        except DatabaseError as error:
            faults = (str(error),)
        said: dict[str, Any] = {"ready": not faults}
        if is_trusted(request, self._settings):
            said["faults"] = list(faults)
        return JSONResponse(said, 503 if faults else 200)

    async def metrics(self, request: Request) -> Response:
        """Give all figures to whoever may have them."""
        if not is_trusted(request, self._settings):
            return told(request.scope, 401, _FOR_WHOM, _TOKEN)
        try:
            text = await self._metrics.found()
        except TimeoutError:
            return told(request.scope, 503, f"No figures now: {_NO_ANSWER}.")
        return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)


def router(probes: Probes) -> APIRouter:
    """Say which address tells what."""
    found = APIRouter(tags=["watching"])
    unwell: dict[int | str, dict[str, Any]] = {503: {"description": "something is wrong"}}
    hidden: dict[int | str, dict[str, Any]] = {
        200: {"content": {"text/plain": {}}},
        401: {"description": _FOR_WHOM},
    }

    @found.get(_HEALTHZ, responses=unwell)
    async def healthz(request: Request) -> Response:
        """Whether the process lives; the database is not asked."""
        return probes.alive(request)

    @found.get(_READYZ, responses=unwell)
    async def readyz(request: Request) -> Response:
        """Whether the service does its work."""
        return await probes.ready(request)

    @found.get(_METRICS, responses=unwell | hidden, response_class=Response)
    async def metrics(request: Request) -> Response:
        """Return the figures of the service."""
        return await probes.metrics(request)

    return found
