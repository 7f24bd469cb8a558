"""What the servers that tests start have in common: their control port, and when they end."""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

from aiohttp import web

Controls = Mapping[str, Callable[..., Any]]


class ControlError(Exception):
    """A test asked for something that there is not."""


async def answer_control(controls: Controls, subject: object, request: web.Request) -> web.Response:
    """Do what a test asks for: a POST of a control's arguments."""
    control = controls.get(request.match_info["name"])
    if control is None:
        return web.json_response({"error": "no such control"}, status=404)
    body = await request.read()
    try:
        result = control(subject, **(json.loads(body) if body else {}))
        if inspect.isawaitable(result):
            result = await result
    except (ControlError, KeyError, TypeError) as refusal:
        return web.json_response({"error": f"{type(refusal).__name__}: {refusal}"}, status=400)
    return web.json_response({"result": result}, dumps=_dumps)


async def serve(started: Awaitable[dict[str, int]], *, with_parent: bool) -> None:
    """Print the ports; serve until the process is ended, or whoever started it is gone."""
    sys.stdout.write(json.dumps(await started) + "\n")
    sys.stdout.flush()
    if with_parent:
        await asyncio.to_thread(sys.stdin.read)
    else:
        await asyncio.Event().wait()


def options(description: str) -> argparse.ArgumentParser:
    """Begin a command line; ``port`` 0 is any that is free."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--with-parent", action="store_true", help="end when stdin is closed")
    return parser


def _dumps(value: Any) -> str:
    return json.dumps(value, default=asdict)
