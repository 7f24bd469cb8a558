"""A queue that takes longer than one delivery has patience for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from alerts import outbox
from alerts.intake import take_in
from spendwatch.db import writing
from tests.builders import a_notification, a_telling, judgement, spike
from tests.fakes import RecordingChannel
from tests.service.serving import serving
from tests.spendwatch.installations import CONFIG, Installation

MANY = 20


class SlowChannel(RecordingChannel):
    """Takes a message every five seconds, by a time that passes only while it is waited for."""

    def __init__(self):
        super().__init__()
        self.now_s = self.free_s = 0.0

    def wait_s(self, *, edit=False, answered=False):
        return max(0.0, self.free_s - self.now_s)

    def send(self, notification, root=None, *, again=0):
        self.free_s = self.now_s + 5.0
        return super().send(notification, root, again=again)

    def pause(self, seconds):
        self.now_s += seconds


def test_a_queue_does_not_wait_for_the_next_tick(tmp_path):
    place, channel = Installation(tmp_path, CONFIG), SlowChannel()
    with serving(place) as service:
        notes = [
            replace(a_notification(f"note {number}", "desk"), alert_number=None)
            for number in range(MANY)
        ]
        with writing(service.service.app.engine) as session:
            outbox.add_notifications(session, notes)
        service.service.channels, service.service.pause = {"desk": channel}, channel.pause
        service.tick("deliver")
        assert len(channel.sent) == MANY
        assert len(service.logged("delivered")) > 1


class Editable(RecordingChannel):
    """One whose messages can be changed, but not at any time."""

    def __init__(self, clock):
        super().__init__(clock, stands=True)
        self.busy = True

    def wait_s(self, *, edit=False, answered=False):
        return 30.0 if edit and self.busy else 0.0


def test_what_could_not_be_shown_for_long_is_shown_when_all_messages_are_looked_at(tmp_path):
    place = Installation(tmp_path, CONFIG)
    with serving(place) as service:
        app = service.service.app
        channel = service.service.channels["desk"] = Editable(app.clock)
        for actual in (400, 410):
            with writing(app.engine) as session:
                take_in(session, judgement(spike(actual=actual)), a_telling(app.clock()))
            service.tick("deliver")
        service.wait(timedelta(minutes=2), tick=False)
        service.tick("show")
        channel.busy = False
        for seconds, shown in ((5, 0), (4, 0), (1, 1)):
            service.wait(timedelta(seconds=seconds), tick=False)
            service.tick("show")
            assert len(channel.updated) == shown
