"""The backups of an installation: one more, and the old ones taken away."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from spendwatch.db_backup import DRAFT, back_up
from spendwatch.logs import logger
from spendwatch.rotation import named, to_remove

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from spendwatch.app import App

ABANDONED_AFTER = timedelta(days=1)
"""A draft this old belongs to nobody any more: its process was killed."""


class Why(StrEnum):
    """What a backup is made for."""

    NIGHTLY = "nightly"
    ASKED = "asked for"


def write_backup(app: App, now: datetime, why: Why) -> Path:
    """Write a backup into the installation's folder and return where it is; raises BackupError."""
    file = back_up(app.engine, app.settings.service.backup_dir, now)
    logger().info("backup_written", path=str(file), bytes=file.stat().st_size, why=why.value)
    return file


def rotate(folder: Path, now: datetime) -> tuple[Path, ...]:
    """Remove the backups that need no longer be kept, and what killed processes left.

    Whatever has no name of ours stays, whoever put it there.
    """
    if not folder.is_dir():
        return ()
    known = {backup: folder / backup.name for backup in map(named, _names(folder)) if backup}
    removed = [known[backup] for backup in to_remove(known, now)]
    removed += _abandoned(folder, now)
    for file in removed:
        file.unlink(missing_ok=True)
        logger().info("backup_removed", path=str(file))
    return tuple(removed)


def _names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def _abandoned(folder: Path, now: datetime) -> list[Path]:
    before = (now - ABANDONED_AFTER).timestamp()
    drafts = folder.glob(f".spendwatch-*{DRAFT}*")
    return sorted(file for file in drafts if file.stat().st_mtime < before)
