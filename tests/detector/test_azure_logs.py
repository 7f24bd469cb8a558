"""Usage from the gateway's logs: who used it, where, and what the telemetry lacks."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from detector.model import Grain, Rejection, Usage
from detector.sources.azure_logs import AzureLogsSource
from detector.sources.base import (
    ApiDay,
    LateDays,
    SourceError,
    Telemetry,
    UseByIds,
    WatchedSource,
    Window,
)
from detector.sources.carriers import Attribution, Carrier, Identity
from detector.sources.scopes import ScopeRule, ScopeRules
from tests.detector.log_stores import DAY, HOSTILE, HOUR, LLM_COLUMNS, NOW, ScriptedStore, llm

ON = DAY.date()
ONE_DAY = Window(ON, ON)
BY_HEADER = Attribution(
    (Carrier("request_header", "x-tenant-id"), Carrier("subscription")), (Carrier("api"),)
)


def source_of(*rows, attribution=BY_HEADER, scopes=None, columns=LLM_COLUMNS, **options):
    store = ScriptedStore(llm_usage=(columns, list(rows)))
    scopes = scopes or ScopeRules("global", "datazone")
    source = AzureLogsSource(
        "gateway", store, attribution, scopes=scopes, clock=lambda: NOW, **options
    )
    return source, store


def told(*rows, window=ONE_DAY, **options):
    source, _ = source_of(*rows, **options)
    return list(source.usage(window)), source.telemetry()


def statement_of(**options):
    source, store = source_of(**options)
    list(source.usage(ONE_DAY))
    return store.asked[0][0].text


def test_a_row_becomes_usage_of_its_tenant():
    row = llm(
        request_header="acme", api="chat-api", deployment="chat", requests=4, without_tokens=1,
        prompt_tokens=100, completion_tokens=20, cached_tokens=30, cached_known=True,
    )  # fmt: skip
    usage, telemetry = told(row)
    assert usage == [
        Usage(DAY, Grain.HOUR, "acme", "chat-api", "gpt-4o", "chat", "global", 4, 1, 100, 20, 30)
    ]
    assert telemetry.unattributed == ()


def test_the_header_goes_before_the_subscription_where_both_are_there():
    rows = [
        llm(request_header="acme", subscription="bu-hr"),
        llm(subscription="bu-it", api="b"),
    ]
    assert [usage.tenant for usage in told(*rows)[0]] == ["acme", "bu-it"]


def test_ids_that_stand_for_one_tenant_are_one_usage_in_a_slot():
    identities = {"a": Identity("acme"), "b": Identity("acme")}
    attribution = Attribution((Carrier("subscription", "", lambda: identities),))
    rows = [llm(subscription=each, prompt_tokens=10, requests=2) for each in "ab"]
    ((usage,), _) = told(*rows, attribution=attribution)
    assert (usage.tenant, usage.requests, usage.prompt_tokens) == ("acme", 4, 20)


def test_the_feature_that_a_mapping_gives_goes_before_that_of_its_carriers():
    identities = {"a": Identity("acme", "ocr"), "b": Identity("bolt")}
    tenants = (Carrier("subscription", "", lambda: identities),)
    rows = [llm(subscription=each, api="chat-api") for each in "abc"]
    usage, _ = told(*rows, attribution=Attribution(tenants, (Carrier("api"),)))
    assert [(each.tenant, each.feature) for each in usage] == [
        ("acme", "ocr"), ("bolt", "chat-api"), ("", "chat-api"),
    ]  # fmt: skip


def test_what_has_no_tenant_is_kept_without_one_and_told_with_its_ids():
    row = llm(api="chat-api", product="gold", deployment="chat", prompt_tokens=9, requests=3)
    (usage,), telemetry = told(row)
    assert (usage.tenant, usage.prompt_tokens) == ("", 9)
    ids = (("product", "gold"), ("api", "chat-api"))
    assert telemetry.unattributed == (UseByIds(ON, ids, "gpt-4o", "chat", "global", 3, 9, 0, None),)


def test_fault_29_a_header_that_no_call_carries_leaves_all_of_them_without_a_tenant():
    attribution = Attribution((Carrier("request_header", "x-tenant-id"),))
    rows = [llm(DAY + hour * HOUR, subscription="bu-hr", prompt_tokens=1) for hour in range(3)]
    usage, telemetry = told(*rows, attribution=attribution)
    assert [each.tenant for each in usage] == ["", "", ""]
    assert telemetry.unattributed[0].ids == (("subscription", "bu-hr"),)
    assert telemetry.unattributed[0].prompt_tokens == 3


def test_rows_without_a_call_have_no_tenant_and_are_counted():
    usage, telemetry = told(llm(requests=5, without_call=5, prompt_tokens=70))
    assert (usage[0].tenant, usage[0].prompt_tokens) == ("", 70)
    assert telemetry.apis[0].rows_without_call == 5
    assert telemetry.apis[0].calls == 0


def test_cached_tokens_of_which_only_some_are_known_are_an_estimate():
    known = llm(request_header="acme", prompt_tokens=10, cached_tokens=4, cached_known=True)
    unknown = llm(request_header="acme", prompt_tokens=10)
    for rows, cached, estimated in [
        ([known], 4, False), ([unknown], None, False), ([known, unknown], 4, True),
    ]:  # fmt: skip
        (usage,), _ = told(*rows)
        assert (usage.cached_tokens, usage.estimated) == (cached, estimated)


def test_more_cached_than_prompt_tokens_are_unknown_and_told_once():
    row = llm(request_header="acme", prompt_tokens=10, cached_tokens=11, cached_known=True)
    usage, telemetry = told(row, llm(DAY + HOUR), row)
    assert (usage[0].prompt_tokens, usage[0].cached_tokens) == (20, None)
    (remark,) = telemetry.remarks
    assert remark.startswith("2 rows: more cached_tokens than prompt_tokens")
    assert "(first: llm_usage.kql, 2026-11-12 00:00 to 2026-11-13 00:00, row 1)" in remark


def test_spilled_use_has_the_scope_of_spillover_and_the_rest_that_of_its_backend():
    scopes = ScopeRules("global", "datazone", (ScopeRule("ptu", backend="ptu-*"),))
    rows = [
        llm(backend="ptu-east", spilled=True, prompt_tokens=1),
        llm(backend="ptu-east", prompt_tokens=2),
        llm(backend="paygo", prompt_tokens=3),
    ]
    usage, _ = told(*rows, scopes=scopes)
    assert {each.scope: each.prompt_tokens for each in usage} == {
        "datazone": 1, "ptu": 2, "global": 3,
    }  # fmt: skip


def test_each_api_and_day_tells_how_far_it_can_be_believed():
    rows = [
        llm(api="chat", requests=6, without_tokens=2, without_call=1, streamed=True),
        llm(DAY + HOUR, api="chat", requests=3, prompt_tokens=5, cached_known=True),
        llm(DAY + HOUR, api="ocr"),
    ]
    _, telemetry = told(*rows)
    arrived = DAY + 6 * HOUR
    assert telemetry.apis == (
        ApiDay(ON, "chat", 8, 2, 1, 6, 3, DAY + HOUR, arrived),
        ApiDay(ON, "ocr", 1, newest_at=DAY + HOUR, ingested_at=arrived),
    )


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"prompt_tokens": -1}, "prompt_tokens is not a whole number from 0 to 10^15"),
        ({"completion_tokens": 2.5}, "completion_tokens is not a whole number"),
        ({"requests": 10**15 + 1}, "requests is not a whole number"),
        ({"requests": None, "without_call": None}, "requests, without_call are empty"),
        ({"cached_tokens": None}, "cached_tokens is empty"),
        ({"model": 4}, "model is not text"),
        ({"slot": None}, "slot is empty"),
        ({"slot": "noon"}, "slot is not a time"),
    ],
)
def test_a_bad_number_refuses_its_row_alone_with_query_and_row(cells, reason):
    found, telemetry = told(
        llm(request_header="acme", prompt_tokens=7),
        llm(request_header="acme", prompt_tokens=8) if not cells else _with(cells),
    )
    (usage,) = (each for each in found if isinstance(each, Usage))
    (refused,) = (each for each in found if isinstance(each, Rejection))
    assert usage.prompt_tokens == 7
    assert refused.source == "gateway"
    assert refused.where == "llm_usage.kql, 2026-11-12 00:00 to 2026-11-13 00:00, row 2"
    assert reason in refused.reason
    assert len(refused.text) <= 200
    assert telemetry.apis[0].calls == 1


def _with(cells):
    return [cells.get(name, cell) for name, cell in zip(LLM_COLUMNS, llm(), strict=True)]


def test_fault_28_a_renamed_column_is_told_and_nothing_is_counted():
    columns = [name.replace("prompt_tokens", "PromptTokens") for name in LLM_COLUMNS]
    source, _ = source_of(llm(), columns=columns)
    with pytest.raises(SourceError, match=r"llm_usage\.kql: no column 'prompt_tokens'") as raised:
        list(source.usage(ONE_DAY))
    assert "(nearest: 'PromptTokens')" in str(raised.value)
    assert source.coverage().first_day is None


def test_fault_28_a_column_of_another_type_is_told_as_a_whole():
    source, _ = source_of(_with({"prompt_tokens": "7"}), _with({"prompt_tokens": "8"}))
    with pytest.raises(SourceError, match="'prompt_tokens' holds text, not whole numbers"):
        list(source.usage(ONE_DAY))


@pytest.mark.parametrize("retryable", [True, False])
def test_faults_26_and_27_what_the_store_cannot_answer_passes_as_it_is(retryable):
    source, store = source_of(llm())
    store.fails = [SourceError("throttled", retryable=retryable)]
    with pytest.raises(SourceError, match="throttled") as raised:
        list(source.usage(ONE_DAY))
    assert raised.value.retryable is retryable
    assert len(list(source.usage(ONE_DAY))) == 1


def test_a_mapping_that_cannot_be_read_stops_the_pull_before_anything_is_asked():
    def broken():
        raise SourceError("subscriptions.csv, line 3: id is empty")

    attribution = Attribution((Carrier("subscription", "", broken),))
    source, store = source_of(llm(), attribution=attribution)
    with pytest.raises(SourceError, match="line 3"):
        list(source.usage(ONE_DAY))
    assert store.asked == []


def test_the_query_reads_what_the_carriers_need_and_no_more():
    text = statement_of(attribution=Attribution((Carrier("subscription"),)))
    for line in (
        "let by_user = false;", "let by_backend = false;", 'let request_header_name = "";',
        'let feature_header_name = "";', 'let trace_name = "";', "let slot_minutes = 60;",
        "let apis = dynamic([]);", 'let cached_header_name = "";',
    ):  # fmt: skip
        assert line in text


def test_the_query_is_told_which_headers_and_ids_to_read():
    attribution = Attribution(
        (
            Carrier("request_header", "x-tenant-id"), Carrier("response_header", "x-team"),
            Carrier("trace", "tenant id"), Carrier("user"), Carrier("backend"),
        ),
        (Carrier("request_header", "x-feature"), Carrier("trace", "tenant id")),
    )  # fmt: skip
    text = statement_of(
        attribution=attribution, apis=("chat", "ocr"), slot_minutes=15, cached_header="X-Cached"
    )
    for line in (
        "let by_user = true;", "let by_backend = true;", "let slot_minutes = 15;",
        'let request_header_name = "x-tenant-id";', 'let feature_header_name = "x-feature";',
        'let response_header_name = "x-team";', 'let trace_name = "tenant id";',
        'let apis = dynamic(["chat","ocr"]);', 'let cached_header_name = "X-Cached";',
    ):  # fmt: skip
        assert line in text


def test_every_carrier_is_read_from_its_column():
    attribution = Attribution(
        (
            Carrier("request_header", "h"), Carrier("response_header", "r"), Carrier("trace", "t"),
            Carrier("product"), Carrier("user"), Carrier("backend"), Carrier("api"),
        ),
        (Carrier("request_header", "f"),),
    )  # fmt: skip
    columns = (
        "request_header", "response_header", "trace", "product", "user", "backend", "api",
    )  # fmt: skip
    for column in columns:
        (usage,), _ = told(llm(**{column: "acme"}, feature_header="ocr"), attribution=attribution)
        assert (usage.tenant, usage.feature) == ("acme", "ocr")


def test_a_header_of_the_feature_that_is_the_tenants_too_is_read_once():
    header = Carrier("request_header", "x-tenant-id")
    attribution = Attribution((header,), (header,))
    assert 'let feature_header_name = "";' in statement_of(attribution=attribution)
    (usage,), _ = told(llm(request_header="acme"), attribution=attribution)
    assert (usage.tenant, usage.feature) == ("acme", "acme")


def test_a_rule_of_backends_has_the_backend_read():
    scopes = ScopeRules("global", "", (ScopeRule("ptu", backend="ptu-*"),))
    assert "let by_backend = true;" in statement_of(scopes=scopes)


@pytest.mark.parametrize(
    ("tenant", "feature", "words"),
    [
        ([("request_header", "a"), ("request_header", "b")], [], "request_header too many beside"),
        ([], [("request_header", each) for each in "abc"], "'request_header c' is one"),
        ([("trace", "a")], [("trace", "b")], "'trace b' is one trace too many beside 'trace a'"),
        ([("dimension", "Subscription ID")], [], "read by kind azure_metrics"),
    ],
)
def test_more_carriers_than_the_query_reads_are_refused(tenant, feature, words):
    attribution = Attribution(
        tuple(Carrier(*each) for each in tenant), tuple(Carrier(*each) for each in feature)
    )
    with pytest.raises(ValueError, match=re.escape(words)):
        source_of(attribution=attribution)


def test_a_slot_of_another_length_is_refused():
    with pytest.raises(ValueError, match="15 or 60 minutes, not 30"):
        source_of(slot_minutes=30)


def test_quarter_hours_are_usage_of_a_quarter_hour():
    quarter = DAY + timedelta(minutes=45)
    (usage,), _ = told(llm(quarter), slot_minutes=15)
    assert (usage.start_at, usage.grain) == (quarter, Grain.QUARTER_HOUR)


def texts_asked(name):
    """Every query a source sends while a name stands in its rows and mapping; and its usage."""
    identities = {name: Identity(name, name)}
    attribution = Attribution(
        (Carrier("subscription", "", lambda: identities), Carrier("request_header", "x-id")),
        (Carrier("request_header", "x-feature"),),
    )
    rows = [llm(**dict.fromkeys(("request_header", "api", "model"), name), prompt_tokens=3)]
    source, store = source_of(*rows, attribution=attribution)
    store.tables["late_llm.kql"] = (LATE, [])
    usage = list(source.usage(ONE_DAY))
    source.late_days(DAY)
    return [statement.text for statement, _, _ in store.asked], usage


@pytest.mark.parametrize("name", HOSTILE)
def test_fault_92_hostile_names_stay_data_and_never_enter_a_query(name):
    texts, (usage,) = texts_asked(name)
    assert texts == texts_asked("acme")[0]
    assert usage.prompt_tokens == 3
    assert usage.tenant.encode()


def test_a_tenant_of_ten_thousand_characters_names_nobody_and_loses_nothing():
    (usage,), telemetry = told(llm(request_header="x" * 10_000, prompt_tokens=3))
    assert (usage.tenant, usage.prompt_tokens) == ("", 3)
    assert len(telemetry.unattributed[0].ids[0][1]) == 300


LATE = ("day", "late_rows", "ingested_at")


def late_source(*rows):
    store = ScriptedStore(late_llm=(LATE, list(rows)))
    return AzureLogsSource(
        "gateway", store, BY_HEADER, scopes=ScopeRules(), clock=lambda: NOW
    ), store


def test_late_days_are_those_that_got_rows_since_then():
    yesterday = datetime(2026, 11, 19, tzinfo=UTC)
    source, store = late_source(
        [yesterday - HOUR * 24, 7, NOW - HOUR], [yesterday, 0, NOW], [yesterday, 2, NOW - 2 * HOUR]
    )
    since = NOW - 3 * HOUR
    assert source.late_days(since) == LateDays(
        frozenset({date(2026, 11, 18), date(2026, 11, 19)}), NOW
    )
    ((statement, begin, end),) = store.asked
    assert "let since = datetime(2026-11-20T09:30:00.000000Z);" in statement.text
    assert (begin, end) == (
        datetime(2026, 11, 13, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC),
    )  # fmt: skip


def test_no_late_rows_are_no_days():
    assert late_source()[0].late_days(DAY) == LateDays()


def test_a_workspace_without_any_data_has_no_late_days():
    source, store = late_source()
    store.tables["late_llm.kql"] = ((), [])
    assert source.late_days(DAY) == LateDays()


def test_late_days_that_may_lack_rows_do_not_move_the_time_of_arrival():
    source, store = late_source([NOW.replace(hour=0, minute=0), 3, NOW])
    store.partial = {NOW}
    assert source.late_days(DAY) == LateDays(frozenset({NOW.date()}), None)


def test_late_days_of_another_shape_are_refused():
    source, store = late_source([NOW, -3, NOW])
    with pytest.raises(SourceError, match=r"late_llm\.kql: a row of its answer: late_rows"):
        source.late_days(DAY)
    store.tables["late_llm.kql"] = (("day", "rows", "ingested_at"), [])
    with pytest.raises(SourceError, match="no column 'late_rows'"):
        source.late_days(DAY)


def test_a_source_that_was_not_asked_yet_knows_nothing():
    source, _ = source_of(llm())
    assert isinstance(source, WatchedSource)
    assert source.coverage().first_day is None
    assert source.telemetry() == Telemetry()
