"""A delivery that is asked to end, or is suspended, between one message and the next."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from alerts import outbox
from alerts.delivery import deliver
from spendwatch.db import writing
from tests.builders import a_notification
from tests.fakes import FakeClock, RecordingChannel

SUSPENDED_FOR = timedelta(minutes=10)


class SuspendedClock(FakeClock):
    """Stands still; at one reading the process wakes up from a suspension instead."""

    def __init__(self):
        super().__init__()
        self.readings_left, self.meanwhile = 10**6, None

    def __call__(self):
        self.readings_left -= 1
        if not self.readings_left:
            self.move(SUSPENDED_FOR)
            self.meanwhile()
        return self.now


@pytest.fixture
def waiting(database):
    """A database with three messages that do not wait for each other."""
    with writing(database) as session:
        notes = [
            replace(a_notification(f"key-{number}", "ops"), alert_number=None)
            for number in range(3)
        ]
        outbox.add_notifications(session, notes)
    return database


def keys(channel):
    return sorted(each.key for each in channel.sent)


def test_fault_108_whoever_is_asked_to_end_begins_no_further_message(waiting):
    clock = FakeClock()
    channel = RecordingChannel(clock)
    stopping = partial(lambda: bool(channel.sent))
    told = deliver(partial(writing, waiting), {"ops": channel}, clock, stopping=stopping)
    assert (told.sent, keys(channel)) == (1, ["key-0"])
    deliver(partial(writing, waiting), {"ops": channel}, clock)
    assert keys(channel) == ["key-0", "key-1", "key-2"]
    assert channel.lookups == [], "nothing was left half sent"


@pytest.mark.parametrize("reading", [3, 4, 5, 6])
def test_fault_53_what_another_sent_while_one_was_suspended_is_not_sent_again(waiting, reading):
    clock = SuspendedClock()
    channel = RecordingChannel(clock)
    clock.readings_left = reading
    clock.meanwhile = lambda: deliver(partial(writing, waiting), {"ops": channel}, clock)
    deliver(partial(writing, waiting), {"ops": channel}, clock)
    assert keys(channel) == ["key-0", "key-1", "key-2"]
