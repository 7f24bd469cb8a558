"""From a source into the ledger: every day committed by itself, repeatable at any time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from detector.history import consecutive_days
from detector.model import CostDay, Grain, Rejection, Usage
from detector.price_usage import price_usage
from detector.pulls import keep_rejections, note_pull_end, note_pull_start
from detector.recording import SeriesIndex, Slice, mark_asked, record_slice, rows_by_day
from detector.slots import mark_summed, record_slots, slot_days, sum_local_day
from detector.sources.base import Coverage, SourceError, Window
from detector.usage import (
    cut_day,
    local_day,
    local_days,
    merge_usage,
    utc_days,
    whole_day,
)
from spendwatch.answered import Answered, span_of
from spendwatch.db import reading, writing
from spendwatch.pull_report import PullReport
from spendwatch.retention import SLOT_DAYS
from spendwatch.tenant_names import TenantNames
from spendwatch.watching import Watch

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from sqlmodel import Session

    from detector.sources.base import UsageSource
    from detector.usage import Part
    from spendwatch.app import App

PART_ROWS = 5_000
"""Rows of a UTC day recorded in one transaction, or as many more as share their start."""
REJECTIONS_AT_ONCE = 1_000

OnDay = Callable[["date", int], None]
Windows = Callable[[frozenset[date]], Sequence[Window]]
"""What to ask for, once it is known which UTC days got rows late."""


def pull(
    app: App,
    source: UsageSource,
    window: Window,
    *,
    reprice: bool = False,
    on_day: OnDay = lambda _day, _rows: None,
) -> PullReport:
    """Stream a window of usage into the ledger; raises SourceError, the failure noted first.

    ``window`` counts local days: the source is asked for every UTC day they reach into.
    """
    return pull_windows(app, source, [window], reprice=reprice, on_day=on_day)


def pull_windows(
    app: App,
    source: UsageSource,
    windows: Sequence[Window],
    *,
    reprice: bool = False,
    on_day: OnDay = lambda _day, _rows: None,
    running: bool = False,
) -> PullReport:
    """Stream several windows, as :func:`pull` does one; all of them are one pull.

    What a source remarks of days that are ``running`` is not kept: their gaps are no news.
    """
    run = _Pull(app, source, windows, reprice=reprice, on_day=on_day, running=running)
    return _noting_failure(run, lambda: run.run(windows))


def pull_what_changed(app: App, source: UsageSource, windows: Windows) -> PullReport:
    """Ask a watched source once which days got rows late, then for what ``windows`` make of it.

    Only once all of it has come is what arrived until now taken as seen.
    """
    run = _Pull(app, source)
    return _noting_failure(run, lambda: run.run_what_changed(windows))


def _noting_failure(run: _Pull, work: Callable[[], PullReport]) -> PullReport:
    try:
        return work()
    except SourceError as error:
        run.note_failure(str(error))
        raise


class _Pull:
    """One pull: remembers what the stream has touched so far.

    Days told as a whole are recorded as they come. Slots are kept by UTC day, and the local days
    they touch are summed from all that is stored once the stream has ended. A local day that only
    lies beside the window waits for the window that asks for it.
    """

    def __init__(
        self,
        app: App,
        source: UsageSource,
        windows: Sequence[Window] = (),
        *,
        reprice: bool = False,
        on_day: OnDay = lambda _day, _rows: None,
        running: bool = False,
    ) -> None:
        self.app, self.source, self.running = app, source, running
        self.reprice, self.on_day = reprice, on_day
        self.report = PullReport(source.name)
        self.asked = windows
        self.rejections: list[Rejection] = []
        self.waiting: set[date] = set()
        self._begin(Window())
        self.started_at = app.clock()
        self.answered = Answered(app.directory.every_zone(), self.started_at)
        self.watch = Watch(app.engine, source, self.started_at)
        with writing(app.engine) as session:
            asked = self._asked_days()
            self.number = note_pull_start(session, source.name, self.started_at, asked)
            self.watch.begin(session)
            self.index = SeriesIndex(session, source.name)
            self.names = TenantNames(session)

    def _begin(self, window: Window) -> None:
        """Forget the stream before: each window is one of its own."""
        self.window = window
        self.streamed: set[date] = set()
        self.newest = datetime.min.replace(tzinfo=UTC)
        self.told_whole: set[date] = set()
        self.touched: set[date] = set()
        self.failure: SourceError | None = None

    def run(self, windows: Sequence[Window]) -> PullReport:
        self._stream_all(windows)
        self._note_end()
        return self.report

    def run_what_changed(self, windows: Windows) -> PullReport:
        self.report.late_days = self.watch.ask_for_late_days()
        return self.run(windows(self.report.late_days))

    def _stream_all(self, windows: Sequence[Window]) -> None:
        """Stream the newest window first: a fault of an old day must not cost the new ones."""
        self.asked = windows
        for window in reversed(windows):
            self._begin(window)
            self._stream()

    def _stream(self) -> None:
        rows = self._usage_only(self.source.usage(self.answered.left_of(self.window)))
        for day, usage in groupby(rows, key=lambda row: row.start_at.date()):
            self._record_utc_day(day, usage)
        if self.failure:
            raise self.failure
        coverage = self.answered.as_of_now(self.source.coverage())
        self._remove_empty_utc_days(coverage)
        self.streamed |= self._empty_utc_days(coverage)
        self.answered.note(coverage, self.streamed)
        self._record_local_days(coverage)
        self._record_empty_days(coverage)
        self.watch.record((span_of(coverage) | self.streamed) - coverage.lacking_days)

    def note_failure(self, words: str) -> None:
        """Keep what had come until then, and why no more did."""
        told = self.answered.as_of_now(self.source.coverage())
        self.answered.note(told, ())
        lacking = replace(told, first_day=None, last_day=None, empty_days=frozenset())
        self._record_local_days(lacking)
        self._note_end(words)

    def _usage_only(self, stream: Iterable[Usage | Rejection]) -> Iterator[Usage]:
        """Pass on what was asked for; keep what was refused."""
        for row in self._until_failure(stream):
            if isinstance(row, Rejection):
                self._reject(row)
            elif row.grain is not Grain.DAY or self.window.holds(row.start_at.date()):
                self._refuse_disorder(row)
                self.report.rows += 1
                yield row

    def _until_failure(self, stream: Iterable[Usage | Rejection]) -> Iterator[Usage | Rejection]:
        """End the stream where its source fails, so that the day before is seen to be over."""
        try:
            yield from stream
        except SourceError as error:
            self.failure = error

    def _refuse_disorder(self, row: Usage) -> None:
        if row.start_at < self.newest:
            raise SourceError(
                f"{self.source.name} told usage of {row.start_at:%Y-%m-%d %H:%M} after that of "
                f"{self.newest:%Y-%m-%d %H:%M}; its rows must come in the order of their start"
            )
        self.newest = row.start_at

    def _record_utc_day(self, day: date, usage: Iterable[Usage]) -> None:
        """Record a UTC day part by part, so that neither memory nor a transaction grows with it."""
        told = 0
        for part in cut_day(day, usage, PART_ROWS):
            if self.failure and not self._came_whole(day):
                raise self.failure
            self._record_part(day, part)
            told += len(part.rows)
        self.streamed.add(day)
        self.on_day(day, told)

    def _came_whole(self, day: date) -> bool:
        """Whether the source, which has failed since, told all of a day."""
        coverage = self.source.coverage()
        return day in span_of(coverage) - coverage.lacking_days

    def _record_part(self, day: date, part: Part) -> None:
        whole_days = merge_usage(row for row in part.rows if row.grain is Grain.DAY)
        slots = merge_usage(row for row in part.rows if row.grain is not Grain.DAY)
        self._refuse_mixture(day, whole_days, slots)
        costs = self._price(day, whole_days)
        coverage = self.source.coverage()
        whole, so_far = day not in coverage.lacking_days, day not in coverage.partial_days
        with writing(self.app.engine) as session:
            self.names.remember(session, part.rows)
            if whole_days:
                self._record(session, Slice(self.source.name, day, whole, so_far), costs)
            if slots:
                self._record_slots(session, part._replace(rows=slots), whole=so_far)

    def _refuse_mixture(
        self, day: date, whole_days: Iterable[Usage], slots: Iterable[Usage]
    ) -> None:
        """Refuse a stream of which one part would silently remove another."""
        if whole_days:
            self.told_whole.add(day)
        if self.told_whole:
            in_slots = {local_day(slot, self._zone_of(slot.tenant)) for slot in slots}
            for mixed in sorted((self.touched | in_slots) & self.told_whole):
                raise SourceError(
                    f"{self.source.name} tells {mixed} both as a whole day and in parts of a day; "
                    "make two sources of it, one for each"
                )

    def _record_slots(self, session: Session, part: Part, *, whole: bool = True) -> None:
        over = not self.answered.runs(part.begin.date())
        self.touched |= record_slots(
            session, part, self.index, self._zone_of, whole=whole, over=over
        )

    def _remove_empty_utc_days(self, coverage: Coverage) -> None:
        """Remove the slots of UTC days that were answered for and held nothing this time."""
        empty = span_of(coverage) - self.streamed - coverage.lacking_days
        for day in sorted(empty & self._slot_days()):
            with writing(self.app.engine) as session:
                self._record_slots(session, whole_day(day))

    def _empty_utc_days(self, coverage: Coverage) -> set[date]:
        """Note the days beside an answer's use that were answered for too, and held nothing.

        None of them is older than all use that is known: so far back nothing may be kept at all.
        Nor does any take back what was told of it before.
        """
        known = self._slot_days()
        oldest = min(known, default=None)
        fresh = {day for day in coverage.empty_days - known if oldest and day > oldest}
        with writing(self.app.engine) as session:
            for day in sorted(fresh):
                self._record_slots(session, whole_day(day))
        return fresh

    def _slot_days(self, **state: bool) -> set[date]:
        with reading(self.app.engine) as session:
            return slot_days(session, self.source.name, **state)

    def _record_local_days(self, coverage: Coverage) -> None:
        """Sum the local days that changed, and those of which more slots are known now.

        What an interrupted pull left unsummed has changed too.
        """
        zones = self.app.directory.every_zone()
        for utc_day in self._slot_days(summed=False) - self.streamed:
            self.touched |= local_days(utc_day, zones)
        self.touched |= self.waiting
        if not self.touched:
            return
        with reading(self.app.engine) as session:
            known = rows_by_day(session, self.source.name)
        answered = span_of(coverage) | self.streamed
        reached = {day for utc_day in answered for day in local_days(utc_day, zones)}
        for day in sorted(self.touched | (reached & known.keys())):
            self._record_local_day(day, coverage, known.get(day, 0))
        with writing(self.app.engine) as session:
            mark_summed(session, self.source.name)

    def _record_local_day(self, day: date, coverage: Coverage, known_rows: int) -> None:
        with writing(self.app.engine) as session:
            zones = self.app.directory.every_zone()
            usage = sum_local_day(session, self.source.name, day, self._zone_of, zones)
            if day not in self.touched and known_rows and not usage:
                return  # its rows were told as a whole day
            if known_rows and self._lost_slots(session, day, coverage):
                return  # some of its slots are forgotten by now: their sum would be too small
            whole = self._knows_all_slots(session, day, coverage)
            if not (whole or known_rows or self.window.holds(day)):
                self.waiting.add(day)  # nobody asked for it yet, and a part of it is no news
                return
            part = Slice(self.source.name, day, whole, all_so_far=True)
            self._record(session, part, self._price(day, usage))

    def _lost_slots(self, session: Session, day: date, coverage: Coverage) -> bool:
        """Whether a day is so old that slots of it were removed, and not all are told again."""
        if day > self.app.clock().date() - timedelta(days=SLOT_DAYS):
            return False
        needed = utc_days(day, self.app.directory.every_zone())
        return not needed <= span_of(coverage) | slot_days(session, self.source.name)

    def _knows_all_slots(self, session: Session, day: date, coverage: Coverage) -> bool:
        stored = slot_days(session, self.source.name, whole=True)
        return self.answered.knows_all(day, coverage, stored)

    def _price(self, day: date, usage: Iterable[Usage]) -> tuple[CostDay, ...]:
        return price_usage(
            self.app.prices,
            day,
            usage,
            reprice=self.reprice,
            canonical=self.app.directory.canonical,
        )

    def _record(self, session: Session, part: Slice, costs: tuple[CostDay, ...]) -> None:
        whole = part.whole and self.answered.is_over(part.day)
        part = replace(part, whole=whole, settled_at=self.app.settled_at(part.day))
        recorded = record_slice(session, part, costs, now=self.app.clock(), index=self.index)
        self.report.count(recorded)
        self.report.days.add(part.day)
        self.report.unpriced_models |= {
            cost.key.model or cost.key.deployment for cost in costs if cost.micro_usd is None
        }

    def _record_empty_days(self, coverage: Coverage) -> None:
        """Record that nothing was used on days that were answered for and held no row.

        Days beyond the answer's first and last day lose nothing: an empty answer is more often a
        fault of the source than the end of all use. That they were asked for is noted.
        """
        span = {day for day in span_of(coverage) if self.window.holds(day)}
        for day in sorted(span - self.report.days):
            with writing(self.app.engine) as session:
                whole, so_far = day not in coverage.lacking_days, day not in coverage.partial_days
                if self.touched:
                    whole = so_far = self._knows_all_slots(session, day, coverage)
                self._record(session, Slice(self.source.name, day, whole, so_far), ())
        if self.window.first_day and self.window.last_day:
            window = consecutive_days(self.window.first_day, self.window.last_day)
            asked = [day for day in window if self.answered.is_over(day)]
            lacking = self.answered.lacking()
            with writing(self.app.engine) as session:
                mark_asked(session, self.source.name, asked, lacking, now=self.app.clock())

    def _zone_of(self, tenant: str) -> ZoneInfo:
        return self.app.directory.zone_of(tenant)

    def _reject(self, rejection: Rejection) -> None:
        self.report.kept += rejection.kept
        self.report.rejected += not rejection.kept
        if not self.report.first_rejection:
            self.report.first_rejection = f"{rejection.where}: {rejection.reason}"
        self.rejections.append(rejection)
        if len(self.rejections) >= REJECTIONS_AT_ONCE:
            with writing(self.app.engine) as session:
                keep_rejections(session, self.number, self.rejections)
            self.rejections.clear()

    def _asked_days(self) -> dict[str, date | None]:
        days = self.report.days
        firsts = (window.first_day or min(days, default=None) for window in self.asked)
        lasts = (window.last_day or max(days, default=None) for window in self.asked)
        return {
            "first_day": min(filter(None, firsts), default=None),
            "last_day": max(filter(None, lasts), default=None),
        }

    def _note_end(self, error: str = "") -> None:
        self.report.remarks = tuple(self.watch.remarks)
        counts = {name: getattr(self.report, name) for name in ("rows", "rejected", "kept")}
        ending = {"ended_at": self.app.clock(), "error": error} | counts | self._asked_days()
        with writing(self.app.engine) as session:
            keep_rejections(session, self.number, self.rejections)
            note_pull_end(session, self.number, ending)
            if not (error or self.running):
                self.watch.end(session)
