"""How addresses that operators name are called: the settings, as a guarded client."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from alerts.channels.outbound_http import OutboundHttp, trusting
from alerts.channels.public_addresses import Private
from spendwatch.settings import ConfigError

if TYPE_CHECKING:
    from spendwatch.settings import Settings


def build_outbound(settings: Settings) -> OutboundHttp:
    """Build what calls them; raises ConfigError where the authorities cannot be read."""
    outbound = settings.outbound
    return OutboundHttp(_trust(settings), Private.of(outbound.private_hosts), outbound.timeout_s)


def authority_problems(settings: Settings) -> tuple[str, ...]:
    """Say what is wrong with the file of authorities."""
    try:
        _trust(settings)
    except ConfigError as error:
        return error.problems
    return ()


def _trust(settings: Settings) -> ssl.SSLContext:
    file = settings.outbound.ca_file
    try:
        return trusting(str(file) if file else None)
    except (OSError, ValueError) as error:
        why = "no certificate (PEM) is in it" if isinstance(error, ssl.SSLError) else str(error)
        problem = f"outbound.ca_file: {file} cannot be used: {why}"
        raise ConfigError((problem,)) from None
