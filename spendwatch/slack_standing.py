"""How the service's Slack account stands, noted in the database for whoever looks from outside."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from alerts.numbers import moment
from spendwatch.db import writing
from spendwatch.tables import SLACK_STANDING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from sqlalchemy import Engine
    from sqlmodel import Session

UNHEARD_AFTER = timedelta(seconds=60)
"""A connection is renewed every few hours; whoever is deaf for longer than this is at fault."""
UNKNOWN_AFTER = timedelta(minutes=3)
"""It is noted once a minute; what is older than this tells nothing."""
_MORE = "`spendwatch check --live` says more"


@dataclass(frozen=True, slots=True)
class SlackStanding:
    """How the account stood when it was noted.

    Attributes
    ----------
    connected_since, deaf_since : datetime or None
        At most one is set; neither where there is no app token, so that nobody listens.
    answered_at : datetime or None
        When a call succeeded last.
    refused : str
        Why the bot token is refused; empty while it is accepted.
    """

    noted_at: datetime
    connected_since: datetime | None = None
    deaf_since: datetime | None = None
    answered_at: datetime | None = None
    refused: str = ""
    refused_since: datetime | None = None

    def faults(self, now: datetime) -> Iterator[str]:
        """Say what is wrong, the gravest first."""
        if now > self.noted_at + UNKNOWN_AFTER:
            yield f"how Slack stands was last noted {moment(self.noted_at)}"
            return
        found = list(self._faults(now))
        yield from found[:-1]
        yield from (f"{words}; {_MORE}" for words in found[-1:])

    def _faults(self, now: datetime) -> Iterator[str]:
        if self.refused and self.refused_since:
            since = moment(self.refused_since)
            yield f"Slack refuses the token since {since} ({self.refused}): nothing is sent"
        if self.deaf_since and self.deaf_for(now) > UNHEARD_AFTER:
            yield f"nobody in Slack is heard since {moment(self.deaf_since)}: no button works"

    def deaf_for(self, now: datetime) -> timedelta:
        """Return for how long nobody has been heard."""
        return now - self.deaf_since if self.deaf_since else timedelta()

    def words(self, said: Callable[[datetime], str], *, posts: bool = False) -> str:
        """Say for people how it stands; ``said`` words a time, ``posts``: Slack does, over HTTP."""
        parts = [self._heard(said, posts=posts)]
        if self.refused and self.refused_since:
            parts.append(f"token refused since {said(self.refused_since)} ({self.refused})")
        parts.append(f"answered last {said(self.answered_at)}" if self.answered_at else "no answer")
        return ", ".join(parts)

    def _heard(self, said: Callable[[datetime], str], *, posts: bool) -> str:
        if self.connected_since:
            return f"connected since {said(self.connected_since)}"
        if self.deaf_since:
            return f"nobody is heard since {said(self.deaf_since)}"
        return "heard over HTTP" if posts else "no app token, so nobody is heard"


def slack_standing_of(session: Session) -> SlackStanding | None:
    """Return what was noted last; None where nothing ever was."""
    row = session.connection().execute(select(SLACK_STANDING)).one_or_none()
    if row is None:
        return None
    return SlackStanding(*(getattr(row, each.name) for each in fields(SlackStanding)))


def write_slack_standing(engine: Engine, standing: SlackStanding) -> None:
    """Note how it stands, in place of what was noted before."""
    with writing(engine) as session:
        session.connection().execute(delete(SLACK_STANDING))
        session.connection().execute(insert(SLACK_STANDING), [{"id": 1, **asdict(standing)}])
