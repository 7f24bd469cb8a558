"""What is critical and nobody answers is told to somebody else, once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import select

from alerts.lifecycle import escalate_at
from alerts.model import AlertRules, AlertState, Reason, Verb
from alerts.replies import Answer
from alerts.tables import NotificationRow
from detector.model import Severity
from spendwatch.db import reading
from tests.alerts.test_waking import NIGHT, Desk, berlin
from tests.builders import NOW, an_alert, november, spike

HOUR = timedelta(hours=1)
RULES = AlertRules(escalate_after=HOUR)
AROUND = {"rules": RULES, "seconds": {"ops": "boss"}}
CRITICAL, WARNING = spike(actual=1_284), spike(actual=500)
ACKNOWLEDGED = Answer(Verb.ACKNOWLEDGE, "ana")


@pytest.fixture
def desk(database):
    return Desk(database)


def told(desk):
    """Who was told why, in their order."""
    with reading(desk.engine) as session:
        rows = session.exec(select(NotificationRow).order_by(NotificationRow.number))
        return [(row.receiver, Reason(row.reason)) for row in rows]


def wake(desk, after, **around):
    return desk.wake(NOW + after, **AROUND | around)


def test_what_is_critical_is_told_to_the_second_once_after_an_hour(desk):
    desk.judge(CRITICAL, **AROUND)
    wake(desk, HOUR - timedelta(seconds=1))
    assert told(desk) == [("ops", Reason.NEW)]
    for hours in (1, 2, 23):
        wake(desk, hours * HOUR)
    assert told(desk) == [("ops", Reason.NEW), ("boss", Reason.ESCALATION)]
    assert desk.messages()[-1].startswith("Acme: nobody has answered, $1,284 on Thu 12 Nov")
    assert "since 13 Nov 06:10 UTC, and nobody is on it" in desk.messages()[-1]


def test_the_first_is_reminded_all_the_same(desk):
    desk.judge(CRITICAL, **AROUND)
    wake(desk, HOUR)
    wake(desk, 24 * HOUR)
    wake(desk, 48 * HOUR)
    assert told(desk)[1:] == [("boss", Reason.ESCALATION), ("ops", Reason.REMINDER)]


@pytest.mark.parametrize(
    ("finding", "around"),
    [
        (WARNING, {}),
        (CRITICAL, {"seconds": {}}),
        (CRITICAL, {"rules": AlertRules()}),
    ],
    ids=["not grave enough", "nobody to tell", "switched off"],
)
def test_it_stays_with_the_first(desk, finding, around):
    desk.judge(finding, **AROUND | around)
    wake(desk, 2 * HOUR, **around)
    assert told(desk) == [("ops", Reason.NEW)]


def test_less_grave_alerts_go_further_up_where_that_is_wished(desk):
    around = {"rules": replace(RULES, escalate_from=Severity.WARNING)}
    desk.judge(WARNING, **AROUND | around)
    wake(desk, HOUR, **around)
    assert told(desk)[1:] == [("boss", Reason.ESCALATION)]


def test_an_answer_in_time_keeps_it_from_going_further_up(desk):
    desk.judge(CRITICAL, **AROUND)
    desk.answer(ACKNOWLEDGED, now=NOW + HOUR / 2)
    wake(desk, 2 * HOUR)
    assert told(desk) == [("ops", Reason.NEW)]


def test_once_it_is_open_anew_it_may_go_further_up_again(desk):
    desk.judge(CRITICAL, **AROUND)
    wake(desk, HOUR)
    desk.answer(ACKNOWLEDGED, now=NOW + 2 * HOUR)
    desk.answer(Answer(Verb.UNDO, "ana"), now=NOW + 3 * HOUR)
    wake(desk, 4 * HOUR)
    assert told(desk)[1:] == [("boss", Reason.ESCALATION)] * 2


def test_it_wakes_the_second_at_night(desk):
    at = berlin(13, 23)
    desk.judge(CRITICAL, now=at, **AROUND)
    quiet = {"boss": NIGHT["ops"]}
    desk.wake(at + HOUR, quiet_hours=quiet, **AROUND)
    assert told(desk)[1:] == [("boss", Reason.ESCALATION)]


def test_who_was_told_further_up_hears_of_the_end(desk):
    desk.judge(CRITICAL, **AROUND)
    wake(desk, HOUR)
    for day in (november(13), november(14)):
        desk.judge(now=NOW + 48 * HOUR, day=day, **AROUND)
    assert told(desk)[2:] == [("ops", Reason.RESOLVED), ("boss", Reason.RESOLVED)]


def test_many_at_once_go_further_up_as_one_message(desk):
    desk.judge(*(spike(actual=1_284, tenant=f"t{number}") for number in range(3)), **AROUND)
    wake(desk, HOUR)
    assert told(desk)[3:] == [("boss", Reason.ESCALATION)]
    assert desk.messages()[-1].startswith("3 alerts still unanswered")


def test_what_was_never_told_is_nobodys_fault():
    alert = an_alert(CRITICAL)
    assert escalate_at(replace(alert, told_at=None), RULES) is None
    assert escalate_at(replace(alert, told_at=NOW), RULES) == NOW + HOUR
    over = replace(alert, told_at=NOW, state=AlertState.RESOLVED)
    assert escalate_at(over, RULES) is None
