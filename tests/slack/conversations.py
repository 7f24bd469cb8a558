"""conversations.*, users.* and usergroups.*: reading what is there, behind by as long as is set."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from tests.slack.chat import shown
from tests.slack.errors import SlackError
from tests.slack.identity import KIND_SCOPES, TEAM_ID
from tests.slack.state import JSON, Message

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.slack.state import Conversation
    from tests.slack.workspace import Workspace

DEFAULT_PAGE = 100
LONGEST_PAGE = 999
TRUE = ("1", "true", "True")


def history(slack: Workspace, arguments: JSON) -> JSON:
    """conversations.history: newest first, without the replies of threads."""
    conversation = slack.readable(arguments.get("channel"))
    found = [
        each
        for each in _visible(slack, conversation.id)
        if each.thread_ts is None or each.broadcast
    ]
    found = _between(found, arguments)[::-1]
    return _page(slack, found, arguments)


def replies(slack: Workspace, arguments: JSON) -> JSON:
    """conversations.replies: the parent, then its replies, oldest first."""
    conversation = slack.readable(arguments.get("channel"))
    asked = str(arguments.get("ts"))
    visible = list(_visible(slack, conversation.id))
    asked = next((each.thread_ts for each in visible if each.ts == asked), None) or asked
    parent = [each for each in visible if each.ts == asked]
    if not parent:
        raise SlackError("thread_not_found")
    answers = _between([each for each in visible if each.thread_ts == asked], arguments)
    return _page(slack, parent + answers, arguments)


def _visible(slack: Workspace, channel: str) -> Iterable[Message]:
    """Find what a reader sees now; a deleted parent stays as a stone while it has replies."""
    moment = slack.clock.seconds() - slack.settings.history_lag_s
    seen = [each for each in slack.in_conversation(channel) if each.versions[0].at <= moment]
    gone = {each.ts for each in seen if each.deleted_at is not None and each.deleted_at <= moment}
    parents = {each.thread_ts for each in seen if each.ts not in gone}
    return (each for each in seen if each.ts not in gone or each.ts in parents)


def _between(messages: list[Message], arguments: JSON) -> list[Message]:
    oldest = _moment(arguments, "oldest", "0")
    latest = _moment(arguments, "latest", "9999999999")
    inclusive = str(arguments.get("inclusive", "")) in TRUE
    if inclusive:
        return [each for each in messages if oldest <= _sortable(each.ts) <= latest]
    return [each for each in messages if oldest < _sortable(each.ts) < latest]


def _moment(arguments: JSON, name: str, otherwise: str) -> tuple[int, int]:
    value = str(arguments.get(name) or otherwise)
    if not re.fullmatch(r"\d{1,10}(\.\d{1,6})?", value):
        raise SlackError(f"invalid_ts_{name}")
    return _sortable(value)


def _sortable(ts: str) -> tuple[int, int]:
    seconds, _, rest = ts.partition(".")
    return int(seconds), int(rest.ljust(6, "0"))


def _page(slack: Workspace, messages: list[Message], arguments: JSON) -> JSON:
    limit = _limit(slack, arguments.get("limit"))
    start = _start(messages, arguments.get("cursor"))
    page, rest = messages[start : start + limit], messages[start + limit :]
    cursor = base64.b64encode(f"next_ts:{rest[0].ts}".encode()).decode() if rest else ""
    moment = slack.clock.seconds() - slack.settings.history_lag_s
    with_metadata = str(arguments.get("include_all_metadata", "")) in TRUE
    return {
        "ok": True,
        "messages": [_worded(slack, each, moment, with_metadata) for each in page],
        "has_more": bool(rest),
        "response_metadata": {"next_cursor": cursor},
    }


def _worded(slack: Workspace, message: Message, moment: float, with_metadata: bool) -> JSON:
    if message.deleted_at is not None and message.deleted_at <= moment:
        stone = {"type": "message", "subtype": "tombstone", "text": "This message was deleted."}
        return {**stone, "ts": message.ts, "thread_ts": message.ts, "hidden": True}
    return shown(slack, message, moment, with_metadata=with_metadata)


def _limit(slack: Workspace, asked: Any) -> int:
    if asked in (None, ""):
        return min(DEFAULT_PAGE, slack.settings.history_page_max)
    if not str(asked).isdigit() or not 1 <= int(asked) <= LONGEST_PAGE:
        raise SlackError("invalid_limit")
    return min(int(asked), slack.settings.history_page_max)


def _start(messages: list[Message], cursor: Any) -> int:
    if not cursor:
        return 0
    try:
        kind, _, ts = base64.b64decode(str(cursor), validate=True).decode().partition(":")
    except ValueError:
        raise SlackError("invalid_cursor") from None
    found = [number for number, each in enumerate(messages) if each.ts == ts]
    if kind != "next_ts" or not found:
        raise SlackError("invalid_cursor")
    return found[0]


def info(slack: Workspace, arguments: JSON) -> JSON:
    """conversations.info."""
    conversation = slack.conversation(arguments.get("channel"))
    slack.require(f"{KIND_SCOPES[conversation.kind]}:read")
    return {"ok": True, "channel": _described(conversation)}


def open_direct(slack: Workspace, arguments: JSON) -> JSON:
    """conversations.open, for one person."""
    users = [each for each in str(arguments.get("users") or "").split(",") if each]
    if len(users) != 1:
        raise SlackError("users_list_not_supplied" if not users else "too_many_users")
    if users[0] not in slack.users:
        raise SlackError("user_not_found")
    return {"ok": True, "channel": {"id": slack.direct(users[0]).id}}


def _described(conversation: Conversation) -> JSON:
    if conversation.kind == "im":
        return {"id": conversation.id, "is_im": True, "user": conversation.members[0]}
    return {
        "id": conversation.id,
        "name": conversation.name,
        "is_channel": conversation.kind == "public",
        "is_group": conversation.kind == "private",
        "is_private": conversation.kind == "private",
        "is_im": False,
        "is_archived": conversation.archived,
        "is_member": conversation.bot_is_member,
        "is_ext_shared": False,
        "context_team_id": TEAM_ID,
    }


def user_info(slack: Workspace, arguments: JSON) -> JSON:
    """users.info."""
    user = slack.users.get(str(arguments.get("user")))
    if user is None:
        raise SlackError("user_not_found")
    profile = {"real_name": user.real_name, "display_name": user.name}
    if "users:read.email" in slack.scopes:
        profile["email"] = user.email
    body = {
        name: getattr(user, name)
        for name in ("id", "team_id", "name", "real_name", "tz", "deleted", "is_bot")
    }
    body |= {"is_restricted": user.is_restricted, "is_ultra_restricted": False}
    return {"ok": True, "user": {**body, "is_admin": user.is_admin, "profile": profile}}


def group_users(slack: Workspace, arguments: JSON) -> JSON:
    """usergroups.users.list."""
    users = slack.groups.get(str(arguments.get("usergroup")))
    if users is None:
        raise SlackError("no_such_subteam")
    return {"ok": True, "users": users}
