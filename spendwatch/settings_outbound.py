"""The settings of calls that leave for addresses an operator names: webhooks and the heartbeat."""

from __future__ import annotations

import base64
import binascii
import re
from ipaddress import ip_network
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr

from alerts.channels.public_addresses import HERE
from spendwatch.settings_sections import Receiver, Section
from spendwatch.settings_types import FilePath, shown, whole

KEY_PREFIX = "whsec_"
LEAST_KEY_BYTES, MOST_KEY_BYTES = 24, 64
HOW_TO_MAKE_A_KEY = 'make one with: echo "whsec_$(openssl rand -base64 32)"'
_LONGEST, _MOST_KEYS = 2000, 2
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?")
_PRINTABLE = re.compile(r"[!-~]+")


def web_address(value: Any) -> str:
    """Take an address that is called; never repeated, as what stands in it may be a secret."""
    if isinstance(value, str) and len(value) <= _LONGEST and _is_web_address(value):
        return value
    raise ValueError(
        "must be an address that begins with https:// (http:// only for this machine), without a "
        "user name, a password, a # or anything but letters, digits and signs of ASCII"
    )


def _is_web_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return False
    if not parts.hostname or port == 0 or "@" in parts.netloc or "#" in value:
        return False
    if not _PRINTABLE.fullmatch(value) or "\\" in value:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in HERE)


def optional_web_address(value: Any) -> str:
    """Take the same, or nothing."""
    return "" if value == "" else web_address(value)


def private_host(value: Any) -> str:
    """Take the name of a host, or a network."""
    if isinstance(value, str):
        lowered = value.lower()
        try:
            return str(ip_network(lowered))
        except ValueError:
            if _HOST.fullmatch(lowered) and not re.fullmatch(r"[\d.x]+", lowered):
                return lowered.rstrip(".")
    raise ValueError(
        "must be the name of a host such as hooks.corp.example, or a network such as 10.1.0.0/16, "
        f"not {shown(value)}"
    )


def signing_keys(text: str) -> tuple[bytes, ...]:
    """Read the keys of a signing secret; raises ValueError, and never repeats one.

    Examples
    --------
    >>> signing_keys("")
    ()
    >>> [len(key) for key in signing_keys("whsec_" + "QUJD" * 8)]
    [24]
    """
    return tuple(_key(part) for part in text.split())


def _key(text: str) -> bytes:
    try:
        return base64.b64decode(text.removeprefix(KEY_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("no base64") from None


def one_key_or_two(value: Any) -> Any:
    """Take one key or two."""
    try:
        keys = signing_keys(value) if isinstance(value, str) else None
    except ValueError:
        keys = None
    fits = keys is not None and len(keys) <= _MOST_KEYS
    if fits and all(LEAST_KEY_BYTES <= len(key) <= MOST_KEY_BYTES for key in keys or ()):
        return value
    raise ValueError(
        f"must be one key, or two while one replaces the other, with a space between: base64 of "
        f"{LEAST_KEY_BYTES} to {MOST_KEY_BYTES} bytes after {KEY_PREFIX}; {HOW_TO_MAKE_A_KEY}"
    )


class WebhookReceiver(Receiver):
    """A program of your own, which is posted every message."""

    kind: Literal["webhook"]
    url: Annotated[str, BeforeValidator(web_address)] = Field(repr=False)

    @property
    def lane(self) -> str:
        """Each program is as slow as it is."""
        return f"webhook {self.name}"

    @property
    def place(self) -> str:
        """Where its messages go: the host alone, as the rest may be a secret."""
        return host_of(self.url)


def host_of(url: str) -> str:
    """Name the place of an address, and nothing of what may be secret in it.

    Examples
    --------
    >>> host_of("https://hooks.example:8443/T1/x?token=y")
    'https://hooks.example:8443'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class OutboundSettings(Section):
    """How far such calls may go; what signs them comes from the environment alone."""

    timeout_s: Annotated[int, whole(1, 60)] = 10
    private_hosts: tuple[Annotated[str, BeforeValidator(private_host)], ...] = ()
    ca_file: FilePath | None = None
    heartbeat_url: Annotated[SecretStr, BeforeValidator(optional_web_address)] = Field(
        SecretStr(""), repr=False
    )
    heartbeat_minutes: Annotated[int, whole(1, 1440)] = 5
    signing_secret: Annotated[SecretStr, BeforeValidator(one_key_or_two)] = Field(
        SecretStr(""), repr=False
    )
