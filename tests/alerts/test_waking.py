from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import Session, select

from alerts import store
from alerts.holds import QuietHours
from alerts.intake import take_in
from alerts.model import AlertRules, Reason, Teaching, Verb, Verdict
from alerts.replies import Answer, answer
from alerts.tables import NotificationRow
from alerts.waking import wake
from detector.model import Severity
from spendwatch.db import writing
from tests.builders import (
    DAY,
    NOW,
    a_telling,
    budget,
    judgement,
    november,
    price_change,
    source_stale,
    spike,
)

HOUR, ONE = timedelta(hours=1), timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = {"ops": QuietHours(time(22), time(7), BERLIN)}
WARNING, CRITICAL = spike(actual=500), spike(actual=1_284)


def night(zone=BERLIN, begin=22, end=7):
    return {"ops": QuietHours(time(begin), time(end), zone)}


@pytest.fixture
def desk(database):
    return Desk(database)


class Desk:
    """Takes findings in and lets time pass; remembers what was told."""

    def __init__(self, engine):
        self.engine = engine

    def judge(self, *findings, now=NOW, day=DAY, **around):
        with writing(self.engine) as session:
            return take_in(session, judgement(*findings, day=day), a_telling(now, **around))

    def wake(self, now, *, day=DAY, **around):
        with writing(self.engine) as session:
            return wake(session, day, a_telling(now, **around))

    def answer(self, given, number=1, now=NOW):
        with writing(self.engine) as session:
            return answer(session, number, given, now, Teaching())

    def told(self):
        """Why each message was written, in their order."""
        with Session(self.engine) as session:
            query = select(NotificationRow.reason).order_by(NotificationRow.number)
            return [Reason(reason) for reason in session.exec(query)]

    def messages(self):
        """The title and lines of each message, in their order."""
        with Session(self.engine) as session:
            rows = session.exec(select(NotificationRow).order_by(NotificationRow.number))
            return [
                " | ".join([row.message["title"], *(each["text"] for each in row.message["lines"])])
                for row in rows
            ]

    def alert(self, number=1):
        with Session(self.engine) as session:
            return store.get_alert(session, number)

    def decisions(self, number=1):
        with Session(self.engine) as session:
            return store.decisions_of(session, number)


def berlin(day, hour, minute=0, month=11):
    return datetime(2026, month, day, hour, minute, tzinfo=BERLIN).astimezone(UTC)


def test_an_unanswered_alert_is_reminded_of_once_after_24_hours(desk):
    desk.judge(WARNING)
    desk.wake(NOW + 24 * HOUR - timedelta(seconds=1))
    assert desk.told() == [Reason.NEW]
    for hours in (24, 25, 24 * 9):
        desk.wake(NOW + hours * HOUR)
    assert desk.told() == [Reason.NEW, Reason.REMINDER]


@pytest.mark.parametrize(
    "given",
    [
        Answer(Verb.ACKNOWLEDGE, "ana"),
        Answer(Verb.DISMISS, "ana", Verdict.EXPECTED),
        Answer(Verb.SNOOZE, "ana", until=NOW + 30 * ONE),
    ],
    ids=lambda given: given.verb,
)
def test_an_answered_alert_is_not_reminded_of(desk, given):
    desk.judge(WARNING)
    desk.answer(given)
    desk.wake(NOW + 48 * HOUR)
    assert desk.told() == [Reason.NEW]


@pytest.mark.parametrize(
    "finding", [budget(80), price_change(), spike(severity=Severity.NOTICE)], ids=lambda f: f.kind
)
def test_budgets_events_and_notices_are_not_reminded_of(desk, finding):
    desk.judge(finding)
    desk.wake(NOW + 48 * HOUR)
    assert desk.told() == [Reason.NEW]


def test_a_silent_source_is_reminded_of(desk):
    desk.judge(source_stale())
    desk.wake(NOW + 24 * HOUR)
    assert desk.told() == [Reason.NEW, Reason.REMINDER]


