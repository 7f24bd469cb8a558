"""How the service stands, as the database tells it: for `health`, `status` and whoever asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from alerts import outbox
from alerts.names import safe_name
from alerts.numbers import count, full_day, moment
from alerts.outbox_queries import SETTLED, NotificationState
from alerts.tables import NOTIFICATION
from detector.pulls import newest_judged_day
from detector.tables import PULL
from spendwatch.db import reading
from spendwatch.disk import short_of_room
from spendwatch.job_runs import last_error
from spendwatch.keeping import CHECK, FULL_CHECK
from spendwatch.leading import leader_of
from spendwatch.moments import local_words
from spendwatch.slack_standing import slack_standing_of
from spendwatch.verification import verification_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from sqlmodel import Session

    from spendwatch.app import App
    from spendwatch.leading import Leader
    from spendwatch.slack_standing import SlackStanding
    from spendwatch.verification import Verification

DEAF_AFTER = timedelta(seconds=90)
"""A service whose heart has not beaten for so long is dead, or hangs."""
OVERDUE_AFTER = timedelta(hours=6)
"""A day that is settled for so long and was not judged is a fault."""
SETTINGS = "settings"
"""The job of reading the settings again, noted as others are: whether they were refused."""
STUCK_AFTER = timedelta(minutes=10)
"""A message that was due so long ago and was not tried is a fault."""


@dataclass(frozen=True, slots=True)
class LastPull:
    """How a source answered last."""

    source: str
    started_at: datetime
    ended_at: datetime | None
    rows: int
    error: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How the service stands.

    Attributes
    ----------
    queue : mapping of str to int
        Messages that are neither sent nor dropped, by their state.
    oldest_due_at : datetime or None
        Since when the message is due that is due longest, and that nobody has tried since.
    short_of_room : str
        Why nothing more is judged; empty where the disk has room.
    slack : SlackStanding or None
        How Slack stands; None where no receiver is there, or this service has noted nothing yet.
    damage : str
        What the newest look at the database found wrong; empty where nothing was.
    verification : Verification or None
        What the newest audit found; None where there was none.
    heartbeat : bool
        Somebody outside is called while all is well.
    refused_settings : str
        What is wrong with new settings, while the old ones stay in force; empty where nothing is.
    final_at : datetime or None
        Until when the newest judged day may still change; None where it is final.
    """

    now: datetime
    leader: Leader | None
    judged_day: date | None
    settled_day: date
    settled_at: datetime
    next_due_at: datetime
    pulls: tuple[LastPull, ...] = ()
    queue: Mapping[str, int] = field(default_factory=dict)
    oldest_due_at: datetime | None = None
    slack: SlackStanding | None = None
    short_of_room: str = ""
    damage: str = ""
    verification: Verification | None = None
    heartbeat: bool = False
    refused_settings: str = ""
    final_at: datetime | None = None

    @property
    def serving(self) -> bool:
        """Whether a service was heard of just now."""
        leader = self.leader
        if leader is None or leader.command != "run":
            return False
        return abs(self.now - leader.heartbeat_at) <= DEAF_AFTER

    def faults(self) -> Iterator[str]:
        """Say what is wrong, the gravest first."""
        if not self.serving:
            yield self._silent()
        if self.damage:
            yield f"nothing is judged: {self.damage}"
        if self.short_of_room:
            yield f"nothing is judged: {self.short_of_room}"
        if self.slack and self.serving:
            yield from self.slack.faults(self.now)
        judged = self.judged_day is not None and self.judged_day >= self.settled_day
        if self.pulls and not judged and self.now > self._judging_since + OVERDUE_AFTER:
            yield f"{full_day(self.settled_day)} is not judged, settled {moment(self.settled_at)}"
        if self.oldest_due_at and self.now > self.oldest_due_at + STUCK_AFTER:
            yield f"a message waits since {moment(self.oldest_due_at)}"

    @property
    def _judging_since(self) -> datetime:
        """Since when the newest settled day could have been judged."""
        return max(self.settled_at, self.leader.since) if self.leader else self.settled_at

    def _silent(self) -> str:
        if self.leader is None or self.leader.command != "run":
            return "`spendwatch run` does not run"
        if self.leader.heartbeat_at > self.now:
            return f"the clock went back: the last heartbeat was {moment(self.leader.heartbeat_at)}"
        return f"{self.leader.words} was last heard of {moment(self.leader.heartbeat_at)}"

    @property
    def words(self) -> str:
        """Say in one line how it stands."""
        faults = list(self.faults())
        if faults:
            return f"not healthy: {'; '.join(faults)}"
        judged = full_day(self.judged_day) if self.judged_day else "no day"
        dead = self.queue.get(NotificationState.DEAD.value, 0)
        lost = f", {count(dead, 'message')} given up" if dead else ""
        waiting = f"{sum(self.queue.values())} in the outbox{lost}"
        return f"healthy: {judged} judged, {waiting}{self._heartbeat}{self._settings}"

    @property
    def _settings(self) -> str:
        """Say that new settings were refused; no fault, as what runs does what it should."""
        return ", new settings refused" if self.refused_settings else ""

    @property
    def _heartbeat(self) -> str:
        """Say when somebody outside last heard that all is well; nothing where nobody listens."""
        if not self.heartbeat:
            return ""
        last = self.verification.confirmed_at if self.verification else None
        return f", heartbeat {f'confirmed {moment(last)}' if last else 'not confirmed so far'}"


