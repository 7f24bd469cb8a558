"""What is told, as values: a message, the row that makes it go out once, the proof that it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from alerts.model import AlertState, Reason, Verb


@dataclass(frozen=True, slots=True)
class Action:
    """Something the reader can do, with the exact command for it.

    Attributes
    ----------
    verb : Verb or None
        The answer that it gives, where there are buttons to press; None where it only looks.
    undoes : int or None
        Number of the reply that an undo takes back, so that a second press takes back no other.
    """

    label: str
    command: str
    verb: Verb | None = None
    undoes: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One labelled line of a message."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """What is told, independent of where it is shown; plain words, no markup.

    Attributes
    ----------
    tone : str
        ``critical``, ``warning``, ``notice``, ``calm`` (over, or all quiet).
    title : str
        One line that says whether to act.
    reference : str
        Alert number, kind and state.
    owner : str
        Whom to call by name; empty where it is not critical, or nobody owns it.
    state : AlertState or None
        Of the one alert it tells of; None where that has none, or it tells of none or of many.
    about : tuple of int
        Numbers of the alerts it tells of.
    listed : tuple of str
        Of a message about many alerts one line for each, the gravest first: for channels that can
        show more than the message itself.
    """

    tone: str
    title: str
    lines: tuple[Line, ...]
    actions: tuple[Action, ...]
    reference: str
    owner: str = ""
    state: AlertState | None = None
    about: tuple[int, ...] = ()
    listed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Headline:
    """The first message about an alert that somebody got: later ones follow it.

    Attributes
    ----------
    reference : str
        What its channel calls it.
    """

    reference: str
    title: str


@dataclass(frozen=True, slots=True)
class Notification:
    """A message that must go out exactly once, as a row before it is sent.

    Attributes
    ----------
    alert_number : int or None
        None where it is about many alerts at once (a group, a digest).
    revision : int
        The revision of the alert that it tells.
    thread_of : str
        Key of the notification below which it belongs; empty where it stands by itself, or
        below whatever stands for its alert.
    recipient : str
        Whose copy it is, of a receiver that is several people; empty where it is for the receiver.
    part_of : str
        Key of the notification that a copy was made of.
    number : int
        0 until stored.
    first : Headline or None
        What its recipient was told first about the same alert; None where this is the first.
    """

    key: str
    alert_number: int | None
    receiver: str
    reason: Reason
    message: Message
    created_at: datetime
    revision: int = 0
    thread_of: str = ""
    recipient: str = ""
    part_of: str = ""
    number: int = 0
    first: Headline | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG, and what it shows in words, for whoever does not see it."""

    png: bytes
    title: str
    words: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that a notification reached its receiver.

    Attributes
    ----------
    reference : str
        What the channel calls it.
    stands : bool
        It can be changed later: it is brought up to date instead of being followed by others.
    """

    receiver: str
    reference: str
    sent_at: datetime
    stands: bool = False
