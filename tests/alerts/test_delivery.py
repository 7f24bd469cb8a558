from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import event, update
from sqlmodel import select

from alerts import outbox, store
from alerts.channels.base import ChannelError
from alerts.channels.console import FileChannel
from alerts.delivery import LEASE, deliver
from alerts.lifecycle import open_alert
from alerts.tables import NotificationRow
from spendwatch.db import reading, writing
from tests.builders import NOW, a_notification, spike
from tests.databases import open_empty
from tests.fakes import Crash, FakeClock, RecordingChannel

ROOT = Path(__file__).parents[2]


@pytest.fixture
def due(database):
    """A database with three notifications for one receiver."""
    with writing(database) as session:
        (alert,) = store.insert_alerts(session, [open_alert(spike(), NOW)])
        notes = [
            replace(a_notification(f"key-{number}"), alert_number=alert.number)
            for number in range(3)
        ]
        outbox.add_notifications(session, notes)
    return database


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def channel(clock):
    return RecordingChannel(clock)


@pytest.fixture
def apart(database):
    """A database with three notifications that do not wait for each other."""
    with writing(database) as session:
        outbox.add_notifications(session, [group(f"key-{number}") for number in range(3)])
    return database


def group(key, receiver="ops"):
    """A message about many alerts at once."""
    return replace(a_notification(key, receiver), alert_number=None)


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
    assert send(due, channel, clock).sent == 0
    assert [row.state for row in rows(due)] == ["sending", "new", "new"]


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


def test_a_failure_is_kept_reported_and_tried_again(apart, channel, clock):
    channel.fails = ["no route to host"]
    delivered = send(apart, channel, clock)
    assert delivered.sent == 2
    assert [(each.key, each.error) for each in delivered.undelivered] == [
        ("key-0", "no route to host")
    ]
    assert (rows(apart)[0].state, rows(apart)[0].error) == ("retry", "no route to host")
    clock.move(rows(apart)[0].due_at - clock())
    assert send(apart, channel, clock).sent == 1
    assert (channel.lookups, rows(apart)[0].error) == (["key-0"], "")
    assert (rows(apart)[0].due_at, rows(apart)[0].attempts) == (None, 2)


def test_a_failure_is_not_tried_again_before_it_is_due_but_is_still_reported(due, channel, clock):
    channel.fails = ["no route to host"]
    send(due, channel, clock)
    clock.move(rows(due)[0].due_at - clock() - timedelta(seconds=1))
    delivered = send(due, channel, clock)
    assert (delivered.sent, channel.sent, channel.lookups) == (0, [], [])
    assert [each.key for each in delivered.undelivered] == ["key-0"]


def test_each_failure_waits_as_the_spread_picks_from_a_doubled_bound(apart, channel, clock):
    asked = []

    def half(least, most):
        asked.append((least, most))
        return most / 2

    channel.fails = ["down"] * 5
    for _ in range(3):
        deliver(partial(writing, apart), {"ops": channel}, clock, half)
        clock.move(timedelta(seconds=4))
    assert asked == [(0, 4)] * 3 + [(0, 8)] * 2


def test_fault_54_a_pause_that_was_asked_for_holds_for_the_receiver_alone(apart, channel, clock):
    other = RecordingChannel(clock)
    with writing(apart) as session:
        outbox.add_notifications(session, [group("other", "costs")])
    channel.fails = [ChannelError("slow down", unsure=False, retry_after_s=30)]
    both = {"ops": channel, "costs": other}
    assert deliver(partial(writing, apart), both, clock, min).sent == 1
    assert ([each.key for each in other.sent], channel.sent) == (["other"], [])
    clock.move(timedelta(seconds=29, milliseconds=999))
    assert deliver(partial(writing, apart), both, clock, min).sent == 0
    clock.move(timedelta(milliseconds=1))
    assert deliver(partial(writing, apart), both, clock, min).sent == 3
    assert [each.key for each in channel.sent] == ["key-0", "key-1", "key-2"]


def test_what_can_never_succeed_is_a_dead_letter_at_once(due, channel, clock):
    channel.fails = [ChannelError("no such conversation", permanent=True)]
    delivered = send(due, channel, clock)
    assert [(each.key, each.state) for each in delivered.undelivered] == [("key-0", "dead")]
    assert rows(due)[0].due_at is None
    assert delivered.sent == 2, "a dead letter keeps nothing else back"
    clock.move(timedelta(days=2))
    assert send(due, channel, clock).undelivered == delivered.undelivered
    assert channel.lookups == []


def test_what_fails_for_24_hours_is_given_up_and_reported(due, channel, clock):
    channel.fails = ["down"] * 1_000
    while rows(due)[0].state != "dead":
        send(due, channel, clock)
        clock.move(timedelta(minutes=15))
    given_up_after = rows(due)[0].claimed_at - rows(due)[0].created_at
    assert timedelta(hours=23, minutes=45) <= given_up_after <= timedelta(hours=24)
    assert channel.sent == []
    undelivered = send(due, channel, clock).undelivered
    assert ("key-0", "dead", "down") in [(e.key, e.state, e.error) for e in undelivered]


