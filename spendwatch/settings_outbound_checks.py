"""Settings of calls to addresses that operators name, each right, that do not go together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from alerts.channels.public_addresses import Private, refusal_of_host
from spendwatch.settings_environment import WEBHOOK_SECRET
from spendwatch.settings_inheritance import table, tables
from spendwatch.settings_outbound import HOW_TO_MAKE_A_KEY, private_host, web_address
from spendwatch.settings_problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spendwatch.toml_lines import Key


def outbound_clashes(document: dict[str, Any]) -> Iterator[Problem]:
    """Find what contradicts itself in a completed document."""
    outbound = table(document, "outbound")
    hooks = [
        (index, receiver)
        for index, receiver in tables(document, "receivers")
        if receiver.get("kind") == "webhook"
    ]
    if hooks and outbound.get("signing_secret", "") == "":
        yield Problem(
            ("receivers", hooks[0][0], "kind"),
            f"needs a key that its messages are signed with: set {WEBHOOK_SECRET}, or "
            f"{WEBHOOK_SECRET}_FILE to a file that holds it; {HOW_TO_MAKE_A_KEY}",
        )
    called: list[tuple[Key, Any]] = [
        (("receivers", index, "url"), receiver.get("url")) for index, receiver in hooks
    ]
    called.append((("outbound", "heartbeat_url"), outbound.get("heartbeat_url")))
    private = _private(outbound.get("private_hosts"))
    for key, url in called:
        if url and (why := _refused(url, private)):
            yield Problem(
                key, f"{why}; if it shall be called all the same, name it in outbound.private_hosts"
            )


def _refused(url: Any, private: Private) -> str:
    """Say why an address would never be called; what it resolves to is seen when it is."""
    try:
        return refusal_of_host(urlsplit(web_address(url)).hostname or "", private)
    except ValueError:
        return ""  # told already


def _private(names: Any) -> Private:
    allowed = []
    for name in names if isinstance(names, list | tuple) else ():
        try:
            allowed.append(private_host(name))
        except ValueError:
            continue
    return Private.of(allowed)
