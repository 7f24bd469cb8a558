"""Every answer of the service's table of errors, sent to the real SDK."""

import pytest

from detector.sources.asking import TooMuch
from detector.sources.base import SourceError
from tests.azure import bodies
from tests.azure.asking import DAY, NEXT_DAY, QUERY, store_on

FEW_ROWS = ({"tokens": "long"}, [[5]])

LASTING = {
    "400 BadArgumentError": (400, bodies.bad_request(), "not understood (400 BadArgumentError)"),
    "400 SyntaxError": (400, bodies.BAD_SYNTAX, "Query could not be parsed at 'wher'"),
    "400 SEM0100 missing LLM table": (
        400,
        bodies.missing_table("ApiManagementGatewayLlmLog"),
        "there is no table ApiManagementGatewayLlmLog: in the diagnostic setting of API Management "
        'tick "Logs related to generative AI gateway" (GatewayLlmLogs), with the destination table '
        '"Resource specific"; without that its rows are in AzureDiagnostics',
    ),
    "400 SEM0100 missing gateway table": (
        400,
        bodies.missing_table("ApiManagementGatewayLogs"),
        'tick "Logs related to ApiManagement Gateway" (GatewayLogs)',
    ),
    "400 SEM0100 renamed column": (
        400,
        bodies.missing_column("PromptTokens"),
        "there is no column PromptTokens: it is spelt otherwise, or a transformation",
    ),
    "400 Basic plan": (
        400,
        bodies.BASIC_PLAN,
        "a table it reads (ApiManagementGatewayLlmLog, ApiManagementGatewayLogs) has the plan "
        "Basic or Auxiliary, which cannot be joined or asked by workspace; change its plan to "
        "Analytics",
    ),
    "401 AuthenticationFailed": (
        401,
        bodies.UNAUTHENTICATED,
        "the token was refused (401 AuthenticationFailed); check credential, tenant_id and cloud",
    ),
    "401 without a body": (401, "", "the token was refused (401 AuthenticationFailed)"),
    "403 InvalidAuthenticationToken": (
        403,
        bodies.WRONG_TOKEN,
        "(403 InvalidAuthenticationToken); check tenant_id and cloud in [azure]",
    ),
    "403 InsufficientAccessError": (
        403,
        bodies.NO_ROLE,
        "(403 InsufficientAccessError); give it the role Log Analytics Reader there, which may "
        "take 60 minutes to take effect",
    ),
    "403 without a body": (403, "", "give it the role Log Analytics Reader"),
    "403 NspValidationFailedError": (403, bodies.NETWORK_CLOSED, "allow it under Networking"),
    "404 PathNotFoundError": (
        404,
        bodies.NOT_FOUND,
        "(404 PathNotFoundError); check workspace_id: it takes the Workspace ID of the overview",
    ),
    "302 to another host": (302, "", "answered with a redirect (302), and a token is not sent on"),
    "418 nobody knows": (418, bodies.error("Teapot", "short and stout"), "(418 Teapot): short and"),
}


@pytest.mark.parametrize(("status", "body", "words"), LASTING.values(), ids=LASTING)
def test_fault_28_what_lasts_is_asked_once_and_says_what_to_change(
    log_analytics, status, body, words
):
    log_analytics.refuse(status, body, headers={"Location": "http://192.0.2.1/"})
    with pytest.raises(SourceError) as raised:
        store_on(log_analytics).ask(QUERY, DAY, NEXT_DAY)
    assert str(raised.value).startswith(f"llm_usage.kql on workspace {log_analytics.workspace}: ")
    assert words in str(raised.value)
    assert not raised.value.retryable
    assert len(log_analytics.requests()) == 1


