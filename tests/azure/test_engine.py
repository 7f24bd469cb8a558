"""The engine behaves as Kusto does, where our queries rely on it, and fails in the API's words."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from tests.azure.engine import Engine, EngineError, StandInLacksError, Workspace
from tests.azure.telemetry import Shape, make

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
CALLS = """
CREATE TABLE stored_ApiManagementGatewayLogs AS
SELECT TIMESTAMP '2026-11-01 12:00:00' + to_minutes(number) AS TimeGenerated,
  'call-' || number AS CorrelationId, 'Api' AS ApiId, number::BIGINT AS TotalTime,
  '{"X-Tenant-Id":"acme","n":[1,2]}'::JSON AS RequestHeaders,
  TIMESTAMP '2026-11-01 12:05:00' + to_minutes(number) AS _ingested
FROM range(4) AS made(number)
"""
TOKENS = """
CREATE TABLE stored_ApiManagementGatewayLlmLog AS
SELECT TIMESTAMP '2026-11-01 12:00:00' AS TimeGenerated, CorrelationId, ModelName,
  tokens AS PromptTokens, TIMESTAMP '2026-11-01 13:00:00' + to_minutes(minute) AS _ingested
FROM (VALUES ('call-0', 'gpt', 10, 0), ('call-0', '', 20, 1), ('call-9', 'gpt', 30, 0))
  AS made(CorrelationId, ModelName, tokens, minute)
"""


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    made.execute(CALLS)
    made.execute(TOKENS)
    return made


@pytest.fixture
def engine(connection) -> Engine:
    return Engine(connection)


def rows(engine: Engine, text: str, *window) -> list:
    return engine.run(text, *window)["tables"][0]["rows"]


def value(engine: Engine, expression: str):
    """One expression, over a table of one row."""
    ((found,),) = rows(engine, f"datatable(one: long)[1] | project x = {expression}")
    return found


@pytest.mark.parametrize(
    ("expression", "kind", "written"),
    [
        ("'text'", "string", "text"),
        ("int(7)", "int", 7),
        ("7", "long", 7),
        ("1.5", "real", 1.5),
        ("real(nan)", "real", "NaN"),
        ("true", "bool", True),
        ("datetime(2026-11-01)", "datetime", "2026-11-01T00:00:00Z"),
        ("datetime(2026-11-01T10:20:30.25Z)", "datetime", "2026-11-01T10:20:30.2500000Z"),
        ("90m", "timespan", "01:30:00"),
        ("-(36h + 1ms)", "timespan", "-1.12:00:00.0010000"),
        ("dynamic({'a':[1,2]})", "dynamic", '{"a":[1,2]}'),
        ("int(null)", "int", None),
        ("datetime(null)", "datetime", None),
    ],
)
def test_values_are_written_as_the_api_writes_them(engine, expression, kind, written):
    (table,) = engine.run(f"datatable(one: long)[1] | project x = {expression}")["tables"]
    assert table["name"] == "PrimaryResult"
    assert table["columns"] == [{"name": "x", "type": kind}]
    assert json.loads(json.dumps(table["rows"])) == [[written]]


def test_every_documented_column_is_there_with_its_type_though_nothing_is_stored(engine):
    (table,) = engine.run("AppMetrics | take 0")["tables"]
    kinds = {column["name"]: column["type"] for column in table["columns"]}
    assert kinds["Properties"] == "dynamic"
    assert kinds["Sum"] == "real"
    assert not [name for name in kinds if name.startswith("$")]
    assert table["rows"] == []


def test_a_string_is_never_null_and_empty_where_an_outer_join_found_nothing(engine):
    query = """ApiManagementGatewayLogs | project CorrelationId, TotalTime
        | join kind=fullouter (ApiManagementGatewayLlmLog
            | project CorrelationId, ModelName, PromptTokens) on CorrelationId
        | where CorrelationId == "call-9" or CorrelationId1 == "" or CorrelationId == ""
        | project CorrelationId, CorrelationId1, ModelName, isnull(ModelName), isnull(TotalTime),
            PromptTokens | order by CorrelationId asc | take 2"""
    assert rows(engine, query) == [
        ["", "call-9", "gpt", False, True, 30],
        ["call-1", "", "", False, False, None],
    ]


def test_a_join_without_a_kind_takes_one_left_row_of_each_key(engine):
    query = """ApiManagementGatewayLlmLog | join {} ApiManagementGatewayLogs on CorrelationId
        | count"""
    assert rows(engine, query.format("")) == [[1]]
    assert rows(engine, query.format("kind=inner")) == [[2]]


def test_take_anyif_of_nothing_is_an_empty_text(engine):
    query = """ApiManagementGatewayLlmLog | summarize take_anyif(ModelName, isnotempty(ModelName)),
        none = take_anyif(ModelName, PromptTokens > 99), n = take_anyif(PromptTokens, false)"""
    assert rows(engine, query) == [["gpt", "", None]]


def test_sums_of_nothing_are_zero_and_extremes_of_nothing_are_null(engine):
    query = """ApiManagementGatewayLlmLog | where false | summarize sum(PromptTokens), count(),
        countif(PromptTokens > 0), max(PromptTokens), percentile(PromptTokens, 95)"""
    assert rows(engine, query) == [[0, 0, 0, None, None]]


def test_arg_max_returns_the_row_that_came_last_whole(engine):
    query = """ApiManagementGatewayLlmLog
        | summarize arg_max(ingestion_time(), *) by CorrelationId
        | project CorrelationId, ModelName, PromptTokens | order by CorrelationId asc"""
    assert rows(engine, query) == [["call-0", "", 20], ["call-9", "gpt", 30]]


@pytest.mark.parametrize(
    ("aggregate", "names"),
    [
        ("arg_max(ingestion_time(), ModelName)", ["$IngestionTime", "ModelName"]),
        ("seen = arg_max(ingestion_time(), ModelName)", ["seen", "ModelName"]),
        ("arg_max(PromptTokens + 1, ModelName)", ["max_", "ModelName"]),
        ("min(ingestion_time())", ["min_$IngestionTime"]),
        ("take_anyif(ModelName, true)", ["ModelName"]),
        ("maxif(PromptTokens, true)", ["maxif_PromptTokens"]),
    ],
)
def test_a_column_without_a_name_is_named_as_microsofts_parser_names_it(engine, aggregate, names):
    (table,) = engine.run(f"ApiManagementGatewayLlmLog | summarize {aggregate}")["tables"]
    assert [column["name"] for column in table["columns"]] == names


def test_ingestion_time_is_a_rows_own_and_no_column_of_it(engine):
    query = "ApiManagementGatewayLogs | where ingestion_time() - TimeGenerated == 5m"
    (table,) = engine.run(query)["tables"]
    assert len(table["rows"]) == 4
    assert len(table["columns"]) == len(engine.workspace.tables()["ApiManagementGatewayLogs"])


def test_a_row_is_there_once_the_clock_has_reached_its_ingestion(engine):
    seen = []
    for minute in (4, 5, 6, 9):
        engine.clock = NOON + timedelta(minutes=minute)
        seen += rows(engine, "ApiManagementGatewayLogs | count")[0]
    assert seen == [0, 1, 2, 4]


def test_the_window_holds_both_its_ends_so_the_query_must_cut_it(engine):
    window = (NOON, NOON + timedelta(minutes=2))
    assert rows(engine, "ApiManagementGatewayLogs | count", *window) == [[3]]
    cut = "ApiManagementGatewayLogs | where TimeGenerated < datetime(2026-11-01T12:02) | count"
    assert rows(engine, cut, *window) == [[2]]


def test_another_zone_asks_for_the_same_window(engine):
    east = NOON.astimezone(datetime.fromisoformat("2026-11-01T00:00+05:30").tzinfo)
    window = (east, east + timedelta(minutes=1))
    assert rows(engine, "ApiManagementGatewayLogs | count", *window) == [[2]]


def test_windows_bound_in_the_text_do_not_stick(engine):
    query = """let begin = datetime({}Z);
