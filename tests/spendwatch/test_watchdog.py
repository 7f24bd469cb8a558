"""What does not move any more is found; what only takes long, or had no turn, is left alone."""

from __future__ import annotations

from threading import Event
from time import monotonic

import pytest
import structlog

from spendwatch.app import system_clock
from spendwatch.scheduler import Scheduler
from spendwatch.slack.desk import Reaction
from spendwatch.slack.listening import Listener
from spendwatch.slack.taking import Hands
from spendwatch.watchdog import Watchdog, Watched


class Steady:
    """A steady clock that is moved."""

    s = 1_000.0

    def __call__(self):
        return self.s


@pytest.fixture
def steady():
    return Steady()


def looks(dog, steady, seconds, step=5.0):
    """Look again and again for so long; return what was said last."""
    said = dog.look()
    for _ in range(int(seconds / step)):
        steady.s += step
        said = dog.look()
    return said


def test_what_has_not_moved_for_its_pace_and_a_minute_is_named(steady):
    dog = Watchdog([Watched("the tick keep", lambda: 7, 60)], steady)
    assert looks(dog, steady, 115) == ""
    assert looks(dog, steady, 5) == "the tick keep has not moved for 120 s"


def test_what_moves_or_is_at_work_is_left_alone_however_long(steady):
    moving = Watched("what listens", lambda: int(steady.s), 1)
    working = Watched("the tick pull", lambda: None, 5)
    assert looks(Watchdog([moving, working], steady), steady, 3_600) == ""


def test_whoever_moves_again_has_the_whole_patience_again(steady):
    pulse = [0]
    dog = Watchdog([Watched("it", lambda: pulse[0], 0)], steady)
    assert looks(dog, steady, 55) == ""
    pulse[0] += 1
    assert looks(dog, steady, 55) == ""
    assert looks(dog, steady, 10) != ""


def test_a_process_that_was_stopped_for_an_hour_finds_nobody_dead(steady):
    pulse = [0]
    dog = Watchdog([Watched("it", lambda: pulse[0], 1)], steady)
    looks(dog, steady, 20)
    steady.s += 3_600
    assert dog.look() == ""
    pulse[0] += 1
    assert looks(dog, steady, 30) == ""


@pytest.fixture
def scheduler():
    made = []

    def scheduler_of(ticks):
        made.append(Scheduler(ticks, system_clock))
        made[-1].start()
        return made[-1]

    yield scheduler_of
    for each in made:
        each.stop(5)


def watch(watched, patience_s, seconds):
    """Look for real at what runs; return what was said, or nothing after so many seconds."""
    dog, wait, until = Watchdog(watched, monotonic, patience_s), Event(), monotonic() + seconds
    while not (said := dog.look()) and monotonic() < until:
        wait.wait(dog.look_every_s)
    return said


def test_fault_109_a_pull_that_hangs_is_at_work_and_no_reason_to_leave(scheduler):
    go_on, others = Event(), Event()
    running = scheduler({"pull gateway": lambda: go_on.wait(60), "show": others.set})
    assert others.wait(10)
    assert watch(running.watched(), 1.0, 8) == ""
    go_on.set()


def test_fault_109_ticks_whose_metronome_died_are_found(scheduler):
    ticked = Event()
    running = scheduler({"show": ticked.set})
    assert ticked.wait(10)
    running._scheduler.pause()  # nothing is ticked any more, as when its thread has died
    assert watch(running.watched(), 1.0, 15).startswith("the tick show has not moved for")


def listener_of(slack, **options):
    log = structlog.wrap_logger(None, processors=[structlog.testing.LogCapture()])
    hands = Hands(lambda *_: Reaction(), log)
    return Listener(slack.app_token, slack.base_url, hands, log, **options)


def test_fault_109_a_loop_that_is_blocked_is_found(slack):
    go_on = Event()
    listener = listener_of(slack, on_app=lambda _app: go_on.wait(60))
    listener.start()
    assert watch([listener.watched()], 2.0, 20).startswith("what listens to Slack has not moved")
    go_on.set()
    listener.stop()


def test_fault_109_a_thread_that_died_is_found_and_can_still_be_ended(slack):
    listener = listener_of(slack)
    listener.start()
    slack.wait_until(lambda _local: listener.hears)
    listener._loop.call_soon_threadsafe(listener._ended.set)
    assert watch([listener.watched()], 1.0, 15).startswith("what listens to Slack has not moved")
    listener.stop()


def test_a_listener_whose_loop_turns_is_alive_though_nobody_can_be_heard(slack):
    slack.refuse_connections()
    listener = listener_of(slack)
    listener.start()
    assert watch([listener.watched()], 1.0, 4) == ""
    assert not listener.hears
    slack.accept_connections()
    listener.stop()
