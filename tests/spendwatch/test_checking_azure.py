"""`spendwatch check`, offline and live, of sources in Azure: what is said, and what to change."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from spendwatch import azure_words as words
from spendwatch.app import system_clock
from spendwatch.azure import AzureAccount
from spendwatch.azure_trying import ask_azure
from spendwatch.price_files import load_price_table
from spendwatch.settings import load_settings
from tests.azure.asking import StubCredential
from tests.azure.bodies import BASIC_PLAN, NO_ROLE, UNAUTHENTICATED, missing_column, missing_table
from tests.azure.state import TOKEN
from tests.spendwatch.azure_place import CONFIG
from tests.spendwatch.azure_settings import BY_FILE, CLASSIC, FINOPS, KUSTO, LOGS, METRICS
from tests.spendwatch.installations import Installation
from tests.spendwatch.local_identity import managed_identity

NOW = datetime(2026, 11, 29, 12, 34, tzinfo=UTC)
HOUR = datetime(2026, 11, 29, 11, tzinfo=UTC)
PROBE = {
    "newest": "datetime", "ingested_at": "datetime", "lag_p95": "timespan", "rows_seen": "long",
}  # fmt: skip
OF_TOKENS = "Does the gateway log the tokens"
TEXTS = ("subscription", "product", "user", "api", "backend")
CARRIED = ("request_header", "response_header", "trace", "feature_header", "model", "deployment")
USAGE = {
    "slot": "datetime",
    **dict.fromkeys((*TEXTS, *CARRIED), "string"),
    **dict.fromkeys(("spilled", "streamed", "cached_known"), "bool"),
    **dict.fromkeys(("requests", "without_tokens", "without_call"), "long"),
    **dict.fromkeys(("prompt_tokens", "completion_tokens", "cached_tokens"), "long"),
    "ingested_at": "datetime",
}
METRIC = {
    "slot": "datetime",
    **{f"dimension_{number}": "string" for number in range(1, 6)},
    **dict.fromkeys(("model", "deployment", "api", "streamed"), "string"),
    **dict.fromkeys(("requests", "prompt_tokens", "completion_tokens", "cached_tokens"), "long"),
    "cached_known": "bool",
    "total_tokens": "long",
    "ingested_at": "datetime",
}
LATE = {"day": "datetime", "late_rows": "long", "ingested_at": "datetime"}
GOOD = {
    "subscription": "acme", "api": "chat", "model": "gpt-4o", "deployment": "gpt-4o",
    "requests": 100, "prompt_tokens": 90_000, "completion_tokens": 10_000, "cached_known": True,
}  # fmt: skip


def shown(at):
    return at.isoformat().replace("+00:00", "Z")


class Azure:
    """A gateway's telemetry in a local Log Analytics, and what checking it says."""

    def __init__(self, folder, server):
        self.folder, self.server = folder, server
        self.probe("probe", newest=NOW - timedelta(minutes=4), rows=5_000)
        self.probe("AzureDiagnostics", newest=None, rows=0)
        self.usage(GOOD)
        self.metric({})
        server.put(LATE, [], "late_rows")

    def probe(self, match, newest, rows):
        """Let the probe of a table find this."""
        match = "lag_p95" if match == "probe" else match
        cells = [newest and shown(newest), newest and shown(newest), "00:05:12.3456789", rows]
        self.server.put(PROBE, [cells], match, "newest" if newest else "")

    def usage(self, *rows):
        """Let the calls of the hour be these."""
        self.server.put(USAGE, self._rows(USAGE, rows), "cached_header_name", "slot")

    def metric(self, *rows):
        """Let the metrics of the hour be these."""
        self.server.put(METRIC, self._rows(METRIC, rows), "streamed_dimension", "slot")

    def _rows(self, columns, rows):
        empty = {"string": "", "bool": False, "long": 0, "datetime": shown(HOUR)}
        return [[row.get(name, empty[kind]) for name, kind in columns.items()] for row in rows]

    def check(self, sources, more=""):
        """Ask; give the mark and words by topic, without the source's name."""
        path = self.folder / "config.toml"
        azure = f'[azure]\nendpoint = "{self.server.endpoint}"\n'
        path.write_text(FINOPS + more + azure + sources, encoding="utf-8")
        settings = load_settings(path, {})
        prices = load_price_table(
            settings.prices.file, agreed=(), exchange_rates=(), currency="USD"
        )
        account = AzureAccount(settings, lambda: NOW, lambda _azure: StubCredential())
        found = list(ask_azure(settings, prices, lambda: NOW, account))
        self.abouts = [each.about for each in found]
        return {
            each.about.partition(" ")[2]: (
                each.mark.value,
                each.words.replace(f"{self.folder}/", ""),
            )
            for each in found
        }


