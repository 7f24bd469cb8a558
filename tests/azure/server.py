"""A strict local Log Analytics: ``python -m tests.azure.server`` prints its ports and serves.

``POST /v1/workspaces/{id}/query`` and ``POST /v1/{resource id}/query``, as documented. With
``--engine package.module:callable`` what the callable makes runs the queries (``--engine-options``
are its arguments, as JSON); without it a test puts tables there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

from aiohttp import web

from tests.azure import querying
from tests.azure.answering import CannedTables, Engine, load_engine
from tests.azure.bodies import NOT_FOUND
from tests.azure.control import CONTROLS
from tests.azure.state import State
from tests.local_serving import answer_control, options, serve

HOST = "127.0.0.1"
LARGEST_BODY = 4 * 1024 * 1024


class Server:
    """Serves one state after the other on one port."""

    def __init__(self, engine: Engine | None) -> None:
        self._engine = engine
        self._state = State(engine or CannedTables())
        application = web.Application(client_max_size=LARGEST_BODY)
        application.add_routes(
            [
                web.post("/_control/reset", self._reset),
                web.post("/_control/{name}", self._control),
                web.post("/v1/{place:.+}/query", self._query),
                web.route("*", "/{anything:.*}", self._nothing),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, handler_cancellation=True)

    async def start(self, port: int) -> dict[str, int]:
        """Listen on a port for the client, and on another for the test."""
        await self._runner.setup()
        for each in (port, 0):
            await web.TCPSite(self._runner, HOST, each).start()
        ports = [address[1] for address in self._runner.addresses]
        return {"port": ports[0], "control_port": ports[1]}

    async def _query(self, request: web.Request) -> web.StreamResponse:
        return await querying.answer(self._state, request)

    async def _control(self, request: web.Request) -> web.Response:
        return await answer_control(CONTROLS, self._state, request)

    async def _reset(self, _request: web.Request) -> web.Response:
        """Forget everything but what the engine knows."""
        self._state.release()
        self._state = State(self._engine or CannedTables())
        return web.json_response({"result": None})

    async def _nothing(self, _request: web.Request) -> web.Response:
        return web.json_response(NOT_FOUND, status=404)


async def start(arguments: argparse.Namespace) -> dict[str, int]:
    """Begin to serve."""
    made: dict[str, Any] = json.loads(arguments.engine_options)
    engine = load_engine(arguments.engine, made) if arguments.engine else None
    return await Server(engine).start(arguments.port)


def main() -> None:
    """Read the command line and serve."""
    parser = options("A strict local Log Analytics for tests")
    parser.add_argument("--engine", default="", help="package.module:callable that makes it")
    parser.add_argument("--engine-options", default="{}", help="its arguments, as JSON")
    arguments = parser.parse_args()
    asyncio.run(serve(start(arguments), with_parent=arguments.with_parent))


if __name__ == "__main__":
    main()
