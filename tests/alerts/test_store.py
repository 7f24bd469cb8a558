from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from alerts import outbox, store
from alerts.lifecycle import open_alert, reply
from alerts.model import AlertState, Change, Reason, Reply, Verb, Verdict
from detector.model import FindingKind
from spendwatch.db import reading, writing
from tests.builders import (
    DAY,
    NOW,
    a_notification,
    a_reply,
    budget,
    full_spike,
    november,
    one_of_each,
    spike,
)


def insert(database, *findings):
    with writing(database) as session:
        return store.insert_alerts(session, [open_alert(each, NOW) for each in findings])


def get(database, number):
    with reading(database) as session:
        return store.get_alert(session, number)


def test_an_alert_comes_back_as_it_was_stored(database):
    stored = insert(database, *one_of_each())
    assert [get(database, alert.number) for alert in stored] == list(stored)
    assert [alert.number for alert in stored] == list(range(1, 11))


def test_an_infinite_score_is_stored(database):
    (stored,) = insert(database, full_spike(score=float("inf")))
    assert get(database, stored.number).finding.score == float("inf")


def test_two_alerts_cannot_share_a_fingerprint(database):
    insert(database, spike())
    with pytest.raises(IntegrityError):
        insert(database, spike())


def test_nothing_is_stored_where_there_is_nothing(database):
    assert insert(database) == ()
    with writing(database) as session:
        store.save_alerts(session, [])
        store.add_decisions(session, [])
        outbox.add_notifications(session, [])
    assert get(database, 1) is None


def test_alerts_are_listed_newest_first_and_filtered(database):
    insert(database, spike(), spike(tenant="bolt"), budget())
    with reading(database) as session:
        listed = store.list_alerts(session)
        assert [alert.number for alert in listed] == [3, 2, 1]
        assert store.list_alerts(session, tenant="bolt") == listed[1:2]
        assert store.list_alerts(session, kind=FindingKind.BUDGET_THRESHOLD) == listed[:1]
        assert store.list_alerts(session, states=[AlertState.DISMISSED]) == ()


def test_a_judgement_touches_what_lasts_what_holds_its_day_and_what_is_named(database):
    lasting, holds, past, named = insert(
        database, *(spike(november(1), tenant=name) for name in "abc"), budget(day=november(1))
    )
    ended = [
        replace(holds, ended=True, judged_day=DAY),
        replace(past, ended=True, judged_day=november(3)),
        replace(named, ended=True, judged_day=november(3)),
    ]
    with writing(database) as session:
        store.save_alerts(session, ended)
        touched = store.alerts_touching(session, DAY, {named.fingerprint, "unknown"})
    assert [alert.number for alert in touched] == [lasting.number, holds.number, named.number]


def test_of_two_moves_from_one_state_only_the_first_counts(database):
    (alert,) = insert(database, spike())
    acknowledged = reply(alert, Verb.ACKNOWLEDGE, None, NOW)
    dismissed = reply(alert, Verb.DISMISS, Verdict.REAL, NOW)
    with writing(database) as session:
        assert store.move_alert(session, alert, acknowledged)
    with writing(database) as session:
        assert not store.move_alert(session, alert, dismissed)
    assert get(database, alert.number) == acknowledged


def test_replies_and_decisions_come_back_in_their_order(database):
    (alert,) = insert(database, spike())
    decision = store.Decision(alert.number, DAY, Change.OPENED, Reason.NEW, notified=True, at=NOW)
    first = replace(a_reply(note="on it"), alert_number=alert.number)
    second = replace(a_reply(Verb.DISMISS, Verdict.REAL), alert_number=alert.number)
    with writing(database) as session:
        first, second = [store.append_reply(session, each) for each in (first, second)]
        store.add_decisions(session, [decision])
    with reading(database) as session:
        assert (first.number, second.number) == (1, 2)
        assert store.replies_of(session, alert.number) == (first, second)
        assert store.decisions_of(session, alert.number) == (decision,)


def test_every_dismissal_comes_back_in_its_order_with_when_it_was_undone(database):
    one, two, three = insert(database, spike(), spike(tenant="bolt"), spike(tenant="corp"))
    with writing(database) as session:
        for number, verdict in [(1, Verdict.REAL), (2, Verdict.EXPECTED), (1, Verdict.NEW_NORMAL)]:
            store.append_reply(session, dismissal(number, verdict))
        undone = replace(a_reply(), alert_number=two.number, verb=Verb.UNDO, undoes=2, at=NOW)
        for reply in (undone, replace(a_reply(), alert_number=three.number)):
            store.append_reply(session, reply)
        found = store.dismissals(session)
    assert [(each.alert, each.reply.verdict, each.undone_at) for each in found] == [
        (one, Verdict.REAL, None),
        (two, Verdict.EXPECTED, NOW),
        (one, Verdict.NEW_NORMAL, None),
    ]


def dismissal(number, verdict):
    states = (AlertState.OPEN, AlertState.DISMISSED)
    return Reply(number, Verb.DISMISS, "alice", NOW, *states, verdict)


def test_a_notification_is_written_once_for_its_key(database):
    (alert,) = insert(database, spike())
    note = replace(a_notification(), alert_number=alert.number)
    with writing(database) as session:
        outbox.add_notifications(session, [note])
    with pytest.raises(IntegrityError), writing(database) as session:
        outbox.add_notifications(session, [note])
