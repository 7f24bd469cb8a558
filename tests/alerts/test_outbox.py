"""What stands in the outbox, and what people do with what did not go out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from alerts import outbox, settling
from alerts.channels.base import ChannelError
from alerts.delivery import LEASE, deliver
from alerts.lifecycle import ReplyRefused, SenselessReply
from alerts.outbox import Act, Asked
from alerts.outbox_queries import NotificationState
from alerts.tables import NotificationRow
from spendwatch.db import reading, writing
from tests.builders import NOW, a_notification
from tests.fakes import FakeClock, RecordingChannel

DAY = timedelta(days=1)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def channel(clock):
    return RecordingChannel(clock)


@pytest.fixture
def dead(database, channel, clock):
    """An outbox whose messages 1 and 2 were given up, and 3 was sent."""
    with writing(database) as session:
        notes = [replace(a_notification(f"key-{n}"), alert_number=None) for n in (1, 2, 3)]
        outbox.add_notifications(session, notes)
    channel.fails = [ChannelError("no such conversation", permanent=True)] * 2
    assert send(database, channel, clock).sent == 1
    return database


def send(database, channel, clock):
    return deliver(partial(writing, database), {"ops": channel}, clock)


def entry(database, number):
    with reading(database) as session:
        (found,) = [
            e for e in settling.entries(session, [*NotificationState]) if e.number == number
        ]
    return found


def retry(database, number, at, actor="aiko"):
    with writing(database) as session:
        return settling.retry(session, number, Act(Asked.RETRY, actor, at))


def drop(database, number, at, note="nobody needs it", actor="aiko"):
    with writing(database) as session:
        return settling.drop(session, number, Act(Asked.DROP, actor, at, note), at - LEASE)


def test_a_dead_letter_that_is_asked_for_again_is_looked_up_and_sent_once(dead, channel, clock):
    clock.move(3 * DAY)
    assert retry(dead, 1, clock()).state is NotificationState.RETRY
    assert (send(dead, channel, clock).sent, channel.lookups) == (1, ["key-1"])
    assert send(dead, channel, clock).sent == 0
    assert [each.key for each in channel.sent] == ["key-3", "key-1"]
    assert entry(dead, 2).state is NotificationState.DEAD


def test_asked_for_twice_it_is_sent_once(dead, channel, clock):
    retry(dead, 1, clock())
    retry(dead, 1, clock(), actor="ben")
    send(dead, channel, clock)
    send(dead, channel, clock)
    assert [each.key for each in channel.sent] == ["key-3", "key-1"]
    assert [each.actor for each in entry(dead, 1).acts] == ["aiko", "ben"]


def test_a_dead_letter_that_had_arrived_is_found_and_not_sent_again(dead, channel, clock):
    channel.sent.append(replace(a_notification("key-1"), alert_number=None))
    retry(dead, 1, clock())
    assert send(dead, channel, clock).found == 1
    assert [each.key for each in channel.sent] == ["key-3", "key-1"]


def test_the_attempts_and_the_24_hours_begin_again_and_the_message_keeps_its_time(
    dead, channel, clock
):
    clock.move(3 * DAY)
    retry(dead, 1, clock())
    channel.fails = ["down"] * 1_000
    send(dead, channel, clock)
    again = entry(dead, 1)
    assert (again.state, again.attempts, again.created_at) == (NotificationState.RETRY, 1, NOW)
    assert again.due_at - clock() == timedelta(seconds=4)
    begun = clock()
    while entry(dead, 1).state is NotificationState.RETRY:
        clock.move(timedelta(minutes=15))
        send(dead, channel, clock)
    assert timedelta(hours=23, minutes=30) <= clock() - begun <= DAY


def test_every_dead_letter_can_be_asked_for_at_once(dead, channel, clock):
    with writing(dead) as session:
        found = settling.retry_dead(session, Act(Asked.RETRY, "aiko", clock()))
    assert [each.number for each in found] == [1, 2]
    assert send(dead, channel, clock).sent == 2
    with writing(dead) as session:
        assert settling.retry_dead(session, Act(Asked.RETRY, "aiko", clock())) == ()


def test_what_waits_for_its_next_try_can_be_made_due_now(database, channel, clock):
    with writing(database) as session:
        outbox.add_notifications(session, [replace(a_notification(), alert_number=None)])
    channel.fails = ["down"]
    assert send(database, channel, clock).sent == 0
    assert send(database, channel, clock).sent == 0
    retry(database, 1, clock())
    assert send(database, channel, clock).sent == 1


def test_what_was_dropped_is_never_sent_and_says_by_whom(dead, channel, clock):
    drop(dead, 1, clock())
    with pytest.raises(
        ReplyRefused, match=r"dropped by aiko on 13 Nov 06:10 UTC: it is never sent"
    ):
        retry(dead, 1, clock())
    clock.move(3 * DAY)
    with writing(dead) as session:
        settling.retry_dead(session, Act(Asked.RETRY, "ben", clock()))
    send(dead, channel, clock)
    assert "key-1" not in [each.key for each in channel.sent]
    dropped = entry(dead, 1)
    assert dropped.state is NotificationState.DROPPED
    assert dropped.acts == (Act(Asked.DROP, "aiko", NOW, "nobody needs it"),)
    assert dropped.error == "no such conversation"


def test_what_is_new_can_be_dropped_before_it_is_sent(database, channel, clock):
    with writing(database) as session:
        outbox.add_notifications(session, [replace(a_notification(), alert_number=None)])
    drop(database, 1, clock())
    assert send(database, channel, clock).sent == 0
    assert (channel.sent, channel.lookups) == ([], [])


def test_of_two_who_drop_it_the_second_is_told_who_was_first(dead, clock):
    drop(dead, 1, clock())
    with pytest.raises(ReplyRefused, match="was dropped by aiko"):
        drop(dead, 1, clock(), actor="ben")
    assert [each.actor for each in entry(dead, 1).acts] == ["aiko"]


def test_what_was_sent_is_neither_dropped_nor_sent_again(dead, channel, clock):
    with pytest.raises(ReplyRefused, match=r"was sent on 13 Nov 06:10 UTC: it cannot be dropped"):
        drop(dead, 3, clock())
    with pytest.raises(ReplyRefused, match="nothing is sent twice"):
        retry(dead, 3, clock())
    assert entry(dead, 3).acts == ()


def test_what_is_being_sent_is_not_dropped_until_its_sender_must_have_died(
    database, channel, clock
):
    with writing(database) as session:
        outbox.add_notifications(session, [replace(a_notification(), alert_number=None)])
        outbox.claim(session, a_notification().key, clock(), clock() - LEASE)
    with pytest.raises(ReplyRefused, match="is being sent right now"):
        drop(database, 1, clock())
    with pytest.raises(ReplyRefused, match="goes out with the next delivery anyway"):
        retry(database, 1, clock())
    clock.move(LEASE)
    drop(database, 1, clock())
    assert send(database, channel, clock).sent == 0
    assert channel.sent == []


def test_what_was_dropped_during_a_long_lookup_is_not_sent(dead, channel, clock):
    class Slow(RecordingChannel):
        def find(self, notification, since, root=None):
            clock.move(LEASE)
            drop(dead, 1, clock())
            return super().find(notification, since)

    retry(dead, 1, clock())
    slow = Slow(clock)
    send(dead, slow, clock)
    assert slow.sent == []
    assert entry(dead, 1).state is NotificationState.DROPPED


def test_what_arrives_although_it_was_dropped_meanwhile_counts_as_sent(database, clock):
    class Suspended(RecordingChannel):
        def send(self, notification, root=None, *, again=0):
            clock.move(LEASE)
            drop(database, 1, clock())
            return super().send(notification, root)

    with writing(database) as session:
        outbox.add_notifications(session, [replace(a_notification(), alert_number=None)])
    assert send(database, Suspended(clock), clock).sent == 1
    assert entry(database, 1).state is NotificationState.SENT


def test_a_number_that_nobody_has_is_refused(database, clock):
    for ask in (retry, drop):
        with pytest.raises(SenselessReply, match="there is no message 7"):
            ask(database, 7, clock())


def test_the_newest_problem_comes_first(dead, channel, clock):
    clock.move(DAY)
    retry(dead, 1, clock())
    channel.fails = ["down"]
    assert [each.number for each in send(dead, channel, clock).undelivered] == [1, 2]
    clock.move(timedelta(hours=1))
    retry(dead, 2, clock())
    channel.fails = ["down", "down"]
    send(dead, channel, clock)
    with reading(dead) as session:
        assert [e.number for e in settling.entries(session, settling.UNSETTLED)] == [2, 1]


def test_an_error_as_long_as_a_page_is_cut(database, channel, clock):
    with writing(database) as session:
        outbox.add_notifications(session, [replace(a_notification(), alert_number=None)])
    channel.fails = ["<html>" * 10_000]
    send(database, channel, clock)
    assert len(entry(database, 1).error) == 500


def test_what_an_older_program_left_half_sent_is_looked_up(database, channel, clock):
    with writing(database) as session:
        outbox.add_notifications(session, [replace(a_notification(), alert_number=None)])
        row = session.get(NotificationRow, 1)
        row.state, row.error = "sending", "no route to host"
    assert send(database, channel, clock).sent == 1
    assert channel.lookups == [a_notification().key]
