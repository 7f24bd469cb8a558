"""What is old enough to go: costs and what led to them; alerts, decisions and answers never."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from alerts.outbox_queries import SETTLED
from alerts.tables import NOTIFICATION
from detector.tables import (
    API_DAY,
    COST_DAY,
    COST_REVISION,
    JUDGED_DAY,
    PULL,
    REJECTED_ROW,
    SLOT_DAY,
    SOURCE_DAY,
    USAGE_SLOT,
    USE_BY_IDS,
)
from spendwatch.db import reading, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

    from sqlalchemy import ColumnElement, Engine, Table

    from spendwatch.app import App

SLOT_DAYS = 45
"""Parts of a day are needed only until the day can no longer be revised."""
AT_ONCE_DAYS = 7
"""Days removed in one transaction, so that nobody waits long."""


def forget(app: App, today: date, on_step: Callable[[str], None] = lambda _words: None) -> int:
    """Remove what is older than is kept, a few days at a time; return how many rows that were."""
    before = today - timedelta(days=app.settings.service.retention_days)
    slots_before = today - timedelta(days=SLOT_DAYS)
    removed = 0
    for table, column, limit in (
        (USAGE_SLOT, USAGE_SLOT.c.start_at, _midnight(slots_before)),
        (SLOT_DAY, SLOT_DAY.c.utc_day, slots_before),
        (COST_REVISION, COST_REVISION.c.day, before),
        (COST_DAY, COST_DAY.c.day, before),
        (SOURCE_DAY, SOURCE_DAY.c.day, before),
        (API_DAY, API_DAY.c.day, before),
        (USE_BY_IDS, USE_BY_IDS.c.day, before),
        (JUDGED_DAY, JUDGED_DAY.c.day, before),
    ):
        on_step(f"removing old rows of {table.name}")
        removed += _remove_by_day(app.engine, table, column, limit)
    return removed + _remove_pulls(app.engine, before) + _remove_messages(app.engine, before)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _remove_by_day(engine: Engine, table: Table, column: ColumnElement[date], before: date) -> int:
    return sum(_remove(engine, table, column < end) for end in _ends(engine, column, before))


def _ends(engine: Engine, column: ColumnElement[date], before: date) -> Iterator[date]:
    """Go in steps of days from the oldest row to the limit."""
    with reading(engine) as session:
        oldest = session.connection().execute(select(func.min(column))).scalar()
    while oldest is not None and oldest < before:
        oldest = min(oldest + timedelta(days=AT_ONCE_DAYS), before)
        yield oldest


def _remove(engine: Engine, table: Table, *conditions: ColumnElement[bool]) -> int:
    with writing(engine) as session:
        removed: int = session.connection().execute(delete(table).where(*conditions)).rowcount
    return removed


def _remove_pulls(engine: Engine, before: date) -> int:
    """Remove old pulls with what they had to refuse."""
    old = PULL.c.started_at < _midnight(before)
    rows = _remove(engine, REJECTED_ROW, REJECTED_ROW.c.pull_id.in_(select(PULL.c.id).where(old)))
    return rows + _remove(engine, PULL, old)


def _remove_messages(engine: Engine, before: date) -> int:
    old = NOTIFICATION.c.created_at < _midnight(before)
    return _remove(engine, NOTIFICATION, old, NOTIFICATION.c.state.in_(SETTLED))
