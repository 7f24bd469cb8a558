"""Every query we ship, over telemetry with everything in it: equal to the truth, to the token."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from detector.sources.kql_text import between, shipped
from tests.azure.answers import (
    LLM,
    LLM_IDS,
    METRIC_IDS,
    METRICS,
    ask,
    days,
    llm_usage,
    metric_usage,
    moment,
    summed,
    used,
)
from tests.azure.engine import Engine
from tests.azure.telemetry import Shape, Telemetry, make
from tests.azure.telemetry_calls import KINDS
from tests.azure.telemetry_rows import ANSWER_TEXT, PROMPT_TEXT

SINCE = {"since": Shape().begin}
PARAMETERS = {
    "llm_usage.kql": LLM,
    "metric_usage.kql": METRICS,
    "metric_usage_classic.kql": METRICS,
    "late_llm.kql": SINCE,
    "late_metrics.kql": SINCE,
    "late_metrics_classic.kql": SINCE,
}
RESULTS = json.loads((Path(__file__).parent / "query_results.json").read_text())


@pytest.fixture(scope="module")
def telemetry() -> Telemetry:
    return make(also=("metrics", "diagnostics"))


@pytest.fixture(scope="module")
def shared(telemetry: Telemetry) -> Engine:
    return Engine(telemetry.connection)


@pytest.fixture
def engine(shared: Engine) -> Engine:
    shared.clock = None
    return shared


def since_of(telemetry: Telemetry, hours: int):
    return telemetry.shape.begin + timedelta(hours=hours)


def test_the_logs_tell_every_group_to_the_token(telemetry, engine):
    assert summed(llm_usage(engine, telemetry)) == used(telemetry.truth(LLM_IDS))


def test_every_tenant_has_usage_and_every_kind_of_call_occurs(telemetry):
    truth = telemetry.truth(("request_header",))
    assert len(truth) == telemetry.shape.tenants + 1
    used_something = {kind for (kind,) in telemetry.truth(("kind",))}
    used_nothing = {"throttled", "broken", "from_cache", "other"}
    assert used_something == set(KINDS) - used_nothing


def test_quarter_hours_hold_the_same_tokens_as_hours(telemetry, engine):
    quarters = summed(llm_usage(engine, telemetry, slot_minutes=15))
    assert quarters == used(telemetry.truth(LLM_IDS, minutes=15))
    assert {key[0].minute for key in quarters} == {0, 15, 30, 45}


def test_what_is_switched_off_is_summed_over(telemetry, engine):
    off = {
        "by_user": False,
        "by_backend": False,
        "request_header_name": "",
        "feature_header_name": "",
        "response_header_name": "",
        "trace_name": "",
    }
    rows = llm_usage(engine, telemetry, **off)
    left = [name for name in LLM_IDS if name not in ("user", "backend", "trace")]
    left = [name for name in left if not name.endswith("_header")]
    assert {(row["user"], row["backend"], row["trace"]) for row in rows} == {("", "", "")}
    assert {row["request_header"] + row["response_header"] for row in rows} == {""}
    assert summed(rows, left) == used(telemetry.truth(left))


def test_without_a_header_for_cached_tokens_none_are_known(telemetry, engine):
    rows = llm_usage(engine, telemetry, cached_header_name="")
    (sums,) = summed(rows, ()).values()
    (truth,) = telemetry.truth(()).values()
    assert (sums.cached, sums.cached_known) == (0, 0)
    assert (sums.prompt, sums.completion) == (truth.prompt, truth.completion)


@pytest.mark.parametrize("name", ["metric_usage.kql", "metric_usage_classic.kql"])
def test_the_metrics_tell_every_group_to_the_token(telemetry, engine, name):
    answered = summed(metric_usage(engine, telemetry, name), METRIC_IDS)
    assert answered == telemetry.metric_truth(METRIC_IDS)


def test_metrics_of_another_gateway_are_left_out(telemetry, engine):
    assert metric_usage(engine, telemetry, service_ids=["apim-test"]) == []


@pytest.mark.parametrize("name", ["metric_names.kql", "metric_names_classic.kql"])
def test_a_metric_with_an_unknown_name_is_named_and_not_added(telemetry, engine, name):
    begin, end = telemetry.shape.begin, telemetry.shape.end
    totals = {row["name"]: row["total"] for row in ask(engine, name, begin, end)}
    (truth,) = telemetry.metric_truth(()).values()
    assert totals.pop("Reasoning Tokens") > 0
    assert totals == {
        "Prompt Tokens": truth.prompt,
        "Completion Tokens": truth.completion,
        "Total Tokens": truth.prompt + truth.completion,
        "Prompt Cached Tokens": truth.cached,
    }


@pytest.mark.parametrize("hours", [1, 24, 30, 50, 100])
def test_at_any_moment_the_answer_is_what_had_arrived(telemetry, engine, hours):
    engine.clock = since_of(telemetry, hours)
    assert summed(llm_usage(engine, telemetry)) == used(telemetry.truth(LLM_IDS, at=engine.clock))


def test_rows_arrive_until_nothing_is_missing(telemetry, engine):
    tokens = []
    for hours in (24, 48, 72, 120):
        engine.clock = since_of(telemetry, hours)
        begin, end = next(days(telemetry))
        rows = ask(engine, "llm_usage.kql", begin, end, **LLM)
        tokens.append(sum(row["prompt_tokens"] for row in rows))
    assert tokens == sorted(tokens)
    assert tokens[0] < tokens[1] < tokens[-1]
    first_day = f"started < TIMESTAMP '{end.replace(tzinfo=None)}'"
    (truth,) = telemetry.truth((), where=first_day).values()
    assert tokens[-1] == truth.prompt


def arrived_since(telemetry: Telemetry, table: str, time: str, since) -> dict[str, tuple]:
    rows = telemetry.connection.cursor().execute(
        f"SELECT date_trunc('day', {time})::TIMESTAMP, count(*), max(_ingested) FROM {table} "
        f"WHERE _ingested > ? AND {time} >= ? GROUP BY 1",
        [since.replace(tzinfo=None), telemetry.shape.begin.replace(tzinfo=None)],
    )
    return {day: (count, newest) for day, count, newest in rows.fetchall()}


def late_days(engine, telemetry, name, since) -> dict:
    begin, end = telemetry.shape.begin, telemetry.shape.end
    rows = ask(engine, name, begin, end, since=since)
    return {moment(row["day"]): (row["late_rows"], moment(row["ingested_at"])) for row in rows}


@pytest.mark.parametrize("hours", [0, 30, 75])
@pytest.mark.parametrize(
    ("name", "table", "time"),
    [
        ("late_metrics.kql", "stored_AppMetrics", "TimeGenerated"),
        ("late_metrics_classic.kql", "stored_customMetrics", "timestamp"),
    ],
)
def test_late_metrics_name_their_days(telemetry, engine, hours, name, table, time):
    since = since_of(telemetry, hours)
    expected = arrived_since(telemetry, table, time, since)
    assert late_days(engine, telemetry, name, since) == expected
    assert expected


@pytest.mark.parametrize("hours", [0, 30, 75])
def test_late_rows_of_both_gateway_tables_name_their_days(telemetry, engine, hours):
    since = since_of(telemetry, hours)
    found = late_days(engine, telemetry, "late_llm.kql", since)
    calls, tokens = (
        arrived_since(telemetry, f"stored_ApiManagementGateway{table}", "TimeGenerated", since)
        for table in ("Logs", "LlmLog")
    )
    none = (0, telemetry.shape.begin.replace(tzinfo=None))
    expected = {
        day: (
            calls.get(day, none)[0] + tokens.get(day, none)[0],
            max(calls.get(day, none)[1], tokens.get(day, none)[1]),
        )
        for day in calls | tokens
    }
    assert found == expected
    assert found


def test_nothing_late_is_no_day(telemetry, engine):
    since = since_of(telemetry, 24 * 30)
    assert late_days(engine, telemetry, "late_llm.kql", since) == {}


@pytest.mark.parametrize(
    ("probe", "table", "time"),
    [
        ("gateway", "ApiManagementGatewayLogs", "TimeGenerated"),
        ("llm", "ApiManagementGatewayLlmLog", "TimeGenerated"),
        ("metrics", "AppMetrics", "TimeGenerated"),
        ("metrics_classic", "customMetrics", "timestamp"),
    ],
)
def test_a_probe_tells_how_new_and_how_late_a_table_is(telemetry, engine, probe, table, time):
    begin, end = telemetry.shape.begin, telemetry.shape.end
    (row,) = ask(engine, f"probe_{probe}.kql", begin, end)
    counted = "count(*)" if probe in ("gateway", "llm") else "count(*) FILTER (true)"
    ((newest, ingested, rows),) = (
        telemetry.connection.cursor()
        .execute(f"SELECT max({time}), max(_ingested), {counted} FROM stored_{table}")
        .fetchall()
    )
    assert (moment(row["newest"]), moment(row["ingested_at"])) == (newest, ingested)
    assert row["rows_seen"] == rows
    assert "00:09:00" < row["lag_p95"] < "00:12:00"


def test_a_probe_of_an_empty_table_says_so(telemetry, engine):
    begin, end = telemetry.shape.begin, telemetry.shape.end
    (row,) = ask(engine, "probe_diagnostics.kql", begin, end)
    assert row == {"newest": None, "ingested_at": None, "lag_p95": None, "rows_seen": 0}


@pytest.mark.parametrize("name", RESULTS)
def test_a_query_returns_the_columns_declared_and_nothing_people_wrote(telemetry, engine, name):
    begin, end = telemetry.shape.begin, telemetry.shape.end
    text = between(shipped(name, **PARAMETERS.get(name, {})), begin, end)
    answer = engine.run(text, begin, end)
    (table,) = answer["tables"]
    assert [f"{each['name']}:{each['type']}" for each in table["columns"]] == RESULTS[name]
    assert PROMPT_TEXT not in json.dumps(answer)
    assert ANSWER_TEXT not in json.dumps(answer)


def test_what_people_wrote_is_in_the_logs(telemetry, engine):
    begin, end = telemetry.shape.begin, telemetry.shape.end
    answer = json.dumps(engine.run("ApiManagementGatewayLlmLog", begin, end))
    assert PROMPT_TEXT in answer
    assert ANSWER_TEXT in answer
