"""The first run against Azure Monitor as a person types it: killed in the middle, typed again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from detector.tables import JUDGED_DAY
from spendwatch.db import reading
from tests.azure.local import LocalLogAnalytics
from tests.azure.state import TOKEN
from tests.azure.workspaces import WORKSPACES, telemetry_of
from tests.spendwatch.azure_place import Place, differences, whole_tables
from tests.spendwatch.local_identity import HEADER, managed_identity

ROOT = Path(__file__).parents[2]
DAYS = 45
TODAY = datetime.now(UTC).date()  # noqa: TID251 - the program has the clock of the machine
FIRST = TODAY - timedelta(days=DAYS + 2)
OPTIONS = {"first_day": str(FIRST), "days": DAYS, "tenants": 20, "calls_a_day": 60}
ZONES = ("UTC", "Asia/Kathmandu")
MOMENTS = {"pulled_at", "changed_at", "recorded_at", "replaced_at", "seen_until"}


@pytest.fixture(scope="module")
def azure():
    """The local Log Analytics, and what a host with a managed identity has in its environment."""
    with LocalLogAnalytics(WORKSPACES, **OPTIONS) as local, managed_identity() as (variables, _):
        yield local, os.environ | variables


def a_place(folder, local):
    return Place(folder, local, telemetry_of(**OPTIONS), zones=ZONES)


def command(place, *words):
    return [sys.executable, "-m", "spendwatch.cli", *words, "--config", str(place.config)]


def backfill(place, environ):
    """Type the command and wait for its end; return what it said."""
    last = FIRST + timedelta(days=DAYS - 1)
    words = command(place, "backfill", "--from", str(FIRST), "--to", str(last))
    ended = subprocess.run(
        words, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


@contextmanager
def killed_in_the_middle(place, environ, local, after):
    """Kill it once so many queries were asked."""
    last = FIRST + timedelta(days=DAYS - 1)
    words = command(place, "backfill", "--from", str(FIRST), "--to", str(last))
    with subprocess.Popen(
        words, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        local.wait_until(lambda server: len(server.requests()) >= after, within_s=120)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    yield


def days_asked(local):
    """The UTC days that usage was asked for."""
    spans = [each.timespan for each in local.requests() if "let slot_minutes" in each.query]
    ends = [[date.fromisoformat(each[:10]) for each in span.split("/")] for span in spans]
    return {
        begin + timedelta(days=step) for begin, end in ends for step in range((end - begin).days)
    }


def judged(app):
    with reading(app.engine) as session:
        rows = session.connection().execute(select(JUDGED_DAY.c.day, JUDGED_DAY.c.silently)).all()
    return {row.day: row.silently for row in rows}


def waiting_messages(place, environ):
    """What history had to tell: it is silent."""
    words = command(place, "outbox", "list", "--json")
    ended = subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True, check=True)
    return json.loads(ended.stdout)


def test_fault_51_a_backfill_killed_in_the_middle_goes_on_and_is_the_same_ledger(azure, tmp_path):
    local, environ = azure
    local.reset()
    whole, place = a_place(tmp_path / "whole", local), a_place(tmp_path / "killed", local)
    said = backfill(whole, environ)
    assert "45 days judged" in said
    queries = len(local.requests())
    local.reset()
    with killed_in_the_middle(place, environ, local, after=queries // 2 + 1):
        assert 10 < len(days_asked(local)) < DAYS - 5
        assert place.ledger()
    local.reset()
    again = backfill(place, environ)
    assert "not asked again, whole and final already" in again
    assert len(days_asked(local)) < DAYS - 5
    assert differences(place.ledger(), whole.ledger()) == []
    last = FIRST + timedelta(days=DAYS - 1)
    # The last slots in UTC begin a day of the tenants in the east that nobody asked for.
    truth = {key: row for key, row in place.logs_truth().items() if key[1] <= last}
    assert differences(place.ledger(), truth) == []
    assert whole_tables(place.app(), without=MOMENTS | {"version", "remarks"}) == (
        whole_tables(whole.app(), without=MOMENTS | {"version", "remarks"})
    )
    assert judged(place.app()) == judged(whole.app())
    silent = judged(place.app())
    assert len(silent) == DAYS
    assert all(silent.values())
    assert waiting_messages(place, environ) == []
    local.reset()
    third = backfill(place, environ)
    # Of the day before the first nothing is known, and the last days may still change.
    edges = (-1, 0, 1, *range(DAYS - 5, DAYS + 1))
    assert days_asked(local) <= {FIRST + timedelta(days=step) for step in edges}
    everything = said + again + third
    for canary in (TOKEN, HEADER):
        assert canary not in everything
