"""Who the workspace, the app and its tokens are."""

from __future__ import annotations

BOT_TOKEN, APP_TOKEN = "xoxb-local-bot", "xapp-local-app"
SIGNING_SECRET = "8f742231b10e8888abcd99baac85e1b1"  # noqa: S105 - made up
TEAM_ID, APP_ID, BOT_ID, BOT_USER = "T0LOCAL", "A0LOCAL", "B0LOCAL", "U0BOT"
SCOPES = (
    "chat:write", "chat:write.public", "channels:history", "groups:history", "im:history",
    "channels:read", "groups:read", "im:read", "im:write", "files:write", "files:read",
    "users:read", "users:read.email", "usergroups:read",
)  # fmt: skip
KIND_SCOPES = {"public": "channels", "private": "groups", "im": "im"}
"""What the scopes of a kind of conversation begin with."""
