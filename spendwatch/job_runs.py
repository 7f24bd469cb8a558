"""Jobs that are done once a day: a row before the work, its outcome after it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from spendwatch.db import reading, writing
from spendwatch.tables import JOB_RUN

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy import Engine

Work = Callable[[], object]

TRY_AGAIN_AFTER = timedelta(hours=1)
"""After a failure, or where a run before was killed."""


def is_due(engine: Engine, job: str, day: date, now: datetime) -> bool:
    """Whether a job was not done for a day, nor tried a short while ago."""
    mine = (JOB_RUN.c.job == job, JOB_RUN.c.day == day)
    with reading(engine) as session:
        row = session.connection().execute(select(JOB_RUN).where(*mine)).one_or_none()
    if row is None:
        return True
    done = row.ended_at is not None and not row.error
    return not done and now >= row.started_at + TRY_AGAIN_AFTER


def last_done(engine: Engine, job: str) -> datetime | None:
    """Return when a job last ended well; None where it never has."""
    ended = select(JOB_RUN.c.ended_at).where(JOB_RUN.c.job == job, JOB_RUN.c.error == "")
    with reading(engine) as session:
        newest: datetime | None = (
            session.connection().execute(ended.order_by(JOB_RUN.c.day.desc()).limit(1)).scalar()
        )
    return newest


def last_error(engine: Engine, job: str) -> str:
    """Return why a job failed when it last ended; empty where it did not."""
    error = select(JOB_RUN.c.error).where(JOB_RUN.c.job == job, JOB_RUN.c.ended_at.is_not(None))
    with reading(engine) as session:
        newest: str | None = (
            session.connection().execute(error.order_by(JOB_RUN.c.day.desc()).limit(1)).scalar()
        )
    return newest or ""


def run(engine: Engine, job: str, day: date, clock: Callable[[], datetime], work: Work) -> None:
    """Do a job and note how it ended; what goes wrong is noted and raised."""
    mine = (JOB_RUN.c.job == job, JOB_RUN.c.day == day)
    with writing(engine) as session:
        session.connection().execute(delete(JOB_RUN).where(*mine))
        row = {"job": job, "day": day, "started_at": clock(), "ended_at": None, "error": ""}
        session.connection().execute(insert(JOB_RUN), [row])
    error = ""
    try:
        work()
    except Exception as failure:
        error = str(failure) or type(failure).__name__
        raise
    finally:
        with writing(engine) as session:
            ended = {"ended_at": clock(), "error": error}
            session.connection().execute(update(JOB_RUN).where(*mine).values(**ended))
