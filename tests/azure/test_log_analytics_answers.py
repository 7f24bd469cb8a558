"""The real SDK on the local Log Analytics: what is sent, and what an answer becomes."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from detector.sources.asking import ask_whole
from detector.sources.base import SourceError
from detector.sources.log_analytics import Limits, open_log_analytics
from tests.azure import bodies
from tests.azure.asking import (
    AUDIENCE,
    DAY,
    NEXT_DAY,
    QUERY,
    Sleeper,
    StubCredential,
    longest,
    new_gate,
    store_on,
)

COLUMNS = {"slot": "datetime", "tokens": "long"}
HOURLY = [[f"2026-11-13T{hour:02}:00:00Z", hour] for hour in range(24)]


def test_a_query_goes_out_as_documented(log_analytics):
    credential = StubCredential()
    store_on(log_analytics, credential=credential).ask(QUERY, DAY, NEXT_DAY)
    (request,) = log_analytics.requests()
    assert request.problems == []
    assert request.place == log_analytics.workspace
    assert request.timespan == "2026-11-13T00:00:00.000Z/2026-11-14T00:00:00.000Z"
    assert "let window_end = datetime(2026-11-14T00:00:00.000000Z);" in request.query
    assert request.wait_s == 180
    assert request.headers["content-type"] == "application/json"
    assert credential.scopes == [(f"{AUDIENCE}/.default",)]


def test_a_resource_is_asked_by_its_id(log_analytics):
    store = store_on(log_analytics, resource=True)
    store.ask(QUERY, DAY, NEXT_DAY)
    assert f"/{log_analytics.requests()[0].place}" == log_analytics.resource
    assert store.place == f"resource {log_analytics.resource}"


def test_a_window_in_another_zone_is_sent_in_utc(log_analytics):
    zone = timezone(timedelta(hours=5, minutes=30))
    store_on(log_analytics).ask(QUERY, DAY.astimezone(zone), NEXT_DAY.astimezone(zone))
    (request,) = log_analytics.requests()
    assert request.timespan == "2026-11-13T00:00:00.000Z/2026-11-14T00:00:00.000Z"


def test_every_type_of_a_column_becomes_a_value_of_ours(log_analytics):
    columns = {"a": "datetime", "b": "long", "c": "real", "d": "bool", "e": "string",
               "f": "dynamic", "g": "timespan", "h": "guid", "i": "int"}  # fmt: skip
    values = ["2026-11-13T05:00:00.1234567Z", 5, 1.5, True, "x", '{"k":1}', "00:01:30", "g-1", 7]
    log_analytics.put(columns, [values, [None] * 9])
    answer = store_on(log_analytics).ask(QUERY, DAY, NEXT_DAY)
    assert answer.columns == tuple(columns)
    assert answer.rows[0] == (datetime(2026, 11, 13, 5, 0, 0, 123456, tzinfo=UTC), *values[1:])
    assert answer.rows[0][0].tzinfo is UTC
    assert answer.rows[1] == (None,) * 9
    assert answer.whole


def test_fault_22_asking_again_gives_what_is_there_now(log_analytics):
    store = store_on(log_analytics)
    log_analytics.put(COLUMNS, HOURLY[:1])
    assert len(store.ask(QUERY, DAY, NEXT_DAY).rows) == 1
    log_analytics.put(COLUMNS, HOURLY[:2])
    assert len(store.ask(QUERY, DAY, NEXT_DAY).rows) == 2


def test_fault_23_a_workspace_without_data_gives_an_empty_answer_and_no_error(log_analytics):
    log_analytics.refuse(204)
    answer = store_on(log_analytics).ask(QUERY, DAY, NEXT_DAY)
    assert (answer.columns, list(answer.rows), answer.whole, answer.why) == ((), [], True, "")
    assert len(log_analytics.requests()) == 1


def test_fault_23_a_table_without_rows_gives_its_columns(log_analytics):
    log_analytics.put(COLUMNS, [])
    answer = store_on(log_analytics).ask(QUERY, DAY, NEXT_DAY)
    assert (answer.columns, list(answer.rows)) == (tuple(COLUMNS), [])


def test_fault_25_a_partial_result_is_not_whole_and_says_why(log_analytics):
    log_analytics.put(COLUMNS, HOURLY)
    log_analytics.fault("partial", rows=3)
    answer = store_on(log_analytics).ask(QUERY, DAY, NEXT_DAY)
    assert not answer.whole
    assert "E_QUERY_RESULT_SET_TOO_LARGE" in answer.why
    assert len(answer.rows) == 3


def asked_whole(store, smallest=timedelta(hours=1)):
    pieces = list(ask_whole(store, QUERY, DAY, NEXT_DAY, smallest))
    return [row[1] for _, _, answer in pieces for row in answer.rows], pieces


def test_fault_25_a_day_that_is_cut_off_is_asked_in_parts_until_it_is_whole(log_analytics):
    log_analytics.put(COLUMNS, HOURLY, time="slot")
    log_analytics.configure(most_rows=7)
    found, pieces = asked_whole(store_on(log_analytics))
    assert found == list(range(24))
    assert all(answer.whole for _, _, answer in pieces)
    assert all(request.problems == [] for request in log_analytics.requests())


def test_fault_25_a_slot_that_is_cut_off_stays_partial(log_analytics):
    log_analytics.put(COLUMNS, [*HOURLY, *[HOURLY[5]] * 9], time="slot")
    log_analytics.configure(most_rows=7)
    _, pieces = asked_whole(store_on(log_analytics))
    partial = [begin.hour for begin, _, answer in pieces if not answer.whole]
    assert partial == [5]


def test_fault_26_a_day_that_the_service_gives_up_is_asked_in_parts(log_analytics):
    log_analytics.put(COLUMNS, HOURLY, time="slot")
    log_analytics.fault(
        "answer", status=504, body=bodies.TIMED_OUT, count=99, longer_than_s=6 * 3600
    )
    found, pieces = asked_whole(store_on(log_analytics))
    assert found == list(range(24))
    assert len(pieces) == 4


def test_fault_31_forty_five_days_are_few_queries_and_none_is_refused(log_analytics):
    daily = [[(DAY - timedelta(days=step)).isoformat(), step] for step in range(45)]
    log_analytics.put(COLUMNS, daily, time="slot")
    store = store_on(log_analytics)
    pieces = list(ask_whole(store, QUERY, DAY - timedelta(days=44), NEXT_DAY, timedelta(hours=1)))
    assert sorted(row[1] for *_, answer in pieces for row in answer.rows) == list(range(45))
    assert len(pieces) == len(log_analytics.requests()) == 4
    assert all(request.problems == [] for request in log_analytics.requests())


def test_two_places_or_none_are_refused(log_analytics):
    time = Sleeper()
    for names in ({}, {"workspace_id": "w", "resource_id": "/r"}):
        with pytest.raises(ValueError, match="either workspace_id or resource_id"):
            open_log_analytics(
                **names, credential=StubCredential(), endpoint=log_analytics.endpoint,
                audience=AUDIENCE, limits=Limits(), gate=new_gate(time), clock=time.clock,
                sleep=time.sleep, spread=longest,
            )  # fmt: skip


def test_an_empty_window_is_a_mistake_of_ours_and_is_not_sent(log_analytics):
    with pytest.raises(ValueError, match="is empty"):
        store_on(log_analytics).ask(QUERY, DAY, DAY)
    assert log_analytics.requests() == []


def test_an_answer_after_a_failure_is_as_if_nothing_had_happened(log_analytics):
    log_analytics.put(COLUMNS, HOURLY)
    log_analytics.refuse(400, bodies.missing_table("ApiManagementGatewayLlmLog"))
    store = store_on(log_analytics)
    with pytest.raises(SourceError):
        store.ask(QUERY, DAY, NEXT_DAY)
    assert len(store.ask(QUERY, DAY, NEXT_DAY).rows) == 24
