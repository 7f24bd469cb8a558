"""A day of the sample is the same whatever else is asked, and whenever."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from detector.sources.base import Window
from detector.sources.sample import SampleSource
from detector.sources.sample_incidents import incidents

DAYS = st.dates(date(2015, 1, 1), date(2045, 12, 31))
SEEDS = st.integers(0, 2**31 - 1)


def usage(seed, first_day, last_day):
    source = SampleSource("sample", seed, date(2015, 1, 1), date(2045, 12, 31))
    return list(source.usage(Window(first_day, last_day)))


@given(SEEDS, DAYS, st.integers(0, 3), st.integers(0, 3))
def test_a_day_alone_is_the_day_within_a_window(seed, day, before, after):
    window = usage(seed, day - timedelta(days=before), day + timedelta(days=after))
    assert usage(seed, day, day) == [each for each in window if each.start_at.date() == day]


@given(SEEDS, DAYS)
def test_every_day_has_the_company_at_about_its_size(seed, day):
    rows = usage(seed, day, day)
    assert 55 < len(rows) < 90
    keys = {(row.tenant, row.feature, row.model) for row in rows}
    assert len(keys) == len(rows)
    assert all(0 <= row.cached_tokens <= row.prompt_tokens < 10**10 for row in rows)


@given(DAYS, st.integers(0, 12))
def test_the_truth_of_a_window_is_the_truth_of_its_days(first, length):
    last = first + timedelta(days=length)
    found = incidents(first, last)
    days = (first + timedelta(days=at) for at in range(length + 1))
    assert set(found) == {incident for day in days for incident in incidents(day, day)}
    assert [each.first_day for each in found] == sorted(each.first_day for each in found)
