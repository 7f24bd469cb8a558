"""What Slack posts where it is told an address instead of being listened to: the same desk.

A post counts only with Slack's signature of its very bytes, made just now, and once. What it says
is committed before Slack is told so; what is shown to people comes after that.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from spendwatch.slack.signatures import Remembered, Signed, Trust, trust_in
from spendwatch.web.answers import told
from spendwatch.web.forms import FORM, Unreadable, read_fields
from spendwatch.web.guards import client

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from starlette.types import Receive, Scope, Send
    from structlog.typing import FilteringBoundLogger

    from spendwatch.slack.desk import Reaction
    from spendwatch.slack.taking import Hands

JSON = "application/json"
_MOST_CHALLENGE = 1_000
_FORGED = "This is not signed by Slack, or not for this app, or too long ago."
_STATUS = {Trust.TOO_LARGE: 413, Trust.UNTRUSTED: 401, Trust.TOO_MANY: 503}
_WORDS = {
    Trust.TOO_LARGE: "A post may have at most 262144 bytes.",
    Trust.UNTRUSTED: _FORGED,
    Trust.TOO_MANY: "More posts than can be told apart; try again.",
}
_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"description": words}
    for status, words in (
        (400, "it is signed, and cannot be read"),
        (401, _FORGED),
        (413, "it is too large"),
        (415, "it is compressed, or of another form than Slack's"),
        (503, "too many at once"),
    )
}


class Posts:
    """Takes what Slack posts: who signed it is found out before anybody reads it.

    Attributes
    ----------
    secrets : sequence of str
        What Slack signs with; while it is replaced the old one too.
    """

    def __init__(
        self,
        hands: Hands,
        secrets: Sequence[str],
        clock: Callable[[], datetime],
        log: FilteringBoundLogger,
    ) -> None:
        self._hands, self._secrets, self._clock, self._log = hands, secrets, clock, log
        self._remembered, self._events = Remembered(), Remembered()

    async def take(
        self, request: Request, form: str, read: Callable[[bytes], tuple[str, Any]]
    ) -> Response:
        """Answer one post; ``read`` makes the kind of a deed and its payload of the body."""
        body = await request.body()
        trust = self._trust(request, body)
        if trust is Trust.REPEATED:
            return Response()
        if trust is not Trust.GENUINE:
            return told(request.scope, _STATUS[trust], _WORDS[trust])
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != form:
            return told(request.scope, 415, f"Slack posts {form} here.")
        try:
            kind, payload = read(body)
        except (ValueError, RecursionError):
            self._log.warning("slack_post_unreadable", path=request.url.path)
            return told(request.scope, 400, "That is not what Slack posts here.")
        return await self._answer(request, kind, payload)

    def _trust(self, request: Request, body: bytes) -> Trust:
        timestamp, signature = (
            request.headers.get(f"x-slack-{name}") for name in ("request-timestamp", "signature")
        )
        signed = Signed(body, timestamp, signature)
        trust = trust_in(signed, self._secrets, self._clock(), self._remembered)
        if trust is not Trust.GENUINE:
            self._log.warning("slack_post_refused", why=trust.value, client=client(request.scope))
        return trust

    async def _answer(self, request: Request, kind: str, payload: Any) -> Response:
        if kind == CHALLENGE:
            return JSONResponse({"challenge": payload})
        if kind == EVENT and self._is_old(payload):
            return Response()
        if self._hands.full:
            return told(request.scope, 503, _WORDS[Trust.TOO_MANY])
        return Acknowledged(await self._hands.take(kind, payload), self._hands)

    def _is_old(self, event: Mapping[str, Any]) -> bool:
        """Whether an event was taken before: Slack tells it again where it heard no answer."""
        number = event.get("event_id")
        if not isinstance(number, str):
            return False
        now_s = self._clock().timestamp()
        return self._events.take("event", number[:100], now_s) is Trust.REPEATED


class Acknowledged(Response):
    """What Slack is told; what comes after is done then, whether or not anybody heard it."""

    def __init__(self, reaction: Reaction, hands: Hands) -> None:
        said = reaction.response
        super().__init__(
            b"" if said is None else json.dumps(said).encode(),
            media_type=None if said is None else JSON,
        )
        self._reaction, self._hands = reaction, hands

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, then go on."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._hands.follow(self._reaction)


CHALLENGE, EVENT = "url_verification", "events_api"


def read_action(body: bytes) -> tuple[str, Any]:
    """Read a press or a form: one field, which holds JSON; raises ValueError."""
    return "interactive", _object(read_fields(body)["payload"])


def read_command(body: bytes) -> tuple[str, Any]:
    """Read what was typed; raises ValueError."""
    return "slash_commands", read_fields(body)


def read_event(body: bytes) -> tuple[str, Any]:
    """Read an event, or Slack's question whether anybody is here; raises ValueError."""
    found = _object(body)
    if found.get("type") != CHALLENGE:
        return EVENT, found
    challenge = found.get("challenge")
    if not isinstance(challenge, str) or len(challenge) > _MOST_CHALLENGE:
        raise Unreadable("no challenge")
    return CHALLENGE, challenge


def _object(text: str | bytes) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise Unreadable("no object")
    return found


def router(posts: Posts) -> APIRouter:
    """Say which address takes what."""
    found = APIRouter(prefix="/slack", tags=["slack"])

    @found.post(
        "/actions",
        response_class=Response,
        responses=_REFUSALS,
        openapi_extra=_body(FORM, "payload"),
    )
    async def slack_actions(request: Request) -> Response:
        """Take a press, or a form that was sent."""
        return await posts.take(request, FORM, read_action)

    @found.post(
        "/commands", response_class=Response, responses=_REFUSALS, openapi_extra=_body(FORM)
    )
    async def slack_commands(request: Request) -> Response:
        """Take what was typed behind /spendwatch."""
        return await posts.take(request, FORM, read_command)

    @found.post("/events", response_class=Response, responses=_REFUSALS, openapi_extra=_body(JSON))
    async def slack_events(request: Request) -> Response:
        """Take that somebody opened the app's home page."""
        return await posts.take(request, JSON, read_event)

    return found


def _body(form: str, *required: str) -> dict[str, Any]:
    texts = {name: {"type": "string"} for name in required}
    schema = {"type": "object", "properties": texts, "required": list(required)}
    return {"requestBody": {"required": True, "content": {form: {"schema": schema}}}}
