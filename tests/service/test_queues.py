"""A queue that takes longer than one delivery has patience for."""

from __future__ import annotations

from dataclasses import replace

from alerts import outbox
from spendwatch.db import writing
from tests.builders import a_notification
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

    def send(self, notification, root=None, *, again=False):
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
