"""Each rule of counting by itself: telemetry of one kind of call, and what is made of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.azure.answers import LLM_IDS, llm_usage, summed, used
from tests.azure.engine import Engine
from tests.azure.telemetry import Mix, Shape, Sums, Telemetry, make
from tests.azure.telemetry_calls import DAY_US, MODELS

CALLS = 240
HEADERS_AWAY = (0.0, 0.0, 1.0, 0.0)
STEADY: dict[str, Any] = {
    "redelivered": 0.0,
    "late_hours": 0.0,
    "late_days": 0.0,
    "no_key": 0.0,
    "lost_headers": 0.0,
    "spilled": 0.0,
    "cached_headers": HEADERS_AWAY,
}


def telemetry_of(*kinds: str, days: int = 1, **chances: Any) -> Telemetry:
    """Calls of these kinds alone, to which nothing else happens than what is asked for."""
    mix = Mix(kinds=dict.fromkeys(kinds, 1.0), **(STEADY | chances))
    return make(Shape(days=days, tenants=10, calls_a_day=CALLS, mix=mix))


def answered(telemetry: Telemetry, **changed: Any) -> list[dict[str, Any]]:
    """The rows of the query, having seen that they are the truth."""
    rows = llm_usage(Engine(telemetry.connection), telemetry, **changed)
    assert summed(rows) == used(telemetry.truth(LLM_IDS))
    return rows


def total(rows: list[dict[str, Any]]) -> Sums:
    return summed(rows, ()).get((), Sums(0, 0, 0, 0, 0, 0, 0))


def values(rows: list[dict[str, Any]], *names: str) -> set[Any]:
    found = {tuple(row[name] for name in names) for row in rows}
    return {each[0] for each in found} if len(names) == 1 else found


def logged(telemetry: Telemetry, table: str, what: str = "count(*)") -> Any:
    connection = telemetry.connection
    return connection.execute(f"SELECT {what} FROM stored_{table}").fetchone()[0]


def test_a_row_delivered_twice_counts_once():
    telemetry = telemetry_of("plain", redelivered=1.0)
    assert logged(telemetry, "ApiManagementGatewayLogs") == 2 * CALLS
    assert logged(telemetry, "ApiManagementGatewayLlmLog") == 2 * CALLS
    rows = answered(telemetry)
    assert total(rows).requests == CALLS
    assert 2 * total(rows).prompt == logged(
        telemetry, "ApiManagementGatewayLlmLog", "sum(PromptTokens)"
    )


def test_rows_with_chunks_of_messages_are_no_calls():
    telemetry = telemetry_of("chunked")
    assert logged(telemetry, "ApiManagementGatewayLlmLog") > 3 * CALLS
    rows = answered(telemetry)
    assert total(rows)[:3] == (CALLS, 0, 0)
    assert "" not in values(rows, "model")


def test_a_stream_without_usage_is_a_request_without_tokens():
    rows = answered(telemetry_of("blind"))
    assert total(rows) == (CALLS, CALLS, 0, 0, 0, 0, 0)
    assert values(rows, "streamed") == {True}
    assert "" in values(rows, "model")
    assert "" not in values(rows, "deployment")


def test_a_stream_with_usage_is_marked_as_streamed():
    rows = answered(telemetry_of("streamed"))
    assert total(rows)[:3] == (CALLS, 0, 0)
    assert values(rows, "streamed") == {True}


def test_all_usage_of_a_session_belongs_to_its_one_request():
    telemetry = telemetry_of("session", redelivered=0.5)
    copies = "count(DISTINCT (CorrelationId, RequestId))"
    assert logged(telemetry, "ApiManagementGatewayLlmLog", copies) > 2 * CALLS
    (truth,) = telemetry.truth(()).values()
    assert total(answered(telemetry)) == truth
    assert truth.requests == CALLS


def test_a_filtered_answer_has_prompt_tokens_alone():
    sums = total(answered(telemetry_of("filtered")))
    assert (sums.requests, sums.without_tokens, sums.completion) == (CALLS, 0, 0)
    assert sums.prompt > CALLS


@pytest.mark.parametrize(
    ("headers", "known"),
    [
        ((1.0, 0.0, 0.0, 0.0), CALLS),
        ((0.0, 1.0, 0.0, 0.0), CALLS),
        ((0.0, 0.0, 1.0, 0.0), 0),
        ((0.0, 0.0, 0.0, 1.0), 0),
    ],
    ids=["present", "in other case", "absent", "no number"],
)
def test_cached_tokens_are_known_where_a_header_tells_their_number(headers, known):
    telemetry = telemetry_of("plain", cached_headers=headers)
    sums = total(answered(telemetry))
    (cached,) = telemetry.connection.execute("SELECT sum(cached) FROM calls").fetchone()
    assert (sums.cached_known, sums.cached) == (known, int(cached) if known else 0)
    assert cached > 0


def test_unknown_cached_tokens_are_kept_apart_from_known_ones():
    telemetry = telemetry_of("plain", cached_headers=(0.5, 0.0, 0.5, 0.0))
    rows = answered(telemetry)
    assert values(rows, "cached_known") == {True, False}
    assert {row["cached_tokens"] for row in rows if not row["cached_known"]} == {0}


def test_spillover_inside_azure_openai_shows_by_its_header_in_any_case():
    telemetry = telemetry_of("plain", spilled=1.0)
    headers = "list(DISTINCT json_keys(ResponseHeaders)[-1])"
    assert len(logged(telemetry, "ApiManagementGatewayLogs", headers)) > 2
    spilt = {each for each in values(answered(telemetry), "backend", "spilled") if each[1]}
    assert spilt == {("ptu-east", True)}


def test_spillover_at_the_gateway_shows_by_its_backend():
    rows = answered(telemetry_of("plain"))
    assert values(rows, "spilled") == {False}
    assert values(rows, "backend") == {
        "ptu-east",
        "standard-east",
        "standard-west",
        "standard-south.example",
    }


@pytest.mark.parametrize("kind", ["throttled", "broken"])
def test_a_failed_call_used_nothing(kind):
    assert answered(telemetry_of(kind), apis=["openai-chat", "openai-responses"]) == []


def test_a_failed_call_has_no_model_and_adds_no_tokens():
    telemetry = telemetry_of("plain", "throttled")
    (truth,) = telemetry.truth((), where="kind = 'plain'").values()
    assert total(answered(telemetry)) == truth


def test_an_answer_without_a_row_of_tokens_is_a_request_without_tokens():
    rows = answered(telemetry_of("plain", "lost_row"))
    lost = [row for row in rows if row["without_tokens"]]
    assert values(lost, "model", "deployment") == {("", "")}
    assert total(rows).requests == CALLS
    assert 0 < total(rows).without_tokens < CALLS


def test_an_answer_from_the_gateways_cache_costs_nothing():
    telemetry = telemetry_of("plain", "from_cache")
    assert total(answered(telemetry)).without_tokens == 0


def test_an_api_without_a_language_model_is_left_out():
    rows = answered(telemetry_of("plain", "other"))
    assert values(rows, "api") == {"openai-chat", "openai-responses"}
    assert total(rows).without_tokens == 0


def test_apis_that_are_asked_for_are_those_answered():
    telemetry = telemetry_of("plain", "session", "other")
    rows = llm_usage(Engine(telemetry.connection), telemetry, apis=["OpenAI-Chat"])
    truth = telemetry.truth(LLM_IDS, where="api = 'openai-chat'")
    assert summed(rows) == used(truth)
    assert values(rows, "api") == {"openai-chat"}


def test_tokens_without_a_call_are_one_request_of_nobody():
    telemetry = telemetry_of("orphan", redelivered=0.3)
    rows = answered(telemetry)
    assert total(rows)[:3] == (CALLS, 0, CALLS)
    assert values(rows, "subscription", "api", "request_header") == {("", "", "")}
    assert values(rows, "model") == {model for _, model in MODELS}


def test_calls_whose_headers_were_lost_keep_their_tokens_and_their_subscription():
    telemetry = telemetry_of("plain", lost_headers=1.0)
    rows = answered(telemetry)
    assert values(rows, "request_header", "feature_header") == {("", "")}
    assert "" not in values(rows, "subscription")
    assert total(rows).requests == CALLS


def test_calls_without_a_key_have_no_subscription_and_no_product():
    rows = answered(telemetry_of("plain", no_key=1.0))
    assert values(rows, "subscription", "product", "user") == {("", "", "")}
    assert total(rows).requests == CALLS


def test_a_tenants_id_comes_as_it_was_sent():
    rows = answered(telemetry_of("plain"))
    expected = {'o"brien; drop', "Größe \\ Müller", "Tenant-004", "tenant-000"}
    assert values(rows, "request_header") >= expected
    assert values(rows, "response_header") == values(rows, "trace")


def test_a_model_keeps_its_date():
    models = values(answered(telemetry_of("plain")), "model")
    assert {"gpt-4o-mini-2024-07-18", "gpt-4o-mini"} <= models


def test_a_stream_that_crosses_midnight_stays_on_the_day_it_began():
    telemetry = telemetry_of("streamed", days=2)
    late_in_the_day = f"epoch_us(started) % {DAY_US} >= {DAY_US - 30_000_000}"
    truth = used(telemetry.truth(("slot",), where=late_in_the_day))
    assert {slot.hour for (slot,) in truth} == {23}
    arrived = telemetry.connection.execute(
        f"SELECT bool_and(tokens_at::DATE > started::DATE) FROM calls WHERE {late_in_the_day}"
    )
    assert arrived.fetchone() == (True,)
    answered(telemetry)


def test_calls_at_both_edges_of_a_day_are_in_it_once():
    telemetry = telemetry_of("plain", days=2)
    edges = telemetry.connection.execute(
        "SELECT count(*) FROM calls WHERE epoch_us(started) % $day IN (0, $day - 1)",
        {"day": DAY_US},
    )
    assert edges.fetchone() == (4,)
    assert total(answered(telemetry)).requests == 2 * CALLS


def test_tokens_that_came_before_their_call_find_it_later():
    telemetry = telemetry_of("plain")
    telemetry.connection.execute(
        "UPDATE calls SET gateway_at = tokens_at + INTERVAL 2 HOURS;"
        "UPDATE stored_ApiManagementGatewayLogs AS row SET _ingested = gateway_at FROM calls "
        "WHERE row.CorrelationId LIKE printf('%%-%012x', call)"
    )
    engine = Engine(telemetry.connection, clock=telemetry.shape.end + timedelta(minutes=15))
    early = summed(llm_usage(engine, telemetry))
    assert early == used(telemetry.truth(LLM_IDS, at=engine.clock))
    assert sum(sums.without_call for sums in early.values()) > 0
    engine.clock = None
    late = summed(llm_usage(engine, telemetry))
    assert sum(sums.without_call for sums in late.values()) == 0
    assert late == used(telemetry.truth(LLM_IDS))
