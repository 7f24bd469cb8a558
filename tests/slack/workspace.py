"""The workspace: everything that the local Slack knows and remembers."""

from __future__ import annotations

import secrets
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from tests.slack.clock import Clock
from tests.slack.errors import SlackError
from tests.slack.faults import Faults
from tests.slack.identity import BOT_USER, KIND_SCOPES, SCOPES
from tests.slack.rates import Rates
from tests.slack.sockets import Hub
from tests.slack.state import (
    JSON,
    PICTURES,
    Conversation,
    Envelope,
    Ephemeral,
    File,
    Message,
    Rejection,
    Request,
    Settings,
    User,
    Version,
    View,
)

if TYPE_CHECKING:
    from typing import TextIO


class Workspace:
    """One workspace with one app; starting anew is making another one."""

    def __init__(self, speed: float = 1.0) -> None:
        self.clock = Clock(speed)
        self.settings = Settings()
        self.rates = Rates(self.clock, self.settings)
        self.faults = Faults()
        self.scopes = set(SCOPES)
        self.hub = Hub(self)
        self.address = ""
        self.longest_stall_s = 0.0
        """So long nothing was answered, as this process had other things to do."""
        self.journal: TextIO | None = None
        """Where requests are written down, besides being remembered."""
        self.conversations: dict[str, Conversation] = {}
        self.users: dict[str, User] = {}
        self.groups: dict[str, list[str]] = {}
        self.messages: dict[tuple[str, str], Message] = {}
        self._by_channel: defaultdict[str, list[Message]] = defaultdict(list)
        self._by_parent: defaultdict[tuple[str, str], list[Message]] = defaultdict(list)
        self.ephemerals: list[Ephemeral] = []
        self.views: dict[str, View] = {}
        self.homes: dict[str, View] = {}
        self.files: dict[str, File] = {}
        self.requests: list[Request] = []
        self.rejections: list[Rejection] = []
        self.envelopes: dict[str, Envelope] = {}
        self.triggers: dict[str, JSON] = {}
        self.response_urls: dict[str, JSON] = {}
        self._settle()

    def _settle(self) -> None:
        """Let a channel and two people be there from the beginning."""
        people = [("U0ANA", "ana"), ("U0BEN", "ben")]
        self.users = {each: User(each, name, name.title()) for each, name in people}
        self.users[BOT_USER] = User(BOT_USER, "spendwatch", "spendwatch", is_bot=True)
        members = [each for each, _name in people]
        self.conversations["C0ALERTS"] = Conversation("C0ALERTS", "alerts", members=members)

    def new_id(self, letter: str) -> str:
        """Make a name as Slack's are."""
        return letter + secrets.token_hex(5).upper()

    def require(self, scope: str) -> None:
        """Refuse a call for which the app has no right."""
        if scope not in self.scopes:
            provided = ",".join(sorted(self.scopes))
            raise SlackError("missing_scope", needed=scope, provided=provided)

    def conversation(self, name: Any) -> Conversation:
        """Find a conversation that the app may know of."""
        found = self.conversations.get(str(name))
        if found is None or (found.kind == "private" and not found.bot_is_member):
            raise SlackError("channel_not_found")
        return found

    def readable(self, name: Any) -> Conversation:
        """Find a conversation whose messages the app may read."""
        found = self.conversation(name)
        self.require(f"{KIND_SCOPES[found.kind]}:history")
        if not found.bot_is_member:
            raise SlackError("not_in_channel")
        return found

    def writable(self, name: Any) -> Conversation:
        """Find a conversation that the app may write to; a person's name is what they share."""
        user = self.users.get(str(name))
        found = self.direct(user.id) if user else self.conversation(name)
        if found.archived:
            raise SlackError("is_archived")
        public = found.kind == "public" and "chat:write.public" in self.scopes
        if not found.bot_is_member and not public:
            raise SlackError("not_in_channel")
        return found

    def direct(self, user: str) -> Conversation:
        """What a person and the app say to each other."""
        name = "D" + user.removeprefix("U")
        if name not in self.conversations:
            self.conversations[name] = Conversation(name, user, "im", members=[user])
        return self.conversations[name]

    def message(self, channel: str, ts: Any) -> Message | None:
        """Find a message that has not been deleted."""
        found = self.messages.get((channel, str(ts)))
        return None if found is None or found.deleted_by else found

    def keep(self, message: Message) -> None:
        """Let a message be there."""
        self.messages[message.channel, message.ts] = message
        self._by_channel[message.channel].append(message)
        if message.thread_ts:
            self._by_parent[message.channel, message.thread_ts].append(message)

    def in_conversation(self, channel: str) -> list[Message]:
        """All messages of a conversation, deleted ones too, oldest first."""
        return self._by_channel[channel]

    def replies(self, message: Message) -> list[Message]:
        """All replies to a message, deleted ones too, oldest first."""
        return self._by_parent[message.channel, message.ts]

    def version(self, by: str, arguments: JSON) -> Version:
        """Take down what a message says."""
        return Version(
            at=self.clock.seconds(),
            ts=self.clock.new_ts(),
            by=by,
            text=(arguments.get("text") or arguments.get("markdown_text") or "")[:40_000],
            blocks=self._with_ids(arguments.get("blocks") or []),
            metadata=arguments.get("metadata") or None,
            attachments=arguments.get("attachments") or [],
        )

    def _with_ids(self, blocks: list[JSON]) -> list[JSON]:
        """Name every block, as Slack does for whoever did not."""
        return [{"block_id": secrets.token_urlsafe(4), **block} for block in blocks]

    def new_trigger(self, user: str, envelope_id: str) -> str:
        """Give the app a few seconds in which it may open a modal."""
        trigger = f"{secrets.randbelow(10**10)}.{secrets.token_hex(8)}"
        until = self.clock.seconds() + self.settings.trigger_s
        self.triggers[trigger] = {"user": user, "until": until, "used": False, "by": envelope_id}
        return trigger

    def use_trigger(self, trigger: Any) -> str:
        """Find whose screen a trigger opens; it does so once."""
        found = self.triggers.get(str(trigger))
        if found is None:
            raise SlackError("invalid_trigger_id")
        if found["used"]:
            raise SlackError("exchanged_trigger_id")
        if self.clock.seconds() > found["until"]:
            raise SlackError("expired_trigger_id")
        found["used"] = True
        return str(found["user"])

    def new_view(self, user: str, body: JSON, parent: View | None = None) -> View:
        """Put a view before a person."""
        name = self.new_id("V")
        body = {**body, "blocks": self._with_ids(body["blocks"])}
        root = parent.root_id if parent else name
        return View(name, user, secrets.token_hex(8), body, root, parent.id if parent else None)

    def change_view(self, view: View, body: JSON) -> None:
        """Replace what a view shows."""
        view.history.append(view.body)
        view.body = {**body, "blocks": self._with_ids(body["blocks"])}
        view.hash, view.errors = secrets.token_hex(8), {}

    def file_is_ready(self, name: str) -> bool:
        """Whether an upload may be shown in a message."""
        file = self.files.get(name)
        return file is not None and file.ready and file.kind in PICTURES
