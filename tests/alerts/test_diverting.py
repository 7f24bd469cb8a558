"""What is critical and does not get through is told to whoever stands in, once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from alerts import outbox
from alerts.channels.base import ChannelError
from alerts.delivery import deliver
from alerts.diverting import PATIENCE, divert
from alerts.model import Reason
from spendwatch.db import writing
from tests.builders import a_message, a_notification
from tests.fakes import FakeClock, RecordingChannel

STAND_INS = {"ops": "mail", "mail": "ops"}


class Desk:
    """A receiver and another that stands in for it."""

    def __init__(self, database):
        self.database, self.clock = database, FakeClock()
        self.ops, self.mail = RecordingChannel(self.clock), RecordingChannel(self.clock)

    @property
    def channels(self):
        return {"ops": self.ops, "mail": self.mail}

    def add(self, key="k", tone="critical", **changed):
        message = a_message(tone=tone)
        with writing(self.database) as session:
            told = replace(a_notification(key), alert_number=None, message=message, **changed)
            outbox.add_notifications(session, [told])

    def run(self):
        with writing(self.database) as session:
            diverted = divert(session, self.channels, STAND_INS, self.clock())
        deliver(partial(writing, self.database), self.channels, self.clock)
        return diverted


@pytest.fixture
def desk(database):
    return Desk(database)


def down(channel, why="invalid_auth"):
    channel.down, channel.waits = why, [60.0] * 100


def up(channel):
    channel.down, channel.waits = "", []


def test_fault_59_what_is_critical_goes_the_other_way_at_once_and_the_first_way_later(desk):
    desk.add()
    down(desk.ops)
    assert desk.run() == ("instead:k",)
    assert desk.run() == ()
    (told,) = desk.mail.sent
    assert told.message.lines[-1].text == "to ops, who was not reached: invalid_auth"
    assert desk.ops.sent == []
    up(desk.ops)
    desk.run()
    assert [each.key for each in desk.ops.sent] == ["k"]
    assert len(desk.mail.sent) == 1


@pytest.mark.parametrize("tone", ["warning", "notice", "calm"])
def test_what_is_not_critical_waits(desk, tone):
    desk.add(tone=tone)
    down(desk.ops)
    assert desk.run() == ()


def test_what_is_tried_in_vain_for_five_minutes_goes_the_other_way_too(desk):
    desk.add()
    desk.ops.fails = ["503"] * 100
    desk.run()
    desk.clock.move(PATIENCE - timedelta(seconds=1))
    assert desk.run() == ()
    desk.clock.move(timedelta(seconds=1))
    assert desk.run() == ("instead:k",)
    assert "503" in desk.mail.sent[0].message.lines[-1].text


def test_a_queue_that_moves_is_no_reason(desk):
    for number in range(3):
        desk.add(f"k{number}")
    desk.ops.waits = [60.0] * 100  # its pace alone
    desk.run()
    desk.clock.move(timedelta(hours=1))
    desk.ops.waits = [60.0] * 100
    assert desk.run() == ()


def test_where_the_other_is_down_as_well_nothing_is_told_twice_later(desk):
    desk.add()
    down(desk.ops)
    down(desk.mail)
    assert desk.run() == ()
    up(desk.mail)
    assert desk.run() == ("instead:k",)


def test_of_several_copies_the_message_is_told_once(desk):
    desk.ops.recipients = ("ann@example.com", "bob@example.com")
    desk.ops.fails = [ChannelError("451 later", unsure=False) for _ in range(10)]
    desk.add()
    desk.run()
    desk.clock.move(PATIENCE)
    assert desk.run() == ("instead:k",)


def test_a_picture_and_a_list_below_a_message_are_not_worth_it(desk):
    desk.add("picture", reason=Reason.CHART)
    desk.add("list", thread_of="k")
    down(desk.ops)
    assert desk.run() == ()
