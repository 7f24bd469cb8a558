"""What is told while a day runs is confirmed by the finished day, on the usage of the sample."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from benchmarks.early_firing import BOOKS, Told, live
from benchmarks.hours import Courses
from detector.history import build_history
from detector.price_usage import price_usage
from detector.rules import ROBUST_DAYS
from detector.sources.sample import usage_of_day
from spendwatch.price_files import load_price_table
from tests.detector.histories import TODAY, ago, spend

FIRST, LAST = date(2026, 4, 1), date(2026, 11, 20)


@pytest.fixture(scope="module")
def sample():
    """Months of the made-up company: its history, and the prices."""
    prices = load_price_table()
    days = [FIRST + timedelta(days=step) for step in range((LAST - FIRST).days + 1)]
    costs = [cost for day in days for cost in price_usage(prices, day, usage_of_day(7, day))]
    return build_history(costs, FIRST, LAST), prices


@pytest.mark.parametrize(
    ("method", "least", "most_wrong"), [("robust", 0.7, 1), ("classic", 0.6, 0)]
)
def test_what_the_sample_is_told_of_early_is_confirmed_by_its_finished_days(
    sample, method, least, most_wrong
):
    history, prices = sample
    days = history.days[ROBUST_DAYS + 1 :]
    told = live(history, prices, BOOKS[method], Courses(history.keys), days)
    # By shares alone, a surge of all of a tenant may look like one of the feature that comes first.
    assert len(told.unconfirmed) <= most_wrong
    assert told.finished > 30
    assert len(told.confirmed) > least * told.finished
    assert min(told.confirmed) < 15


def test_a_day_ends_as_it_was_and_never_falls():
    history = build_history(
        [*spend("acme", [10] * 30 + [50]), *spend("bolt", [10] * 31)], ago(30), TODAY
    )
    by_hour = Courses(history.keys).by_hour(history, 30)
    assert by_hour[:, -1] == pytest.approx(1)
    assert (np.diff(by_hour, axis=1) >= 0).all()
    assert np.array_equal(by_hour, Courses(history.keys).by_hour(history, 30))
    assert not np.array_equal(by_hour, Courses(history.keys, seed=2).by_hour(history, 30))


def test_what_was_told_is_said_in_one_line():
    told = Told()
    told.add({"acme": 10, "bolt": 14}, ["acme", "corp"], TODAY)
    assert told.unconfirmed == [("bolt", TODAY, 14)]
    assert told.words == (
        "2 told early, 1 not confirmed; 50% of the 2 that finished days tell, "
        "a quarter by 10:00, half by 10:00"
    )
    assert Told().words.endswith("a quarter by -:00, half by -:00")
