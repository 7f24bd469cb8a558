"""The settings of mail: who hands it in, and receivers that are addresses."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator

from spendwatch.settings_sections import Receiver, Section
from spendwatch.settings_types import FilePath, Text, address, shown, whole

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251})")
_NAMED = re.compile(r"(?P<name>[^<>@\r\n\"]{0,80})<(?P<address>[^<>\s]+)>")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,251})")


def mail_address(value: Any) -> str:
    """Take one address, without a name."""
    if isinstance(value, str) and _ADDRESS.fullmatch(value.strip()):
        return value.strip()
    raise ValueError(f"must be an address such as ann@example.com, not {shown(value)}")


def mail_sender(value: Any) -> str:
    """Take an address that may have a name in front."""
    if isinstance(value, str):
        if value == "" or _ADDRESS.fullmatch(value.strip()):
            return value.strip()
        named = _NAMED.fullmatch(value.strip())
        if named and _ADDRESS.fullmatch(named["address"]):
            return f"{named['name'].strip()} <{named['address']}>"
    raise ValueError(
        "must be an address such as spendwatch@example.com, or one with a name such as "
        f"Spendwatch <spendwatch@example.com>, not {shown(value)}"
    )


def mail_server(value: Any) -> str:
    """Take the name of a mail server."""
    if isinstance(value, str) and (value == "" or _HOST.fullmatch(value)):
        return value
    raise ValueError(
        f"must be the name of a mail server such as smtp.example.com, not {shown(value)}"
    )


def mail_endpoint(value: Any) -> str:
    """Take where a resource of Azure Communication Services answers; empty is none."""
    return "" if value == "" else address(value)


def secret_line(value: Any) -> Any:
    """Take a password or key, and never repeat what is none."""
    if isinstance(value, str) and value.isprintable() and value == value.strip():
        return value
    raise ValueError("must be one line of text, without spaces around it")


Secret = Annotated[SecretStr, BeforeValidator(secret_line)]


class EmailReceiver(Receiver):
    """Addresses; each gets a mail of its own."""

    kind: Literal["email"]
    addresses: tuple[Annotated[str, BeforeValidator(mail_address)], ...]

    @field_validator("addresses")
    @classmethod
    def _names_each_once(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        if not addresses:
            raise ValueError("must name at least one address, or nobody is told")
        seen = [each.lower() for each in addresses]
        for each in seen:
            if seen.count(each) > 1:
                raise ValueError(f"names {shown(each)} twice: who is told is told once")
        return addresses

    @property
    def place(self) -> str:
        """Where its messages go."""
        return ", ".join(self.addresses)

    @property
    def lane(self) -> str:
        """All mails share one connection."""
        return "mail"


class EmailSettings(Section):
    """Who hands mails in; the password and the key come from the environment alone."""

    transport: Literal["smtp", "azure"] = "smtp"
    sender: Annotated[str, BeforeValidator(mail_sender)] = ""
    answers: Literal["off", "link"] = "off"
    host: Annotated[str, BeforeValidator(mail_server)] = ""
    port: Annotated[int, whole(1, 65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: Text = ""
    password: Secret = Field(SecretStr(""), repr=False)
    ca_file: FilePath | None = None
    timeout_s: Annotated[int, whole(1, 120)] = 10
    endpoint: Annotated[str, BeforeValidator(mail_endpoint)] = ""
    access_key: Secret = Field(SecretStr(""), repr=False)
    a_minute: Annotated[int, whole(1, 10_000)] = 30

    @property
    def domain(self) -> str:
        """Where mails come from."""
        return self.sender.rpartition("@")[2].rstrip(">")