@pytest.fixture
def azure(tmp_path, log_analytics):
    return Azure(tmp_path, log_analytics)


def test_days_without_rows_are_passed_over_three_at_most(azure):
    azure.probe(OF_TOKENS, NOW - timedelta(days=2, hours=3), 5)
    mark, told = azure.check(LOGS)["tokens"]
    assert mark == "warning"
    assert "5 rows in 24 hours, the newest 2 days old" in told
    azure.probe(OF_TOKENS, NOW - timedelta(days=4), 5)
    before = len(azure.server.requests())
    assert azure.check(LOGS)["tokens"][1].startswith("ApiManagementGatewayLlmLog has no row of the")
    queries = [each.query for each in azure.server.requests()[before:]]
    assert sum(OF_TOKENS in each for each in queries) == 3


def test_where_all_is_well_each_topic_has_its_line(azure):
    found = azure.check(LOGS)
    assert {mark for mark, _words in found.values()} == {"ok"}
    answers = "5,000 rows in 24 hours, the newest 4 min old; 95 of 100 arrive within 5 min"
    assert {topic: told for topic, (_mark, told) in found.items()} == {
        "calls": f"ApiManagementGatewayLogs answers: {answers}",
        "tokens": f"ApiManagementGatewayLlmLog answers: {answers}",
        "hour": "29 Nov 11:00 UTC to 29 Nov 12:00 UTC: 100 calls of 1 API, 100,000 tokens",
        "tenants": "all the cost has a tenant (1 tenant)",
        "tokens told": "every call that succeeded told its tokens",
        "cached tokens": "which tokens were read from a cache is known",
        "prices": "every model has a price: gpt-4o",
    }


def test_usage_is_asked_for_one_hour_alone_and_in_few_queries(azure):
    azure.check(LOGS)
    asked = [each for each in azure.server.requests() if "lag_p95" not in each.query]
    spans = {tuple(map(datetime.fromisoformat, each.timespan.split("/"))) for each in asked}
    assert spans == {(HOUR, HOUR + timedelta(hours=1))}
    assert len(azure.server.requests()) == 4
    assert [each.problems for each in azure.server.requests()] == [[]] * 4


def test_the_hour_is_the_newest_that_both_tables_have(azure):
    azure.probe(OF_TOKENS, NOW - timedelta(minutes=90), 10)
    azure.server.put(USAGE, [], "cached_header_name")
    assert azure.check(LOGS)["hour"][1].startswith("29 Nov 11:00 UTC to 29 Nov 12:00 UTC: no usage")
    azure.probe(OF_TOKENS, NOW - timedelta(hours=5), 10)
    found = azure.check(LOGS)
    assert found["hour"][1].startswith("29 Nov 07:00 UTC to 29 Nov 08:00 UTC: no usage")
    assert found["tokens"][0] == "warning"
    assert "the newest 5 h old" in found["tokens"][1]
    assert "nobody called since, or the gateway logs elsewhere" in found["tokens"][1]


def test_calls_without_a_tenant_are_named_by_their_ids_the_largest_first(azure, tmp_path):
    (tmp_path / "subscriptions.csv").write_text("id,tenant\nacme,acme\n")
    azure.usage(
        GOOD,
        {**GOOD, "subscription": "bu-1", "prompt_tokens": 40_000},
        {**GOOD, "subscription": "bu-2", "prompt_tokens": 20_000},
        {**GOOD, "subscription": "", "product": "gold", "prompt_tokens": 1_000},
        {**GOOD, "subscription": "bu-4", "prompt_tokens": 0, "completion_tokens": 1},
    )
    mark, told = azure.check(LOGS + BY_FILE)["tenants"]
    assert mark == "warning"
    assert "% of the cost has a tenant (1 tenant); without one: " in told
    assert "subscription 'bu-1', api 'chat' (50,000 tokens); subscription 'bu-2', api" in told
    assert "product 'gold', api 'chat' (11,000 tokens); and 1 more; add the ids that are m" in told
    assert "missing to subscriptions.csv; where calls carry no id, require a subscription" in told


