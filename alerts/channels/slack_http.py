"""Calls over HTTP that go where they are sent: no answer leads them, and the token, elsewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from slack_sdk import WebClient

if TYPE_CHECKING:
    from collections.abc import Mapping

HOOKS = ("https", "hooks.slack.com")
"""Where Slack takes what is answered to one person."""


class _Refusing(HTTPRedirectHandler):
    """Follows nothing: urllib would, and hand the token on to whoever was named."""

    def redirect_request(self, *_: Any) -> None:
        """Return no new request; that the answer leads elsewhere becomes an error."""


def straight() -> OpenerDirector:
    """Return what opens addresses without being led on; proxies are those of the environment."""
    return build_opener(_Refusing)


class StraightClient(WebClient):
    """Slack's client, with the one way of sending that it has replaced."""

    def __init__(self, token: str, base_url: str, timeout_s: float) -> None:
        timeout = int(max(1, timeout_s))
        super().__init__(token or None, base_url=base_url, timeout=timeout, retry_handlers=[])
        self._opener = straight()

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        """Send one request, to an address of ``base_url``."""
        with self._opener.open(req, timeout=self.timeout) as answer:
            charset = answer.headers.get_content_charset() or "utf-8"
            body = answer.read().decode(charset)
            return {"status": answer.status, "headers": answer.headers, "body": body}


def is_slacks_own(address: str, base_url: str) -> bool:
    """Whether an address is where Slack takes answers, or at the place that ``base_url`` names.

    Examples
    --------
    >>> is_slacks_own("https://hooks.slack.com/commands/T1/2/x", "https://slack.com/api/")
    True
    >>> is_slacks_own("https://hooks.slack.com.evil.example/", "https://slack.com/api/")
    False
    """
    try:
        parts, base = urlsplit(address), urlsplit(base_url)
    except ValueError:
        return False
    return (parts.scheme, parts.netloc) in (HOOKS, (base.scheme, base.netloc))


def post_json(address: str, body: Mapping[str, Any], timeout_s: float) -> None:
    """Post something without any token; raises OSError where it is not taken."""
    said = json.dumps(body).encode()
    headers = {"Content-Type": "application/json; charset=utf-8"}
    request = Request(address, said, headers, method="POST")  # noqa: S310 - Slack's own, see above
    straight().open(request, timeout=timeout_s).close()
