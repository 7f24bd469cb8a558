"""Days are pulled again while rows still arrive for them, however old they are."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from detector.history import consecutive_days
from detector.sources.base import SourceError
from detector.telemetry import api_days, source_marks, uses_by_ids
from spendwatch.db import reading
from spendwatch.jobs import pull_due_days
from spendwatch.retention import forget
from tests.fakes import Crash
from tests.spendwatch.apps import (
    DAY,
    NOW,
    ONE,
    FakeSource,
    an_app,
    costs,
    pulls,
    tenant,
    used,
)
from tests.spendwatch.watched import HOUR, day_of, watching

FIRST = DAY - 30 * ONE
LAST_DAYS = (DAY - 2 * ONE, DAY - ONE, DAY)


@pytest.fixture
def app(tmp_path):
    """A service that has pulled 31 days of $100 each."""
    app = watching(an_app(tmp_path))
    steady(app)
    pull_due_days(app, app.gateway, DAY)
    app.gateway.asked.clear()
    return app


def steady(app, days=31):
    for step in range(days):
        day = DAY - step * ONE
        app.gateway.arrive(day_of(day), at=day_of(day).start_at + HOUR)


def pulled(app, day=DAY):
    report = pull_due_days(app, app.gateway, day)
    return app.gateway.days_asked(), report


def mark(app):
    with reading(app.engine) as session:
        return source_marks(session)["gateway"]


def dollars(app, step):
    return costs(app)["acme", step] / 1_000_000


def test_the_first_pull_asks_for_the_baseline_and_the_next_for_three_days_alone(app):
    assert pulled(app)[0] == [DAY - 2 * ONE, DAY - ONE, DAY]
    assert costs(app)["acme", -30] == 100_000_000


def test_days_before_a_young_workspaces_first_row_are_asked_for_once_they_are_final(tmp_path):
    young = watching(an_app(tmp_path))
    steady(young, days=4)
    assert len(pulled(young)[0]) == 31
    young.gateway.asked.clear()
    assert pulled(young)[0] == list(LAST_DAYS)

    young.clock.move(6 * HOUR)
    young.gateway.asked.clear()
    young.gateway.arrive(day_of(DAY - 9 * ONE, usd=40))
    assert pulled(young)[0] == [DAY - 9 * ONE, *LAST_DAYS]
    assert dollars(young, -9) == 40


def test_rows_that_arrive_late_have_their_old_day_pulled_again_and_no_other(app):
    app.clock.move(6 * HOUR)
    app.gateway.arrive(day_of(DAY - 9 * ONE, usd=40, hour=3))
    days, report = pulled(app)
    assert days == [DAY - 9 * ONE, DAY - 2 * ONE, DAY - ONE, DAY]
    assert report.revised == 1
    assert (dollars(app, -9), dollars(app, -10)) == (140, 100)


def test_late_days_are_asked_once_for_each_pull_an_hour_before_the_watermark(app):
    app.clock.move(6 * HOUR)
    app.gateway.asked_since.clear()
    pulled(app)
    assert app.gateway.asked_since == [NOW - HOUR]


def test_what_was_seen_is_not_pulled_for_ever(app):
    app.clock.move(6 * HOUR)
    app.gateway.arrive(day_of(DAY - 9 * ONE, usd=40, hour=3))
    pulled(app)
    app.clock.move(6 * HOUR)
    app.gateway.arrive(day_of(DAY, usd=1, hour=3))
    pulled(app)
    app.clock.move(6 * HOUR)
    assert pulled(app)[0] == [DAY - 2 * ONE, DAY - ONE, DAY]


def test_rows_that_arrive_while_a_pull_goes_on_are_seen_by_the_next_one(app):
    app.clock.move(6 * HOUR)

    def meanwhile(_row):
        app.gateway.on_row = lambda _row: None
        app.clock.move(HOUR)
        app.gateway.arrive(day_of(DAY - 9 * ONE, usd=40, hour=3), day_of(DAY, usd=1, hour=3))

    app.gateway.on_row = meanwhile
    pulled(app)
    assert dollars(app, -9) == 100
    app.clock.move(6 * HOUR)
    pulled(app)
    assert dollars(app, -9) == 140


def test_a_late_pull_that_fails_leaves_the_watermark_so_that_nothing_is_missed(app):
    app.clock.move(6 * HOUR)
    app.gateway.arrive(day_of(DAY - 9 * ONE, usd=40, hour=3))
    before = mark(app).seen_until
    app.gateway.fails = [DAY - 9 * ONE]
    with pytest.raises(SourceError):
        pulled(app)
    assert (mark(app).seen_until, dollars(app, -9)) == (before, 100)
    pulled(app)
    assert dollars(app, -9) == 140


def test_the_newest_days_are_there_even_where_an_old_one_cannot_be_read(app):
    app.clock.move(6 * HOUR)
    app.gateway.arrive(day_of(DAY - 9 * ONE, usd=40, hour=3), day_of(DAY, usd=40, hour=3))
    app.gateway.fails = [DAY - 9 * ONE]
    with pytest.raises(SourceError):
        pulled(app)
    assert (dollars(app, 0), dollars(app, -9)) == (140, 100)
    failed = pulls(app)[-1]
    assert (failed.first_day, failed.last_day) == (DAY - 9 * ONE, DAY)
    assert failed.error == "the query timed out"


def test_a_pull_that_cannot_ask_for_late_days_fails_as_any_other(app):
    app.gateway.late_fails = [
        "late_llm.kql: no access to workspace W-1; grant Log Analytics Reader"
    ]
    with pytest.raises(SourceError, match="grant Log Analytics Reader"):
        pulled(app)
    failed = pulls(app)[-1]
    assert failed.error.startswith("late_llm.kql")
    assert (failed.first_day, failed.ended_at is not None, app.gateway.asked) == (None, True, [])


def test_days_older_than_what_is_kept_are_not_pulled(tmp_path):
    app = watching(an_app(tmp_path, "[prices]\n"))
    steady(app)
    pulled(app)
    app.clock.move(6 * HOUR)
    kept = app.settings.service.retention_days
    app.gateway.arrive(day_of(DAY - (kept + 1) * ONE), day_of(DAY - kept * ONE))
    assert pulled(app)[0][0] == DAY - kept * ONE


def test_what_arrives_for_the_day_that_goes_on_waits_until_it_is_settled(app):
    app.clock.move(6 * HOUR)
    app.gateway.arrive(day_of(DAY + ONE, hour=3))
    assert pulled(app)[0][-1] == DAY


def test_a_late_utc_day_has_every_local_day_pulled_that_it_reaches_into(tmp_path):
    zones = tenant("acme", "Asia/Tokyo") + tenant("bolt", "America/New_York")
    app = watching(an_app(tmp_path, zones))
    steady(app)
    pulled(app)
    app.clock.move(6 * HOUR)
    app.gateway.arrive(day_of(DAY - 9 * ONE, usd=40, hour=20))
    pulled(app)
    assert (dollars(app, -8), dollars(app, -9)) == (140, 100)


def test_the_neighbours_of_an_old_day_whose_slots_are_forgotten_keep_their_cost(tmp_path):
    """An hour of theirs is told again with it, and the rest of their hours is gone by now."""
    app = watching(an_app(tmp_path, tenant("acme", "Asia/Tokyo")))
    old = DAY - 60 * ONE
    for day in (old - 2 * ONE, old - ONE, old, old + ONE):
        app.gateway.arrive(*(day_of(day, usd=10, hour=hour) for hour in (2, 10, 18)), at=NOW)
    app.clock.now = datetime.combine(old + 2 * ONE, datetime.min.time(), UTC) + 12 * HOUR
    app.gateway.rows = [(app.clock.now, row) for _, row in app.gateway.rows]
    pull_due_days(app, app.gateway, old + ONE)
    before, later = costs(app), app.clock.now + 9 * HOUR
    app.gateway.arrive(day_of(old + ONE, "bolt"), at=app.clock.now + 8 * HOUR)
    app.clock.now = later
    pull_due_days(app, app.gateway, old + ONE)
    app.clock.now = NOW
    forget(app, NOW.date())
    app.gateway.arrive(day_of(old, usd=40, hour=10))
    pull_due_days(app, app.gateway, DAY)
    after = costs(app)
    assert after["acme", -60] == before["acme", -60] + 40_000_000
    assert (after["acme", -61], after["acme", -59]) == (before["acme", -61], before["acme", -59])


def test_a_source_that_cannot_tell_late_days_is_asked_for_one_stretch(tmp_path):
    app = an_app(tmp_path)
    source = FakeSource(*(used(DAY - step * ONE) for step in range(31) if step != 20))
    pull_due_days(app, source, DAY)
    pull_due_days(app, source, DAY)
    assert [(each.first_day, each.last_day) for each in source.asked] == [
        (FIRST, DAY), (DAY - 20 * ONE, DAY),
    ]  # fmt: skip


def test_a_watched_source_is_asked_for_the_days_it_lacks_and_not_for_those_between(app):
    app.gateway.forget("acme")
    steady(app, 40)
    assert pulled(app, DAY)[0] == [DAY - 2 * ONE, DAY - ONE, DAY]
    app.gateway.partial = {DAY - ONE}
    pulled(app)
    app.gateway.partial = set()
    app.clock.move(10 * ONE)
    days, _ = pulled(app, DAY + 10 * ONE)
    assert DAY - ONE in days
    assert DAY - 2 * ONE not in days


def test_the_watermark_says_when_the_newest_row_arrived_and_never_goes_back(app):
    assert mark(app).ingested_at == day_of(DAY).start_at + HOUR
    app.gateway.forget("acme")
    app.gateway.remarks = ("metric 'Reasoning Tokens' is not known",) * 2
    pulled(app)
    assert mark(app).ingested_at == day_of(DAY).start_at + HOUR
    assert mark(app).remarks == ("metric 'Reasoning Tokens' is not known",)


def test_fault_47_a_local_day_of_25_hours_is_pulled_again_as_a_whole(tmp_path):
    app = watching(an_app(tmp_path, tenant("acme", "Europe/Berlin")))
    autumn = date(2026, 10, 25)
    steady(app, 31)
    app.gateway.arrive(*(day_of(autumn, usd=1, hour=hour) for hour in range(24)), at=NOW)
    app.gateway.arrive(day_of(autumn - ONE, usd=1, hour=22), at=NOW)
    pulled(app)
    app.clock.move(6 * HOUR)
    app.gateway.arrive(day_of(autumn, usd=7, hour=22), day_of(autumn, usd=3, hour=23))
    pulled(app)
    step = (autumn - DAY) // timedelta(days=1)
    # 22:00 UTC of the day before to before 23:00 UTC: 25 hours of $1, $100 at noon, $7 late.
    assert dollars(app, step) == 24 + 1 - 1 + 100 + 7


def test_a_long_pull_that_dies_keeps_the_newest_days_it_had(tmp_path):
    app = watching(an_app(tmp_path))
    steady(app)

    def die(row):
        if row.start_at.date() == DAY - 12 * ONE:
            raise Crash

    app.gateway.on_row = die
    with pytest.raises(Crash):
        pull_due_days(app, app.gateway, DAY)
    assert min(day for _, day in costs(app)) == -10
    assert mark(app).ingested_at == day_of(DAY).start_at + HOUR
    app.gateway.on_row = lambda _row: None
    app.gateway.asked.clear()
    assert pulled(app)[0] == sorted({*consecutive_days(FIRST, DAY - 11 * ONE), *LAST_DAYS})
    assert len(costs(app)) == 31


def test_telemetry_goes_with_the_costs_of_its_day(app):
    app.gateway.arrive(day_of(DAY - 20 * ONE, "", 5), day_of(DAY, "", 5))
    app.clock.move(6 * HOUR)
    pulled(app)
    kept = app.settings.service.retention_days
    forget(app, DAY - 10 * ONE + kept * ONE)
    with reading(app.engine) as session:
        apis, uses = (read(session, FIRST, DAY) for read in (api_days, uses_by_ids))
    assert min(api.day for api in apis["gateway"]) == DAY - 10 * ONE
    assert min(use.day for use in uses["gateway"]) == DAY - 10 * ONE
    assert [use.day for use in uses["gateway"] if not use.attributed] == [DAY]
