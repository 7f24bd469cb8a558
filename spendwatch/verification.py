"""Whether the service does its work, as it last found out itself; noted for whoever looks."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from spendwatch.db import writing
from spendwatch.tables import VERIFICATION

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Engine
    from sqlmodel import Session


@dataclass(frozen=True, slots=True)
class Verification:
    """What the newest audit found.

    Attributes
    ----------
    wrong : str
        What is not as it should be; empty where all is.
    verified_at : datetime or None
        When an audit last found everything as it should be.
    confirmed_at : datetime or None
        When the heartbeat was last answered.
    error : str
        Why the newest heartbeat was not; empty where it was, or where there is none.
    """

    checked_at: datetime
    wrong: str = ""
    verified_at: datetime | None = None
    confirmed_at: datetime | None = None
    error: str = ""

    def words(self, said: Callable[[datetime], str]) -> str:
        """Say for people whether the service does its work; ``said`` words a time."""
        if not self.wrong:
            return f"all that was due was done, {said(self.checked_at)}"
        since = f"since {said(self.verified_at)}" if self.verified_at else "so far"
        return f"not {since}: {self.wrong}"

    def heartbeat_words(self, said: Callable[[datetime], str]) -> str:
        """Say for people when somebody outside last heard that it does."""
        last = f"last confirmed {said(self.confirmed_at)}" if self.confirmed_at else "not so far"
        return f"{last}: {self.error}" if self.error else last


def verification_of(session: Session) -> Verification | None:
    """Return what was noted last; None where nothing ever was."""
    row = session.connection().execute(select(VERIFICATION)).one_or_none()
    if row is None:
        return None
    return Verification(*(getattr(row, each.name) for each in fields(Verification)))


def write_verification(engine: Engine, verification: Verification) -> None:
    """Note what was found, in place of what was noted before."""
    with writing(engine) as session:
        session.connection().execute(delete(VERIFICATION))
        session.connection().execute(insert(VERIFICATION), [{"id": 1, **asdict(verification)}])