PASSING = {
    "200 without a body": ("answer", {"status": 200}, 4, "answered 200 with an empty body"),
    "200 HTML": (
        "answer",
        {"status": 200, "body": "<p>Sign in</p>"},
        4,
        "answered 200 with a body that is no result; check the proxy and endpoint",
    ),
    "200 JSON that is no result": (
        "answer",
        {"body": {"value": []}},
        4,
        "a body that is no result",
    ),
    "200 a table without a type": (
        "answer",
        {"body": {"tables": [{"columns": [{"name": "a"}], "rows": [[1]]}]}},
        4,
        "a body that is no result",
    ),
    "200 JSON that is cut off": ("answer", {"body": '{"tables": ['}, 4, "a body that is no result"),
    "200 a list": ("answer", {"body": [1]}, 4, "a body that is no result"),
    "429 without Retry-After": (
        "answer",
        {"status": 429, "body": bodies.THROTTLED},
        6,
        "too many queries for this identity (429; 200 in 30 s and 5 at once are allowed)",
    ),
    "429 with Retry-After": (
        "answer",
        {"status": 429, "body": bodies.THROTTLED, "headers": {"Retry-After": "1"}},
        6,
        "too many queries for this identity",
    ),
    "500": ("answer", {"status": 500}, 4, "Log Analytics failed (500)"),
    "502 HTML": ("answer", {"status": 502, "body": bodies.BAD_GATEWAY}, 4, "failed (502)"),
    "503": (
        "answer",
        {"status": 503, "body": bodies.error("Busy", "come back")},
        4,
        "failed (503 Busy): come back",
    ),
    "504 GatewayTimeout": (
        "answer",
        {"status": 504, "body": bodies.TIMED_OUT},
        2,
        "the service gave the query up (504 GatewayTimeout); query_timeout_s in [azure] may be",
    ),
    "reset before the answer": ("reset", {}, 4, "check the network, DNS and proxy"),
    "reset in its middle": ("cut", {}, 4, "check the network, DNS and proxy"),
    "hang": ("hang", {}, 2, "no answer within 1 s; query_timeout_s in [azure] may be raised"),
    "hang in its middle": ("stall", {}, 2, "no answer within 1 s"),
    "a byte now and then": ("trickle", {"seconds": 0.2}, 2, "no answer within"),
}


@pytest.mark.parametrize(("kind", "fault", "tries", "words"), PASSING.values(), ids=PASSING)
def test_fault_26_what_may_pass_is_tried_again_within_bounds(
    log_analytics, kind, fault, tries, words
):
    log_analytics.put(*FEW_ROWS)
    log_analytics.fault(kind, **fault, count=99)
    store = store_on(log_analytics, query_timeout_s=1, grace_s=0.2)
    with pytest.raises(SourceError) as raised:
        store.ask(QUERY, DAY, NEXT_DAY)
    assert str(raised.value).startswith(f"llm_usage.kql on workspace {log_analytics.workspace}: ")
    assert words in str(raised.value)
    assert f"(tried {tries} times)" in str(raised.value)
    assert raised.value.retryable
    assert len(log_analytics.requests()) == tries


@pytest.mark.parametrize(("kind", "fault", "tries", "words"), PASSING.values(), ids=PASSING)
def test_fault_26_what_passes_leaves_no_trace(log_analytics, kind, fault, tries, words):
    log_analytics.put(*FEW_ROWS)
    log_analytics.fault(kind, **fault, count=1)
    store = store_on(log_analytics, query_timeout_s=1, grace_s=0.2)
    assert list(store.ask(QUERY, DAY, NEXT_DAY).rows) == [(5,)], words
    assert len(log_analytics.requests()) == 2 <= tries


@pytest.mark.parametrize(
    ("status", "body", "retryable"),
    [(504, bodies.TIMED_OUT, True), (413, "", False),
     (400, bodies.bad_request(("EngineError", "E_QUERY_RESULT_SET_TOO_LARGE")), False)],
)  # fmt: skip
def test_fault_26_what_a_shorter_window_mends_says_so_by_its_class(
    log_analytics, status, body, retryable
):
    log_analytics.refuse(status, body, count=99)
    with pytest.raises(TooMuch) as raised:
        store_on(log_analytics).ask(QUERY, DAY, NEXT_DAY)
    assert raised.value.retryable is retryable


def test_fault_26_a_port_that_nobody_listens_on_is_an_error_that_may_pass(log_analytics):
    class Nowhere:
        workspace, endpoint = log_analytics.workspace, "http://127.0.0.1:9"

    with pytest.raises(
        SourceError, match=r"no answer from http://127.0.0.1:9 \(.*refused"
    ) as raised:
        store_on(Nowhere).ask(QUERY, DAY, NEXT_DAY)
    assert raised.value.retryable


def test_fault_28_a_workspace_that_there_is_not_is_told_from_one_that_there_is(log_analytics):
    log_analytics.configure(places=["another"])
    with pytest.raises(SourceError, match="check workspace_id"):
        store_on(log_analytics).ask(QUERY, DAY, NEXT_DAY)
    with pytest.raises(SourceError, match="check application_insights"):
        store_on(log_analytics, resource=True).ask(QUERY, DAY, NEXT_DAY)
