"""Whatever is found, answered, silenced, planned or crashed: nothing lost, nothing told twice."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import time, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlmodel import select

from alerts import store
from alerts.delivery import LEASE, deliver
from alerts.holds import PlannedEvent, QuietHours, Silence, plan_of, silence_of
from alerts.intake import take_in
from alerts.knowledge import untold
from alerts.lifecycle import ReplyRefused
from alerts.model import (
    ANSWERED,
    HELD_FOR_NOW,
    AlertRules,
    AlertState,
    Change,
    Reason,
    Teaching,
    Verb,
    Verdict,
)
from alerts.replies import Answer, answer, in_force
from alerts.tables import AlertRow, DecisionRow, NotificationRow, ReplyRow
from alerts.waking import wake
from detector.model import MICRO, FindingKind
from spendwatch.db import reading, writing
from tests.builders import (
    a_telling,
    budget,
    judgement,
    november,
    price_change,
    source_stale,
    spike,
)
from tests.databases import open_empty
from tests.fakes import Crash, FakeClock, RecordingChannel

RECEIVERS = {"": "ops"}
LAST_DAY = 28
RULES = AlertRules()
NIGHT = {"ops": QuietHours(time(22), time(7), ZoneInfo("Europe/Berlin"))}
STARTS = (Change.OPENED, Change.RELEASED, Change.WOKEN)
SPEAKING = (Reason.NEW, Reason.WORSE, Reason.REVISED, Reason.RESOLVED, Reason.REMINDER)

dollars = st.sampled_from([0, 0, 100, 103, 120, 151, 300])
percents = st.sampled_from([0, 50, 80, 100])
caps = st.sampled_from([9_000, 9_000, 8_000])
others = st.sampled_from([(), ("silent",), ("priced",)])
days = st.integers(min_value=1, max_value=LAST_DAY)
people = st.sampled_from(["alice", "bob"])


def findings_of(day, spent, percent, cap, other):
    """What a day's judgement finds: a spike of acme, a threshold of its budget, something else."""
    found = [spike(day, actual=spent, expected=0)] if spent else []
    found += [budget(percent, day, cap=cap)] if percent else []
    found += [source_stale(day)] if "silent" in other else []
    return found + ([price_change(day)] if "priced" in other else [])


def die(now):
    if now:
        raise Crash


