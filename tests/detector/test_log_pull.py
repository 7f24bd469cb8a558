"""How complete an answer is: days that are over, that were whole, and that were there at all."""

from __future__ import annotations

import tracemalloc
import weakref
from datetime import UTC, date, datetime, timedelta

import pytest

from detector.model import Rejection, Usage
from detector.sources.asking import Pace, TooMuch
from detector.sources.azure_logs import AzureLogsSource
from detector.sources.base import Coverage, SourceError, Window
from detector.sources.carriers import Attribution, Carrier
from detector.sources.log_pull import floor_to, span_of
from detector.sources.log_query import Answer
from detector.sources.log_source import Learnt
from detector.sources.scopes import ScopeRules
from tests.detector.log_stores import DAY, HOUR, LLM_COLUMNS, NOW, ScriptedStore, llm

TODAY = NOW.date()
ONE = timedelta(days=1)


def source_of(*rows, now=NOW, **options):
    store = ScriptedStore(llm_usage=(LLM_COLUMNS, list(rows)))
    attribution = Attribution((Carrier("request_header", "x-tenant-id"),))
    source = AzureLogsSource(
        "gateway", store, attribution, scopes=ScopeRules(), clock=lambda: now, **options
    )
    return source, store


def on(day, hour=0, **cells):
    """A row of acme's on a day of November."""
    slot = datetime(2026, 11, day, hour, tzinfo=UTC)
    return llm(slot, **({"request_header": "acme", "prompt_tokens": 1} | cells))


def november(day):
    return date(2026, 11, day)


def days_asked(store):
    return [begin.date() for _, begin, _ in store.asked]


def test_a_window_is_asked_in_days_of_utc_the_first_of_them_alone():
    source, store = source_of()
    list(source.usage(Window(november(12), november(14))))
    assert [(begin, end) for _, begin, end in store.asked] == [
        (DAY, DAY + ONE), (DAY + ONE, DAY + 3 * ONE),
    ]  # fmt: skip


def test_a_source_made_anew_asks_at_the_pace_that_was_learnt():
    learnt = Learnt()
    for spans in [[ONE, 2 * ONE], [3 * ONE]]:
        source, store = source_of(on(12), on(13), learnt=learnt)
        list(source.usage(Window(november(12), november(14))))
        assert [end - begin for _, begin, end in store.asked] == spans


def test_days_to_come_are_not_asked_for():
    source, store = source_of()
    list(source.usage(Window(november(19), november(25))))
    assert days_asked(store) == [november(19), november(20)]


def test_a_window_in_the_future_asks_nothing_and_covers_nothing():
    source, store = source_of()
    assert list(source.usage(Window(november(21), None))) == []
    assert (store.asked, source.coverage()) == ([], Coverage(None, None))
    assert source.telemetry().remarks == ()


@pytest.mark.parametrize(
    ("window", "days"),
    [
        (Window(), (date(2026, 8, 22), TODAY)),
        (Window(None, november(1)), (date(2026, 8, 22), november(1))),
        (Window(date(2025, 1, 1), november(1)), (date(2025, 1, 1), november(1))),
        (Window(date(1990, 1, 1), None), (TODAY - timedelta(days=730), TODAY)),
    ],
)
def test_an_open_window_reaches_ninety_days_back_and_none_beyond_two_years(window, days):
    begin, end = span_of(window, TODAY)
    assert (begin.date(), end.date() - ONE) == days
    assert (begin.tzinfo, end.tzinfo) == (UTC, UTC)


def test_coverage_begins_at_the_first_day_that_held_usage_and_says_how_far_back_it_answers():
    source, _ = source_of(on(14), on(16))
    list(source.usage(Window(november(10), november(18))))
    beside = frozenset(map(november, (10, 11, 12, 13, 17, 18)))
    assert source.coverage() == Coverage(november(14), november(16), empty_days=beside)
    assert source.telemetry().remarks == (
        "workspace W-1 answers as far back as 2026-11-14 (asked for 2026-11-10 to 2026-11-18): "
        "days before it count as unknown, not as days without use",
    )


