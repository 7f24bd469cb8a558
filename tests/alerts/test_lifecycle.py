from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.episode import fingerprint, match
from alerts.knowledge import mark_told
from alerts.lifecycle import observe, open_alert, reply
from alerts.model import AlertRules, AlertState, Change, Verb, Verdict
from detector.model import MICRO, FindingKind, Severity
from tests.builders import (
    DAY,
    NOW,
    about_source,
    an_alert,
    attribution_gap,
    budget,
    november,
    price_change,
    source_stale,
    spike,
)

RULES = AlertRules()


def judge(alert, *days):
    """Show an alert one day after the other: a finding, or a day number judged normal."""
    changes = []
    for each in days:
        finding = None if isinstance(each, int) else each
        day = november(each) if isinstance(each, int) else each.day
        alert, change = observe(alert, finding, day, NOW, RULES)
        if finding and change in (Change.WORSE, Change.REVISED):
            alert = mark_told(alert, finding, change, NOW)
        changes.append(change)
    return alert, changes


def spent(day, dollars):
    return spike(november(day), actual=dollars, expected=0)


def opened(*days):
    """An alert of spikes of $100 on the days given."""
    first, *others = (spent(day, 100) for day in days)
    return judge(an_alert(first), *others)[0]


def test_a_fingerprint_never_holds_the_value():
    assert fingerprint(spike(actual=500), DAY) == fingerprint(spike(actual=900), DAY)


def test_a_period_of_its_own_goes_before_the_episode():
    assert fingerprint(budget(50), DAY) == fingerprint(budget(80), november(20))
    assert fingerprint(budget(cap=9_000), DAY) != fingerprint(budget(cap=9_500), DAY)


def test_fault_92_names_made_to_collide_do_not():
    left, right = spike(tenant="a:b", subject="c"), spike(tenant="a", subject="b:c")
    percent = spike(tenant="a%3Ab", subject="c")
    assert len({fingerprint(each, DAY) for each in (left, right, percent)}) == 3


# while it lasts


def test_fault_39_a_spike_of_ten_days_is_one_alert_told_once():
    alert, changes = judge(opened(2), *(spent(day, 100 + day) for day in range(3, 12)))
    assert set(changes) == {Change.UPDATED}
    assert alert.days == tuple(november(day) for day in range(2, 12))
    assert alert.finding.day == november(11)


def test_the_same_day_judged_again_changes_nothing():
    alert = opened(12, 13)
    assert observe(alert, spent(13, 100), november(13), NOW, RULES) == (alert, Change.UNCHANGED)
    assert observe(alert, spent(12, 100), november(12), NOW, RULES) == (alert, Change.UNCHANGED)


@pytest.mark.parametrize(
    ("dollars", "change"), [(149, Change.UPDATED), (150, Change.WORSE), (400, Change.WORSE)]
)
def test_worse_is_half_as_much_again_as_was_told(dollars, change):
    assert judge(opened(12), spent(13, dollars))[1] == [change]


def test_worse_is_measured_against_what_was_last_told():
    alert, changes = judge(opened(12), spent(13, 150), spent(14, 220), spent(15, 225))
    assert changes == [Change.WORSE, Change.UPDATED, Change.WORSE]
    assert alert.told_magnitude == 225 * MICRO


def test_a_change_that_people_can_see_is_a_new_revision():
    alert = judge(opened(12), spent(13, 100), 14)[0]
    assert alert.revision == 2


@pytest.mark.parametrize("kind", [FindingKind.SOURCE_STALE, FindingKind.SOURCE_FAILING])
def test_a_silent_source_is_told_once_however_long_it_lasts(kind):
    alert = an_alert(about_source(kind, DAY, {}))
    later = about_source(kind, november(20), {}, magnitude=8)
    assert judge(alert, later)[1] == [Change.UPDATED]


# a day judged again


