"""A workspace's logs in the ledger: what it could not tell stays unknown, and a good pull mends."""

from __future__ import annotations

from datetime import timedelta

import pytest

from detector.sources.asking import TooMuch
from detector.sources.azure_logs import AzureLogsSource
from detector.sources.base import SourceError, Window
from detector.sources.carriers import Attribution, Carrier
from detector.sources.log_query import Answer
from detector.sources.scopes import ScopeRules
from spendwatch.ingest import pull
from tests.detector.ledgers import at, current, read, source_days
from tests.detector.log_stores import HOUR, LLM_COLUMNS, ScriptedStore, llm
from tests.spendwatch.apps import DAY, NOW, ONE, an_app, pulls, requests

MIDNIGHT = NOW.replace(hour=0) - ONE
DAYS = 3
WINDOW = Window(DAY - (DAYS - 1) * ONE, DAY)


@pytest.fixture
def app(tmp_path):
    return an_app(tmp_path)


def a_day(steps_back, *tenants):
    """A row every other hour of a day, of each tenant; what has no name has no header."""
    begin = MIDNIGHT - steps_back * ONE
    return [
        llm(begin + hour * HOUR, request_header=each, prompt_tokens=1_000, completion_tokens=100)
        for hour in range(0, 24, 2)
        for each in tenants
    ]


def source_of(*rows):
    store = ScriptedStore(llm_usage=(LLM_COLUMNS, list(rows)))
    attribution = Attribution((Carrier("request_header", "x-tenant-id"),))
    source = AzureLogsSource("gateway", store, attribution, scopes=ScopeRules(), clock=lambda: NOW)
    return source, store


def three_days():
    return source_of(*(row for step in range(DAYS) for row in a_day(step, "acme", "bolt", "")))


def test_days_before_the_oldest_row_of_a_workspace_are_unknown_and_not_without_use(app):
    source, _ = source_of(*a_day(0, "acme"), *a_day(1, "acme"))
    pull(app, source, Window(DAY - 5 * ONE, DAY))
    held = {day for (_, day), row in source_days(app.engine).items() if row.rows}
    assert held == {DAY - ONE, DAY}
    assert requests(app) == {("acme", -1): 12, ("acme", 0): 12}


def test_fault_29_what_has_no_tenant_is_unattributed_in_the_ledger(app):
    source, _ = source_of(*a_day(0, "acme", ""))
    pull(app, source, Window(DAY, DAY))
    assert requests(app) == {("acme", 0): 12, ("unattributed", 0): 12}


def test_fault_20_calls_that_told_no_tokens_are_counted_and_cost_nothing_that_is_known(app):
    lost = llm(MIDNIGHT, request_header="acme", model="", requests=4, without_tokens=3)
    pull(app, source_of(lost, *a_day(0, "acme"))[0], Window(DAY, DAY))
    by_model = {row.requests: row for row in read(app.engine)}
    assert by_model[4].requests_without_usage == 3
    assert (by_model[4].micro_usd, by_model[4].prompt_tokens) == (0, 0)


def stays_partial(source, store):
    store.partial = {MIDNIGHT + 5 * HOUR}
    return source


def loses_its_rows(source, store):
    """Answers in part, and with nothing, for one hour in which there was use."""
    ask = store.ask
    hour = MIDNIGHT + 4 * HOUR

    def lacking(statement, begin, end):
        answer = ask(statement, begin, end)
        if not begin <= hour < end:
            return answer
        return Answer(answer.columns, [row for row in answer.rows if row[0] != hour], whole=False)

    store.ask = lacking
    return source


def breaks_off(source, store):
    ask = store.ask

    def failing(statement, begin, end):
        if end > MIDNIGHT:
            raise SourceError("503 from the service", retryable=True)
        return ask(statement, begin, end)

    store.ask = failing
    return source


def is_throttled(source, store):
    store.fails = [SourceError("429 from the service", retryable=True)]
    return source


def has_a_renamed_column(source, store):
    _, rows = store.tables["llm_usage.kql"]
    store.tables["llm_usage.kql"] = (("Slot", *LLM_COLUMNS[1:]), rows)
    return source


def is_empty(source, store):
    store.tables["llm_usage.kql"] = (LLM_COLUMNS, [])
    return source


def lost_its_last_day(_source, _store):
    return source_of(*a_day(1, "acme", "bolt", ""), *a_day(2, "acme", "bolt", ""))[0]


def breaks_off_at_noon(source, store):
    ask = store.ask

    def failing(statement, begin, end):
        if end > MIDNIGHT and end - begin > ONE / 2:
            raise TooMuch("no answer in time", retryable=True)
        if begin >= MIDNIGHT + ONE / 2:
            raise SourceError("503 from the service", retryable=True)
        return ask(statement, begin, end)

    store.ask = failing
    return source


