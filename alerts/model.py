"""Alerts, answers and messages: the values the alerting half works with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from detector.model import Severity

if TYPE_CHECKING:
    from detector.model import Finding, FindingKind


class AlertState(StrEnum):
    """Where an alert is in its life."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    DISMISSED = "dismissed"
    RESOLVED = "resolved"


ANSWERED = frozenset({AlertState.ACKNOWLEDGED, AlertState.SNOOZED, AlertState.DISMISSED})
"""States a person brought the alert into: quiet unless it gets worse than what was answered."""


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
    SNOOZE = "snooze"
    UNDO = "undo"


class Change(StrEnum):
    """What a day's judgement, or time alone (the last four), did to an alert."""

    OPENED = "opened"
    UPDATED = "updated"
    WORSE = "worse"
    REVISED = "revised"
    RESOLVED = "resolved"
    REPLACED = "replaced"
    REMOVED = "removed"
    WITHDRAWN = "withdrawn"
    UNCHANGED = "unchanged"
    WOKEN = "snooze ended"
    REMINDED = "unanswered"
    ESCALATED = "unanswered, told further up"
    RELEASED = "held back until now"


UNANSWERED = frozenset({Change.REMINDED, Change.ESCALATED})
"""What is told because nobody has answered what was told before."""


class Reason(StrEnum):
    """Why a notification was written, or why it was held back."""

    NEW = "new"
    WORSE = "worse"
    REVISED = "revised"
    RESOLVED = "resolved"
    REMINDER = "reminder"
    ESCALATION = "escalation"
    ALREADY_TOLD = "already told"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    DISMISSED = "dismissed"
    REPLACED = "replaced"
    SILENCED = "silenced"
    PLANNED = "planned"
    QUIET_HOURS = "quiet hours"
    LEARNING = "learning"
    LATE = "judged late"
    GROUPED = "grouped"
    DIGEST = "digest"
    SERVICE = "service"
    CHART = "chart"


HELD_FOR_NOW = frozenset(
    {Reason.SILENCED, Reason.PLANNED, Reason.LEARNING, Reason.QUIET_HOURS, Reason.LATE}
)
"""Reasons that pass by themselves: the news is decided again then, and a digest tells of it."""


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
    normal_before : int
        Normal days that had been counted when it came; they count again if it is taken back.
    method : str
        The method that judged it; empty where the kind has none, or none was kept.
    quiet_bar : float or None
        The least bar with which it would not have been found; None where none would do.
    quiet_micro_usd : int or None
        Every dollar floor above it would have kept it from being found; None where none would do.
    early : bool
        It was judged while it ran, and is not judged for good yet.
    """

    day: date
    severity: Severity
    magnitude: int
    actual_micro_usd: int | None = None
    excess_micro_usd: int = 0
    told_micro_usd: int = 0
    normal_before: int = 0
    method: str = ""
    quiet_bar: float | None = None
    quiet_micro_usd: int | None = None
    early: bool = False


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
    remind_after : timedelta or None
        How long after it was told an open alert is told once more; None is never.
    escalate_after : timedelta or None
        How long after it was told an open alert is told to somebody else; None is never.
    escalate_from : Severity
        The least grave of which somebody else is told.
    """

    worse_factor: float = 1.5
    revised_share: float = 0.05
    revised_micro_usd: int = 1_000_000
    normal_days: int = 2
    remind_after: timedelta | None = timedelta(hours=24)
    escalate_after: timedelta | None = None
    escalate_from: Severity = Severity.CRITICAL


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
        The magnitude that was last told; 0 where nothing was, or all of it was withdrawn.
    ended : bool
        The condition is over; a new finding opens a new alert.
    announced : bool
        People believe that it lasts, as they were told so or have answered; False once they were
        told of its end, or after it came back at a level that had been told before.
    revision : int
        Grows with every change that a person can see.
    snoozed_until : datetime or None
        When the snooze ends (UTC-aware); None where it is not snoozed.
    held : Reason or None
        What keeps its newest news back for now (a silence, quiet hours); None where nothing does.
    told_at : datetime or None
        When it was last told, so that nobody's answer is reminded of too early.
    reminded : bool
        It was told once more because nobody had answered; told news makes it False again.
    escalated : bool
        It was told to somebody else because nobody had answered; once it is open anew, it may be
        again.
    open_since : datetime or None
        When it became open, at first or again; None is ``opened_at``.
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
    announced: bool = False
    revision: int = 1
    snoozed_until: datetime | None = None
    held: Reason | None = None
    told_at: datetime | None = None
    reminded: bool = False
    escalated: bool = False
    open_since: datetime | None = None

    @property
    def days(self) -> tuple[date, ...]:
        """The abnormal days so far, ascending."""
        return tuple(judged.day for judged in self.abnormal)

    @property
    def seen(self) -> Seen:
        """What a person who answers it now has seen."""
        return Seen(
            self.told_magnitude,
            self.announced,
            self.held,
            last_day=self.days[-1] if self.abnormal else None,
            largest_excess_micro_usd=max(
                (abs(judged.excess_micro_usd) for judged in self.abnormal), default=0
            ),
        )

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
class Seen:
    """What an alert was when it was answered: what an undo restores, and all an answer teaches.

    Attributes
    ----------
    told_magnitude, announced, held
        As the alert had them.
    last_day : date or None
        Its newest abnormal day.
    largest_excess_micro_usd : int
        Of its abnormal days, whatever the sign.
    """

    told_magnitude: int
    announced: bool
    held: Reason | None
    last_day: date | None
    largest_excess_micro_usd: int


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of one person; never changed once stored.

    Attributes
    ----------
    until : datetime or None
        When a snooze ends; of a dismissal, midnight (UTC) of the last day that was named.
    magnitude : int
        The alert's magnitude when it was answered: it wakes when it gets worse than that.
    undoes : int or None
        Number of the reply that an undo takes back.
    seen : Seen or None
        None where that was not kept.
    number : int
        0 until stored.
    """

    alert_number: int
    verb: Verb
    actor: str
    at: datetime
    from_state: AlertState
    to_state: AlertState
    verdict: Verdict | None = None
    note: str = ""
    until: datetime | None = None
    magnitude: int = 0
    undoes: int | None = None
    number: int = 0
    seen: Seen | None = None

    @property
    def last_day(self) -> date | None:
        """The last day that a dismissal named; None where none was."""
        return self.until.date() if self.until and self.verb is Verb.DISMISS else None


@dataclass(frozen=True, slots=True)
class Teaching:
    """How strongly answers teach; from the settings."""

    false_alarm_factor: float = 1.25
    false_alarm_lasts: timedelta = timedelta(days=30)
