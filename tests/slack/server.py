"""A strict local Slack: ``python -m tests.slack.server --port 0`` prints its ports and serves.

It is a process of its own, so that what it remembers outlives whatever is killed under test.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path

from aiohttp import web

from tests.local_serving import answer_control, options, serve
from tests.slack import responses, web_api
from tests.slack.control import CONTROLS
from tests.slack.workspace import Workspace

HOST = "127.0.0.1"
LARGEST_BODY = 64 * 1024 * 1024
STEP_S = 0.02


class Server:
    """Serves one workspace after the other on one port."""

    def __init__(self, speed: float, folder: Path | None) -> None:
        self._speed, self._folder = speed, folder
        self._address = ""
        self._slack = Workspace(speed)
        self._runner = web.AppRunner(self._application(), access_log=None)
        self._site: web.TCPSite | None = None

    def _application(self) -> web.Application:
        """Say what is served where."""
        application = web.Application(client_max_size=LARGEST_BODY)
        application.add_routes(
            [
                web.route("*", "/api/{method}", self._api),
                web.get("/link/", self._link),
                web.get("/link", self._link),
                web.post("/upload/v1/{name}", self._upload),
                web.post("/actions/{name}", self._respond),
                web.post("/_control/reset", self._reset),
                web.post("/_control/refuse_connections", self._refuse_connections),
                web.post("/_control/accept_connections", self._accept_connections),
                web.post("/_control/{name}", self._control),
            ]
        )
        return application

    async def start(self, port: int) -> dict[str, int]:
        """Listen on a port for the app, and on another for the test."""
        await self._runner.setup()
        await self._listen(port)
        await web.TCPSite(self._runner, HOST, 0).start()
        ports = [address[1] for address in self._runner.addresses]
        self._address = f"http://{HOST}:{ports[0]}"
        self._begin()
        self._watching = asyncio.create_task(self._notice_stalls())
        return {"port": ports[0], "control_port": ports[1]}

    async def _notice_stalls(self) -> None:
        """Note for how long it stood still: what came meanwhile waited that much longer."""
        while True:
            begun = time.monotonic()
            await asyncio.sleep(STEP_S)
            stood_still_s = time.monotonic() - begun - STEP_S
            self._slack.longest_stall_s = max(self._slack.longest_stall_s, stood_still_s)

    async def _listen(self, port: int) -> None:
        self._site = web.TCPSite(self._runner, HOST, port, reuse_address=True)
        await self._site.start()

    def _begin(self, speed: float | None = None) -> None:
        """Forget everything."""
        self._slack.hub.cut()
        if self._slack.journal:
            self._slack.journal.close()
        self._slack = Workspace(speed or self._speed)
        self._slack.address = self._address
        if self._folder:
            self._slack.journal = (self._folder / "requests.jsonl").open("a", buffering=1)

    async def _api(self, request: web.Request) -> web.StreamResponse:
        return await web_api.handle(self._slack, request)

    async def _link(self, request: web.Request) -> web.StreamResponse:
        return await self._slack.hub.link(request)

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        return await web_api.receive(self._slack, request)

    async def _respond(self, request: web.Request) -> web.Response:
        return await responses.respond(self._slack, request)

    async def _control(self, request: web.Request) -> web.Response:
        return await answer_control(CONTROLS, self._slack, request)

    async def _reset(self, request: web.Request) -> web.Response:
        body = await request.read()
        self._begin(json.loads(body).get("speed") if body else None)
        return await self._accept_connections(request)

    async def _refuse_connections(self, _request: web.Request) -> web.Response:
        """Be as if not there: whoever connects is refused; what is connected stays so."""
        if self._site:
            await self._site.stop()
            self._site = None
        return web.json_response({"result": None})

    async def _accept_connections(self, _request: web.Request) -> web.Response:
        if self._site is None:
            await self._listen(int(self._address.rsplit(":", 1)[1]))
        return web.json_response({"result": None})


async def start(arguments: argparse.Namespace) -> dict[str, int]:
    """Begin to serve."""
    if arguments.folder:
        arguments.folder.mkdir(parents=True, exist_ok=True)
    return await Server(arguments.speed, arguments.folder).start(arguments.port)


def main() -> None:
    """Read the command line and serve."""
    parser = options("A strict local Slack for tests")
    parser.add_argument("--folder", type=Path, help="write requests.jsonl there")
    parser.add_argument("--speed", type=float, default=1.0, help="Slack's seconds in one of ours")
    arguments = parser.parse_args()
    asyncio.run(serve(start(arguments), with_parent=arguments.with_parent))


if __name__ == "__main__":
    main()