FAULTS = [
    stays_partial,
    loses_its_rows,
    breaks_off,
    breaks_off_at_noon,
    is_throttled,
    has_a_renamed_column,
    is_empty,
    lost_its_last_day,
]


@pytest.fixture(params=FAULTS)
def fault(request):
    return request.param


def try_to_pull(app, source):
    try:
        pull(app, source, WINDOW)
    except SourceError:
        assert pulls(app)[-1].error


def test_faults_23_to_28_the_last_good_data_is_kept(app, fault):
    pull(app, three_days()[0], WINDOW)
    good = current(app.engine)
    try_to_pull(app, fault(*three_days()))
    assert current(app.engine) == good


def test_faults_23_to_28_the_next_good_pull_leaves_the_ledger_as_if_nothing_had_been(
    tmp_path, fault
):
    app, other = an_app(tmp_path / "one"), an_app(tmp_path / "other")
    try_to_pull(app, fault(*three_days()))
    pull(app, three_days()[0], WINDOW)
    pull(other, three_days()[0], WINDOW)
    assert current(app.engine) == current(other.engine)
    assert all(row.whole for row in source_days(app.engine).values())


def test_a_day_that_was_told_is_kept_when_the_question_for_the_next_one_fails(app):
    with pytest.raises(SourceError, match="503"):
        pull(app, breaks_off(*three_days()), WINDOW)
    found = {day: row.whole for (_, day), row in source_days(app.engine).items()}
    assert found == {DAY - 2 * ONE: True}
    assert requests(app)["bolt", -2] == 12


def test_a_day_that_was_told_is_kept_and_counted_before_the_failure_is_known(app):
    told = []
    with pytest.raises(SourceError, match="503"):
        pull(
            app,
            breaks_off(*three_days()),
            WINDOW,
            on_day=lambda day, rows: told.append((day, rows)),
        )
    assert told == [(DAY - 2 * ONE, 36)]


def test_the_half_of_a_day_that_was_told_is_not_taken_for_the_day(app):
    with pytest.raises(SourceError, match="503"):
        pull(app, breaks_off_at_noon(*three_days()), WINDOW)
    assert {day for _, day in source_days(app.engine)} == {DAY - 2 * ONE, DAY - ONE}


def test_fault_25_a_day_with_a_partial_piece_is_not_whole_and_the_others_are(app):
    pull(app, stays_partial(*three_days()), WINDOW)
    found = {day: row.whole for (_, day), row in source_days(app.engine).items()}
    assert found == {DAY - 2 * ONE: True, DAY - ONE: True, DAY: False}


def test_the_day_that_is_not_over_is_recorded_and_not_whole(app):
    source, _ = source_of(*a_day(0, "acme"), *a_day(-1, "acme")[:2])
    pull(app, source, Window(DAY, DAY + ONE))
    found = {day: row.whole for (_, day), row in source_days(app.engine).items()}
    assert found == {DAY: True, DAY + ONE: False}
    assert requests(app)["acme", 1] == 2


def test_fault_19_a_pull_again_writes_nothing(app):
    pull(app, three_days()[0], WINDOW)
    report = pull(app, three_days()[0], WINDOW)
    assert (report.added, report.revised, report.zeroed) == (0, 0, 0)


def test_fault_22_rows_that_arrive_late_are_a_revision_of_their_day(app):
    early, late = a_day(0, "acme"), llm(at(DAY, 23), request_header="acme", prompt_tokens=500)
    pull(app, source_of(*early)[0], Window(DAY, DAY))
    report = pull(app, source_of(*early, late)[0], Window(DAY, DAY))
    assert (report.revised, requests(app)) == (1, {("acme", 0): 13})


def test_a_tenants_local_days_are_right_from_slots_of_a_quarter_hour(tmp_path):
    app = an_app(tmp_path, zone="Asia/Kathmandu")
    begin = MIDNIGHT + timedelta(hours=18)
    rows = [
        llm(begin + quarter * timedelta(minutes=15), request_header="acme", prompt_tokens=1)
        for quarter in range(4)
    ]
    store = ScriptedStore(llm_usage=(LLM_COLUMNS, rows))
    source = AzureLogsSource(
        "gateway", store, Attribution((Carrier("request_header", "x"),)),
        scopes=ScopeRules(), clock=lambda: NOW, slot_minutes=15,
    )  # fmt: skip
    pull(app, source, Window(DAY, DAY + ONE))
    # In Kathmandu the day begins at 18:15 UTC.
    assert requests(app) == {("acme", 0): 1, ("acme", 1): 3}
