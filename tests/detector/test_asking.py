"""A window in pieces that are answered whole."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from detector.sources.asking import MOST_DAYS, Pace, TooMuch, ask_whole
from detector.sources.base import SourceError
from detector.sources.log_query import Answer, Statement

HOUR, ONE = timedelta(hours=1), timedelta(days=1)
DAY = datetime(2026, 11, 13, tzinfo=UTC)
QUERY = Statement("q.kql", "T")
EMPTY = Answer((), ())


class Store:
    """Answers as told for a window; remembers what it was asked."""

    place = "workspace w"

    def __init__(self, answer=lambda _begin, _end: EMPTY):
        self.answer = answer
        self.asked = []

    def ask(self, _statement, begin, end):
        self.asked.append((begin, end))
        return self.answer(begin, end)


def partial_above(length):
    """Make answers for windows longer than this partial."""
    return lambda begin, end: Answer((), (), end - begin <= length, "too many rows")


def too_much_above(length):
    def answer(begin, end):
        if end - begin > length:
            raise TooMuch("no answer in time", retryable=True)
        return EMPTY

    return answer


def pieces(store, begin, end, smallest=HOUR, pace=None):
    asked = ask_whole(store, QUERY, begin, end, smallest, pace)
    return [(a, b, answer.whole) for a, b, answer in asked]


def rows_each_day(count, took_s=0.0):
    """Answer with so many rows a day."""
    return lambda begin, end: Answer((), [[0]] * int(count * (end - begin) / ONE), took_s=took_s)


def days_asked(store):
    return [(end - begin) / ONE for begin, end in store.asked]


def test_a_day_is_asked_alone_and_then_as_many_as_promise_to_go_well():
    store = Store(rows_each_day(100))
    found = pieces(store, DAY, DAY + 45 * ONE)
    assert [(a, b) for a, b, _ in found] == store.asked
    assert days_asked(store) == [1, 4, 16, 24]


def test_a_piece_that_begins_within_a_day_ends_at_a_midnight_or_with_the_window():
    store = Store(rows_each_day(100))
    pieces(store, DAY + 6 * HOUR, DAY + 50 * HOUR)
    assert store.asked == [
        (DAY + 6 * HOUR, DAY + 24 * HOUR),
        (DAY + 24 * HOUR, DAY + 50 * HOUR),
    ]


def test_days_of_many_rows_stay_a_day_each():
    store = Store(rows_each_day(50))
    pieces(store, DAY, DAY + 5 * ONE, pace=Pace(most_rows=90))
    assert days_asked(store) == [1] * 5


def test_as_many_days_are_asked_as_stay_below_the_most_rows():
    store = Store(rows_each_day(30))
    pieces(store, DAY, DAY + 7 * ONE, pace=Pace(most_rows=90))
    assert days_asked(store) == [1, 3, 3]


def test_as_many_days_are_asked_as_take_no_longer_than_they_may():
    store = Store(lambda begin, end: Answer((), [[0]], took_s=20 * ((end - begin) / ONE)))
    pieces(store, DAY, DAY + 5 * ONE, pace=Pace(most_s=45))
    assert days_asked(store) == [1, 2, 2]


def test_days_without_rows_tell_nothing_of_those_to_come():
    store = Store()
    pieces(store, DAY, DAY + 13 * ONE)
    assert days_asked(store) == [1, 4, 4, 4]


def test_no_piece_is_longer_than_a_month():
    store = Store(rows_each_day(1))
    pieces(store, DAY, DAY + 100 * ONE)
    assert days_asked(store) == [1, 4, 16, MOST_DAYS, MOST_DAYS, 17]


def test_a_pace_that_is_kept_begins_where_the_last_window_ended():
    pace, store = Pace(), Store(rows_each_day(100))
    pieces(store, DAY, DAY + 3 * ONE, pace=pace)
    pieces(store, DAY, DAY + 3 * ONE, pace=pace)
    assert days_asked(store) == [1, 2, 3]


def test_a_busy_time_that_is_over_is_forgotten_step_by_step():
    pace = Pace(most_rows=90)
    store = Store(rows_each_day(90))
    pieces(store, DAY, DAY + 2 * ONE, pace=pace)
    store.answer = rows_each_day(1)
    pieces(store, DAY, DAY + 14 * ONE, pace=pace)
    assert days_asked(store) == [1, 1, 1, 2, 4, 7]


def test_fault_25_days_that_are_too_many_at_once_are_parted_at_midnights():
    def answer(begin, end):
        return Answer((), [[0]], end - begin <= 2 * ONE, "too many rows")

    store = Store(answer)
    found = pieces(store, DAY, DAY + 5 * ONE)
    assert [(a - DAY, b - DAY) for a, b, _ in found] == [
        (0 * ONE, ONE), (ONE, 3 * ONE), (3 * ONE, 5 * ONE),
    ]  # fmt: skip
    assert days_asked(store) == [1, 4, 2, 2]


def test_fault_26_what_was_too_long_once_is_tried_again_day_by_day():
    def answer(begin, end):
        if end - begin > 5 * ONE:
            raise TooMuch("no answer in time", retryable=True)
        return Answer((), [[0]])

    store = Store(answer)
    pieces(store, DAY, DAY + 45 * ONE)
    asked = days_asked(store)
    assert asked[:6] == [1, 4, 16, 8, 4, 4]
    assert sum(days for days in asked if days <= 5) == 45
    assert len(asked) < 30


def test_an_empty_window_asks_nothing():
    store = Store()
    assert pieces(store, DAY, DAY) == []
    assert store.asked == []


def test_fault_25_a_partial_answer_is_dropped_and_its_halves_are_asked():
    store = Store(partial_above(12 * HOUR))
    assert pieces(store, DAY, DAY + 24 * HOUR) == [
        (DAY, DAY + 12 * HOUR, True),
        (DAY + 12 * HOUR, DAY + 24 * HOUR, True),
    ]
    assert len(store.asked) == 3


def test_fault_25_a_slot_that_stays_partial_says_so_and_the_others_are_whole():
    def answer(begin, end):
        return Answer((), (), not begin <= DAY + 5 * HOUR < end, "truncated")

    found = pieces(Store(answer), DAY, DAY + 24 * HOUR)
    assert [piece for piece in found if not piece[2]] == [(DAY + 5 * HOUR, DAY + 6 * HOUR, False)]


def test_fault_26_a_window_that_takes_too_long_is_halved():
    found = pieces(Store(too_much_above(6 * HOUR)), DAY, DAY + 24 * HOUR)
    assert [b - a for a, b, _ in found] == [6 * HOUR] * 4


def test_fault_26_a_slot_that_takes_too_long_is_an_error():
    store = Store(too_much_above(timedelta(0)))
    with pytest.raises(TooMuch) as raised:
        pieces(store, DAY, DAY + 24 * HOUR)
    assert raised.value.retryable
    assert len(store.asked) == 5, "the service is not asked for every slot while it is down"


def test_an_error_of_another_kind_ends_the_asking():
    def answer(_begin, _end):
        raise SourceError("no role")

    store = Store(answer)
    with pytest.raises(SourceError, match="no role"):
        pieces(store, DAY, DAY + 48 * HOUR)
    assert len(store.asked) == 1


def test_fault_31_a_piece_is_given_before_the_next_is_asked():
    store = Store()
    answers = ask_whole(store, QUERY, DAY, DAY + timedelta(days=45), HOUR)
    next(answers)
    assert len(store.asked) == 1


def test_fault_47_a_local_day_of_25_hours_is_asked_without_gap_or_overlap():
    new_york = ZoneInfo("America/New_York")
    begin, end = (datetime(2026, 11, day, tzinfo=new_york) for day in (1, 2))
    store = Store()
    pieces(store, begin, end)
    assert store.asked[0][0] == begin
    assert store.asked[-1][1] == end
    assert store.asked[0][1] == store.asked[1][0] == datetime(2026, 11, 2, tzinfo=UTC)
    assert sum((b - a for a, b in store.asked), timedelta(0)) == 25 * HOUR


def test_quarter_hours_are_parted_between_quarter_hours():
    quarter = HOUR / 4
    found = pieces(Store(partial_above(quarter)), DAY + quarter, DAY + HOUR, quarter)
    assert [(a, b) for a, b, _ in found] == [
        (DAY + quarter * n, DAY + quarter * (n + 1)) for n in (1, 2, 3)
    ]


@pytest.mark.parametrize(
    ("begin", "end", "smallest"),
    [
        (DAY.replace(tzinfo=None), DAY, HOUR),
        (DAY, DAY.replace(tzinfo=None), HOUR),
        (DAY, DAY + HOUR, timedelta(0)),
    ],
)
def test_times_without_a_zone_and_slots_without_length_are_refused(begin, end, smallest):
    with pytest.raises(ValueError, match=r"time zone|length"):
        pieces(Store(), begin, end, smallest)


def test_another_zone_is_asked_in_utc():
    store = Store()
    zone = timezone(timedelta(hours=5, minutes=30))
    pieces(
        store, datetime(2026, 11, 13, 5, 30, tzinfo=zone), datetime(2026, 11, 13, 8, tzinfo=zone)
    )
    assert store.asked[0][0].tzinfo is UTC
