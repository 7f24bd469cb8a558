"""What holds for every window, every store and every slot."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from detector.sources.asking import DAY as ONE_DAY
from detector.sources.asking import Pace, TooMuch, ask_whole, middle_of, midnight_before
from detector.sources.log_query import Answer, Statement

BEGIN = datetime(2026, 10, 30, tzinfo=UTC)
MINUTES = 4 * 24 * 60
minutes = st.integers(0, MINUTES)
slots = st.sampled_from([timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)])
windows = st.tuples(minutes, minutes).map(sorted)
rows_at = st.lists(minutes, max_size=60).map(sorted)


class Store:
    """Holds rows at minutes; gives the first few of a window, or refuses one that has more."""

    place = "workspace w"

    def __init__(self, rows, most, *, refuses):
        self.rows, self.most, self.refuses = rows, most, refuses
        self.asked = 0

    def ask(self, _statement, begin, end):
        self.asked += 1
        found = [[each] for each in self.rows if begin <= at(each) < end]
        if len(found) > self.most and self.refuses and middle_of(begin, end, self.refuses):
            raise TooMuch("too large")
        return Answer(("minute",), found[: self.most], len(found) <= self.most, "")


def at(minute):
    return BEGIN + timedelta(minutes=minute)


def asked(rows, most, window, slot, *, refuses=False):
    store = Store(rows, most, refuses=slot if refuses else None)
    begin, end = map(at, window)
    return store, list(ask_whole(store, Statement("q", ""), begin, end, slot))


@given(rows_at, st.integers(0, 10), windows, slots, st.booleans())
def test_pieces_are_the_window_in_order_without_gap_or_overlap(rows, most, window, slot, refuses):
    _, pieces = asked(rows, most, window, slot, refuses=refuses)
    edges = [begin for begin, _, _ in pieces] + [end for _, end, _ in pieces[-1:]]
    assert edges == sorted(set(edges))
    assert all(end == begin for (_, end, _), begin in zip(pieces, edges[1:], strict=False))
    begin, end = map(at, window)
    assert [edges[0], edges[-1]] == [begin, end] if begin < end else not edges


@given(rows_at, st.integers(0, 10), windows, slots, st.booleans())
def test_whole_pieces_hold_every_row_of_theirs(rows, most, window, slot, refuses):
    _, pieces = asked(rows, most, window, slot, refuses=refuses)
    for begin, end, answer in pieces:
        held = [each for each in rows if begin <= at(each) < end]
        assert not answer.whole or [row[0] for row in answer.rows] == held


@given(rows_at, st.integers(0, 10), windows, slots)
def test_only_a_piece_of_one_slot_stays_partial(rows, most, window, slot):
    _, pieces = asked(rows, most, window, slot)
    for begin, end, answer in pieces:
        assert answer.whole or middle_of(begin, end, slot) is None


@given(rows_at, st.integers(0, 10), windows, slots)
def test_a_piece_of_several_days_ends_at_midnight_and_others_between_slots(
    rows, most, window, slot
):
    _, pieces = asked(rows, most, window, slot)
    for begin, end, _ in pieces:
        if end - begin > ONE_DAY and end != at(window[1]):
            assert end == midnight_before(end)
        assert begin == at(window[0]) or (begin - midnight_before(begin)) % slot == timedelta(0)


@given(rows_at, windows, slots)
def test_an_answer_that_is_whole_is_asked_for_once(rows, window, slot):
    store, pieces = asked(rows, len(rows), window, slot)
    assert store.asked == len(pieces) <= 3


@given(rows_at, st.integers(1, 40), windows)
def test_rows_that_come_evenly_stay_below_the_most_but_for_a_single_day(rows, most, window):
    store = Store(rows, len(rows), refuses=None)
    begin, end = map(at, window)
    pace = Pace(most_rows=most)
    seen = 0.0
    for piece_begin, piece_end, answer in ask_whole(
        store, Statement("q", ""), begin, end, timedelta(hours=1), pace
    ):
        days = (piece_end - piece_begin) / ONE_DAY
        if answer.rows and days > 1:
            assert days * seen <= most
        seen = max(seen / 2, len(answer.rows) / days)