@pytest.mark.parametrize(
    ("dollars", "change"),
    [
        (100, Change.UNCHANGED),
        (104, Change.UPDATED),
        (106, Change.REVISED),
        (94, Change.REVISED),
        (150, Change.WORSE),
    ],
)
def test_a_revised_day_is_told_beyond_five_percent(dollars, change):
    assert judge(opened(12), spent(12, dollars))[1] == [change]


def test_a_revision_below_a_dollar_is_not_told():
    alert = an_alert(spike(actual=5, expected=0))
    assert judge(alert, spike(actual=6, expected=0))[1] == [Change.UPDATED]


def test_small_revisions_add_up_against_what_was_told():
    assert judge(opened(12), spent(12, 104), spent(12, 108))[1] == [Change.UPDATED, Change.REVISED]


def test_a_day_kept_in_silence_is_revised_against_what_was_judged_of_it():
    alert = opened(12, 13)
    assert judge(alert, spent(13, 104))[1] == [Change.UPDATED]
    assert judge(alert, spent(13, 106))[1] == [Change.REVISED]


def test_another_severity_is_told():
    critical = replace(spent(12, 101), severity=Severity.CRITICAL)
    assert judge(opened(12), critical)[1] == [Change.REVISED]


def test_new_drivers_for_the_same_numbers_are_kept_in_silence():
    alert, changes = judge(opened(12), replace(spent(12, 100), score=9.0))
    assert (changes, alert.finding.score) == ([Change.UPDATED], 9.0)


def test_a_revised_older_day_leaves_the_newest_finding():
    alert, changes = judge(opened(12, 13), spent(12, 120))
    assert changes == [Change.REVISED]
    assert alert.finding == spent(13, 100)
    assert [judged.excess_micro_usd for judged in alert.abnormal] == [120 * MICRO, 100 * MICRO]


def test_a_revised_older_day_does_not_make_the_newest_worse():
    alert, _ = judge(opened(12), spent(13, 160), spent(12, 110))
    assert judge(alert, spent(14, 170))[1] == [Change.UPDATED]


def test_late_data_can_fill_a_normal_day_in_between():
    alert, changes = judge(opened(12), 13, spent(14, 100), spent(13, 100))
    assert changes[-1] is Change.UPDATED
    assert alert.days == (november(12), november(13), november(14))
    assert alert.normal_days == 0


def test_a_day_counted_as_normal_that_turns_abnormal_is_not_counted_any_more():
    alert, _ = judge(opened(12), 13, spent(13, 100))
    assert (alert.normal_days, alert.days) == (0, (november(12), november(13)))
    assert judge(alert, 14)[1] == [Change.UNCHANGED]


def test_the_only_abnormal_day_taken_back_is_withdrawn_openly():
    alert, changes = judge(opened(12), 12)
    assert changes == [Change.WITHDRAWN]
    assert (alert.state, alert.ended, alert.days) == (AlertState.RESOLVED, True, ())
    assert alert.finding == spent(12, 100)


def test_a_withdrawn_day_that_is_abnormal_after_all_is_told_again():
    alert, changes = judge(opened(12), 12, 12, spent(12, 100))
    assert changes == [Change.WITHDRAWN, Change.UNCHANGED, Change.REVISED]
    assert (alert.state, alert.ended) == (AlertState.OPEN, False)


def test_one_of_several_days_taken_back_leaves_the_others():
    alert, changes = judge(opened(12, 13), 12)
    assert (changes, alert.days) == ([Change.UPDATED], (november(13),))
    assert alert.finding == spent(13, 100)


def test_the_newest_day_taken_back_counts_as_normal():
    alert, changes = judge(an_alert(spike(actual=140)), spike(november(13)), 13)
    assert changes[-1] is Change.UPDATED
    assert (alert.days, alert.normal_days) == ((DAY,), 1)
    assert (alert.finding.day, alert.finding.actual_micro_usd) == (DAY, 140 * MICRO)
    assert alert.finding.expected_micro_usd == 331 * MICRO
    assert judge(alert, 14)[1] == [Change.RESOLVED]


