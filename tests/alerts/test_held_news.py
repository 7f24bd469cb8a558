"""News that is held back: told as what it is by then, once, and never forgotten."""

from __future__ import annotations

import pytest

from alerts.holds import PlannedEvent, Silence
from alerts.model import AlertState, Reason, Verb, Verdict
from alerts.replies import Answer
from detector.model import MICRO, FindingKind, Severity
from tests.alerts.test_waking import NIGHT, Desk, berlin
from tests.builders import DAY, NAMES, budget, november, price_change, spike

SILENT = Silence("S-1", "", FindingKind.PRICE_CHANGE, None, None, berlin(13, 5), "moving", "aiko")
ACK = Answer(Verb.ACKNOWLEDGE, "alice")
UNDO = Answer(Verb.UNDO, "alice")
TOLD_ON, NIGHT_OF_13, MORNING = berlin(12, 9), berlin(13, 3), berlin(13, 8)


@pytest.fixture
def desk(database):
    return Desk(database)


def spent(day, dollars):
    """A spike that stays a warning, whatever it costs."""
    return spike(november(day), actual=dollars, expected=0, severity=Severity.WARNING)


def told_100(desk):
    desk.judge(spent(11, 100), now=TOLD_ON, day=november(11))


@pytest.mark.parametrize("around", [{"quiet_hours": NIGHT}, {"silences": (SILENT,)}])
def test_a_price_change_that_was_held_back_is_told_afterwards_once(desk, around):
    desk.judge(price_change(), now=NIGHT_OF_13, **around)
    assert desk.told() == []
    for _ in range(2):
        desk.wake(MORNING)
        assert desk.told() == [Reason.NEW]


def test_an_answer_stands_until_something_worse_is_told_and_not_only_seen(desk):
    told_100(desk)
    desk.answer(ACK, now=TOLD_ON)
    desk.judge(spent(12, 160), now=NIGHT_OF_13, quiet_hours=NIGHT)
    assert desk.alert().state is AlertState.ACKNOWLEDGED
    desk.judge(spent(13, 110), now=berlin(14, 3), day=november(13), quiet_hours=NIGHT)
    for hour in (8, 9, 20):
        desk.wake(berlin(15, hour), day=november(13))
    assert desk.told() == [Reason.NEW]
    assert (desk.alert().state, desk.alert().held) == (AlertState.ACKNOWLEDGED, None)


def test_what_got_worse_at_night_is_told_in_the_morning_with_whose_answer_it_ends(desk):
    told_100(desk)
    desk.answer(ACK, now=TOLD_ON)
    desk.judge(spent(12, 160), now=NIGHT_OF_13, quiet_hours=NIGHT)
    desk.wake(MORNING)
    assert desk.told() == [Reason.NEW, Reason.WORSE]
    words = desk.messages()[-1]
    assert "than what alice acknowledged" in words
    assert "back until now: quiet hours" in words
    assert "judged again" not in words
    assert desk.alert().state is AlertState.OPEN


def test_a_dismissed_alert_that_a_plan_keeps_quiet_ends_in_silence(desk):
    told_100(desk)
    desk.answer(Answer(Verb.DISMISS, "alice", Verdict.EXPECTED), now=TOLD_ON)
    plan = PlannedEvent("P-1", "acme", DAY, november(20), 500 * MICRO, "tests", "aiko")
    desk.judge(spent(12, 160), now=MORNING, plans=(plan,))
    for day in (13, 14):
        desk.judge(now=berlin(day + 1, 9), day=november(day), plans=(plan,))
    assert desk.told() == [Reason.NEW]
    assert desk.alert().state is AlertState.DISMISSED


def test_an_answer_that_is_taken_back_leaves_held_news_as_it_was(desk):
    told_100(desk)
    desk.judge(spent(12, 160), now=NIGHT_OF_13, quiet_hours=NIGHT)
    desk.answer(ACK, now=berlin(13, 4))
    desk.answer(UNDO, now=berlin(13, 5))
    desk.wake(MORNING)
    assert desk.told() == [Reason.NEW, Reason.WORSE]


