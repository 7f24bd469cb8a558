"""A strict local Slack: ``python -m tests.slack.server --port 0`` prints its port and serves.

It is a process of its own, so that what it remembers outlives whatever is killed under test.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from aiohttp import web

from tests.slack import control, responses, web_api
from tests.slack.workspace import Workspace

HOST = "127.0.0.1"
LARGEST_BODY = 64 * 1024 * 1024


class Server:
    """Serves one workspace after the other on one port."""

    def __init__(self, speed: float, folder: Path | None) -> None:
        self._speed, self._folder = speed, folder
        self._address = ""
        self._slack = Workspace(speed)

    def application(self) -> web.Application:
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
                web.post("/_control/{name}", self._control),
            ]
        )
        return application

    def begin(self, address: str | None = None, speed: float | None = None) -> None:
        """Forget everything."""
        self._slack.hub.cut()
        if self._slack.journal:
            self._slack.journal.close()
        self._address = address or self._address
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
        return await control.handle(self._slack, request)

    async def _reset(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.begin(speed=json.loads(body).get("speed") if body else None)
        return web.json_response({"result": None})


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until the process is ended, or whoever started it is gone."""
    if arguments.folder:
        arguments.folder.mkdir(parents=True, exist_ok=True)
    server = Server(arguments.speed, arguments.folder)
    runner = web.AppRunner(server.application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, arguments.port).start()
    port = runner.addresses[0][1]
    server.begin(f"http://{HOST}:{port}")
    sys.stdout.write(json.dumps({"port": port}) + "\n")
    sys.stdout.flush()
    if arguments.with_parent:
        await asyncio.to_thread(sys.stdin.read)
    else:
        await asyncio.Event().wait()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description="A strict local Slack for tests")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="write requests.jsonl there")
    parser.add_argument("--speed", type=float, default=1.0, help="Slack's seconds in one of ours")
    parser.add_argument("--with-parent", action="store_true", help="end when stdin is closed")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