class Life(RuleBasedStateMachine):
    """A month of judgements, in and out of order, among people, silences, plans and crashes."""

    @initialize()
    def open_database(self):
        self.folder = TemporaryDirectory()
        self.clock = FakeClock()
        self.channel = RecordingChannel(self.clock)
        self.judged = {}
        self.silences, self.plans, self.quiet_hours = (), (), {}
        self.told = self.held_back = self.accepted = 0
        self.restart()

    def teardown(self):
        if hasattr(self, "engine"):
            self.engine.dispose()
            self.folder.cleanup()

    def restart(self):
        if hasattr(self, "engine"):
            self.engine.dispose()
        self.engine = open_empty(f"sqlite:///{Path(self.folder.name) / 'life.db'}")

    # What is read

    def telling(self):
        return a_telling(
            self.clock(), RECEIVERS, silences=self.silences, plans=self.plans,
            quiet_hours=self.quiet_hours,
        )  # fmt: skip

    def alerts(self):
        with reading(self.engine) as session:
            return store.list_alerts(session)

    def replies(self, number):
        with reading(self.engine) as session:
            return store.replies_of(session, number)

    def contents(self, *tables):
        with reading(self.engine) as session:
            return [
                [row.model_dump() for row in session.exec(select(table))]
                for table in tables or (AlertRow, DecisionRow, NotificationRow, ReplyRow)
            ]

    # What happens

    def run(self, job, *, crashes=False):
        """Run a job in its transaction; a crash before its end leaves nothing of it."""
        before, contents = {alert.number: alert for alert in self.alerts()}, self.contents()
        try:
            with writing(self.engine) as session:
                told = job(session, self.telling())
                die(crashes)
        except Crash:
            self.restart()
            assert self.contents() == contents
            return None
        self.told += told.told
        self.held_back += sum(told.held_back.values())
        for taken in told.taken:
            self.check(taken, before.get(taken.alert.number))
        return told

    def check(self, taken, before):
        """Each decision is one that a person would understand."""
        situation = self.telling().situation
        if not taken.notified:
            assert taken.reason not in SPEAKING
            held = taken.reason in HELD_FOR_NOW and taken.change is not Change.UPDATED
            assert taken.ruling.detail or not held or taken.alert.ended
        if taken.reason is Reason.SILENCED and taken.ruling.detail:
            assert silence_of(taken.alert, situation.silences, situation.now)
            assert taken.ruling.detail.startswith("S-1 by aiko")
        if taken.reason is Reason.PLANNED and taken.ruling.detail:
            assert plan_of(taken.finding, situation.plans).allows(taken.finding)
        if taken.notified:
            assert not silence_of(taken.alert, situation.silences, situation.now)
            self.check_told(taken, before)

    def check_told(self, taken, before):
        """Nobody hears again what is known, or of what was answered and is no worse."""
        if before is None:
            return
        if before.state in ANSWERED:
            spoken = {Change.WORSE, Change.WOKEN, Change.RESOLVED, Change.WITHDRAWN}
            assert taken.change in spoken
        if before.state is AlertState.DISMISSED:
            assert taken.change is Change.WORSE
        if taken.change is Change.WORSE:
            assert taken.finding.magnitude > before.told_magnitude
        if taken.change is Change.REMINDED:
            assert not before.reminded
            assert self.clock() - before.told_at >= timedelta(hours=24)

    def take(self, number, findings, *, crashes=False):
        judged = judgement(*findings, day=november(number))
        told = self.run(lambda session, telling: take_in(session, judged, telling), crashes=crashes)
        if told is not None:
            self.judged[number] = findings
        return told

    @rule(spent=dollars, percent=percents, cap=caps, other=others, crashes=st.booleans())
    def judge_the_next_day(self, spent, percent, cap, other, crashes):
        number = max(self.judged, default=0) + 1
        if number <= LAST_DAY:
            findings = findings_of(november(number), spent, percent, cap, other)
            self.take(number, findings, crashes=crashes)

    @rule(number=days, spent=dollars, percent=percents, cap=caps, other=others)
    def judge_any_day(self, number, spent, percent, cap, other):
        self.take(number, findings_of(november(number), spent, percent, cap, other))

    @precondition(lambda self: self.judged)
    @rule(data=st.data())
    def judging_a_day_twice_changes_nothing_the_second_time(self, data):
        number = data.draw(st.sampled_from(sorted(self.judged)))
        self.take(number, self.judged[number])
        before = self.contents()
        assert self.take(number, self.judged[number]).taken == ()
        assert self.contents() == before

    @rule(hours=st.sampled_from([1, 8, 24, 72]), crashes=st.booleans())
    def time_passes(self, hours, crashes):
        self.clock.move(timedelta(hours=hours))
        job = partial(self.wake_up, day=november(max(self.judged, default=1)))
        if self.run(job, crashes=crashes) is not None:
            again = self.run(job)
            assert again.taken == ()

    @staticmethod
    def wake_up(session, telling, day):
        return wake(session, day, telling)

    @rule(hours=st.sampled_from([2, 30]), tenant=st.sampled_from(["acme", "b*", ""]))
    def silence(self, hours, tenant):
        kind = None if tenant else FindingKind.SOURCE_STALE
        ends_at = self.clock() + timedelta(hours=hours)
        one = Silence("S-1", tenant, kind, None, self.clock(), ends_at, "moving", "aiko")
        self.silences = (*self.silences, one)

    @rule()
    def end_all_silences(self):
        self.silences = tuple(replace(each, ends_at=self.clock()) for each in self.silences)

    @rule(first=days, length=st.integers(0, 3), ceiling=st.sampled_from([110, 200]))
    def plan(self, first, length, ceiling):
        last = november(min(first + length, LAST_DAY))
        one = PlannedEvent("P-1", "acme", november(first), last, ceiling * MICRO, "tests", "aiko")
        self.plans = (one,)

    @rule(night=st.sampled_from([{}, NIGHT]))
    def sleep_differently(self, night):
        self.quiet_hours = night

    @precondition(lambda self: self.alerts())
    @rule(
        data=st.data(),
        verb=st.sampled_from(Verb),
        verdict=st.sampled_from(Verdict),
        actor=people,
        hours=st.sampled_from([1, 30]),
        twice=st.booleans(),
    )
    def answer_one(self, data, verb, verdict, actor, hours, twice):
        alert = data.draw(st.sampled_from(self.alerts()))
        given = Answer(
            verb,
            actor,
            verdict=verdict if verb is Verb.DISMISS else None,
            until=self.clock() + timedelta(hours=hours) if verb is Verb.SNOOZE else None,
        )
        if not self.give(alert, given) or verb is Verb.UNDO or not twice:
            return
        after = self.contents()
        repeated = self.apply(alert.number, given)
        assert repeated is None or repeated.alert.state is repeated.reply.to_state
        assert (
            len(self.replies(alert.number))
            == len([row for row in after[3] if row["alert_number"] == alert.number])
            or alert.state is AlertState.RESOLVED
        )
        self.accepted += len(self.contents(ReplyRow)[0]) - len(after[3])
        if verb is Verb.ACKNOWLEDGE and alert.state is not AlertState.RESOLVED:
            other = replace(given, actor="carol")
            assert self.apply(alert.number, other) is None, "the second is told who won"

    def give(self, alert, given):
        """Answer, and check what is kept."""
        kept = self.replies(alert.number)
        answered = self.apply(alert.number, given)
        fresh = self.replies(alert.number)[len(kept) :]
        assert self.replies(alert.number)[: len(kept)] == kept
        self.accepted += len(fresh)
        if answered is None:
            assert fresh == ()
            assert given.verb is not Verb.DISMISS
            return False
        assert len(fresh) <= 1
        if fresh:
            assert (fresh[0].actor, fresh[0].from_state) == (given.actor, alert.state)
            assert answered.alert.state is fresh[0].to_state
        if given.verb is Verb.UNDO:
            assert fresh[0].undoes == in_force(kept)[-1].number
        return True

    def apply(self, number, given):
        with writing(self.engine) as session:
            with suppress(ReplyRefused):
                return answer(session, number, given, self.clock(), Teaching())
            return None

    @rule(dies=st.sampled_from([None, "before", "after"]))
    def send_what_is_due(self, dies):
        self.channel.dies = dies
        try:
            deliver(partial(writing, self.engine), {"ops": self.channel}, self.clock)
        except Crash:
            self.clock.move(LEASE)
            self.restart()
        self.channel.dies = None

    # What must always hold

    @invariant()
    def every_message_went_out_at_most_once(self):
        if hasattr(self, "channel"):
            sent = Counter(each.key for each in self.channel.sent)
            assert not sent or max(sent.values()) == 1

    @invariant()
    def every_change_was_told_or_held_back_with_a_reason(self):
        if hasattr(self, "engine"):
            decisions, notes = self.contents(DecisionRow, NotificationRow)
            single = [row for row in notes if row["alert_number"]]
            assert len(single) == self.told == sum(row["notified"] for row in decisions)
            grouped = [row for row in decisions if row["reason"] == Reason.GROUPED.value]
            assert len(grouped) >= 2 * (len(notes) - len(single))
            assert len(decisions) == self.told + len(grouped) + self.held_back
            told = {row["message_key"] for row in decisions if row["notified"]}
            assert {row["key"] for row in single} == told
            others = {row["key"] for row in notes} - told
            assert {row["message_key"] for row in grouped} == others
            assert all(row["reason"] for row in decisions)

    @invariant()
    def no_answer_is_lost(self):
        if hasattr(self, "engine"):
            assert len(self.contents(ReplyRow)[0]) == self.accepted

    @invariant()
    def an_alert_that_ended_is_not_open(self):
        if hasattr(self, "engine"):
            for alert in self.alerts():
                assert alert.ended == (alert.state is AlertState.RESOLVED) or (
                    alert.state is AlertState.DISMISSED
                )
                assert (alert.state is AlertState.SNOOZED) == (alert.snoozed_until is not None)
                assert list(alert.days) == sorted(set(alert.days))

    @invariant()
    def what_nobody_knows_is_held_back_for_now_or_was_dismissed(self):
        if hasattr(self, "engine"):
            for alert in self.alerts():
                news = untold(alert, RULES)
                dismissed = alert.state is AlertState.DISMISSED and news is not Change.WORSE
                # A day that was revised while somebody was on it is theirs to look at.
                theirs = news is Change.REVISED and self.replies(alert.number)
                assert news is Change.UNCHANGED or alert.held or dismissed or theirs

    @invariant()
    def a_threshold_speaks_once(self):
        """Of one alert each threshold is told once, a snooze that ended aside."""
        if hasattr(self, "engine"):
            (decisions,) = self.contents(DecisionRow)
            told = Counter(
                row["alert_number"]
                for row in decisions
                if row["notified"]
                and row["reason"] == Reason.NEW.value
                and row["change"] != Change.WOKEN.value
            )
            assert not told or max(told.values()) == 1


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=40, stateful_step_count=25)


def test_days_judged_in_order_and_replayed_in_order_change_nothing(database):
    def replay():
        taken = []
        for number in range(1, 15):
            found = [spike(november(number), actual=100, expected=0)] if number % 5 < 2 else []
            judged = judgement(*found, day=november(number))
            with writing(database) as session:
                taken += take_in(session, judged, a_telling(FakeClock()(), RECEIVERS)).taken
        return taken

    assert sum(each.finding is not None for each in replay()) == 5
    assert replay() == []