def test_a_header_that_no_call_without_a_tenant_had_is_named_with_where_to_list_it(azure):
    azure.usage({**GOOD, "subscription": "bu-1"})
    header = 'tenant = [{ carrier = "request_header", name = "X-Tenant" }]\n'
    told = azure.check(LOGS + header)["tenants"][1]
    assert "none of those has the request header X-Tenant: list it in frontend.request" in told
    assert "subscription key" not in told
    (azure.folder / "tenants.csv").write_text("id,tenant\nacme,acme\n")
    azure.usage({**GOOD, "request_header": "unmapped"})
    told = azure.check(LOGS + header.replace(" }]", ', file = "tenants.csv" }]'))["tenants"][1]
    assert "add the ids that are missing to tenants.csv; where calls carry no id" in told
    assert "none of those" not in told


def test_a_little_without_a_tenant_is_told_and_no_warning(azure):
    azure.usage(GOOD, {**GOOD, "subscription": "", "prompt_tokens": 100, "completion_tokens": 1})
    mark, told = azure.check(LOGS)["tenants"]
    assert mark == "ok"
    assert "of the cost has a tenant" in told


def test_what_stands_for_no_tenant_is_none(azure):
    azure.usage({**GOOD, "subscription": "N/A"})
    mark, told = azure.check(LOGS)["tenants"]
    assert (mark, told.startswith("0 % of the cost has a tenant (0 tenants)")) == ("warning", True)


def test_calls_that_told_no_tokens_are_counted_with_the_policy_to_change(azure):
    azure.usage(GOOD, {"subscription": "acme", "api": "chat", "requests": 25, "without_tokens": 25})
    mark, told = azure.check(LOGS)["tokens told"]
    assert mark == "warning"
    assert told.startswith("25 of 125 calls (20 %) succeeded and told no tokens: they are billed")
    assert "let an inbound policy set stream_options.include_usage to true" in told


def test_calls_that_failed_are_no_model_without_a_price(azure):
    azure.usage(GOOD, {"subscription": "acme", "api": "chat", "requests": 7})
    found = azure.check(LOGS)
    assert found["prices"] == ("ok", "every model has a price: gpt-4o")
    assert found["tokens told"][0] == "ok"


def test_tokens_without_a_call_show_that_calls_are_sampled(azure):
    azure.usage(GOOD, {**GOOD, "subscription": "", "requests": 30, "without_call": 30})
    mark, told = azure.check(LOGS)["sampling"]
    assert mark == "warning"
    assert told.startswith("30 rows with tokens belong to no logged call")
    assert told.endswith("diagnostic to 100 %")


def test_a_few_tokens_without_a_call_are_told_and_no_warning(azure):
    azure.usage(GOOD, {**GOOD, "subscription": "", "requests": 1, "without_call": 1})
    found = azure.check(LOGS)
    assert found["sampling"] == (
        "ok",
        "1 row with tokens belongs to no logged call (1 % of all), so nobody knows whose they "
        "are: nothing need be changed while they stay so few",
    )
    assert "100 calls of 1 API" in found["hour"][1]


def test_unknown_cached_tokens_are_told_with_the_header_to_log(azure):
    azure.usage({**GOOD, "cached_known": False})
    mark, told = azure.check(LOGS)["cached tokens"]
    assert mark == "warning"
    assert told.startswith("which tokens were read from a cache is unknown, and what is unknown is")
    assert (
        "response header X-Cached-Tokens, and log it: name it among the frontend response" in told
    )
    azure.usage(GOOD, {**GOOD, "subscription": "bolt", "cached_known": False})
    told = azure.check(f'{LOGS}cached_tokens_header = ""\n')["cached tokens"][1]
    assert "is known for 50 % of the prompt tokens alone" in told
    assert told.endswith(", and set cached_tokens_header")


