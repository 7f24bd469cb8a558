from __future__ import annotations

import math
import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.backoff import GIVE_UP_AFTER, LONGEST_WAIT_S, asked_wait, next_try
from tests.builders import NOW

LONGEST = timedelta(seconds=LONGEST_WAIT_S)
attempts = st.integers(1, 100_000)
asked = st.none() | st.floats()


def seeded(seed):
    return random.Random(seed).uniform  # noqa: S311 - it spreads waits, it keeps no secret


@given(attempts=attempts, seed=st.integers(0, 1_000))
def test_a_retry_waits_anything_up_to_a_bound_that_doubles_and_has_an_end(attempts, seed):
    wait = next_try(NOW, NOW, attempts, seeded(seed)) - NOW
    bound = timedelta(seconds=min(900, 2 * 2 ** min(attempts, 30)))
    assert timedelta(0) <= wait <= bound <= LONGEST


@given(attempts=attempts, seed=st.integers(0, 1_000), seconds=st.floats(0, 900))
def test_what_the_other_side_asks_for_is_never_cut_short(attempts, seed, seconds):
    due_at = next_try(NOW, NOW, attempts, seeded(seed), seconds)
    alone = next_try(NOW, NOW, attempts, seeded(seed))
    assert due_at == max(alone, NOW + timedelta(seconds=seconds))


@given(attempts=attempts, asked=asked, seed=st.integers(0, 1_000))
def test_fault_55_no_wait_is_longer_than_a_quarter_of_an_hour(attempts, asked, seed):
    assert timedelta(0) <= next_try(NOW, NOW, attempts, seeded(seed), asked) - NOW <= LONGEST


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        (30, 30), (0.5, 0.5), (None, 0), (0, 0), (-5, 0), (86_400, 900), (math.inf, 900),
        (math.nan, 900),
    ],
)  # fmt: skip
def test_fault_55_a_pause_is_taken_as_asked_within_bounds(asked, seconds):
    assert asked_wait(asked) == timedelta(seconds=seconds)


def test_two_that_failed_together_do_not_come_back_together():
    spread = seeded(7)
    assert next_try(NOW, NOW, 5, spread) != next_try(NOW, NOW, 5, spread)


@given(attempts=attempts, age_s=st.integers(0, 200_000), seed=st.integers(0, 1_000))
def test_no_try_comes_later_than_24_hours_after_the_beginning(attempts, age_s, seed):
    since = NOW - timedelta(seconds=age_s)
    due_at = next_try(NOW, since, attempts, seeded(seed))
    assert due_at is None or due_at <= since + GIVE_UP_AFTER
    left = since + GIVE_UP_AFTER - NOW
    assert due_at is not None or left < LONGEST
    assert due_at is None or left >= timedelta(0)


def test_a_pause_that_ends_after_the_last_moment_gives_it_up():
    since = NOW - GIVE_UP_AFTER + timedelta(minutes=5)
    assert next_try(NOW, since, 1, min, 299) is not None
    assert next_try(NOW, since, 1, min, 301) is None
