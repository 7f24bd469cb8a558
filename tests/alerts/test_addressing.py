"""Who is told of a change: whoever is told now, and of an end whoever was told the beginning."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import Session, select

from alerts.holds import Silence
from alerts.model import Change, Reason, Verb
from alerts.replies import Answer
from alerts.routing import Route
from alerts.tables import NotificationRow
from detector.model import Severity
from tests.alerts.test_waking import Desk, berlin, night
from tests.builders import NOW, budget, november, routes_to, source_stale, spike

ONE = timedelta(days=1)
ON_CALL = Route("on-call", severity=Severity.CRITICAL)
ROUTES = {"routes": routes_to({"": "ops"}, ON_CALL)}
WARNED = spike(actual=801)
WORSE = spike(november(13), actual=1_284)
"""More than 1.5 times as much."""
GRAVER = spike(november(13), actual=841)
"""Critical, and no 1.5 times as much."""
TO_OPS, TO_DESK = {"receivers": {"": "ops"}}, {"receivers": {"": "ops", "acme": "desk"}}


@pytest.fixture
def desk(database):
    return Desk(database)


def sent(desk):
    """Who was told what, in the order in which it was written."""
    with Session(desk.engine) as session:
        rows = session.exec(select(NotificationRow).order_by(NotificationRow.number))
        return [(row.receiver, row.reason) for row in rows]


def end(desk, *, first=14, **around):
    """Judge two normal days."""
    for day in (first, first + 1):
        told = desk.judge(now=NOW + (day - 12) * ONE, day=november(day), **around)
    return told


def test_who_is_routed_once_it_gets_worse_has_that_as_its_first_word_and_both_hear_the_end(desk):
    desk.judge(WARNED, **ROUTES)
    desk.judge(WORSE, now=NOW + ONE, day=november(13), **ROUTES)
    assert sent(desk) == [("ops", Reason.NEW), ("on-call", Reason.WORSE)]
    ended = end(desk, **ROUTES)
    assert sent(desk)[2:] == [("ops", Reason.RESOLVED), ("on-call", Reason.RESOLVED)]
    assert (ended.changes, ended.told) == ({Change.RESOLVED: 1}, 2)


def test_what_turns_critical_by_little_is_told_to_who_is_routed_then_and_to_nobody_else(desk):
    desk.judge(WARNED, **ROUTES)
    desk.judge(GRAVER, now=NOW + ONE, day=november(13), **ROUTES)
    desk.judge(GRAVER, now=NOW + ONE, day=november(13), **ROUTES)
    assert sent(desk) == [("ops", Reason.NEW), ("on-call", Reason.WORSE)]
    assert "worse, $841" in desk.messages()[1]


def test_what_turns_critical_by_little_says_nothing_new_where_the_same_receiver_is_told(desk):
    desk.judge(WARNED, **TO_OPS)
    desk.judge(GRAVER, now=NOW + ONE, day=november(13), **TO_OPS)
    assert sent(desk) == [("ops", Reason.NEW)]


def test_what_turned_critical_while_it_was_silenced_is_told_afterwards(desk):
    silent = Silence("S-1", "", None, Severity.CRITICAL, None, NOW + 2 * ONE, "moving", "aiko")
    desk.judge(WARNED, **ROUTES)
    desk.judge(GRAVER, now=NOW + ONE, day=november(13), silences=(silent,), **ROUTES)
    desk.wake(NOW + ONE, silences=(silent,), **ROUTES)
    assert sent(desk) == [("ops", Reason.NEW)]
    for hours in (48, 49):
        desk.wake(NOW + timedelta(hours=hours), **ROUTES)
    assert sent(desk)[1:] == [("on-call", Reason.WORSE)]


def test_an_acknowledged_alert_that_turns_critical_by_little_stays_quiet(desk):
    desk.judge(WARNED, **ROUTES)
    desk.answer(Answer(Verb.ACKNOWLEDGE, "alice"))
    desk.judge(GRAVER, now=NOW + ONE, day=november(13), **ROUTES)
    assert sent(desk) == [("ops", Reason.NEW)]


def test_what_is_less_grave_than_it_was_is_told_as_revised_to_who_is_told_of_the_like(desk):
    desk.judge(spike(actual=1_284), **ROUTES)
    desk.judge(WARNED, now=NOW + ONE, **ROUTES)
    assert sent(desk) == [("on-call", Reason.NEW), ("ops", Reason.REVISED)]


def test_an_end_goes_to_who_was_told_when_the_tenant_has_moved_to_another_receiver(desk):
    desk.judge(WARNED, **TO_OPS)
    end(desk, first=13, **TO_DESK)
    assert sent(desk) == [("ops", Reason.NEW), ("ops", Reason.RESOLVED)]


def test_news_after_a_move_goes_to_the_new_receiver_and_the_end_to_both(desk):
    desk.judge(WARNED, **TO_OPS)
    desk.judge(WORSE, now=NOW + ONE, day=november(13), **TO_DESK)
    end(desk, **TO_DESK)
    assert sent(desk) == [
        ("ops", Reason.NEW),
        ("desk", Reason.WORSE),
        ("ops", Reason.RESOLVED),
        ("desk", Reason.RESOLVED),
    ]


def test_what_is_withdrawn_is_withdrawn_wherever_it_was_told(desk):
    desk.judge(WARNED, **TO_OPS)
    desk.judge(now=NOW + ONE, **TO_DESK)
    assert sent(desk) == [("ops", Reason.NEW), ("ops", Reason.REVISED)]
    assert "withdrawn" in desk.messages()[1]


def test_an_end_goes_to_the_new_receiver_where_the_one_who_was_told_is_in_the_settings_no_more(
    desk,
):
    desk.judge(WARNED, **TO_OPS)
    end(desk, first=13, reachable=frozenset({"desk"}), **TO_DESK)
    assert sent(desk) == [("ops", Reason.NEW), ("desk", Reason.RESOLVED)]


def test_an_end_goes_to_who_is_told_now_where_only_an_answer_made_it_known(desk):
    desk.judge(WARNED, quiet_hours=night(), now=berlin(13, 3), **TO_OPS)
    desk.answer(Answer(Verb.ACKNOWLEDGE, "alice"))
    end(desk, first=13, **TO_DESK)
    assert sent(desk) == [("desk", Reason.RESOLVED)]


def test_what_was_told_in_a_group_ends_where_the_group_was_told(desk):
    desk.judge(WARNED, source_stale(), group_above=1, **TO_OPS)
    end(desk, first=13, **TO_DESK)
    assert sent(desk) == [
        ("ops", Reason.GROUPED),
        ("ops", Reason.RESOLVED),
        ("ops", Reason.RESOLVED),
    ]


def test_an_end_is_told_at_once_to_who_is_awake_and_later_to_who_sleeps(desk):
    asleep = night() | {"on-call": night(begin=8, end=20)["ops"]}
    desk.judge(WARNED, **ROUTES)
    desk.judge(WORSE, now=NOW + ONE, day=november(13), **ROUTES)
    desk.judge(now=NOW + 2 * ONE, day=november(14), **ROUTES)
    desk.judge(now=berlin(16, 3), day=november(15), quiet_hours=asleep, **ROUTES)
    assert sent(desk)[2:] == [("on-call", Reason.RESOLVED)]
    desk.wake(berlin(16, 4), day=november(15), quiet_hours=asleep, **ROUTES)
    assert len(sent(desk)) == 3
    for hour in (9, 23):
        desk.wake(berlin(16, hour), day=november(15), quiet_hours=asleep, **ROUTES)
    assert sent(desk)[3:] == [("ops", Reason.RESOLVED)]
    assert (desk.alert().announced, desk.alert().held) == (False, None)


def test_why_an_end_was_told_to_one_and_waits_for_another_is_kept(desk):
    desk.judge(WARNED, **ROUTES)
    desk.judge(WORSE, now=NOW + ONE, day=november(13), **ROUTES)
    desk.judge(now=NOW + 2 * ONE, day=november(14), **ROUTES)
    desk.judge(now=berlin(16, 3), day=november(15), quiet_hours=night(), **ROUTES)
    waits, told = desk.decisions()[-2:]
    assert (waits.reason, waits.message_key) == (Reason.QUIET_HOURS, "")
    assert (told.reason, told.message_key.rpartition(":")[2]) == (Reason.RESOLVED, "on-call")


def test_what_comes_back_after_its_end_ends_once_more_for_who_is_told_of_it_then(desk):
    desk.judge(WARNED, **TO_OPS)
    end(desk, first=13, **TO_OPS)
    desk.judge(spike(november(14), actual=1_900), now=NOW + 2 * ONE, day=november(14), **TO_DESK)
    end(desk, first=15, **TO_DESK)
    assert sent(desk)[2:] == [("desk", Reason.WORSE), ("desk", Reason.RESOLVED)]


def test_a_day_taken_in_again_after_a_move_tells_nobody_anything(desk):
    desk.judge(WARNED, **TO_OPS)
    desk.judge(WARNED, **TO_DESK)
    assert sent(desk) == [("ops", Reason.NEW)]


@pytest.mark.parametrize(
    ("finding", "owner"), [(spike(actual=1_284), "Ana"), (WARNED, ""), (source_stale(), "")]
)
def test_the_owner_is_called_by_name_when_it_is_critical(desk, finding, owner):
    desk.judge(finding, owners={"acme": "Ana"}, **TO_OPS)
    assert owner_of(desk) == [owner]


def test_the_owner_is_called_when_it_gets_worse_and_not_when_it_is_over(desk):
    around = {"owners": {"acme": "Ana"}, **TO_OPS}
    desk.judge(WARNED, **around)
    desk.judge(WORSE, now=NOW + ONE, day=november(13), **around)
    end(desk, **around)
    assert owner_of(desk) == ["", "Ana", ""]


def owner_of(desk):
    with Session(desk.engine) as session:
        rows = session.exec(select(NotificationRow).order_by(NotificationRow.number))
        return [row.message["owner"] for row in rows]


BUDGETS = frozenset({("acme", "", "monthly")})


@pytest.mark.parametrize(
    ("budgets", "day", "words"),
    [
        (frozenset(), november(13), "resolved, its budget was removed from the settings"),
        (frozenset({("acme", "chat", "monthly")}), november(13), "was removed"),
        (frozenset({("acme", "", "weekly")}), november(13), "was removed"),
        (frozenset(), november(1, 12), "the month is over"),
        (BUDGETS, november(13), "resolved, below the threshold again"),
        (None, november(13), "resolved, below the threshold again"),
    ],
)
def test_a_budget_alert_says_that_its_budget_was_removed_while_its_period_lasts(
    desk, budgets, day, words
):
    desk.judge(budget(), budgets=BUDGETS)
    desk.judge(now=NOW + ONE, day=day, budgets=budgets)
    assert words in desk.messages()[1]


def test_a_removed_budget_of_which_nobody_was_told_ends_in_silence(desk):
    silent = Silence("S-1", "", None, None, None, NOW + 9 * ONE, "moving", "aiko")
    desk.judge(budget(), silences=(silent,))
    desk.judge(now=NOW + ONE, day=november(13), budgets=frozenset())
    assert sent(desk) == []
