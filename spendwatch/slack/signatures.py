"""Whether a request that claims to be Slack's is: signed just now, with our secret, and not before.

For whoever listens over HTTP. Over Socket Mode nothing is signed, as we opened the connection.
slack-sdk computes and compares the signature in constant time and knows the window of 300 seconds.
What it leaves open is closed here: it raises on what is malformed, it has no limit for what it
hashes, knows one secret, and takes a captured request again for as long as its window lasts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING

from slack_sdk.signature import Clock, SignatureVerifier

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

MOST_BYTES = 256 * 1024
"""Of a body; what is longer is not even hashed. A view, the longest that is sent, has 250 KB."""
REMEMBERED_S = 600.0
"""From 300 seconds before its time to 300 after it a signature is good: no longer than this."""
MOST_REMEMBERED = 50_000


class Trust(StrEnum):
    """What a request is."""

    GENUINE = "genuine"
    TOO_LARGE = "too large"
    UNTRUSTED = "its signature or its time is wrong"
    REPEATED = "sent before"
    TOO_MANY = "more than can be told apart"


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as it came.

    Attributes
    ----------
    body : bytes
        As it was sent: what was decoded and encoded again is another.
    timestamp, signature : str or None
        ``X-Slack-Request-Timestamp`` and ``X-Slack-Signature``.
    """

    body: bytes
    timestamp: str | None
    signature: str | None


@dataclass(slots=True)
class Remembered:
    """The genuine requests of the last ten minutes, so that none counts twice.

    Only what was signed with our secret gets in, so nobody else can fill it. It begins empty: what
    was captured before a restart may come again, and then has no second effect, as no answer has.
    """

    most: int = MOST_REMEMBERED
    _until: dict[tuple[str, str], float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def __len__(self) -> int:
        return len(self._until)

    def take(self, timestamp: str, signature: str, now_s: float) -> Trust:
        """Remember a request, and say whether it is new; of many threads one takes it."""
        with self._lock:
            self._forget(now_s)
            if (timestamp, signature) in self._until:
                return Trust.REPEATED
            if len(self._until) >= self.most:
                return Trust.TOO_MANY
            self._until[timestamp, signature] = now_s + REMEMBERED_S
            return Trust.GENUINE

    def _forget(self, now_s: float) -> None:
        """Drop what is too old to be good again, the oldest first."""
        while self._until and next(iter(self._until.values())) <= now_s:
            del self._until[next(iter(self._until))]


def trust_in(
    request: Signed, secrets: Sequence[str], now: datetime, remembered: Remembered
) -> Trust:
    """Say whether a request is Slack's; never raises, whatever it is.

    Parameters
    ----------
    request : Signed
    secrets : sequence of str
        The signing secret; while it is replaced, the old one too. With none nothing is genuine.
    now : datetime
        UTC-aware.
    remembered : Remembered
        Shared by all requests.

    References
    ----------
    docs.slack.dev/authentication/verifying-requests-from-slack
    """
    if len(request.body) > MOST_BYTES:
        return Trust.TOO_LARGE
    timestamp, signature = request.timestamp, request.signature
    # All secrets are tried, so that the time it takes does not say which one was right.
    right = [_is_signed(request, secret, now) for secret in secrets]
    if timestamp is None or signature is None or not any(right):
        return Trust.UNTRUSTED
    return remembered.take(timestamp, signature, now.timestamp())


class _At(Clock):
    """A clock that stands still."""

    def __init__(self, now: datetime) -> None:
        self._now_s = now.timestamp()

    def now(self) -> float:
        return self._now_s


def _is_signed(request: Signed, secret: str, now: datetime) -> bool:
    try:
        verifier = SignatureVerifier(secret, _At(now))
        return verifier.is_valid(request.body, request.timestamp, request.signature)
    except Exception:  # noqa: BLE001 - whatever it cannot read is not what Slack has signed
        return False
