"""Days that still run, or are not settled yet: pulled often, and judged as far as they are known.

Nothing here counts as judged: each of these days is pulled and judged for good once it is settled.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import func, select

from alerts.numbers import short_day
from detector import ledger
from detector.course import project, usual_share
from detector.detect import Context
from detector.early import USUAL_DAYS, detect_early
from detector.history import consecutive_days
from detector.price_usage import price_usage
from detector.pulls import newest_judged_day
from detector.slots import newest_slot, series_of, slot_days, sum_stretch
from detector.sources.base import Window
from detector.tables import SOURCE_DAY
from detector.usage import day_bounds
from spendwatch.budgeting import budget_states
from spendwatch.db import reading
from spendwatch.ingest import pull_windows
from spendwatch.judging import Judged, write_judgement
from spendwatch.learned import Learned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from sqlmodel import Session

    from detector.history import History
    from detector.model import Finding, Judgement
    from detector.sources.base import UsageSource
    from spendwatch.app import App
    from spendwatch.pull_report import PullReport

MOST_DAYS = 3
"""Where days settle late, only the newest are looked at before they do."""


def running_days(app: App) -> tuple[date, ...]:
    """Return the days that have begun somewhere and are not settled, ascending."""
    now = app.clock()
    newest = max(now.astimezone(zone).date() for zone in app.directory.every_zone())
    days = consecutive_days(app.last_settled_day() + timedelta(days=1), newest)
    return days[-MOST_DAYS:]


def tells_parts_of_days(app: App, source: str) -> bool:
    """Whether a source has told slots, so that it is worth asking while a day runs."""
    with reading(app.engine) as session:
        return bool(slot_days(session, source))


def pull_running_days(app: App, source: UsageSource) -> PullReport:
    """Pull what there is so far of the days that run; raises SourceError."""
    days = running_days(app)
    return pull_windows(app, source, [Window(days[0], days[-1])], running=True)


def changed_at(app: App) -> datetime | None:
    """Return when anything that is known of the days that run changed last; None: nothing is."""
    table, days = SOURCE_DAY.c, running_days(app)
    newest = select(func.max(table.changed_at)).where(table.day.in_(days), table.rows > 0)
    with reading(app.engine) as session:
        found: datetime | None = session.connection().execute(newest).scalar()
    return found


def judge_running_days(app: App) -> Iterator[Judged]:
    """Tell whose spend so far is above what a day may cost; gives the days with any such tenant.

    A day that was judged for good is left alone, even where settings have changed since.
    """
    for day in running_days(app):
        with reading(app.engine) as session:
            newest = newest_judged_day(session)
            if newest is not None and day <= newest:
                continue
            judgement = _assess(app, session, day)
        if judgement.findings:
            yield write_judgement(app, judgement, lambda _session: None)


def _assess(app: App, session: Session, day: date) -> Judgement:
    """Judge a running day, and say of each finding by when that is known; writes nothing."""
    history = ledger.history(
        session,
        day - timedelta(days=app.book.history_days),
        day,
        canonical=app.directory.canonical,
        sources=app.source_names,
    )
    history = _with_unsettled(history, app.last_settled_day())
    budgets = budget_states(app, session, day)
    context = Context(Learned(app, session).lessons(), app.prices, budgets=budgets)
    judgement = detect_early(history, app.book, context)
    told = (_Known(app, session, finding).told() for finding in judgement.findings)
    return replace(judgement, findings=tuple(told))


def _with_unsettled(history: History, settled: date) -> History:
    """Take no day for whole that is not settled, whatever was told of it."""
    begun = np.array([day <= settled for day in history.days], dtype=np.bool_)
    return history._replace(whole=history.whole & begun)


class _Known:
    """How far one tenant's running day is known, and where it is heading."""

    def __init__(self, app: App, session: Session, finding: Finding) -> None:
        self.app, self.session, self.finding = app, session, finding
        self.day, self.now = finding.day, app.clock()
        self.zone = app.directory.zone_of(finding.tenant)
        self.series = series_of(session, app.directory.stored_as((finding.tenant,)))
        self.begin, self.end = day_bounds(finding.day, self.zone)

    def told(self) -> Finding:
        """Return the finding with what a message says of this."""
        facts: dict[str, str | int | float] = {"by": self._clock_words(self.now)}
        slot_end = newest_slot(self.session, self.series, self.begin, self.end)
        pulled_at = self._pulled_at()
        until = min(slot_end, pulled_at) if slot_end and pulled_at else None
        if until and self._clock_words(until) != facts["by"]:
            facts["data_until"] = f"{until.astimezone(self.zone):%H:%M}"
        if self.now >= self.end:
            facts["day_over"] = 1
        elif slot_end:
            facts |= self._course(slot_end)
        return replace(self.finding, facts={**self.finding.facts, **facts})

    def _clock_words(self, at: datetime) -> str:
        local = at.astimezone(self.zone)
        day = "" if local.date() == self.day else f"{short_day(local.date())} "
        return f"{day}{local:%H:%M %Z}"

    def _pulled_at(self) -> datetime | None:
        table = SOURCE_DAY.c
        newest = select(func.max(table.pulled_at)).where(table.day == self.day, table.rows > 0)
        found: datetime | None = self.session.connection().execute(newest).scalar()
        return found

    def _course(self, until: datetime) -> dict[str, int]:
        """Say where the day is heading, from how past days had gone by the same time of day."""
        clock = (until - timedelta(microseconds=1)).astimezone(self.zone).time()
        past = consecutive_days(self.day - timedelta(days=USUAL_DAYS), self.day - timedelta(days=1))
        share = usual_share(self._spent(day, clock) for day in past)
        finding = self.finding
        found = project(finding.actual_micro_usd or 0, finding.expected_micro_usd or 0, share)
        if found is None:
            return {}
        return {"course_micro_usd": found.going_on, "rest_micro_usd": found.as_usual}

    def _spent(self, day: date, clock: time) -> tuple[int, int]:
        """Return what was spent on a day by a time of it, and in all."""
        begin, end = day_bounds(day, self.zone)
        until = datetime.combine(day, clock, self.zone)
        return self._cost(day, begin, until), self._cost(day, begin, end)

    def _cost(self, day: date, begin: datetime, end: datetime) -> int:
        usage = sum_stretch(self.session, day, self.series, begin, end)
        canonical = self.app.directory.canonical
        costs = price_usage(self.app.prices, day, usage, canonical=canonical)
        return sum(cost.micro_usd or 0 for cost in costs)
