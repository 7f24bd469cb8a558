from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import event
from sqlmodel import select

from alerts import outbox, postings, store
from alerts.channels.base import ChannelError
from alerts.delivery import LEASE, Whom, deliver
from alerts.intake import take_in
from alerts.model import Teaching, Verb, Verdict
from alerts.outbox_queries import NotificationState
from alerts.replies import Answer, answer
from alerts.showing import Known, Showing
from alerts.tables import NotificationRow, PostingRow
from spendwatch.db import reading, writing
from tests.builders import DAY, NAMES, a_telling, judgement, november, spike
from tests.fakes import Crash, FakeClock, RecordingChannel

SECOND = timedelta(seconds=1)
ONE = timedelta(days=1)


class Desk:
    """One receiver whose messages can be changed, on a real database."""

    def __init__(self, database):
        self.database, self.clock = database, FakeClock()
        self.channel = RecordingChannel(self.clock, stands=True)
        self.showing = Showing(
            partial(reading, database),
            partial(writing, database),
            {"ops": self.channel},
            self.clock,
            lambda _session: Known(NAMES, Teaching()),
        )

    def judge(self, *findings, day=DAY):
        with writing(self.database) as session:
            take_in(session, judgement(*findings, day=day), a_telling(self.clock()))

    def deliver(self, **changes):
        return deliver(
            partial(writing, self.database), {"ops": self.channel}, self.clock, **changes
        )

    def answer(self, verb=Verb.ACKNOWLEDGE, **said):
        with writing(self.database) as session:
            given = Answer(verb, "alice", **said)
            answer(session, 1, given, self.clock(), Teaching())

    def rows(self, table):
        with reading(self.database) as session:
            return session.exec(select(table).order_by(*table.__table__.primary_key)).all()

    def titles(self):
        return [title for _, title in self.channel.updated]


@pytest.fixture
def desk(database):
    return Desk(database)


def test_the_first_message_about_an_alert_stands_for_it_and_later_news_goes_below(desk):
    desk.judge(spike(actual=400))
    desk.deliver()
    desk.judge(spike(november(13), actual=900), day=november(13))
    desk.deliver()
    root = f"recorded {desk.channel.sent[0].key}"
    assert desk.channel.roots == [None, root]
    assert [row.reference for row in desk.rows(PostingRow)] == [root]


def test_what_shows_an_alert_as_it_is_is_left_alone(desk):
    desk.judge(spike())
    desk.deliver()
    assert desk.showing.show() == (0, ())
    assert desk.channel.updated == []


def test_an_answer_is_shown_in_the_same_message_at_once_and_once(desk):
    desk.judge(spike())
    desk.deliver()
    desk.answer()
    assert desk.showing.show() == (1, ())
    assert desk.titles() == ["Acme: acknowledged, $1,284 on Thu 12 Nov, 3.9x normal"]
    assert desk.showing.show() == (0, ())
    assert len(desk.channel.sent) == 1


def test_the_newest_of_many_changes_is_the_only_one_shown(desk):
    desk.judge(spike())
    desk.deliver()
    desk.answer()
    desk.answer(Verb.UNDO)
    desk.answer(Verb.DISMISS, verdict=Verdict.EXPECTED)
    desk.showing.show()
    assert desk.titles() == ["Acme: dismissed, $1,284 on Thu 12 Nov, 3.9x normal"]


def test_changes_nobody_made_are_shown_apart_but_a_person_waits_for_nothing(desk):
    desk.judge(spike(actual=400))
    desk.deliver()
    desk.judge(spike(actual=410))
    assert desk.showing.show() == (1, ())
    desk.judge(spike(actual=420))
    assert desk.showing.show() == (0, ())
    desk.clock.move(SECOND)
    desk.answer()
    assert desk.showing.show() == (1, ())
    desk.judge(spike(actual=430))
    desk.clock.move(2 * SECOND)
    assert desk.showing.show() == (0, ())
    desk.clock.move(SECOND)
    assert desk.showing.show() == (1, ())


def test_the_end_is_a_change_of_the_message_and_no_other_one(desk):
    desk.judge(spike())
    desk.deliver()
    for step in (1, 2):
        desk.judge(day=DAY + step * ONE)
    assert desk.deliver().sent == 1
    assert len(desk.channel.sent) == 1
    assert (
        desk.titles() == ["Acme: back to normal since Sat 14 Nov"] or "Acme: " in desk.titles()[0]
    )
    assert {row.state for row in desk.rows(NotificationRow)} == {"sent"}
    assert desk.showing.show() == (0, ())


