"""Links that stand in mails: signed, each for one purpose and one message, good for a time.

A link holds the number of a message and nothing else, so nothing can be read from it. Whose it
is, and what it may do, is looked up when it is used: a recipient who was taken out of the settings
can do nothing with an old one.

Errors
------
LinkRefused
    The link does nothing; the message says why, for the person who followed it.
├── LinkExpired
│   It was good once.
└── LinkUnknown
    It was never given out by us, or for something else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING

from itsdangerous import BadSignature, SignatureExpired, TimestampSigner

if TYPE_CHECKING:
    from collections.abc import Sequence


class Purpose(StrEnum):
    """What a link is for; one for something else is unknown."""

    ANSWER = "answer"
    UNSUBSCRIBE = "unsubscribe"
    FORM = "form"


LIFETIMES = {
    Purpose.ANSWER: timedelta(days=14),
    Purpose.UNSUBSCRIBE: timedelta(days=90),
    Purpose.FORM: timedelta(hours=1),
}
"""How long each is good. An alert is answered for seven days, and undone for seven more."""
_LONGEST = 200


class LinkRefused(Exception):  # noqa: N818 - it names what happened to the link
    """The link does nothing."""


class LinkExpired(LinkRefused):
    """It was good once."""


class LinkUnknown(LinkRefused):
    """It was never given out by us, or for something else."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says.

    Attributes
    ----------
    number : int
        Of the message it stood in.
    given_at : datetime
        UTC-aware.
    """

    number: int
    given_at: datetime


@dataclass(frozen=True, slots=True)
class Signing:
    """Gives out links and reads them.

    Attributes
    ----------
    keys : sequence of str
        The newest signs; links of all are good, so that a key can be replaced in peace.
    """

    keys: Sequence[str]

    def token(self, purpose: Purpose, number: int, at: datetime) -> str:
        """Return a link's token, for the same message and moment the same one."""
        signer = self._signer(self.keys[0], purpose, at)
        return signer.sign(str(number)).decode()

    def read(self, purpose: Purpose, token: str, now: datetime) -> Link:
        """Return what a token says; raises LinkRefused."""
        lifetime_s = int(LIFETIMES[purpose].total_seconds())
        for key in self.keys if len(token) <= _LONGEST else ():
            try:
                value, given_at = self._signer(key, purpose, now).unsign(
                    token, max_age=lifetime_s, return_timestamp=True
                )
            except SignatureExpired:
                raise LinkExpired("This link has expired.") from None
            except (BadSignature, ValueError):
                continue
            return Link(int(value), given_at)
        raise LinkUnknown("This link is not known here.")

    def _signer(self, key: str, purpose: Purpose, at: datetime) -> _At:
        return _At(
            key, salt=f"spendwatch.{purpose}", key_derivation="hmac", digest_method=sha256, at=at
        )


class _At(TimestampSigner):
    """Signs as of a moment, instead of asking the machine for the time."""

    def __init__(self, *arguments: object, at: datetime, **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]  # handed on as they are
        self._at_s = int(at.timestamp())

    def get_timestamp(self) -> int:
        return self._at_s
