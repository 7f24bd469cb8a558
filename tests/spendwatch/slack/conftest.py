"""One installation with four tenants, and the people who type there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from shutil import copytree

import pytest

from alerts.intake import take_in
from spendwatch.db import writing
from spendwatch.slack.allowing import Allowed
from spendwatch.slack.commands import typed
from spendwatch.slack.payloads import Person
from tests.builders import a_telling, judgement, spike
from tests.spendwatch.installations import FIRST, Installation

HOSTILE = "bad\u202e<!channel>\u200b"
SETTINGS = """
[[tenants]]
id = "acme"
name = "Acme Works"
aliases = ["acme-prod"]
owner = "U0OWN"
[[tenants.budgets]]
period = "monthly"
cap = 9000
[[tenants.budgets]]
period = "monthly"
feature = "chat"
cap = 50
[[tenants]]
id = "bolt"
name = "Bolt Secret"
aliases = ["bolt-prod"]
owner = "U0BEN"
[[tenants.budgets]]
period = "monthly"
cap = 700
[[tenants]]
id = "acme-other"
name = "Hidden Sister"
[[silences]]
tenant = "bolt*"
kind = "spend spike"
until = 2027-01-01T00:00:00
comment = "for bolt alone"
"""
CHIEF = Person("U0ANA", "ana", "T1", "T1")
OWNER = Person("U0OWN", f"own{HOSTILE}er", "T1", "T1")
STRANGER = Person("U0NEW", "new", "T1", "T1")
DAYS = 6
MORNING = datetime(2026, 9, 7, 6, 0, 1, tzinfo=UTC)


class Groups:
    """Slack, as far as it tells who is in a group."""

    def call(self, _pace, _method, **_arguments):
        return {"users": [CHIEF.id]}


class Typing:
    """What people type, and what they read."""

    def __init__(self, folder):
        self.place = Installation(folder, extra=SETTINGS)
        self.place.now = MORNING

    def live(self):
        """Let some days pass that are judged."""
        for step in range(DAYS):
            day = FIRST + timedelta(days=step)
            rows = ["acme,chat,gpt-4o,90", "acme-prod,search,gpt-4o,30.5", "bolt,chat,gpt-4o,777"]
            self.place.write_day(day, [*rows, f"{HOSTILE}Evil,chat,gpt-4o,1"])
        self.place.judge(day)

    def type(self, text, person=CHIEF):
        app = self.place.app()
        allowed = Allowed(Groups(), ("S0ALL",), app.directory.owners, lambda: 0.0)
        return typed(app, allowed, person, text)

    def tell(self, *tenants):
        """Let a spike of each tenant on the newest day be told."""
        day = self.place.now.date() - timedelta(days=1)
        found = judgement(*(spike(day, each) for each in tenants), day=day)
        with writing(self.place.app().engine) as session:
            take_in(session, found, a_telling(now=self.place.now))

    def listed(self, capsys, what):
        """What the command line lists of silences or plans, without the settings' own."""
        found = self.place.json(capsys, what, "list", "--all")
        return [each for each in found if each["reference"] != "settings"]


@pytest.fixture(scope="session")
def lived_in(tmp_path_factory):
    """A folder in which some days have passed."""
    folder = tmp_path_factory.mktemp("lived-in")
    Typing(folder).live()
    return folder


@pytest.fixture
def place(tmp_path, lived_in):
    return Typing(copytree(lived_in, tmp_path / "place"))
