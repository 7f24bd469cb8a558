"""The Web API: who calls, whether they may, how often, what goes wrong, what is answered."""

from __future__ import annotations

import json
import math
import socket
import struct
from dataclasses import asdict, dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.slack import chat, conversations, files, views
from tests.slack.errors import RateLimitError, SlackError
from tests.slack.identity import APP_TOKEN, BOT_ID, BOT_TOKEN, BOT_USER, TEAM_ID
from tests.slack.state import JSON, Rejection, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.slack.faults import Fault
    from tests.slack.workspace import Workspace

NO_GOODBYE = struct.pack("ii", 1, 0)
"""Closing then sends a reset."""
PAGE = "<!DOCTYPE html><html><body><h1>Something went wrong</h1></body></html>"
STRUCTURED = ("attachments", "blocks", "metadata", "view", "profile")
"""Arguments that are JSON inside of a form."""
REFUSED_BODIES = {
    "invalid_arguments", "invalid_blocks", "invalid_blocks_format", "invalid_metadata_format",
    "invalid_metadata_schema", "markdown_text_conflict", "metadata_too_large",
    "msg_blocks_too_long", "msg_too_long", "no_text", "too_many_attachments", "view_too_large",
}  # fmt: skip


@dataclass(frozen=True)
class Method:
    """How a method is carried out, and what for it needs."""

    carry_out: Callable[[Workspace, JSON], JSON]
    scope: str | None = None
    token: str = BOT_TOKEN


def auth_test(slack: Workspace, _arguments: JSON) -> JSON:
    """auth.test."""
    team = {"url": "https://local.slack.com/", "team": "local", "team_id": TEAM_ID}
    return {"ok": True, **team, "user": "spendwatch", "user_id": BOT_USER, "bot_id": BOT_ID}


def open_connection(slack: Workspace, arguments: JSON) -> JSON:
    """apps.connections.open."""
    if "token" in arguments:
        raise SlackError("invalid_arguments", ["the token belongs in the Authorization header"])
    ticket = slack.hub.new_ticket()
    host = slack.address.removeprefix("http://")
    return {"ok": True, "url": f"ws://{host}/link/?ticket={ticket}&app_id=A0LOCAL"}


METHODS = {
    "auth.test": Method(auth_test),
    "apps.connections.open": Method(open_connection, token=APP_TOKEN),
    "chat.postMessage": Method(chat.post_message, "chat:write"),
    "chat.update": Method(chat.update, "chat:write"),
    "chat.delete": Method(chat.delete, "chat:write"),
    "chat.postEphemeral": Method(chat.post_ephemeral, "chat:write"),
    "views.open": Method(views.open_view),
    "views.update": Method(views.update),
    "views.push": Method(views.push),
    "views.publish": Method(views.publish),
    "conversations.history": Method(conversations.history),
    "conversations.replies": Method(conversations.replies),
    "conversations.info": Method(conversations.info),
    "conversations.open": Method(conversations.open_direct, "im:write"),
    "users.info": Method(conversations.user_info, "users:read"),
    "usergroups.users.list": Method(conversations.group_users, "usergroups:read"),
    "files.getUploadURLExternal": Method(files.get_upload_url, "files:write"),
    "files.completeUploadExternal": Method(files.complete_upload, "files:write"),
    "files.info": Method(files.info, "files:read"),
}


async def read_arguments(request: web.Request) -> JSON:
    """Read what a call says, as JSON, as a form or in the address."""
    if request.content_type == "application/json":
        return {**request.query, **_object(await request.read())}
    form = {name: str(value) for name, value in (await request.post()).items()}
    arguments: JSON = {**request.query, **form}
    for name in STRUCTURED:
        if isinstance(arguments.get(name), str):
            try:
                arguments[name] = json.loads(arguments[name])
            except ValueError:
                continue  # the judge says what is wrong with it
    return arguments


def _object(body: bytes) -> JSON:
    try:
        found = json.loads(body) if body else {}
    except ValueError:
        raise SlackError("invalid_json") from None
    if not isinstance(found, dict):
        raise SlackError("json_not_object")
    return found


def answer(slack: Workspace, method: str, authorization: str, arguments: JSON) -> JSON:
    """Carry out a call, or raise why not."""
    found = METHODS.get(method)
    if found is None:
        raise SlackError("unknown_method", req_method=method)
    _check_token(slack, authorization, found)
    if found.scope:
        slack.require(found.scope)
    slack.rates.take_call(method)
    try:
        return found.carry_out(slack, arguments)
    except SlackError as refusal:
        if refusal.error in REFUSED_BODIES:
            slack.rejections.append(Rejection(method, refusal.error, refusal.problems))
        raise


def _check_token(slack: Workspace, authorization: str, method: Method) -> None:
    token = authorization.removeprefix("Bearer ")
    if not token:
        raise SlackError("not_authed")
    if token not in (BOT_TOKEN, APP_TOKEN):
        raise SlackError("invalid_auth")
    if slack.settings.revoked:
        raise SlackError(slack.settings.revoked)
    if token != method.token:
        raise SlackError("not_allowed_token_type")


