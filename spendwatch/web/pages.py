"""What the product's pages share: their style and their sign, the two files that they load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.responses import Response

from spendwatch.pages import inlined

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

FILES = {"style.css": "text/css", "icon.svg": "image/svg+xml"}


def router() -> APIRouter:
    """Say where what all pages load is."""
    found = APIRouter(tags=["pages"])
    for name, kind in FILES.items():
        loaded: dict[int | str, dict[str, Any]] = {200: {"content": {kind: {}}}}
        route = found.get(f"/{name}", response_class=Response, responses=loaded, name=name)
        route(_file(str(inlined(f"web/{name}")), kind))
    return found


def _file(text: str, kind: str) -> Callable[[], Awaitable[Response]]:
    async def file() -> Response:
        """Return what all pages load."""
        return Response(text, media_type=kind)

    return file
