"""Ticks come again and again, whatever is done to the clock of the machine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from apscheduler.schedulers import base

from spendwatch.app import system_clock
from spendwatch.scheduler import Scheduler


@pytest.fixture
def wall(monkeypatch):
    """The wall clock, as APScheduler too sees it; it can be set."""

    class Wall(datetime):
        ahead = timedelta()

        @classmethod
        def now(cls, tz=None):
            return system_clock().astimezone(tz) + cls.ahead

    monkeypatch.setattr(base, "datetime", Wall)
    return Wall


@pytest.mark.parametrize("step", [timedelta(hours=-2), timedelta(days=1)])
def test_fault_48_a_clock_that_is_set_stops_no_tick(wall, step):
    ticked = Event()
    scheduler = Scheduler({"judge": ticked.set}, lambda: wall.now(UTC))
    scheduler.start()
    assert ticked.wait(10)
    ticked.clear()
    wall.ahead = step
    for _ in range(2):  # at once, and then at the usual pace again
        assert ticked.wait(20), "no tick for as long as the clock was set back"
        ticked.clear()
    assert scheduler.stop(5)


def test_fault_50_a_tick_that_takes_long_is_not_ticked_again_meanwhile():
    running, go_on, others = [], Event(), Event()
    many = []

    def slow():
        running.append(True)
        many.append(len(running))
        go_on.wait(30)
        running.pop()

    def other():
        if many:
            others.set()

    scheduler = Scheduler({"deliver": slow, "other": other}, system_clock)
    scheduler.start()
    assert others.wait(20), "a slow tick holds up no other"
    others.clear()
    assert others.wait(20)
    assert many == [1]
    go_on.set()
    assert scheduler.stop(10)
