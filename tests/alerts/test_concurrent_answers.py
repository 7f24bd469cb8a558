"""Many people answer at once, from threads that share nothing but the database."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from alerts import store
from alerts.intake import take_in
from alerts.lifecycle import ReplyRefused
from alerts.model import AlertState, Teaching, Verb, Verdict
from alerts.replies import Answer, answer
from spendwatch.db import reading, writing
from tests.builders import NOW, a_telling, judgement, spike

THREADS, ALERTS = 8, 150
PEOPLE = [f"person-{number}" for number in range(THREADS)]


@pytest.fixture
def crowded(database):
    findings = [spike(tenant=f"tenant-{number}") for number in range(ALERTS)]
    with writing(database) as session:
        take_in(session, judgement(*findings), a_telling(group_above=ALERTS))
    return database


def together(database, answer_of):
    """Let everybody answer every alert at the same moment; what each was told."""
    start = Barrier(THREADS)

    def work(person):
        told = {}
        start.wait()
        for number in range(1, ALERTS + 1):
            try:
                with writing(database) as session:
                    told[number] = answer(session, number, answer_of(person), NOW, Teaching()).words
            except ReplyRefused as refused:
                told[number] = refused
        return told

    with ThreadPoolExecutor(THREADS) as threads:
        return dict(zip(PEOPLE, threads.map(work, PEOPLE), strict=True))


def replies(database):
    with reading(database) as session:
        return {number: store.replies_of(session, number) for number in range(1, ALERTS + 1)}


def test_fault_74_of_eight_people_at_once_one_wins_and_the_others_are_told_who(crowded):
    told = together(crowded, lambda person: Answer(Verb.ACKNOWLEDGE, person))
    for number, kept in replies(crowded).items():
        (winner,) = kept
        words = {person: told[person][number] for person in PEOPLE}
        losers = [person for person in PEOPLE if isinstance(words[person], ReplyRefused)]
        assert sorted([winner.actor, *losers]) == PEOPLE
        assert all(f"acknowledged, by {winner.actor} on" in str(words[each]) for each in losers)


def test_answers_that_all_fit_are_all_kept(crowded):
    verdict = {person: list(Verdict)[index % 5] for index, person in enumerate(PEOPLE)}
    told = together(crowded, lambda person: Answer(Verb.DISMISS, person, verdict[person]))
    assert not any(
        isinstance(words, ReplyRefused) for each in told.values() for words in each.values()
    )
    kept = replies(crowded)
    assert sum(map(len, kept.values())) == THREADS * ALERTS
    for number, answers in kept.items():
        assert Counter(each.actor for each in answers) == dict.fromkeys(PEOPLE, 1)
        states = [answers[0].from_state, *(each.to_state for each in answers)]
        assert states == [AlertState.OPEN, *[AlertState.DISMISSED] * THREADS]
        with reading(crowded) as session:
            assert store.get_alert(session, number).revision == 1 + THREADS