def test_a_change_that_fails_is_tried_again_later(desk):
    desk.judge(spike())
    desk.deliver()
    desk.answer()
    desk.channel.update_fails = ["timed out"]
    assert desk.showing.show() == (0, ("A-1: timed out",))
    assert desk.showing.show() == (0, ())
    (row,) = desk.rows(PostingRow)
    assert (row.attempts, row.error) == (1, "timed out")
    desk.clock.move(row.due_at - desk.clock())
    assert desk.showing.show() == (1, ())
    (row,) = desk.rows(PostingRow)
    assert (row.attempts, row.error, row.due_at) == (0, "", None)


def test_a_crash_after_a_change_repeats_it_and_tells_nobody_anew(desk):
    desk.judge(spike())
    desk.deliver()
    desk.answer()
    desk.channel.update_fails = [Crash()]
    with pytest.raises(Crash):
        desk.showing.show()
    assert desk.showing.show() == (1, ())
    assert len(desk.channel.sent) == 1


def gone():
    return ChannelError("message_not_found", unsure=False, gone=True)


def test_fault_62_a_message_that_somebody_deleted_is_told_once_more_with_a_word_about_it(desk):
    desk.judge(spike())
    desk.deliver()
    for _ in range(2):
        desk.answer()
        desk.channel.update_fails = [gone()]
        desk.showing.show()
        desk.deliver()
        desk.answer(Verb.UNDO)
    assert len(desk.channel.sent) == 2
    assert "the message before it was deleted" in str(desk.channel.sent[1].message.lines)
    assert desk.channel.roots == [None, None]


def test_fault_62_a_deleted_message_of_a_dismissed_alert_stays_deleted(desk):
    desk.judge(spike())
    desk.deliver()
    desk.answer(Verb.DISMISS, verdict=Verdict.EXPECTED)
    desk.channel.update_fails = [gone()]
    desk.showing.show()
    desk.deliver()
    assert len(desk.channel.sent) == 1
    assert desk.rows(PostingRow) == []


def test_fault_62_an_end_whose_message_was_deleted_is_told_by_itself(desk):
    desk.judge(spike())
    desk.deliver()
    for step in (1, 2):
        desk.judge(day=DAY + step * ONE)
    desk.channel.update_fails = [gone()]
    assert desk.deliver().sent == 0
    desk.clock.move(timedelta(minutes=1))
    assert desk.deliver().sent == 1
    assert desk.channel.roots == [None, None]


def test_a_message_found_after_a_crash_stands_for_its_alert(desk):
    desk.judge(spike())
    desk.channel.dies = "after"
    with pytest.raises(Crash):
        desk.deliver()
    desk.answer()
    desk.clock.move(LEASE)
    assert desk.deliver().found == 1
    assert desk.showing.show() == (1, ())
    assert desk.titles()[0].startswith("Acme: acknowledged")


def test_what_may_have_been_sent_and_cannot_be_seen_yet_waits(desk):
    desk.channel.settles = timedelta(seconds=60)
    desk.judge(spike())
    desk.channel.fails = ["timed out"]
    desk.deliver(spread=min)
    desk.clock.move(30 * SECOND)
    assert desk.deliver(spread=min).sent == 0
    assert "cannot be seen yet" in desk.rows(NotificationRow)[0].error
    desk.clock.move(59 * SECOND)
    assert desk.deliver(spread=min).sent == 0
    desk.clock.move(SECOND)
    assert desk.deliver(spread=min).sent == 1
    assert len(desk.channel.lookups) == 2


def test_what_a_dead_process_had_claimed_may_have_been_sent_until_it_is_taken_over(desk):
    desk.channel.settles = timedelta(seconds=60)
    desk.judge(spike())
    desk.channel.dies = "before"
    with pytest.raises(Crash):
        desk.deliver()
    desk.clock.move(timedelta(minutes=5))  # it may have lived, and sent it, until just now
    with writing(desk.database) as session:
        assert outbox.take_over(session, desk.clock()) == 1
    desk.clock.move(59 * SECOND)
    assert desk.deliver(spread=min).sent == 0
    desk.clock.move(60 * SECOND)  # as long again after a look that was too early
    assert desk.deliver(spread=min).sent == 1


