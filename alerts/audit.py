"""Whether everything that was to be told is told, or on its way: from what the database says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alerts.numbers import count, moment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

_MOST = 5


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found of decisions and messages.

    Attributes
    ----------
    untold : tuple of int
        Alerts of which a decision says that it was told, while no message tells it.
    claimed_since : datetime or None
        Since when the message is being sent that is being sent longest.
    lost : int
        Messages to the receiver of everything that were given up: nobody else is told of them.
    """

    untold: tuple[int, ...] = ()
    claimed_since: datetime | None = None
    lost: int = 0

    def shortcomings(self, now: datetime, lease: timedelta) -> Iterator[str]:
        """Say what is not as it should be, the gravest first; no name stands in it.

        Parameters
        ----------
        now : datetime
        lease : timedelta
            How long a message may take to be sent.
        """
        if self.untold:
            listed = ", ".join(f"A-{number}" for number in self.untold[:_MOST])
            more = f" and {len(self.untold) - _MOST} more" if len(self.untold) > _MOST else ""
            yield f"no message tells what was decided to tell of {listed}{more}"
        if self.lost:
            yield f"{count(self.lost, 'message')} to the receiver of everything given up"
        if self.claimed_since and now - self.claimed_since > lease:
            yield f"a message is being sent since {moment(self.claimed_since)}"
