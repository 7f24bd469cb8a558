"""Pure: what an answer of Log Analytics that is no result means, in words that say what to do.

Codes and messages are those of the service's documentation of its errors; where only the words
tell two cases apart, the words are those that the service was seen to use.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from detector.sources.log_analytics_words import explain_refusal, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class Kind(Enum):
    """What follows from a fault."""

    THROTTLED = auto()
    """Too many queries: the same one is allowed after a wait."""
    BROKEN = auto()
    """The service or the way to it failed: the same query may do soon."""
    SLOW = auto()
    """There was no answer in time: the same query may do, a shorter window rather."""
    TOO_LARGE = auto()
    """More than an answer can hold: only a shorter window does."""
    CREDENTIAL = auto()
    """The identity is refused whatever it asks."""
    PLACE = auto()
    """The identity is refused here, and may be welcome elsewhere."""
    QUERY = auto()
    """This query cannot be answered until somebody changes something."""


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer that is no result.

    Attributes
    ----------
    kind : Kind
        What follows from it.
    words : str
        What is wrong and what to do, for people.
    wait_s : float or None
        How long the service asks to wait; None where it did not.
    """

    kind: Kind
    words: str
    wait_s: float | None = None

    @property
    def may_pass(self) -> bool:
        """Whether asking again later may help."""
        return self.kind in (Kind.THROTTLED, Kind.BROKEN, Kind.SLOW)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, and where.

    Attributes
    ----------
    query : str
        The file it stands in.
    text : str
        KQL.
    place : str
        The workspace or resource, as a message names it.
    setting : str
        The setting that names the place.
    endpoint : str
        The address of the service.
    """

    query: str
    text: str
    place: str
    setting: str
    endpoint: str

    def tell(self, words: str) -> str:
        """Put the query and the place before what is to be said of them."""
        return f"{self.query} on {self.place}: {words}"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True, slots=True)
class _Complaint:
    """The error in a body: its codes from the outermost in, and what the innermost says."""

    codes: tuple[str, ...]
    message: str

    @property
    def code(self) -> str:
        return self.codes[0] if self.codes else ""

    def says(self, *codes: str) -> bool:
        return any(code in self.codes for code in codes)


def fault_of(reply: Reply, asked: Asked) -> Fault:
    """Say what a reply means that is no result.

    Parameters
    ----------
    reply : Reply
        With any status: 200 is a body that is none.
    asked : Asked
        What it answers.
    """
    complaint = _complaint(reply.text)
    if _TOO_LARGE.search(complaint.message):
        return Fault(Kind.TOO_LARGE, _TOO_LARGE_WORDS)
    name = f"{reply.status} {complaint.code}".strip()
    known = _BY_STATUS.get(reply.status)
    if known is not None:
        return known(reply, complaint, asked)
    if reply.status >= _SERVER_ERROR:
        return Fault(Kind.BROKEN, f"Log Analytics failed ({name}){quoted(complaint.message)}")
    if _REDIRECT <= reply.status < _REFUSAL:
        return Fault(
            Kind.QUERY,
            f"{asked.endpoint} answered with a redirect ({name}), and a token is not sent on; "
            "check endpoint and cloud in [azure], and the proxy",
        )
    return Fault(Kind.QUERY, f"refused ({name}){quoted(complaint.message)}")


def no_answer(reason: str, asked: Asked) -> Fault:
    """Say that nothing came back: no connection, or one that was lost."""
    words = f"no answer from {asked.endpoint} ({reason}); check the network, DNS and proxy"
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        words = (
            f"the certificate of {asked.endpoint} is not trusted; where a proxy shows its own, "
            "REQUESTS_CA_BUNDLE names the file with its authority"
        )
    return Fault(Kind.BROKEN, words)


def reason_of(error: BaseException) -> str:
    """Name the innermost cause of a lost connection; of its words only those of the system.

    What a library says of it could hold a proxy's address, with its password.
    """
    seen: list[BaseException] = []
    while error not in seen:
        seen.append(error)
        named = (getattr(error, name, None) for name in ("inner_exception", "reason"))
        causes = (*named, *error.args, error.__context__)
        error = next((each for each in causes if isinstance(each, BaseException)), error)
    name = type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return f"{name}, CERTIFICATE_VERIFY_FAILED"
    words = error.strerror if isinstance(error, OSError) else ""
    return f"{name}: {words}" if words else name


def too_slow(seconds: float) -> Fault:
    """Say that an answer did not come in time."""
    return Fault(
        Kind.SLOW,
        f"no answer within {seconds:.0f} s; query_timeout_s in [azure] may be raised up to 600",
    )


def asked_wait_s(headers: Mapping[str, str]) -> float | None:
    """Return how long a reply asks to wait, in seconds; None where it says nothing usable.

    A date is counted from the reply's own ``date``, so that no clock of ours is asked.

    Examples
    --------
    >>> asked_wait_s({"retry-after": "7"}), asked_wait_s({"retry-after-ms": "1500"})
    (7.0, 1.5)
    >>> asked_wait_s({"retry-after": "soon"}) is None
    True
    """
    for name, unit_s in _WAIT_HEADERS.items():
        wait_s = _number(headers.get(name, ""))
        if wait_s is not None:
            return wait_s * unit_s
    until, since = _date(headers.get("retry-after", "")), _date(headers.get("date", ""))
    return max(0.0, (until - since).total_seconds()) if until and since else None


_SERVER_ERROR, _REDIRECT, _REFUSAL = 500, 300, 400
_WAIT_HEADERS = {"retry-after-ms": 0.001, "x-ms-retry-after-ms": 0.001, "retry-after": 1.0}
_TOO_LARGE = re.compile(
    r"E_QUERY_RESULT_SET_TOO_LARGE|E_LOW_MEMORY_CONDITION|E_RUNAWAY_QUERY|ResponsePayloadTooLarge"
    r"|exceed(s|ed)? the (set|internal|allowed) ?(data size|record count)? limit",
    re.IGNORECASE,
)
_TOO_LARGE_WORDS = "the result is larger than Log Analytics gives in one answer"


def _bad_request(_reply: Reply, complaint: _Complaint, asked: Asked) -> Fault:
    return Fault(Kind.QUERY, explain_refusal(complaint.codes, complaint.message, asked.text))


def _token_refused(_reply: Reply, complaint: _Complaint, _asked: Asked) -> Fault:
    name = complaint.code or "AuthenticationFailed"
    return Fault(
        Kind.CREDENTIAL,
        f"the token was refused (401 {name}); check credential, tenant_id and cloud in [azure], "
        "and that the identity still exists",
    )


def _forbidden(_reply: Reply, complaint: _Complaint, asked: Asked) -> Fault:
    if complaint.says("InvalidAuthenticationToken", "InvalidAuthenticationTokenTenant"):
        return Fault(
            Kind.CREDENTIAL,
            f"the token is not one for this service (403 {complaint.code}); check tenant_id and "
            f"cloud in [azure]: the tenant must be that of {asked.place}",
        )
    if complaint.says("NspValidationFailedError"):
        return Fault(
            Kind.PLACE,
            "its network settings let nobody ask from here (403 NspValidationFailedError); allow "
            "it under Networking, or ask from inside the network security perimeter",
        )
    name = complaint.code or "InsufficientAccessError"
    return Fault(
        Kind.PLACE,
        f"the identity may not read it (403 {name}); give it the role Log Analytics Reader there, "
        "which may take 60 minutes to take effect",
    )


def _not_found(_reply: Reply, complaint: _Complaint, asked: Asked) -> Fault:
    name = complaint.code or "PathNotFoundError"
    advice = (
        "it takes the Workspace ID of the overview page, not the name"
        if asked.setting == "workspace_id"
        else "it takes the whole resource id, from /subscriptions/ on"
    )
    return Fault(
        Kind.PLACE, f"there is no such place (404 {name}); check {asked.setting}: {advice}"
    )


def _throttled(reply: Reply, _complaint: _Complaint, _asked: Asked) -> Fault:
    words = "too many queries for this identity (429; 200 in 30 s and 5 at once are allowed)"
    return Fault(Kind.THROTTLED, words, asked_wait_s(reply.headers))


def _timed_out(reply: Reply, complaint: _Complaint, _asked: Asked) -> Fault:
    name = complaint.code or "GatewayTimeout"
    return Fault(
        Kind.SLOW,
        f"the service gave the query up ({reply.status} {name}); query_timeout_s in [azure] may "
        "be raised up to 600",
    )


def _too_large(_reply: Reply, _said: _Complaint, _asked: Asked) -> Fault:
    return Fault(Kind.TOO_LARGE, _TOO_LARGE_WORDS)


def _no_result(reply: Reply, _complaint: _Complaint, asked: Asked) -> Fault:
    """Say what a success without a result is: the service answers so to a request without a body.

    Something on the way has taken the body, or its type, from the request, or put a page of its
    own in place of the answer.
    """
    what = "a body that is no result" if reply.text.strip() else "an empty body"
    return Fault(
        Kind.BROKEN,
        f"{asked.endpoint} answered {reply.status} with {what}; check the proxy and endpoint "
        "in [azure]",
    )


_BY_STATUS = {
    200: _no_result,
    400: _bad_request,
    401: _token_refused,
    403: _forbidden,
    404: _not_found,
    408: _timed_out,
    413: _too_large,
    429: _throttled,
    504: _timed_out,
}


def _complaint(text: str) -> _Complaint:
    """Read the error in a body, down to its innermost; a body that has none says nothing."""
    try:
        body = json.loads(text)
    except ValueError:
        return _Complaint((), "")
    error = body.get("error") if isinstance(body, dict) else None
    codes, message = [], ""
    while isinstance(error, dict):
        codes += [str(error["code"])] if error.get("code") else []
        message = str(error.get("message") or message)
        error = error.get("innererror")
    return _Complaint(tuple(codes), message)


def _number(written: str) -> float | None:
    try:
        number = float(written)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _date(written: Any) -> datetime | None:
    try:
        return parsedate_to_datetime(written)
    except (TypeError, ValueError):
        return None
