from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import col, update

from alerts.holds import Silence
from alerts.intake import take_in
from alerts.model import Teaching, Verb, Verdict
from alerts.outbox import Act, Asked, remember
from alerts.replies import Answer, answer
from alerts.story import story_of
from alerts.tables import DecisionRow, NotificationRow
from alerts.waking import wake
from spendwatch.db import reading, writing
from tests.builders import DAY, NOW, a_telling, judgement, november, spike

HOUR = timedelta(hours=1)
SILENCE = Silence("S-3", "", None, None, NOW, NOW + HOUR, "moving", "aiko")


@pytest.fixture
def opened(database):
    """A database with one alert of $80, told to ops."""
    judge(database, spike(actual=80, expected=0))
    return database


def judge(database, *findings, day=DAY, now=NOW, **situation):
    with writing(database) as session:
        take_in(session, judgement(*findings, day=day), a_telling(now, **situation))


def give(database, verb, actor="aiko", *, at=NOW + HOUR, **more):
    with writing(database) as session:
        answer(session, 1, Answer(verb, actor, **more), at, Teaching())


def sent(database, **values):
    """Let the one notification come so far."""
    with writing(database) as session:
        session.execute(update(NotificationRow).where(col(NotificationRow.number) == 1), values)


def story(database):
    with reading(database) as session:
        return story_of(session, 1)


def lines(database):
    return [each.words for each in story(database)]


def test_what_is_told_says_to_whom_and_how_far_it_has_come(opened):
    assert lines(opened) == ["opened, day Thu 12 Nov: told to ops, waiting to be sent"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"state": "sent", "sent_at": NOW + HOUR}, "told to ops, sent 13 Nov 07:10 UTC"),
        (
            {"state": "retry", "attempts": 2, "error": "no answer", "due_at": NOW + HOUR},
            "told to ops, not sent yet after 2 attempts: no answer, next try 13 Nov 07:10 UTC",
        ),
        (
            {"state": "retry", "attempts": 1},
            "told to ops, not sent yet after 1 attempt",
        ),
        (
            {"state": "dead", "attempts": 9, "error": "no such\x1b[2J receiver"},
            "told to ops, given up after 9 attempts: no such receiver; "
            "to try again: spendwatch outbox retry 1",
        ),
        ({"state": "dropped"}, "told to ops, never sent: dropped"),
    ],
)
def test_every_state_of_a_delivery_is_said(opened, values, words):
    sent(opened, **values)
    assert lines(opened) == [f"opened, day Thu 12 Nov: {words}"]
    (fact,) = story(opened)[0].facts["deliveries"]
    assert (fact["receiver"], fact["state"]) == ("ops", values["state"])


def test_who_dropped_a_message_is_named(opened):
    with writing(opened) as session:
        row = session.get(NotificationRow, 1)
        row.state = "dropped"
        remember(row, Act(Asked.DROP, "aiko", NOW, "everybody knows"))
    assert lines(opened)[0].endswith("never sent: dropped by aiko: everybody knows")


def test_what_is_held_back_says_why_and_by_whom(database):
    judge(database, spike(actual=80, expected=0), silences=(SILENCE,))
    (held,) = story(database)
    assert held.what == "held back"
    assert held.words == (
        "opened, day Thu 12 Nov: held back, silenced: S-3 by aiko, until 13 Nov 07:10 UTC: moving"
    )
    assert held.facts["deliveries"] == []


def judge_three(database):
    three = [spike(tenant=name) for name in ("acme", "bolt", "corp")]
    judge(database, *three, group_above=1, receivers={"": "ops"})


def test_news_in_one_message_with_others_counts_as_told(database):
    judge_three(database)
    (told,) = story(database)
    assert (told.what, told.words) == (
        "told",
        "opened, day Thu 12 Nov: told to ops in one message with others, waiting to be sent",
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"state": "sent", "sent_at": NOW + HOUR}, "sent 13 Nov 07:10 UTC"),
        (
            {"state": "dead", "attempts": 1},
            "given up after 1 attempt; to try again: spendwatch outbox retry 1",
        ),
        ({"state": "dropped"}, "never sent: dropped"),
    ],
)
def test_what_became_of_a_message_is_said_of_every_alert_it_told(database, values, words):
    judge_three(database)
    sent(database, **values)
    for number in (1, 2, 3):
        with reading(database) as session:
            (told,) = story_of(session, number)
        assert told.words.endswith(f"told to ops in one message with others, {words}")
        assert told.facts["deliveries"][0]["state"] == values["state"]


