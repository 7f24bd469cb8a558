"""`spendwatch run` as a child process: its log is read as it comes, its end is waited for."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event

from spendwatch.app import system_clock
from spendwatch.db import reading
from spendwatch.leading import leader_of
from tests.spendwatch.installations import CONFIG, Installation

ROOT = Path(__file__).parents[2]
CONSOLE = CONFIG.replace("[service]", "[service]\nmin_free_mb = 0")
FILE = CONSOLE.replace('digest = "off"', 'digest = "off"\npath = "told.txt"')
END_WITHIN_S = 15


class Running:
    """A service that runs."""

    def __init__(self, process):
        self.process = process
        self.seen = []

    def wait_for(self, event):
        """Read the log until something has happened; return what was said of it."""
        for line in self.process.stderr:
            told = json.loads(line)
            self.seen.append(told)
            if told["event"] == event:
                return told
        raise AssertionError(f"it ended without {event}: {self.seen}")

    def ask_to_end(self):
        """Send SIGTERM; return the exit code, which is there in time."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(END_WITHIN_S)

    def kill(self):
        self.process.kill()
        self.process.wait()


@contextmanager
def running(place, *, before=(), **options):
    """Start the service of an installation; kill it in the end where it still runs."""
    command = [*before, sys.executable, "-m", "spendwatch.cli", "run", "--config", place.config]
    given = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True} | options
    with subprocess.Popen(command, cwd=ROOT, **given) as process:
        service = Running(process)
        try:
            yield service
        finally:
            if process.poll() is None:
                service.kill()


def a_place(folder, config=FILE, days=20, spike=400, extra="", environ=None):
    """An installation with steady days up to the day before yesterday, and a spike yesterday."""
    folder.mkdir(parents=True, exist_ok=True)
    place = Installation(folder, config, extra)
    place.now = system_clock()
    app = place.app(environ)
    place.newest = app.last_settled_day()
    app.engine.dispose()
    place.write_days(days, 100, first=place.newest - timedelta(days=days))
    place.write_day(place.newest, [f"acme,chat,gpt-4o,{spike}"])
    return place


def command(place, *arguments, config=None):
    """Run a command of an installation in a process of its own."""
    whole = [sys.executable, "-m", "spendwatch.cli", *arguments, "--config", config or place.config]
    return subprocess.run(whole, cwd=ROOT, capture_output=True, text=True, check=False)


def until(holds, seconds=60):
    """Wait until something is so."""
    tick, tries = Event(), int(seconds / 0.05)
    assert any(holds() or tick.wait(0.05) for _ in range(tries)), "it never came to be so"


def beaten_since(place, moment):
    """Whether the service has been heard of since a moment."""
    app = place.app()
    with reading(app.engine) as session:
        leader = leader_of(session)
    app.engine.dispose()
    return leader is not None and leader.heartbeat_at > moment


def told(place):
    """Everything that was told so far."""
    file = place.folder / "told.txt"
    return file.read_text(encoding="utf-8") if file.exists() else ""
