"""What an answer means that is no result; the answers themselves are in tests/azure."""

import json
import ssl

import pytest

from detector.sources.log_analytics_faults import (
    Asked,
    Fault,
    Kind,
    Reply,
    asked_wait_s,
    fault_of,
    no_answer,
    reason_of,
    too_slow,
)
from detector.sources.log_analytics_results import MOST_ROWS, answer_of, why_partial
from detector.sources.log_analytics_words import LONGEST_QUOTE, explain_refusal
from tests.azure import bodies

ENDPOINT = "https://api.example.org"
ASKED = Asked(
    "llm_usage.kql", "ApiManagementGatewayLlmLog", "workspace w", "workspace_id", ENDPOINT
)
RESOURCE = Asked("q.kql", "customMetrics", "resource /r", "application_insights", ENDPOINT)


def told(status, body="", asked=ASKED):
    text = body if isinstance(body, str) else json.dumps(body)
    return fault_of(Reply(status, {}, text), asked)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, Kind.BROKEN), (302, Kind.QUERY), (400, Kind.QUERY), (401, Kind.CREDENTIAL),
     (403, Kind.PLACE), (404, Kind.PLACE), (408, Kind.SLOW), (413, Kind.TOO_LARGE),
     (418, Kind.QUERY), (429, Kind.THROTTLED), (500, Kind.BROKEN), (502, Kind.BROKEN),
     (503, Kind.BROKEN), (504, Kind.SLOW)],
)  # fmt: skip
def test_a_status_without_a_word_has_its_meaning(status, kind):
    fault = told(status)
    assert fault.kind is kind
    assert fault.may_pass == (kind in (Kind.BROKEN, Kind.SLOW, Kind.THROTTLED))


@pytest.mark.parametrize("body", ["[]", "null", '{"error": "words"}', '{"error": {}}', "<p>", "{"])
def test_a_body_of_any_shape_is_read(body):
    assert told(500, body).words == "Log Analytics failed (500)"


def test_what_the_service_says_is_one_line_of_bearable_length():
    words = told(500, bodies.error("Oops", "a\nb" + "x" * 9000)).words
    assert words.startswith("Log Analytics failed (500 Oops): a bxxx")
    assert len(words) < LONGEST_QUOTE + 50


@pytest.mark.parametrize(
    "message",
    ["Query result set has exceeded the internal record count limit 500000 "
     "(E_QUERY_RESULT_SET_TOO_LARGE)", "Query aborted: E_RUNAWAY_QUERY", "E_LOW_MEMORY_CONDITION",
     "The results of this query exceed the set limit of 64000000 bytes", "ResponsePayloadTooLarge"],
)  # fmt: skip
def test_fault_25_a_result_that_is_too_large_is_told_by_its_words(message):
    assert told(400, bodies.bad_request(("EngineError", message))).kind is Kind.TOO_LARGE


def test_a_resource_is_called_by_its_own_setting():
    assert (
        "check application_insights: it takes the whole resource id"
        in told(404, bodies.NOT_FOUND, RESOURCE).words
    )
    assert "check workspace_id: it takes the Workspace ID" in told(404, bodies.NOT_FOUND).words


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [({}, None), ({"retry-after": "7"}, 7.0), ({"retry-after": "86400"}, 86_400.0),
     ({"retry-after": "-1"}, None), ({"retry-after": "nan"}, None), ({"retry-after": "inf"}, None),
     ({"retry-after": "soon"}, None), ({"retry-after-ms": "1500"}, 1.5),
     ({"x-ms-retry-after-ms": "500", "retry-after": "9"}, 0.5),
     ({"retry-after": "Fri, 13 Nov 2026 10:01:00 GMT", "date": "Fri, 13 Nov 2026 10:00:00 GMT"},
      60.0),
     ({"retry-after": "Fri, 13 Nov 2026 09:00:00 GMT", "date": "Fri, 13 Nov 2026 10:00:00 GMT"},
      0.0),
     ({"retry-after": "Fri, 13 Nov 2026 10:01:00 GMT"}, None)],
)  # fmt: skip
def test_fault_26_what_the_service_asks_to_wait_is_read_in_every_form(headers, wait_s):
    assert asked_wait_s(headers) == wait_s