def test_reminders_can_be_off_or_come_later(desk):
    desk.judge(WARNING)
    desk.wake(NOW + 100 * ONE, rules=AlertRules(remind_after=None))
    desk.wake(NOW + 47 * HOUR, rules=AlertRules(remind_after=48 * HOUR))
    assert desk.told() == [Reason.NEW]
    desk.wake(NOW + 48 * HOUR, rules=AlertRules(remind_after=48 * HOUR))
    assert desk.told() == [Reason.NEW, Reason.REMINDER]


def test_what_got_worse_and_was_told_again_may_be_reminded_of_again(desk):
    desk.judge(WARNING)
    desk.wake(NOW + 24 * HOUR)
    worse = NOW + 30 * HOUR
    desk.judge(spike(november(13), actual=900), now=worse, day=november(13))
    desk.wake(worse + 23 * HOUR)
    assert desk.told() == [Reason.NEW, Reason.REMINDER, Reason.WORSE]
    desk.wake(worse + 24 * HOUR)
    desk.wake(worse + 48 * HOUR)
    assert desk.told() == [Reason.NEW, Reason.REMINDER, Reason.WORSE, Reason.REMINDER]


def test_what_is_over_is_not_reminded_of(desk):
    desk.judge(source_stale())
    desk.judge(now=NOW + ONE, day=november(13))
    desk.wake(NOW + 5 * ONE)
    assert desk.told() == [Reason.NEW, Reason.RESOLVED]


@pytest.mark.parametrize("finding", [WARNING, CRITICAL], ids=lambda finding: finding.severity)
def test_a_reminder_never_speaks_in_quiet_hours(desk, finding):
    desk.judge(finding, now=berlin(13, 21), quiet_hours=NIGHT)
    desk.wake(berlin(14, 22, 30), quiet_hours=NIGHT)
    desk.wake(berlin(15, 6, 59), quiet_hours=NIGHT)
    assert desk.told() == [Reason.NEW]
    desk.wake(berlin(15, 7), quiet_hours=NIGHT)
    desk.wake(berlin(15, 8), quiet_hours=NIGHT)
    assert desk.told() == [Reason.NEW, Reason.REMINDER]


def test_a_warning_in_quiet_hours_is_held_with_its_reason_and_told_once_after(desk):
    desk.judge(WARNING, now=berlin(13, 3), quiet_hours=NIGHT)
    held = desk.decisions()[0]
    assert (held.notified, held.reason) == (False, Reason.QUIET_HOURS)
    assert held.detail == "until 13 Nov 06:00 UTC"
    desk.wake(berlin(13, 6, 59), quiet_hours=NIGHT)
    assert desk.told() == []
    for hour in (7, 8, 23):
        desk.wake(berlin(13, hour), quiet_hours=NIGHT)
    assert desk.told() == [Reason.NEW]
    # What was held was noted once, however often it was looked at.
    assert Counter(each.reason for each in desk.decisions()) == {
        Reason.QUIET_HOURS: 1,
        Reason.NEW: 1,
    }


def test_what_is_critical_speaks_at_once(desk):
    desk.judge(CRITICAL, now=berlin(13, 3), quiet_hours=NIGHT)
    assert desk.told() == [Reason.NEW]


def test_what_turns_critical_at_night_speaks_in_the_same_run(desk):
    desk.judge(WARNING, now=berlin(13, 3), quiet_hours=NIGHT)
    desk.judge(spike(november(13)), now=berlin(13, 4), day=november(13), quiet_hours=NIGHT)
    desk.wake(berlin(13, 4), quiet_hours=NIGHT)
    assert desk.told() == [Reason.NEW]
    desk.wake(berlin(13, 9), quiet_hours=NIGHT)
    assert desk.told() == [Reason.NEW]


def test_what_ended_before_the_quiet_hours_did_is_not_told(desk):
    stale = spike(actual=500)
    desk.judge(stale, now=berlin(13, 23), quiet_hours=NIGHT)
    for day in (13, 14):
        desk.judge(now=berlin(14, 1), day=november(day), quiet_hours=NIGHT)
    desk.wake(berlin(14, 9), quiet_hours=NIGHT)
    assert desk.told() == []
    assert desk.alert().ended