def test_a_model_without_a_price_is_named(azure):
    azure.usage(GOOD, {**GOOD, "model": "gpt-99", "deployment": "new"})
    mark, told = azure.check(LOGS)["prices"]
    assert mark == "warning"
    assert told.startswith("no price for gpt-99: its cost is unknown; `spendwatch prices show")


def test_where_nothing_has_a_price_shares_are_of_tokens(azure):
    azure.usage({**GOOD, "model": "gpt-99"}, {**GOOD, "model": "gpt-99", "subscription": ""})
    assert azure.check(LOGS)["tenants"][1].startswith("50 % of the tokens has a tenant")


def test_fault_24_a_table_that_is_missing_fails_alone_with_the_switch_to_turn(azure):
    body = missing_table("ApiManagementGatewayLlmLog")
    azure.server.refuse(400, body, match="Does the gateway log the tokens", count=9)
    found = azure.check(LOGS)
    assert found["calls"][0] == "ok"
    mark, told = found["tokens"]
    assert mark == "wrong"
    assert 'tick "Logs related to generative AI gateway" (GatewayLlmLogs)' in told


@pytest.mark.parametrize("body", [missing_table("ApiManagementGatewayLlmLog"), BASIC_PLAN])
def test_what_cannot_be_read_is_said_once_and_its_usage_is_not_asked_for(azure, body):
    azure.server.refuse(400, body, match="ApiManagementGatewayLlmLog", count=9)
    found = azure.check(LOGS)
    assert [topic for topic, (mark, _) in found.items() if mark == "wrong"] == ["tokens"]
    assert found["hour"] == ("warning", "not asked for: it needs what is wrong above")
    assert not any("cached_header_name" in each.query for each in azure.server.requests())


def test_fault_24_logs_in_the_table_of_all_diagnostics_are_found(azure):
    azure.probe(OF_TOKENS, None, 0)
    azure.probe("AzureDiagnostics", NOW - timedelta(minutes=1), 12_345)
    found = azure.check(LOGS)
    assert found["tokens"][0] == found["logs"][0] == "wrong"
    assert found["tokens"][1].startswith("ApiManagementGatewayLlmLog has no row of the last 3 days")
    assert found["logs"][1].startswith("12,345 rows of the gateway's logs landed in AzureDiag")
    assert '"Azure diagnostics" to "Resource specific"' in found["logs"][1]


def test_no_table_of_all_diagnostics_is_as_it_should_be(azure):
    azure.probe(OF_TOKENS, None, 0)
    azure.server.refuse(400, missing_table("AzureDiagnostics"), match="AzureDiagnostics\n")
    assert "logs" not in azure.check(LOGS)


@pytest.mark.parametrize(("status", "body"), [(401, UNAUTHENTICATED), (403, NO_ROLE)])
def test_fault_25_where_we_are_refused_it_is_said_once_and_nothing_else_is_asked(
    azure, status, body
):
    azure.server.refuse(status, body, count=9)
    found = azure.check(LOGS)
    assert found["calls"][0] == "wrong"
    assert found[""] == ("warning", "nothing else was asked of it")
    assert len(azure.server.requests()) == 1


def test_a_column_that_is_missing_is_said_where_it_is_asked_for(azure):
    azure.server.refuse(400, missing_column("PromptTokens"), match="cached_header_name")
    mark, told = azure.check(LOGS)[""]
    assert mark == "wrong"
    assert "llm_usage.kql" in told
    assert "there is no column PromptTokens" in told


def test_a_query_for_late_rows_that_fails_is_told(azure):
    azure.server.refuse(400, missing_column("TimeGenerated"), match="late_rows")
    mark, told = azure.check(LOGS)["late rows"]
    assert mark == "wrong"
    assert "late_llm.kql" in told


def test_a_partial_answer_is_told(azure):
    azure.usage(GOOD, {**GOOD, "subscription": "bolt"})
    azure.server.fault("partial", match="cached_header_name", rows=1, count=99)
    mark, told = azure.check(LOGS)["remark"]
    assert mark == "warning"
    assert "answered llm_usage.kql only in part" in told


