"""Whose turn it is to write: people first, everybody in the order in which they came."""

from __future__ import annotations

from threading import Barrier, Thread
from time import monotonic, sleep

import pytest

from spendwatch.db_turns import Queue


@pytest.fixture
def queue():
    return Queue()


@pytest.fixture
def come(queue):
    """Have somebody come to the queue, and note when they are let in."""
    let_in, threads = [], []

    def come(name, *, hurried=False):
        def write():
            assert queue.enter(30, hurried=hurried)
            let_in.append(name)
            queue.leave()

        before = len(queue._waiting)
        threads.append(Thread(target=write))
        threads[-1].start()
        until = monotonic() + 10
        while len(queue._waiting) == before and monotonic() < until:
            sleep(0.001)

    def everybody():
        for each in threads:
            each.join(30)
        return let_in

    come.everybody = everybody
    return come


def test_who_came_first_writes_first_even_where_another_comes_again_at_once(queue, come):
    assert queue.enter(1)
    come("first")
    come("second")
    queue.leave()
    assert queue.enter(30)
    queue.leave()
    assert come.everybody() == ["first", "second"]


def test_a_person_comes_before_all_that_nobody_waits_for(queue, come):
    assert queue.enter(1)
    come("pull")
    come("judge")
    come("answer", hurried=True)
    come("another answer", hurried=True)
    queue.leave()
    assert come.everybody() == ["answer", "another answer", "pull", "judge"]


def test_who_gives_up_is_in_nobodys_way(queue, come):
    assert queue.enter(1)
    assert not queue.enter(0.01, hurried=True)
    come("pull")
    queue.leave()
    assert come.everybody() == ["pull"]


def test_several_that_write_in_loops_keep_nobody_out(queue):
    ended, turns, all_there = [], [0] * 5, Barrier(5)

    def write_ever_again(number):
        all_there.wait(30)
        while not ended:
            assert queue.enter(30)
            turns[number] += 1
            sleep(0.0005)
            queue.leave()

    threads = [Thread(target=write_ever_again, args=(number,)) for number in range(5)]
    for each in threads:
        each.start()
    until = monotonic() + 30
    while sum(turns) < 200 and monotonic() < until:
        sleep(0.005)
    ended.append(True)
    for each in threads:
        each.join(30)
    assert max(turns) - min(turns) <= 3