def test_two_messages_of_one_moment_are_told_apart_by_their_keys(database):
    judge(database, spike(actual=80, expected=0), now=NOW)
    worse = spike(november(13), actual=200, expected=0)
    judge(database, worse, day=november(13), now=NOW)
    sent(database, state="dropped")
    assert lines(database) == [
        "opened, day Thu 12 Nov: told to ops, never sent: dropped",
        "worse, day Fri 13 Nov: told to ops, waiting to be sent",
    ]


def test_decisions_of_before_keys_were_kept_are_told_by_the_moment(opened):
    with writing(opened) as session:
        session.execute(update(DecisionRow).values(message_key=""))
    assert lines(opened) == ["opened, day Thu 12 Nov: told to ops, waiting to be sent"]


def test_news_grouped_before_keys_were_kept_is_told_with_others(database):
    judge_three(database)
    with writing(database) as session:
        session.execute(update(DecisionRow).values(message_key=""))
    assert lines(database) == ["opened, day Thu 12 Nov: told in one message with others"]


def test_answers_stand_in_their_order_with_actor_note_and_both_states(opened):
    give(opened, Verb.ACKNOWLEDGE, note="looking")
    give(opened, Verb.SNOOZE, "jonas", at=NOW + 2 * HOUR, until=NOW + 3 * HOUR)
    give(opened, Verb.UNDO, "jonas", at=NOW + 2 * HOUR)
    give(opened, Verb.DISMISS, verdict=Verdict.FALSE_ALARM, at=NOW + 2 * HOUR)
    give(opened, Verb.DISMISS, verdict=Verdict.REAL, at=NOW + 3 * HOUR)
    assert lines(opened)[1:] == [
        "aiko acknowledged it (open -> acknowledged): looking",
        "jonas snoozed it until 13 Nov 09:10 UTC (acknowledged -> snoozed)",
        "jonas undid what jonas snoozed on 13 Nov 08:10 UTC (snoozed -> acknowledged)",
        "aiko dismissed it as false alarm (acknowledged -> dismissed)",
        "aiko dismissed it as real (still dismissed)",
    ]


def test_waking_stands_between_the_answer_and_what_came_after(opened):
    give(opened, Verb.SNOOZE, until=NOW + 2 * HOUR)
    with writing(opened) as session:
        wake(session, DAY, a_telling(NOW + 2 * HOUR))
    give(opened, Verb.ACKNOWLEDGE, at=NOW + 3 * HOUR)
    judge(opened, spike(november(13), actual=140, expected=0), day=november(13), now=NOW + 4 * HOUR)
    assert [each.what for each in story(opened)] == [
        "told", "snooze", "told", "acknowledge", "told",
    ]  # fmt: skip
    assert lines(opened)[2] == "snooze ended, day Thu 12 Nov: told to ops, waiting to be sent"
    assert lines(opened)[4] == "worse, day Fri 13 Nov: told to ops, waiting to be sent"


def test_fault_92_what_people_wrote_cannot_break_a_line(opened):
    give(opened, Verb.ACKNOWLEDGE, "eve\x1b[2J\n", note="a\nb\u202ec")
    assert lines(opened)[1] == "eve acknowledged it (open -> acknowledged): a bc"


def test_moments_are_said_as_the_caller_says_them(opened):
    give(opened, Verb.SNOOZE, until=NOW + 2 * HOUR)
    with reading(opened) as session:
        words = story_of(session, 1, lambda at: at.strftime("%H h"))[1].words
    assert words == "aiko snoozed it until 08 h (open -> snoozed)"


def test_what_a_day_judged_again_was_and_is_stands_in_the_story(opened):
    judge(opened, spike(actual=180, expected=0), now=NOW + HOUR)
    judge(opened, spike(actual=120, expected=0), now=NOW + 2 * HOUR)
    judge(opened, now=NOW + 3 * HOUR, spent={"acme": 60_000_000})
    assert lines(opened)[2:] == [
        "revised, day Thu 12 Nov, was $180, now $120: told to ops, waiting to be sent",
        "withdrawn, day Thu 12 Nov, was $120, now $60: told to ops, waiting to be sent",
    ]


def test_what_is_revised_in_silence_keeps_its_amounts_too(opened):
    give(opened, Verb.ACKNOWLEDGE, at=NOW)
    judge(opened, spike(actual=60, expected=0), now=NOW + HOUR)
    assert lines(opened)[-1] == (
        "revised, day Thu 12 Nov: held back, acknowledged: was $80, now $60"
    )