def test_a_threshold_held_back_is_told_although_an_answer_came_and_went(desk):
    desk.judge(budget(50), now=TOLD_ON)
    desk.judge(budget(80, november(13)), now=berlin(14, 3), day=november(13), quiet_hours=NIGHT)
    desk.answer(ACK, now=berlin(14, 4))
    desk.answer(UNDO, now=berlin(14, 5))
    desk.wake(berlin(14, 8), day=november(13))
    assert desk.told() == [Reason.NEW, Reason.WORSE]


def test_an_answer_that_is_taken_back_does_not_count_as_told(desk):
    told_100(desk)
    desk.judge(spent(12, 140), now=MORNING)
    desk.answer(ACK, now=berlin(13, 9))
    desk.answer(UNDO, now=berlin(13, 10))
    desk.judge(spent(13, 170), now=berlin(14, 9), day=november(13))
    assert desk.told() == [Reason.NEW, Reason.WORSE]


def test_an_end_that_was_quiet_by_an_answer_is_told_once_that_is_taken_back(desk):
    told_100(desk)
    desk.answer(Answer(Verb.DISMISS, "alice", Verdict.EXPECTED), now=TOLD_ON)
    for day in (12, 13):
        desk.judge(now=berlin(day + 1, 9), day=november(day))
    desk.answer(UNDO, now=berlin(14, 10))
    for _ in range(2):
        desk.wake(berlin(14, 11), day=november(13))
        assert desk.told() == [Reason.NEW, Reason.RESOLVED]


def test_news_of_another_day_does_not_make_held_news_forgotten(desk):
    told_100(desk)
    desk.judge(spent(12, 160), now=NIGHT_OF_13, quiet_hours=NIGHT)
    desk.judge(spent(11, 110), now=MORNING, day=november(11))
    assert "back until now" not in desk.messages()[-1], "the revision is minutes old"
    desk.wake(MORNING)
    assert desk.told() == [Reason.NEW, Reason.REVISED, Reason.WORSE]


def test_an_end_held_back_is_told_although_an_old_day_is_revised_first(desk):
    told_100(desk)
    for day in (12, 13):
        desk.judge(now=berlin(day + 1, 3), day=november(day), quiet_hours=NIGHT)
    desk.judge(spent(11, 110), now=berlin(14, 8), day=november(11))
    desk.wake(berlin(14, 8), day=november(13))
    assert desk.told() == [Reason.NEW, Reason.REVISED, Reason.RESOLVED]


def test_a_revision_held_back_is_told_with_what_was_told_before(desk):
    told_100(desk)
    desk.judge(spent(11, 130), now=NIGHT_OF_13, day=november(11), quiet_hours=NIGHT)
    desk.wake(MORNING, day=november(11))
    assert desk.told() == [Reason.NEW, Reason.REVISED]
    assert "$100, now $130: 11 Nov was judged again" in desk.messages()[-1]


def test_the_end_of_what_people_know_is_told_although_a_snooze_ran_out_at_night(desk):
    told_100(desk)
    desk.answer(Answer(Verb.SNOOZE, "alice", until=berlin(13, 23)), now=TOLD_ON)
    desk.wake(berlin(13, 23, 30), quiet_hours=NIGHT)
    for day in (12, 13):
        desk.judge(now=berlin(14, 6), day=november(day), quiet_hours=NIGHT)
    desk.wake(berlin(14, 8), day=november(13))
    assert desk.told() == [Reason.NEW, Reason.RESOLVED]


def test_a_snooze_that_runs_out_at_night_is_told_in_the_morning_once(desk):
    told_100(desk)
    desk.answer(Answer(Verb.SNOOZE, "alice", until=berlin(13, 23)), now=TOLD_ON)
    for day, hour in ((13, 23), (14, 1), (14, 8), (14, 9)):
        desk.wake(berlin(day, hour, 30), quiet_hours=NIGHT)
    assert desk.told() == [Reason.NEW, Reason.NEW]
    assert "snooze over" in desk.messages()[-1]
    held = [each.reason for each in desk.decisions() if not each.notified]
    assert held == [Reason.QUIET_HOURS]