def work_lines(found: Standing, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    """Say what was pulled, what was judged and what waits, each with its label."""
    for pull in found.pulls:
        yield "pull", f"{safe_name(pull.source)}: {_pull(pull, local_words(pull.started_at, zone))}"
    yield "judged", _judged(found, zone)
    queue = ", ".join(f"{many} {state}" for state, many in sorted(found.queue.items()))
    yield "outbox", queue or "empty"


def _judged(found: Standing, zone: ZoneInfo) -> str:
    if found.judged_day is None:
        return "no day so far"
    may = f", may still change until {local_words(found.final_at, zone)}" if found.final_at else ""
    return f"{full_day(found.judged_day)}{may}"


def next_due_words(found: Standing, zone: ZoneInfo) -> str:
    """Say which day is settled, and when the next one is."""
    following = local_words(found.next_due_at, zone)
    return f"{full_day(found.settled_day)} is settled; the next day {following}"


def _pull(pull: LastPull, started: str) -> str:
    if pull.error:
        return f"failed {started}: {safe_name(pull.error, 300)}"
    if pull.ended_at is None:
        return f"asked {started}, no answer so far"
    return f"{count(pull.rows, 'row')} {started}"


def standing(app: App) -> Standing:
    """Read how the service stands now."""
    day, now = app.last_settled_day(), app.clock()
    with reading(app.engine) as session:
        leader = leader_of(session)
        judged = newest_judged_day(session)
        return Standing(
            now=now,
            leader=leader,
            judged_day=judged,
            final_at=app.final_at(judged) if judged and not app.is_final(judged) else None,
            settled_day=day,
            settled_at=app.settled_at(day),
            next_due_at=app.settled_at(day + timedelta(days=1)),
            pulls=tuple(_last_pulls(session)),
            queue=_queue(session),
            oldest_due_at=outbox.due_since(session, now),
            slack=_slack(session, app, leader),
            verification=verification_of(session),
            heartbeat=bool(app.settings.outbound.heartbeat_url.get_secret_value()),
            refused_settings=last_error(app.engine, SETTINGS),
            short_of_room=short_of_room(app.settings),
            damage=last_error(app.engine, CHECK) or last_error(app.engine, FULL_CHECK),
        )


def _slack(session: Session, app: App, leader: Leader | None) -> SlackStanding | None:
    """Read what the newest service noted of Slack, where a receiver is there."""
    if not any(receiver.kind == "slack" for receiver in app.settings.receivers):
        return None
    noted = slack_standing_of(session)
    return noted if noted and leader and noted.noted_at >= leader.since else None


def _last_pulls(session: Session) -> Iterator[LastPull]:
    newest = select(func.max(PULL.c.id)).group_by(PULL.c.source)
    query = select(PULL).where(PULL.c.id.in_(newest)).order_by(PULL.c.source)
    for row in session.connection().execute(query):
        yield LastPull(row.source, row.started_at, row.ended_at, row.rows, row.error)


def _queue(session: Session) -> dict[str, int]:
    table = NOTIFICATION.c
    query = select(table.state, func.count()).where(table.state.not_in(SETTLED))
    rows = session.connection().execute(query.group_by(table.state))
    return {str(state): int(many) for state, many in rows}
