"""Stand-ins at the ports: a clock that moves when told, a channel that remembers."""

from __future__ import annotations

from datetime import timedelta

from alerts.channels.base import ChannelError
from alerts.notice import Receipt
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

    ``stands`` is for one whose messages can be changed later. ``fails`` and its like hold what the
    next calls raise: words, or a whole error.
    """

    def __init__(self, clock=None, *, stands=False):
        self.clock = clock or FakeClock()
        self.stands = stands
        self.sent = []
        self.updated = []
        self.update_fails = []
        self.roots = []
        self.lookups = []
        self.fails = []
        self.waits = []
        self.find_fails = []
        self.dies = None

    settles = timedelta(0)
    recipients = ()
    down = ""

    def wait_s(self, *, edit=False, answered=False):
        return self.waits.pop(0) if self.waits else 0.0

    def send(self, notification, root=None, *, again=0):
        self._fail(self.fails)
        self._die("before")
        self.sent.append(notification)
        self.roots.append(root and root.reference)
        self._die("after")
        return self._receipt(notification, root)

    def find(self, notification, since, root=None):
        key = notification.key
        self.lookups.append(key)
        self._fail(self.find_fails)
        return next((self._receipt(each, root) for each in self.sent if each.key == key), None)

    def rest(self):
        pass

    def update(self, receipt, notification):
        self._fail(self.update_fails)
        self.updated.append((receipt.reference, notification.message.title))
        return receipt

    def _receipt(self, notification, root=None):
        reference = f"recorded {notification.key}"
        stands = self.stands and root is None
        return Receipt(notification.receiver, reference, self.clock(), stands)

    @staticmethod
    def _fail(errors):
        if errors:
            error = errors.pop(0)
            raise ChannelError(error) if isinstance(error, str) else error

    def _die(self, when):
        if self.dies == when:
            self.dies = None
            raise Crash
