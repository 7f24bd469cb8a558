"""A whole installation in a temporary folder: settings, a folder of daily files, a database."""

from __future__ import annotations

import io
import json
from copy import copy
from datetime import UTC, date, datetime, time, timedelta
from shutil import copytree

from alerts.channels.console import ConsoleChannel
from spendwatch import cli
from spendwatch.app import build_app
from spendwatch.exits import run_reporting_errors
from spendwatch.jobs import run_cycle
from spendwatch.settings import load_settings
from tests.databases import migrated

FIRST = date(2026, 9, 1)
CONFIG = """
[service]
time_zone = "UTC"
database_url = "sqlite:///spendwatch.db"

[[sources]]
kind = "csv_file"
name = "gateway"
path = "usage"

[[receivers]]
kind = "console"
name = "desk"
digest = "off"

[detection]
method = "classic"

[alerts]
receiver = "desk"
"""


class Installation:
    """Daily files go in, cycles are run, what is told can be read."""

    def __init__(self, folder, config=CONFIG, extra=""):
        self._move_to(folder)
        self.usage.mkdir(exist_ok=True)
        self.config.write_text(config + extra, encoding="utf-8")
        self.now = datetime.combine(FIRST, time(6), UTC)
        self.told = io.StringIO()

    def _move_to(self, folder):
        self.folder = folder
        self.config = folder / "config.toml"
        self.usage = folder / "usage"

    def copy(self, folder):
        """Copy it as it is, to live on from there; nobody may use it meanwhile."""
        other = copy(self)
        other._move_to(copytree(self.folder, folder))
        other.told = io.StringIO(self.told.getvalue())
        return other

    def write_day(self, day, rows, header="date,tenant,feature,model,cost_usd"):
        """Write one daily file; a row is what stands behind the date."""
        lines = [header, *(f"{day},{row}" for row in rows)]
        (self.usage / f"{day}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def write_days(self, days, cost, tenant="acme", first=FIRST):
        """Write steady days of one tenant: a little up and down around ``cost``."""
        for step in range(days):
            wobble = (step % 3 - 1) * cost / 50
            self.write_day(first + timedelta(days=step), [f"{tenant},chat,gpt-4o,{cost + wobble}"])

    def app(self, environ=None):
        """Put the service together anew, as a restart would."""
        settings = load_settings(self.config, environ or {})
        return build_app(migrated(settings), lambda: self.now)

    def judge(self, day):
        """Run the full cycle of a day on the morning after it."""
        return self.judge_with({"desk": ConsoleChannel(self.told, lambda: self.now)}, day)

    def judge_with(self, channels, day, environ=None):
        """Run the full cycle of a day, telling through these channels."""
        self.now = max(self.now, datetime.combine(day + timedelta(days=1), time(6), UTC))
        self.now += timedelta(seconds=1)
        return run_cycle(self.app(environ), channels, day)

    def read(self):
        """Take what was told since the last time."""
        words = self.told.getvalue()
        self.told.seek(0)
        self.told.truncate()
        return words

    def run(self, *arguments):
        """Run a command of this installation; return its exit code."""
        return run_reporting_errors(cli.app, [*arguments, "--config", str(self.config)])

    def json(self, capsys, *arguments):
        """Run a command with --json and parse what it prints."""
        capsys.readouterr()
        assert self.run(*arguments, "--json") == 0
        return json.loads(capsys.readouterr().out)
