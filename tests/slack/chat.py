"""chat.*: posting, editing, deleting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.slack.errors import SlackError
from tests.slack.identity import APP_ID, BOT_ID, BOT_USER
from tests.slack.judge import check_message, check_update_text
from tests.slack.state import JSON, Ephemeral, Message

if TYPE_CHECKING:
    from tests.slack.state import Conversation
    from tests.slack.workspace import Workspace

WORDS_OF_TEXT = 40_000


def post_message(slack: Workspace, arguments: JSON) -> JSON:
    """chat.postMessage."""
    conversation = slack.writable(arguments.get("channel"))
    check_message(arguments, slack.file_is_ready)
    parent = _parent(slack, conversation, arguments.get("thread_ts"))
    slack.rates.take_post(conversation.id)
    message = add_message(slack, conversation.id, BOT_USER, arguments, parent)
    answer = {"ok": True, "channel": conversation.id, "ts": message.ts}
    answer["message"] = shown(slack, message, with_metadata=True)
    if len(arguments.get("text") or "") > WORDS_OF_TEXT:
        answer |= {"warning": "message_truncated"}
        answer["response_metadata"] = {"warnings": ["message_truncated"]}
    return answer


def add_message(
    slack: Workspace, channel: str, user: str, arguments: JSON, parent: str | None = None
) -> Message:
    """Let a message be there."""
    version = slack.version(user, arguments)
    message = Message(channel, version.ts, user, [version], thread_ts=parent)
    message.asked_thread_ts = arguments.get("thread_ts")
    message.broadcast = bool(arguments.get("reply_broadcast"))
    message.client_msg_id = arguments.get("client_msg_id")
    slack.keep(message)
    return message


def _parent(slack: Workspace, conversation: Conversation, asked: Any) -> str | None:
    """Find the parent; a reply to one that is not there becomes a message of its own, silently."""
    parent = slack.message(conversation.id, asked) if asked else None
    if parent is None:
        return None
    if parent.thread_ts:
        raise SlackError("cannot_reply_to_message")
    return parent.ts


def update(slack: Workspace, arguments: JSON) -> JSON:
    """chat.update."""
    message = _own(slack, arguments, "cant_update_message")
    check_message({**arguments, "thread_ts": None}, slack.file_is_ready)
    check_update_text(arguments)
    edit(slack, message, BOT_USER, arguments)
    answer = {"ok": True, "channel": message.channel, "ts": message.ts, "text": message.text}
    return {**answer, "message": shown(slack, message, with_metadata=True)}


def edit(slack: Workspace, message: Message, by: str, arguments: JSON) -> None:
    """Let a message say something else; what is not named of metadata and attachments stays."""
    version = slack.version(by, arguments)
    if arguments.get("metadata") is None:
        version.metadata = message.metadata
    if arguments.get("attachments") is None:
        version.attachments = message.latest.attachments
    message.versions.append(version)


def delete(slack: Workspace, arguments: JSON) -> JSON:
    """chat.delete."""
    message = _own(slack, arguments, "cant_delete_message")
    remove(slack, message, BOT_USER)
    return {"ok": True, "channel": message.channel, "ts": message.ts}


def remove(slack: Workspace, message: Message, by: str) -> None:
    """Let a message be gone."""
    message.deleted_by, message.deleted_at = by, slack.clock.seconds()


def _own(slack: Workspace, arguments: JSON, refusal: str) -> Message:
    conversation = slack.conversation(arguments.get("channel"))
    message = slack.message(conversation.id, arguments.get("ts"))
    if conversation.archived:
        raise SlackError("is_inactive")
    if message is None:
        raise SlackError("message_not_found")
    if message.user != BOT_USER:
        raise SlackError(refusal)
    return message


def post_ephemeral(slack: Workspace, arguments: JSON) -> JSON:
    """chat.postEphemeral."""
    conversation = slack.writable(arguments.get("channel"))
    if arguments.get("user") not in conversation.members:
        raise SlackError("user_not_in_channel")
    check_message(arguments, slack.file_is_ready)
    ts = add_ephemeral(slack, conversation.id, arguments["user"], arguments)
    return {"ok": True, "message_ts": ts}


def add_ephemeral(
    slack: Workspace, channel: str, user: str, said: JSON, through: str = "chat.postEphemeral"
) -> str:
    """Show something to one person alone."""
    version = slack.version(BOT_USER, said)
    thread = said.get("thread_ts")
    slack.ephemerals.append(
        Ephemeral(channel, user, version.ts, version.text, version.blocks, thread, through)
    )
    return version.ts


def shown(
    slack: Workspace, message: Message, moment: float | None = None, *, with_metadata: bool
) -> JSON:
    """Word a message as Slack hands it out."""
    version = message.latest if moment is None else message.version_at(moment) or message.latest
    body: JSON = {"type": "message", "user": message.user, "text": version.text, "ts": message.ts}
    if message.user == BOT_USER:
        body |= {"bot_id": BOT_ID, "app_id": APP_ID}
    body |= {"blocks": version.blocks} if version.blocks else {}
    body |= {"attachments": version.attachments} if version.attachments else {}
    if version is not message.versions[0]:
        body["edited"] = {"user": BOT_ID if version.by == BOT_USER else version.by}
        body["edited"]["ts"] = version.ts
    if with_metadata and version.metadata:
        body["metadata"] = version.metadata
    if message.client_msg_id:
        body["client_msg_id"] = message.client_msg_id
    if message.files:
        body["files"] = [{"id": name} for name in message.files]
    return body | _thread(slack, message)


def _thread(slack: Workspace, message: Message) -> JSON:
    if message.thread_ts:
        return {"thread_ts": message.thread_ts}
    replies = [each.ts for each in slack.replies(message) if not each.deleted_by]
    if not replies:
        return {}
    return {"thread_ts": message.ts, "reply_count": len(replies), "latest_reply": replies[-1]}
