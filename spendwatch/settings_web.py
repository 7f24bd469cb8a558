"""The settings of the web server: where it listens, who may stand before it, and its secrets."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr

from spendwatch.settings_sections import Section
from spendwatch.settings_types import address, shown, whole

MAKE_ONE = "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
"""How a key or a token is made."""
OFF, THIS_MACHINE = "off", "127.0.0.1"
_PORT = re.compile(r"[0-9]{1,5}")
_MOST_PORTS = 65_535
_TOKEN = re.compile(r"[\x21-\x7e]{16,512}")
_KEYS = re.compile(r"[\x21-\x7e]{32,512}(\s+[\x21-\x7e]{32,512})*")
_SIGNING_SECRETS = re.compile(r"[\x21-\x7e]{16,128}(\s+[\x21-\x7e]{16,128})?")


def place_to_listen(value: Any) -> str:
    """Take an address and a port of this machine; a port alone is heard by this machine alone."""
    words = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if words == OFF:
        return OFF
    if isinstance(words, str) and (found := _read_listen(words)):
        return found
    raise ValueError(
        'must be "off", or an address of this machine and a port such as "127.0.0.1:8080" or '
        f'"[::1]:8080" (a port alone: 127.0.0.1), not {shown(value)}'
    )


def _read_listen(words: str) -> str:
    host, _, port = words.rpartition(":") if ":" in words else (THIS_MACHINE, "", words)
    if not _PORT.fullmatch(port) or int(port) > _MOST_PORTS:
        return ""
    try:
        return _joined(host, int(port))
    except ValueError:
        return ""


def _joined(host: str, port: int) -> str:
    """Write an address and a port; raises ValueError where it is no address."""
    in_brackets = host.startswith("[") and host.endswith("]")
    found = ipaddress.ip_address(THIS_MACHINE if host == "localhost" else host.strip("[]"))
    if in_brackets != (found.version == 6):  # noqa: PLR2004 - the version of IP
        raise ValueError("an address of IPv6 stands in brackets, no other does")
    return f"[{found}]:{port}" if in_brackets else f"{found}:{port}"


def host_and_port(words: str) -> tuple[str, int]:
    """Part what :func:`place_to_listen` has taken."""
    host, _, port = words.rpartition(":")
    return host.strip("[]"), int(port)


def is_this_machine(words: str) -> bool:
    """Whether nobody else reaches what listens there."""
    return ipaddress.ip_address(host_and_port(words)[0]).is_loopback


def public_address(value: Any) -> str:
    """Take the address by which others reach the server; empty where they do not."""
    found = "" if value == "" else address(value)
    if urlsplit(found).path:
        raise ValueError(
            f"must be an address without a path, such as https://spend.example, not {shown(value)}"
        )
    return found


def network_of(value: Any) -> str:
    """Take one address, or a whole network."""
    try:
        return str(ipaddress.ip_network(value if isinstance(value, str) else "", strict=False))
    except ValueError:
        raise ValueError(
            f"must be an address or a network such as 10.0.0.0/8, not {shown(value)}"
        ) from None


def _secret(pattern: re.Pattern[str], words: str) -> BeforeValidator:
    """Accept what fits, or nothing; what does not is never repeated."""

    def check(value: Any) -> str:
        found = value.strip() if isinstance(value, str) else "?"
        if not found or pattern.fullmatch(found):
            return found
        raise ValueError(words)

    return BeforeValidator(check)


SigningSecrets = Annotated[
    SecretStr,
    _secret(
        _SIGNING_SECRETS,
        "must be the app's signing secret (at least 16 characters), or two with white space "
        "between them while it is replaced",
    ),
]
_Token = Annotated[
    SecretStr, _secret(_TOKEN, "must be 16 to 512 characters without white space or accents")
]
_Keys = Annotated[
    SecretStr,
    _secret(
        _KEYS,
        "must be keys of at least 32 characters each, the newest first, white space between them",
    ),
]


class WebSettings(Section):
    """What is served over HTTP; off unless it is told where to listen."""

    listen: Annotated[str, BeforeValidator(place_to_listen)] = OFF
    public_url: Annotated[str, BeforeValidator(public_address)] = ""
    proxies: tuple[Annotated[str, BeforeValidator(network_of)], ...] = ()
    requests_a_minute: Annotated[int, whole(1, 100_000)] = 120
    token: _Token = Field(SecretStr(""), repr=False)
    signing_keys: _Keys = Field(SecretStr(""), repr=False)

    @property
    def serves(self) -> bool:
        """Whether anything is served at all."""
        return self.listen != OFF

    @property
    def networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """The proxies whose word on the client's address counts."""
        return tuple(ipaddress.ip_network(each) for each in self.proxies)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that links are signed with, the newest first."""
        return tuple(self.signing_keys.get_secret_value().split())
