"""`/spendwatch` in the strict local Slack: taken at once, answered to one person afterwards."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

import pytest

from tests.spendwatch.slack_office import listening

ELSEWHERE = "http://127.0.0.1:9/commands/T1/1/x"


@pytest.fixture
def office(tmp_path, slack):
    with listening(tmp_path, slack) as office:
        yield office


def ask(office, text="status", **more):
    """Type it; return what is acknowledged at once, and what the person reads in the end."""
    before = len(office.slack.ephemerals(office.slack.ana))
    typed = office.slack.command("/spendwatch", text, **more)
    *_, said = office.slack.wait_until(lambda local: local.ephemerals(local.ana)[before:] or None)
    return typed, said


def test_what_is_typed_is_acknowledged_empty_and_answered_afterwards(office):
    typed, said = ask(office)
    assert (typed.acked, typed.failed, typed.acks[0]["payload"]) == (True, None, None)
    assert "next due" in str(said.blocks)
    assert said.through == "response_url"
    assert office.slack.rejections() == []


def test_what_takes_longer_than_slack_waits_is_acknowledged_in_time_and_answered(tmp_path, slack):
    slack.add_group("S0ONCALL", [slack.ana])
    slack.fault("delay", "usergroups.users.list", count=9, seconds=4, commit=True)
    with listening(tmp_path, slack, may_answer=["S0ONCALL"]) as office:
        typed, said = ask(office)
        assert typed.failed is None
        assert "next due" in str(said.blocks)


@pytest.mark.parametrize("address", [ELSEWHERE, "https://hooks.slack.com.evil.example/x", ""])
def test_fault_96_an_address_that_is_not_slacks_own_is_not_called_and_the_person_answered(
    office, address
):
    _, said = ask(office, overrides={"response_url": address})
    assert said.through == "chat.postEphemeral"
    assert "next due" in str(said.blocks)
    assert "slack_answered_otherwise" in office.events()


def test_fault_80_what_cannot_be_saved_now_is_said_to_be_not_saved(office, tmp_path):
    with closing(sqlite3.connect(tmp_path / "spendwatch.db", isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        typed, said = ask(office, "silence acme 4h load test")
        foreign.execute("ROLLBACK")
    assert typed.failed is None
    assert said.text == "not saved, try again"


def test_whoever_may_not_ask_is_told_so(office):
    typed = office.slack.command("/spendwatch", "status", overrides={"team_id": "T0OTHER"})
    assert "not of the workspace" in str(typed.acks)


# before the first press


def test_what_the_first_press_would_wait_for_is_asked_at_the_start(tmp_path, slack):
    slack.add_group("S0ONCALL", [slack.ana])
    with listening(tmp_path, slack, may_answer=["S0ONCALL", slack.ben]) as office:
        slack.wait_until(lambda local: local.requests("usergroups.users.list"))
        slack.wait_until(lambda _local: office.desk.allowed.workspace)
        office.tell()
        for method in ("auth.test", "usergroups.users.list"):
            slack.fault("delay", method, count=9, seconds=5, commit=True)
        begun = time.monotonic()
        assert office.press("acknowledge").failed is None
        assert time.monotonic() - begun < 2
        assert len(slack.requests("auth.test")) == 1


def test_a_slack_that_cannot_tell_at_the_start_is_asked_by_the_first_press(tmp_path, slack):
    slack.fault("error", "auth.test", error="internal_error")
    with listening(tmp_path, slack) as office:
        slack.wait_until(lambda local: local.requests("auth.test"))
        office.tell()
        assert office.press("acknowledge").failed is None
        assert len(office.replies()) == 1


# what goes wrong on the way


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("expired_trigger_id", "that took too long to open; press again"),
        ("view_too_large", "Slack did not open that (view_too_large (HTTP 200)); press again"),
        ("not_allowed_token_type", "Slack did not open that (not_allowed_token_type"),
    ],
)
def test_why_no_form_opened_is_said_as_it_is(office, fault, words):
    office.tell()
    office.slack.fault("error", "views.open", error=fault)
    office.press("dismiss")
    said = office.slack.wait_until(lambda _local: office.said_to("U0ANA"))
    assert words in said[0]
    assert said[0].endswith("or: spendwatch alerts dismiss 1")


def test_the_end_waits_for_no_open_call(office):
    office.tell()
    office.slack.fault("delay", "views.open", seconds=8, commit=True)
    office.press("dismiss")
    office.slack.wait_until(lambda local: local.requests("views.open"))
    begun = time.monotonic()
    assert not office.listener.stop()
    assert not office.listener.stop(), "asked again it says the same at once"
    assert time.monotonic() - begun < 4
