"""A last day, named at the command line and in Slack's form."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from alerts import store
from alerts.model import AlertState
from spendwatch.db import reading
from tests.builders import budget
from tests.spendwatch.slack_office import listening
from tests.spendwatch.test_answering import TODAY, alert_of, out, place, replies, say

__all__ = ["place"]
LAST = TODAY + timedelta(days=10)


def from_today(days):
    """The day that far ahead on the machine's clock, read anew: a run may pass midnight."""
    return str(datetime.now(UTC).date() + timedelta(days=days))  # noqa: TID251 - as the commands


def named(day):
    return f"{day.day} {day:%b}"


def test_a_dismissal_at_the_command_line_has_a_last_day(place, capsys):
    say(place, "dismiss", "1", "--verdict", "false_alarm", "--until", str(LAST))
    assert f"floor rises to $100 until {named(LAST)}" in out(capsys)
    (reply,) = replies(place)
    assert reply.last_day == LAST
    for command in ("show", "why"):
        say(place, command, "1")
        assert f"until {LAST:%a} {named(LAST)}" in out(capsys)
    say(place, "undo", "1")
    assert alert_of(place).state is AlertState.OPEN


@pytest.mark.parametrize(
    ("verdict", "until", "words"),
    [
        ("expected", -1, "is over"),
        ("expected", 91, "at most 90 days ahead"),
        ("false_alarm", "soon", "'soon' is no day; write it like 2026-11-24"),
        ("real", 10, "only expected and false alarm have a last day"),
    ],
)
@pytest.mark.parametrize("more", [(), ("--preview",)])
def test_fault_83_a_last_day_that_cannot_be_is_refused_and_nothing_saved(
    place, capsys, verdict, until, words, more
):
    until = from_today(until) if isinstance(until, int) else until
    say(place, "dismiss", "1", "--verdict", verdict, "--until", until, *more, code=2)
    assert words in out(capsys)
    assert replies(place) == ()


def test_a_preview_says_what_a_last_day_does_and_how_to_go_on(place, capsys):
    say(place, "dismiss", "1")
    printed = out(capsys)
    assert "baseline, and every day up to the last one you name (--until)" in printed
    assert printed.count("(--until)") == 2
    say(place, "dismiss", "1", "--verdict", "false_alarm", "--until", str(LAST), "--preview")
    printed = out(capsys)
    assert f"until {named(LAST)}" in printed
    assert printed.endswith(f"dismiss 1 --verdict false_alarm --until {LAST}\n")


def test_a_last_day_without_a_verdict_is_an_answer_that_lacks_it(place, capsys):
    say(place, "dismiss", "1", "--until", str(LAST), code=2)
    assert f"--verdict WORD --until {LAST}" in out(capsys)
    assert replies(place) == ()


# in Slack


@pytest.fixture
def office(tmp_path, slack):
    with listening(tmp_path, slack) as office:
        yield office


def form(office):
    """Press "Dismiss" and return the form that opens."""
    office.press("dismiss")
    (view,) = office.slack.wait_until(lambda local: local.views(local.ana))
    return view


def test_a_last_day_chosen_in_the_form_is_stored_shown_and_undone(office):
    office.tell()
    view = form(office)
    assert "every day up to the last one you name" in json.dumps(view.body)
    office.slack.submit(view.id, {"verdict": "expected", "until": "2026-11-30", "note": "test"})
    assert str(office.replies()[0].last_day) == "2026-11-30"
    words = "as expected on 13 Nov 06:10 UTC, until Mon 30 Nov: test"
    office.slack.wait_until(lambda _local: words in str(office.root.blocks))
    assert "12 to 30 Nov will stay out of" in str(office.root.blocks)
    office.press("undo")
    office.slack.wait_until(lambda _local: "acknowledge" in office.buttons())
    with reading(office.app.engine) as session:
        assert store.get_alert(session, 1).state is AlertState.OPEN
    assert office.slack.rejections() == []


@pytest.mark.parametrize(
    ("verdict", "until", "words"),
    [
        ("expected", "2026-11-11", "is over"),
        ("false_alarm", "2027-02-12", "at most 90 days ahead"),
        ("new_normal", "2026-11-30", "only expected and false alarm"),
        ("expected", "tomorrow", "is no day"),
        ("expected", "2026-13-41", "is no day"),
    ],
)
def test_fault_83_a_last_day_that_cannot_be_is_refused_below_its_field(
    office, verdict, until, words
):
    office.tell()
    view = form(office)
    office.slack.submit(view.id, {"verdict": verdict, "until": until, "note": ""})
    (still,) = office.slack.views(office.slack.ana)
    assert words in still.errors["until"]
    assert office.replies() == ()


def test_what_teaches_nothing_is_asked_for_no_last_day(office):
    office.tell(budget(tenant="acme"))
    assert "datepicker" not in json.dumps(form(office).body)
