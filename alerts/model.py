"""Alerts, answers and messages: the values the alerting half works with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from detector.model import Finding, FindingKind, Severity


class AlertState(StrEnum):
    """Where an alert is in its life."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    DISMISSED = "dismissed"
    RESOLVED = "resolved"


class Verdict(StrEnum):
    """Why an alert was dismissed, and so what it teaches."""

    REAL = "real"
    EXPECTED = "expected"
    NEW_NORMAL = "new_normal"
    FALSE_ALARM = "false_alarm"
    DATA_ERROR = "data_error"


class Verb(StrEnum):
    """What a person can do with an alert."""

    ACKNOWLEDGE = "acknowledge"
    DISMISS = "dismiss"


class Change(StrEnum):
    """What a day's judgement did to an alert."""

    OPENED = "opened"
    UPDATED = "updated"
    WORSE = "worse"
    REVISED = "revised"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"
    UNCHANGED = "unchanged"


class Reason(StrEnum):
    """Why a notification was written, or why it was held back."""

    NEW = "new"
    WORSE = "worse"
    REVISED = "revised"
    RESOLVED = "resolved"
    ALREADY_TOLD = "already told"
    ACKNOWLEDGED = "acknowledged"
    DISMISSED = "dismissed"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class AbnormalDay:
    """What was last judged of one abnormal day of an alert.

    Attributes
    ----------
    magnitude : int
        The finding's magnitude on that day.
    actual_micro_usd : int or None
        That day's cost; None where the kind has none.
    excess_micro_usd : int
        Actual minus expected; 0 where the kind has neither.
    told_micro_usd : int
        The excess a person was last told of for that day.
    """

    day: date
    severity: Severity
    magnitude: int
    actual_micro_usd: int | None = None
    excess_micro_usd: int = 0
    told_micro_usd: int = 0


@dataclass(frozen=True, slots=True)
class AlertRules:
    """When an alert that was told is told again, and when it ends; from the settings.

    Attributes
    ----------
    worse_factor : float
        Worse means at least this many times the magnitude last told.
    revised_share : float
        A day judged again is told again when its excess moved by more than this share of what
        was told, and by more than ``revised_micro_usd``.
    normal_days : int
        Normal days that end a spend spike, a spend drop or an attribution gap.
    """

    worse_factor: float = 1.5
    revised_share: float = 0.05
    revised_micro_usd: int = 1_000_000
    normal_days: int = 2


@dataclass(frozen=True, slots=True)
class Alert:
    """One condition that lasts, told once.

    Attributes
    ----------
    number : int
        What people call it (``A-12`` is number 12); 0 until stored.
    fingerprint : str
        Kind + tenant + subject + period; never the value.
    finding : Finding
        The newest finding, as last judged.
    abnormal : tuple of AbnormalDay
        The abnormal days so far, ascending; empty once all of them were withdrawn.
    judged_day : date
        The newest day that was judged for this alert.
    normal_days : int
        Normal days judged since the last abnormal one.
    told_magnitude : int
        The magnitude that was last told.
    ended : bool
        The condition is over; a new finding opens a new alert.
    announced : bool
        Somebody was told that the condition holds; False after it came back at a level that
        had been told before, so that its end is not told either.
    revision : int
        Grows with every change that a person can see.
    """

    number: int
    fingerprint: str
    state: AlertState
    finding: Finding
    abnormal: tuple[AbnormalDay, ...]
    opened_at: datetime
    updated_at: datetime
    judged_day: date
    normal_days: int = 0
    told_magnitude: int = 0
    ended: bool = False
    announced: bool = True
    revision: int = 1

    @property
    def days(self) -> tuple[date, ...]:
        """The abnormal days so far, ascending."""
        return tuple(judged.day for judged in self.abnormal)

    def on(self, day: date) -> AbnormalDay | None:
        """Return what was judged of ``day``; None where it is not abnormal."""
        return next((judged for judged in self.abnormal if judged.day == day), None)

    @property
    def kind(self) -> FindingKind:
        """The finding's kind."""
        return self.finding.kind

    @property
    def tenant(self) -> str:
        """The finding's tenant; empty where it concerns the installation."""
        return self.finding.tenant

    @property
    def severity(self) -> Severity:
        """The finding's severity."""
        return self.finding.severity


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of one person; never changed once stored."""

    alert_number: int
    verb: Verb
    actor: str
    at: datetime
    from_state: AlertState
    to_state: AlertState
    verdict: Verdict | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Teaching:
    """How strongly answers teach; from the settings."""

    false_alarm_factor: float = 1.25
    false_alarm_lasts: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Action:
    """Something the reader can do, with the exact command for it."""

    label: str
    command: str


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
        ``critical``, ``warning``, ``notice``, ``calm`` (answered or over).
    title : str
        One line that says whether to act.
    reference : str
        Alert number, kind and state.
    """

    tone: str
    title: str
    lines: tuple[Line, ...]
    actions: tuple[Action, ...]
    reference: str


@dataclass(frozen=True, slots=True)
class Notification:
    """A message that must go out exactly once, as a row before it is sent."""

    key: str
    alert_number: int
    receiver: str
    reason: Reason
    message: Message
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that a notification reached its receiver."""

    receiver: str
    reference: str
    sent_at: datetime