def test_the_newest_day_taken_back_can_resolve():
    assert judge(opened(12), 13, spent(14, 100), 15, 14)[1][-1] is Change.RESOLVED


def test_a_gap_whose_newest_day_is_taken_back_keeps_no_cost_it_never_had():
    alert = an_alert(source_stale())
    after, _ = judge(alert, source_stale(november(13)), 13)
    assert after.state is AlertState.RESOLVED
    assert after.finding.expected_micro_usd is None


def test_a_day_of_an_ended_alert_taken_back_does_not_open_it():
    alert, changes = judge(opened(12, 13), 14, 15, 13)
    assert (changes[-1], alert.ended, alert.days) == (Change.UPDATED, True, (november(12),))


def test_what_an_answer_rests_on_is_not_taken_back():
    alert = replace(opened(12), state=AlertState.DISMISSED)
    assert judge(alert, 12) == (alert, [Change.UNCHANGED])


# the end


def test_a_spike_resolves_after_two_normal_days():
    alert, changes = judge(opened(12), 13, 14)
    assert changes == [Change.UNCHANGED, Change.RESOLVED]
    assert (alert.state, alert.ended) == (AlertState.RESOLVED, True)


def test_a_spike_that_comes_back_after_one_normal_day_goes_on():
    alert, _ = judge(opened(12), 13, spent(14, 100), 15)
    assert (alert.normal_days, alert.ended) == (1, False)


def test_a_normal_day_is_counted_once():
    assert judge(opened(12), 13, 13, 13)[0].normal_days == 1


def test_an_attribution_gap_needs_two_normal_days_a_source_one():
    assert judge(an_alert(attribution_gap()), 13)[1] == [Change.UNCHANGED]
    assert judge(an_alert(source_stale()), 13)[1] == [Change.RESOLVED]


def test_a_dismissed_alert_stays_dismissed_when_it_ends():
    alert, changes = judge(replace(opened(12), state=AlertState.DISMISSED), 13, 14)
    assert changes[-1] is Change.RESOLVED
    assert (alert.state, alert.ended) == (AlertState.DISMISSED, True)


def test_a_normal_day_after_the_end_changes_nothing():
    ended = judge(opened(12), 13, 14)[0]
    assert judge(ended, 15, 13) == (ended, [Change.UNCHANGED, Change.UNCHANGED])


def test_an_ended_day_revised_stays_ended_and_is_told():
    alert, changes = judge(opened(12), 13, 14, spent(12, 120))
    assert (changes[-1], alert.ended) == (Change.REVISED, True)


def test_an_end_that_late_data_contradicts_is_taken_back():
    alert, changes = judge(opened(12), 13, 14, spent(14, 100))
    assert (changes[-1], alert.state, alert.ended) == (Change.REVISED, AlertState.OPEN, False)
    assert judge(alert, 15, 16)[1][-1] is Change.RESOLVED


def test_a_price_change_is_over_at_once_and_never_speaks_again():
    alert = open_alert(price_change(), NOW)
    assert (alert.state, alert.ended) == (AlertState.RESOLVED, True)
    _, changes = judge(alert, 12, 13, price_change(), price_change(november(13), effect=-900))
    assert changes == [Change.UNCHANGED, Change.UNCHANGED, Change.UNCHANGED, Change.UPDATED]


def test_fault_43_the_next_threshold_speaks_and_the_same_does_not():
    alert = an_alert(budget(50))
    days = [budget(50, november(13)), budget(80, november(14)), budget(80, november(15))]
    assert judge(alert, *days)[1] == [Change.UPDATED, Change.WORSE, Change.UPDATED]


def test_fault_43_two_thresholds_on_one_day_are_worse_not_revised():
    assert judge(an_alert(budget(50)), budget(100))[1] == [Change.WORSE]


def test_fault_45_a_refund_resolves_on_the_day_it_comes():
    alert, changes = judge(an_alert(budget(80)), 12)
    assert (changes, alert.state) == ([Change.RESOLVED], AlertState.RESOLVED)
    assert judge(an_alert(budget(80)), 13)[1] == [Change.RESOLVED]


