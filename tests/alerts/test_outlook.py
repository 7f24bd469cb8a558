from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.model import AlertRules, AlertState, Reason
from alerts.outlook import outlook, wake_words
from tests.builders import (
    NOW,
    an_alert,
    attribution_gap,
    budget,
    drop,
    early_spike,
    source_stale,
    spike,
    unpriced_model,
)

RULES = AlertRules()
LATER = NOW + timedelta(days=1)
ACKNOWLEDGED, SNOOZED, DISMISSED = (
    AlertState.ACKNOWLEDGED,
    AlertState.SNOOZED,
    AlertState.DISMISSED,
)


def spent(dollars=280):
    return spike(actual=dollars, expected=0)


def words(alert, rules=RULES, now=NOW, **more):
    return outlook(alert, rules, now, **more)


@pytest.mark.parametrize(
    ("finding", "wakes"),
    [
        (spent(80), "wakes at $120 over the usual (1.5 times the $80 answered)"),
        (drop(actual=251), "wakes at $120 under the usual (1.5 times the $80 answered)"),
        (attribution_gap(dollars=2), "wakes at $3 without a tenant (1.5 times the $2 answered)"),
        (unpriced_model(tokens=900), "wakes at 1,350 tokens (1.5 times the 900 tokens answered)"),
        (budget(50), "wakes at the next threshold"),
        (source_stale(), "does not wake before it ends"),
    ],
)  # fmt: skip
def test_an_answer_says_when_the_alert_wakes(finding, wakes):
    assert wake_words(an_alert(finding, state=ACKNOWLEDGED), RULES) == wakes


def test_the_factor_is_the_one_of_the_settings():
    alert = an_alert(spent(80), state=DISMISSED)
    assert wake_words(alert, AlertRules(worse_factor=2)).startswith(
        "wakes at $160 over the usual (2"
    )


def test_what_was_told_higher_than_it_is_now_is_said_to_be_told():
    alert = an_alert(spent(80), state=SNOOZED, told_magnitude=100_000_000)
    assert wake_words(alert, RULES).endswith("(1.5 times the $100 told)")


@pytest.mark.parametrize("changes", [{"ended": True, "state": DISMISSED}, {}])
def test_what_is_over_or_open_does_not_wake(changes):
    assert wake_words(an_alert(spent(), **changes), RULES) == ""


def test_an_answered_alert_says_what_it_takes_to_hear_of_it_again():
    reach = "$420 over the usual (1.5 x $280)"
    assert words(an_alert(spent(), state=ACKNOWLEDGED)) == (
        f"acknowledged: quiet until it ends or reaches {reach}"
    )
    assert words(an_alert(spent(), state=DISMISSED)) == (
        f"dismissed: quiet for good, unless it reaches {reach}"
    )
    snoozed = an_alert(spent(), state=SNOOZED, snoozed_until=LATER)
    assert words(snoozed) == (
        f"snoozed until 14 Nov 06:10 UTC, unless it ends or reaches {reach} before"
    )


def test_a_budget_waits_for_its_next_threshold_and_a_source_for_its_end():
    assert words(an_alert(budget(50), state=ACKNOWLEDGED)) == (
        "acknowledged: quiet until it ends or crosses the next threshold"
    )
    assert words(an_alert(source_stale(), state=ACKNOWLEDGED)) == (
        "acknowledged: quiet until it ends"
    )
    assert words(an_alert(source_stale(), state=DISMISSED)) == "dismissed: quiet for good"


def test_an_open_alert_says_that_nobody_has_answered_and_when_it_reminds():
    told = "open, nobody has answered: told again when it ends or reaches $420 over the usual"
    assert words(an_alert(spent())) == (
        f"{told} (1.5 x $280), or goes unanswered until 14 Nov 06:10 UTC"
    )
    assert words(an_alert(spent()), now=LATER) == (
        f"{told} (1.5 x $280), and once more with the next run"
    )
    assert words(an_alert(spent(), reminded=True)) == f"{told} (1.5 x $280)"
    assert words(an_alert(spent(), reminded=True), held="silenced, S-3 by aiko") == (
        f"{told} (1.5 x $280); for now silent: silenced, S-3 by aiko"
    )


def test_news_that_is_held_back_says_by_what():
    silent = an_alert(spent(), held=Reason.SILENCED)
    assert words(silent, held="silenced, S-3 by aiko") == ("open, held back: silenced, S-3 by aiko")
    assert words(silent) == "open: it is told with the next run"


def test_fault_83_a_snooze_that_is_over_is_told_with_the_next_run():
    snoozed = an_alert(spent(), state=SNOOZED, snoozed_until=LATER)
    assert words(snoozed, now=LATER) == "snooze over: it is told with the next run"
    held = "silenced, S-3 by aiko"
    assert words(snoozed, now=LATER, held=held) == f"snooze over, held back: {held}"


@pytest.mark.parametrize("state", [AlertState.RESOLVED, DISMISSED])
def test_what_is_over_says_so(state):
    assert words(an_alert(spent(), state=state, ended=True)).startswith("over; only newer data")


def test_moments_are_said_as_the_caller_says_them():
    snoozed = an_alert(source_stale(), state=SNOOZED, snoozed_until=LATER)
    assert words(snoozed, said=lambda at: at.strftime("%H h")) == (
        "snoozed until 06 h, unless it ends before"
    )


def test_what_ended_before_anybody_was_told_says_so():
    silent = an_alert(state=AlertState.RESOLVED, ended=True, announced=False, told_at=None)
    words = outlook(silent, AlertRules(), NOW)
    assert words == "over; nobody was told: it began and ended while it was held back"


def test_a_day_told_while_it_ran_is_said_to_speak_again_only_on_a_later_day():
    running = early_spike(actual=411)
    assert wake_words(an_alert(running, state=ACKNOWLEDGED), RULES) == (
        "wakes at $120 over the usual on a later day (1.5 times the $80 answered)"
    )
    assert "reaches $120 over the usual on a later day (1.5 x $80)" in words(an_alert(running))
    finished = spike(actual=411)
    assert "later day" not in words(an_alert(finished))
