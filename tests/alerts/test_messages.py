from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.messages import Revision, alert_message, reply_words
from alerts.model import AlertState, Change, Verb, Verdict
from alerts.render.text import render_text
from detector.model import MICRO, FindingKind, Severity
from tests.builders import (
    DAY,
    NAMES,
    a_reply,
    an_alert,
    baseline,
    budget,
    budget_state,
    drop,
    full_spike,
    november,
    one_of_each,
    price_change,
    spike,
)

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "messages"
STATES = ("opened", "worse", "revised", "resolved", "withdrawn", "acknowledged", "dismissed")
EFFECT = "12 Nov will stay out of Acme's baseline"
SOURCES = (FindingKind.SOURCE_STALE, FindingKind.SOURCE_FAILING)
BUDGETS = (FindingKind.BUDGET_THRESHOLD, FindingKind.BUDGET_FORECAST)


def applies(finding, state):
    if finding.kind is FindingKind.PRICE_CHANGE:
        return state == "opened"
    if state == "revised":
        return finding.expected_micro_usd is not None
    if state == "worse":
        return finding.kind not in SOURCES
    return not (state == "withdrawn" and finding.kind in BUDGETS)


CASES = [
    (finding, state) for finding in one_of_each() for state in STATES if applies(finding, state)
]


def in_state(finding, state):
    """The message of a finding in one state of its alert."""
    if state == "acknowledged":
        alert = an_alert(finding, state=AlertState.ACKNOWLEDGED)
        return alert_message(alert, Change.UNCHANGED, NAMES, reply=a_reply())
    if state == "dismissed":
        alert = an_alert(finding, state=AlertState.DISMISSED)
        reply = a_reply(Verb.DISMISS, Verdict.EXPECTED, "load test, ends Friday")
        effect = EFFECT if finding.expected_micro_usd else ""
        return alert_message(alert, Change.UNCHANGED, NAMES, reply=reply, effect=effect)
    over = state in ("resolved", "withdrawn")
    alert = an_alert(finding, state=AlertState.RESOLVED if over else AlertState.OPEN, ended=over)
    revision = None
    if finding.expected_micro_usd and state == "revised":
        revision = Revision(DAY, 900 * MICRO, finding.actual_micro_usd)
    if finding.expected_micro_usd and state == "withdrawn":
        revision = Revision(DAY, finding.actual_micro_usd, 340 * MICRO)
    return alert_message(alert, Change(state), NAMES, revision=revision)


@pytest.mark.parametrize(
    ("finding", "state"), CASES, ids=[f"{finding.kind}-{state}" for finding, state in CASES]
)
def test_every_kind_in_every_state_reads_as_its_golden_file(finding, state):
    text = render_text(in_state(finding, state), colour=False) + "\n"
    path = GOLDEN / f"{finding.kind.value.replace(' ', '_')}_{state}.txt"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def test_no_golden_file_is_left_over():
    wanted = {f"{finding.kind.value.replace(' ', '_')}_{state}.txt" for finding, state in CASES}
    assert {path.name for path in GOLDEN.iterdir()} == wanted


@pytest.mark.parametrize(("finding", "state"), CASES)
def test_a_message_is_plain_ascii_and_needs_no_locale(finding, state):
    assert render_text(in_state(finding, state), colour=False).isascii()


def text_of(finding, change=Change.OPENED, **more):
    message = alert_message(an_alert(finding), change, NAMES, **more)
    return render_text(message, colour=False, width=1_000)


@pytest.mark.parametrize("kind", FindingKind)
def test_a_finding_without_any_facts_still_makes_a_message(kind):
    bare = replace(
        spike(), kind=kind, actual_micro_usd=None, expected_micro_usd=None, rule="", score=None
    )
    assert f"A-12, {kind}" in text_of(bare)


def test_an_infinite_z_score_is_said_in_words():
    text = text_of(full_spike(score=float("inf")))
    assert "beyond any z-score, as the days before cost the same" in text
    assert "inf" not in text


def test_a_lower_bound_says_at_least():
    text = text_of(full_spike(lower_bound=True))
    assert "Acme: at least $1,284" in text
    assert "some use of the day has no known price" in text


def test_a_first_spend_is_not_called_a_multiple_of_nothing():
    text = text_of(spike(expected=0, score=None, rule="first spend", facts={"usable_days": 0}))
    assert "$1,284 on Thu 12 Nov, where it spent nothing before" in text
    assert "no baseline yet (0 usable days); rule: first spend" in text


def test_fault_35_a_young_tenant_is_said_to_be_too_new():
    facts = {"usable_days": 1}
    text = text_of(spike(score=None, rule="young tenant", facts=facts, baseline=None))
    assert "too new to have a normal" in text
    assert "(1 usable day)" in text


def test_a_baseline_without_left_out_days_names_none():
    text = text_of(full_spike(baseline=baseline(left_out=()), score=None))
    assert "28 of 30 days; rule: z-score" in text


