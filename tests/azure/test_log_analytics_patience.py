"""How long is waited, how often it is tried, and who waits for whom."""

import socket
from threading import Thread

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from detector.sources.base import SourceError
from tests.azure import bodies
from tests.azure.asking import (
    DAY,
    NEXT_DAY,
    QUERY,
    RealTime,
    Sleeper,
    StubCredential,
    new_gate,
    store_on,
)


def throttled(**headers):
    return {"status": 429, "body": bodies.THROTTLED, "headers": headers}


def refused(store):
    with pytest.raises(SourceError) as raised:
        store.ask(QUERY, DAY, NEXT_DAY)
    return raised.value


def test_waits_between_tries_double_up_to_a_minute(log_analytics):
    time = Sleeper()
    log_analytics.refuse(429, bodies.THROTTLED, count=99)
    refused(store_on(log_analytics, time))
    assert time.slept == [2, 4, 8, 16, 32]


@pytest.mark.parametrize(
    ("headers", "slept"),
    [({}, [2]), ({"Retry-After": "7"}, [7 + 2]), ({"Retry-After": "soon"}, [2]),
     ({"Retry-After": "-5"}, [2]), ({"retry-after-ms": "1500"}, [1.5 + 2])],
)  # fmt: skip
def test_fault_26_a_wait_that_is_asked_for_is_kept(log_analytics, headers, slept):
    time = Sleeper()
    log_analytics.fault("answer", **throttled(**headers))
    store_on(log_analytics, time).ask(QUERY, DAY, NEXT_DAY)
    assert time.slept == slept


def test_fault_26_a_wait_longer_than_the_run_ends_it_at_once_and_says_so(log_analytics):
    time = Sleeper()
    log_analytics.fault("answer", **throttled(**{"Retry-After": "86400"}))
    error = refused(store_on(log_analytics, time))
    assert "asked to wait 86402 s, and the run has 900 s left" in str(error)
    assert error.retryable
    assert time.slept == []
    assert len(log_analytics.requests()) == 1


def test_fault_26_a_long_wait_that_the_run_has_time_for_is_kept(log_analytics):
    time = Sleeper()
    log_analytics.fault("answer", **throttled(**{"Retry-After": "600"}))
    store_on(log_analytics, time).ask(QUERY, DAY, NEXT_DAY)
    assert sum(time.slept) == 602


def test_the_time_of_a_run_is_that_of_all_its_queries_together(log_analytics):
    time = Sleeper()
    store = store_on(log_analytics, time, run_timeout_s=100)
    for wait in ("60", "30"):
        log_analytics.fault("answer", **throttled(**{"Retry-After": wait}))
        store.ask(QUERY, DAY, NEXT_DAY)
    log_analytics.fault("answer", **throttled(**{"Retry-After": "5"}))
    assert "asked to wait 7 s, and the run has 6 s left" in str(refused(store))


def test_what_happens_between_two_queries_is_not_counted(log_analytics):
    time = Sleeper()
    store = store_on(log_analytics, time, run_timeout_s=100)
    for _ in range(3):
        assert store.ask(QUERY, DAY, NEXT_DAY).whole
        time.now += 99
    assert len(log_analytics.requests()) == 3


def test_a_run_without_time_sends_nothing_and_names_the_setting(log_analytics):
    error = refused(store_on(log_analytics, run_timeout_s=0.5))
    assert "run_timeout_s in [azure]" in str(error)
    assert error.retryable
    assert log_analytics.requests() == []


def test_a_backoff_longer_than_the_run_ends_it(log_analytics):
    log_analytics.refuse(503, count=99)
    error = refused(store_on(log_analytics, run_timeout_s=5))
    assert "tried again, and the run has 3 s left" in str(error)
    assert error.retryable
    assert len(log_analytics.requests()) == 2


def test_the_service_is_given_no_more_time_than_the_run_has(log_analytics):
    store_on(log_analytics, run_timeout_s=42).ask(QUERY, DAY, NEXT_DAY)
    store_on(log_analytics, query_timeout_s=600).ask(QUERY, DAY, NEXT_DAY)
    assert [each.wait_s for each in log_analytics.requests()] == [42, 600]


def test_fault_27_a_refused_token_is_not_tried_again_by_any_source_for_five_minutes(log_analytics):
    time = Sleeper()
    gate = new_gate(time)
    log_analytics.refuse(401, bodies.UNAUTHENTICATED)
    one = store_on(log_analytics, time, gate=gate)
    other = store_on(log_analytics, time, gate=gate, resource=True)
    refused(one)
    for store in (one, other):
        error = refused(store)
        assert "the token was refused" in str(error)
        assert "(not asked again for another 300 s)" in str(error)
        assert str(error).startswith(f"llm_usage.kql on {store.place}: ")
    assert len(log_analytics.requests()) == 1
    time.now += 300
    other.ask(QUERY, DAY, NEXT_DAY)