def test_of_a_lost_connection_the_systems_own_words_are_told_and_no_others():
    outer = RuntimeError("http://user:password@proxy", ConnectionResetError(104, "Reset by peer"))
    assert reason_of(outer) == "ConnectionResetError: Reset by peer"
    assert reason_of(RuntimeError("http://user:password@proxy")) == "RuntimeError"
    looped = RuntimeError("a")
    looped.reason = RuntimeError("b", looped)
    assert reason_of(looped) == "RuntimeError"


def test_a_certificate_that_is_not_trusted_is_told_so():
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed")
    fault = no_answer(reason_of(error), ASKED)
    assert "the certificate of https://api.example.org is not trusted" in fault.words
    assert "REQUESTS_CA_BUNDLE" in fault.words
    assert "check the network, DNS and proxy" in no_answer("x", ASKED).words


def test_an_answer_in_no_time_names_the_setting():
    assert too_slow(195) == Fault(
        Kind.SLOW, "no answer within 195 s; query_timeout_s in [azure] may be raised up to 600"
    )


@pytest.mark.parametrize(
    ("what", "name", "said"),
    [("table or column expression named", "Nope", "there is no table or column Nope"),
     ("table expression named", "Nope", "there is no table Nope"),
     ("scalar expression named", "Nope", "there is no column Nope: it is spelt otherwise"),
     ("column named", "Nope", "there is no column Nope: it is spelt otherwise"),
     ("table", "customMetrics", "set application_insights to its resource id"),
     ("table expression named", "AppMetrics", "workspace-based Application Insights"),
     ("table or column expression named", "ApiManagementGatewayLogs", "(GatewayLogs)"),
     ("table or column expression named", "ApiManagementGatewayLlmLog", "(GatewayLlmLogs)"),
     ("table or column expression named", "AppTraces", "a trace policy"),
     ("table or column expression named", "AzureDiagnostics", '"Resource specific"')],
)  # fmt: skip
def test_fault_28_what_is_missing_is_named_with_what_brings_it(what, name, said):
    message = f"'where' operator: Failed to resolve {what} '{name}'"
    assert said in explain_refusal(["SEM0100"], message, "")


def test_fault_28_a_basic_table_is_named_out_of_the_query():
    message = "The query should contain a single Basic or Auxiliary Logs table."
    assert "(AppMetrics)" in explain_refusal([], message, "AppMetrics | count")
    assert "(see the query)" in explain_refusal([], message, "Own_CL | count")


def test_as_many_rows_as_an_answer_holds_are_not_believed_to_be_all():
    table = {"columns": [{"name": "n", "type": "long"}], "rows": [(1,)] * MOST_ROWS}
    answer = answer_of({"tables": [table]})
    assert not answer.whole
    assert answer.why == "500000 rows, as many as one answer holds"


def test_a_result_without_a_table_is_none_unless_it_is_partial():
    for nothing in ({}, {"tables": []}, {"tables": None}):
        with pytest.raises(LookupError):
            answer_of(nothing)
    answer = answer_of({"tables": [], "error": {"message": "why"}})
    assert (answer.columns, answer.rows, answer.whole, answer.why) == ((), (), False, "why")


@pytest.mark.parametrize("details", [None, "words", [], [{"code": "x"}]])
def test_a_partial_result_says_why_as_well_as_it_can(details):
    assert why_partial("outer", details) == "outer"
    assert why_partial("", details) == "the service gave no reason"


def test_a_partial_result_says_the_innermost_reason():
    assert why_partial("outer", bodies.TOO_LARGE["details"]).startswith("Query result set has")
