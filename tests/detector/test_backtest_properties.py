"""A replay is the judgement of each day as it would have been made then."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from detector.backtest import replay
from detector.detect import METHODS, Context, detect
from detector.history import build_history
from detector.rules import RuleBook, Rules
from tests.detector.histories import ago
from tests.detector.test_detect_properties import LESSONS, RULES, TABLE, TODAY, pasts

FIRST = ago(25)
METHOD = st.sampled_from(sorted(METHODS))


@settings(deadline=None, max_examples=50)
@given(pasts(), RULES, LESSONS, st.integers(1, 30), METHOD)
def test_a_replay_says_what_each_day_said_bit_for_bit(rows, rules, lessons, window_days, method):
    book = RuleBook(method, window_days, everyone=rules)
    context = Context(tuple(lessons), TABLE)
    judge = partial(detect, context=context)
    whole = build_history(rows, FIRST, TODAY)
    for judgement in replay(whole, book, first=FIRST, last=TODAY, judge=judge):
        day = judgement.day
        then = build_history([row for row in rows if row.day <= day], FIRST, day)
        window = then.window(len(then.days) - 1, book.history_days + 1)
        assert judgement == detect(window, book, context)


@settings(deadline=None, max_examples=50)
@given(pasts(), st.integers(0, 25), st.integers(0, 25), METHOD)
def test_the_span_of_a_replay_changes_nothing_but_which_days_are_told(rows, left, right, method):
    first, last = sorted((ago(left), ago(right)))
    history = build_history(rows, FIRST, TODAY)
    book = RuleBook(method, everyone=Rules(min_days=5))
    every = list(replay(history, book, first=FIRST, last=TODAY + timedelta(days=9)))
    part = list(replay(history, book, first=first, last=last))
    assert part == [judgement for judgement in every if first <= judgement.day <= last]