def test_rows_that_are_refused_are_counted_with_the_first_reason(azure):
    azure.usage(GOOD, {**GOOD, "requests": -1})
    mark, told = azure.check(LOGS)["rows"]
    assert mark == "wrong"
    assert told.startswith("1 row refused; the first: llm_usage.kql, ")


def test_metrics_are_asked_for_estimates_and_names_that_nobody_knows(azure):
    row = {
        "dimension_1": "acme", "model": "gpt-4o", "api": "chat", "streamed": "", "requests": 5,
        "prompt_tokens": 50, "completion_tokens": 50, "total_tokens": 100,
    }  # fmt: skip
    azure.metric(row)
    names = {"name": "string", "points": "long", "total": "real"}
    azure.server.put(
        names, [["Total Tokens", 5, 1.0], ["Thinking Tokens", 7, 1.0]], "points = count()"
    )
    found = azure.check(METRICS)
    assert found["metrics"][1].startswith("AppMetrics answers: 5,000 rows in 24 hours")
    assert found["tenants"] == ("ok", "all the cost has a tenant (1 tenant)")
    assert found["estimates"][0] == "warning"
    assert found["estimates"][1].startswith("100 % of the rows are estimates")
    assert found["cached tokens"][1].endswith("Prompt Cached Tokens, which not every gateway sends")
    assert "the metric 'Thinking Tokens' (7 rows) is not one" in found["remark"][1]
    assert "tokens told" not in found


def test_metrics_that_say_they_were_not_streamed_are_no_estimates(azure):
    azure.metric({"dimension_1": "acme", "model": "gpt-4o", "streamed": "False", "requests": 5,
                  "prompt_tokens": 50, "completion_tokens": 50, "total_tokens": 100})  # fmt: skip
    assert azure.check(METRICS)["estimates"] == ("ok", "no row is an estimate")


def test_an_application_insights_is_asked_by_its_resource(azure):
    found = azure.check(CLASSIC)
    assert found["metrics"][1].startswith("customMetrics answers: ")
    assert {each.place for each in azure.server.requests()} != set()
    assert all("microsoft.insights" in each.place for each in azure.server.requests())


def test_metrics_that_never_came_name_the_policy(azure):
    azure.probe("probe", None, 0)
    mark, told = azure.check(METRICS)["metrics"]
    assert mark == "wrong"
    assert "put llm-emit-token-metric into the inbound section of the API's policy" in told


OWN = {
    "start_at": "datetime",
    "Team": "string",
    "prompt_tokens": "long",
    "completion_tokens": "long",
}


def test_a_query_of_ones_own_is_asked_for_the_last_hour(azure, tmp_path):
    (tmp_path / "usage.kql").write_text("OurUsage | where At >= window_start and At < window_end")
    azure.server.put(OWN, [[shown(HOUR), "acme", 5, 5]], "OurUsage", "start_at")
    found = azure.check(f'{KUSTO}columns = {{ tenant = "Team" }}\n')
    assert found["hour"][1].startswith("29 Nov 11:00 UTC to 29 Nov 12:00 UTC: ")
    assert found["cached tokens"][1].endswith("let the query return cached_tokens")
    assert found["prices"][1].startswith("no price for (neither model nor deployment is told)")
    assert len(azure.server.requests()) == 1


def test_a_query_whose_rows_are_days_is_asked_for_the_last_day(azure, tmp_path):
    (tmp_path / "usage.kql").write_text("OurUsage")
    azure.server.put(
        {"day": "datetime", "tenant": "string", "cost_usd": "real"},
        [["2026-11-28T00:00:00Z", "", 1.5]],
        "OurUsage",
    )
    found = azure.check(f'{KUSTO}grain = "day"\n')
    assert found["hour"][1].startswith("28 Nov 00:00 UTC to 29 Nov 00:00 UTC")


def test_fault_23_a_query_without_a_column_that_is_needed_says_which(azure, tmp_path):
    (tmp_path / "usage.kql").write_text("OurUsage")
    azure.server.put(OWN, [], "OurUsage")
    mark, told = azure.check(KUSTO)[""]
    assert mark == "wrong"
    assert "usage.kql: no column 'tenant'" in told