def test_a_window_that_is_held_from_its_first_day_on_needs_no_remark():
    source, _ = source_of(on(14))
    list(source.usage(Window(november(14), november(15))))
    assert source.telemetry().remarks == ()


def test_fault_23_an_answer_without_rows_covers_nothing_and_says_so():
    source, _ = source_of()
    list(source.usage(Window(november(10), november(12))))
    assert source.coverage() == Coverage(None, None)
    assert source.telemetry().remarks == (
        "workspace W-1 holds no usage for llm_usage.kql: 2026-11-10 to 2026-11-12",
    )


def test_a_workspace_without_any_data_answers_without_a_table_and_holds_nothing():
    source, store = source_of()
    store.tables["llm_usage.kql"] = ((), [])
    assert list(source.usage(Window(november(12), november(13)))) == []
    assert source.coverage() == Coverage(None, None)


def test_fault_25_a_partial_answer_without_a_table_leaves_its_day_partial():
    source, store = source_of(on(12), on(13, 5), on(14))
    ask = store.ask

    def lost(statement, begin, end):
        lacking = begin <= DAY + ONE + HOUR < end
        return (
            Answer((), (), False, "the service is busy") if lacking else ask(statement, begin, end)
        )

    store.ask = lost
    assert len(list(source.usage(Window(november(12), november(14))))) == 3
    assert source.coverage().partial_days == frozenset({november(13)})


def test_days_answered_in_part_are_told_wherever_they_lie():
    source, store = source_of(on(14))
    ask = store.ask

    def in_part(statement, begin, end):
        lacking = begin < DAY + HOUR
        return Answer((), (), False, "busy") if lacking else ask(statement, begin, end)

    store.ask = in_part
    list(source.usage(Window(november(12), november(15))))
    found = source.coverage()
    assert (found.first_day, found.partial_days) == (november(14), {november(12)})
    assert found.empty_days == {november(13), november(15)}


def test_where_no_day_held_any_usage_none_counts_as_empty():
    source, _ = source_of()
    list(source.usage(Window(november(12), november(13))))
    assert source.coverage() == Coverage(None, None)


def test_a_day_that_held_nothing_between_others_lies_in_the_span():
    source, _ = source_of(on(12), on(14))
    list(source.usage(Window(november(12), november(14))))
    assert source.coverage() == Coverage(november(12), november(14), frozenset())


def test_the_day_that_is_not_over_is_unfinished_and_its_rows_are_told():
    source, _ = source_of(on(19), on(20, 11))
    assert len(list(source.usage(Window(november(19), november(20))))) == 2
    today = frozenset({november(20)})
    assert source.coverage() == Coverage(november(19), november(20), unfinished_days=today)
    assert source.coverage().lacking_days == today


def test_a_day_is_whole_from_midnight_on():
    source, _ = source_of(on(19), now=datetime(2026, 11, 20, tzinfo=UTC))
    list(source.usage(Window(november(19), november(19))))
    assert source.coverage().partial_days == frozenset()


def test_fault_25_a_partial_answer_is_halved_until_it_is_whole():
    source, store = source_of(on(12, 3), on(12, 15))
    ask, store_ask = store.ask, []

    def partial_for_a_whole_day(statement, begin, end):
        store_ask.append((begin, end))
        answer = ask(statement, begin, end)
        return answer if end - begin < ONE else type(answer)(answer.columns, [], whole=False)

    store.ask = partial_for_a_whole_day
    usage = list(source.usage(Window(november(12), november(12))))
    assert [each.start_at.hour for each in usage] == [3, 15]
    assert source.coverage() == Coverage(november(12), november(12))
    assert [end - begin for begin, end in store_ask] == [ONE, ONE / 2, ONE / 2]