def test_what_another_alert_of_the_budget_tells_is_not_told_as_over_in_the_morning(desk):
    desk.judge(budget(50))
    worse = budget(80, november(13))
    desk.judge(worse, now=berlin(13, 23), day=november(13), quiet_hours=NIGHT)
    lowered = budget(100, november(13), cap=7_000)
    desk.judge(lowered, now=berlin(14, 1), day=november(13), quiet_hours=NIGHT)
    desk.wake(berlin(14, 9), quiet_hours=NIGHT)
    assert desk.told() == [Reason.NEW, Reason.NEW]
    assert (desk.alert(1).ended, desk.alert(1).held) == (True, None)


def test_an_answer_given_at_night_leaves_nothing_to_tell(desk):
    desk.judge(WARNING, now=berlin(13, 3), quiet_hours=NIGHT)
    desk.answer(Answer(Verb.ACKNOWLEDGE, "ana"), now=berlin(13, 4))
    desk.wake(berlin(13, 9), quiet_hours=NIGHT)
    assert desk.told() == []


def test_quiet_hours_are_those_of_the_receiver_alone(desk):
    bolts = spike(tenant="bolt", actual=500)
    desk.judge(WARNING, bolts, now=berlin(13, 3), quiet_hours=NIGHT)
    with Session(desk.engine) as session:
        rows = session.exec(select(NotificationRow)).all()
        assert [row.receiver for row in rows] == ["bolt-team"]


@pytest.mark.parametrize(
    ("now", "asleep"),
    [
        (berlin(13, 11, 59), False),
        (berlin(13, 12), True),
        (berlin(13, 13, 59), True),
        (berlin(13, 14), False),
        (berlin(14, 2), False),
    ],
)
def test_quiet_hours_within_one_day_end_the_same_day(desk, now, asleep):
    desk.judge(WARNING, now=now, quiet_hours=night(begin=12, end=14))
    assert desk.told() == ([] if asleep else [Reason.NEW])


def test_quiet_hours_are_in_the_zone_of_the_receiver(desk):
    # 23:00 in Berlin is 7:00 of the next day in Tokyo: the night there is over.
    desk.judge(WARNING, now=berlin(13, 23), quiet_hours=night(ZoneInfo("Asia/Tokyo")))
    assert desk.told() == [Reason.NEW]


@pytest.mark.parametrize(
    ("evening", "ends_at"),
    [
        (berlin(28, 23, month=3), datetime(2026, 3, 29, 5, tzinfo=UTC)),
        (berlin(24, 23, month=10), datetime(2026, 10, 25, 6, tzinfo=UTC)),
    ],
    ids=["spring", "autumn"],
)
def test_fault_47_a_night_in_which_the_clocks_change_ends_when_the_clock_says(
    desk, evening, ends_at
):
    desk.judge(WARNING, now=evening, quiet_hours=NIGHT)
    desk.wake(ends_at - timedelta(minutes=1), quiet_hours=NIGHT)
    assert desk.told() == []
    desk.wake(ends_at, quiet_hours=NIGHT)
    assert desk.told() == [Reason.NEW]


def test_learning_keeps_spikes_from_speaking_and_nothing_else(desk):
    desk.judge(WARNING, source_stale(), budget(80), learning_until=november(13))
    assert desk.told() == [Reason.NEW, Reason.NEW]
    assert desk.decisions(1)[0].reason is Reason.LEARNING
    desk.wake(NOW + 40 * ONE, learning_until=november(13), rules=AlertRules(remind_after=None))
    assert desk.told() == [Reason.NEW, Reason.NEW]


def test_a_spike_that_lasts_beyond_learning_is_told(desk):
    desk.judge(WARNING, learning_until=november(13))
    later = spike(november(13), actual=510)
    desk.judge(later, now=NOW + ONE, day=november(13), learning_until=november(13))
    desk.wake(NOW + ONE, learning_until=november(13))
    assert desk.told() == [Reason.NEW]
