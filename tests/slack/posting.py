"""Slack over HTTP: what people do is posted, signed, to the address that the app gave."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aiohttp import ClientError, ClientSession, ClientTimeout

from tests.slack.identity import SIGNING_SECRET
from tests.slack.state import JSON, Envelope

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.slack.workspace import Workspace

PLACES = {"interactive": "actions", "slash_commands": "commands", "events_api": "events"}
FORM = "application/x-www-form-urlencoded"


def body_of(kind: str, payload: JSON) -> tuple[str, bytes]:
    """Write what a person did as Slack posts it: its type and its bytes."""
    if kind == "events_api":
        return "application/json", json.dumps(payload).encode()
    fields = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
    return FORM, urlencode(fields).encode()


def signed(body: bytes, timestamp: int, secret: str = SIGNING_SECRET) -> dict[str, str]:
    """Sign a post by the rule of Slack's documentation."""
    base = b"v0:%d:" % timestamp + body
    made = hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": str(timestamp), "X-Slack-Signature": f"v0={made}"}


async def deliver(
    slack: Workspace,
    envelope: Envelope,
    *,
    times: int = 1,
    redeliver: int = 0,
    on_ack: Callable[[JSON], None] | None = None,
) -> None:
    """Post what a person did, and wait for an answer as long as Slack does.

    Only an event is told again where nobody answered; whoever pressed sees that it failed.
    """
    slack.envelopes[envelope.id] = envelope
    again = redeliver if envelope.kind == "events_api" else 0
    for attempt in range(again + 1):
        posts = [_post(slack, envelope, attempt) for _ in range(times)]
        answers = [each for each in await asyncio.gather(*posts) if each is not None]
        if answers:
            if on_ack:
                on_ack(answers[0])
            return
    envelope.failed = "not answered"


async def _post(slack: Workspace, envelope: Envelope, attempt: int) -> JSON | None:
    """Post once; give what the app said, None where that is no answer in time."""
    kind, body = body_of(envelope.kind, envelope.payload)
    # The app judges by the true time, whatever Slack dates its messages with.
    headers = signed(body, slack.settings.signed_at or int(time.time())) | {"Content-Type": kind}  # noqa: TID251 - Slack's own clock
    if attempt:
        headers |= {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": "http_timeout"}
    begun, url = time.monotonic(), f"{slack.settings.request_url}/{PLACES[envelope.kind]}"
    post: JSON = {"url": url, "headers": headers, "body": body.decode(), "status": None}
    envelope.posts.append(post)
    within = ClientTimeout(slack.settings.ack_within_s / slack.clock.speed)
    try:
        async with (
            ClientSession(timeout=within) as client,
            client.post(url, data=body, headers=headers) as answer,
        ):
            said, post["status"] = await answer.read(), answer.status
    except (ClientError, TimeoutError, ConnectionError):
        return None
    if post["status"] != 200:
        return None
    payload = json.loads(said) if said else None
    after_s = (time.monotonic() - begun) * slack.clock.speed
    envelope.acks.append({"after_s": after_s, "real_s": time.monotonic() - begun})
    envelope.acks[-1]["payload"] = payload
    return payload or {}
