"""What an audit of decisions and messages says, and what it looks at."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts import outbox, store
from alerts.audit import Evidence
from alerts.auditing import evidence
from alerts.model import Change, Reason
from spendwatch.db import writing
from tests.builders import DAY, NOW, a_notification, an_alert

MINUTE = timedelta(minutes=1)


def said(found, now=NOW):
    return list(found.shortcomings(now, MINUTE))


def test_where_all_is_told_nothing_is_said():
    assert said(Evidence()) == []
    assert said(Evidence(claimed_since=NOW - MINUTE)) == []


def test_everything_that_is_wrong_is_said_without_a_name():
    found = Evidence(untold=(3, 4), claimed_since=NOW - 2 * MINUTE, lost=2)
    assert said(found) == [
        "no message tells what was decided to tell of A-3, A-4",
        "2 messages to the receiver of everything given up",
        "a message is being sent since 13 Nov 06:08 UTC",
    ]
    (many,) = said(Evidence(untold=tuple(range(1, 9))))
    assert many.endswith("A-1, A-2, A-3, A-4, A-5 and 3 more")


@pytest.fixture
def session(database):
    with writing(database) as session:
        (alert,) = store.insert_alerts(session, [replace(an_alert(), number=0)])
        assert alert.number == 1
        yield session


def decide(session, key="told", *, notified=True, at=NOW):
    decision = store.Decision(1, DAY, Change.OPENED, Reason.NEW, notified, at, message_key=key)
    store.add_decisions(session, [decision])


def test_a_decision_whose_message_is_there_is_told(session):
    decide(session)
    outbox.add_notifications(session, [replace(a_notification("told"), alert_number=1)])
    decide(session, "", notified=False)
    assert evidence(session, NOW, "desk") == Evidence()


@pytest.mark.parametrize(("key", "notified"), [("told", True), ("group:1", False), ("", True)])
def test_a_decision_to_tell_without_its_message_is_found_for_two_days(session, key, notified):
    decide(session, key, notified=notified)
    assert evidence(session, NOW, "desk").untold == (1,)
    assert evidence(session, NOW + timedelta(days=2), "desk").untold == (1,)
    assert evidence(session, NOW + timedelta(days=2, seconds=1), "desk").untold == ()


def test_what_is_being_sent_and_what_nobody_was_told_is_found(session):
    for number, (key, receiver) in enumerate([("one", "desk"), ("two", "ops"), ("three", "desk")]):
        told = replace(a_notification(key, receiver=receiver), alert_number=None)
        outbox.add_notifications(session, [told])
        if key != "three":
            at = NOW + number * MINUTE
            mine = outbox.claim(session, key, at, at)
            outbox.record_failure(session, mine, "gone", None, None)
    outbox.claim(session, "three", NOW + 9 * MINUTE, NOW)
    found = evidence(session, NOW, "desk")
    assert (found.claimed_since, found.lost) == (NOW + 9 * MINUTE, 1)


def test_what_is_due_longest_is_found_and_what_waits_for_another_is_not_due(session):
    assert outbox.due_since(session, NOW) is None
    first = replace(a_notification("one"), alert_number=1)
    second = replace(a_notification("two"), alert_number=1, created_at=NOW + MINUTE)
    outbox.add_notifications(session, [first, second])
    assert outbox.due_since(session, NOW + MINUTE) == NOW
    mine = outbox.claim(session, "one", NOW, NOW)
    outbox.record_failure(session, mine, "later", NOW + 15 * MINUTE, None)
    assert outbox.due_since(session, NOW + 14 * MINUTE) is None
    assert outbox.due_since(session, NOW + 16 * MINUTE) == NOW + 15 * MINUTE
