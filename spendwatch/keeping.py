"""Care for the data, once a day: what is old goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spendwatch import job_runs
from spendwatch.retention import forget

if TYPE_CHECKING:
    from datetime import date

    from structlog.typing import FilteringBoundLogger

    from spendwatch.app import App

RETENTION = "retention"


def keep_data(app: App, log: FilteringBoundLogger) -> None:
    """Do what is due of the daily care."""
    today = app.clock().astimezone(app.directory.default_zone).date()
    if job_runs.is_due(app.engine, RETENTION, today, app.clock()):
        job_runs.run(app.engine, RETENTION, today, app.clock, lambda: _forget(app, log, today))


def _forget(app: App, log: FilteringBoundLogger, today: date) -> None:
    log.info("old_rows_removed", rows=forget(app, today))
