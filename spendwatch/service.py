"""The running service: what one tick of each kind does; the database says what is due.

A tick that finds nothing due does nothing. Whatever fails is logged and tried again by a later
tick, so that no fault of one part stops another, and nothing is lost by dying anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING

from detector.pulls import pulls_since
from detector.sources.base import SourceError
from spendwatch import conversion
from spendwatch.clock_guard import first_look, look
from spendwatch.db import DatabaseDamagedError, DatabaseError, reading
from spendwatch.digests import write_digests
from spendwatch.disk import short_of_room
from spendwatch.due import Attempt, pull_due, ready_to_judge, running_pull_due
from spendwatch.jobs import (
    attach_charts,
    days_due,
    judge_all,
    keeping_shown,
    pull_due_days,
    reprice,
    take_over,
    tell,
    wake_up,
)
from spendwatch.keeping import check_data, keep_data
from spendwatch.running_days import (
    changed_at,
    judge_running_days,
    pull_running_days,
    running_days,
    tells_parts_of_days,
)
from spendwatch.self_report import report_stop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from structlog.typing import FilteringBoundLogger

    from alerts.channels.base import Channel
    from detector.pulls import DueDays
    from detector.sources.base import UsageSource
    from spendwatch.app import App
    from spendwatch.clock_guard import ClockState
    from spendwatch.leading import Leadership
    from spendwatch.pull_report import PullReport
    from spendwatch.verifying import Verifier

    Tick = Callable[[], None]
    Concerns = Callable[[str], bool]

ONE_DAY = timedelta(days=1)
LOOK_AT_ALL_EVERY, CHANGED_WITHIN = timedelta(seconds=10), timedelta(minutes=1)
"""How often all messages are looked at; in between, those whose alert has changed so lately."""
_CYCLE = frozenset({"heartbeat", "judge", "deliver"})


@dataclass(slots=True)
class Service:
    """What the ticks share; each tick runs in a thread of its own, never twice at once.

    Attributes
    ----------
    steady : callable
        Seconds since the machine was started, suspended time included.
    stopping : callable
        Whether somebody asked the service to end.
    on_lost : callable
        Called where another process leads by now.
    pause : callable or None
        Waits so many seconds, or until somebody asks the service to end.
    note_slack : callable or None
        Notes how Slack stands; None where no receiver is there.
    verifier : Verifier or None
        Audits what was done, and tells somebody outside that all is well.
    paused : str
        Why nothing is pulled or judged for now; empty where it is.
    damage : str
        What was found broken in the database since the start; a restore mends it.
    fresh : bool
        Nothing was judged since the start: the settings and prices may be new.
    checked : bool
        The database was looked at for damage since the start.
    took_over : bool
        What an earlier process had begun to send was taken over.
    """

    app: App
    channels: Mapping[str, Channel]
    leadership: Leadership
    log: FilteringBoundLogger
    steady: Callable[[], float]
    stopping: Callable[[], bool]
    on_lost: Callable[[], None]
    pause: Callable[[float], object] | None = None
    note_slack: Tick | None = None
    verifier: Verifier | None = None
    paused: str = ""
    damage: str = ""
    fresh: bool = True
    checked: bool = False
    took_over: bool = False
    _taking_over: Lock = field(default_factory=Lock)
    _done: set[str] = field(default_factory=set)
    _clock: ClockState | None = None
    _looked_at: datetime | None = None
    _early_at: datetime | None = None

    def ticks(self) -> Mapping[str, Tick]:
        """Return what is to be ticked; each source by itself, so that none holds up another."""
        pulls = {f"pull {name}": self._pull_of(name) for name in self.app.source_names}
        ticks = {
            "heartbeat": self.beat,
            **({"slack": self.note_slack} if self.note_slack else {}),
            **pulls,
            "judge": self.judge,
            **self._deliveries(),
            "show": self.show,
            "charts": self.attach_charts,
            "keep": self.keep,
            **({"verify": self.verify} if self.verifier else {}),
        }
        return {name: self._guarded(name, tick) for name, tick in ticks.items()}

    def _guarded(self, name: str, tick: Tick) -> Tick:
        """Wrap a tick so that its failure is told and forgotten: the one catch-all."""

        def run() -> None:
            if self.stopping():
                return
            try:
                tick()
                self._done.add(name)
            except DatabaseError as error:
                if isinstance(error, DatabaseDamagedError):
                    self.damage = str(error)
                self.log.warning("tick_failed", tick=name, error=str(error))
            except Exception as error:
                self.log.exception("tick_failed", tick=name, error=str(error))

        return run

    def beat(self) -> None:
        """Say that we live, and find out whether clock and disk allow to go on."""
        self._clock = self._look_at_clock()
        self._pause(self.damage or self._clock.doubt or short_of_room(self.app.settings))
        if not self.leadership.beat(self.app.clock()):
            self.log.error("lead_lost")
            self.on_lost()
        elif self.paused:
            report_stop(self.app, self.paused)

    def pull(self, name: str) -> None:
        """Ask one source, if it is due: for the days that are over, for those that still run."""
        if self.paused:
            return
        app, now = self.app, self.app.clock()
        day, rhythm = app.last_settled_day(), conversion.rhythm(app.settings)
        settled_at = app.settled_at(day)
        since = min(settled_at, now - rhythm.refresh)
        if pull_due(self._attempts(day, since).get(name, ()), settled_at, now, rhythm):
            self._pull(name, "usage_recorded", lambda source: pull_due_days(app, source, day))
        if not app.book.early or not tells_parts_of_days(app, name):
            return
        attempts = self._attempts(running_days(app)[-1], now - ONE_DAY).get(name, ())
        if running_pull_due(attempts, now, rhythm):
            self._pull(name, "running_day_recorded", lambda source: pull_running_days(app, source))

    def _pull(self, name: str, event: str, ask: Callable[[UsageSource], PullReport]) -> None:
        """Ask one source, and log what came of it."""
        (source,) = (each for each in self.app.usage_sources() if each.name == name)
        try:
            report = ask(source)
        except SourceError as error:
            self.log.warning("source_failed", source=name, error=str(error))
            return
        self.log.info(
            event,
            source=name,
            rows=report.rows,
            rejected=report.rejected,
            revised=report.revised,
            zeroed=report.zeroed,
        )

    def judge(self) -> None:
        """Judge what is due, then tell what time alone has brought."""
        if self.paused:
            return
        app, day = self.app, self.app.last_settled_day()
        if self.fresh:
            reprice(app, lambda _words: None)
        due = days_due(app, day, again=self.fresh)
        if due.every and self._ready(day):
            self._judge(due)
            if self.stopping():
                return  # what is told late waits until all is judged, by the next process
            self.fresh = False
        elif due.missed:
            return  # a digest, and what is told late, wait for the days that are missing
        self._judge_running()
        wake_up(app)
        for each in write_digests(app):
            self.log.info("digest_written", receiver=each.receiver)

    def _deliveries(self) -> Mapping[str, Tick]:
        """Return a delivery for each carrier that may stand still, and one for all others."""
        lanes = {each.name: each.lane for each in self.app.settings.receivers if each.lane}
        named = {"deliver": "", **{f"deliver {lane}": lane for lane in lanes.values()}}
        return {name: self._delivery_in(lane, lanes) for name, lane in named.items()}

    def _delivery_in(self, lane: str, lanes: Mapping[str, str]) -> Tick:
        return lambda: self.deliver(lambda receiver: lanes.get(receiver, "") == lane)

    def deliver(self, mine: Concerns = lambda _receiver: True) -> None:
        """Send what waits, at first what a process before this one left half sent."""
        with self._taking_over:
            if not self.took_over:
                left = take_over(self.app)
                self.took_over = True
                if left:
                    self.log.info("taken_over", messages=left)
        while self._deliver(mine) and not self.stopping():
            pass  # a queue does not wait for the next tick

    def _deliver(self, mine: Concerns) -> int:
        """Send what waits, as long as patience lasts; return how much was sent."""
        delivered = tell(
            self.app, self.channels, stopping=self.stopping, pause=self.pause, mine=mine
        )
        if delivered.sent or delivered.found:
            self.log.info(
                "delivered",
                sent=delivered.sent,
                found=delivered.found,
                undelivered=len(delivered.undelivered),
            )
        return delivered.sent

    def show(self) -> None:
        """Bring the messages that stand for alerts up to date.

        All of them are looked at only now and then: that takes the longer the more there are.
        """
        now, since = self.app.clock(), None
        if self._looked_at and abs(now - self._looked_at) < LOOK_AT_ALL_EVERY:
            since = now - CHANGED_WITHIN
        else:
            self._looked_at = now
        showing = keeping_shown(self.app, self.channels)
        shown, errors = showing.show(stopping=self.stopping, since=since)
        if shown:
            self.log.info("messages_updated", count=shown)
        for error in errors:
            self.log.warning("message_not_updated", error=error)

    def attach_charts(self) -> None:
        """Put the charts below their messages; no message waits for that."""
        if attached := attach_charts(self.app, self.channels, self.stopping):
            self.log.info("charts_attached", count=attached)

    def keep(self) -> None:
        """Care for the data: look at it after the start, then do what is due once a day."""
        if self.paused:
            return
        if not self.checked:
            check_data(self.app)
            self.checked = True
        keep_data(self.app, self.log)

    def verify(self) -> None:
        """Audit what was done, once everything had its turn since the start."""
        if self.verifier and self._done >= _CYCLE:
            self.verifier.verify(self.paused)

    def _judge(self, due: DueDays) -> None:
        for judged in judge_all(self.app, due):
            self.log.info(
                "day_judged",
                day=judged.judgement.day.isoformat(),
                findings=len(judged.judgement.findings),
                told=judged.told.told,
                held_back=sum(judged.told.held_back.values()),
            )
            if self.stopping():
                return
        if len(due.missed) > 1:
            wake_up(self.app, len(due.missed) - 1)
            self.log.info("caught_up", days=len(due.missed) - 1)

    def _judge_running(self) -> None:
        """Judge the days that still run, once more of them is known than the last time."""
        changed = changed_at(self.app) if self.app.book.early else None
        if changed is None or (self._early_at and changed <= self._early_at):
            return
        for judged in judge_running_days(self.app):
            self.log.info(
                "running_day_judged",
                day=judged.judgement.day.isoformat(),
                findings=len(judged.judgement.findings),
                told=judged.told.told,
                held_back=sum(judged.told.held_back.values()),
            )
        self._early_at = changed

    def _ready(self, day: date) -> bool:
        app, rhythm = self.app, conversion.rhythm(self.app.settings)
        settled_at = app.settled_at(day)
        attempts = self._attempts(day, min(settled_at, app.clock() - rhythm.refresh))
        each = {name: attempts.get(name, ()) for name in app.source_names}
        return ready_to_judge(each, settled_at, app.clock(), rhythm)

    def _attempts(self, day: date, since: datetime) -> Mapping[str, Sequence[Attempt]]:
        """Read how each source answered for a day since a moment."""
        with reading(self.app.engine) as session:
            rows = pulls_since(session, since, day)
        return {
            name: [Attempt(row.started_at, row.ended_at, row.error) for row in pulls]
            for name, pulls in rows.items()
        }

    def _pull_of(self, name: str) -> Tick:
        return lambda: self.pull(name)

    def _look_at_clock(self) -> ClockState:
        now, steady = self.app.clock(), self.steady()
        if self._clock is not None:
            return look(self._clock, now, steady)
        before = self.leadership.before
        return first_look(now, steady, before.heartbeat_at if before else None)

    def _pause(self, why: str) -> None:
        """Stop pulling and judging, or go on."""
        before, self.paused = self.paused, why
        if why and not before:
            self.log.error("judging_stopped", why=why)
        if before and not why:
            self.log.info("judging_goes_on", was=before)
