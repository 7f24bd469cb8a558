"""The local Log Analytics is as strict as the documentation of the real one."""

import json
from contextlib import closing
from http.client import HTTPConnection

import pytest

from tests.azure.local import LocalLogAnalytics

QUERY = {
    "query": "T | count",
    "timespan": "2026-11-13T00:00:00.000Z/2026-11-14T00:00:00.000Z",
    "workspaces": None,
}
PATH = "/v1/workspaces/w/query"


def post(server, body=QUERY, path=PATH, method="POST", **headers):
    """Send a query as the documentation says, but for what a test changes."""
    usual = {
        "Authorization": f"Bearer {server.token}",
        "Content-Type": "application/json",
        "Prefer": "wait=30",
    }
    usual |= {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {name: value for name, value in usual.items() if value is not None}
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
        connection.request(method, path, body if isinstance(body, str) else json.dumps(body), sent)
        response = connection.getresponse()
        return response.status, json.loads(response.read())


def test_a_query_as_documented_is_answered(log_analytics):
    log_analytics.put({"n": "long"}, [[5]])
    status, body = post(log_analytics)
    assert status == 200
    assert body["tables"] == [
        {"name": "PrimaryResult", "columns": [{"name": "n", "type": "long"}], "rows": [[5]]}
    ]


@pytest.mark.parametrize("value", [None, "Bearer ", "Bearer wrong", "Basic token-of-the-tests"])
def test_a_query_without_the_token_is_refused(log_analytics, value):
    status, body = post(log_analytics, Authorization=value)
    assert (status, body["error"]["code"]) == (401, "AuthenticationFailed")


@pytest.mark.parametrize(
    ("body", "headers", "problem"),
    [("{", {}, "the body is no JSON"),
     ({"query": "T"}, {}, "the body has ['query']"),
     ({**QUERY, "timespan": None}, {}, "timespan"),
     ({**QUERY, "timespan": "P1D"}, {}, "timespan"),
     ({**QUERY, "timespan": "2026-11-13T00:00:00Z/2026-11-13T00:00:00Z"}, {}, "timespan"),
     (QUERY, {"Prefer": ""}, "Prefer"),
     (QUERY, {"Prefer": "wait=601"}, "Prefer"),
     (QUERY, {"Content_Type": "text/plain"}, "Content-Type")],
)  # fmt: skip
def test_a_query_that_is_not_as_ours_must_be_is_refused_and_noted(
    log_analytics, body, headers, problem
):
    status, answer = post(log_analytics, body, **headers)
    assert (status, answer["error"]["code"]) == (400, "BadArgumentError")
    (request,) = log_analytics.requests()
    assert any(each.startswith(problem) for each in request.problems)


def test_the_token_is_not_in_what_is_noted(log_analytics):
    post(log_analytics)
    assert log_analytics.token not in str(log_analytics.requests())


def test_everything_but_a_query_is_not_found(log_analytics):
    assert post(log_analytics, path="/v1/workspaces/w/search")[0] == 404
    assert post(log_analytics, path="/v2/anything")[0] == 404


def test_a_place_that_there_is_not_is_not_found(log_analytics):
    log_analytics.configure(places=["w"])
    assert post(log_analytics)[0] == 200
    assert post(log_analytics, path="/v1/workspaces/other/query")[0] == 404


def test_too_many_queries_in_a_window_are_refused(log_analytics):
    log_analytics.configure(most_in_window=2, retry_after="7")
    assert [post(log_analytics)[0] for _ in range(3)] == [200, 200, 429]


def test_a_fault_hits_what_it_is_meant_for_and_no_more(log_analytics):
    log_analytics.refuse(503, {}, match="count", place="w", skip=1)
    assert [post(log_analytics)[0] for _ in range(3)] == [200, 503, 200]
    assert [each.fault for each in log_analytics.requests()] == ["", "answer", ""]


def test_what_a_test_misspells_is_refused(log_analytics):
    for attempt in (
        lambda: log_analytics.fault("explode"),
        lambda: log_analytics.configure(speed=2),
        lambda: log_analytics.control("dance"),
    ):
        with pytest.raises(AssertionError, match="no such"):
            attempt()


class Refusal(Exception):  # noqa: N818 - it is what an engine says
    def body(self):
        return {"error": {"code": "BadArgumentError", "message": "no"}}


class CountingEngine:
    """An engine as another file provides it: refuses, fails, or tells what it was asked."""

    def __init__(self, first=0):
        self.count = first

    def run(self, query_text, begin, end):
        if "refuse" in query_text:
            raise Refusal
        self.count += 1
        row = [self.count, begin.isoformat(), (end - begin).total_seconds()]
        columns = [{"name": name, "type": "string"} for name in ("n", "begin", "span")]
        return {"tables": [{"name": "PrimaryResult", "columns": columns, "rows": [row]}]}

    def asked(self, more):
        return self.count + more


def test_an_engine_runs_the_queries_and_refuses_them_in_its_words():
    with LocalLogAnalytics(f"{__name__}:CountingEngine", first=4) as server:
        _, body = post(server)
        assert body["tables"][0]["rows"] == [[5, "2026-11-13T00:00:00+00:00", 86_400.0]]
        assert post(server, {**QUERY, "query": "refuse"})[0] == 400
        server.reset()
        assert server.engine("asked", more=10) == 15
        with pytest.raises(AssertionError, match="nothing is put there"):
            server.put({}, [])


class Workspaces:
    """Several of them."""

    def at(self, place):
        return CountingEngine({"w": 10, "other": 20}[place])


def test_each_workspace_may_have_an_engine_of_its_own():
    with LocalLogAnalytics(f"{__name__}:Workspaces") as server:
        answers = [post(server, path=f"/v1/workspaces/{each}/query")[1] for each in ("w", "other")]
    assert [each["tables"][0]["rows"][0][0] for each in answers] == [11, 21]
