"""When a source is asked and a day judged, as the database tells it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from spendwatch.due import Attempt, Rhythm, pull_due, ready_to_judge, running_pull_due
from tests.builders import NOW

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
RHYTHM = Rhythm()


def answered(at=NOW):
    return Attempt(at, at + MINUTE)


def failed(at=NOW):
    return Attempt(at, at, "no route to host")


@pytest.mark.parametrize(
    ("attempts", "due"),
    [
        ([], True),
        ([Attempt(NOW)], True),
        ([answered()], False),
        ([answered(NOW - MINUTE)], True),
        ([failed()], False),
        ([failed(NOW - 2 * MINUTE)], True),
        ([failed(NOW - 9 * MINUTE), failed(NOW - MINUTE)], False),
        ([failed(NOW - 9 * MINUTE), answered(NOW - 8 * MINUTE), failed(NOW - 1 * MINUTE)], True),
    ],
)
def test_a_source_is_asked_for_each_settled_day_and_ever_later_after_failures(attempts, due):
    assert pull_due(attempts, NOW, NOW, RHYTHM) is due


def test_after_many_failures_a_source_is_asked_every_hour():
    many = [failed(NOW + number * HOUR) for number in range(100)]
    last = many[-1].started_at
    assert not pull_due(many, NOW, last + HOUR - MINUTE, RHYTHM)
    assert pull_due(many, NOW, last + HOUR, RHYTHM)


@pytest.mark.parametrize(
    ("first", "second", "ready"),
    [
        ([answered()], [answered()], True),
        ([answered()], [], False),
        ([answered()], [failed(NOW + MINUTE)], False),
        ([answered()], [failed(NOW - HOUR)], False),
        ([answered()], [Attempt(NOW)], True),
        ([answered()], [failed(), answered(NOW + 2 * MINUTE)], True),
        ([answered()], [answered(NOW - MINUTE)], False),
    ],
)
def test_a_day_waits_for_every_source_but_not_for_ever(first, second, ready):
    attempts = {"gateway": first, "other": second}
    assert ready_to_judge(attempts, NOW, NOW + HOUR, RHYTHM) is ready


def test_without_sources_nothing_is_waited_for():
    assert ready_to_judge({}, NOW, NOW, RHYTHM)


@pytest.mark.parametrize(
    ("attempts", "due"),
    [
        ([], True),
        ([Attempt(NOW)], True),
        ([answered(NOW - 29 * MINUTE)], False),
        ([answered(NOW - 30 * MINUTE)], True),
        ([failed(NOW - 30 * MINUTE), failed(NOW - MINUTE)], False),
        ([failed(NOW - 30 * MINUTE), failed(NOW - 2 * MINUTE)], True),
    ],
)
def test_a_source_is_asked_for_the_day_that_runs_every_half_hour(attempts, due):
    assert running_pull_due(attempts, NOW, RHYTHM) is due
