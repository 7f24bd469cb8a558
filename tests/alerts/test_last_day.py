"""The last day that a dismissal may name: what it teaches, what is refused, how it is undone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import store
from alerts.lifecycle import SenselessReply, open_alert
from alerts.messages import alert_message
from alerts.model import AlertState, Change, Teaching, Verb, Verdict
from alerts.replies import Answer, answer, midnight, what_answers_teach
from alerts.story import story_of
from alerts.verdicts import LONGEST_DAYS, describe_lesson, lesson, preview, until_problem
from detector.model import Effect
from spendwatch.db import reading, writing
from tests.builders import NOW, an_alert, budget, november, spike

TEACHING = Teaching()
TODAY, LAST = NOW.date(), november(30)
LASTING = {Verdict.EXPECTED, Verdict.FALSE_ALARM}


@pytest.fixture
def opened(database):
    """A database with one spike of 12 Nov."""
    with writing(database) as session:
        store.insert_alerts(session, [open_alert(spike(actual=431), NOW)])
    return database


def dismiss(database, verdict=Verdict.EXPECTED, until=LAST, at=NOW):
    with writing(database) as session:
        given = Answer(Verb.DISMISS, "alice", verdict, until=until and midnight(until))
        return answer(session, 1, given, at, TEACHING)


def lessons(database):
    with reading(database) as session:
        return tuple(
            each.lesson
            for each in what_answers_teach(
                store.dismissals(session), TEACHING, lambda _tenant, _day: None
            )
        )


def test_what_was_expected_until_a_day_stays_out_up_to_it(opened):
    answered = dismiss(opened)
    assert answered.words == (
        "A-1 dismissed as expected: 12 to 30 Nov will stay out of acme's baseline"
    )
    (learned,) = lessons(opened)
    assert learned == answered.lesson
    assert (learned.effect, max(learned.days)) == (Effect.LEAVE_OUT, LAST)


def test_a_false_alarm_until_a_day_raises_the_floor_no_longer(opened):
    answered = dismiss(opened, Verdict.FALSE_ALARM)
    assert answered.words.endswith("acme's floor rises to $125 until 30 Nov")
    (learned,) = lessons(opened)
    assert (learned.from_day, learned.until_day) == (november(13), LAST)


def test_a_last_day_neither_snoozes_an_alert_nor_wakes_it(opened):
    alert = dismiss(opened).alert
    assert (alert.state, alert.snoozed_until) == (AlertState.DISMISSED, None)


def test_normal_days_between_two_abnormal_ones_that_were_seen_stay_in():
    alert = an_alert(spike(november(10)))
    later = replace(alert.abnormal[0], day=november(12))
    both = replace(alert, abnormal=(*alert.abnormal, later))
    learned = lesson(both, Verdict.EXPECTED, NOW, TEACHING, until=november(14))
    assert learned.days == {november(day) for day in (10, 12, 13, 14)}


@pytest.mark.parametrize("verdict", sorted(set(Verdict) - LASTING))
def test_the_other_verdicts_refuse_a_last_day(opened, verdict):
    with pytest.raises(SenselessReply, match="only expected and false alarm have a last day"):
        dismiss(opened, verdict)
    assert lessons(opened) == ()


@pytest.mark.parametrize(
    ("until", "words"),
    [
        (november(12), r"must be Fri 13 Nov or later; Thu 12 Nov is over"),
        (TODAY + timedelta(days=91), r"at most 90 days ahead, on Thu 11 Feb"),
    ],
)
@pytest.mark.parametrize("verdict", sorted(LASTING))
def test_fault_83_a_last_day_that_is_over_or_too_far_is_refused(opened, verdict, until, words):
    with pytest.raises(SenselessReply, match=words):
        dismiss(opened, verdict, until)
    with reading(opened) as session:
        assert store.replies_of(session, 1) == ()


@pytest.mark.parametrize(
    "alert", [an_alert(budget()), replace(an_alert(), abnormal=())], ids=["budget", "withdrawn"]
)
def test_what_teaches_nothing_has_no_last_day(alert):
    assert "teaches nothing" in until_problem(alert, Verdict.EXPECTED, LAST, NOW)
    assert preview(alert, Verdict.EXPECTED, [], NOW, TEACHING, "Acme").lasting == ""


def test_an_alert_of_today_has_a_last_day_after_it():
    alert = an_alert(spike(TODAY))
    assert "Sat 14 Nov or later" in until_problem(alert, Verdict.FALSE_ALARM, TODAY, NOW)


@given(st.sampled_from(sorted(LASTING)), st.integers(1, LONGEST_DAYS))
def test_whatever_last_day_is_taken_the_lesson_ends_with_it(verdict, ahead):
    until = TODAY + timedelta(days=ahead)
    assert until_problem(an_alert(), verdict, until, NOW) == ""
    learned = lesson(an_alert(), verdict, NOW, TEACHING, until=until)
    assert until in (learned.until_day, max(learned.days, default=None))


def test_an_undo_forgets_the_last_day_too(opened):
    dismiss(opened)
    with writing(opened) as session:
        answer(session, 1, Answer(Verb.UNDO, "bob"), NOW + timedelta(hours=1), TEACHING)
    assert lessons(opened) == ()


def test_the_same_dismissal_to_another_day_is_another_answer(opened):
    dismiss(opened)
    assert "nothing changed" in dismiss(opened, at=NOW + timedelta(hours=1)).words
    dismiss(opened, until=november(20), at=NOW + timedelta(hours=2))
    assert max(lessons(opened)[0].days) == november(20)


def test_message_and_story_say_until_when(opened):
    answered = dismiss(opened)
    message = alert_message(answered.alert, Change.UNCHANGED, {}, reply=answered.reply)
    (said,) = [line.text for line in message.lines if line.label == "Answer"]
    assert said == "alice dismissed it as expected on 13 Nov 06:10 UTC, until Mon 30 Nov"
    with reading(opened) as session:
        (told,) = story_of(session, 1)
    assert told.words == "alice dismissed it as expected until Mon 30 Nov (open -> dismissed)"


def test_a_preview_says_what_naming_a_last_day_would_add():
    found = {each: preview(an_alert(), each, [], NOW, TEACHING, "Acme") for each in Verdict}
    assert {each for each, seen in found.items() if seen.lasting} == LASTING
    named = preview(an_alert(), Verdict.EXPECTED, [], NOW, TEACHING, "Acme", LAST)
    assert (named.effect, named.lasting) == (
        "12 to 30 Nov will stay out of Acme's baseline", "",
    )  # fmt: skip
    assert describe_lesson(
        lesson(an_alert(), Verdict.REAL, NOW, TEACHING, until=LAST), "Acme"
    ).startswith("12 Nov will")
