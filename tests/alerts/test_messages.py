from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.holds import PlannedEvent
from alerts.messages import (
    above_plan,
    alert_message,
    held_until_now,
    reply_words,
    undo_words,
)
from alerts.model import AlertState, Change, Reason, Verb, Verdict
from alerts.render.text import render_text
from alerts.revisions import Revision
from detector.model import MICRO, FindingKind, Severity
from tests.builders import (
    DAY,
    NAMES,
    NOW,
    a_reply,
    an_alert,
    baseline,
    budget,
    budget_state,
    drop,
    early_spike,
    full_spike,
    november,
    one_of_each,
    price_change,
    spike,
)

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "messages"
ANSWERS = {
    "acknowledged": (AlertState.ACKNOWLEDGED, Verb.ACKNOWLEDGE),
    "dismissed": (AlertState.DISMISSED, Verb.DISMISS),
    "snoozed": (AlertState.SNOOZED, Verb.SNOOZE),
}
SPOKE_AGAIN = {
    "worse_than_acknowledged": (Change.WORSE, Verb.ACKNOWLEDGE),
    "worse_than_dismissed": (Change.WORSE, Verb.DISMISS),
    "worse_than_snoozed": (Change.WORSE, Verb.SNOOZE),
    "snooze_over": (Change.WOKEN, Verb.SNOOZE),
    "unanswered": (Change.REMINDED, None),
    "released": (Change.RELEASED, None),
    "plan_exceeded": (Change.OPENED, None),
}
EARLY = {
    "early": Change.OPENED,
    "early_worse": Change.WORSE,
    "early_withdrawn": Change.WITHDRAWN,
}
"""What a spike is told as while its day runs, and where the finished day is normal."""
STATES = (
    "opened", "worse", "revised", "resolved", "period_over", "replaced", "withdrawn",
    *ANSWERS, *SPOKE_AGAIN, *EARLY,
)  # fmt: skip
ENDED_ON = {"resolved": november(13), "period_over": november(1, 12)}
EFFECT = "12 Nov will stay out of Acme's baseline"
SOURCES = (FindingKind.SOURCE_STALE, FindingKind.SOURCE_FAILING)
BUDGETS = (FindingKind.BUDGET_THRESHOLD, FindingKind.BUDGET_FORECAST)
PLAN = PlannedEvent("P-2", "acme", DAY, november(14), 500 * MICRO, "load test", "Aiko Tanaka")


def applies(finding, state):
    if finding.kind is FindingKind.PRICE_CHANGE:
        return state in ("opened", "released")
    if state == "plan_exceeded" or state in EARLY:
        return finding.kind is FindingKind.SPEND_SPIKE
    if state in ("period_over", "replaced"):
        return finding.kind in BUDGETS
    if state == "revised":
        return finding.expected_micro_usd is not None
    if state.startswith("worse"):
        return finding.kind not in SOURCES
    return not (state in ("withdrawn", "unanswered") and finding.kind in BUDGETS)


CASES = [
    (finding, state) for finding in one_of_each() for state in STATES if applies(finding, state)
]


def in_state(finding, state):
    """The message of a finding in one state of its alert."""
    if state in EARLY:
        return while_it_runs(EARLY[state])
    if state in ANSWERS:
        stands, verb = ANSWERS[state]
        alert = an_alert(finding, state=stands)
        effect = EFFECT if verb is Verb.DISMISS and finding.expected_micro_usd else ""
        return alert_message(alert, Change.UNCHANGED, NAMES, reply=answered(verb), effect=effect)
    if state in SPOKE_AGAIN:
        change, verb = SPOKE_AGAIN[state]
        reply = replace(answered(verb), magnitude=less_than(finding)) if verb else None
        notes = [held_until_now(Reason.SILENCED)] if state == "released" else []
        notes += [above_plan(finding, PLAN)] if state == "plan_exceeded" else []
        return alert_message(an_alert(finding), change, NAMES, reply=reply, notes=notes)
    if state in ENDED_ON:
        return alert_message(ended(finding, ENDED_ON[state]), Change.RESOLVED, NAMES)
    over = state in ("replaced", "withdrawn")
    alert = an_alert(finding, state=AlertState.RESOLVED if over else AlertState.OPEN, ended=over)
    revision = None
    if finding.expected_micro_usd and state == "revised":
        revision = Revision(DAY, 900 * MICRO, finding.actual_micro_usd)
    if finding.expected_micro_usd and state == "withdrawn":
        revision = Revision(DAY, finding.actual_micro_usd, 340 * MICRO)
    return alert_message(alert, Change(state), NAMES, revision=revision)


def while_it_runs(change):
    """The message of a spike of a day that runs, or of one that did when it was told."""
    alert, revision = an_alert(early_spike()), None
    if change is Change.WITHDRAWN:
        alert = replace(alert, abnormal=(), ended=True, state=AlertState.RESOLVED)
        revision = Revision(DAY, alert.finding.actual_micro_usd, 340 * MICRO)
    return alert_message(alert, change, NAMES, revision=revision)


