"""Many alerts told in one message: what became of it is said of each of them."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest

from alerts.channels.console import ConsoleChannel
from spendwatch.jobs import tell
from tests.spendwatch.installations import FIRST, Installation

SPIKE = FIRST + timedelta(days=20)
TENANTS = ("acme", "bolt", "corp")


@pytest.fixture
def unreachable(tmp_path):
    """An installation of which one message about three alerts was given up."""
    place = spiking(tmp_path)
    place.judge_with({}, SPIKE)
    return place


def spiking(folder):
    """An installation with steady days, then a day on which three tenants spike."""
    place = Installation(folder, extra="group_above = 2\n")
    for step in range(20):
        write(place, FIRST + timedelta(days=step), 100 + step % 3)
    write(place, SPIKE, 900)
    return place


def write(place, day, cost):
    place.write_day(day, [f"{tenant},chat,gpt-4o,{cost}" for tenant in TENANTS])


def test_once_counts_what_was_told_and_in_how_few_messages(tmp_path, capsys):
    place = spiking(tmp_path)
    assert place.run("once", "--day", str(SPIKE)) == 0
    said = capsys.readouterr().out
    assert "3 findings, 3 told, 3 of them in one message; " in said
    assert "held back" not in said


def test_once_for_programs_tells_alerts_from_messages(tmp_path, capsys):
    facts = spiking(tmp_path).json(capsys, "once", "--day", str(SPIKE))
    assert (facts["told"], facts["told_with_others"], facts["messages"]) == (3, 3, 1)


def test_why_says_what_became_of_the_message_and_how_to_try_again(unreachable, capsys):
    assert unreachable.run("alerts", "why", "2") == 0
    said = capsys.readouterr().out
    assert "told to desk in one message with others, given up after 1 attempt" in said
    assert "to try again: spendwatch outbox retry 1" in said


def test_show_and_list_say_of_each_alert_that_it_was_not_delivered(unreachable, capsys):
    assert unreachable.run("alerts", "show", "2") == 0
    assert "not delivered: message 1 to desk" in capsys.readouterr().out
    assert unreachable.run("alerts", "list") == 0
    listed = capsys.readouterr().out
    assert listed.count("open, not delivered") == 3


def test_what_went_out_after_all_is_not_listed_as_undelivered(unreachable, capsys):
    assert unreachable.run("outbox", "retry", "1") == 0
    unreachable.now += timedelta(days=3_650)  # the command has the real clock
    tell(unreachable.app(), {"desk": ConsoleChannel(io.StringIO(), lambda: unreachable.now)})
    capsys.readouterr()
    assert unreachable.run("alerts", "list") == 0
    assert "not delivered" not in capsys.readouterr().out
