"""How a query is answered: looked at strictly, counted, perhaps spoiled, then run."""

from __future__ import annotations

import asyncio
import json
import re
import time
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.azure import bodies
from tests.azure.answering import engine_at
from tests.azure.state import Request

if TYPE_CHECKING:
    from tests.azure.bodies import JSON
    from tests.azure.faults import Fault
    from tests.azure.state import State

LONGEST_WAIT_S = 600
BODY_KEYS = {"query", "timespan", "workspaces"}
WAIT = re.compile(r"wait=(\d+)")
Window = tuple[datetime, datetime]


async def answer(state: State, request: web.Request) -> web.StreamResponse:
    """Answer one query, and remember how."""
    state.on_their_way += 1
    noted, window = await _note(state, request)
    state.requests.append(noted)
    try:
        response = await _answer(state, request, noted, window)
        noted.status, noted.size = response.status, response.content_length
        return response
    finally:
        noted.ended_s = time.monotonic()
        state.on_their_way -= 1


async def _note(state: State, request: web.Request) -> tuple[Request, Window | None]:
    """Read a request, with everything that is wrong about it."""
    body, problems = _body(await request.read())
    window = _window(body.get("timespan"), problems)
    waits = WAIT.fullmatch(request.headers.get("Prefer", ""))
    wait_s = int(waits[1]) if waits else 0
    if not 1 <= wait_s <= LONGEST_WAIT_S:
        problems.append(f"Prefer: {request.headers.get('Prefer')!r}")
    if request.content_type != "application/json":
        problems.append(f"Content-Type: {request.content_type}")
    shown = {name.lower(): value for name, value in request.headers.items()}
    shown.pop("authorization", None)
    noted = Request(
        number=len(state.requests),
        place=request.match_info["place"].removeprefix("workspaces/"),
        query=str(body.get("query", "")),
        timespan=str(body.get("timespan", "")),
        wait_s=wait_s,
        headers=shown,
        at_once=state.on_their_way,
        began_s=time.monotonic(),
        problems=problems,
    )
    return noted, window


def _body(raw: bytes) -> tuple[JSON, list[str]]:
    try:
        body = json.loads(raw)
    except ValueError:
        return {}, ["the body is no JSON"]
    problems = [] if body.keys() == BODY_KEYS else [f"the body has {sorted(body)}"]
    return body, problems


def _window(timespan: Any, problems: list[str]) -> Window | None:
    """Read the span of time; ours is given by two moments."""
    parts = str(timespan).split("/")
    try:
        begin, end = (datetime.fromisoformat(each) for each in parts)
    except ValueError:
        problems.append(f"timespan: {timespan!r}")
        return None
    if end <= begin:
        problems.append(f"timespan: {timespan!r}")
    return begin, end


async def _answer(
    state: State, request: web.Request, noted: Request, window: Window | None
) -> web.StreamResponse:
    if not _is_known(state, request):
        return _refusal(401, bodies.UNAUTHENTICATED)
    if state.is_too_often():
        retry_after = state.settings.retry_after
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        return _refusal(429, bodies.THROTTLED, headers)
    if state.settings.places and noted.place not in state.settings.places:
        return _refusal(404, bodies.NOT_FOUND)
    if noted.problems or window is None:
        return _refusal(400, bodies.bad_request(("Invalid", "; ".join(noted.problems))))
    span_s = (window[1] - window[0]).total_seconds()
    fault = state.faults.draw(noted.place, noted.query, span_s)
    if fault is None:
        return await _run(state, noted, window)
    noted.fault = fault.kind
    return await _spoil(state, request, noted, window, fault)


def _is_known(state: State, request: web.Request) -> bool:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return kind == "Bearer" and token in state.settings.tokens


def _refusal(status: int, body: JSON, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(body, status=status, headers=headers)


async def _run(state: State, noted: Request, window: Window) -> web.Response:
    """Let the engine run the query; what it refuses goes out in its own words."""
    try:
        engine = engine_at(state.engine, noted.place)
        running = asyncio.to_thread(engine.run, noted.query, *window)
        result = await asyncio.wait_for(running, noted.wait_s)
    except TimeoutError:
        return _refusal(504, bodies.TIMED_OUT)
    except Exception as error:
        if not hasattr(error, "body"):
            raise
        return _refusal(400, error.body())
    most = state.settings.most_rows
    if any(len(table["rows"]) > most for table in result["tables"]):
        result = _partial(result, most)
    noted.rows = len(result["tables"][0]["rows"])
    return web.json_response(result)


def _partial(result: JSON, rows: int) -> JSON:
    tables = [{**table, "rows": table["rows"][:rows]} for table in result["tables"]]
    return {**result, "tables": tables, "error": bodies.TOO_LARGE}


async def _spoil(
    state: State, request: web.Request, noted: Request, window: Window, fault: Fault
) -> web.StreamResponse:
    """Let a query go wrong."""
    if fault.kind == "answer":
        return _given(fault)
    if fault.kind == "reset":
        return _cut_off(request)
    if fault.kind == "hang":
        await state.released.wait()
        return _cut_off(request)
    if fault.kind == "delay":
        with suppress(TimeoutError):
            await asyncio.wait_for(state.released.wait(), fault.seconds)
    response = await _run(state, noted, window)
    if fault.kind == "partial":
        assert response.body is not None
        return web.json_response(_partial(json.loads(response.text or ""), fault.rows))
    if fault.kind in ("cut", "stall", "trickle"):
        return await _stream(state, request, response, fault)
    return response


def _given(fault: Fault) -> web.Response:
    if isinstance(fault.body, str):
        kind = "text/html" if fault.body.startswith("<") else "application/json"
        headers = {"Content-Type": kind, **fault.headers}
        return web.Response(status=fault.status, text=fault.body, headers=headers)
    return _refusal(fault.status, fault.body, fault.headers)


def _cut_off(request: web.Request) -> web.Response:
    """Lose the connection as it is lost when a machine dies."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def _stream(
    state: State, request: web.Request, response: web.Response, fault: Fault
) -> web.StreamResponse:
    """Send the half of a body and lose the connection; or all of it, byte by byte."""
    body = (response.text or "").encode()
    stream = web.StreamResponse(headers={"Content-Type": "application/json"})
    stream.content_length = len(body) + 1
    await stream.prepare(request)
    if fault.kind in ("cut", "stall"):
        await stream.write(body[: len(body) // 2])
        if fault.kind == "stall":
            await state.released.wait()
        assert request.transport is not None
        request.transport.abort()
        return stream
    for byte in body + b" ":
        await stream.write(bytes([byte]))
        with suppress(TimeoutError):
            await asyncio.wait_for(state.released.wait(), fault.seconds)
    return stream
