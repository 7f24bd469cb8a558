from __future__ import annotations

from datetime import timedelta

from sqlmodel import Session, select

from alerts import digest_store, outbox, store
from alerts.intake import take_in
from alerts.model import AlertState, Change, Reason, Teaching, Verb, Verdict
from alerts.notice import Notification
from alerts.replies import Answer, answer
from alerts.store import Decision
from alerts.tables import NotificationRow
from spendwatch.db import writing
from tests.builders import DAY, NOW, a_message, a_telling, judgement, november, source_stale, spike

HOUR = timedelta(hours=1)


def taken(database, *findings, now=NOW, day=DAY):
    with writing(database) as session:
        take_in(session, judgement(*findings, day=day), a_telling(now))


def decided(database, number, reason, at, *, notified=False):
    with writing(database) as session:
        decision = Decision(number, DAY, Change.UPDATED, reason, notified, at)
        store.add_decisions(session, [decision])


def held(database, after=NOW - HOUR):
    with Session(database) as session:
        return [
            (each.alert.number, each.reason, each.at)
            for each in digest_store.held_back(session, after)
        ]


def test_of_each_alert_the_newest_reason_that_held_it_back_is_named(database):
    taken(database, spike(), spike(tenant="bolt"))
    decided(database, 1, Reason.QUIET_HOURS, NOW)
    decided(database, 1, Reason.SILENCED, NOW + HOUR)
    decided(database, 2, Reason.LEARNING, NOW)
    assert held(database) == [(1, Reason.SILENCED, NOW + HOUR), (2, Reason.LEARNING, NOW)]


def test_what_was_told_in_one_message_with_others_was_not_held_back(database):
    taken(database, spike(), spike(tenant="bolt"))
    decided(database, 1, Reason.GROUPED, NOW)
    assert held(database) == []


def test_what_was_held_back_before_or_told_or_answered_is_not_named(database):
    taken(database, spike())
    decided(database, 1, Reason.SILENCED, NOW)
    decided(database, 1, Reason.ALREADY_TOLD, NOW + HOUR)
    decided(database, 1, Reason.ACKNOWLEDGED, NOW + HOUR)
    decided(database, 1, Reason.NEW, NOW + HOUR, notified=True)
    assert held(database, after=NOW) == []
    assert held(database, after=NOW - HOUR) == [(1, Reason.SILENCED, NOW)]


def test_what_lasts_is_what_is_in_force_and_not_dismissed(database):
    taken(database, spike(), spike(tenant="bolt"), source_stale())
    with writing(database) as session:
        answer(session, 1, Answer(Verb.DISMISS, "ana", Verdict.EXPECTED), NOW, Teaching())
        answer(session, 2, Answer(Verb.ACKNOWLEDGE, "ana"), NOW, Teaching())
    taken(database, spike(november(13), "bolt"), now=NOW + HOUR, day=november(13))
    with Session(database) as session:
        (alert,) = digest_store.lasting_alerts(session)
    assert (alert.number, alert.state) == (2, AlertState.ACKNOWLEDGED)


def test_what_came_and_went_was_opened_since_and_is_over(database):
    taken(database, source_stale(), spike())
    taken(database, now=NOW + HOUR, day=november(13))
    with Session(database) as session:
        since = digest_store.alerts_that_came_and_went(session, NOW - HOUR)
        assert [alert.number for alert in since] == [1]
        assert digest_store.alerts_that_came_and_went(session, NOW) == ()


def notified(database, key, receiver, reason, at, state="sent"):
    with writing(database) as session:
        notification = Notification(key, None, receiver, reason, a_message(), at)
        outbox.add_notifications(session, [notification])
        row = session.exec(select(NotificationRow).where(NotificationRow.key == key)).one()
        row.state = state


def test_the_last_digest_of_each_receiver_is_known(database):
    notified(database, "a", "ops", Reason.DIGEST, NOW)
    notified(database, "b", "ops", Reason.DIGEST, NOW + HOUR)
    notified(database, "c", "ops", Reason.NEW, NOW + 2 * HOUR)
    notified(database, "d", "bolt-team", Reason.DIGEST, NOW)
    with Session(database) as session:
        assert digest_store.last_digests(session) == {"ops": NOW + HOUR, "bolt-team": NOW}
        assert digest_store.written_keys(session, ["a", "z"]) == {"a"}


def test_only_what_was_given_up_counts_as_undelivered(database):
    for number, state in enumerate(("new", "retry", "dead", "dead", "dropped", "sent")):
        notified(database, str(number), "ops", Reason.NEW, NOW, state)
    with Session(database) as session:
        assert digest_store.undelivered(session) == {"ops": 2}
