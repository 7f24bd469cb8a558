"""The made-up telemetry is the same for everyone who asks for it, and big where it must be."""

from __future__ import annotations

import pytest

from detector.sources.kql_text import between, shipped
from tests.azure.answers import LLM, LLM_IDS, summed, used
from tests.azure.engine import Engine
from tests.azure.telemetry import Shape, Telemetry, make
from tests.azure.telemetry_calls import KINDS

SMALL = Shape(days=1, tenants=10, calls_a_day=600)


def fingerprint(telemetry: Telemetry) -> list[tuple]:
    tables = ("calls", "stored_ApiManagementGatewayLogs", "stored_ApiManagementGatewayLlmLog")
    return [
        telemetry.connection.execute(
            f"SELECT count(*), bit_xor(hash(made::VARCHAR)) FROM {table} AS made"
        ).fetchone()
        for table in tables
    ]


def test_the_same_shape_makes_the_same_telemetry_and_another_seed_another():
    assert fingerprint(make(SMALL)) == fingerprint(make(SMALL))
    other = Shape(days=1, tenants=10, calls_a_day=600, seed=2)
    assert fingerprint(make(SMALL)) != fingerprint(make(other))


def test_every_kind_of_call_is_made():
    kinds = make(SMALL).connection.execute("SELECT DISTINCT kind FROM calls").fetchall()
    assert {kind for (kind,) in kinds} == set(KINDS)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("by CorrelationId, SequenceNumber, RequestId", "by CorrelationId, SequenceNumber"),
        ("prompt = sum(PromptTokens)", "prompt = max(PromptTokens)"),
        ("join kind=fullouter answers", "join kind=leftouter answers"),
        ("TimeGenerated < window_end", "TimeGenerated < window_end - 1h"),
        ('and Cache !~ "hit"', ""),
        ("(?i)<key>", "<key>"),
    ],
)
def test_a_query_that_counts_wrong_is_found_out(right, wrong):
    telemetry = make(SMALL)
    begin, end = telemetry.shape.begin, telemetry.shape.end
    text = between(shipped("llm_usage.kql", **LLM), begin, end)
    assert right in text
    (table,) = Engine(telemetry.connection).run(text.replace(right, wrong), begin, end)["tables"]
    names = [column["name"] for column in table["columns"]]
    rows = [dict(zip(names, row, strict=True)) for row in table["rows"]]
    assert summed(rows) != used(telemetry.truth(LLM_IDS))
