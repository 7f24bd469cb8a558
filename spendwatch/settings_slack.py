"""The settings of Slack: one app in one workspace, and receivers that are its conversations."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr

from spendwatch.settings_sections import Receiver, Section
from spendwatch.settings_types import Text, address, number, shown, whole
from spendwatch.settings_web import SigningSecrets

_CONVERSATION = re.compile(r"[CGD][A-Z0-9]{2,20}")
_PERSON = re.compile(r"[UWS][A-Z0-9]{2,20}")
_TOKEN = re.compile(r"xox[a-z]-\S+|xapp-\S+")


def conversation(value: Any) -> str:
    """Take the id of a conversation."""
    if isinstance(value, str) and _CONVERSATION.fullmatch(value):
        return value
    raise ValueError(
        "must be the id of a conversation such as C0123ABCD (at the end of its details in Slack), "
        f"not {shown(value)}"
    )


def person(value: Any) -> str:
    """Take the id of a person or a user group."""
    if isinstance(value, str) and _PERSON.fullmatch(value):
        return value
    raise ValueError(
        "must be the id of a person such as U0123ABCD or of a user group such as S0123ABCD, "
        f"not {shown(value)}"
    )


def methods(value: Any) -> str:
    """Take where Slack's methods are."""
    return f"{address(value)}/"


def token(value: Any) -> Any:
    """Take a token, and never repeat what is none."""
    if isinstance(value, str) and (not value or _TOKEN.fullmatch(value)):
        return value
    raise ValueError("must be a token that begins with xoxb- (bot_token) or xapp- (app_token)")


Token = Annotated[SecretStr, BeforeValidator(token)]


class SlackReceiver(Receiver):
    """One conversation."""

    kind: Literal["slack"]
    conversation: Annotated[str, BeforeValidator(conversation)]

    @property
    def place(self) -> str:
        """Where its messages go."""
        return self.conversation


class SlackSettings(Section):
    """The app; both tokens and the signing secret come from the environment alone."""

    bot_token: Token = Field(SecretStr(""), repr=False)
    app_token: Token = Field(SecretStr(""), repr=False)
    signing_secret: SigningSecrets = Field(SecretStr(""), repr=False)
    base_url: Annotated[str, BeforeValidator(methods)] = "https://slack.com/api/"
    workspace: Text = ""
    may_answer: tuple[Annotated[str, BeforeValidator(person)], ...] = ()
    timeout_s: Annotated[int, whole(1, 60)] = 10
    lookup_after_s: Annotated[float, number(0, 600)] = 60.0
    post_apart_s: Annotated[float, number(0, 60)] = 1.05
    posts_a_minute: Annotated[int, whole(1, 10_000)] = 200
    edits_a_minute: Annotated[int, whole(1, 10_000)] = 45
    looks_a_minute: Annotated[int, whole(1, 10_000)] = 45
    edit_apart_s: Annotated[float, number(0, 600)] = 3.0
    probe_s: Annotated[float, number(0, 3600)] = 60.0

    @property
    def signing_secrets(self) -> tuple[str, ...]:
        """What Slack signs its posts with: one, or two while it is replaced."""
        return tuple(self.signing_secret.get_secret_value().split())
