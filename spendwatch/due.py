"""What is due, as the database tells it; the scheduler only asks, ever again.

Pure functions of what was done so far and the time: after downtime they find all that was missed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=1)
_DOUBLINGS = 10
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One time a source was asked.

    Attributes
    ----------
    ended_at : datetime or None
        None where it has not answered, and where the process that asked is gone.
    error : str
        Why it gave no answer; empty where it did.
    """

    started_at: datetime
    ended_at: datetime | None = None
    error: str = ""

    @property
    def answered(self) -> bool:
        """Whether the source gave an answer."""
        return self.ended_at is not None and not self.error


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often sources are asked, and how long is waited for them; from the settings.

    Attributes
    ----------
    refresh : timedelta
        How long after an answer a source is asked again, for rows that come late.
    patience : timedelta
        How long a day waits for sources that do not answer, before it is judged without them.
    running : timedelta
        How long after an answer a source is asked again for the days that still run.
    """

    refresh: timedelta = timedelta(hours=6)
    patience: timedelta = timedelta(hours=1)
    running: timedelta = timedelta(minutes=30)


def pull_due(
    attempts: Sequence[Attempt], settled_at: datetime, now: datetime, rhythm: Rhythm
) -> bool:
    """Return whether a source is to be asked now.

    Parameters
    ----------
    attempts : sequence of Attempt
        Of this source, oldest first; none of them goes on.
    settled_at : datetime
        When the newest day that is over was settled: what was answered before may lack rows of it.
    now : datetime
        UTC-aware.
    rhythm : Rhythm

    Examples
    --------
    >>> from datetime import UTC
    >>> six = datetime(2026, 11, 13, 6, tzinfo=UTC)
    >>> answered = Attempt(six, six)
    >>> pull_due([answered], six, six + timedelta(hours=5), Rhythm())
    False
    >>> pull_due([answered], six + timedelta(days=1), six + timedelta(days=1), Rhythm())
    True
    """
    last = attempts[-1] if attempts else None
    if last is None or last.ended_at is None:
        return True
    if last.error:
        return now >= last.ended_at + _retry_after(attempts)
    return last.started_at < settled_at or now >= last.started_at + rhythm.refresh


def running_pull_due(attempts: Sequence[Attempt], now: datetime, rhythm: Rhythm) -> bool:
    """Return whether a source is to be asked now for the days that still run.

    Parameters
    ----------
    attempts : sequence of Attempt
        To ask this source for those days, oldest first; none of them goes on.
    now : datetime
        UTC-aware.
    rhythm : Rhythm

    Examples
    --------
    >>> from datetime import UTC
    >>> ten = datetime(2026, 11, 13, 10, tzinfo=UTC)
    >>> running_pull_due([Attempt(ten, ten)], ten + timedelta(minutes=29), Rhythm())
    False
    >>> running_pull_due([Attempt(ten, ten)], ten + timedelta(minutes=30), Rhythm())
    True
    """
    return pull_due(attempts, _NEVER, now, replace(rhythm, refresh=rhythm.running))


def ready_to_judge(
    attempts: Mapping[str, Sequence[Attempt]], settled_at: datetime, now: datetime, rhythm: Rhythm
) -> bool:
    """Return whether every source has answered for the newest day, or was waited for long enough.

    Parameters
    ----------
    attempts : mapping of str to sequence of Attempt
        By source in service, oldest first.
    settled_at : datetime
        As for :func:`pull_due`.
    now : datetime
        UTC-aware.
    rhythm : Rhythm

    Examples
    --------
    >>> from datetime import UTC
    >>> six = datetime(2026, 11, 13, 6, tzinfo=UTC)
    >>> failed = Attempt(six, six, "no route to host")
    >>> ready_to_judge({"gateway": [failed]}, six, six + timedelta(minutes=59), Rhythm())
    False
    >>> ready_to_judge({"gateway": [failed]}, six, six + timedelta(minutes=60), Rhythm())
    True
    """
    return all(_waited_for(each, settled_at, now, rhythm) for each in attempts.values())


def _waited_for(
    attempts: Sequence[Attempt], settled_at: datetime, now: datetime, rhythm: Rhythm
) -> bool:
    since = [each for each in attempts if each.started_at >= settled_at]
    if any(each.answered for each in since):
        return True
    return bool(since) and now >= since[0].started_at + rhythm.patience


def _retry_after(attempts: Sequence[Attempt]) -> timedelta:
    """Wait twice as long after each failure in a row."""
    failures = 0
    for each in reversed(attempts):
        if not each.error:
            break
        failures += 1
    return min(LONGEST_RETRY, FIRST_RETRY * (1 << min(failures - 1, _DOUBLINGS)))
