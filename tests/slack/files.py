"""files.*: announced, received, completed; ready only a while after that."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.slack.chat import add_message
from tests.slack.errors import SlackError
from tests.slack.identity import BOT_USER
from tests.slack.state import JSON, PICTURES, File

if TYPE_CHECKING:
    from tests.slack.workspace import Workspace


def get_upload_url(slack: Workspace, arguments: JSON) -> JSON:
    """files.getUploadURLExternal."""
    name, length = str(arguments.get("filename") or ""), str(arguments.get("length") or "")
    if not name or not length.isdigit() or not int(length):
        raise SlackError("invalid_arguments", ["must provide filename and length"])
    file = File(slack.new_id("F"), name, int(length), alt_text=str(arguments.get("alt_txt") or ""))
    slack.files[file.id] = file
    return {"ok": True, "upload_url": f"{slack.address}/upload/v1/{file.id}", "file_id": file.id}


def receive(slack: Workspace, name: str, content: bytes) -> web.Response:
    """Take the content, as long as it was said to be."""
    file = slack.files.get(name)
    if file is None or file.received:
        return web.Response(status=404, text="not found")
    if len(content) != file.length:
        return web.Response(status=400, text=f"{len(content)} bytes instead of {file.length}")
    file.size, file.received = len(content), True
    file.sha256 = hashlib.sha256(content).hexdigest()
    return web.Response(text=f"OK - {file.size}")


def complete_upload(slack: Workspace, arguments: JSON) -> JSON:
    """files.completeUploadExternal; the message that shows the file comes once it is ready."""
    named = _named(arguments.get("files"))
    files = [slack.files.get(each["id"]) for each in named]
    if any(each is None or not each.received or each.completed for each in files):
        raise SlackError("file_not_found")
    channel = arguments.get("channel_id")
    conversation = slack.writable(channel) if channel else None
    for file, each in zip(files, named, strict=True):
        assert file is not None
        file.completed, file.title = True, each.get("title", "")
        file.channel = conversation.id if conversation else None
        file.thread_ts = arguments.get("thread_ts")
        _make_ready_later(slack, file)
    return {"ok": True, "files": [_described(each) for each in files if each]}


def _named(files: Any) -> list[JSON]:
    try:
        named = json.loads(files) if isinstance(files, str) else files
    except ValueError:
        named = None
    good = isinstance(named, list) and all(isinstance(each, dict) for each in named)
    if not good or not named or any("id" not in each for each in named):
        raise SlackError("invalid_arguments", ["must provide files [json-pointer:/files]"])
    return list(named)


def _make_ready_later(slack: Workspace, file: File) -> None:
    delay_s = slack.settings.file_delay_s
    if delay_s == 0:
        _make_ready(slack, file)
    elif delay_s is not None:
        real_s = delay_s / slack.clock.speed
        asyncio.get_running_loop().call_later(real_s, _make_ready, slack, file)


def _make_ready(slack: Workspace, file: File) -> None:
    file.ready = True
    if file.channel is None or slack.conversations[file.channel].archived:
        return
    parent = slack.message(file.channel, file.thread_ts) if file.thread_ts else None
    said = {"text": "", "thread_ts": file.thread_ts}
    message = add_message(slack, file.channel, BOT_USER, said, parent.ts if parent else None)
    message.files, file.shared_ts = [file.id], message.ts


def info(slack: Workspace, arguments: JSON) -> JSON:
    """files.info."""
    file = slack.files.get(str(arguments.get("file")))
    if file is None or not file.completed:
        raise SlackError("file_not_found")
    return {"ok": True, "file": _described(file), "comments": []}


def _described(file: File) -> JSON:
    """Word a file as Slack hands it out: without a kind until it is ready."""
    kind = file.kind if file.ready else ""
    body: JSON = {"id": file.id, "name": file.name, "title": file.title, "size": file.size}
    body |= {"filetype": kind, "mimetype": PICTURES.get(kind, ""), "alt_txt": file.alt_text}
    if file.shared_ts:
        share = {"ts": file.shared_ts, "thread_ts": file.thread_ts}
        body["shares"] = {"public": {file.channel: [share]}}
    return body
