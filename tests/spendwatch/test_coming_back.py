"""Whoever is told everything hears that the service had died; of a clean stop nobody hears."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from sqlalchemy import select

from alerts.codec import decode
from alerts.notice import Message
from alerts.tables import NOTIFICATION
from spendwatch.coming_back import MOST_AN_HOUR, report_unclean_stop
from spendwatch.db import DatabaseError, reading, writing
from spendwatch.leading import leader_of, leading
from tests.fakes import Crash
from tests.spendwatch.apps import DAY, ONE, an_app

MINUTE = timedelta(minutes=1)


@pytest.fixture
def app(tmp_path):
    found = an_app(tmp_path)
    yield found
    found.engine.dispose()


@contextmanager
def running(app, command="run"):
    """Lead; what dies in here leaves what a kill leaves."""
    with leading(app.engine, command, app.clock) as leadership:
        yield leadership, report_unclean_stop(app, leadership) if command == "run" else None


def die(app, command="run", after=10 * MINUTE):
    with suppress(Crash), running(app, command) as (leadership, _):
        app.clock.move(after)
        leadership.beat(app.clock())
        raise Crash


def told(app):
    with reading(app.engine) as session:
        rows = session.connection().execute(select(NOTIFICATION).order_by(NOTIFICATION.c.number))
        return [(row.receiver, row.reason, decode(Message, row.message)) for row in rows]


def test_a_clean_stop_is_no_news(app):
    for _ in range(3):
        with running(app) as (_, died_at):
            assert died_at is None
        app.clock.move(ONE)
    assert told(app) == []


def test_a_service_that_was_killed_is_told_once_with_when_and_what_it_catches_up(app):
    die(app)
    heard = app.clock()
    app.clock.move(3 * timedelta(hours=1) + 20 * MINUTE)
    with running(app) as (_, died_at):
        assert died_at == heard
    with running(app) as (_, died_at):
        assert died_at is None
    ((receiver, reason, message),) = told(app)
    assert (receiver, reason) == ("desk", "service")
    gone = "spendwatch was gone for 3 h 20 min, and is back: it did not end as it should"
    assert message.title == gone
    assert [f"{line.label}: {line.text}" for line in message.lines] == [
        "Gone: last heard of 13 Nov 06:10: killed, out of memory, or its machine stopped",
        "Back: since 13 Nov 09:30",
        "Now: it catches up: 1 day judged late",
    ]


def test_each_death_is_told_for_itself(app):
    for _ in range(2):
        die(app)
        app.clock.move(ONE)
    with running(app):
        pass
    assert [message.title[:28] for _, _, message in told(app)] == [
        "spendwatch was gone for 1 d,"
    ] * 2


def test_a_service_that_dies_again_and_again_is_not_told_each_time(app):
    for _ in range(12):
        die(app, after=MINUTE)
    with running(app):
        assert len(told(app)) == MOST_AN_HOUR


def test_a_death_is_kept_until_a_service_is_back_whatever_leads_meanwhile(app):
    die(app)
    heard = app.clock()
    app.clock.move(ONE)
    with running(app, "once"):
        pass
    die(app, "import")
    with running(app) as (_, died_at):
        assert died_at == heard
    assert len(told(app)) == 1


def test_killed_before_it_was_told_the_next_start_tells_it(app):
    die(app)
    heard = app.clock()
    app.clock.move(MINUTE)
    with pytest.raises(Crash), leading(app.engine, "run", app.clock):
        raise Crash
    app.clock.move(MINUTE)
    with running(app) as (_, died_at):
        assert died_at == heard
    assert len(told(app)) == 1


def test_a_command_that_is_killed_is_no_service_that_died(app):
    die(app, "once")
    with running(app) as (_, died_at):
        assert died_at is None


def test_whoever_leads_has_not_ended_and_whoever_ended_says_so(app):
    with running(app), reading(app.engine) as session:
        assert leader_of(session).ended_at is None
    with reading(app.engine) as session:
        assert leader_of(session).ended_at == app.clock()


def test_where_the_end_cannot_be_noted_it_ends_all_the_same(app):
    with running(app), writing(app.engine) as session:
        session.connection().exec_driver_sql("DROP TABLE leader")
    with pytest.raises(DatabaseError), reading(app.engine) as session:
        leader_of(session)


def test_a_clock_that_went_back_gives_no_length_below_zero(app):
    die(app)
    app.clock.move(-ONE)
    with running(app):
        pass
    ((_, _, message),) = told(app)
    assert "gone for under a minute" in message.title
    assert DAY.year == app.clock().year
