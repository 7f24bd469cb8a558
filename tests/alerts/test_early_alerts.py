"""A day that is told of while it runs: once, and never again for growing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.episode import revised
from alerts.knowledge import mark_told, untold
from alerts.lifecycle import observe, open_alert, reply
from alerts.model import AlertRules, AlertState, Change, Verb, Verdict
from detector.model import MICRO, Severity
from tests.builders import DAY, NOW, an_alert, november, spike

RULES = AlertRules()


def early(dollars, day=13):
    """So far: so many dollars above the usual."""
    return replace(finished(dollars, day), early=True)


def finished(dollars, day=13):
    return spike(november(day), actual=dollars, expected=0)


def shown(alert, finding, day=13):
    return observe(alert, finding, november(day), NOW, RULES)


def told_early(dollars=100, day=13):
    finding = early(dollars, day)
    return mark_told(open_alert(finding, NOW), finding, Change.OPENED, NOW)


@pytest.mark.parametrize("dollars", [101, 150, 900, 90])
def test_a_day_told_while_it_ran_is_never_told_again_for_what_it_became(dollars):
    alert, change = shown(told_early(100), finished(dollars))
    assert change is Change.UPDATED
    assert alert.finding == finished(dollars)
    assert not alert.finding.early
    assert untold(alert, RULES) is Change.UNCHANGED


def test_what_it_grew_by_while_it_ran_is_shown_and_not_told():
    alert = told_early(100)
    for dollars in (150, 400, 1_200):
        alert, change = shown(alert, early(dollars))
        assert change is Change.UPDATED
    assert alert.finding.severity is Severity.CRITICAL
    assert alert.revision == 4
    assert revised(alert, RULES) is None


def test_the_same_spend_an_hour_later_changes_nothing():
    alert = told_early(100)
    assert shown(alert, early(100)) == (alert, Change.UNCHANGED)


def test_the_next_day_is_worse_than_the_finished_day_and_not_than_its_morning():
    alert, _ = shown(told_early(100), finished(400))
    assert shown(alert, finished(500, 14), 14)[1] is Change.UPDATED
    assert shown(alert, early(600, 14), 14)[1] is Change.WORSE


def test_late_rows_of_the_finished_day_are_told_as_of_any_day():
    alert, _ = shown(told_early(100), finished(400))
    assert shown(alert, finished(410))[1] is Change.UPDATED
    assert shown(alert, finished(440))[1] is Change.REVISED
    assert shown(alert, finished(600))[1] is Change.WORSE


def test_a_finished_day_that_is_normal_takes_the_alert_back():
    alert, change = shown(told_early(100), None)
    assert change is Change.WITHDRAWN
    assert (alert.state, alert.ended, alert.days) == (AlertState.RESOLVED, True, ())


@pytest.mark.parametrize(("dollars", "change"), [(140, Change.UPDATED), (150, Change.WORSE)])
def test_a_running_day_joins_an_episode_and_speaks_where_it_is_worse(dollars, change):
    alert = an_alert(finished(100, 12))
    assert shown(alert, early(dollars))[1] is change


def test_a_running_day_that_was_no_news_speaks_once_it_is_worse():
    alert, change = shown(an_alert(finished(100, 12)), early(120))
    assert change is Change.UPDATED
    alert, change = shown(alert, early(130))
    assert change is Change.UPDATED
    alert, change = shown(alert, early(160))
    assert change is Change.WORSE
    alert = mark_told(alert, early(160), change, NOW)
    assert shown(alert, finished(700))[1] is Change.UPDATED


def test_what_nobody_heard_of_a_running_day_is_no_revision():
    alert, _ = shown(an_alert(finished(100, 12)), early(80))
    assert shown(alert, finished(140))[1] is Change.UPDATED


def test_a_running_day_of_an_episode_that_ends_normal_counts_as_normal():
    alert, _ = shown(an_alert(finished(100, 12)), early(80))
    alert, change = shown(alert, None)
    assert (change, alert.days, alert.normal_days) == (Change.UPDATED, (DAY,), 1)
    assert not alert.finding.early
    assert shown(alert, None, 14)[1] is Change.RESOLVED


@pytest.mark.parametrize(
    ("verb", "verdict", "state"),
    [
        (Verb.ACKNOWLEDGE, None, AlertState.ACKNOWLEDGED),
        (Verb.DISMISS, Verdict.EXPECTED, AlertState.DISMISSED),
    ],
)
def test_an_answer_given_while_the_day_ran_stands_when_it_is_over(verb, verdict, state):
    alert = reply(told_early(100), verb, verdict, NOW)
    alert, change = shown(alert, finished(900))
    assert (change, alert.state) == (Change.UPDATED, state)
    assert alert.told_magnitude == 900 * MICRO