def test_a_message_older_than_24_hours_that_nobody_tried_is_sent(due, channel, clock):
    clock.move(timedelta(days=3))
    assert send(due, channel, clock).sent == 3


def test_a_later_word_about_an_alert_waits_for_the_earlier_one(due, channel, clock):
    channel.fails = ["down"]
    assert send(due, channel, clock).sent == 0
    assert [row.state for row in rows(due)] == ["retry", "new", "new"]
    clock.move(timedelta(seconds=4))
    assert send(due, channel, clock).sent == 3
    assert [each.key for each in channel.sent] == ["key-0", "key-1", "key-2"]


def test_an_earlier_word_to_another_receiver_or_about_another_alert_does_not_wait(due, clock):
    up, down = RecordingChannel(clock), RecordingChannel(clock)
    down.fails = ["down"]
    with writing(due) as session:
        (other,) = store.insert_alerts(session, [open_alert(spike(tenant="bolt"), NOW)])
        about = replace(a_notification("other alert"), alert_number=other.number)
        elsewhere = replace(a_notification("elsewhere", "costs"), alert_number=1)
        outbox.add_notifications(session, [about, elsewhere])
    assert deliver(partial(writing, due), {"ops": down, "costs": up}, clock).sent == 2
    assert [each.key for each in (*down.sent, *up.sent)] == ["other alert", "elsewhere"]


def test_where_the_lookup_fails_nothing_is_sent(due, channel, clock):
    channel.dies = "before"
    with pytest.raises(Crash):
        send(due, channel, clock)
    clock.move(LEASE)
    channel.find_fails = ["history is rate-limited"] * 2
    for attempts in (2, 3):
        assert send(due, channel, clock).sent == 0
        assert (rows(due)[0].state, rows(due)[0].attempts) == ("retry", attempts)
        clock.move(timedelta(minutes=15))
    assert (channel.sent, rows(due)[0].error) == ([], "history is rate-limited")
    assert send(due, channel, clock).sent == 3


def test_what_arrived_although_the_answer_was_lost_is_found_and_not_sent_again(due, clock):
    answers_lost = ["timed out"]

    class Mute(RecordingChannel):
        def send(self, notification, root=None, *, again=0):
            receipt = super().send(notification)
            self._fail(answers_lost)
            return receipt

    channel = Mute(clock)
    assert send(due, channel, clock).sent == 0
    clock.move(timedelta(seconds=4))
    delivered = send(due, channel, clock)
    assert (delivered.found, delivered.sent) == (1, 2)
    assert [each.key for each in channel.sent] == ["key-0", "key-1", "key-2"]


def test_a_look_that_was_asked_too_early_and_answered_late_proves_nothing(due, clock):
    class Slow(RecordingChannel):
        """Stands still during the first look: what was sent before comes in sight after it."""

        settles = timedelta(seconds=60)

        def find(self, notification, since, root=None):
            found = super().find(notification, since, root)
            if len(self.lookups) > 1:
                return found
            self.clock.move(timedelta(seconds=90))
            return None

    channel = Slow(clock)
    channel.dies = "after"
    with pytest.raises(Crash):
        send(due, channel, clock)
    clock.move(LEASE)
    assert send(due, channel, clock).sent == 0
    clock.move(timedelta(seconds=61))
    delivered = send(due, channel, clock)
    assert (delivered.found, delivered.sent) == (1, 2)
    assert [each.key for each in channel.sent] == ["key-0", "key-1", "key-2"]


def test_what_somebody_else_took_over_during_a_long_lookup_is_not_sent(apart, channel, clock):
    channel.fails = ["down"] * 3
    send(apart, channel, clock)
    clock.move(timedelta(minutes=1))

    class Slow(RecordingChannel):
        def find(self, notification, since, root=None):
            clock.move(LEASE)
            send(apart, channel, clock)
            return super().find(notification, since)

    slow = Slow(clock)
    assert send(apart, slow, clock).sent == 0
    assert (slow.sent, len(channel.sent)) == ([], 3)
    assert {row.state for row in rows(apart)} == {"sent"}


@pytest.mark.parametrize("call", ["find", "send"])
def test_what_somebody_else_is_sending_by_now_is_left_to_them(apart, clock, call):
    class Suspended(RecordingChannel):
        def suspend(self):
            clock.move(LEASE)
            with writing(apart) as session:
                assert outbox.claim(session, "key-0", clock(), clock() - LEASE)

        def find(self, notification, since, root=None):
            self.suspend()

        def send(self, notification, root=None, *, again=0):
            assert call == "send"
            self.suspend()
            raise ChannelError("timed out")

    with writing(apart) as session:
        for number in (2, 3):
            session.get(NotificationRow, number).state = "sent"
        session.get(NotificationRow, 1).unsure_since = NOW if call == "find" else None
    send(apart, Suspended(clock), clock)
    row = rows(apart)[0]
    assert (row.state, row.claimed_at, row.error) == ("sending", clock(), "")


