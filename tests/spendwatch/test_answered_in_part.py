"""Answers that lack something, by the real reader of log stores: nothing is taken for empty."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from detector.history import consecutive_days
from detector.model import FindingKind
from detector.sources.base import Window
from detector.sources.kql_text import own
from detector.sources.kusto_query import KustoQuerySource
from detector.sources.log_query import Answer
from spendwatch.backfilling import days_to_backfill, pull_history
from spendwatch.commands import cycle
from spendwatch.coverage import coverage_of
from spendwatch.db import reading
from spendwatch.jobs import pull_due_days, run_cycle
from tests.detector.ledgers import source_days
from tests.fakes import FakeClock
from tests.spendwatch.apps import an_app
from tests.spendwatch.watched import watching

COLUMNS = ("start_at", "tenant", "model", "requests", "prompt_tokens", "completion_tokens")
HOUR, ONE = timedelta(hours=1), timedelta(days=1)
DAY = date(2026, 11, 10)
"""A Tuesday."""


class Store:
    """Rows by their hour; some hours are always answered in part."""

    place = "workspace W"

    def __init__(self, clock):
        self.clock, self.rows, self.partial, self.asked = clock, [], set(), []

    def use(self, first, last, hours=range(24), weekdays=range(7)):
        day = first
        while day <= last:
            if day.weekday() in weekdays:
                starts = [datetime.combine(day, time(hour), UTC) for hour in hours]
                self.rows += [(at, "acme", "gpt-4o", 10, 50_000, 0) for at in starts]
            day += ONE

    def lack(self, first, last):
        begin = datetime.combine(first, time(), UTC)
        self.partial = {begin + step * HOUR for step in range(24 * ((last - first).days + 1))}

    def ask(self, _statement, begin, end):
        self.asked.append((begin, end))
        rows = [row for row in self.rows if begin <= row[0] < end and row[0] <= self.clock()]
        lacking = any(begin <= hour < end for hour in self.partial)
        return Answer(COLUMNS, rows, not lacking, "too large" if lacking else "")


@pytest.fixture
def made(tmp_path):
    def made(zone="UTC", day=DAY, rules=""):
        clock = FakeClock(datetime.combine(day + ONE, time(14), UTC))
        store = Store(clock)
        source = KustoQuerySource("gateway", store, own("own.kql", "x"), {}, clock=clock)
        return watching(an_app(tmp_path, zone=zone, clock=clock, rules=rules), source), store

    return made


def state(app):
    return {day: (row.rows, row.whole) for (_, day), row in source_days(app.engine).items()}


def next_day(app):
    app.clock.now += ONE
    pull_due_days(app, app.gateway, app.last_settled_day())


def test_a_day_answered_in_part_alone_is_partial_and_asked_for_again(made):
    app, store = made()
    store.use(DAY - 40 * ONE, DAY + 9 * ONE)
    store.lack(DAY, DAY)
    pull_due_days(app, app.gateway, DAY)
    assert state(app)[DAY] == (0, False)
    with reading(app.engine) as session:
        (found,) = coverage_of(app, session, DAY - ONE, DAY)
    assert (found.partial_days, found.empty_days) == ((DAY,), ())
    for _ in range(4):
        next_day(app)
    assert state(app)[DAY] == (0, False)
    store.partial = set()
    next_day(app)
    assert state(app)[DAY] == (1, True)


def test_a_history_answered_in_part_is_not_known_and_comes_with_the_next_backfill(made):
    app, store = made()
    first, last = DAY - 20 * ONE, DAY - 6 * ONE
    store.use(first, last)
    store.lack(first, last)
    asked = Window(first, last)
    pull_history(app, app.gateway, days_to_backfill(app, app.gateway, asked))
    assert set(state(app).values()) == {(0, False)}
    store.partial = set()
    pull_history(app, app.gateway, days_to_backfill(app, app.gateway, asked))
    assert set(state(app).values()) == {(1, True)}


def test_a_day_that_still_runs_is_no_gap_and_its_remarks_are_not_kept(made):
    app, store = made()
    store.use(DAY - 40 * ONE, DAY + ONE)
    run_cycle(app, {}, None)
    assert state(app)[DAY + ONE] == (1, False)
    app.clock.now = datetime.combine(DAY + 2 * ONE, time(0, 10), UTC)
    store.rows = [row for row in store.rows if row[0].date() != DAY + 2 * ONE]
    run_cycle(app, {}, None)
    with reading(app.engine) as session:
        (found,) = coverage_of(app, session, DAY, DAY + 2 * ONE)
    assert (found.partial_days, found.empty_days) == ((), ())
    assert not [remark for remark in found.remarks if "2026-11-12" in remark]


def judged_in_part(app, store):
    """What is found of a day that is answered only in part, once it is over."""
    store.use(DAY - 40 * ONE, DAY)
    app.clock.now -= ONE
    run_cycle(app, {}, None)
    app.clock.now += ONE
    store.lack(DAY, DAY)
    (judged,) = run_cycle(app, {}, None).judged
    return judged.judgement.findings


def test_what_a_running_day_told_before_is_no_silence_from_then_on(made):
    app, store = made()
    assert judged_in_part(app, store) == ()
    assert state(app)[DAY] == (1, False)


def test_a_part_of_an_answer_is_told_as_that_and_not_as_silence(made):
    app, store = made(rules="early = false")
    (found,) = judged_in_part(app, store)
    assert found.kind is FindingKind.SOURCE_FAILING
    assert "only in part" in found.facts["error"]


@pytest.mark.parametrize(
    ("zone", "hours"),
    [("Europe/Berlin", (9, 12)), ("Asia/Tokyo", (2, 5)), ("America/New_York", (15, 18))],
)
def test_office_hours_in_any_zone_leave_no_day_partial_and_none_asked_again(made, zone, hours):
    app, store = made(zone)
    store.use(DAY - 40 * ONE, DAY + 20 * ONE, hours, range(5))
    pull_due_days(app, app.gateway, app.last_settled_day())
    next_day(app)
    for _ in range(8):
        store.asked.clear()
        next_day(app)
        # Of the day before the oldest with usage nobody knows whether it was kept at all.
        oldest = min(day for day, (rows, _) in state(app).items() if rows)
        lacking = {day for day, (_, whole) in state(app).items() if not whole}
        assert lacking <= {oldest}
        assert len(store.asked) <= 2


def test_a_day_that_has_ended_in_every_zone_is_whole_though_its_utc_day_goes_on(made):
    app, store = made("America/New_York")
    store.use(DAY - 40 * ONE, DAY + ONE)
    pull_due_days(app, app.gateway, DAY)
    assert state(app)[DAY] == (1, True)


def test_nothing_is_taken_back_by_days_that_are_suddenly_empty_at_the_end(made):
    app, store = made()
    store.use(DAY - 40 * ONE, DAY)
    pull_due_days(app, app.gateway, DAY)
    before = state(app)
    store.rows = [row for row in store.rows if row[0].date() < DAY - ONE]
    pull_due_days(app, app.gateway, DAY)
    assert state(app) == before


def test_what_a_source_remarks_of_a_backfill_is_printed_and_not_without_end(made, capsys):
    app, store = made()
    store.use(DAY - 9 * ONE, DAY - 6 * ONE)
    store.lack(DAY - 9 * ONE, DAY - 7 * ONE)
    days = consecutive_days(DAY - 20 * ONE, DAY - 5 * ONE)
    report = pull_history(app, app.gateway, days)
    cycle.print_reports([report], as_json=False)
    said = capsys.readouterr().out
    assert said.count("remark: ") == cycle.MOST_REMARKS
    assert "others like these" in said
    assert any("answers as far back as" in each for each in report.remarks)