def test_a_score_without_its_bar_stands_alone():
    assert "; z 6.2\n" in text_of(spike(baseline=baseline(left_out=())))


def test_drivers_against_the_change_are_left_to_the_effects():
    shrunk = tuple(replace(each, actual_micro_usd=0) for each in full_spike().drivers)
    text = text_of(full_spike(drivers=shrunk))
    assert "Why      volume +$900, price $0, mix +$53" in text


def test_a_driver_without_names_is_still_named():
    nameless = replace(full_spike().drivers[0], feature="", model="")
    assert "unnamed model +$870 (91 %)" in text_of(full_spike(drivers=(nameless,)))


def test_fault_41_a_cap_of_zero_is_said_without_a_percentage():
    text = text_of(budget(100, cap=0, spent_micro_usd=12_400_000, forecast_micro_usd=None))
    assert "Acme: $12.40 spent, where nothing may be spent (cap $0)" in text
    assert "too little history for a forecast" in text


def test_a_forecast_for_a_cap_of_zero_says_what_is_spent():
    text = text_of(budget(100, cap=0, kind=FindingKind.BUDGET_FORECAST))
    assert "where nothing may be spent" in text


def test_a_cap_that_is_reached_says_when():
    text = text_of(budget(100, spent_micro_usd=9_400 * MICRO, reached_on=november(18)))
    assert "Acme: 104 % of $9,000 spent, cap reached on 18 Nov" in text


def test_a_cap_that_will_not_be_reached_names_no_day():
    calm = {"reached_on": None, "burn_rate": None, "low_micro_usd": None}
    text = text_of(budget(50, spent_micro_usd=4_500 * MICRO, **calm))
    assert "Acme: 50 % of $9,000 spent\n" in text
    assert "forecast $10,200\n" in text
    forecast = text_of(budget(100, kind=FindingKind.BUDGET_FORECAST, **calm))
    assert "113 % of its $9,000 cap at this pace" in forecast


def test_a_feature_budget_names_its_feature():
    text = text_of(budget(80, feature="chat", unknown_cost=True))
    assert "Acme, feature chat: 82 %" in text
    assert "at least this was spent" in text


def test_a_spike_without_a_forecast_of_its_budget_shows_what_is_spent():
    text = text_of(full_spike(budget=budget_state(reached_on=None)))
    assert "Budget   82 % of $9,000 spent\n" in text


@pytest.mark.parametrize(("effect", "words"), [(120, "$120 a day more"), (0, "the same")])
def test_a_price_change_says_what_it_does_to_your_bill(effect, words):
    assert words in text_of(price_change(effect=effect))


def test_a_drop_from_an_unknown_level_names_no_share():
    assert "below normal" not in text_of(drop(expected=0, actual=0))


def test_an_alert_of_several_days_says_since_when():
    alert = an_alert(spike())
    longer = replace(
        alert, abnormal=(*alert.abnormal, replace(alert.abnormal[0], day=november(13)))
    )
    lasting = alert_message(longer, Change.WORSE, NAMES)
    ended = alert_message(replace(longer, ended=True), Change.RESOLVED, NAMES)
    assert "Thu 12 Nov, 2 days so far" in [line.text for line in lasting.lines]
    assert "Thu 12 Nov, 2 days in all" in [line.text for line in ended.lines]


def test_a_withdrawn_day_says_what_it_was_even_if_it_is_unknown_what_it_is():
    alert = replace(an_alert(), abnormal=(), ended=True, state=AlertState.RESOLVED)
    message = alert_message(alert, Change.WITHDRAWN, NAMES, revision=Revision(DAY, 80 * MICRO))
    assert message.title == ("Acme: withdrawn, Thu 12 Nov was $80, which is normal after late data")


def test_worse_than_a_dismissal_is_told_in_full_tone():
    alert = an_alert(spike(), state=AlertState.DISMISSED)
    assert alert_message(alert, Change.WORSE, NAMES).tone == Severity.CRITICAL
    assert alert_message(alert, Change.UNCHANGED, NAMES).tone == "calm"


def test_an_answer_is_answered_in_one_line():
    alert = an_alert()
    dismissal = a_reply(Verb.DISMISS, Verdict.NEW_NORMAL)
    assert reply_words(alert, a_reply(), "") == (
        "A-12 acknowledged: quiet until it ends or gets worse"
    )
    assert reply_words(alert, dismissal, "Acme's baseline starts again on 12 Nov") == (
        "A-12 dismissed as new normal: Acme's baseline starts again on 12 Nov"
    )
    assert reply_words(alert, dismissal, "").endswith("kept on record")
    assert "nothing changed" in reply_words(alert, a_reply(), "", repeated=True)


def test_fault_92_a_hostile_model_name_cannot_ride_on_a_command():
    hostile = replace(price_change(), subject="x; rm -rf ~\x1b[2J")
    message = alert_message(an_alert(hostile), Change.OPENED, NAMES)
    assert message.actions[0].command == "spendwatch prices show 'x; rm -rf ~'"
