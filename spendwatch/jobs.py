"""The jobs: one function each, from reading everything to writing everything."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from alerts import outbox, store
from alerts.delivery import Delivered, Whom, deliver
from alerts.diverting import divert
from alerts.picturing import Picturing
from alerts.showing import Known, Showing
from alerts.waking import wake
from detector.day_windows import windows_of
from detector.history import consecutive_days
from detector.model import EVERYONE, FindingKind, Judgement
from detector.pulls import DueDays, due_days, newest_judged_day
from detector.sources.base import SourceError, WatchedSource, Window
from detector.tables import SOURCE_DAY
from detector.usage import local_days
from spendwatch import conversion
from spendwatch.charts import chart_of
from spendwatch.db import reading, writing
from spendwatch.digests import write_digests
from spendwatch.ingest import pull_what_changed
from spendwatch.judging import Judged, judge, write_judgement
from spendwatch.pull_report import PullReport
from spendwatch.repricing import note_priced, reprice_if_changed
from spendwatch.running_days import judge_running_days, pull_running_days, tells_parts_of_days
from spendwatch.situation import display_names, telling

if TYPE_CHECKING:
    from datetime import date

    from alerts.backoff import Spread
    from alerts.channels.base import Channel
    from alerts.taken import Told
    from detector.sources.base import UsageSource
    from spendwatch.app import App

MOST_MISSED_DAYS = 400
"""Older days that were missed are beyond what is kept."""
REPULLED_DAYS = 3
"""Days that every cycle pulls again, because late rows may still change them."""
LONGEST_STRETCH = 5
"""Days a watched source is asked for at once; of a pull that dies the stretches before are kept."""

OnStep = Callable[[str], None]


@dataclass(slots=True)
class Cycle:
    """What one full cycle did; ``told_by`` has the alerts that each message it sent tells of."""

    day: date
    pulls: list[PullReport] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    early: list[Judged] = field(default_factory=list)
    woken: Told | None = None
    delivered: Delivered = field(default_factory=Delivered)
    told_by: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @property
    def runs(self) -> list[Told]:
        """What changed, in the order in which it was decided."""
        judged = [each.told for each in (*self.judged, *self.early)]
        return judged + ([self.woken] if self.woken else [])


def run_cycle(
    app: App,
    channels: Mapping[str, Channel],
    day: date | None = None,
    *,
    on_step: OnStep = lambda _words: None,
) -> Cycle:
    """Pull, price, store, judge and tell; every step can run again safely."""
    cycle = Cycle(day or app.last_settled_day())
    early = day is None and app.book.early
    reprice(app, on_step)
    for source in app.usage_sources():
        on_step(f"pulling {source.name}")
        try:
            cycle.pulls.append(pull_due_days(app, source, cycle.day))
            if early and tells_parts_of_days(app, source.name):
                pull_running_days(app, source)
        except SourceError as error:
            cycle.failures.append(f"{source.name}: {error}")
    due = days_due(app, cycle.day, again=True)
    cycle.judged = list(judge_all(app, due, on_step))
    cycle.early = list(judge_running_days(app)) if early else []
    cycle.woken = wake_up(app, len(due.missed) - 1)
    write_digests(app)
    on_step("delivering")
    take_over(app)
    cycle.delivered = tell(app, channels, pause=time.sleep)
    keeping_shown(app, channels).show()
    attach_charts(app, channels)
    with reading(app.engine) as session:
        cycle.told_by = store.numbers_told_by(session, cycle.delivered.keys)
    return cycle


def days_due(app: App, day: date, *, again: bool = False) -> DueDays:
    """Return the days that are to be judged once ``day`` is settled."""
    with reading(app.engine) as session:
        return due_days(session, day, MOST_MISSED_DAYS, again=again)


def judge_all(app: App, due: DueDays, on_step: OnStep = lambda _words: None) -> Iterator[Judged]:
    """Judge the days in their order; of missed ones the newest alone speaks at once."""
    late, newest = len(due.missed) - 1, max(due.missed, default=None)
    for day in due.every:
        on_step(f"judging {day}")
        waits = day in due.missed and day != newest
        yield judge(app, day, missed_days=late if waits else 0)


def pull_due_days(app: App, source: UsageSource, day: date) -> PullReport:
    """Pull whatever may have changed or is missing, once ``day`` is settled; raises SourceError."""
    return pull_what_changed(app, source, lambda late: windows_to_pull(app, source, day, late))


def windows_to_pull(
    app: App, source: UsageSource, day: date, late: Iterable[date] = ()
) -> tuple[Window, ...]:
    """Return the days to ask for: the last few, what the baseline lacks, what was missed.

    And local days that any of the ``late`` UTC days reach into, back to what is kept. A source
    that cannot tell those is asked for one stretch: whatever came late is in it.
    """
    missing = _days_without_usage(app, source, day)
    days = {day - timedelta(days=step) for step in range(REPULLED_DAYS)} | missing
    if not isinstance(source, WatchedSource):
        return (Window(min(days), day),)
    oldest = day - timedelta(days=app.settings.service.retention_days)
    zones = app.directory.every_zone()
    reached = {local for utc_day in late for local in local_days(utc_day, zones)}
    wanted = days | {each for each in reached if oldest <= each <= day}
    return windows_of(wanted, LONGEST_STRETCH)


def _days_without_usage(app: App, source: UsageSource, day: date) -> set[date]:
    """Return the days that are needed, and of which there is no whole answer with rows.

    Of a watched source a day that was empty once it was final stays so: of rows that come all the
    same it tells. Else a workspace that is young would be asked for a month of nothing every time.
    """
    table = SOURCE_DAY.c
    with reading(app.engine) as session:
        newest = newest_judged_day(session) or day
        first = min(newest + timedelta(days=1), day - timedelta(days=app.book.history_days))
        rows = session.connection().execute(
            select(table.day, table.rows, table.pulled_at).where(
                table.source == source.name, table.day >= first, table.whole
            )
        )
        watched = isinstance(source, WatchedSource)
        have = {
            row.day
            for row in rows
            if row.rows or (watched and row.pulled_at >= app.final_at(row.day))
        }
    return set(consecutive_days(first, day)) - have


def wake_up(app: App, caught_up_days: int = 0) -> Told:
    """Write what time alone has made due: snoozes that ended, held-back news, reminders."""
    with writing(app.engine) as session:
        around = replace(telling(app, session), caught_up_days=max(0, caught_up_days))
        return wake(session, app.last_settled_day(), around)


def tell(
    app: App,
    channels: Mapping[str, Channel],
    *,
    spread: Spread = random.uniform,
    stopping: Callable[[], bool] = lambda: False,
    pause: Callable[[float], object] | None = None,
    mine: Callable[[str], bool] = lambda _receiver: True,
) -> Delivered:
    """Deliver whatever is waiting in the outbox, until somebody asks for the end.

    ``mine`` says of which receivers. What is critical and does not get through goes to whoever
    stands in.
    """
    with writing(app.engine) as session:
        divert(session, channels, conversion.stand_ins(app.settings), app.clock())
    return deliver(
        lambda: writing(app.engine),
        channels,
        app.clock,
        spread=spread,
        stopping=stopping,
        pause=pause,
        whom=Whom(app.settings.alerts.receiver, mine),
    )


def attach_charts(
    app: App, channels: Mapping[str, Channel], stopping: Callable[[], bool] = lambda: False
) -> int:
    """Attach the charts that are due to their messages."""
    picturing = Picturing(
        lambda: writing(app.engine),
        channels,
        app.clock,
        lambda notification: chart_of(app, notification),
        spread=random.uniform,
    )
    return picturing.attach(stopping)


def take_over(app: App) -> int:
    """Take over what a process that is dead by now had begun to send; only whoever leads may."""
    with writing(app.engine) as session:
        return outbox.take_over(session, app.clock())


def keeping_shown(
    app: App, channels: Mapping[str, Channel], *, spread: Spread = random.uniform
) -> Showing:
    """Return what keeps the messages that stand for alerts as the alerts are."""
    return Showing(
        lambda: reading(app.engine),
        lambda: writing(app.engine),
        channels,
        app.clock,
        lambda session: Known(display_names(app, session), conversion.teaching(app.settings)),
        spread=spread,
        apart=timedelta(seconds=app.settings.slack.edit_apart_s),
    )


def reprice(app: App, on_step: OnStep) -> None:
    """Bring the ledger to the prices in force, and write what that changed to be told."""
    repriced = reprice_if_changed(app, lambda past: on_step(f"pricing {past} again"))
    if repriced is None:
        return
    # Nothing else was looked at: no other alert may take this for a quiet day.
    unjudged = frozenset((kind, EVERYONE) for kind in FindingKind)
    judgement = Judgement(app.last_settled_day(), repriced.findings, unjudged)
    write_judgement(app, judgement, lambda session: note_priced(session, repriced, app.clock()))
