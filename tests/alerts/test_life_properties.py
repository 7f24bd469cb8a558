"""Whatever is found, answered, judged again or crashed: one change is told once, or held back."""

from __future__ import annotations

from collections import Counter
from functools import partial

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import create_engine, event
from sqlalchemy.pool import StaticPool
from sqlmodel import Session, SQLModel, select

from alerts import store
from alerts.delivery import LEASE, deliver
from alerts.intake import take_in
from alerts.lifecycle import ReplyRefused
from alerts.model import AlertRules, AlertState, Change, Reason, Teaching, Verb, Verdict
from alerts.replies import answer
from alerts.tables import AlertRow, DecisionRow, NotificationRow, ReplyRow
from detector.model import FindingKind
from spendwatch.db import reading, writing
from tests.builders import NAMES, budget, judgement, november, source_stale, spike
from tests.fakes import Crash, FakeClock, RecordingChannel

RULES = AlertRules()
RECEIVERS = {"": "ops"}
LAST_DAY = 28
TABLES = (AlertRow, DecisionRow, NotificationRow, ReplyRow)

dollars = st.sampled_from([0, 0, 100, 103, 120, 151, 300])
percents = st.sampled_from([0, 50, 80, 100])
days = st.integers(min_value=1, max_value=LAST_DAY)


def findings_of(day, spent, percent, silent):
    """What a day's judgement finds: a spike of acme, a threshold of its budget, a silence."""
    found = [spike(day, actual=spent, expected=0)] if spent else []
    found += [budget(percent, day)] if percent else []
    return found + ([source_stale(day)] if silent else [])


class Life(RuleBasedStateMachine):
    """A month of judgements, in and out of order, answered by people, with crashes between."""

    @initialize()
    def open_database(self):
        self.engine = create_engine(
            "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
        )
        event.listen(self.engine, "connect", lambda raw, _: setattr(raw, "isolation_level", None))
        event.listen(self.engine, "begin", lambda raw: raw.exec_driver_sql("BEGIN"))
        SQLModel.metadata.create_all(self.engine, [table.__table__ for table in TABLES])
        self.clock = FakeClock()
        self.channel = RecordingChannel(self.clock)
        self.judged = {}
        self.told = 0
        self.held_back = 0

    def teardown(self):
        if hasattr(self, "engine"):
            self.engine.dispose()

    def take(self, number, findings):
        before = {alert.number: alert for alert in self.alerts()}
        with writing(self.engine) as session:
            judged = judgement(*findings, day=november(number))
            intake = take_in(session, judged, NAMES, RECEIVERS, self.clock(), RULES)
        self.judged[number] = findings
        self.told += intake.told
        self.held_back += sum(intake.held_back.values())
        for taken in intake.taken:
            self.check(taken, before.get(taken.alert.number))
        return intake

    def check(self, taken, before):
        """Nothing dismissed speaks unless it is worse, nothing acknowledged before it ends."""
        if before is None or not taken.notified:
            return
        worse = taken.finding is not None and taken.finding.magnitude > before.told_magnitude
        if before.state is AlertState.DISMISSED:
            assert taken.reason is Reason.WORSE
        if taken.change is Change.WORSE:
            assert worse

    def alerts(self):
        with reading(self.engine) as session:
            return store.list_alerts(session)

    def contents(self):
        with reading(self.engine) as session:
            return [
                [row.model_dump() for row in session.exec(select(table))]
                for table in (AlertRow, DecisionRow, NotificationRow)
            ]

    @rule(spent=dollars, percent=percents, silent=st.booleans())
    def judge_the_next_day(self, spent, percent, silent):
        number = max(self.judged, default=0) + 1
        if number <= LAST_DAY:
            self.take(number, findings_of(november(number), spent, percent, silent))

    @rule(number=days, spent=dollars, percent=percents, silent=st.booleans())
    def judge_any_day(self, number, spent, percent, silent):
        self.take(number, findings_of(november(number), spent, percent, silent))

    @precondition(lambda self: self.judged)
    @rule(data=st.data())
    def judging_a_day_twice_changes_nothing_the_second_time(self, data):
        number = data.draw(st.sampled_from(sorted(self.judged)))
        self.take(number, self.judged[number])
        before = self.contents()
        assert self.take(number, self.judged[number]).taken == ()
        assert self.contents() == before

    @precondition(lambda self: self.alerts())
    @rule(data=st.data(), verb=st.sampled_from(Verb), verdict=st.sampled_from(Verdict))
    def answer_one(self, data, verb, verdict):
        alert = data.draw(st.sampled_from(self.alerts()))
        given = verdict if verb is Verb.DISMISS else None
        with writing(self.engine) as session:
            kept = len(store.replies_of(session, alert.number))
            try:
                answered = answer(
                    session, alert.number, verb, given, "", "alice", self.clock(), Teaching()
                )
            except ReplyRefused:
                assert verb is Verb.ACKNOWLEDGE
                assert alert.state is not AlertState.OPEN
                return
            assert len(store.replies_of(session, alert.number)) - kept in (0, 1)
            assert answered.alert.state is answered.reply.to_state

    @rule(dies=st.sampled_from([None, "before", "after"]))
    def send_what_is_due(self, dies):
        self.channel.dies = dies
        try:
            deliver(partial(writing, self.engine), {"ops": self.channel}, self.clock)
        except Crash:
            self.clock.move(LEASE)
        self.channel.dies = None

    @invariant()
    def every_message_went_out_at_most_once(self):
        if hasattr(self, "channel"):
            sent = Counter(each.key for each in self.channel.sent)
            assert not sent or max(sent.values()) == 1

    @invariant()
    def every_change_was_told_or_held_back_with_a_reason(self):
        if hasattr(self, "engine"):
            with Session(self.engine) as session:
                decisions = session.exec(select(DecisionRow)).all()
                notes = session.exec(select(NotificationRow)).all()
            assert len(notes) == self.told == sum(row.notified for row in decisions)
            assert len(decisions) == self.told + self.held_back

    @invariant()
    def an_alert_that_ended_is_not_open(self):
        if hasattr(self, "engine"):
            for alert in self.alerts():
                assert alert.ended == (alert.state is AlertState.RESOLVED) or (
                    alert.state is AlertState.DISMISSED
                )
                assert list(alert.days) == sorted(set(alert.days))

    @invariant()
    def a_threshold_speaks_once(self):
        if hasattr(self, "engine"):
            with Session(self.engine) as session:
                told = session.exec(
                    select(NotificationRow.message).where(
                        NotificationRow.reason.in_([Reason.NEW.value, Reason.WORSE.value])
                    )
                ).all()
            crossed = Counter(
                line["text"]
                for message in told
                if FindingKind.BUDGET_THRESHOLD in message["reference"]
                for line in message["lines"]
                if line["label"] == "What"
            )
            assert not crossed or max(crossed.values()) == 1


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=25, stateful_step_count=20)


def test_days_judged_in_order_and_replayed_in_order_change_nothing(database):
    def replay():
        taken = []
        for number in range(1, 15):
            found = [spike(november(number), actual=100, expected=0)] if number % 5 < 2 else []
            judged = judgement(*found, day=november(number))
            with writing(database) as session:
                taken += take_in(session, judged, NAMES, RECEIVERS, FakeClock()(), RULES).taken
        return taken

    assert sum(each.finding is not None for each in replay()) == 5
    assert replay() == []
