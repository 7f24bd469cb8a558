"""The local Slack as tests use it: start it, let people do things, read everything back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from tests.local_process import LocalProcess
from tests.slack.identity import APP_TOKEN, BOT_TOKEN, BOT_USER, SIGNING_SECRET
from tests.slack.state import (
    JSON,
    Envelope,
    Ephemeral,
    File,
    Message,
    Rejection,
    Request,
    Version,
    View,
)

if TYPE_CHECKING:
    from pathlib import Path

CHANNEL = "C0ALERTS"
"""There from the beginning, with the app, Ana and Ben as members."""
ANA, BEN = "U0ANA", "U0BEN"
T = TypeVar("T")


class LocalSlack(LocalProcess):
    """A local Slack in a process of its own."""

    bot_token, app_token, bot_user = BOT_TOKEN, APP_TOKEN, BOT_USER
    signing_secret = SIGNING_SECRET
    channel, ana, ben = CHANNEL, ANA, BEN

    def __init__(self, *, speed: float = 1.0, folder: Path | None = None, port: int = 0) -> None:
        options = ["--port", str(port), "--speed", str(speed)]
        options += ["--folder", str(folder)] if folder else []
        super().__init__("tests.slack.server", *options)

    @property
    def base_url(self) -> str:
        """What WebClient takes as ``base_url``."""
        return f"http://127.0.0.1:{self.port}/api/"

    # The workspace

    def reset(self, *, speed: float | None = None) -> None:
        """Forget everything; settings, tokens and scopes are as at the start."""
        self.control("reset", speed=speed)

    def configure(self, **settings: Any) -> None:
        """Change fields of state.Settings: burst, history_lag_s, file_delay_s, ..."""
        self.control("configure", **settings)

    def set_time(self, epoch_s: float) -> None:
        """Date messages from this moment on."""
        self.control("set_time", epoch_s=epoch_s)

    def add_conversation(self, channel: str, name: str = "", **more: Any) -> str:
        """Let a conversation be there; more: kind, bot_is_member, archived, members."""
        self.control("add_conversation", id=channel, name=name or channel.lower(), **more)
        return channel

    def archive(self, channel: str, *, archived: bool = True) -> None:
        """Archive a conversation, or bring it back."""
        self.control("change_conversation", channel=channel, archived=archived)

    def set_bot_membership(self, channel: str, *, is_member: bool) -> None:
        """Let the app into a conversation, or remove it."""
        self.control("change_conversation", channel=channel, bot_is_member=is_member)

    def add_user(self, user: str, name: str = "", **more: Any) -> str:
        """Let a person be there; more: fields of state.User."""
        self.control("add_user", id=user, name=name or user.lower(), **more)
        return user

    def add_group(self, group: str, users: list[str]) -> None:
        """Let a user group be there."""
        self.control("add_group", group=group, users=users)

    def revoke_tokens(self, error: str | None = "token_revoked") -> None:
        """Let the tokens be worth nothing; None makes them good again."""
        self.configure(revoked=error)

    def set_scopes(self, *scopes: str) -> None:
        """Give the app these rights and no others."""
        self.control("set_scopes", scopes=scopes)

    def say(self, channel: str, text: str, user: str = ANA, **more: Any) -> str:
        """Let a person write; more: thread_ts. Gives the timestamp."""
        said = {"thread_ts": None, "count": 1} | more
        return str(self.control("say", channel=channel, user=user, text=text, **said)[0])

    def fill(self, channel: str, count: int, user: str = ANA) -> None:
        """Let a person write a lot at once."""
        said = {"user": user, "text": "chatter", "thread_ts": None}
        self.control("say", channel=channel, count=count, **said)

    def delete_message(self, channel: str, ts: str, user: str = ANA) -> None:
        """Let a person delete a message."""
        self.control("delete_message", channel=channel, ts=ts, user=user)

    # What people do. More: overrides (JSON laid over the payload), without (keys taken from it),
    # times (the same envelope so often), redeliver (so often again if it is not acknowledged),
    # wait=False (do not wait for the acknowledgement).

    def press(
        self, channel: str, ts: str, action_id: str, user: str = ANA, **more: Any
    ) -> Envelope:
        """Press a button, or choose with ``choice``; ``stale`` finds one that was edited away."""
        place = {"channel": channel, "ts": ts, "action_id": action_id, "user": user}
        return load(Envelope, self.control("press", **place, **more))

    def press_in_view(self, view_id: str, action_id: str, user: str = ANA, **more: Any) -> Envelope:
        """Press a button of a modal or of Home, or choose."""
        place = {"view_id": view_id, "action_id": action_id, "user": user}
        return load(Envelope, self.control("press", **place, **more))

    def submit(self, view_id: str, values: JSON, user: str = ANA, **more: Any) -> Envelope:
        """Fill in a modal, by block_id or action_id, and send it."""
        return load(
            Envelope, self.control("submit", view_id=view_id, values=values, user=user, **more)
        )

    def close(self, view_id: str, user: str = ANA, **more: Any) -> Envelope | None:
        """Close a modal; an envelope only if the app asked to be told."""
        told = self.control("close", view_id=view_id, user=user, **more)
        return load(Envelope, told) if told else None

    def open_home(self, user: str = ANA, **more: Any) -> Envelope:
        """Open the app's Home."""
        return load(Envelope, self.control("open_home", user=user, **more))

    def command(
        self, command: str, text: str = "", user: str = ANA, channel: str = CHANNEL, **more: Any
    ) -> Envelope:
        """Type a slash command."""
        typed = {"command": command, "text": text, "user": user, "channel": channel}
        return load(Envelope, self.control("command", **typed, **more))

    # What goes wrong

    def fault(self, kind: str, method: str = "*", **more: Any) -> None:
        """Script a fault; more: count, skip, match, commit, seconds, ... of faults.Fault."""
        self.control("script_fault", kind=kind, method=method, **more)

    def random_faults(self, seed: int, probability: float, **more: Any) -> None:
        """Let calls go wrong by chance; more: kinds, methods, max_delay_s, retry_after."""
        self.control("random_faults", seed=seed, probability=probability, **more)

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        self.control("clear_faults")

    def refuse_connections(self) -> None:
        """Let whoever connects be refused; open sockets stay open."""
        self.control("refuse_connections")

    def accept_connections(self) -> None:
        """Be there again; a reset does so too."""
        self.control("accept_connections")

    def disconnect(
        self, reason: str = "refresh_requested", close_after_s: float | None = None, **more: Any
    ) -> int:
        """Tell the app's connections (or one ``number``) to go; gives how many were told."""
        return int(self.control("disconnect", reason=reason, close_after_s=close_after_s, **more))

    def cut(self) -> int:
        """Cut the app's connections without a word."""
        return int(self.control("cut"))

    def fall_silent(self, *, new_ones_too: bool = False) -> None:
        """Let the app's connections look open and be dead."""
        self.control("fall_silent", new_ones_too=new_ones_too)

    def speak_again(self) -> None:
        """Let new connections be alive again."""
        self.control("speak_again")

    # What there is to read

    def connections(self) -> list[JSON]:
        """Read the open connections: number, leaving, silent."""
        return list(self.control("connections"))

    def connection_log(self) -> list[JSON]:
        """Read what happened to connections: event, number, after_s (Slack's), monotonic_s (ours).

        An event is ``opened``, ``closed``, ``silent`` or the reason that was given to go.
        """
        return list(self.control("connection_log"))

    def messages(self, channel: str | None = None) -> list[Message]:
        """All messages, deleted ones too, with every version."""
        return [load(Message, each) for each in self.control("messages", channel=channel)]

    def posted(self, channel: str | None = None) -> list[Message]:
        """Read the app's messages that are still there."""
        own = (each for each in self.messages(channel) if each.user == BOT_USER)
        return [each for each in own if not each.deleted_by]

    def offered(self, action_id: str) -> list[JSON]:
        """Say where a button stands, and its ``value``; quick, however many there are."""
        return list(self.control("offered", action_id=action_id))

    def message(self, channel: str, ts: str) -> Message:
        """One message."""
        found = [each for each in self.messages(channel) if each.ts == ts]
        assert found, f"there is no message {ts} in {channel}"
        return found[0]

    def replies(self, channel: str, ts: str) -> list[Message]:
        """Read the replies to a message."""
        return [each for each in self.messages(channel) if each.thread_ts == ts]

    def ephemerals(self, user: str | None = None) -> list[Ephemeral]:
        """What single people were shown."""
        found = [load(Ephemeral, each) for each in self.control("ephemerals")]
        return [each for each in found if user in (None, each.user)]

    def views(self, user: str | None = None) -> list[View]:
        """Read the modals that are open, the topmost last."""
        found = [load(View, each) for each in self.control("views")]
        modals = [each for each in found if each.body["type"] == "modal" and each.is_open]
        return [each for each in modals if user in (None, each.user)]

    def all_views(self) -> list[View]:
        """Every view that there ever was."""
        return [load(View, each) for each in self.control("views")]

    def home(self, user: str = ANA) -> View | None:
        """Read a person's Home."""
        found = [load(View, each) for each in self.control("homes")]
        return next((each for each in found if each.user == user), None)

    def files(self) -> list[File]:
        """All uploads."""
        return [load(File, each) for each in self.control("files")]

    def requests(self, method: str | None = None) -> list[Request]:
        """All calls of the Web API, in order."""
        return [load(Request, each) for each in self.control("requests", method=method)]

    def rejections(self) -> list[Rejection]:
        """Everything that Slack would not take: the service's mistakes."""
        return [load(Rejection, each) for each in self.control("rejections")]

    def envelopes(self) -> list[Envelope]:
        """Everything that people did, with the acknowledgements."""
        return [load(Envelope, each) for each in self.control("envelopes")]

    def failures(self) -> list[Envelope]:
        """Read what people saw fail."""
        return [each for each in self.envelopes() if each.failed]

    def report(self) -> JSON:
        """Counts: messages, calls, faults, ratelimited, rejections, failed_envelopes, ..."""
        return dict(self.control("report"))

    @property
    def ratelimited(self) -> int:
        """How often the service was told that it calls too often; scripted 429s do not count."""
        return int(self.report()["ratelimited"])


def load(kind: type[T], body: JSON) -> T:
    """Read one of the dataclasses back."""
    if kind is Message:
        body = {**body, "versions": [Version(**each) for each in body["versions"]]}
    return kind(**body)
