"""Stand-ins at the ports: a clock that moves when told, a channel that remembers."""

from __future__ import annotations

from alerts.channels.base import ChannelError
from alerts.model import Receipt
from tests.builders import NOW


class FakeClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now=NOW):
        self.now = now

    def __call__(self):
        return self.now

    def move(self, step):
        self.now += step


class Crash(BaseException):
    """The process dies here."""


class RecordingChannel:
    """Keeps what was sent; fails, or dies before or after sending, when told.

    ``fails`` and ``find_fails`` hold what the next calls raise: words, or a whole ChannelError.
    """

    def __init__(self, clock=None):
        self.clock = clock or FakeClock()
        self.sent = []
        self.updated = []
        self.lookups = []
        self.fails = []
        self.find_fails = []
        self.dies = None

    def send(self, notification):
        self._fail(self.fails)
        self._die("before")
        self.sent.append(notification)
        self._die("after")
        return self._receipt(notification)

    def find(self, key):
        self.lookups.append(key)
        self._fail(self.find_fails)
        return next((self._receipt(each) for each in self.sent if each.key == key), None)

    def update(self, receipt, message):
        self.updated.append((receipt, message))
        return receipt

    def _receipt(self, notification):
        return Receipt(notification.receiver, f"recorded {notification.key}", self.clock())

    @staticmethod
    def _fail(errors):
        if errors:
            error = errors.pop(0)
            raise error if isinstance(error, ChannelError) else ChannelError(error)

    def _die(self, when):
        if self.dies == when:
            self.dies = None
            raise Crash