def ended(finding, day):
    """An alert that ended because nothing was found on a day."""
    return an_alert(finding, state=AlertState.RESOLVED, ended=True, judged_day=day)


def answered(verb):
    """An answer of each kind, as a person gives it."""
    if verb is Verb.DISMISS:
        return a_reply(verb, Verdict.EXPECTED, "load test, ends Friday")
    until = NOW + timedelta(days=1) if verb is Verb.SNOOZE else None
    return replace(a_reply(verb, actor="Aiko Tanaka"), until=until)


def less_than(finding):
    """How bad it was when somebody answered: of a budget a lower threshold."""
    return 50 if finding.kind in BUDGETS else finding.magnitude * 4 // 7


@pytest.mark.parametrize(
    ("finding", "state"), CASES, ids=[f"{finding.kind}-{state}" for finding, state in CASES]
)
def test_every_kind_in_every_state_reads_as_its_golden_file(finding, state):
    reads_as(
        GOLDEN / f"{finding.kind.value.replace(' ', '_')}_{state}.txt", in_state(finding, state)
    )


def reads_as(path, message):
    text = render_text(message, colour=False) + "\n"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def test_no_golden_file_is_left_over():
    wanted = {f"{finding.kind.value.replace(' ', '_')}_{state}.txt" for finding, state in CASES}
    others = ("digest_", "group_")  # tests of their own
    mine = {path.name for path in GOLDEN.iterdir() if not path.name.startswith(others)}
    assert mine == wanted


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


def test_a_withdrawn_day_of_unknown_cost_is_said_to_be_normal_as_a_whole():
    alert = an_alert(early_spike(), abnormal=(), ended=True, state=AlertState.RESOLVED)
    title = alert_message(alert, Change.WITHDRAWN, NAMES).title
    assert title == "Acme: withdrawn, Thu 12 Nov is normal as a whole"


def test_a_running_day_whose_usual_course_is_unknown_names_no_end():
    text = text_of(early_spike(facts={"by": "14:05 CET"}))
    assert "over the usual $331 by 14:05 CET\n" in text
    assert "Course" not in text


def test_a_day_that_is_over_and_not_settled_is_not_said_to_run():
    text = text_of(early_spike(facts={"by": "00:40 CET", "day_over": 1}))
    assert "3.9x normal, not all data in yet" in text
    assert "still running" not in text


def test_an_early_alert_that_lost_its_facts_is_still_told():
    text = text_of(early_spike(facts={}))
    assert "$1,284 on Thu 12 Nov, 3.9x normal, day still running" in text
    assert "+$953 over the usual $331\n" in text


def test_the_finished_day_says_nothing_of_running():
    text = text_of(replace(early_spike(), early=False))
    assert not {"running", "Course", "14:05"} & set(text.split())


def test_worse_than_a_dismissal_is_told_in_full_tone():
    alert = an_alert(spike(), state=AlertState.DISMISSED)
    assert alert_message(alert, Change.WORSE, NAMES).tone == Severity.CRITICAL


@pytest.mark.parametrize("state", [state for state, _ in ANSWERS.values()])
def test_what_was_answered_keeps_its_severity_and_says_its_state(state):
    message = alert_message(an_alert(state=state), Change.UNCHANGED, NAMES)
    assert message.tone == Severity.CRITICAL
    assert message.title == f"Acme: {state}, $1,284 on Thu 12 Nov, 3.9x normal"


def test_what_was_dismissed_and_ended_says_that_it_is_over():
    alert = an_alert(state=AlertState.DISMISSED, ended=True)
    message = alert_message(alert, Change.UNCHANGED, NAMES)
    assert message.title.startswith("Acme: dismissed, over, $1,284")
    assert message.reference == "A-12, spend spike", "the title says the rest"


def resolution(finding, day, change=Change.RESOLVED):
    return alert_message(ended(finding, day), change, NAMES).title


def weekly(day, **changes):
    state = budget_state(period="weekly", starts_on=november(9), ends_on=november(16), **changes)
    return replace(budget(80, day), budget=state)


def test_a_budget_below_its_threshold_has_recovered_and_a_new_period_is_no_recovery():
    last_day = weekly(november(15), cap_micro_usd=1_200 * MICRO, spent_micro_usd=948 * MICRO)
    assert resolution(last_day, november(15)) == "Acme: resolved, below the threshold again"
    assert resolution(last_day, november(16)) == (
        "Acme: the week is over, 79 % of $1,200 was spent; a new week began"
    )


def test_a_period_that_ended_unjudged_says_until_when_its_spend_is_known():
    unknown = budget(80, november(29), unknown_cost=True)
    assert resolution(unknown, november(4, 12)) == (
        "Acme: the month is over, at least 82 % of $9,000 was spent by Sun 29 Nov; "
        "a new month began"
    )


