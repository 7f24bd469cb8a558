from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event

from alerts import store
from alerts.lifecycle import ReplyRefused, observe, open_alert
from alerts.model import AlertRules, AlertState, Teaching, Verb, Verdict
from alerts.replies import Answer, answer, what_answers_teach
from detector.model import Effect
from spendwatch.db import reading, writing
from tests.builders import NOW, budget, november, spike

ACK, DISMISS = Verb.ACKNOWLEDGE, Verb.DISMISS
TEACHING = Teaching()


@pytest.fixture
def opened(database):
    """A database with one alert, and a way to answer it."""
    insert(database, spike())
    return database


def insert(database, *findings):
    with writing(database) as session:
        return store.insert_alerts(session, [open_alert(each, NOW) for each in findings])


def give(database, verb, verdict=None, note="", actor="alice", *, number=1, at=NOW):
    with writing(database) as session:
        return answer(session, number, Answer(verb, actor, verdict, note), at, TEACHING)


def replies(database, number=1):
    with reading(database) as session:
        return store.replies_of(session, number)


def taught(database, repulled_at=lambda tenant, day: None, at=None):
    with reading(database) as session:
        found = what_answers_teach(store.dismissals(session), TEACHING, repulled_at, at)
        return tuple(each.lesson for each in found)


def test_an_answer_is_kept_with_who_when_and_both_states(opened):
    answered = give(opened, ACK, note="looking")
    (kept,) = replies(opened)
    assert kept == answered.reply
    assert (kept.actor, kept.at, kept.note) == ("alice", NOW, "looking")
    assert (kept.from_state, kept.to_state) == (AlertState.OPEN, AlertState.ACKNOWLEDGED)
    assert answered.lesson is None
    assert answered.words == "A-1 acknowledged: quiet until it ends or gets worse"


def test_a_dismissal_says_what_it_teaches(opened):
    answered = give(opened, DISMISS, Verdict.EXPECTED)
    assert answered.words == "A-1 dismissed as expected: 12 Nov will stay out of acme's baseline"
    assert taught(opened) == (answered.lesson,)


def test_an_answer_that_teaches_no_baseline_is_kept_all_the_same(database):
    insert(database, budget())
    assert give(database, DISMISS, Verdict.EXPECTED).words.endswith("kept on record")
    assert taught(database) == ()


def test_the_same_answer_of_the_same_person_has_one_effect(opened):
    give(opened, ACK)
    again = give(opened, ACK, at=NOW + timedelta(minutes=1))
    assert "nothing changed" in again.words
    assert len(replies(opened)) == 1
    assert again.alert.revision == 2


def test_the_second_of_two_people_is_told_who_was_first(opened):
    give(opened, ACK)
    with pytest.raises(
        ReplyRefused, match="A-1 is already acknowledged, by alice on 13 Nov 06:10 UTC"
    ):
        give(opened, ACK, actor="bob")


def test_fault_76_an_acknowledgement_after_the_end_is_kept_and_changes_nothing(opened):
    acknowledged = give(opened, ACK).alert
    ended = replace(acknowledged, state=AlertState.RESOLVED, ended=True)
    with writing(opened) as session:
        store.save_alerts(session, [ended])
    late = give(opened, ACK, actor="bob")
    assert late.words == "A-1 is already resolved; your answer is kept on record"
    assert late.alert == ended
    assert [(each.actor, each.to_state) for each in replies(opened)] == [
        ("alice", AlertState.ACKNOWLEDGED), ("bob", AlertState.RESOLVED),
    ]  # fmt: skip


@pytest.mark.parametrize("note", ["", "   ", "\u200b"])
def test_a_note_in_which_nothing_can_be_seen_is_no_note(opened, note):
    give(opened, ACK, note=note)
    assert replies(opened)[0].note == ""


@pytest.mark.parametrize(("later_s", "kept"), [(0, 1), (59, 1), (60, 2)])
def test_the_same_length_of_snooze_said_twice_within_a_minute_has_one_effect(opened, later_s, kept):
    for at in (NOW, NOW + timedelta(seconds=later_s)):
        given = Answer(Verb.SNOOZE, "alice", until=at + timedelta(days=2))
        with writing(opened) as session:
            answered = answer(session, 1, given, at, TEACHING)
    assert len(replies(opened)) == kept
    assert ("nothing changed" in answered.words) is (kept == 1)


def test_the_same_snooze_of_another_person_is_an_answer_of_its_own(opened):
    for actor in ("alice", "bob"):
        given = Answer(Verb.SNOOZE, actor, until=NOW + timedelta(days=2))
        with writing(opened) as session:
            answer(session, 1, given, NOW, TEACHING)
    assert [each.actor for each in replies(opened)] == ["alice", "bob"]


def test_an_alert_that_is_not_there_is_refused(database):
    with pytest.raises(ReplyRefused, match="there is no alert A-7; `spendwatch alerts list --all`"):
        give(database, ACK, number=7)


def test_a_note_too_long_to_read_is_refused(opened):
    with pytest.raises(ReplyRefused, match="the note has 1,001 characters; at most 1,000"):
        give(opened, ACK, note="x" * 1_001)
    assert replies(opened) == ()


