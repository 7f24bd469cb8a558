from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import event
from sqlmodel import select

from alerts import store
from alerts.channels.console import FileChannel
from alerts.delivery import LEASE, deliver
from alerts.lifecycle import open_alert
from alerts.tables import NotificationRow
from spendwatch.db import reading, writing
from tests.builders import NOW, a_notification, spike
from tests.fakes import Crash, FakeClock, RecordingChannel


@pytest.fixture
def due(database):
    """A database with three notifications for one receiver."""
    with writing(database) as session:
        (alert,) = store.insert_alerts(session, [open_alert(spike(), NOW)])
        notes = [
            replace(a_notification(f"key-{number}"), alert_number=alert.number)
            for number in range(3)
        ]
        store.add_notifications(session, notes)
    return database


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def channel(clock):
    return RecordingChannel(clock)


def send(database, channel, clock):
    return deliver(partial(writing, database), {"ops": channel}, clock)


def rows(database):
    with reading(database) as session:
        return session.exec(select(NotificationRow).order_by(NotificationRow.number)).all()


def test_what_is_due_goes_out_once_and_in_order(due, channel, clock):
    assert send(due, channel, clock).sent == 3
    assert [each.key for each in channel.sent] == ["key-0", "key-1", "key-2"]
    assert {row.state for row in rows(due)} == {"sent"}
    assert rows(due)[0].reference == "recorded key-0"
    assert send(due, channel, clock).sent == 0
    assert channel.lookups == []


def test_a_new_notification_is_not_looked_up(due, channel, clock):
    send(due, channel, clock)
    assert channel.lookups == []


@pytest.mark.parametrize(("dies", "sent", "found"), [("before", 3, 0), ("after", 2, 1)])
def test_a_crash_around_the_sending_loses_and_repeats_nothing(due, clock, dies, sent, found):
    channel = RecordingChannel(clock)
    channel.dies = dies
    with pytest.raises(Crash):
        send(due, channel, clock)
    clock.move(LEASE)
    delivered = send(due, channel, clock)
    assert (delivered.sent, delivered.found) == (sent, found)
    assert sorted(each.key for each in channel.sent) == ["key-0", "key-1", "key-2"]
    assert channel.lookups == ["key-0"]


def test_a_claim_is_left_to_the_process_that_made_it(due, channel, clock):
    channel.dies = "before"
    with pytest.raises(Crash):
        send(due, channel, clock)
    clock.move(LEASE - timedelta(seconds=1))
    assert send(due, channel, clock).sent == 2
    assert rows(due)[0].state == "sending"


def test_what_another_delivery_claimed_meanwhile_is_not_sent_again(due, channel, clock):
    rival = RecordingChannel(clock)

    @contextmanager
    def interrupted():
        with writing(due) as session:
            yield session
        if not rival.sent:
            send(due, rival, clock)

    delivered = deliver(interrupted, {"ops": channel}, clock)
    assert (delivered.sent, len(rival.sent)) == (0, 3)


def test_a_failure_is_kept_reported_and_tried_again(due, channel, clock):
    channel.fails = ["no route to host"]
    delivered = send(due, channel, clock)
    assert delivered.sent == 2
    assert [(each.key, each.error) for each in delivered.undelivered] == [
        ("key-0", "no route to host")
    ]
    assert (rows(due)[0].state, rows(due)[0].error) == ("sending", "no route to host")
    assert send(due, channel, clock).sent == 1
    assert (channel.lookups, rows(due)[0].error) == (["key-0"], "")


def test_a_receiver_nobody_reaches_is_reported_by_name(due, channel, clock):
    delivered = deliver(partial(writing, due), {"costs": channel}, clock)
    assert len(delivered.undelivered) == 3
    assert delivered.undelivered[0].error == (
        "no channel reaches the receiver 'ops' (known: costs)"
    )
    nobody = deliver(partial(writing, due), {}, clock)
    assert nobody.undelivered[0].error.endswith("(known: none)")


def test_nothing_is_sent_within_a_transaction(due, clock):
    class Watching(RecordingChannel):
        def send(self, notification):
            with writing(due):  # would wait for the lock, and fail, if one were held
                return super().send(notification)

    assert send(due, Watching(clock), clock).sent == 3


def test_a_file_written_before_the_crash_is_not_written_again(due, clock, tmp_path):
    file = FileChannel(tmp_path / "messages.txt", clock)

    class DyingFile(FileChannel):
        def send(self, notification):
            super().send(notification)
            raise Crash

    with pytest.raises(Crash):
        send(due, DyingFile(tmp_path / "messages.txt", clock), clock)
    clock.move(LEASE)
    assert send(due, file, clock).found == 1
    assert (tmp_path / "messages.txt").read_text().count("\nsent ") == 3


def test_a_row_taken_between_reading_and_claiming_is_left_alone(due, channel, clock):
    """Another database than SQLite lets two deliveries read a row before either claims it."""

    @event.listens_for(due, "before_cursor_execute")
    def slip(connection, cursor, statement, parameters, context, executemany):
        if statement.startswith("UPDATE notification SET state"):
            cursor.execute("UPDATE notification SET state = 'sent'")

    assert send(due, channel, clock).sent == 0
    assert channel.sent == []


def test_two_deliveries_that_claim_the_same_row_have_one_winner(due):
    with writing(due) as session:
        assert store.claim(session, "key-0", NOW, NOW - LEASE) is not None
    with writing(due) as session:
        assert store.claim(session, "key-0", NOW, NOW - LEASE) is None
