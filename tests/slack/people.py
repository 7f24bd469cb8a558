"""What people do: they press, choose, fill in, close, open Home, type commands."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tests.slack import posting
from tests.slack.chat import shown
from tests.slack.errors import ControlError
from tests.slack.identity import APP_ID, TEAM_ID
from tests.slack.payloads import chosen, common, input_states, merged
from tests.slack.responses import apply_command, apply_submission
from tests.slack.state import JSON, Envelope, View
from tests.slack.views import open_views, shown_view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.slack.workspace import Workspace


async def press(
    slack: Workspace,
    *,
    user: str,
    action_id: str,
    channel: str | None = None,
    ts: str | None = None,
    view_id: str | None = None,
    choice: Any = None,
    stale: bool = False,
    **delivery: Any,
) -> Envelope:
    """Use an element of a message, of a modal or of Home."""
    if view_id is not None:
        place, blocks = _view_place(slack, view_id)
    else:
        place, blocks = _message_place(slack, channel, ts, stale=stale, action_id=action_id)
    block, element = _element(blocks, action_id)
    envelope = _envelope(slack, "interactive", user)
    action = chosen(element, choice) | {"block_id": block.get("block_id", "")}
    action["action_ts"] = slack.clock.new_ts()
    payload = common(slack, envelope, "block_actions") | place
    if channel:
        payload["response_url"] = envelope.response_url = _response_url(slack, channel, ts, user)
    envelope.payload = payload | {"state": {"values": {}}, "actions": [action]}
    return await _deliver(slack, envelope, **delivery)


async def submit(
    slack: Workspace, *, user: str, view_id: str, values: JSON, **delivery: Any
) -> Envelope:
    """Fill in a modal and send it; values by block_id or by action_id."""
    view = _open_view(slack, user, view_id)
    state = input_states(view.body["blocks"], values)
    envelope = _envelope(slack, "interactive", user)
    payload = common(slack, envelope, "view_submission")
    envelope.payload = payload | {"view": shown_view(view, state), "response_urls": []}
    view.errors = {}

    def on_ack(said: JSON) -> None:
        apply_submission(slack, view, envelope, said)

    return await _deliver(slack, envelope, on_ack=on_ack, **delivery)


async def close(slack: Workspace, *, user: str, view_id: str, **delivery: Any) -> Envelope | None:
    """Close a modal; the app hears of it if it asked to."""
    view = _open_view(slack, user, view_id)
    view.is_open = False
    if not view.body.get("notify_on_close"):
        return None
    envelope = _envelope(slack, "interactive", user)
    payload = common(slack, envelope, "view_closed")
    envelope.payload = payload | {"view": shown_view(view), "is_cleared": False}
    return await _deliver(slack, envelope, **delivery)


async def open_home(slack: Workspace, *, user: str, **delivery: Any) -> Envelope:
    """Open the app's Home."""
    envelope = Envelope(slack.new_id("E"), "events_api", user, {})
    event: JSON = {"type": "app_home_opened", "user": user, "tab": "home"}
    event |= {"channel": slack.direct(user).id, "event_ts": slack.clock.new_ts()}
    if user in slack.homes:
        event["view"] = shown_view(slack.homes[user])
    envelope.payload = {
        "type": "event_callback",
        "team_id": TEAM_ID,
        "api_app_id": APP_ID,
        "event": event,
        "event_id": slack.new_id("Ev"),
        "event_time": slack.clock.wall_us() // 1_000_000,
    }
    return await _deliver(slack, envelope, **delivery)


async def command(
    slack: Workspace, *, user: str, command: str, text: str, channel: str, **delivery: Any
) -> Envelope:
    """Type a slash command."""
    envelope = _envelope(slack, "slash_commands", user)
    envelope.response_url = _response_url(slack, channel, None, user)
    envelope.payload = {
        "command": command,
        "text": text,
        "user_id": user,
        "user_name": slack.users[user].name,
        "channel_id": channel,
        "channel_name": slack.conversations[channel].name,
        "team_id": TEAM_ID,
        "team_domain": "local",
        "api_app_id": APP_ID,
        "is_enterprise_install": "false",
        "trigger_id": envelope.trigger_id,
        "response_url": envelope.response_url,
    }

    def on_ack(said: JSON) -> None:
        apply_command(slack, channel, user, envelope, said)

    return await _deliver(slack, envelope, on_ack=on_ack, **delivery)