def test_what_was_certainly_not_sent_is_not_looked_up(desk):
    desk.judge(spike())
    desk.channel.fails = [ChannelError("no route to host", unsure=False)]
    desk.deliver()
    desk.clock.move(timedelta(seconds=4))
    assert desk.deliver().sent == 1
    assert desk.channel.lookups == []


def test_a_channel_that_is_not_ready_is_waited_for_as_long_as_patience_lasts(desk):
    desk.judge(spike(), spike(tenant="corp"))
    desk.channel.waits = [0, 1.05, 0]
    waited = []
    assert desk.deliver(pause=waited.append).sent == 2
    assert waited == [1.05]
    desk.judge(spike(actual=9_000), spike(tenant="corp"))
    desk.channel.waits = [60.0]
    assert desk.deliver(pause=waited.append).sent == 0
    assert waited == [1.05]


def test_a_dead_letter_is_told_to_the_receiver_of_everything_else(desk):
    desk.judge(spike())
    lost = ChannelError("channel_not_found", permanent=True, unsure=False)
    desk.channel.fails = [lost]
    default = RecordingChannel(desk.clock, stands=True)
    both = {"ops": desk.channel, "default": default}
    for _ in range(2):
        deliver(partial(writing, desk.database), both, desk.clock, whom=Whom("default"))
    (told,) = default.sent
    assert told.message.title == "Acme: $1,284 on Thu 12 Nov, 3.9x normal"
    assert told.message.lines[-1].text == "to ops, who was not reached: channel_not_found"
    states = [row.state for row in desk.rows(NotificationRow)]
    assert states == [NotificationState.DEAD, NotificationState.SENT]
    with reading(desk.database) as session:
        assert [alert.number for alert in store.list_alerts(session)] == [1]


def test_fault_60_the_last_receiver_is_tried_again_for_a_day_as_somebody_may_let_us_in(desk):
    desk.judge(spike())
    out = ChannelError("not_in_channel", permanent=True, curable=True, unsure=False)
    desk.channel.fails = [out]
    desk.deliver(whom=Whom("ops"))
    assert [row.state for row in desk.rows(NotificationRow)] == [NotificationState.RETRY]
    desk.clock.move(timedelta(minutes=1))
    assert desk.deliver(whom=Whom("ops")).sent == 1


def test_what_the_last_receiver_cannot_be_told_is_forwarded_to_nobody(desk):
    desk.judge(spike())
    desk.channel.fails = [ChannelError("is_archived", permanent=True, unsure=False)]
    desk.deliver(whom=Whom("ops"))
    assert [row.state for row in desk.rows(NotificationRow)] == [NotificationState.DEAD]


def test_a_message_that_cannot_be_shown_at_all_stops_no_other(desk):
    desk.judge(spike(), spike(tenant="corp"))
    desk.deliver()
    for number in (1, 2):
        with writing(desk.database) as session:
            answer(session, number, Answer(Verb.ACKNOWLEDGE, "al"), desk.clock(), Teaching())
    desk.channel.update_fails = [RuntimeError("a bug")]
    shown, (error,) = desk.showing.show()
    assert shown == 1
    assert "a fault of the program: RuntimeError: a bug" in error
    desk.clock.move(ONE)
    assert desk.showing.show() == (1, ())


def test_of_two_who_show_a_message_at_once_none_has_the_last_word_and_it_is_shown_again(desk):
    desk.judge(spike())
    desk.deliver()
    desk.answer()
    update = desk.channel.update

    def overtaken(receipt, notification):
        desk.channel.update = update
        desk.answer(Verb.UNDO)
        desk.showing.show(1)  # this one is stored before, though Slack may have taken it after
        return update(receipt, notification)

    desk.channel.update = overtaken
    desk.showing.show()
    assert "acknowledged" in desk.titles()[-1], "what is not true any more"
    desk.clock.move(3 * SECOND)
    assert desk.showing.show() == (1, ())
    assert "acknowledged" not in desk.titles()[-1]
    assert desk.showing.show() == (0, ())


