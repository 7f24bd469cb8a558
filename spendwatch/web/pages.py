"""What the product's pages share: their style, the one file that they load."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from spendwatch.pages import inlined

STYLE = "/style.css"


def router() -> APIRouter:
    """Say where what all pages load is."""
    found = APIRouter(tags=["pages"])
    style = str(inlined("web/style.css"))

    @found.get(STYLE, response_class=Response, responses={200: {"content": {"text/css": {}}}})
    async def stylesheet() -> Response:
        """Return how all pages look."""
        return Response(style, media_type="text/css")

    return found