async def _deliver(
    slack: Workspace,
    envelope: Envelope,
    *,
    overrides: JSON | None = None,
    without: list[str] | None = None,
    times: int = 1,
    redeliver: int = 0,
    wait: bool = True,
    on_ack: Callable[[JSON], None] | None = None,
) -> Envelope:
    """Send what a person did, perhaps tampered with, perhaps more than once."""
    envelope.payload = merged(envelope.payload, overrides or {})
    for name in without or []:
        envelope.payload.pop(name, None)
    deliver = partial(posting.deliver, slack) if slack.settings.request_url else slack.hub.deliver
    work = deliver(envelope, times=times, redeliver=redeliver, on_ack=on_ack)
    if wait:
        await work
    else:
        slack.hub.in_background(work)
    return envelope


def _envelope(slack: Workspace, kind: str, user: str) -> Envelope:
    envelope = Envelope(slack.new_id("E"), kind, user, {})
    envelope.trigger_id = slack.new_trigger(user, envelope.id)
    return envelope


def _message_place(
    slack: Workspace, channel: str | None, ts: str | None, *, stale: bool, action_id: str
) -> tuple[JSON, list[JSON]]:
    """Where a message is, and the blocks it has now, or had when a slow screen last saw them."""
    message = slack.messages.get((channel or "", ts or ""))
    if message is None or (message.deleted_by and not stale):
        raise ControlError(f"there is no message {ts} in {channel}")
    versions = message.versions[::-1] if stale else message.versions[-1:]
    seen = [each for each in versions if _has(each.blocks, action_id)] or versions
    conversation = slack.conversations[message.channel]
    container = {"type": "message", "message_ts": message.ts, "channel_id": message.channel}
    body = shown(slack, message, seen[0].at, with_metadata=True)
    place = {"container": {**container, "is_ephemeral": False}, "message": body}
    place["channel"] = {"id": conversation.id, "name": conversation.name}
    return place, seen[0].blocks


def _view_place(slack: Workspace, view_id: str) -> tuple[JSON, list[JSON]]:
    view = slack.views.get(view_id)
    if view is None or not view.is_open:
        raise ControlError(f"there is no open view {view_id}")
    container = {"type": "view", "view_id": view.id}
    return {"container": container, "view": shown_view(view)}, view.body["blocks"]


def _open_view(slack: Workspace, user: str, view_id: str) -> View:
    found = [view for view in open_views(slack, user) if view.id == view_id]
    if not found:
        raise ControlError(f"{user} has no modal {view_id} open")
    return found[0]


def _elements(blocks: list[JSON]) -> Iterator[tuple[JSON, JSON]]:
    for block in blocks:
        elements = [*block.get("elements", []), block.get("accessory"), block.get("element")]
        yield from ((block, each) for each in elements if each)


def _has(blocks: list[JSON], action_id: str) -> bool:
    return any(each.get("action_id") == action_id for _block, each in _elements(blocks))


def _element(blocks: list[JSON], action_id: str) -> tuple[JSON, JSON]:
    found = [pair for pair in _elements(blocks) if pair[1].get("action_id") == action_id]
    if not found:
        there = sorted(each.get("action_id", "") for _block, each in _elements(blocks))
        raise ControlError(f"there is no {action_id}; there are {there}")
    return found[0]


def _response_url(slack: Workspace, channel: str, ts: str | None, user: str) -> str:
    name = slack.new_id("R")
    until = slack.clock.seconds() + slack.settings.response_url_s
    slack.response_urls[name] = {"channel": channel, "ts": ts, "user": user, "until": until}
    slack.response_urls[name]["uses"] = 0
    return f"{slack.address}/actions/{name}"
