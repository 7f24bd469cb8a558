"""Who is told more than whether all is well: whoever has the token, or sits at this machine."""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING

from spendwatch.web.clients import is_this_machine
from spendwatch.web.rules import THESE_NAMES, name_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from spendwatch.settings_web import WebSettings

_THROUGH = ("x-forwarded-for", "x-forwarded-host", "x-real-ip", "forwarded", "via")
"""Who comes through a proxy on this machine is somewhere else."""


def has_token(request: Request, settings: WebSettings) -> bool:
    """Whether a request has the token, found out in constant time."""
    token = settings.token.get_secret_value().encode()
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    same = compare_digest(given.strip().encode("latin-1", "replace"), token)
    return bool(token) and same and kind.lower() == "bearer"


def is_trusted(request: Request, settings: WebSettings) -> bool:
    """Whether a request is told everything.

    With a ``public_url`` something on this machine may hand on what others ask without saying so:
    then the token alone counts. A page that a browser loaded elsewhere knows no name of ours.
    """
    if has_token(request, settings):
        return True
    peer = request.client.host if request.client else ""
    direct = is_this_machine(peer) and not any(name in request.headers for name in _THROUGH)
    named = name_of(request.headers.get("host", "")) in THESE_NAMES
    return direct and named and not settings.public_url
