"""A receiver that is several people: each has a copy that goes its own way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlmodel import select

from alerts import outbox, recipients, settling, store
from alerts.channels.base import ChannelError
from alerts.delivery import LEASE, Whom, deliver
from alerts.lifecycle import open_alert
from alerts.outbox import Act, Asked
from alerts.story import story_of
from alerts.tables import NotificationRow
from spendwatch.db import reading, writing
from tests.builders import NOW, a_message, a_notification, spike
from tests.fakes import Crash, FakeClock, RecordingChannel

ANN, BOB = "ann@example.com", "bob@example.com"
REFUSED = ChannelError("550 no such user", permanent=True, unsure=False, nobody_there=True)


class Desk:
    """A receiver of two people, and one that is told what they cannot be told."""

    def __init__(self, database):
        self.database, self.clock = database, FakeClock()
        self.mail, self.default = RecordingChannel(self.clock), RecordingChannel(self.clock)
        self.mail.recipients = (ANN, BOB)
        with writing(database) as session:
            store.insert_alerts(session, [open_alert(spike(), NOW)])

    def add(self, *keys, **changed):
        with writing(self.database) as session:
            notes = [replace(a_notification(key), alert_number=1, **changed) for key in keys]
            outbox.add_notifications(session, notes)

    def deliver(self):
        channels = {"ops": self.mail, "default": self.default}
        return deliver(partial(writing, self.database), channels, self.clock, whom=Whom("default"))

    def sent(self):
        return [(each.recipient, each.key) for each in self.mail.sent]

    def rows(self):
        with reading(self.database) as session:
            rows = session.exec(select(NotificationRow).order_by(NotificationRow.number))
            return [(row.recipient, row.state) for row in rows]

    def stopped(self):
        with reading(self.database) as session:
            return recipients.stopped(session, "ops")


@pytest.fixture
def desk(database):
    return Desk(database)


def test_each_gets_a_copy_and_the_message_itself_goes_to_nobody(desk):
    desk.add("k")
    delivered = desk.deliver()
    assert desk.sent() == [(ANN, f"k to {ANN}"), (BOB, f"k to {BOB}")]
    assert desk.rows() == [("", "divided"), (ANN, "sent"), (BOB, "sent")]
    assert delivered.keys == ("k", "k")
    assert desk.deliver().sent == 0


def test_of_two_copies_one_may_wait_and_the_other_is_not_repeated(desk):
    desk.add("k")
    desk.mail.fails = [ChannelError("450 busy", unsure=False)]
    desk.deliver()
    assert desk.sent() == [(BOB, f"k to {BOB}")]
    desk.clock.move(timedelta(minutes=1))
    desk.deliver()
    assert desk.sent() == [(BOB, f"k to {BOB}"), (ANN, f"k to {ANN}")]


def test_later_news_waits_for_the_same_person_alone(desk):
    desk.add("first")
    desk.mail.fails = [ChannelError("450 busy", unsure=False)]
    desk.deliver()
    desk.add("second")
    desk.deliver()
    assert desk.sent() == [(BOB, f"first to {BOB}"), (BOB, f"second to {BOB}")]
    desk.clock.move(timedelta(minutes=1))
    desk.deliver()
    assert desk.sent()[2:] == [(ANN, f"first to {ANN}"), (ANN, f"second to {ANN}")]


@pytest.mark.parametrize("dies", ["before", "after"])
def test_a_crash_between_two_copies_repeats_none(desk, dies):
    desk.add("k")
    desk.mail.dies = dies
    with pytest.raises(Crash):
        desk.deliver()
    desk.clock.move(LEASE)
    desk.deliver()
    assert sorted(desk.sent()) == [(ANN, f"k to {ANN}"), (BOB, f"k to {BOB}")]


def test_what_follows_knows_what_the_same_person_was_told_first(desk):
    desk.add("first", message=a_message(title="what came first"))
    desk.deliver()
    desk.add("second")
    desk.deliver()
    firsts = [each.first for each in desk.mail.sent]
    assert firsts[:2] == [None, None]
    assert [(each.reference, each.title) for each in firsts[2:]] == [
        (f"recorded first to {ANN}", "what came first"),
        (f"recorded first to {BOB}", "what came first"),
    ]


def test_a_refused_copy_is_told_to_the_receiver_of_everything_else(desk):
    desk.add("k")
    desk.mail.fails = [REFUSED]
    desk.deliver()
    desk.deliver()
    (told,) = desk.default.sent
    assert told.message.lines[-1].text == "to ops, who was not reached: 550 no such user"
    assert (told.recipient, told.part_of) == ("", "")


def test_fault_99_an_address_that_is_refused_three_times_gets_nothing_more_and_that_is_said(desk):
    for number in range(3):
        desk.mail.fails = [REFUSED]
        desk.add(f"k{number}")
        desk.deliver()
    assert desk.stopped() == {ANN}
    desk.deliver()
    titles = [each.message.title for each in desk.default.sent]
    assert f"{ANN} gets no more mail of ops: it was refused three times in a row" in titles
    desk.mail.sent.clear()
    desk.add("after")
    desk.deliver()
    assert desk.sent() == [(BOB, f"after to {BOB}")]


def test_an_address_that_takes_mail_again_is_refused_no_times(desk):
    for number, error in enumerate([REFUSED, REFUSED, None, REFUSED]):
        desk.mail.fails = [error] if error else []
        desk.add(f"k{number}")
        desk.deliver()
    assert desk.stopped() == frozenset()


def test_where_nobody_is_left_the_receiver_of_everything_else_is_told(desk):
    with writing(desk.database) as session:
        for address in (ANN, BOB):
            assert recipients.unsubscribe(session, "ops", address, NOW)
            assert not recipients.unsubscribe(session, "ops", address, NOW)
    desk.add("k")
    desk.deliver()
    desk.deliver()
    assert desk.mail.sent == []
    (told,) = desk.default.sent
    assert "nobody of ops gets mail any more" in told.message.lines[-1].text


def test_who_was_left_out_of_one_receiver_is_not_of_another_and_may_come_back(desk):
    with writing(desk.database) as session:
        recipients.unsubscribe(session, "ops", ANN, NOW)
        assert recipients.stopped(session, "others") == frozenset()
        assert [row.address for row in recipients.all_stopped(session)] == [ANN]
        assert recipients.resume(session, "ops", ANN)
        assert not recipients.resume(session, "ops", ANN)
    assert desk.stopped() == frozenset()


def test_the_story_names_whom_each_copy_reached(desk):
    desk.add("k")
    desk.mail.fails = [REFUSED]
    desk.deliver()
    with writing(desk.database) as session:
        store.add_decisions(session, [_told("k")])
        (happened,) = story_of(session, 1)
    assert f"told to {ANN} of ops, given up" in happened.words
    assert f"told to {BOB} of ops, sent" in happened.words
    assert [each["recipient"] for each in happened.facts["deliveries"]] == [ANN, BOB]


def _told(key):
    from alerts.model import Change, Reason
    from alerts.store import Decision

    return Decision(1, NOW.date(), Change.OPENED, Reason.NEW, True, NOW, message_key=key)


def test_a_copy_that_was_given_up_can_be_asked_for_again(desk):
    desk.add("k")
    desk.mail.fails = [REFUSED]
    desk.deliver()
    with writing(desk.database) as session:
        (again,) = settling.retry_dead(session, Act(Asked.RETRY, "ana", desk.clock()))
    assert again.recipient == ANN
    desk.deliver()
    assert (ANN, "sent") in desk.rows()
