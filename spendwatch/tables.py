"""The service's own tables: who leads, which jobs have run, how Slack and itself stand."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Table
from sqlmodel import Field, SQLModel

from detector.columns import UtcDateTime


class LeaderRow(SQLModel, table=True):
    """Who last had the database to itself; one row, the lock itself is no row.

    ``ended_at`` is None until it has ended as it should. ``died_at`` is when a service was last
    heard of that did not, and of which nobody was told so far.
    """

    __tablename__ = "leader"

    id: int = Field(default=1, primary_key=True)
    boot_id: str
    command: str
    host: str
    pid: int
    since: datetime = Field(sa_type=UtcDateTime)
    heartbeat_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    died_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class JobRunRow(SQLModel, table=True):
    """That a job was begun for a day, and how it ended; ``ended_at`` is None until then."""

    __tablename__ = "job_run"

    job: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    started_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str = ""


class SlackStandingRow(SQLModel, table=True):
    """How the service last found its Slack account to stand; one row.

    Of ``connected_since`` and ``deaf_since`` at most one is set; neither where there is no app
    token, so that nobody listens. ``refused`` is empty while the bot token is accepted.
    """

    __tablename__ = "slack_standing"

    id: int = Field(default=1, primary_key=True)
    noted_at: datetime = Field(sa_type=UtcDateTime)
    connected_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    deaf_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    refused: str = ""
    refused_since: datetime | None = Field(default=None, sa_type=UtcDateTime)


class VerificationRow(SQLModel, table=True):
    """What the service last found when it audited itself; one row.

    ``wrong`` is empty where all was well; ``error`` says why the heartbeat was not taken.
    """

    __tablename__ = "verification"

    id: int = Field(default=1, primary_key=True)
    checked_at: datetime = Field(sa_type=UtcDateTime)
    wrong: str = ""
    verified_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str = ""


def _table(model: type[SQLModel]) -> Table:
    table: Table = model.__table__  # type: ignore[attr-defined]  # SQLModel adds it at run time
    return table


LEADER = _table(LeaderRow)
JOB_RUN = _table(JobRunRow)
SLACK_STANDING = _table(SlackStandingRow)
VERIFICATION = _table(VerificationRow)