def test_one_source_that_cannot_be_asked_holds_up_no_other(azure):
    found = azure.check(KUSTO + LOGS)
    assert azure.abouts[0] == "sources.own"
    assert found["prices"][0] == "ok"


@pytest.fixture
def identity(monkeypatch):
    with managed_identity() as (variables, asked):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield asked


def test_check_live_asks_azure_as_the_machines_own_identity(azure, tmp_path, identity, capsys):
    azure.probe("probe", system_clock(), 9)
    azure.server.put(USAGE, [], "cached_header_name")
    place = Installation(tmp_path, CONFIG.format(endpoint=azure.server.endpoint) + LOGS)
    assert place.run("check", "--live") == 0
    out = capsys.readouterr().out
    assert "  ok       sources.gateway calls        ApiManagementGatewayLogs answers: 9 rows" in out
    assert "  warning  sources.gateway hour         " in out
    assert out.splitlines()[-1] == "live: 0 wrong, 1 warning; nothing was posted"
    assert identity[0] == "https://api.loganalytics.io"
    assert TOKEN not in out


def test_check_live_leaves_with_1_where_something_is_wrong(azure, tmp_path, identity, capsys):
    azure.server.refuse(403, NO_ROLE, count=9)
    place = Installation(tmp_path, CONFIG.format(endpoint=azure.server.endpoint) + LOGS)
    assert place.run("check", "--live", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert [each["mark"] for each in told["live"]] == ["wrong", "warning"]
    assert TOKEN not in str(told)


def test_fault_25_an_identity_that_is_not_there_is_said_in_words(
    azure, tmp_path, identity, monkeypatch, capsys
):
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    place = Installation(tmp_path, CONFIG.format(endpoint=azure.server.endpoint) + LOGS)
    assert place.run("check", "--live") == 1
    out = capsys.readouterr().out
    assert "wrong    sources.gateway calls" in out
    assert "give this machine a managed identity" in out
    assert azure.server.requests() == []


def test_check_reads_mappings_and_queries_without_asking_anybody(azure, tmp_path, capsys):
    place = Installation(tmp_path, CONFIG.format(endpoint="") + LOGS + BY_FILE + KUSTO)
    (tmp_path / "subscriptions.csv").write_text("id,tennant\na,b\n")
    assert place.run("check") == 78
    told = capsys.readouterr().err
    assert "sources.gateway.tenant[0].file: " in told
    assert "'tennant' is not a column of a mapping" in told
    assert "sources.own.query: " in told
    (tmp_path / "subscriptions.csv").write_text("id,tenant\na,b\n")
    (tmp_path / "usage.kql").write_text("T")
    assert place.run("check") == 0
    assert azure.server.requests() == []


def test_check_knows_the_tenants_and_cost_centres_of_mappings(tmp_path, capsys):
    routes = '[[routes]]\ntenant = "acme"\nreceiver = "desk"\n'
    routes += '[[routes]]\ncost_centre = "CC-7"\nreceiver = "desk"\n'
    place = Installation(tmp_path, CONFIG.format(endpoint="") + LOGS + BY_FILE + routes)
    (tmp_path / "subscriptions.csv").write_text("id,tenant,cost_centre\na,Acme,CC-7\n")
    assert place.json(capsys, "check")["warnings"] == []
    assert place.run("routes", "explain") == 0
    assert "Acme" in capsys.readouterr().out
    (tmp_path / "subscriptions.csv").write_text("id,tenant,cost_centre\na,Bolt,CC-8\n")
    assert len(place.json(capsys, "check")["warnings"]) == 2


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        ("00:05:12.3456789", 312.345678),
        ("1.02:00:00", 93_600),
        ("00:00:00", 0),
        (timedelta(seconds=5), 5),
    ],
)
def test_spans_of_time_are_read_as_kusto_writes_them(cell, seconds):
    read = words.read_span(cell)
    assert (None if read is None else read.total_seconds()) == pytest.approx(seconds, abs=1e-5)


@pytest.mark.parametrize("cell", [None, "None", "soon", "1:2", "a:b:c", 5])
def test_what_is_no_span_of_time_is_none(cell):
    assert words.read_span(cell) is None
