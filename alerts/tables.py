"""The tables of the alerting half; every enum is stored as its plain value."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Table
from sqlmodel import Field, SQLModel

from detector.columns import UtcDateTime


class AlertRow(SQLModel, table=True):
    """One alert as it stands; unique by fingerprint."""

    __tablename__ = "alert"
    __table_args__ = (
        Index("ix_alert_condition", "kind", "tenant", "subject"),
        Index("ix_alert_ended", "ended", "judged_day"),
        Index("ix_alert_updated_at", "updated_at"),
    )

    number: int | None = Field(default=None, primary_key=True)
    fingerprint: str = Field(unique=True)
    kind: str
    tenant: str = Field(index=True)
    subject: str
    severity: str
    state: str = Field(index=True)
    ended: bool
    announced: bool
    judged_day: date
    normal_days: int
    told_magnitude: int = Field(sa_type=BigInteger)
    revision: int
    opened_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    snoozed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    held: str | None = None
    told_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reminded: bool = False
    escalated: bool = False
    open_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finding: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    abnormal: list[Any] = Field(sa_column=Column(JSON, nullable=False))


class ReplyRow(SQLModel, table=True):
    """One answer of one person; rows are only ever added."""

    __tablename__ = "reply"

    number: int | None = Field(default=None, primary_key=True)
    alert_number: int = Field(foreign_key="alert.number", index=True)
    verb: str
    verdict: str | None
    actor: str
    note: str
    from_state: str
    to_state: str
    at: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    magnitude: int = Field(default=0, sa_type=BigInteger)
    undoes: int | None = None
    seen: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))


class DecisionRow(SQLModel, table=True):
    """What one day's judgement changed, and whether that was told or held back, and why."""

    __tablename__ = "decision"
    __table_args__ = (Index("ix_decision_reason", "reason", "notified"),)

    number: int | None = Field(default=None, primary_key=True)
    alert_number: int = Field(foreign_key="alert.number", index=True)
    day: date
    change: str
    reason: str
    notified: bool
    detail: str = ""
    message_key: str = ""
    at: datetime = Field(sa_type=UtcDateTime)


class SilenceRow(SQLModel, table=True):
    """Alerts that shall not speak for a time; ended early by moving its end."""

    __tablename__ = "silence"

    number: int | None = Field(default=None, primary_key=True)
    tenant: str
    kind: str | None
    severity: str | None
    starts_at: datetime = Field(sa_type=UtcDateTime)
    ends_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
    comment: str
    author: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    ended_by: str = ""


class PlannedEventRow(SQLModel, table=True):
    """Spend that was announced beforehand; ended early by moving its last day."""

    __tablename__ = "planned_event"

    number: int | None = Field(default=None, primary_key=True)
    tenant: str = Field(index=True)
    first_day: date
    last_day: date
    ceiling_micro_usd: int = Field(sa_type=BigInteger)
    comment: str
    author: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    ended_by: str = ""


class NotificationRow(SQLModel, table=True):
    """A message that must go out exactly once: new, sending, sent."""

    __tablename__ = "notification"
    __table_args__ = (Index("ix_notification_state", "state", "number"),)

    number: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)
    alert_number: int | None = Field(foreign_key="alert.number", index=True)
    receiver: str
    reason: str
    message: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    state: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    attempts: int = 0
    acts: list[Any] = Field(sa_column=Column(JSON, nullable=False, default=list))
    first_tried_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    claimed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reference: str = ""
    error: str = ""
    unsure_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    unsure_tries: int = 0
    revision: int = 0
    thread_of: str = Field(default="", index=True)
    recipient: str = ""
    part_of: str = Field(default="", index=True)


class RecipientRow(SQLModel, table=True):
    """One address of a receiver that was refused, or that asked to be left out."""

    __tablename__ = "recipient"

    receiver: str = Field(primary_key=True)
    address: str = Field(primary_key=True)
    refusals: int = 0
    stopped_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    why: str = ""


class PostingRow(SQLModel, table=True):
    """The one message that stands for an alert at a receiver, and which revision it shows."""

    __tablename__ = "posting"

    alert_number: int = Field(foreign_key="alert.number", primary_key=True)
    receiver: str = Field(primary_key=True)
    reference: str
    revision: int
    posted_at: datetime = Field(sa_type=UtcDateTime)
    edited_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempts: int = 0
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str = ""


def _table(model: type[SQLModel]) -> Table:
    table: Table = model.__table__  # type: ignore[attr-defined]  # SQLModel adds it at run time
    return table


# Many rows at once are written past the ORM, which would take as long again.
ALERT = _table(AlertRow)
DECISION = _table(DecisionRow)
NOTIFICATION = _table(NotificationRow)
POSTING = _table(PostingRow)
REPLY = _table(ReplyRow)
