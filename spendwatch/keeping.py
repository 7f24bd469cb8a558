"""Care for the data: a backup a day, what is old goes, and pages are looked at for damage."""

from __future__ import annotations

from datetime import time, timedelta
from typing import TYPE_CHECKING

from spendwatch import job_runs
from spendwatch.backups import Why, rotate, write_backup
from spendwatch.db_check import refuse_damaged
from spendwatch.retention import forget

if TYPE_CHECKING:
    from datetime import date, datetime

    from structlog.typing import FilteringBoundLogger

    from spendwatch.app import App

BACKUP, RETENTION, CHECK, FULL_CHECK = "backup", "retention", "check", "full check"
FULL_CHECK_EVERY = timedelta(days=7)


def check_data(app: App) -> None:
    """Look at every page, as each start does; what is wrong is noted, and raised."""
    today = app.clock().astimezone(app.directory.default_zone).date()
    job_runs.run(app.engine, CHECK, today, app.clock, lambda: refuse_damaged(app.engine))


def keep_data(app: App, log: FilteringBoundLogger) -> None:
    """Do what is due of the daily care; the backup comes before anything is removed."""
    now = app.clock()
    local = now.astimezone(app.directory.default_zone)
    begins = app.settings.service.backup_at
    if begins is not None and local.time() >= begins:
        _once(app, BACKUP, local, lambda: _back_up(app, now))
    if local.time() >= (begins or time()):
        _once(app, RETENTION, local, lambda: _forget(app, log, local.date()))
    checked_at = job_runs.last_done(app.engine, FULL_CHECK)
    if checked_at is None or now >= checked_at + FULL_CHECK_EVERY:
        _once(app, FULL_CHECK, local, lambda: refuse_damaged(app.engine, full=True))


def _once(app: App, job: str, local: datetime, work: job_runs.Work) -> None:
    if job_runs.is_due(app.engine, job, local.date(), app.clock()):
        job_runs.run(app.engine, job, local.date(), app.clock, work)


def _back_up(app: App, now: datetime) -> None:
    write_backup(app, now, Why.NIGHTLY)
    rotate(app.settings.service.backup_dir, now)


def _forget(app: App, log: FilteringBoundLogger, today: date) -> None:
    log.info("old_rows_removed", rows=forget(app, today))
