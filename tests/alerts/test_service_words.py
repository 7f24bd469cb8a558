from __future__ import annotations

from alerts.service_words import stopped_message, trial_message


def test_a_test_message_says_so_first_and_who_asked_for_it():
    said = trial_message("on\ncall", "ana")
    assert said.title.startswith("test message from spendwatch: nothing happened")
    assert (said.tone, said.reference) == ("notice", "test message")
    assert [line.text for line in said.lines] == [
        "alerts for on call arrive here",
        "ana, with `spendwatch test-send`",
    ]


def test_that_nothing_is_judged_is_critical_and_says_why():
    said = stopped_message("the disk is full")
    assert said.tone == "critical"
    assert said.title == "spendwatch judges nothing for now: the disk is full"