def test_fault_27_other_identities_go_on(log_analytics):
    log_analytics.refuse(401, bodies.UNAUTHENTICATED)
    assert "the token was refused" in str(refused(store_on(log_analytics)))
    assert store_on(log_analytics).ask(QUERY, DAY, NEXT_DAY).whole
    assert len(log_analytics.requests()) == 2


@pytest.mark.parametrize(
    ("status", "body"),
    [(403, bodies.NO_ROLE), (403, bodies.NETWORK_CLOSED), (404, bodies.NOT_FOUND)],
)
def test_fault_27_a_workspace_that_refuses_leaves_the_others_going_on(log_analytics, status, body):
    time = Sleeper()
    gate = new_gate(time)
    log_analytics.refuse(status, body, place=log_analytics.workspace, count=99)
    one = store_on(log_analytics, time, gate=gate)
    refused(one)
    assert "not asked again" in str(refused(one))
    store_on(log_analytics, time, gate=gate, resource=True).ask(QUERY, DAY, NEXT_DAY)
    assert len(log_analytics.requests()) == 2
    log_analytics.clear_faults()
    time.now += 300
    one.ask(QUERY, DAY, NEXT_DAY)


def test_a_query_that_is_refused_leaves_other_queries_going_on(log_analytics):
    log_analytics.refuse(400, bodies.missing_table("AppMetrics"))
    store = store_on(log_analytics)
    assert "there is no table AppMetrics" in str(refused(store))
    assert store.ask(QUERY, DAY, NEXT_DAY).whole
    assert len(log_analytics.requests()) == 2


def test_fault_27_no_token_means_no_query_and_is_not_tried_again(log_analytics):
    credential = StubCredential("t", ClientAuthenticationError("AADSTS7000222: expired"))
    store = store_on(log_analytics, credential=credential)
    assert "the client secret has expired" in str(refused(store))
    assert "not asked again" in str(refused(store))
    assert len(credential.scopes) == 1
    assert log_analytics.requests() == []


def test_fault_26_a_token_that_cannot_be_fetched_just_now_is_fetched_later(log_analytics):
    credential = StubCredential(log_analytics.token, *[ServiceRequestError("down")] * 2)
    store_on(log_analytics, credential=credential).ask(QUERY, DAY, NEXT_DAY)
    assert len(credential.scopes) == 3


def test_what_is_no_fault_of_the_service_is_not_told_as_one(log_analytics):
    store = store_on(log_analytics, credential=StubCredential("no header holds this: \u20ac"))
    with pytest.raises(UnicodeEncodeError):
        store.ask(QUERY, DAY, NEXT_DAY)
    assert log_analytics.requests() == []


def test_fault_26_a_connection_that_does_not_come_about_is_given_up(log_analytics):
    with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        # Whoever comes after them is left waiting by the system.
        for each in (first, second):
            each.setblocking(False)
            each.connect_ex(deaf.getsockname())

        class Deaf:
            workspace = log_analytics.workspace
            endpoint = f"http://127.0.0.1:{deaf.getsockname()[1]}"

        error = refused(store_on(Deaf, query_timeout_s=1, grace_s=0.1))
    assert "no connection within" in str(error)
    assert error.retryable


def in_threads(count, ask):
    threads = [Thread(target=ask) for _ in range(count)]
    for each in threads:
        each.start()
    return threads


def test_no_more_than_five_queries_of_an_identity_are_on_their_way(log_analytics):
    gate = new_gate(RealTime)
    log_analytics.configure(most_at_once=5)
    log_analytics.fault("delay", seconds=60, count=5)
    answers = []

    def ask():
        store = store_on(log_analytics, RealTime, gate=gate)
        answers.append(store.ask(QUERY, DAY, NEXT_DAY))

    threads = in_threads(12, ask)
    log_analytics.wait_until(lambda server: server.on_their_way == 5)
    log_analytics.let_go()
    for each in threads:
        each.join()
    assert len(answers) == 12
    assert [each.status for each in log_analytics.requests()] == [200] * 12
    assert log_analytics.most_at_once == 5


def test_fault_26_a_service_that_throttles_is_asked_until_it_answers(log_analytics):
    log_analytics.configure(most_in_window=2, window_s=0.2, retry_after="0.2")
    store = store_on(log_analytics, RealTime, spread=lambda low, _high: low)
    for _ in range(5):
        store.ask(QUERY, DAY, NEXT_DAY)
    statuses = [each.status for each in log_analytics.requests()]
    assert statuses.count(200) == 5
    assert statuses.count(429) == len(statuses) - 5 > 0
