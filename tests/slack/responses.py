"""What the app says to what people did: with its acknowledgement, or to a response_url."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from tests.slack.chat import add_ephemeral, add_message, edit, remove
from tests.slack.errors import SlackError
from tests.slack.identity import BOT_USER
from tests.slack.judge import check_message, check_view
from tests.slack.state import JSON, Envelope, Rejection, View
from tests.slack.views import open_views, push_view

if TYPE_CHECKING:
    from tests.slack.workspace import Workspace

MOST_USES = 5
OWN_ARGUMENTS = {"response_type", "replace_original", "delete_original"}


def apply_submission(slack: Workspace, view: View, envelope: Envelope, said: JSON) -> None:
    """Do with a modal what the app answered, or let the person see that it made no sense."""
    try:
        _follow(slack, view, said)
    except SlackError as refusal:
        _refuse(slack, "view_submission", envelope, refusal)


def _follow(slack: Workspace, view: View, said: JSON) -> None:
    action = said.get("response_action")
    if not said:
        view.is_open = False
    elif action == "errors":
        _show_errors(view, said.get("errors"))
    elif action == "update":
        check_view(said.get("view"), "modal")
        slack.change_view(view, said["view"])
    elif action == "push":
        check_view(said.get("view"), "modal")
        push_view(slack, view, said["view"])
    elif action == "clear":
        for each in open_views(slack, view.user):
            each.is_open = False
    else:
        raise SlackError("invalid_arguments", [f"no such response_action: {action}"])


def _show_errors(view: View, errors: object) -> None:
    inputs = {block["block_id"] for block in view.body["blocks"] if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors:
        raise SlackError("invalid_arguments", ["errors must name a block"])
    if unknown := sorted(errors.keys() - inputs):
        raise SlackError("invalid_arguments", [f"no such input block: {unknown}"])
    view.errors = errors


def apply_command(
    slack: Workspace, channel: str, user: str, envelope: Envelope, said: JSON
) -> None:
    """Show what the app answered to a slash command."""
    if not said:
        return
    try:
        _show(slack, channel, user, said, "slash command")
    except SlackError as refusal:
        _refuse(slack, "slash_commands", envelope, refusal)


def _refuse(slack: Workspace, what: str, envelope: Envelope, refusal: SlackError) -> None:
    slack.rejections.append(Rejection(what, refusal.error, refusal.problems))
    envelope.failed = f"{refusal.error}: {'; '.join(refusal.problems)}"


def _show(slack: Workspace, channel: str, user: str, said: JSON, through: str) -> None:
    message = {name: value for name, value in said.items() if name not in OWN_ARGUMENTS}
    check_message(message, slack.file_is_ready)
    if said.get("response_type") == "in_channel":
        add_message(slack, channel, BOT_USER, message)
    else:
        add_ephemeral(slack, channel, user, message, through)


async def respond(slack: Workspace, request: web.Request) -> web.Response:
    """Take what the app posts to a response_url: five times within half an hour."""
    use = slack.response_urls.get(request.match_info["name"])
    if use is None or slack.clock.seconds() > use["until"]:
        return web.json_response({"ok": False, "error": "expired_url"}, status=404)
    if use["uses"] >= MOST_USES:
        return web.json_response({"ok": False, "error": "used_url"}, status=404)
    use["uses"] += 1
    try:
        _respond(slack, use, await request.json())
    except (SlackError, ValueError) as refusal:
        error = refusal.error if isinstance(refusal, SlackError) else "invalid_payload"
        slack.rejections.append(Rejection("response_url", error, list(map(str, refusal.args))))
        return web.json_response({"ok": False, "error": error}, status=400)
    return web.Response(text="ok")


def _respond(slack: Workspace, use: JSON, said: JSON) -> None:
    message = slack.message(use["channel"], use["ts"])
    own = message is not None and message.user == BOT_USER
    if said.get("delete_original") and own and message:
        remove(slack, message, BOT_USER)
    elif said.get("replace_original") and own and message:
        body = {name: value for name, value in said.items() if name not in OWN_ARGUMENTS}
        check_message(body, slack.file_is_ready)
        edit(slack, message, BOT_USER, body)
    else:
        _show(slack, use["channel"], use["user"], said, "response_url")
