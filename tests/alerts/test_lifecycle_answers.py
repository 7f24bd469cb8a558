"""What every answer does in every state, and what an undo restores."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.knowledge import mark_told
from alerts.lifecycle import ReplyRefused, come_due, observe, open_alert, reply, state_at, undo
from alerts.model import AlertRules, AlertState, Change, Reason, Verb, Verdict
from tests.builders import NOW, a_reply, an_alert, november, spike

RULES = AlertRules()
ON_RECORD, BEFORE = "on record", "the state before"
REPLIES = {
    "open": {
        "acknowledge": "acknowledged", "snooze": "snoozed", "dismiss": "dismissed",
        "undo": "open",
    },
    "acknowledged": {
        "acknowledge": "refused", "snooze": "snoozed", "dismiss": "dismissed", "undo": BEFORE,
    },
    "snoozed": {
        "acknowledge": "acknowledged", "snooze": "snoozed", "dismiss": "dismissed", "undo": BEFORE,
    },
    "dismissed": {
        "acknowledge": "refused", "snooze": "refused", "dismiss": "dismissed", "undo": BEFORE,
    },
    "dismissed, over": {
        "acknowledge": "refused", "snooze": "refused", "dismiss": "dismissed", "undo": "resolved",
    },
    "resolved": {
        "acknowledge": ON_RECORD, "snooze": ON_RECORD, "dismiss": "dismissed", "undo": "resolved",
    },
}  # fmt: skip
TOMORROW = NOW + timedelta(days=1)
VERBS = {"acknowledge": Verb.ACKNOWLEDGE, "snooze": Verb.SNOOZE, "dismiss": Verb.DISMISS}


def spent(day, dollars=100):
    return spike(november(day), actual=dollars, expected=0)


def opened():
    """An alert of $100 on 12 November, told."""
    return an_alert(spent(12))


def judge(alert, finding, day=None):
    """Show an alert one day: a finding, or that the day was normal."""
    return observe(alert, finding, day or finding.day, NOW, RULES)[0]


def woken(alert):
    """The alert after it got worse and that was told."""
    worse = spent(13, 200)
    return mark_told(judge(alert, worse), worse, Change.WORSE, NOW)


def ended(alert):
    """The alert after two normal days."""
    return judge(judge(alert, None, november(13)), None, november(14))


def in_state(words):
    """An alert in a state of the table."""
    state, _, over = words.partition(", ")
    ended = bool(over) or state == "resolved"
    until = TOMORROW if state == "snoozed" else None
    return replace(opened(), state=AlertState(state), ended=ended, snoozed_until=until)


def give(alert, verb, now=NOW):
    verdict = Verdict.REAL if verb is Verb.DISMISS else None
    return reply(alert, verb, verdict, now, until=TOMORROW if verb is Verb.SNOOZE else None)


def as_answered(before, after, verb, at=NOW):
    """The answer that brought an alert from one state into the other."""
    return replace(
        a_reply(verb), at=at, from_state=before.state, to_state=after.state,
        until=after.snoozed_until, magnitude=before.finding.magnitude, seen=before.seen,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "verb", "becomes"),
    [
        (state, verb, becomes)
        for state, row in REPLIES.items()
        for verb, becomes in row.items()
        if verb != "undo"
    ],
)
def test_every_answer_in_every_state_does_what_the_table_says(state, verb, becomes):
    before = in_state(state)
    if becomes == "refused":
        with pytest.raises(ReplyRefused, match=f"A-12 is already {before.state}"):
            give(before, VERBS[verb])
        return
    after = give(before, VERBS[verb])
    if becomes == ON_RECORD:
        assert after == before
        return
    assert (after.state, after.ended) == (AlertState(becomes), before.ended)
    assert (after.revision, after.updated_at) == (before.revision + 1, NOW)
    assert after.snoozed_until == (TOMORROW if becomes == "snoozed" else None)


ANSWERED_FROM = [
    (start, verb)
    for start, row in REPLIES.items()
    for verb in VERBS
    if row[verb] not in ("refused", ON_RECORD)
]


@pytest.mark.parametrize(("start", "verb"), ANSWERED_FROM)
def test_an_undo_restores_the_state_before(start, verb):
    before = in_state(start)
    earlier = replace(a_reply(Verb.SNOOZE), until=TOMORROW) if start == "snoozed" else None
    after = give(before, VERBS[verb])
    undone = undo(after, as_answered(before, after, VERBS[verb]), earlier, NOW)
    assert (undone.state, undone.snoozed_until) == (before.state, before.snoozed_until)
    assert undone.revision == after.revision + 1


CAME_BY = {
    "open": ("acknowledge", lambda alert: woken(alert)),
    "acknowledged": ("acknowledge", lambda alert: alert),
    "snoozed": ("snooze", lambda alert: alert),
    "dismissed": ("dismiss", lambda alert: alert),
    "dismissed, over": ("dismiss", lambda alert: ended(alert)),
    "resolved": ("acknowledge", lambda alert: ended(alert)),
}
"""How an open alert came into each state: an answer, and what happened then."""


@pytest.mark.parametrize("state", REPLIES)
def test_an_undo_in_every_state_does_what_the_table_says(state):
    verb, then = CAME_BY[state]
    after = give(opened(), VERBS[verb])
    alert = then(after)
    assert (alert.state, alert.ended) == (in_state(state).state, in_state(state).ended)
    undone = undo(alert, as_answered(opened(), after, VERBS[verb]), None, NOW)
    becomes = REPLIES[state]["undo"]
    assert undone.state == ("open" if becomes == BEFORE else becomes)


@pytest.mark.parametrize("verb", VERBS)
def test_an_undo_after_the_end_leaves_it_resolved(verb):
    before = opened()
    after = give(before, VERBS[verb])
    undone = undo(ended(after), as_answered(before, after, VERBS[verb]), None, NOW)
    assert (undone.state, undone.snoozed_until) == (AlertState.RESOLVED, None)


@pytest.mark.parametrize("verb", VERBS)
def test_an_undo_after_it_woke_leaves_it_open(verb):
    before = opened()
    after = give(before, VERBS[verb])
    again = woken(after)
    assert again.state is AlertState.OPEN
    undone = undo(again, as_answered(before, after, VERBS[verb]), None, NOW)
    assert (undone.state, undone.snoozed_until) == (AlertState.OPEN, None)


def test_a_second_snooze_undone_once_the_alert_is_awake_puts_it_to_sleep_no_more():
    first = give(opened(), Verb.SNOOZE)
    second = reply(first, Verb.SNOOZE, None, NOW, until=NOW + timedelta(hours=1))
    waking, change = come_due(second, NOW + timedelta(hours=2), RULES)
    awake = mark_told(waking, waking.finding, change, NOW + timedelta(hours=2))
    undone = undo(
        awake, as_answered(first, second, Verb.SNOOZE),
        as_answered(opened(), first, Verb.SNOOZE), NOW + timedelta(hours=2),
    )  # fmt: skip
    assert change is Change.WOKEN
    assert (undone.state, undone.snoozed_until) == (AlertState.OPEN, None)


def test_a_dismissal_of_a_resolved_alert_undone_after_it_came_back_leaves_it_open():
    over = ended(opened())
    dismissed = give(over, Verb.DISMISS)
    back = judge(dismissed, spent(14))
    assert (back.state, back.ended) == (AlertState.DISMISSED, False)
    undone = undo(back, as_answered(over, dismissed, Verb.DISMISS), None, NOW)
    assert (undone.state, undone.ended) == (AlertState.OPEN, False)


@pytest.mark.parametrize(("verb", "held"), [("acknowledge", "acknowledged"), ("snooze", "snoozed")])
def test_what_was_answered_before_anybody_was_told_is_told_once_that_is_undone(verb, held):
    silent = replace(open_alert(spent(12), NOW), number=12, held=Reason.SILENCED)
    after = give(silent, VERBS[verb])
    assert (after.held, after.announced) == (None, True)
    given = as_answered(silent, after, VERBS[verb])
    undone = undo(after, given, None, NOW)
    assert (undone.state, undone.held) == (AlertState.OPEN, Reason.SILENCED)
    undone = undo(after, replace(given, seen=None), None, NOW)
    assert (undone.state, undone.held) == (AlertState.OPEN, Reason(held))
    assert come_due(undone, NOW, RULES)[1] is Change.RELEASED


def test_what_was_told_and_is_undone_is_not_told_anew():
    after = give(opened(), Verb.ACKNOWLEDGE)
    undone = undo(after, as_answered(opened(), after, Verb.ACKNOWLEDGE), None, NOW)
    assert (undone.held, undone.announced) == (None, True)
    assert come_due(undone, NOW, RULES)[1] is Change.UNCHANGED


@pytest.mark.parametrize(("late", "refused"), [(timedelta(), False), (timedelta(seconds=1), True)])
def test_fault_84_an_undo_after_7_days_is_refused_politely(late, refused):
    after = give(opened(), Verb.ACKNOWLEDGE)
    given, now = as_answered(opened(), after, Verb.ACKNOWLEDGE), NOW + timedelta(days=7) + late
    if not refused:
        assert undo(after, given, None, now).state is AlertState.OPEN
        return
    with pytest.raises(ReplyRefused, match="can no longer be undone: 7 days have passed; answer"):
        undo(after, given, None, now)


def test_fault_83_a_snooze_ends_in_the_future_and_within_90_days():
    longest = NOW + timedelta(days=90)
    snoozed = reply(opened(), Verb.SNOOZE, None, NOW, until=longest)
    assert snoozed.snoozed_until == longest
    with pytest.raises(ReplyRefused, match=r"ends in the future; 13 Nov 06:10 UTC is over"):
        reply(opened(), Verb.SNOOZE, None, NOW, until=NOW)
    with pytest.raises(ReplyRefused, match="a snooze lasts at most 90 days, to 11 Feb 06:10 UTC"):
        reply(opened(), Verb.SNOOZE, None, NOW, until=longest + timedelta(seconds=1))


def test_an_acknowledgement_carries_no_time():
    with pytest.raises(ReplyRefused, match="a snooze needs the time it ends"):
        reply(opened(), Verb.SNOOZE, None, NOW)
    with pytest.raises(ReplyRefused, match="only a snooze or a dismissal carries a time"):
        reply(opened(), Verb.ACKNOWLEDGE, None, NOW, until=TOMORROW)


def test_fault_83_a_snooze_is_over_when_its_time_is():
    snoozed = give(opened(), Verb.SNOOZE)
    assert state_at(snoozed, TOMORROW - timedelta(seconds=1)) is AlertState.SNOOZED
    assert state_at(snoozed, TOMORROW) is AlertState.OPEN
    waking, change = come_due(snoozed, TOMORROW, RULES)
    assert (waking, change) == (snoozed, Change.WOKEN)
    awake = mark_told(waking, waking.finding, change, TOMORROW)
    assert (awake.state, awake.snoozed_until) == (AlertState.OPEN, None)


@pytest.mark.parametrize(
    ("dollars", "change"), [(200, Change.WORSE), (150, Change.WORSE), (140, Change.UNCHANGED)]
)
def test_news_held_back_is_told_as_what_it_is_by_then(dollars, change):
    """An alert of $100 got worse in quiet hours; a revision may have made it small again."""
    quiet = replace(judge(opened(), spent(13, dollars)), held=Reason.QUIET_HOURS)
    after, found = come_due(quiet, TOMORROW, RULES)
    assert found is change
    # What is still news stays held until it is told, so that no crash loses it.
    assert after.held is (Reason.QUIET_HOURS if change is Change.WORSE else None)


@pytest.mark.parametrize(
    ("announced", "change"), [(True, Change.RESOLVED), (False, Change.UNCHANGED)]
)
def test_an_end_held_back_is_told_to_those_who_knew_the_beginning(announced, change):
    over = replace(ended(opened()), held=Reason.QUIET_HOURS, announced=announced)
    after, found = come_due(over, TOMORROW, RULES)
    assert found is change
    assert after.held is (Reason.QUIET_HOURS if announced else None)


def test_the_documented_table_of_answers_is_the_tested_one():
    page = Path(__file__).parents[2] / "docs" / "alerts.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    begin = lines.index("| state | acknowledge | snooze | dismiss | undo |")
    found = {}
    for line in lines[begin + 2 :]:
        if not line.startswith("|"):
            break
        state, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        found[state] = dict(zip(("acknowledge", "snooze", "dismiss", "undo"), cells, strict=True))
    assert found == REPLIES


def test_a_dismissal_needs_a_verdict_and_an_acknowledgement_none():
    with pytest.raises(ReplyRefused, match="needs a verdict: real, expected"):
        reply(opened(), Verb.DISMISS, None, NOW)
    with pytest.raises(ReplyRefused, match="only a dismissal carries a verdict"):
        reply(opened(), Verb.ACKNOWLEDGE, Verdict.REAL, NOW)