def test_fault_25_a_piece_that_stays_partial_is_left_out_and_its_day_is_partial():
    source, store = source_of(on(12, 3), on(12, 15), on(13))
    store.partial = {DAY + timedelta(hours=15, minutes=20)}
    usage = list(source.usage(Window(november(12), november(13))))
    assert [each.start_at.hour for each in usage] == [3, 0]
    assert source.coverage().partial_days == frozenset({november(12)})
    assert source.telemetry().remarks == (
        "workspace W-1 answered llm_usage.kql only in part for 2026-11-12 15:00 to 16:00: "
        "too many rows",
    )


def test_a_day_is_known_to_be_partial_before_the_rows_behind_its_partial_piece_come():
    source, store = source_of(on(12, 3), on(12, 15), on(12, 18))
    store.partial = {DAY + timedelta(hours=15)}
    seen = {}
    for usage in source.usage(Window(november(12), november(12))):
        seen[usage.start_at.hour] = source.coverage().partial_days
    assert seen == {3: frozenset(), 18: frozenset({november(12)})}


def test_a_partial_day_that_held_nothing_is_not_taken_for_a_day_without_use():
    source, store = source_of(on(12), on(14))
    store.partial = {DAY + ONE}
    list(source.usage(Window(november(12), november(14))))
    assert november(13) in source.coverage().partial_days


def test_a_day_whose_rows_were_all_refused_is_not_taken_for_a_day_without_use():
    source, _ = source_of(on(12), on(13, prompt_tokens=-1), on(14))
    found = list(source.usage(Window(november(12), november(14))))
    assert sum(isinstance(each, Rejection) for each in found) == 1
    assert source.coverage() == Coverage(november(12), november(14), frozenset({november(13)}))


def test_a_day_of_which_some_rows_were_refused_is_whole():
    source, _ = source_of(on(12), on(12, prompt_tokens=-1))
    list(source.usage(Window(november(12), november(12))))
    assert source.coverage() == Coverage(november(12), november(12))


def test_fault_21_rows_out_of_order_come_in_order():
    source, _ = source_of(on(12, 9), on(12, 2), on(12, 5), on(12, 2, model="gpt-5"))
    usage = list(source.usage(Window(november(12), november(12))))
    assert [each.start_at.hour for each in usage] == [2, 2, 5, 9]


def test_a_row_outside_the_time_asked_for_is_refused_so_that_it_is_not_counted_twice():
    source, store = source_of()
    store.tables["llm_usage.kql"] = (LLM_COLUMNS, [])
    answer = store.ask
    late = [on(13), on(12, 23), on(11, 23)]
    store.ask = lambda *asked: type(answer(*asked))(LLM_COLUMNS, late)
    found = list(source.usage(Window(november(12), november(12))))
    assert [each.start_at.day for each in found if isinstance(each, Usage)] == [12]
    refused = [each for each in found if isinstance(each, Rejection)]
    assert [each.where.rpartition(" ")[2] for each in refused] == ["1", "3"]
    assert "(2026-11-12 00:00 to 2026-11-13 00:00)" in refused[0].reason


def test_slots_are_counted_from_midnight():
    quarter = timedelta(minutes=15)
    at = DAY + timedelta(hours=5, minutes=44, seconds=59)
    assert floor_to(at, HOUR) == DAY + 5 * HOUR
    assert floor_to(at, quarter) == DAY + 5 * HOUR + 2 * quarter


def test_a_failure_in_the_middle_leaves_what_was_told_until_then():
    source, store = source_of(on(12), on(13))
    ask = store.ask

    def breaks_on_the_second_day(statement, begin, end):
        if begin.day == 13:
            raise SourceError("503 from the service", retryable=True)
        return ask(statement, begin, end)

    store.ask = breaks_on_the_second_day
    stream = source.usage(Window(november(12), november(13)))
    with pytest.raises(SourceError, match="503"):
        list(stream)
    assert source.coverage() == Coverage(november(12), november(12))
    store.ask = ask
    assert len(list(source.usage(Window(november(12), november(13))))) == 2


