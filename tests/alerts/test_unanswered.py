"""Since when nobody has answered: from when an alert became open, however often it was told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts import store
from alerts.interim import Interim
from alerts.knowledge import unanswered_since
from alerts.lifecycle import remind_at
from alerts.model import AlertRules, AlertState, Reason, Verb, Verdict
from alerts.replies import Answer
from spendwatch.db import writing
from tests.alerts.test_waking import Desk
from tests.builders import NOW, an_alert, november, source_stale, spike

HOUR, ONE = timedelta(hours=1), timedelta(days=1)
WARNING, WORSE = spike(actual=500), spike(november(13), actual=900)
ACKNOWLEDGED = Answer(Verb.ACKNOWLEDGE, "ana")


@pytest.fixture
def desk(database):
    return Desk(database)


def since(desk):
    return unanswered_since(desk.alert())


def test_a_reminder_does_not_begin_the_time_without_an_answer_anew(desk):
    desk.judge(WARNING)
    desk.wake(NOW + 24 * HOUR)
    assert desk.told() == [Reason.NEW, Reason.REMINDER]
    assert (desk.alert().told_at, since(desk)) == (NOW, NOW)


def test_worse_than_what_was_answered_is_open_since_it_was_told(desk):
    desk.judge(WARNING)
    desk.answer(ACKNOWLEDGED, now=NOW + HOUR)
    desk.judge(WORSE, now=NOW + ONE, day=november(13))
    assert since(desk) == NOW + ONE
    desk.wake(NOW + 2 * ONE)
    assert "since 14 Nov 06:10 UTC, and nobody is on it" in desk.messages()[-1]


def test_a_snoozed_alert_is_open_since_the_snooze_was_over(desk):
    desk.judge(WARNING)
    desk.answer(Answer(Verb.SNOOZE, "ana", until=NOW + ONE), now=NOW + HOUR)
    assert since(desk) == NOW + ONE
    desk.wake(NOW + ONE + HOUR)
    assert (desk.alert().state, since(desk)) == (AlertState.OPEN, NOW + ONE + HOUR)
    desk.wake(NOW + 2 * ONE + HOUR)
    assert "since 14 Nov 07:10 UTC, and nobody is on it" in desk.messages()[-1]


def test_an_undone_answer_leaves_it_open_since_then_and_is_reminded_of_a_day_later(desk):
    desk.judge(WARNING)
    desk.answer(ACKNOWLEDGED, now=NOW + HOUR)
    desk.answer(Answer(Verb.UNDO, "ana"), now=NOW + 30 * HOUR)
    assert since(desk) == NOW + 30 * HOUR
    desk.wake(NOW + 53 * HOUR)
    assert desk.told() == [Reason.NEW]
    desk.wake(NOW + 54 * HOUR)
    assert desk.told() == [Reason.NEW, Reason.REMINDER]
    assert "since 14 Nov 12:10 UTC" in desk.messages()[-1]


def test_a_verdict_taken_back_after_it_woke_leaves_it_open_since_it_woke(desk):
    desk.judge(WARNING)
    desk.answer(Answer(Verb.DISMISS, "ana", Verdict.EXPECTED), now=NOW + HOUR)
    desk.judge(WORSE, now=NOW + ONE, day=november(13))
    desk.answer(Answer(Verb.UNDO, "ana"), now=NOW + 2 * ONE)
    assert (desk.alert().state, since(desk)) == (AlertState.OPEN, NOW + ONE)


def test_what_goes_on_after_all_is_open_since_that_was_seen(desk):
    desk.judge(source_stale())
    desk.judge(now=NOW + ONE, day=november(13))
    assert desk.alert().ended
    desk.judge(source_stale(november(13)), now=NOW + 2 * ONE, day=november(13))
    assert (desk.alert().state, since(desk)) == (AlertState.OPEN, NOW + 2 * ONE)


def test_an_alert_of_before_this_was_kept_is_open_since_it_was_opened(desk):
    desk.judge(WARNING)
    with writing(desk.engine) as session:
        store.save_alerts(session, [replace(store.get_alert(session, 1), open_since=None)])
    assert since(desk) == NOW
    desk.wake(NOW + 24 * HOUR)
    assert desk.told() == [Reason.NEW, Reason.REMINDER]


def test_news_of_an_open_alert_puts_the_reminder_off_and_not_since_when_it_is_open(desk):
    desk.judge(WARNING)
    desk.judge(WORSE, now=NOW + ONE, day=november(13))
    assert desk.told() == [Reason.NEW, Reason.WORSE]
    assert since(desk) == NOW
    assert remind_at(desk.alert(), AlertRules()) == NOW + 2 * ONE


def test_the_digest_puts_first_what_has_waited_for_the_longest_time():

    again = an_alert(number=1, open_since=NOW + ONE)
    waiting = an_alert(number=2, opened_at=NOW + HOUR, open_since=None)
    interim = Interim(NOW, NOW + 2 * ONE, lasting=(again, waiting))
    assert [each.number for each in interim.unanswered] == [2, 1]