let other = datetime({}Z);
ApiManagementGatewayLogs | where TimeGenerated >= begin and TimeGenerated < other | count"""
    first = query.format("2026-11-01T12:00:00.0", "2026-11-01T12:01:00.0")
    second = query.format("2026-11-01T12:01:00.0", "2026-11-01T12:04:00.0")
    assert [rows(engine, each) for each in (first, second, first)] == [[[1]], [[3]], [[1]]]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("tostring(dynamic({'X-Tenant':'acme'})['X-Tenant'])", "acme"),
        ("tostring(dynamic({'a':'acme'})['A'])", ""),
        ("tostring(dynamic({'a':'acme'})[''])", ""),
        ("tostring(dynamic({'a':[5,6]}).a[1])", "6"),
        ("tostring(dynamic([5,6])[-1])", "6"),
        ("tolong(dynamic({'n':'12'})['n'])", 12),
        ("tolong('n/a')", None),
        ("tolong('')", None),
        ("isnull(dynamic({'a':1}).b)", True),
        ("'acme' in (dynamic(['ACME']))", False),
        ("'acme' in~ (dynamic(['ACME']))", True),
        ("'acme' in (dynamic([]))", False),
        ("array_length(dynamic([]))", 0),
        ("coalesce('', 'second')", "second"),
        ("bin(datetime(2026-11-01T10:44), 15m)", "2026-11-01T10:30:00Z"),
        ("bin(datetime(2026-11-01T10:44), one * 15m)", "2026-11-01T10:30:00Z"),
        ("bin(datetime(1969-12-31T23:59), one * 1h)", "1969-12-31T23:00:00Z"),
        ("datetime_diff('minute', datetime(2026-11-01T01:00), datetime(2026-11-01))", 60),
        ("iff(isempty(''), 'yes', 'no')", "yes"),
        ("strcat('a', one, 'b')", "a1b"),
        ("strlen('Größe')", 5),
        ("indexof('abc', 'z')", -1),
        ("extract(@'^b', 0, 'abc')", ""),
        ("'Api' == 'api'", False),
        ("'Api' =~ 'api'", True),
    ],
)
def test_an_expression_means_what_it_means_in_kusto(engine, expression, expected):
    assert value(engine, expression) == expected


def test_a_key_may_be_bound_to_a_name_or_worked_out(engine):
    query = """let name = "X-TENANT-ID";
        ApiManagementGatewayLogs | take 1
        | project RequestHeaders[strcat("X-", "Tenant-Id")], RequestHeaders.n[TotalTime * 0],
            lower = parse_json(tolower(tostring(RequestHeaders)))[tolower(name)],
            none = RequestHeaders[name]"""
    query = query.replace("project RequestHeaders[", "project a = RequestHeaders[")
    query = query.replace(", RequestHeaders.n[", ", b = RequestHeaders.n[")
    assert rows(engine, query) == [['"acme"', "1", '"acme"', None]]


def test_a_column_wins_over_a_bound_name_and_a_literal_is_worked_out_beforehand(engine):
    query = """let one = "bound"; let other = "bound";
        datatable(one: string)["column"] | project a = strcat(one, "!"), b = strcat(other, "!")"""
    assert rows(engine, query) == [["column!", "bound!"]]


def refusal(engine: Engine, text: str) -> dict:
    with pytest.raises(EngineError) as caught:
        engine.run(text)
    body = caught.value.body()["error"]
    assert (body["code"], caught.value.code) == ("BadArgumentError", "BadArgumentError")
    return body["innererror"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("NoSuchTable | count", "NoSuchTable"),
        ("ApiManagementGatewayLogs | where apiId == ''", "apiId"),
        ("ApiManagementGatewayLogs | project ApiId | project ProductId", "ProductId"),
        ("ApiManagementGatewayLogs | join (NoSuch | take 1) on CorrelationId", "NoSuch"),
        ("let calls = ApiManagementGatewayLogs | where Nope; calls | count", "Nope"),
        ("ApiManagementGatewayLogs | union NoTable", "NoTable"),
    ],
)
def test_an_unknown_name_is_refused_as_the_api_refuses_it(engine, query, name):
    inner = refusal(engine, query)
    assert inner["code"] == "SemanticError"
    assert inner["innererror"]["code"] == "SEM0100"
    assert f"named '{name}'" in inner["innererror"]["message"]


def test_text_that_is_no_query_is_a_syntax_error(engine):
    assert refusal(engine, "ApiManagementGatewayLogs | where (")["code"] == "SyntaxError"


def test_what_the_stand_in_lacks_is_never_said_in_the_apis_words(engine):
    with pytest.raises(StandInLacksError):
        engine.run("ApiManagementGatewayLogs | make-series count() on TimeGenerated step 1h")


def test_a_workspace_may_lack_a_table_or_call_a_column_otherwise(connection):
    renamed = {"ApiManagementGatewayLogs": {"ApiId": "ApiIdentifier"}}
    engine = Engine(connection, Workspace(missing=frozenset({"AppMetrics"}), renamed=renamed))
    assert "'AppMetrics'" in refusal(engine, "AppMetrics | count")["innererror"]["message"]
    assert refusal(engine, "ApiManagementGatewayLogs | where ApiId == 'Api'")
    assert rows(engine, "ApiManagementGatewayLogs | where ApiIdentifier == 'Api' | count") == [[4]]
    engine.workspace = Workspace(empty=frozenset({"ApiManagementGatewayLogs"}))
    assert rows(engine, "ApiManagementGatewayLogs | where ApiId == 'Api' | count") == [[0]]


def test_a_setting_that_is_not_resource_specific_fills_the_common_table_alone():
    telemetry = make(Shape(days=1, tenants=3, calls_a_day=50), also=("diagnostics",))
    engine = Engine(telemetry.connection, Workspace(diagnostics_only=True))
    assert rows(engine, "ApiManagementGatewayLogs | count") == [[0]]
    assert rows(engine, "ApiManagementGatewayLlmLog | count") == [[0]]
    query = "AzureDiagnostics | distinct Category | order by Category asc"
    assert rows(engine, query) == [["GatewayLlmLogs"], ["GatewayLogs"], ["RequestResponse"]]
    engine.workspace = Workspace()
    assert rows(engine, "AzureDiagnostics | count") == [[0]]


@pytest.mark.parametrize(
    ("workspace", "left"),
    [(Workspace(most_rows=3), 3), (Workspace(most_rows=4), 4), (Workspace(most_bytes=30), 2)],
)
def test_an_answer_too_large_is_cut_off_and_called_partial(connection, workspace, left):
    query = "ApiManagementGatewayLogs | project CorrelationId"
    answer = Engine(connection, workspace).run(query)
    assert len(answer["tables"][0]["rows"]) == left
    assert ("error" in answer) == (left < 4)
    assert answer.get("error", {"code": "PartialError"})["code"] == "PartialError"


def test_five_queries_at_once_are_answered_each_its_own(engine):
    queries = [f"ApiManagementGatewayLogs | where TotalTime == {n} | count" for n in range(5)]
    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(lambda query: rows(engine, query), queries))
    assert answers == [[[1]], [[1]], [[1]], [[1]], [[0]]]