async def handle(slack: Workspace, request: web.Request) -> web.StreamResponse:
    """Answer a call of the Web API."""
    method = request.match_info["method"]
    try:
        record = _noted(slack, method, await read_arguments(request))
    except SlackError as refusal:
        slack.rejections.append(Rejection(method, refusal.error, []))
        return _told(_noted(slack, method, {}), refusal.answer())
    authorization = request.headers.get("Authorization", "")
    return await _answered(
        slack, request, record, partial(_carry_out, slack, record, authorization)
    )


async def receive(slack: Workspace, request: web.Request) -> web.StreamResponse:
    """Take the content of a file; faults and tests know it as the method ``upload``."""
    name, content = request.match_info["name"], await request.read()
    record = _noted(slack, "upload", {"file": name, "length": len(content)})
    return await _answered(slack, request, record, partial(_take, slack, record, content))


def _noted(slack: Workspace, method: str, arguments: JSON) -> Request:
    record = Request(len(slack.requests) + 1, slack.clock.seconds(), method, arguments)
    slack.requests.append(record)
    return record


async def _answered(
    slack: Workspace, request: web.Request, record: Request, carry_out: Callable[[], web.Response]
) -> web.StreamResponse:
    """Let happen what was asked for or what is to go wrong, and take it down."""
    fault = slack.faults.draw(record.method, record.arguments)
    try:
        if fault is None:
            return carry_out()
        return await _go_wrong(slack, request, record, fault, carry_out)
    finally:
        if slack.journal:
            slack.journal.write(json.dumps(asdict(record)) + "\n")


def _take(slack: Workspace, record: Request, content: bytes) -> web.Response:
    response = files.receive(slack, record.arguments["file"], content)
    record.status, record.ok = response.status, response.status == HTTPStatus.OK
    record.committed = record.ok
    return response


def _carry_out(slack: Workspace, record: Request, authorization: str) -> web.Response:
    try:
        said = answer(slack, record.method, authorization, record.arguments)
    except RateLimitError as refusal:
        record.error = refusal.error
        headers = {"Retry-After": _retry_after(slack, refusal.wait_s)}
        return _told(record, refusal.answer(), 429, headers)
    except SlackError as refusal:
        record.error = refusal.error
        return _told(record, refusal.answer())
    record.committed, record.ts = True, said.get("ts")
    scopes = {"X-OAuth-Scopes": ",".join(sorted(slack.scopes))}
    return _told(record, said, headers=scopes if slack.settings.tells_scopes else None)


def _retry_after(slack: Workspace, wait_s: float) -> str:
    """Word a wait as a whole number, never too short."""
    real = slack.settings.retry_after_in == "real"
    return str(max(1, math.ceil(wait_s / slack.clock.speed if real else wait_s)))


def _told(
    record: Request, said: JSON, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    record.status, record.ok, record.error = status, bool(said.get("ok")), said.get("error")
    return web.json_response(said, status=status, headers=headers)


async def _go_wrong(
    slack: Workspace,
    request: web.Request,
    record: Request,
    fault: Fault,
    carry_out: Callable[[], web.Response],
) -> web.StreamResponse:
    record.fault = fault.kind
    if fault.kind == "delay" and fault.commit is False:
        await slack.clock.sleep(fault.seconds)
        return carry_out()
    response = carry_out() if fault.commits else None
    await slack.clock.sleep(fault.seconds)
    if fault.kind == "delay":
        assert response is not None
        return response
    if fault.kind in ("drop", "reset"):
        return _hang_up(request, record, abruptly=fault.kind == "reset")
    return _wrong_answer(record, fault, response)


def _hang_up(request: web.Request, record: Request, *, abruptly: bool) -> web.Response:
    record.status, record.ok, record.error = 0, False, None
    if request.transport is not None:
        if abruptly:
            connected = request.transport.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_GOODBYE)
        request.transport.abort()
    return web.Response()


def _wrong_answer(record: Request, fault: Fault, response: web.Response | None) -> web.Response:
    good = response.text if response is not None else json.dumps({"ok": True})
    record.ok, record.error, record.status = False, None, 200
    if fault.kind == "ratelimited":
        wait = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
        return _told(record, {"ok": False, "error": "ratelimited"}, 429, wait)
    if fault.kind == "error":
        return _told(record, {"ok": False, "error": fault.error})
    if fault.kind in ("no_ts", "other_channel"):
        return _told(record, _altered(json.loads(good or "{}"), fault.kind))
    return _page(record, fault, good or "")


def _page(record: Request, fault: Fault, good: str) -> web.Response:
    if fault.kind == "truncated":
        return web.Response(text=good[: len(good) // 2], content_type="application/json")
    if fault.kind == "empty":
        return web.Response(text="", content_type="application/json")
    record.status = {"html": 200, "gateway": 502}.get(fault.kind, fault.status)
    if record.status == 408:
        return web.Response(status=408, text="stream timeout")
    return web.Response(status=record.status, text=PAGE, content_type="text/html")


def _altered(said: JSON, how: str) -> JSON:
    if how == "other_channel":
        return {**said, "channel": "C0OTHER"}
    message: Any = {name: value for name, value in said.get("message", {}).items() if name != "ts"}
    return {**{name: value for name, value in said.items() if name != "ts"}, "message": message}
