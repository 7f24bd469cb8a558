"""What the local Slack remembers; tests read the same classes back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

JSON = dict[str, Any]
PICTURES = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif"}


@dataclass
class Version:
    """What a message said from a moment on."""

    at: float
    ts: str
    by: str
    text: str
    blocks: list[JSON]
    metadata: JSON | None
    attachments: list[JSON] = field(default_factory=list)


@dataclass
class Message:
    """A message with its whole history; the first version is what was posted."""

    channel: str
    ts: str
    user: str
    versions: list[Version]
    thread_ts: str | None = None
    asked_thread_ts: str | None = None
    """The parent that was asked for, even when it did not exist and this became a new message."""
    broadcast: bool = False
    client_msg_id: str | None = None
    files: list[str] = field(default_factory=list)
    deleted_by: str | None = None
    deleted_at: float | None = None

    @property
    def latest(self) -> Version:
        """What it says now."""
        return self.versions[-1]

    @property
    def text(self) -> str:
        """The text it has now."""
        return self.latest.text

    @property
    def blocks(self) -> list[JSON]:
        """The blocks it has now."""
        return self.latest.blocks

    @property
    def metadata(self) -> JSON | None:
        """The metadata it has now."""
        return self.latest.metadata

    @property
    def edits(self) -> list[Version]:
        """Every version after the first."""
        return self.versions[1:]

    def version_at(self, moment: float) -> Version | None:
        """What a reader that is behind would see."""
        return next((each for each in reversed(self.versions) if each.at <= moment), None)


@dataclass
class Conversation:
    """A channel, a private one, or what a person and the app say to each other."""

    id: str
    name: str
    kind: str = "public"
    """public, private or im."""
    bot_is_member: bool = True
    archived: bool = False
    members: list[str] = field(default_factory=list)


@dataclass
class User:
    """A person, or another app."""

    id: str
    name: str
    real_name: str = ""
    email: str = ""
    tz: str = "Etc/UTC"
    team_id: str = "T0LOCAL"
    deleted: bool = False
    is_bot: bool = False
    is_restricted: bool = False
    is_admin: bool = False


@dataclass
class Ephemeral:
    """What only one person saw."""

    channel: str
    user: str
    ts: str
    text: str
    blocks: list[JSON]
    thread_ts: str | None = None
    through: str = "chat.postEphemeral"


@dataclass
class View:
    """A modal that a person has before them, or their Home."""

    id: str
    user: str
    hash: str
    body: JSON
    root_id: str
    previous_id: str | None = None
    is_open: bool = True
    errors: JSON = field(default_factory=dict)
    """What the last submission was refused for, by block."""
    history: list[JSON] = field(default_factory=list)


@dataclass
class File:
    """An upload on its way: announced, received, completed, ready."""

    id: str
    name: str
    length: int
    title: str = ""
    size: int = 0
    sha256: str = ""
    received: bool = False
    completed: bool = False
    ready: bool = False
    channel: str | None = None
    thread_ts: str | None = None
    shared_ts: str | None = None
    alt_text: str = ""

    @property
    def kind(self) -> str:
        """What its name says it is."""
        return self.name.rsplit(".", 1)[-1].lower()


@dataclass
class Request:
    """A call of the Web API and what became of it."""

    number: int
    at: float
    method: str
    arguments: JSON
    status: int = 0
    ok: bool = False
    error: str | None = None
    fault: str | None = None
    committed: bool = False
    """Whether the call took effect, whatever the caller was told."""
    ts: str | None = None


@dataclass
class Rejection:
    """Something that Slack would not take."""

    method: str
    error: str
    problems: list[str]


@dataclass
class Envelope:
    """Something a person did, as it was told to the app, and what the app said to it."""

    id: str
    kind: str
    user: str | None
    payload: JSON
    connections: list[int] = field(default_factory=list)
    acks: list[JSON] = field(default_factory=list)
    """Each with after_s (Slack's seconds), real_s and the payload."""
    failed: str | None = None
    """Why the person saw that it did not work, or None."""
    trigger_id: str | None = None
    response_url: str | None = None
    posts: list[JSON] = field(default_factory=list)
    """Over HTTP: url, headers, body and status of each post."""

    @property
    def acked(self) -> bool:
        """Whether the app answered in time and with sense."""
        return bool(self.acks) and self.failed is None

    @property
    def response(self) -> JSON | None:
        """What the first answer carried."""
        return self.acks[0]["payload"] if self.acks else None


@dataclass
class Settings:
    """What a test may change; all seconds are Slack's."""

    burst: float = 1.0
    posts_per_second: float = 1.0
    workspace_posts_per_minute: int = 300
    per_minute: dict[str, int] = field(default_factory=dict)
    """By method, instead of its tier."""
    history_lag_s: float = 0.0
    history_page_max: int = 999
    file_delay_s: float | None = 0.0
    """None: a file is never ready."""
    trigger_s: float = 3.0
    ack_within_s: float = 3.0
    response_url_s: float = 1800.0
    max_connections: int = 10
    request_url: str = ""
    """Where Slack posts what people do, up to /actions, /commands, /events; empty: Socket Mode."""
    signed_at: int = 0
    """The second in which posts are signed; 0: this one."""
    retry_after_in: str = "real"
    """real: whole seconds of ours, rounded up; slack: whole seconds of Slack's."""
    tells_scopes: bool = True
    """Whether answers carry what the token may do in their header."""
    revoked: str | None = None
    """The error that the tokens get: token_revoked, account_inactive, invalid_auth."""