def test_fault_45_the_same_threshold_crossed_again_stays_silent_a_higher_one_speaks():
    refunded = judge(an_alert(budget(80)), 13)[0]
    again, changes = judge(refunded, budget(80, november(14)))
    assert changes == [Change.UPDATED]
    assert (again.state, again.ended, again.announced) == (AlertState.OPEN, False, False)
    alert, changes = judge(again, budget(100, november(15)))
    assert (changes, alert.announced) == ([Change.WORSE], True)


def test_a_refund_taken_back_on_its_own_day_reopens_in_silence():
    alert, changes = judge(an_alert(budget(80)), 12, budget(80))
    assert (changes, alert.ended) == ([Change.RESOLVED, Change.UPDATED], False)


def test_a_dismissed_budget_that_comes_back_stays_dismissed():
    alert = judge(replace(an_alert(budget(80)), state=AlertState.DISMISSED), 13)[0]
    assert judge(alert, budget(80, november(14)))[0].state is AlertState.DISMISSED


def test_an_older_day_of_a_budget_judged_again_says_nothing():
    alert = judge(an_alert(budget(50)), budget(80, november(14)))[0]
    assert judge(alert, 13, budget(100, november(13))) == (alert, [Change.UNCHANGED] * 2)


def test_a_lower_share_of_a_budget_is_not_news():
    assert judge(an_alert(budget(100)), budget(80))[1] == [Change.UPDATED]


def test_fault_42_a_changed_cap_is_another_alert():
    alert = an_alert(budget(80, cap=9_000))
    assert match(budget(80, cap=9_000, day=november(13)), [alert], RULES) is alert
    assert match(budget(100, cap=7_000, day=november(13)), [alert], RULES) is None


def test_a_finding_continues_the_alert_in_force():
    assert match(spent(20, 100), [opened(12)], RULES) == opened(12)


def test_a_day_just_before_an_alert_joins_it_an_older_one_does_not():
    alert = opened(12)
    assert match(spent(10, 100), [alert], RULES) is alert
    assert match(spent(9, 100), [alert], RULES) is None


def test_a_day_inside_an_ended_episode_belongs_to_it_a_later_one_does_not():
    ended = judge(opened(12), 13, 14)[0]
    assert match(spent(13, 100), [ended], RULES) is ended
    assert match(spent(15, 100), [ended], RULES) is None
    assert match(spent(11, 100), [ended], RULES) is None


def test_the_alert_that_holds_the_day_goes_before_the_one_in_force():
    ended, lasting = judge(opened(8), 9, 10)[0], opened(12)
    assert match(spent(8, 120), [lasting, ended], RULES) is ended
    assert match(spent(13, 100), [ended, lasting], RULES) is lasting


def test_a_withdrawn_alert_is_known_by_its_first_day_alone():
    withdrawn = judge(opened(12), 12)[0]
    assert match(spent(12, 100), [withdrawn], RULES) is withdrawn
    assert match(spent(13, 100), [withdrawn], RULES) is None


def test_of_two_alerts_in_force_the_newer_goes_on():
    older, newer = opened(2), opened(12)
    assert match(spent(13, 100), [newer, older], RULES) is newer


# answers


def test_what_a_person_has_seen_counts_as_told():
    seen = judge(opened(12), spent(13, 140))[0]
    answered = reply(seen, Verb.DISMISS, Verdict.EXPECTED, NOW)
    assert judge(answered, spent(14, 200))[1] == [Change.UPDATED]
    assert judge(answered, spent(14, 210))[1] == [Change.WORSE]


def test_an_alert_speaks_for_its_finding():
    alert = an_alert(spike(tenant="bolt"))
    assert (alert.kind, alert.tenant) == (FindingKind.SPEND_SPIKE, "bolt")
    assert alert.severity is Severity.CRITICAL