def test_a_day_that_failed_in_its_middle_counts_as_one_that_may_lack_rows():
    source, store = source_of(on(12), on(13, 3), on(13, 15))
    ask = store.ask

    def breaks_at_noon(statement, begin, end):
        if end - begin > ONE / 2:
            raise TooMuch("no answer in time", retryable=True)
        if begin == DAY + ONE * 3 / 2:
            raise SourceError("503 from the service", retryable=True)
        return ask(statement, begin, end)

    store.ask = breaks_at_noon
    told = []
    with pytest.raises(SourceError, match="503"):
        told.extend(source.usage(Window(november(12), november(13))))
    assert source.coverage() == Coverage(november(12), november(13), frozenset({november(13)}))


def test_of_rows_without_a_time_any_day_of_the_piece_may_lack_them():
    source, store = source_of(on(11), on(12), on(14))
    store.tables["llm_usage.kql"][1].append([None, *on(13)[1:]])
    list(source.usage(Window(november(11), november(14))))
    assert source.coverage() == Coverage(november(11), november(14), frozenset({november(13)}))


def test_too_much_for_a_single_slot_fails_the_pull():
    source, store = source_of(on(12))

    def never(*_asked):
        raise TooMuch("the answer is too large")

    store.ask = never
    with pytest.raises(SourceError, match="too large"):
        list(source.usage(Window(november(12), november(12))))


def test_fault_19_a_pull_again_tells_the_same():
    source, _ = source_of(on(12), on(12, 4), on(13))
    window = Window(november(12), november(13))
    assert list(source.usage(window)) == list(source.usage(window))
    assert len(source.telemetry().apis) == 2


def busy(tenants, **options):
    """A source of which every hour of every day holds a row of each tenant."""
    source, store = source_of(**options)

    def ask(statement, begin, end):
        store.asked.append((statement, begin, end))
        hours = [begin + number * HOUR for number in range((end - begin) // HOUR)]
        rows = [
            llm(hour, request_header=f"tenant-{number}", prompt_tokens=1)
            for hour in hours
            for number in range(tenants)
        ]
        return Answer(LLM_COLUMNS, rows)

    store.ask = ask
    return source, store


def peak_bytes(days):
    source, _ = busy(50, learnt=Learnt(Pace(most_rows=3_000)))
    tracemalloc.start()
    told = sum(1 for _ in source.usage(Window(november(1), november(days))))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert told == days * 24 * 50
    return peak


def test_fault_31_every_tenant_is_told_each_hour_and_none_twice():
    source, _ = busy(1_000)
    usage = list(source.usage(Window(november(12), november(12))))
    assert len({(each.start_at, each.tenant) for each in usage}) == len(usage) == 24_000


def test_fault_31_memory_does_not_grow_with_the_window():
    assert peak_bytes(13) < 1.2 * peak_bytes(3)


def test_rows_of_an_answer_are_forgotten_before_the_next_is_asked_for():
    source, store = busy(3)
    answers, ask = [], store.ask

    class Rows(list):
        """Rows whose end can be seen."""

    def watched(*asked):
        assert [each() for each in answers] == [None] * len(answers)
        rows = Rows(ask(*asked).rows)
        answers.append(weakref.ref(rows))
        return Answer(LLM_COLUMNS, rows)

    store.ask = watched
    list(source.usage(Window(november(1), november(9))))
    assert len(answers) == 3


def test_the_next_day_is_asked_for_only_when_the_one_before_was_told():
    source, store = busy(3)
    stream = source.usage(Window(november(12), november(13)))
    for number in range(24 * 3):
        next(stream)
        assert len(store.asked) == 1, number
    next(stream)
    assert len(store.asked) == 2
