"""What llm_usage.kql answers over rows as the gateway writes them, good and bad."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.azure.kql_tables import ARRIVED, DAY, Tables

IDENTITY = (
    "subscription", "product", "user", "api", "backend", "request_header", "response_header",
    "trace", "feature_header",
)  # fmt: skip
COUNTS = ("requests", "without_tokens", "without_call")
TOKENS = ("prompt_tokens", "completion_tokens", "cached_tokens")


@pytest.fixture
def tables():
    return Tables()


def usage(tables, **values):
    return tables.ask("llm_usage.kql", **values)


def only(rows, *columns):
    """What the one row there is holds in these columns."""
    [row] = rows
    return tuple(row[each] for each in columns) if len(columns) != 1 else row[columns[0]]


def told(tables, column, cases, told_by, **values):
    """For each case a call that logs it, all asked at once: what the column holds of each."""
    for nth, case in enumerate(cases):
        tables.call(str(nth), ApimSubscriptionId=str(nth), **{told_by: case})
        tables.answer(str(nth))
    found = {row["subscription"]: row for row in usage(tables, **values)}
    return [found[str(nth)][column] for nth in range(len(cases))]


def sums(rows, *columns):
    return tuple(sum(row[each] for row in rows) for each in columns)


def test_a_call_and_its_tokens_are_brought_together(tables):
    tables.call("a", ApimSubscriptionId="bu-hr", ProductId="gold", UserId="u1", BackendId="ptu-1")
    tables.answer("a", **{ARRIVED: DAY + timedelta(minutes=9)})
    [row] = usage(tables)
    assert row == {
        "slot": DAY.replace(tzinfo=None),
        **dict.fromkeys(IDENTITY, ""),
        "subscription": "bu-hr",
        "product": "gold",
        "api": "openai",
        "model": "gpt-4o-2024-11-20",
        "deployment": "chat",
        "spilled": False,
        "streamed": False,
        "cached_known": False,
        "requests": 1,
        "without_tokens": 0,
        "without_call": 0,
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "cached_tokens": 0,
        "ingested_at": (DAY + timedelta(minutes=9)).replace(tzinfo=None),
    }


def test_the_answer_is_that_of_no_rows_where_there_are_none(tables):
    assert usage(tables) == []


# Redelivered rows, and several rows of one call


def test_redelivered_rows_count_once(tables):
    for minutes in (1, 2, 700):
        arrived = {ARRIVED: DAY + timedelta(minutes=minutes)}
        tables.call("a", **arrived)
        tables.answer("a", **arrived)
        tables.answer("a", SequenceNumber=1, ModelName="", PromptTokens=0, CompletionTokens=0)
    assert only(usage(tables), *COUNTS, *TOKENS) == (1, 0, 0, 10, 5, 0)


def test_of_redelivered_rows_the_one_that_arrived_last_counts(tables):
    early, late = ({ARRIVED: DAY + timedelta(hours=hours)} for hours in (1, 2))
    tables.call("a", ApimSubscriptionId="corrected", **late)
    tables.call("a", ApimSubscriptionId="wrong", **early)
    tables.answer("a", PromptTokens=100, **late)
    tables.answer("a", PromptTokens=999, **early)
    assert only(usage(tables), "subscription", "prompt_tokens") == ("corrected", 100)


def test_chunks_of_messages_are_no_calls_and_no_tokens(tables):
    tables.call("a")
    tables.answer("a")
    for number in range(1, 8):
        tables.answer(
            "a", SequenceNumber=number, ModelName="", DeploymentName="", PromptTokens=0,
            CompletionTokens=0, TotalTokens=0, IsStreamCompletion=False, RequestId="",
        )  # fmt: skip
    assert only(usage(tables), "model", "deployment", *COUNTS, *TOKENS) == (
        "gpt-4o-2024-11-20", "chat", 1, 0, 0, 10, 5, 0,
    )  # fmt: skip


def test_message_rows_that_hold_no_numbers_at_all_change_nothing(tables):
    tables.call("a")
    tables.answer("a", SequenceNumber=1, ModelName="", DeploymentName="", PromptTokens=None,
                  CompletionTokens=None, TotalTokens=None, IsStreamCompletion=None)  # fmt: skip
    tables.answer("a")
    assert only(usage(tables), "model", "streamed", *TOKENS) == (
        "gpt-4o-2024-11-20",
        False,
        10,
        5,
        0,
    )


def test_all_usage_rows_of_a_websocket_session_are_summed_as_one_call(tables):
    tables.call("session")
    for number, tokens in enumerate((100, 200, 300)):
        tables.answer("session", SequenceNumber=number, PromptTokens=tokens)
    tables.answer("session", RequestId="other", PromptTokens=1000)
    assert only(usage(tables), "requests", *TOKENS) == (1, 1600, 20, 0)


def test_a_sessions_model_is_that_of_its_largest_row_whatever_the_order(tables):
    models = [("whisper-1", 20), ("gpt-realtime", 900), ("zz", 3)]
    for name, rows in (("a", models), ("b", models[::-1])):
        tables.call(name)
        for number, (model, tokens) in enumerate(rows):
            tables.answer(name, SequenceNumber=number, ModelName=model, PromptTokens=tokens)
    assert only(usage(tables), "model", "requests", "prompt_tokens") == ("gpt-realtime", 2, 1846)


def test_a_model_told_by_a_row_without_tokens_is_still_the_calls_model(tables):
    tables.call("a")
    tables.answer("a", ModelName="", DeploymentName="")
    tables.answer("a", SequenceNumber=1, PromptTokens=0, CompletionTokens=0)
    assert only(usage(tables), "model", "deployment", "prompt_tokens") == (
        "gpt-4o-2024-11-20", "chat", 10,
    )  # fmt: skip


# What tells no tokens


def test_a_stream_without_usage_keeps_its_model_and_is_told(tables):
    tables.call("a")
    tables.answer("a", PromptTokens=0, CompletionTokens=0, IsStreamCompletion=True)
    assert only(usage(tables), "model", "streamed", *COUNTS, *TOKENS) == (
        "gpt-4o-2024-11-20", True, 1, 1, 0, 0, 0, 0,
    )  # fmt: skip


def test_a_good_call_without_llm_row_is_told(tables):
    tables.call("with")
    tables.answer("with")
    tables.call("without")
    rows = [row for row in usage(tables) if row["model"] == ""]
    assert only(rows, "api", *COUNTS, *TOKENS) == ("openai", 1, 1, 0, 0, 0, 0)


def test_failed_calls_alone_make_no_row(tables):
    tables.call("good")
    tables.answer("good")
    tables.call("throttled", IsRequestSuccess=False, ResponseCode=429)
    tables.call("broken", IsRequestSuccess=False, ResponseCode=500, ApimSubscriptionId="other")
    tables.answer("broken", PromptTokens=0, CompletionTokens=0)
    assert only(usage(tables), "model", *COUNTS) == ("gpt-4o-2024-11-20", 1, 0, 0)


def test_a_failed_call_is_not_counted_beside_good_ones_without_tokens(tables):
    tables.call("good")
    tables.answer("good")
    tables.call("untold")
    tables.call("throttled", IsRequestSuccess=False)
    rows = [row for row in usage(tables) if row["model"] == ""]
    assert only(rows, *COUNTS) == (1, 1, 0)


def test_a_failed_call_that_used_tokens_is_used_tokens(tables):
    tables.call("a", IsRequestSuccess=False)
    tables.answer("a")
    assert only(usage(tables), *COUNTS, *TOKENS) == (1, 0, 0, 10, 5, 0)


def test_an_answer_from_the_gateways_cache_lacks_no_tokens(tables):
    tables.call("first")
    tables.answer("first")
    tables.call("again", Cache="hit")
    assert sums(usage(tables), *COUNTS) == (1, 0, 0)


def test_an_answer_of_no_tokens_but_the_prompts_is_told_in_full(tables):
    tables.call("filtered")
    tables.answer("filtered", CompletionTokens=0)
    tables.call("embedding")
    tables.answer("embedding", CompletionTokens=None)
    assert only(usage(tables), *COUNTS, *TOKENS) == (2, 0, 0, 20, 0, 0)


# LLM rows and calls that do not meet


def test_llm_rows_without_a_call_are_kept_without_identity(tables):
    tables.answer("lost", ModelName="gpt-5")
    tables.answer("lost", SequenceNumber=1, PromptTokens=0, CompletionTokens=0, ModelName="")
    tables.answer("lost too", ModelName="gpt-5")
    [row] = usage(tables)
    assert {row[each] for each in IDENTITY} == {""}
    assert (row["model"], *(row[each] for each in (*COUNTS, *TOKENS))) == (
        "gpt-5", 2, 0, 2, 20, 10, 0,
    )  # fmt: skip


def test_calls_of_apis_without_llm_rows_are_none_of_ours(tables):
    tables.call("a")
    tables.answer("a")
    tables.call("weather", ApiId="weather")
    assert {row["api"] for row in usage(tables)} == {"openai"}


def test_of_named_apis_alone_is_told_and_other_apis_rows_are_not_without_call(tables):
    for api in ("openai", "claude", "other"):
        tables.call(api, ApiId=api)
        tables.answer(api)
    tables.call("silent", ApiId="silent")
    tables.answer("lost")
    rows = usage(tables, apis=["OpenAI", "silent"])
    assert sorted((row["api"], row["requests"], row["without_call"]) for row in rows) == [
        ("", 1, 1), ("openai", 1, 0), ("silent", 1, 0),
    ]  # fmt: skip


def test_nothing_is_lost_and_nothing_counted_twice_over_all_windows(tables):
    for hour in range(0, 48, 3):
        at = DAY + timedelta(hours=hour)
        tables.call(f"a{hour}", at)
        tables.answer(f"a{hour}", at)
        tables.answer(f"lost{hour}", at)
    whole = sums(usage(tables, days=2), *COUNTS, *TOKENS)
    assert whole == (32, 0, 16, 320, 160, 0)
    pieces = [usage(tables, begin=DAY + timedelta(hours=h), days=0.5) for h in range(0, 48, 12)]
    assert sums([row for rows in pieces for row in rows], *COUNTS, *TOKENS) == whole


def test_the_window_is_half_open(tables):
    for name, at in (
        ("before", -1),
        ("first", 0),
        ("last", 86_399_999_999),
        ("after", 86_400_000_000),
    ):
        tables.call(name, DAY + timedelta(microseconds=at), ApimSubscriptionId=name)
        tables.answer(name, DAY + timedelta(microseconds=at))
    assert {row["subscription"] for row in usage(tables)} == {"first", "last"}


# Slots


@pytest.mark.parametrize(
    ("minutes", "starts"), [(60, ["13:00", "14:00"]), (15, ["13:45", "14:00", "14:45"])]
)
def test_slots_are_as_long_as_asked_and_in_order(tables, minutes, starts):
    for minute in (14 * 60 + 59, 14 * 60, 13 * 60 + 59, 13 * 60 + 45):
        tables.call(str(minute), DAY + timedelta(minutes=minute, seconds=59.9))
        tables.answer(str(minute), DAY + timedelta(minutes=minute, seconds=59.9))
    rows = usage(tables, slot_minutes=minutes)
    assert [f"{row['slot']:%H:%M}" for row in rows] == starts
    assert sums(rows, "requests") == (4,)


def test_a_call_is_in_the_slot_in_which_it_began(tables):
    tables.call("a", DAY + timedelta(minutes=59))
    tables.answer("a", DAY + timedelta(minutes=61))
    tables.answer("lost", DAY + timedelta(minutes=61))
    assert [(row["slot"].hour, row["without_call"]) for row in usage(tables)] == [(0, 0), (1, 1)]


# Headers and traces


@pytest.mark.parametrize("asked", ["x-tenant-id", "X-Tenant-Id"])
def test_a_headers_name_is_found_in_any_case_and_its_value_kept_as_it_is(tables, asked):
    names = ("x-tenant-id", "X-Tenant-Id", "X-TENANT-ID")
    logged = [{"Accept": "*/*", name: "ACME Ltd", "z": "1"} for name in names]
    found = told(tables, "request_header", logged, "RequestHeaders", request_header_name=asked)
    assert found == ["ACME Ltd"] * 3


HEADERS = [
    (None, ""),
    ({}, ""),
    ({"Accept": "x-tenant-id"}, ""),
    ({"my-x-tenant-id": "wrong", "x-tenant-id-2": "wrong"}, ""),
    ({"x-tenant-id": ""}, ""),
    ({"x-tenant-id": None}, ""),
    ({"x-tenant-id": 42}, "42"),
    ({"x-tenant-id": ["first", "second"]}, "first"),
    ({"x-tenant-id": []}, ""),
    ({"x-tenant-id": 'say "hi", \\ {} [] '}, 'say "hi", \\ {} [] '),
    ({"x-tenant-id": "München 東京 😀"}, "München 東京 😀"),
    ({"forged": '","x-tenant-id":"victim', "x-tenant-id": "mine"}, "mine"),
    ({"forged": '"x-tenant-id":"victim"'}, ""),
    ({"forged": '\\","x-tenant-id":"victim'}, ""),
    ('{ "other" : "no", "X-Tenant-Id" :  "spaced" }', "spaced"),
]


def test_a_header_is_read_whatever_else_is_logged(tables):
    logged = [headers for headers, _ in HEADERS]
    found = told(
        tables, "request_header", logged, "RequestHeaders", request_header_name="x-tenant-id"
    )
    assert found == [value for _, value in HEADERS]


def test_a_dot_in_a_headers_name_is_a_dot(tables):
    tables.call("a", RequestHeaders={"xatenant": "wrong", "x.tenant": "right"})
    tables.answer("a")
    assert only(usage(tables, request_header_name="x.tenant"), "request_header") == "right"


def test_each_header_stands_in_its_own_column(tables):
    tables.call(
        "a",
        RequestHeaders={"x-tenant": "acme", "x-feature": "chat", "x-deployed": "no"},
        ResponseHeaders={"X-Deployed": "blue", "x-tenant": "no"},
    )
    tables.answer("a")
    rows = usage(
        tables, request_header_name="X-Tenant", feature_header_name="X-Feature",
        response_header_name="x-deployed",
    )  # fmt: skip
    assert only(rows, "request_header", "feature_header", "response_header", "trace") == (
        "acme", "chat", "blue", "",
    )  # fmt: skip


def test_a_trace_property_is_found_in_the_shapes_it_may_have(tables):
    shapes = [
        [{"source": "who", "severity": "information", "metadata": {"Tenant": "acme"}}],
        {"metadata": [{"name": "tenant", "value": "acme"}]},
        [{"name": "other", "value": "no"}, {"name": "tenant", "value": "acme"}],
        {"message": "tenant is known", "tenant": "acme"},
        [{"name": "tenants", "value": "no"}, {"value": "no"}],
        None,
    ]
    found = told(tables, "trace", shapes, "TraceRecords", trace_name="tenant")
    assert found == ["acme"] * 4 + [""] * 2


def test_what_is_switched_off_splits_no_rows(tables):
    for name in ("a", "b"):
        tables.call(
            name, UserId=name, BackendId=name, RequestHeaders={"x": name, "": name},
            ResponseHeaders={"x": name}, TraceRecords=[{"x": name, "": name}],
        )  # fmt: skip
        tables.answer(name)
    [row] = usage(tables)
    assert {row[each] for each in IDENTITY} == {"", "openai"}
    assert row["requests"] == 2


def test_users_and_backends_are_told_where_asked_for(tables):
    tables.call("a", UserId="u", BackendId="ptu-1", BackendUrl="https://x.example/1")
    tables.answer("a")
    tables.call("b", BackendUrl="https://paygo.example:443/openai/responses/resp_123?api-version=1")
    tables.answer("b")
    rows = usage(tables, by_user=True, by_backend=True)
    assert {(row["user"], row["backend"]) for row in rows} == {
        ("u", "ptu-1"), ("", "paygo.example:443"),
    }  # fmt: skip


# Cached tokens and spillover


CACHED = [
    ({"X-Cached-Tokens": "7"}, True, 7),
    ({"x-cached-tokens": 7}, True, 7),
    ({"X-Cached-Tokens": "0"}, True, 0),
    ({"X-Cached-Tokens": "10"}, True, 10),
    ({"X-Cached-Tokens": "11"}, False, 0),
    ({"X-Cached-Tokens": "-1"}, False, 0),
    ({"X-Cached-Tokens": ""}, False, 0),
    ({"X-Cached-Tokens": "n/a"}, False, 0),
    ({}, False, 0),
    (None, False, 0),
]


@pytest.mark.parametrize(("column", "at"), [("cached_known", 1), ("cached_tokens", 2)])
def test_cached_tokens_are_known_only_where_the_header_can_be_believed(tables, column, at):
    logged = [case[0] for case in CACHED]
    found = told(tables, column, logged, "ResponseHeaders", cached_header_name="X-Cached-Tokens")
    assert found == [case[at] for case in CACHED]


def test_without_a_header_for_them_cached_tokens_are_unknown(tables):
    assert told(tables, "cached_known", [CACHED[0][0]], "ResponseHeaders") == [False]


def test_calls_with_and_without_known_cached_tokens_stand_apart(tables):
    for name, headers in (("a", {"X-Cached": "3"}), ("b", {"x-cached": "4"}), ("c", {})):
        tables.call(name, ResponseHeaders=headers)
        tables.answer(name)
    rows = usage(tables, cached_header_name="x-cached")
    found = {row["cached_known"]: (row["requests"], row["cached_tokens"]) for row in rows}
    assert found == {True: (2, 7), False: (1, 0)}


SPILLED = [
    ({"x-ms-spillover-from-deployment": "ptu"}, True),
    ({"X-Ms-Spillover-From-Deployment": "ptu"}, True),
    ({"x-ms-is-spilled-over": "True"}, True),
    ({"x-ms-is-spilled-over": "false"}, False),
    ({"x-ms-spillover-error": "429"}, False),
    ({"x-ms-spillover-from-deployment": ""}, False),
    (None, False),
]


def test_spillover_shows_in_the_response_headers(tables):
    found = told(tables, "spilled", [headers for headers, _ in SPILLED], "ResponseHeaders")
    assert found == [spilled for _, spilled in SPILLED]


def test_streams_stand_apart(tables):
    for name, streamed in (("a", True), ("b", False)):
        tables.call(name)
        tables.answer(name, IsStreamCompletion=streamed)
        tables.answer(name, SequenceNumber=1, IsStreamCompletion=None, PromptTokens=0, ModelName="")
    assert {row["streamed"]: row["requests"] for row in usage(tables)} == {True: 1, False: 1}


def test_the_newest_arrival_of_either_side_is_told(tables):
    first, second = (DAY + timedelta(hours=hours) for hours in (1, 2))
    tables.call("a", **{ARRIVED: second})
    tables.answer("a", **{ARRIVED: first})
    assert only(usage(tables), "ingested_at") == second.replace(tzinfo=None)
    tables.answer("lost", **{ARRIVED: first})
    [lost] = [row for row in usage(tables) if row["without_call"]]
    assert lost["ingested_at"] == first.replace(tzinfo=None)
