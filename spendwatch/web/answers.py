"""What a client is told where something is wrong: a page for people, JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, JSONResponse

from spendwatch.pages import render

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response
    from starlette.types import Scope

TITLES = {
    400: "That request cannot be read",
    401: "Not for everybody",
    403: "Not from there",
    404: "There is no such page",
    405: "That cannot be done here",
    408: "That took too long",
    411: "How long it is must be said",
    413: "That is too large",
    415: "That form is not read here",
    421: "Not the server you meant",
    422: "Something is missing",
    429: "Too often",
    500: "Something went wrong here",
    503: "Not now",
}
UNKNOWN = "There is nothing under that address."


def told(
    scope: Scope, status: int, words: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Say what is wrong, without repeating anything that came in."""
    title = TITLES.get(status, "That did not work")
    if "text/html" in Headers(scope=scope).get("accept", ""):
        page = render("web/told.html", title=title, words=words)
        return HTMLResponse(page, status, headers)
    return JSONResponse({"error": words}, status, headers)
