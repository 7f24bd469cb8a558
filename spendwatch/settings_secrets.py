"""Secrets do not belong in config.toml; this finds them without ever repeating one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from spendwatch.settings_environment import SECRETS
from spendwatch.settings_outbound import KEY_PREFIX
from spendwatch.settings_problems import Problem
from spendwatch.toml_lines import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spendwatch.toml_lines import Key

_SECRET_KEY = re.compile(
    r"(token|secrets?|password|passwd|passphrase|credentials?|api_?key|access_?key"
    r"|account_?key|private_?key|signing_?keys?|connection_?string|webhook(_?url)?)$",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"\bxox[a-z]-|\bxapp-|https://hooks\.slack\.com/|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|(SharedAccessKey|SharedAccessSignature|AccountKey|ClientSecret)="
    r"|[?&;]sig=|[\w~.-]{3}[78]Q~[\w~.-]{31,34}|://[^/\s:@]*:[^/\s@]+@",
    re.IGNORECASE,
)
_HARMLESS: dict[Key, re.Pattern[str]] = {
    ("azure", "credential"): re.compile("[A-Za-z_ -]{0,24}"),  # a kind of credential, or nearly one
}
_RANDOM = re.compile(r"(?=.*\d)[\w~.-]{16,}")
"""A part of a path that nobody made up by hand, such as the id of a webhook."""
_BLANK = "(taken out)"


def take_out_secrets(document: dict[str, Any]) -> list[Problem]:
    """Find what looks like a secret by its key or its value, and blank it in ``document``.

    Blanked, it cannot be repeated by any message about something else.
    """
    problems = []
    for holder, key, value in list(_leaves((), document)):
        if _is(key, value):
            holder[key[-1]] = _BLANK
            problems.append(Problem(key, _advice(key), in_file=True))
    return problems


def secrets_in(settings: Any) -> Iterator[str]:
    """Give the value of every secret in validated settings, and the parts it is made of."""
    for section, key in SECRETS.values():
        held = getattr(getattr(settings, section), key)
        value = held.get_secret_value() if isinstance(held, SecretStr) else str(held)
        if "://" in value:
            yield from _parts_of_address(value)
        else:
            words = value.split()
            yield from (*words, *(each.removeprefix(KEY_PREFIX) for each in words))
    for receiver in settings.receivers:
        if url := getattr(receiver, "url", ""):
            yield from _parts_of_address(url)


def _parts_of_address(url: str) -> Iterator[str]:
    """Give what may be secret in an address: its password, its query, long parts of its path."""
    parts = urlsplit(url)
    yield from (parts.password or "", unquote(parts.password or ""))
    if parts.scheme in ("http", "https"):
        if len(url) > len(f"{parts.scheme}://{parts.netloc}/"):
            yield url
        yield parts.query
        yield from (each for each in parts.path.split("/") if _RANDOM.fullmatch(each))


def is_secret(text: str) -> bool:
    """Whether a text looks like a secret, whatever its key."""
    return _SECRET_VALUE.search(text) is not None


def _is(key: Key, value: Any) -> bool:
    if isinstance(value, str) and is_secret(value):
        return True
    if key in _HARMLESS and isinstance(value, str) and _HARMLESS[key].fullmatch(value):
        return False
    # Below `ids` stand names that a gateway gave.
    named = key[: key.index("ids")] if "ids" in key else key
    return any(isinstance(part, str) and _SECRET_KEY.search(part) for part in named)


def _leaves(key: Key, holder: Any) -> Iterator[tuple[Any, Key, Any]]:
    """Give every value that is no table or list, with what holds it and where it stands."""
    for part, value in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
        if isinstance(value, dict | list):
            yield from _leaves((*key, part), value)
        else:
            yield holder, (*key, part), value


def _advice(key: Key) -> str:
    variables: dict[Key, str] = {setting: name for name, setting in SECRETS.items()}
    known = ", ".join(dotted(setting) for setting in variables)
    instead = f"take it out. The only settings that may carry a secret are {known}"
    if name := variables.get(key):
        instead = f"set the environment variable {name}, or {name}_FILE to a file that holds it"
    return f"looks like a secret, and secrets must not stand in this file: {instead}"