def test_what_somebody_else_has_just_shown_is_not_shown_again(desk):
    desk.judge(spike(), spike(tenant="corp"))
    desk.deliver()
    for number in (1, 2):
        with writing(desk.database) as session:
            answer(session, number, Answer(Verb.ACKNOWLEDGE, "al"), desk.clock(), Teaching())
    update = desk.channel.update

    def overtaken(receipt, notification):
        desk.channel.update = update
        other = {1: 2, 2: 1}[notification.alert_number]
        desk.showing.show(other)
        return update(receipt, notification)

    desk.channel.update = overtaken
    desk.showing.show()
    assert len(desk.titles()) == 2


def test_a_clock_that_was_set_back_keeps_no_change_from_being_shown(desk):
    desk.judge(spike(actual=400))
    desk.deliver()
    desk.judge(spike(actual=410))
    desk.showing.show()
    desk.clock.move(-ONE)
    desk.judge(spike(actual=420))
    assert desk.showing.show() == (1, ())


def test_an_answer_is_tried_at_once_though_an_earlier_change_failed(desk):
    desk.judge(spike(actual=400))
    desk.deliver()
    desk.judge(spike(actual=410))
    desk.channel.update_fails = ["Slack is away"]
    desk.showing.show()
    desk.answer()
    assert desk.showing.show() == (0, ())
    assert desk.showing.show(1) == (1, ())


class FewEdits(RecordingChannel):
    """A channel that makes only such changes as people are waiting for."""

    def wait_s(self, *, edit=False, answered=False):
        return 30.0 if edit and not answered else 0.0


def test_where_few_changes_are_left_what_people_answered_is_shown_and_nothing_else(desk):
    desk.channel = desk.showing.channels["ops"] = FewEdits(desk.clock, stands=True)
    desk.judge(spike(actual=400), spike(tenant="corp", actual=400))
    desk.deliver()
    desk.judge(spike(actual=410), spike(tenant="corp", actual=410))
    assert desk.showing.show() == (0, ())
    desk.answer()
    assert desk.showing.show() == (1, ())
    assert desk.titles() == ["Acme: acknowledged, $410 on Thu 12 Nov, 1.2x normal"]
    desk.clock.move(SECOND)
    desk.judge(spike(actual=430))
    desk.clock.move(10 * SECOND)
    assert desk.showing.show() == (0, ())


def test_that_all_is_over_waits_where_no_message_may_be_changed_just_now(desk):
    desk.channel = FewEdits(desk.clock, stands=True)
    desk.judge(spike())
    desk.deliver()
    for step in (1, 2):
        desk.judge(day=DAY + step * ONE)
    assert desk.deliver().sent == 0
    assert desk.channel.updated == []
    assert [row.state for row in desk.rows(NotificationRow)] == ["sent", "new"]
    assert [row.attempts for row in desk.rows(NotificationRow)] == [1, 0]


def test_a_look_at_what_changed_lately_shows_that_and_nothing_else(desk):
    desk.judge(spike(actual=400))
    desk.deliver()
    desk.judge(spike(actual=410))
    desk.clock.move(60 * SECOND)
    assert desk.showing.show(since=desk.clock() - 59 * SECOND) == (0, ())
    assert desk.showing.show(since=desk.clock() - 60 * SECOND) == (1, ())


def test_what_stands_at_a_receiver_that_was_removed_is_not_even_looked_at(desk):
    desk.judge(spike(actual=400))
    desk.deliver()
    desk.judge(spike(actual=410))
    with reading(desk.database) as session:
        looked_at = [
            postings.stale(session, desk.clock() + ONE, SECOND, receivers)
            for receivers in (["ops"], ["another"], [])
        ]
    assert [len(found) for found in looked_at] == [1, 0, 0]


def test_a_look_at_what_changed_lately_reads_no_other_alert(desk):
    with reading(desk.database) as session:
        connection, queries = session.connection(), []
        if connection.dialect.name != "sqlite":
            pytest.skip("the plan is worded as SQLite does")
        event.listen(connection, "before_cursor_execute", lambda *seen: queries.append(seen[2:4]))
        postings.stale(session, desk.clock(), SECOND, ["ops"], since=desk.clock())
        (query, values), *_ = queries
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values).all()
    assert "SEARCH alert USING INDEX ix_alert_updated_at" in str(plan)
    assert "SCAN" not in str(plan)