def test_a_failure_that_is_noted_late_does_not_undo_that_another_sent_it(apart, channel, clock):
    class Suspended(RecordingChannel):
        def send(self, notification, root=None, *, again=0):
            clock.move(LEASE)
            send(apart, channel, clock)
            raise ChannelError("timed out")

    delivered = send(apart, Suspended(clock), clock)
    assert delivered.undelivered == ()
    assert {row.state for row in rows(apart)} == {"sent"}
    assert len(channel.sent) == 3


def test_a_receiver_nobody_reaches_is_reported_by_name(apart, channel, clock):
    delivered = deliver(partial(writing, apart), {"costs": channel}, clock)
    assert {(each.state, each.error) for each in delivered.undelivered} == {
        ("dead", "no channel reaches the receiver 'ops' (known: costs)")
    }
    with writing(apart) as session:
        outbox.add_notifications(session, [group("later")])
    nobody = deliver(partial(writing, apart), {}, clock)
    assert nobody.undelivered[0].error.endswith("(known: none)")


def test_nothing_is_sent_within_a_transaction(due, clock):
    class Watching(RecordingChannel):
        def send(self, notification, root=None, *, again=0):
            with writing(due):  # would wait for the lock, and fail, if one were held
                return super().send(notification)

    assert send(due, Watching(clock), clock).sent == 3


def test_a_file_written_before_the_crash_is_not_written_again(due, clock, tmp_path):
    file = FileChannel(tmp_path / "messages.txt", clock)

    class DyingFile(FileChannel):
        def send(self, notification, root=None, *, again=0):
            super().send(notification)
            raise Crash

    with pytest.raises(Crash):
        send(due, DyingFile(tmp_path / "messages.txt", clock), clock)
    clock.move(LEASE)
    assert send(due, file, clock).found == 1
    assert (tmp_path / "messages.txt").read_text().count("== 2026-11-13") == 3


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
        assert outbox.claim(session, "key-0", NOW, NOW - LEASE) is not None
    with writing(due) as session:
        assert outbox.claim(session, "key-0", NOW, NOW - LEASE) is None


def test_two_deliveries_at_the_same_time_send_everything_once(apart, clock):
    with writing(apart) as session:
        outbox.add_notifications(session, [group(f"more-{number}") for number in range(30)])
    shared = RecordingChannel(clock)
    engines = [open_empty(str(apart.url)) for _ in range(3)]
    start = Barrier(len(engines))

    def run(engine):
        start.wait()
        return send(engine, shared, clock).sent

    with ThreadPoolExecutor(len(engines)) as pool:
        sent = list(pool.map(run, engines))
    for engine in engines:
        engine.dispose()
    assert sum(sent) == 33
    assert max(Counter(each.key for each in shared.sent).values()) == 1
    assert {row.state for row in rows(apart)} == {"sent"}


KILLED = """
import os, signal, sys
from functools import partial
from pathlib import Path
from alerts.channels.console import FileChannel
from alerts.delivery import deliver
from spendwatch.db import writing
from tests.databases import open_empty
from tests.fakes import FakeClock

url, file, moment = sys.argv[1:]

class Killed(FileChannel):
    def send(self, notification, root=None, *, again=0):
        self.die(f"before {notification.key}")
        receipt = super().send(notification)
        self.die(f"after {notification.key}")
        return receipt

    def die(self, now):
        if now == moment:
            os.kill(os.getpid(), signal.SIGKILL)

clock = FakeClock()
deliver(partial(writing, open_empty(url)), {"ops": Killed(Path(file), clock)}, clock)
"""


@pytest.mark.parametrize("moment", ["before key-0", "after key-0", "before key-1", "after key-2"])
def test_fault_67_whenever_the_process_is_killed_each_message_is_there_once(
    due, clock, moment, tmp_path
):
    file, url = tmp_path / "messages.txt", due.url.render_as_string(hide_password=False)
    due.dispose()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, url, str(file), moment], cwd=ROOT, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    clock.move(LEASE)
    send(due, FileChannel(file, clock), clock)
    told = [line for line in file.read_text().splitlines() if line.startswith("== ")]
    assert [line.split('"')[1] for line in told] == ["key-0", "key-1", "key-2"]
    assert {row.state for row in rows(due)} == {"sent"}


def test_a_message_no_channel_can_render_does_not_stop_those_behind_it(due, clock):
    class Faulty(RecordingChannel):
        def send(self, notification, root=None, *, again=0):
            if notification.key == "key-0":
                raise ValueError("no such tone")
            return super().send(notification)

    with writing(due) as session:
        session.execute(update(NotificationRow).values(alert_number=None))
    channel = Faulty(clock)
    delivered = send(due, channel, clock)
    assert [each.key for each in channel.sent] == ["key-1", "key-2"]
    (stuck,) = delivered.undelivered
    assert stuck.error == "a fault of the program: ValueError: no such tone"
