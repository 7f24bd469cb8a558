"""Which days got late rows, and what arrives at all."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.azure.engine import Workspace
from tests.azure.kql_tables import ARRIVED, DAY, Tables

SINCE = DAY + timedelta(days=3)


def test_a_day_is_late_by_a_row_of_either_table():
    tables = Tables()
    for name, day, hours in (("early", 0, -1), ("call", 1, 2), ("answer", 2, 3), ("out", 9, 4)):
        at, arrived = DAY + timedelta(days=day), {ARRIVED: SINCE + timedelta(hours=hours)}
        if name != "answer":
            tables.call(name, at, **arrived)
        if name != "call":
            tables.answer(name, at, **arrived)
    rows = tables.ask("late_llm.kql", days=4, since=SINCE)
    assert [tuple(row.values()) for row in rows] == [
        tuple(each.replace(tzinfo=None) if hasattr(each, "tzinfo") else each for each in row)
        for row in (
            (DAY + timedelta(days=1), 1, SINCE + timedelta(hours=2)),
            (DAY + timedelta(days=2), 1, SINCE + timedelta(hours=3)),
        )
    ]


def test_a_row_that_had_arrived_at_that_moment_is_not_late():
    tables = Tables()
    tables.call("a", **{ARRIVED: SINCE})
    assert tables.ask("late_llm.kql", since=SINCE) == []


@pytest.mark.parametrize("name", ["gateway", "llm", "metrics", "metrics_classic", "diagnostics"])
def test_a_probe_of_an_empty_table_answers_that_nothing_arrived(name):
    [row] = Tables().ask(f"probe_{name}.kql")
    assert row == {"newest": None, "ingested_at": None, "lag_p95": None, "rows_seen": 0}


@pytest.mark.parametrize(
    ("name", "table", "columns"),
    [
        ("gateway", "ApiManagementGatewayLogs", {}),
        ("llm", "ApiManagementGatewayLlmLog", {}),
        ("diagnostics", "AzureDiagnostics", {"Category": "GatewayLogs"}),
        ("diagnostics", "AzureDiagnostics", {"Category": "GatewayLlmLogs"}),
    ],
)
def test_a_probe_tells_the_newest_row_and_its_lag(name, table, columns):
    tables = Tables()
    tables.engine.workspace = Workspace(diagnostics_only=name == "diagnostics")
    for at in (DAY, DAY + timedelta(hours=1), DAY + timedelta(days=1)):
        tables.put(table, {"TimeGenerated": at, ARRIVED: at + timedelta(minutes=7)} | columns)
    [row] = tables.ask(f"probe_{name}.kql")
    newest = (DAY + timedelta(hours=1)).replace(tzinfo=None)
    arrived = newest + timedelta(minutes=7)
    assert tuple(row.values()) == (newest, arrived, "00:07:00", 2)


def test_diagnostics_of_other_services_are_none_of_ours():
    tables = Tables()
    tables.put("AzureDiagnostics", {"TimeGenerated": DAY, "Category": "RequestResponse"})
    assert tables.ask("probe_diagnostics.kql")[0]["rows_seen"] == 0
