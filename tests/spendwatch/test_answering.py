"""Answers at the command line: what they would do, what they do, what is told of them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts import store
from alerts.intake import take_in
from alerts.model import AlertState, Change, Teaching, Verb, Verdict
from alerts.replies import Answer, answer
from detector.model import EVERYONE, FindingKind
from spendwatch.db import reading, writing
from tests.builders import a_telling, budget, judgement, source_stale, spike
from tests.spendwatch.installations import CONFIG, FIRST, Installation

NOW = datetime.now(UTC).replace(microsecond=0)  # noqa: TID251 - commands have the real clock
TODAY = NOW.date()
BERLIN = CONFIG.replace('time_zone = "UTC"', 'time_zone = "Europe/Berlin"')
ACME = '[[tenants]]\nid = "acme"\nname = "Acme Ltd"\n'


@pytest.fixture
def place(tmp_path):
    """An installation with one open alert, A-1: $80 where nothing is usual."""
    place = Installation(tmp_path, BERLIN, ACME)
    take(place, spike(days_ago(1), actual=80, expected=0))
    return place


def days_ago(days):
    return TODAY - timedelta(days=days)


def take(place, *findings, now=NOW - timedelta(hours=1)):
    """Have findings taken in and told, as a run of that time would that saw nothing else."""
    unjudged = [(kind, EVERYONE) for kind in FindingKind]
    judged = judgement(*findings, day=findings[0].day, unjudged=unjudged)
    with writing(place.app().engine) as session:
        return take_in(session, judged, a_telling(now, {"": "desk"}))


def end(place, number=1):
    """Let an alert end."""
    with writing(place.app().engine) as session:
        alert = store.get_alert(session, number)
        after = {"state": AlertState.RESOLVED, "ended": True, "revision": alert.revision + 1}
        store.save_alerts(session, [replace(alert, **after)])


def say(place, *arguments, code=0):
    """Run an alerts command that must leave with ``code``."""
    assert place.run("alerts", *arguments) == code


def out(capsys):
    read = capsys.readouterr()
    return read.out + read.err


def alert_of(place, number=1):
    with reading(place.app().engine) as session:
        return store.get_alert(session, number)


def replies(place, number=1):
    with reading(place.app().engine) as session:
        return store.replies_of(session, number)


def answered(place, verb, at, actor="aiko", **more):
    """An answer that was given in the past."""
    with writing(place.app().engine) as session:
        return answer(session, 1, Answer(verb, actor, **more), at, Teaching())


# Before a verdict is chosen


def test_a_dismissal_without_a_verdict_shows_what_each_would_do_and_changes_nothing(place, capsys):
    take(place, spike(days_ago(9), actual=90, expected=0), spike(days_ago(9), "bolt"))
    say(place, "dismiss", "1")
    printed = out(capsys)
    day = f"{days_ago(1).day} {days_ago(1):%b}"
    assert "A-1, spend spike of Acme Ltd\n1 other spend spike in the last 90 days\n" in printed
    assert f"real: it was a true incident\n  {day} will stay out of Acme Ltd's baseline" in printed
    assert "false_alarm: nobody needed to know\n  Acme Ltd's floor rises to $100 until" in printed
    assert "would have covered 1 of them (A-2)" in printed
    assert f"starts again on {day}; would have covered 0 of them\n" in printed
    assert "until pulled again; would have covered 0 of them" in printed
    assert printed.splitlines()[-1] == (
        "nothing was changed; to dismiss it, choose one of these words: "
        "spendwatch alerts dismiss 1 --verdict WORD"
    )
    assert alert_of(place).state is AlertState.OPEN
    assert replies(place) == ()


@pytest.mark.parametrize("said", [("--note", "load test"), ("--as", "aiko")])
def test_an_answer_that_lacks_its_verdict_is_not_taken_for_a_question(place, capsys, said):
    say(place, "dismiss", "1", *said, code=2)
    printed = capsys.readouterr()
    assert "false_alarm: nobody needed to know" in printed.out
    assert printed.err == (
        "spendwatch: nothing was changed; to dismiss it, choose one of these words: "
        "spendwatch alerts dismiss 1 --verdict WORD\n"
    )
    assert replies(place) == ()


def test_a_program_that_says_no_verdict_gets_an_error_and_the_choices_in_one_document(
    place, capsys
):
    say(place, "dismiss", "1", "--json", code=2)
    facts = json.loads(out(capsys))
    assert facts["problems"] == [facts["error"]]
    assert facts["error"].startswith("nothing was changed; to dismiss it, choose one")
    assert facts["reference"] == "A-1"
    assert [each["verdict"] for each in facts["verdicts"]] == list(Verdict)
    assert facts["verdicts"][3]["effect"].startswith("Acme Ltd's floor rises to $100")
    assert facts["verdicts"][3]["covered"] == []


def test_one_verdict_can_be_previewed(place, capsys):
    say(place, "dismiss", "1", "--verdict", "new-normal", "--preview")
    printed = out(capsys)
    assert "new_normal: spend will stay like this\n  Acme Ltd's baseline starts again on" in printed
    assert "false_alarm" not in printed
    assert printed.splitlines()[-1] == (
        "nothing was changed; to dismiss it so: spendwatch alerts dismiss 1 --verdict new_normal"
    )
    say(place, "dismiss", "1", "--preview", "--json")
    assert "error" not in json.loads(out(capsys))
    assert replies(place) == ()


def test_many_alerts_that_would_have_been_covered_are_counted_and_some_named(place, capsys):
    for days in range(10, 70, 10):
        take(place, spike(days_ago(days), actual=90, expected=0))
    say(place, "dismiss", "1", "--verdict", "false_alarm", "--preview")
    assert "would have covered 6 of them (A-7, A-6, A-5, A-4, A-3, ...)" in out(capsys)


def test_a_kind_that_teaches_nothing_says_so_once(place, capsys):
    take(place, budget(80, days_ago(1)))
    say(place, "dismiss", "2")
    *_, before, last, effect, _ = out(capsys).splitlines()
    assert before == "false_alarm: nobody needed to know"
    assert last == "data_error: the data was wrong"
    assert effect == "  each of them: kept on record, teaches nothing"
    say(place, "dismiss", "2", "--verdict", "real", "--preview")
    assert "real: it was a true incident\n  kept on record, teaches nothing\n" in out(capsys)


# How an alert is named, and who answers


@pytest.mark.parametrize("number", ["1", "A-1", "a-1", "A1", "a1", "#1", " A-1 ", "01"])
def test_an_alert_is_named_as_people_write_it(place, capsys, number):
    say(place, "show", number)
    say(place, "ack", number)
    assert "A-1 acknowledged" in out(capsys)


@pytest.mark.parametrize("number", ["S-1", "A--1", "A-", "#A-1", "1.0", "\u0661", "1" * 5_000, ""])
def test_what_names_no_alert_is_refused(place, capsys, number):
    say(place, "ack", number, code=2)
    assert "is no alert's number; `spendwatch alerts list` shows them" in out(capsys)


@pytest.mark.parametrize("name", ["", "  ", "\u200b"])
def test_an_answer_of_nobody_is_refused(place, capsys, name):
    say(place, "ack", "1", "--as", name, code=2)
    assert out(capsys) == "spendwatch: --as says nothing: give it a value, or leave it out\n"
    assert replies(place) == ()


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (["list"], "--state"),
        (["list"], "--tenant"),
        (["list"], "--kind"),
        (["dismiss", "1"], "--verdict"),
        (["snooze", "1", "--for", "4h"], "--until"),
        (["snooze", "1", "--until", "18:00"], "--for"),
    ],
)
def test_an_option_without_a_word_is_not_taken_for_none(place, capsys, command, option):
    say(place, *command, option, "", code=2)
    assert f"{option} says nothing" in out(capsys)
    assert replies(place) == ()


def test_a_note_nobody_can_keep_is_wrong_usage_in_any_state(place, capsys):
    say(place, "ack", "1", "--note", "x" * 1_001, code=2)
    assert "at most 1,000 are kept" in out(capsys)


# What an answer says


def test_an_answer_says_when_the_alert_wakes(place, capsys):
    say(place, "ack", "1")
    wakes = "wakes at $120 over the usual (1.5 times the $80 answered)"
    assert out(capsys) == f"A-1 acknowledged: quiet until it ends or gets worse; {wakes}\n"
    say(place, "dismiss", "1", "--verdict", "expected")
    assert out(capsys).endswith(f"will stay out of acme's baseline; {wakes}\n")
    assert place.json(capsys, "alerts", "undo", "1")["wakes"] == wakes


def test_the_factor_that_wakes_comes_from_the_settings(tmp_path, capsys):
    config = CONFIG.replace("[alerts]", "[alerts]\nworse_factor = 3")
    place = Installation(tmp_path, config)
    take(place, spike(days_ago(1), actual=80, expected=0), budget(50, days_ago(1)))
    say(place, "ack", "1")
    assert "wakes at $240 over the usual (3 times the $80 answered)" in out(capsys)
    say(place, "ack", "2")
    assert "; wakes at the next threshold\n" in out(capsys)


def test_a_snooze_says_its_end_in_local_and_in_utc(place, capsys):
    say(place, "snooze", "1", "--until", f"{TODAY + timedelta(days=40)}T12:00+00:00", "--note", "x")
    printed = out(capsys)
    assert "12:00 UTC, unless it ends or gets worse before; wakes at $120" in printed
    assert "in Europe/Berlin (" in printed
    assert printed.endswith("12:00 UTC)\n")
    assert replies(place)[0].until == datetime.combine(
        TODAY + timedelta(days=40), datetime.min.time(), UTC
    ) + timedelta(hours=12)


def test_a_snooze_for_a_length_ends_that_much_later(place, capsys):
    answered_at = datetime.now(UTC)  # noqa: TID251 - as above
    facts = place.json(capsys, "alerts", "snooze", "1", "--for", "2d")
    until = datetime.fromisoformat(facts["snoozed_until"])
    assert timedelta(0) <= until - answered_at - timedelta(days=2) < timedelta(minutes=1)
    assert facts["state"] == "snoozed"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--until", "2026-01-01"], 2, "it must lie in the future"),
        (["--for", "91d"], 2, "a snooze lasts at most 90 days, to"),
        (["--for", "soon"], 2, "write it like 30m, 4h, 2d or 1w"),
        ([], 2, "say when it ends"),
        (["--for", "4h", "--until", "18:00"], 2, "either --until"),
    ],
)
def test_fault_83_a_snooze_without_a_sensible_end_is_refused_in_words(
    place, capsys, arguments, code, words
):
    say(place, "snooze", "1", *arguments, code=code)
    assert words in out(capsys)
    assert alert_of(place).state is AlertState.OPEN
    assert replies(place) == ()


def test_fault_83_a_refused_snooze_does_not_name_who_answered_before(place, capsys):
    say(place, "ack", "1", "--as", "aiko")
    say(place, "snooze", "1", "--for", "91d", code=2)
    assert "aiko" not in out(capsys).splitlines()[-1]


# Who was first


def test_fault_73_the_same_answer_of_the_same_person_has_one_effect(place, capsys):
    say(place, "ack", "1", "--as", "aiko")
    say(place, "ack", "1", "--as", "aiko")
    assert "by the same answer; nothing changed" in out(capsys)
    assert len(replies(place)) == 1


def test_fault_74_the_second_of_two_people_is_told_who_won(place, capsys):
    say(place, "ack", "1", "--as", "Aiko Tanaka")
    say(place, "ack", "1", "--as", "Jonas Weber", code=1)
    assert "A-1 is already acknowledged, by Aiko Tanaka on" in out(capsys)
    assert [reply.actor for reply in replies(place)] == ["Aiko Tanaka"]


def test_a_dismissed_alert_is_neither_acknowledged_nor_snoozed(place, capsys):
    say(place, "dismiss", "1", "--verdict", "real", "--as", "Aiko Tanaka")
    say(place, "ack", "1", code=1)
    say(place, "snooze", "1", "--for", "4h", code=1)
    printed = out(capsys)
    assert printed.count("A-1 is already dismissed, by Aiko Tanaka on") == 2
    assert "before it can be snoozed, undo its dismissal" in printed


@pytest.mark.parametrize("command", [["ack", "1"], ["snooze", "1", "--for", "4h"]])
def test_fault_75_an_answer_after_the_end_changes_nothing_and_is_kept(place, capsys, command):
    end(place)
    before = alert_of(place)
    say(place, *command, "--as", "aiko")
    assert out(capsys) == "A-1 is already resolved; your answer is kept on record\n"
    assert alert_of(place) == before
    assert [reply.to_state for reply in replies(place)] == [AlertState.RESOLVED]


def test_fault_85_the_audit_keeps_the_name_as_it_was_given(place, capsys):
    say(place, "ack", "1", "--as", "Aiko Tanaka")
    say(place, "dismiss", "1", "--verdict", "real", "--as", "Aiko Sato")
    told = place.json(capsys, "alerts", "why", "1")
    assert [each["actor"] for each in told if "actor" in each] == ["Aiko Tanaka", "Aiko Sato"]


# Undo


def test_an_undo_says_what_of_whom_and_what_state_it_is_in(place, capsys):
    say(place, "ack", "1", "--as", "Aiko Tanaka")
    capsys.readouterr()
    say(place, "undo", "1", "--as", "Jonas Weber")
    printed = out(capsys)
    assert printed.startswith("A-1 is open now: the acknowledgement of Aiko Tanaka on ")
    assert printed.endswith(" is undone\n")
    assert (alert_of(place).state, replies(place)[-1].actor) == (AlertState.OPEN, "Jonas Weber")
    say(place, "undo", "1", code=1)
    assert "A-1 has no answer that could be undone" in out(capsys)


def test_a_snooze_undone_twice_ends_as_the_first_one_did(place):
    first = NOW + timedelta(days=3)
    answered(place, Verb.SNOOZE, NOW, until=first)
    say(place, "snooze", "1", "--for", "4h")
    say(place, "undo", "1")
    assert (alert_of(place).state, alert_of(place).snoozed_until) == (AlertState.SNOOZED, first)
    say(place, "undo", "1")
    assert (alert_of(place).state, alert_of(place).snoozed_until) == (AlertState.OPEN, None)


def test_fault_84_an_answer_older_than_7_days_is_not_undone(place, capsys):
    answered(place, Verb.ACKNOWLEDGE, NOW - timedelta(days=8))
    say(place, "undo", "1", code=1)
    assert "can no longer be undone: 7 days have passed; answer it anew instead" in out(capsys)
    assert alert_of(place).state is AlertState.ACKNOWLEDGED


# Why


def test_why_tells_the_whole_story_in_the_time_zone_of_the_service(place, capsys):
    at = datetime.combine(days_ago(0), datetime.min.time(), UTC)
    answered(place, Verb.ACKNOWLEDGE, at + timedelta(hours=1), "aiko", note="looking")
    capsys.readouterr()
    say(place, "why", "1")
    first, *steps, last = out(capsys).splitlines()
    assert first == "A-1, spend spike of Acme Ltd, acknowledged; times in Europe/Berlin"
    assert any(
        "opened, day" in step and "told to desk, waiting to be sent" in step for step in steps
    )
    local = (at + timedelta(hours=1)).astimezone(place.app().directory.default_zone)
    assert (
        f"  {local:%Y-%m-%d %H:%M}  aiko acknowledged it (open -> acknowledged): looking" in steps
    )
    assert last == (
        "  now: acknowledged: quiet until it ends or reaches $120 over the usual (1.5 x $80)"
    )


def test_why_says_what_holds_news_back_now(place, capsys):
    say_silence = ("silence", "add", "--tenant", "acme", "--for", "4h", "--comment", "moving")
    assert place.run(*say_silence, "--as", "aiko") == 0
    *_, last = place.json(capsys, "alerts", "why", "1")
    assert last["what"] == "outlook"
    assert "for now silent: silenced, S-1 by aiko, until" in last["words"]


def test_why_of_an_installation_wide_alert_names_its_subject(place, capsys):
    take(place, source_stale(days_ago(1)))
    say(place, "why", "2")
    assert "A-2, source stale of gateway, open" in out(capsys)


def test_show_points_to_why_and_shows_the_answer_in_force_alone(place, capsys):
    say(place, "dismiss", "1", "--verdict", "expected", "--as", "aiko")
    capsys.readouterr()
    say(place, "show", "1")
    shown = out(capsys)
    assert "aiko dismissed it as expected on" in shown
    assert "will stay out of Acme Ltd's baseline" in shown
    assert "how it came to that: spendwatch alerts why 1" in shown
    say(place, "undo", "1")
    capsys.readouterr()
    say(place, "show", "1")
    assert "Answer" not in out(capsys)


@pytest.mark.parametrize(
    ("ended_by", "said"),
    [
        (Change.REPLACED, "Acme Ltd: resolved, another alert of this budget tells of it"),
        (Change.RESOLVED, "Acme Ltd: resolved, below the threshold again"),
    ],
)
def test_show_says_how_a_budget_alert_came_to_its_end(place, capsys, ended_by, said):
    day, ends_on = days_ago(1), TODAY + timedelta(days=9)
    lowered = budget(100, day, cap=7_000, ends_on=ends_on)
    findings = [lowered] if ended_by is Change.REPLACED else []
    take(place, budget(80, days_ago(2), ends_on=ends_on))
    with writing(place.app().engine) as session:
        take_in(session, judgement(*findings, day=day), a_telling(NOW, {"": "desk"}))
    say(place, "show", "2")
    assert said in out(capsys)


# Listing


def test_a_snooze_is_listed_with_its_end_and_an_expired_one_as_open(place, capsys):
    answered(place, Verb.SNOOZE, NOW - timedelta(hours=2), until=NOW + timedelta(hours=3))
    say(place, "list", "--state", "snoozed")
    local = (NOW + timedelta(hours=3)).astimezone(place.app().directory.default_zone)
    assert f"snoozed until {local.day} {local:%b %H:%M}" in out(capsys)
    take(place, spike(days_ago(1), "bolt"))
    with writing(place.app().engine) as session:
        given = Answer(Verb.SNOOZE, "aiko", until=NOW - timedelta(hours=1))
        answer(session, 2, given, NOW - timedelta(hours=2), Teaching())
    listed = place.json(capsys, "alerts", "list", "--state", "open")
    assert [(each["reference"], each["state"]) for each in listed] == [("A-2", "open")]
    assert [
        each["number"] for each in place.json(capsys, "alerts", "list", "--state", "snoozed")
    ] == [1]
    assert place.json(capsys, "alerts", "show", "2")["state"] == "open"
    assert alert_of(place, 2).state is AlertState.SNOOZED


def test_what_somebody_has_been_on_for_longest_stands_first(place, capsys):
    take(place, spike(days_ago(1), "bolt"), spike(days_ago(1), "corp"))
    for number in ("2", "3", "1"):
        say(place, "ack", number, "--as", "aiko")
    listed = place.json(capsys, "alerts", "list", "--state", "acknowledged")
    assert [each["number"] for each in listed] == [2, 3, 1]
    assert [each["number"] for each in place.json(capsys, "alerts", "list")] == [3, 2, 1]
    say(place, "list", "--state", "acknowledged")
    assert "aiko" in out(capsys)


def test_a_tenant_nobody_knows_is_said_to_be_unknown(place, capsys):
    say(place, "list", "--tenant", "acne", code=2)
    assert "no tenant is known as 'acne'; did you mean acme?" in out(capsys)
    end(place)
    say(place, "list", "--tenant", "acme")
    assert "no alerts last; --all shows ended ones" in out(capsys)


def test_a_forecast_is_listed_with_what_will_be_spent(place, capsys):
    take(place, budget(100, days_ago(1), kind=FindingKind.BUDGET_FORECAST))
    take(place, budget(80, days_ago(1)))
    say(place, "list", "--kind", "budget-forecast")
    printed = out(capsys)
    assert "forecast $10,200" in printed
    assert "$7,380" not in printed


def test_a_dismissed_alert_that_ended_is_listed_as_over(place, capsys):
    say(place, "dismiss", "1", "--verdict", "real")
    with writing(place.app().engine) as session:
        alert = store.get_alert(session, 1)
        store.save_alerts(session, [replace(alert, ended=True)])
    say(place, "list", "--state", "dismissed")
    assert "dismissed, over" in out(capsys)


@pytest.mark.parametrize(
    "command",
    [
        ["show"],
        ["why"],
        ["ack"],
        ["dismiss"],
        ["dismiss", "--verdict", "real"],
        ["snooze", "--for", "4h"],
        ["undo"],
    ],
)
def test_fault_78_an_alert_that_is_not_there_is_the_same_mistake_everywhere(place, capsys, command):
    say(place, *command, "77", code=2)
    assert "there is no alert A-77; `spendwatch alerts list --all` shows them" in out(capsys)


@pytest.mark.parametrize("note", ["   ", "\u200b"])
def test_a_blank_note_is_no_note_and_no_answer_without_its_verdict(place, capsys, note):
    say(place, "dismiss", "1", "--note", note)
    say(place, "ack", "1", "--note", note)
    say(place, "why", "1")
    assert "(no name)" not in out(capsys)
    assert replies(place)[0].note == ""


def test_a_name_nobody_has_is_refused(place, capsys):
    say(place, "ack", "1", "--as", "x" * 201, code=2)
    assert "--as has 201 characters; a name of at most 200 is kept" in out(capsys)
    say(place, "ack", "1", "--as", "x" * 200)


def test_only_an_answer_in_force_is_listed_as_one(place, capsys):
    answered(place, Verb.ACKNOWLEDGE, NOW - timedelta(minutes=30), "jonas")
    say(place, "list")
    assert "jonas" in out(capsys)
    take(place, spike(TODAY, actual=300, expected=0), now=NOW)
    assert alert_of(place).state is AlertState.OPEN
    say(place, "list")
    assert "jonas" not in out(capsys)


def test_a_snooze_that_is_over_is_told_with_the_next_run(place, capsys):
    past = {"until": NOW - timedelta(minutes=10)}
    answered(place, Verb.SNOOZE, NOW - timedelta(minutes=30), **past)
    say(place, "why", "1")
    assert out(capsys).endswith("  now: snooze over: it is told with the next run\n")


def test_what_a_withdrawn_alert_was_and_is_stays_to_be_seen_without_its_drivers(tmp_path, capsys):
    place = Installation(tmp_path)
    first = FIRST + timedelta(days=20)
    place.write_days(20, 100)
    place.write_day(first, ["acme,chat,gpt-4o,900"])
    place.judge(first)
    say(place, "show", "1")
    assert "expected" in out(capsys)
    place.write_day(first, ["acme,chat,gpt-4o,101"])
    place.judge(first)
    say(place, "why", "1")
    assert "withdrawn, day Mon 21 Sep, was $900, now $101: told to desk" in out(capsys)
    say(place, "show", "1")
    shown = out(capsys)
    assert "withdrawn, Mon 21 Sep: was $900, now $101" in shown
    assert "expected" not in shown
