"""Which backups are kept: what their names say, and which of them are old enough to go."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

KEPT_DAYS, KEPT_WEEKS = 7, 4
KEPT_AFTER_UPGRADE = timedelta(days=30)
_STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"spendwatch-(\d{8}T\d{6}Z)(-before-upgrade)?\.db")


@dataclass(frozen=True, slots=True, order=True)
class Backup:
    """When a backup was made (UTC, to the second), and whether an upgrade was to follow."""

    made_at: datetime
    before_upgrade: bool = False

    @property
    def name(self) -> str:
        """The file's name."""
        ending = "-before-upgrade" if self.before_upgrade else ""
        return f"spendwatch-{stamp(self.made_at)}{ending}.db"


def stamp(at: datetime) -> str:
    """Return a moment as it stands in a file's name.

    Examples
    --------
    >>> stamp(datetime(2026, 11, 24, 6, 10, tzinfo=UTC))
    '20261124T061000Z'
    """
    return at.astimezone(UTC).strftime(_STAMP)


def named(name: str) -> Backup | None:
    """Return the backup that a file's name tells of; None where it is no name of ours.

    Examples
    --------
    >>> named("spendwatch-20261124T061000Z.db").made_at.isoformat()
    '2026-11-24T06:10:00+00:00'
    >>> named("spendwatch-20261199T061000Z.db"), named("notes.db")
    (None, None)
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    try:
        made_at = datetime.strptime(found[1], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Backup(made_at, before_upgrade=found[2] is not None)


def to_remove(backups: Iterable[Backup], now: datetime) -> tuple[Backup, ...]:
    """Return the backups that need no longer be kept.

    Parameters
    ----------
    backups : iterable of Backup
        All there are, in any order.
    now : datetime
        UTC-aware.

    Returns
    -------
    tuple of Backup
        Oldest first. Never among them: the newest of each of the 7 newest days (UTC) that have
        one, the newest of each of the 4 newest weeks (from Monday) that have one, what was made
        before an upgrade within 30 days, and what claims to come from the future, as a clock that
        was set back leaves it.
    """
    past = sorted(backup for backup in backups if backup.made_at <= now)
    daily = {backup.made_at.date(): backup for backup in past}
    weekly = {backup.made_at.isocalendar()[:2]: backup for backup in past}
    # The last of a span wins, and spans stay in the order in which they were met.
    kept = {*list(daily.values())[-KEPT_DAYS:], *list(weekly.values())[-KEPT_WEEKS:]}
    return tuple(
        backup
        for backup in past
        if backup not in kept
        and not (backup.before_upgrade and now - backup.made_at <= KEPT_AFTER_UPGRADE)
    )
