"""From the settings to the ledger: a made-up gateway's telemetry, read as a service would."""

from __future__ import annotations

import csv
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from detector.sources.base import Window
from detector.tables import COST_DAY, SERIES
from spendwatch.app import build_app
from spendwatch.azure_trying import ask_azure
from spendwatch.db import reading
from spendwatch.ingest import pull
from spendwatch.settings import load_settings
from tests.azure.local import LocalLogAnalytics
from tests.databases import migrated
from tests.spendwatch.azure_settings import FINOPS, LOGS
from tests.spendwatch.azure_workspace import ENGINE, NOW, telemetry
from tests.spendwatch.local_identity import managed_identity

DAY = date(2026, 11, 1)
CARRIERS = """
tenant = [
  { carrier = "request_header", name = "x-tenant-id" },
  { carrier = "subscription", file = "subscriptions.csv" },
]
feature = [{ carrier = "request_header", name = "x-feature" }]
scopes = [{ backend = "ptu-*", scope = "ptu" }]
"""


@pytest.fixture(scope="module")
def workspace():
    with LocalLogAnalytics(ENGINE) as local:
        yield local


@pytest.fixture
def settings(tmp_path, workspace, monkeypatch):
    """Settings as an engineer writes them; the identity is that of the machine."""
    workspace.reset()
    with managed_identity() as (variables, _asked):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with (tmp_path / "subscriptions.csv").open("w", newline="") as file:
            rows = telemetry().subscriptions().items()
            csv.writer(file).writerows([("id", "tenant"), *rows])
        azure = f'[azure]\ncredential = "managed_identity"\nendpoint = "{workspace.endpoint}"\n'
        path = tmp_path / "config.toml"
        service = '[service]\ndatabase_url = "sqlite:///spendwatch.db"\n'
        path.write_text(FINOPS + service + azure + LOGS + CARRIERS, encoding="utf-8")
        yield load_settings(path, {})


def tokens_by_tenant(app, day):
    """Read prompt and completion tokens of a day from the ledger, by tenant as it is stored."""
    query = select(SERIES.c.tenant, COST_DAY.c.prompt_tokens, COST_DAY.c.completion_tokens).where(
        COST_DAY.c.series_id == SERIES.c.id, COST_DAY.c.day == day
    )
    found = {}
    with reading(app.engine) as session:
        for tenant, prompt, completion in session.connection().execute(query):
            before = found.get(tenant, (0, 0))
            found[tenant] = before[0] + (prompt or 0), before[1] + (completion or 0)
    return {tenant: sums for tenant, sums in found.items() if any(sums)}


def true_tokens(app, day):
    truth = telemetry().truth(by=("tenant",), at=NOW, where=f"slot::DATE = DATE '{day}'")
    found = {}
    for (tenant,), sums in truth.items():
        stored = app.directory.canonical(tenant.strip().casefold()) or "unattributed"
        before = found.get(stored, (0, 0))
        found[stored] = before[0] + sums.prompt, before[1] + sums.completion
    return {tenant: sums for tenant, sums in found.items() if any(sums)}


def test_a_days_telemetry_is_in_the_ledger_to_the_token(settings, workspace):
    app = build_app(migrated(settings), lambda: NOW)
    (source,) = app.usage_sources()
    pull(app, source, Window(DAY, DAY))
    assert tokens_by_tenant(app, DAY) == true_tokens(app, DAY)
    assert [each.problems for each in workspace.requests() if each.problems] == []


def test_one_gate_counts_the_queries_of_every_pull(settings):
    app = build_app(migrated(settings), lambda: NOW)
    for _pull in range(2):
        (source,) = app.usage_sources()
        pull(app, source, Window(DAY, DAY))
    _credential, gate = app.azure._shared()
    assert len(gate._ended) == 2


def test_the_next_pull_asks_at_the_pace_that_the_last_one_learnt(settings, workspace):
    app = build_app(migrated(settings), lambda: NOW)
    for _pull in range(2):
        (source,) = app.usage_sources()
        pull(app, source, Window(DAY, DAY + timedelta(days=1)))
    spans = [each.timespan for each in workspace.requests()]
    assert [span[8:10] + span[33:35] for span in spans] == ["0102", "0203", "0103"]


def test_live_says_what_the_telemetry_can_attribute(settings):
    app = build_app(migrated(settings), lambda: NOW)
    found = {
        each.about.partition(" ")[2]: (each.mark.value, each.words)
        for each in ask_azure(settings, app.prices, lambda: NOW)
    }
    hour = NOW.replace(minute=0) - timedelta(hours=1)
    truth = telemetry().truth(by=("slot",), at=NOW)
    (sums,) = [each for (slot,), each in truth.items() if slot == hour.replace(tzinfo=None)]
    assert found["calls"][0] == found["tokens"][0] == "ok"
    assert f"{sums.prompt + sums.completion:,} tokens" in found["hour"][1]
    told = found["tokens told"]
    if sums.without_tokens:
        assert told[1].startswith(f"{sums.without_tokens} of ")
    else:
        assert told == ("ok", "every call that succeeded told its tokens")
    assert found["cached tokens"][0] == "warning"
    assert found["prices"][0] == "ok"
    assert "late rows" not in found
    assert "rows" not in found
