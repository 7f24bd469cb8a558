"""The service's own tables: who leads, and which jobs have run."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Table
from sqlmodel import Field, SQLModel

from detector.columns import UtcDateTime


class LeaderRow(SQLModel, table=True):
    """Who last had the database to itself; one row, the lock itself is no row."""

    __tablename__ = "leader"

    id: int = Field(default=1, primary_key=True)
    boot_id: str
    command: str
    host: str
    pid: int
    since: datetime = Field(sa_type=UtcDateTime)
    heartbeat_at: datetime = Field(sa_type=UtcDateTime)


class JobRunRow(SQLModel, table=True):
    """That a job was begun for a day, and how it ended; ``ended_at`` is None until then."""

    __tablename__ = "job_run"

    job: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    started_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str = ""


def _table(model: type[SQLModel]) -> Table:
    table: Table = model.__table__  # type: ignore[attr-defined]  # SQLModel adds it at run time
    return table


LEADER = _table(LeaderRow)
JOB_RUN = _table(JobRunRow)
