from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from detector.day_windows import windows_of
from detector.history import consecutive_days
from detector.sources.base import Window

DAY = date(2026, 11, 12)
DAYS = st.sets(st.integers(-40, 40).map(lambda step: DAY + timedelta(days=step)))


@given(DAYS, st.none() | st.integers(1, 9))
def test_windows_hold_the_days_and_no_others(days, longest):
    windows = windows_of(days, longest)
    held = [day for each in windows for day in consecutive_days(each.first_day, each.last_day)]
    assert held == sorted(days)
    assert all((each.last_day - each.first_day).days < (longest or 99) for each in windows)


@given(DAYS)
def test_there_is_a_gap_between_two_windows(days):
    windows = windows_of(days)
    for before, after in pairwise(windows):
        assert (after.first_day - before.last_day).days > 1


def test_days_may_come_in_any_order_and_twice():
    assert windows_of([DAY, DAY - timedelta(days=1), DAY]) == (
        Window(DAY - timedelta(days=1), DAY),
    )