def test_a_withdrawal_held_back_is_told_as_one(desk):
    told_100(desk)
    desk.judge(now=NIGHT_OF_13, day=november(11), quiet_hours=NIGHT)
    desk.wake(MORNING, day=november(11))
    title = f"{NAMES['acme']}: withdrawn, Wed 11 Nov was $100, which is normal after late data"
    assert desk.messages()[-1].startswith(title)


def test_what_nobody_ever_heard_of_is_not_told_as_revised(desk):
    silence = Silence("S-1", "acme", None, None, None, berlin(15, 12), "moving", "aiko")
    desk.judge(spent(11, 100), now=TOLD_ON, day=november(11), silences=(silence,))
    for day in (12, 13):
        desk.judge(now=berlin(day + 1, 9), day=november(day), silences=(silence,))
    desk.wake(berlin(15, 13), day=november(13))
    desk.judge(spent(11, 120), now=berlin(15, 14), day=november(11))
    assert desk.told() == []


def test_a_cap_put_back_is_no_recovery(desk):
    for day, cap in ((11, 9_000), (12, 8_000), (13, 9_000)):
        desk.judge(budget(80, november(day), cap=cap), now=berlin(day + 1, 9), day=november(day))
    assert not any("below the threshold" in words for words in desk.messages())
    assert (desk.alert(1).ended, desk.alert(2).ended) == (False, True)


def test_a_day_on_which_spend_is_abnormal_is_a_normal_one_for_no_alert(desk):
    for day in (15, 16):
        desk.judge(spent(day, 100), now=berlin(day + 1, 9), day=november(day))
    desk.judge(spent(5, 100), now=berlin(17, 10), day=november(5))
    for day in (17, 18):
        desk.judge(spent(day, 100), now=berlin(day + 1, 9), day=november(day))
    assert Reason.RESOLVED not in desk.told()


def test_a_normal_day_counts_again_once_the_abnormal_one_after_it_is_taken_back(desk):
    desk.judge(spent(10, 100), now=berlin(11, 9), day=november(10))
    desk.judge(now=berlin(12, 9), day=november(11))
    desk.judge(spent(12, 100), now=berlin(13, 9), day=november(12))
    desk.judge(now=berlin(13, 10), day=november(12))
    assert desk.alert().ended
    assert desk.told()[-1] is Reason.RESOLVED


def test_what_was_told_as_withdrawn_is_not_told_so_again_after_an_undo(desk):
    told_100(desk)
    desk.judge(now=berlin(12, 10), day=november(11))
    desk.answer(Answer(Verb.DISMISS, "alice", Verdict.DATA_ERROR), now=berlin(12, 11))
    desk.answer(UNDO, now=berlin(12, 12))
    desk.wake(MORNING)
    assert desk.told() == [Reason.NEW, Reason.REVISED]
    assert desk.alert().held is None


def test_a_budget_alert_that_was_replaced_before_anybody_heard_of_it_is_told_when_it_returns(desk):
    silent = Silence("S-1", "acme", None, None, None, berlin(13, 5), "moving", "aiko")
    desk.judge(budget(100), now=TOLD_ON, silences=(silent,))
    desk.judge(budget(80, november(13), cap=8_000), now=TOLD_ON, silences=(silent,),
               day=november(13))  # fmt: skip
    assert desk.alert(1).ended
    desk.judge(budget(100, november(14)), now=TOLD_ON, silences=(silent,), day=november(14))
    assert desk.told() == []
    desk.wake(MORNING)
    assert desk.alert(1).told_at == MORNING


def test_a_spike_that_ended_unheard_and_goes_on_is_news_and_no_revision(desk):
    silent = Silence("S-1", "acme", None, None, None, berlin(13, 5), "moving", "aiko")
    desk.judge(spent(11, 100), now=TOLD_ON, day=november(11), silences=(silent,))
    for day in (12, 13):
        desk.judge(now=TOLD_ON, day=november(day), silences=(silent,))
    desk.wake(TOLD_ON, day=november(13), silences=(silent,))
    desk.judge(spent(12, 110), now=MORNING, day=november(12))
    assert desk.told() == [Reason.NEW]