def test_a_budget_of_nothing_whose_period_is_over_says_what_was_spent():
    nothing = weekly(november(15), cap_micro_usd=0, spent_micro_usd=12_400_000)
    assert resolution(nothing, november(17)) == (
        "Acme: the week is over, $12.40 was spent; a new week began"
    )


def test_a_budget_alert_that_another_one_replaced_is_not_said_to_have_recovered():
    assert resolution(budget(80), november(13), Change.REPLACED) == (
        "Acme: resolved, another alert of this budget tells of it"
    )


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


def test_an_answer_that_kept_no_level_is_not_compared_with_one():
    message = alert_message(an_alert(), Change.WORSE, NAMES, reply=a_reply())
    assert message.lines[0].text == "than what alice acknowledged on 13 Nov 06:10 UTC"


def test_fault_92_an_answer_that_speaks_again_is_inert():
    hostile = replace(a_reply(note="a\x1b[2Jb\nc"), actor="\u202eeve", magnitude=MICRO)
    message = alert_message(an_alert(), Change.WORSE, NAMES, reply=hostile)
    assert "than what eve acknowledged" in message.lines[0].text
    assert message.lines[0].text.endswith("said then: ab c")


def test_an_open_alert_offers_every_answer_and_an_answered_one_its_undoing():
    def labels(state):
        actions = alert_message(an_alert(state=state), Change.UNCHANGED, NAMES).actions
        return [action.label for action in actions]

    look = ["look closer", "explain it"]
    assert labels(AlertState.OPEN) == ["acknowledge", "dismiss", "snooze", *look]
    assert labels(AlertState.SNOOZED) == ["dismiss", "take it back", *look]
    assert labels(AlertState.DISMISSED) == ["change the verdict", "take it back", *look]
    assert labels(AlertState.RESOLVED) == ["say why", *look]


def test_an_undone_answer_says_whose_it_was_and_what_is_left():
    alert = an_alert()
    dismissal = a_reply(Verb.DISMISS, Verdict.REAL, actor="Aiko Tanaka")
    assert undo_words(alert, dismissal) == (
        "A-12 is open now: the dismissal of Aiko Tanaka on 13 Nov 06:10 UTC is undone; "
        "what it taught is forgotten"
    )
    assert "is undone; " not in undo_words(alert, a_reply())
    assert undo_words(alert, repeated=True).endswith("undone already; nothing changed")


def test_a_snooze_is_answered_with_its_end():
    alert = an_alert(state=AlertState.SNOOZED, snoozed_until=NOW + timedelta(days=1))
    assert reply_words(alert, answered(Verb.SNOOZE), "") == (
        "A-12 snoozed until 14 Nov 06:10 UTC, unless it ends or gets worse before"
    )


def test_fault_92_a_hostile_model_name_cannot_ride_on_a_command():
    hostile = replace(price_change(), subject="x; rm -rf ~\x1b[2J")
    message = alert_message(an_alert(hostile), Change.OPENED, NAMES)
    assert message.actions[0].command == "spendwatch prices show 'x; rm -rf ~'"


def test_undoing_a_verdict_says_which_one_counts_again():
    earlier = a_reply(Verb.DISMISS, Verdict.FALSE_ALARM, actor="bob")
    undone = a_reply(Verb.DISMISS, Verdict.EXPECTED)
    words = undo_words(an_alert(state=AlertState.DISMISSED), undone, earlier)
    assert words.endswith("what it taught is forgotten; bob's verdict counts again: false alarm")
    assert "counts again" not in undo_words(an_alert(), undone, a_reply())


def test_a_ceiling_with_cents_adds_up_with_what_is_above_it():
    plan = replace(PLAN, ceiling_micro_usd=650_500_000)
    said = above_plan(spike(actual=700), plan).text
    assert said.startswith("$650.50 a day was planned until ")
    assert said.endswith("; this is $49.50 above it")


def test_a_cap_with_cents_is_shown_with_them():
    budgeted = replace(budget(), budget=budget_state(cap_micro_usd=9_000_500_000))
    title = alert_message(an_alert(budgeted), Change.OPENED, NAMES).title
    assert "of $9,000.50 spent" in title


@pytest.mark.parametrize("change", [Change.OPENED, Change.WORSE, Change.RESOLVED])
def test_the_last_line_does_not_repeat_the_title(change):
    state = AlertState.RESOLVED if change is Change.RESOLVED else AlertState.OPEN
    message = alert_message(an_alert(state=state), change, NAMES)
    repeated = {"resolved", "worse", "acknowledged"} & set(message.reference.split(", "))
    assert repeated == set()


@pytest.mark.parametrize(
    ("rate", "words"),
    [(2.04, "2.0 times as fast as"), (1.01, "just as fast as"), (0.5, "0.5 times as fast as")],
)
def test_a_burn_rate_is_said_in_words(rate, words):
    state = replace(budget().budget, burn_rate=rate)
    message = alert_message(an_alert(replace(budget(), budget=state)), Change.OPENED, NAMES)
    assert any(f", {words} the budget allows" in line.text for line in message.lines)
