"""What a test may do to the local Slack, and read from it; each is a POST with the arguments."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.slack import people
from tests.slack.chat import add_message, remove
from tests.slack.errors import ControlError
from tests.slack.faults import RandomFaults
from tests.slack.identity import BOT_USER
from tests.slack.state import JSON, Conversation, User

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.slack.workspace import Workspace


def configure(slack: Workspace, **changes: Any) -> None:
    """Change settings."""
    for name, value in changes.items():
        if not hasattr(slack.settings, name):
            raise ControlError(f"no such setting: {name}")
        setattr(slack.settings, name, value)
    slack.rates.begin_anew()


def set_time(slack: Workspace, *, epoch_s: float) -> None:
    """Date messages from this moment on."""
    slack.clock.set_wall(epoch_s)


def add_conversation(slack: Workspace, **conversation: Any) -> None:
    """Let a conversation be there."""
    added = Conversation(**conversation)
    slack.conversations[added.id] = added


def change_conversation(slack: Workspace, *, channel: str, **changes: Any) -> None:
    """Archive it, let the app in or out, ..."""
    for name, value in changes.items():
        setattr(slack.conversations[channel], name, value)


def add_user(slack: Workspace, **user: Any) -> None:
    """Let a person be there."""
    added = User(**user)
    slack.users[added.id] = added


def add_group(slack: Workspace, *, group: str, users: list[str]) -> None:
    """Let a user group be there."""
    slack.groups[group] = users


def set_scopes(slack: Workspace, *, scopes: list[str]) -> None:
    """Give the app these rights and no others."""
    slack.scopes = set(scopes)


def say(
    slack: Workspace, *, channel: str, user: str, text: str, thread_ts: str | None, count: int
) -> list[str]:
    """Let a person write, perhaps a lot."""
    said = {"text": text, "thread_ts": thread_ts}
    return [add_message(slack, channel, user, said, thread_ts).ts for _ in range(count)]


def delete_message(slack: Workspace, *, channel: str, ts: str, user: str) -> None:
    """Let a person delete a message."""
    message = slack.message(channel, ts)
    if message is None:
        raise ControlError(f"there is no message {ts} in {channel}")
    remove(slack, message, user)


def script_fault(slack: Workspace, **fault: Any) -> None:
    """Let something go wrong with the next calls that match."""
    slack.faults.script(**fault)


def random_faults(slack: Workspace, **faults: Any) -> None:
    """Let things go wrong by chance."""
    slack.faults.random = RandomFaults(**faults)


def clear_faults(slack: Workspace) -> None:
    """Let nothing go wrong any more."""
    slack.faults.clear()


async def disconnect(slack: Workspace, **how: Any) -> int:
    """Tell the app's connections to go."""
    return await slack.hub.disconnect(**how)


def cut(slack: Workspace) -> int:
    """Cut the app's connections."""
    return slack.hub.cut()


def fall_silent(slack: Workspace, *, new_ones_too: bool) -> None:
    """Let the app's connections be half open."""
    slack.hub.fall_silent(new_ones_too=new_ones_too)


def speak_again(slack: Workspace) -> None:
    """Let new connections be alive."""
    slack.hub.speak_again()


def connections(slack: Workspace) -> list[JSON]:
    """Tell which connections are open."""
    return [
        {"number": each.number, "leaving": each.leaving, "silent": each.silent}
        for each in slack.hub.connections.values()
    ]


def connection_log(slack: Workspace) -> list[JSON]:
    """Tell what happened to the connections."""
    return slack.hub.log


def messages(slack: Workspace, *, channel: str | None) -> list[Any]:
    """Read all messages back, deleted ones too."""
    return [each for each in slack.messages.values() if channel in (None, each.channel)]


def offered(slack: Workspace, *, action_id: str) -> list[Any]:
    """Say where a button stands, and its value, without reading all messages back."""
    return [
        {"channel": message.channel, "ts": message.ts, "value": button["value"]}
        for message in slack.messages.values()
        if not (message.deleted_by or message.thread_ts)
        for block in message.blocks
        if block["type"] == "actions"
        for button in block["elements"]
        if button["action_id"] == action_id
    ]


def listed(name: str) -> Callable[[Workspace], list[Any]]:
    """Read everything of a kind back."""

    def read(slack: Workspace) -> list[Any]:
        found = getattr(slack, name)
        return list(found.values() if isinstance(found, dict) else found)

    return read


def requests(slack: Workspace, *, method: str | None) -> list[Any]:
    """Read the calls back."""
    return [each for each in slack.requests if method in (None, each.method)]


def report(slack: Workspace) -> JSON:
    """Count what a judge counts."""
    posted = [each for each in slack.messages.values() if each.user == BOT_USER]
    return {
        "messages": len(posted),
        "calls": dict(Counter(each.method for each in slack.requests)),
        "faults": dict(Counter(each.fault for each in slack.requests if each.fault)),
        "ratelimited": sum(slack.rates.refused.values()),
        "ratelimited_by_method": dict(slack.rates.refused),
        "rejections": len(slack.rejections),
        "failed_envelopes": sum(each.failed is not None for each in slack.envelopes.values()),
        "connections_opened": slack.hub.opened,
        "connections": len(slack.hub.connections),
        "strange_frames": slack.hub.strange_frames,
        "slack_s": slack.clock.seconds(),
        "longest_stall_s": slack.longest_stall_s,
    }


CONTROLS: dict[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (
        configure, set_time, add_conversation, change_conversation, add_user, add_group,
        set_scopes, say, delete_message, script_fault, random_faults, clear_faults, disconnect,
        cut, fall_silent, speak_again, connections, connection_log, messages, offered, requests,
        report, people.press, people.submit, people.close, people.open_home, people.command,
    )
}  # fmt: skip
CONTROLS |= {
    name: listed(name)
    for name in ("ephemerals", "views", "homes", "files", "rejections", "envelopes")
}
