"""A service whose ticks are made by hand, on a real installation with a clock that is moved."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import fields
from datetime import timedelta

import structlog

from alerts.channels.console import FileChannel
from alerts.channels.outbound_http import OutboundError
from spendwatch.app import App
from spendwatch.leading import leading
from spendwatch.service import Service
from spendwatch.verifying import Verifier

HOUR, ONE = timedelta(hours=1), timedelta(days=1)


class Serving:
    """Ticks in the order in which they depend on each other; keeps what was logged and told."""

    def __init__(self, place, app, leadership, log):
        self.place, self.log, self.lost, self.steady_s = place, log, [], 1_000.0
        self.file = place.folder / "told.txt"
        self.pings, self.ping_fails = [], []
        logger = structlog.wrap_logger(None, processors=[log])
        self.service = Service(
            app,
            {"desk": FileChannel(self.file, app.clock)},
            leadership,
            logger,
            steady=lambda: self.steady_s,
            stopping=lambda: False,
            on_lost=lambda: self.lost.append(True),
            verifier=Verifier(app, self._ping, logger, lambda: self.steady_s),
        )
        self.ticks = self.service.ticks()

    def _ping(self):
        """Take a heartbeat, or refuse it with what is next in ``ping_fails``."""
        if self.ping_fails:
            raise OutboundError(self.ping_fails.pop(0))
        self.pings.append(self.place.now)

    def tick(self, *names):
        """Make these ticks, or all of them."""
        for name in names or self.ticks:
            self.ticks[name]()

    def wait(self, time, *, tick=True):
        """Let time pass on both clocks, then tick."""
        self.place.now += time
        self.steady_s += time.total_seconds()
        if tick:
            self.tick()

    def set_clock(self, by):
        """Set the wall clock alone, as a person or a time server would."""
        self.place.now += by

    def told(self):
        """The titles of what was told so far, and what stands below each."""
        return self.file.read_text(encoding="utf-8") if self.file.exists() else ""

    def titles(self):
        """The first line of each message."""
        return [line for line in self.told().splitlines() if line.startswith("[")]

    def times_told(self, title):
        return sum(title in each for each in self.titles())

    def events(self):
        return [each["event"] for each in self.log.entries]

    def logged(self, event):
        return [each for each in self.log.entries if each["event"] == event]


@contextmanager
def serving(place, environ=None, kind=App):
    """Start a service on an installation; end it, and another can start where it stopped."""
    app = place.app(environ)
    app = kind(*(getattr(app, each.name) for each in fields(app)))
    with leading(app.engine, "run", app.clock) as leadership:
        yield Serving(place, app, leadership, structlog.testing.LogCapture())
    app.engine.dispose()