def test_a_second_dismissal_replaces_the_verdict_and_both_are_kept(opened):
    give(opened, DISMISS, Verdict.FALSE_ALARM)
    give(opened, DISMISS, Verdict.NEW_NORMAL, actor="bob")
    assert [reply.verdict for reply in replies(opened)] == [
        Verdict.FALSE_ALARM,
        Verdict.NEW_NORMAL,
    ]
    assert [lesson.effect for lesson in taught(opened)] == [Effect.RESTART]


def test_an_alert_changed_under_the_answer_is_refused_by_name(opened):
    """Another database than SQLite lets two answers read before either writes."""
    sneak_in(opened, "UPDATE alert SET revision = revision + 1")
    with pytest.raises(ReplyRefused, match="A-1 was changed just now; look at it again"):
        give(opened, ACK)
    assert replies(opened) == ()


def test_the_loser_of_two_answers_at_once_is_told_the_winner(opened):
    give(opened, ACK)
    sneak_in(opened, "UPDATE alert SET revision = revision + 1")
    with pytest.raises(ReplyRefused, match="changed by alice on 13 Nov 06:10 UTC just now"):
        give(opened, DISMISS, Verdict.REAL, actor="bob")


def sneak_in(database, sql):
    """Let somebody else's change slip in just before the answer's own update."""

    @event.listens_for(database, "before_cursor_execute")
    def slip(connection, cursor, statement, parameters, context, executemany):
        if statement.startswith("UPDATE alert SET fingerprint"):
            cursor.execute(sql)


def test_of_many_answers_at_once_one_wins_and_the_others_learn_who(opened):
    def race(number):
        try:
            return give(opened, ACK, actor=f"person-{number}").reply.actor
        except ReplyRefused as refusal:
            return str(refusal)

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(race, range(8)))
    (winner,) = (reply.actor for reply in replies(opened))
    assert outcomes.count(winner) == 1
    assert sum(f"by {winner} on" in outcome for outcome in outcomes) == 7


def test_fault_36_a_dismissed_spike_teaches_which_days_stay_out(database):
    insert(database, spike(), spike(tenant="bolt"))
    give(database, DISMISS, Verdict.REAL)
    give(database, DISMISS, Verdict.FALSE_ALARM, number=2)
    effects = {lesson.tenant: lesson.effect for lesson in taught(database)}
    assert effects == {"acme": Effect.LEAVE_OUT, "bolt": Effect.RAISE_FLOOR}


@pytest.mark.parametrize(("hours", "kept"), [(-1, 1), (1, 0)])
def test_a_data_error_teaches_until_the_day_is_pulled_again(opened, hours, kept):
    give(opened, DISMISS, Verdict.DATA_ERROR)
    pulled_at = NOW + timedelta(hours=hours)
    assert len(taught(opened, lambda tenant, day: pulled_at)) == kept


def test_a_data_error_of_two_days_keeps_the_one_not_pulled_again(opened):
    with writing(opened) as session:
        (alert,) = store.list_alerts(session)
        after, _ = observe(alert, spike(november(13)), november(13), NOW, AlertRules())
        store.save_alerts(session, [after])
    give(opened, DISMISS, Verdict.DATA_ERROR)
    late = NOW + timedelta(hours=1)
    (lesson,) = taught(opened, lambda tenant, day: late if day == november(13) else None)
    assert lesson.days == {november(12)}


def test_answers_teach_what_they_taught_at_a_moment(opened):
    hour = timedelta(hours=1)
    give(opened, DISMISS, Verdict.EXPECTED, at=NOW + hour)
    give(opened, Verb.UNDO, at=NOW + 3 * hour)
    give(opened, DISMISS, Verdict.NEW_NORMAL, at=NOW + 5 * hour)
    effects = [
        [lesson.effect for lesson in taught(opened, at=NOW + hours * hour)]
        for hours in (0, 1, 2, 3, 4, 5)
    ]
    out, again = [Effect.LEAVE_OUT], [Effect.RESTART]
    assert effects == [[], out, out, [], [], again]
    assert [lesson.effect for lesson in taught(opened)] == again


def test_an_answer_given_anew_hides_the_one_before_it_from_then_on(database):
    insert(database, spike(), spike(tenant="bolt"))
    for hours, number, verdict in [(1, 1, Verdict.REAL), (2, 2, Verdict.REAL)]:
        give(database, DISMISS, verdict, number=number, at=NOW + timedelta(hours=hours))
    with writing(database) as session:
        (first, *_) = store.replies_of(session, 1)
        at, verdict = NOW + timedelta(hours=3), Verdict.NEW_NORMAL
        store.append_reply(session, replace(first, at=at, verdict=verdict))
    before = [each.tenant for each in taught(database, at=NOW + timedelta(hours=2))]
    after = [(each.tenant, each.effect) for each in taught(database)]
    assert before == ["acme", "bolt"]
    assert after == [("bolt", Effect.LEAVE_OUT), ("acme", Effect.RESTART)]
