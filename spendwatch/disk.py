"""How much room is left where the database is kept."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from spendwatch.db_engines import sqlite_file

if TYPE_CHECKING:
    from pathlib import Path

    from spendwatch.settings import Settings

MB = 1_000_000


def kept_in(settings: Settings) -> Path:
    """Return the folder that fills: the database's, or the data folder where a server keeps it."""
    file = sqlite_file(settings.service.database_url)
    return file.parent if file else settings.service.data_dir


def short_of_room(settings: Settings) -> str:
    """Say that there is too little room to go on, and where; empty where there is enough."""
    folder = kept_in(settings)
    if not folder.exists():
        return ""
    free, least = shutil.disk_usage(folder).free, settings.service.min_free_mb * MB
    if free >= least:
        return ""
    return f"{free / MB:,.0f} MB are left in {folder}, and {least / MB:,.0f} MB are needed to go on"
