from __future__ import annotations

import pytest

from alerts.channels.slack_account import EDIT, POST, Pace
from alerts.pacing import Limit, Pacer


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_what_is_kept_of_a_minute_is_for_what_goes_first(clock):
    pacer = Pacer({"edit": Limit(a_minute=6, kept=4)}, clock)
    for _ in range(2):
        assert pacer.wait_s("edit") == 0
        pacer.took("edit")
    clock.now += 10
    assert pacer.wait_s("edit") == 50
    assert pacer.wait_s("edit", first=True) == 0
    for _ in range(4):
        pacer.took("edit")
    assert pacer.wait_s("edit", first=True) == 50
    clock.now += 50
    assert pacer.wait_s("edit", first=True) == 0
    assert pacer.wait_s("edit") == 10


@pytest.mark.parametrize("edits", [1, 2, 3, 45])
def test_what_does_not_go_first_gets_its_turn_however_few_there_are(clock, edits):
    pacer = Pacer(Pace(edits_a_minute=edits).limits(), clock)
    assert pacer.wait_s(EDIT) == 0


def test_a_call_that_took_long_may_have_arrived_late_so_the_next_waits_for_longer(clock):
    pacer = Pacer(Pace().limits(), clock)
    clock.now += 5
    pacer.took(POST, "C1")
    clock.now += 0.5
    pacer.answered(POST, "C1")
    assert pacer.wait_s(POST, "C1") == pytest.approx(1.0)
    assert pacer.wait_s(POST, "C2") == 0


def test_a_call_that_was_answered_at_once_changes_nothing(clock):
    pacer = Pacer(Pace().limits(), clock)
    clock.now += 5
    pacer.took(POST, "C1")
    clock.now += 0.01
    pacer.answered(POST, "C1")
    assert pacer.wait_s(POST, "C1") == pytest.approx(1.04)
