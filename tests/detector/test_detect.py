from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from detector.detect import Context, detect, without_double_telling
from detector.model import EVERYONE, MICRO, UNATTRIBUTED, FindingKind, LeftOutDay, Severity
from detector.quality import SourceDay, source_findings
from detector.rules import RuleBook
from tests.builders import attribution_gap, budget, budget_state
from tests.detector.histories import (
    TODAY,
    acme,
    ago,
    bolt,
    book,
    drops,
    fleet,
    history_of,
    judge,
    leave_out,
    partial,
    price,
    priced,
    prices,
    raise_floor,
    restart,
    spend,
    spikes,
    unpulled,
)

SPEND_EVERYONE = {(FindingKind.SPEND_SPIKE, EVERYONE), (FindingKind.SPEND_DROP, EVERYONE)}


def test_an_ordinary_day_finds_nothing_and_judges_everything():
    judgement = judge(fleet())
    assert judgement.findings == ()
    assert judgement.unjudged == frozenset()
    assert judgement.day == TODAY


def test_a_spike_carries_what_a_person_needs_to_check_it():
    (finding,) = judge(fleet(acme=900)).findings
    assert (finding.kind, finding.tenant) == (FindingKind.SPEND_SPIKE, "acme")
    assert (finding.rule, finding.score) == ("z-score", pytest.approx(160))
    assert finding.expected_micro_usd == 100 * MICRO
    assert finding.actual_micro_usd == 900 * MICRO
    assert finding.magnitude == finding.excess_micro_usd == 800 * MICRO
    assert finding.facts == {
        "z_bar": 3.0, "usable_days": 30,
        "method": "classic", "quiet_bar": 160.0, "quiet_micro_usd": 800 * MICRO,
    }  # fmt: skip
    assert [driver.change_micro_usd for driver in finding.drivers] == [800 * MICRO]
    assert not finding.lower_bound


def test_a_baseline_can_be_checked_by_hand():
    (finding,) = judge(fleet(acme=900)).findings
    found = finding.baseline
    assert (found.window_days, found.used_days, found.left_out) == (30, 30, ())
    assert (found.mean_micro_usd, found.spread_micro_usd) == (100 * MICRO, 5 * MICRO)
    assert (found.low_micro_usd, found.high_micro_usd) == (98 * MICRO, 102 * MICRO)


def test_a_drop_is_a_warning_with_a_positive_magnitude():
    (finding,) = judge(fleet(bolt=0.5), direction="down", z=1.5).findings
    assert finding.kind is FindingKind.SPEND_DROP
    assert finding.severity is Severity.WARNING
    assert finding.magnitude == -finding.excess_micro_usd > 100 * MICRO


@pytest.mark.parametrize(
    ("today", "severity"), [(599.999999, Severity.WARNING), (600, Severity.CRITICAL)]
)
def test_a_spike_is_critical_from_its_excess_on(today, severity):
    (finding,) = judge(fleet(acme=today)).findings
    assert finding.severity is severity


def test_fault_37_a_weekly_pattern_is_no_finding_on_any_day():
    rows = spend("bolt", [200 if ago(90 - step).weekday() < 5 else 20 for step in range(91)])
    for back in range(50):
        window = [row for row in rows if ago(back + 30) <= row.day <= ago(back)]
        assert judge(history_of(window, last=ago(back))).findings == ()


def test_fault_34_the_first_spend_of_a_newcomer_is_told_by_dollars():
    history = history_of(acme(), spend("dawn", [80]))
    (finding,) = judge(history).findings
    assert (finding.tenant, finding.rule, finding.score) == ("dawn", "first spend", None)
    assert (finding.expected_micro_usd, finding.baseline.used_days) == (0, 0)
    assert (finding.baseline.low_micro_usd, finding.baseline.high_micro_usd) == (0, 0)


def test_fault_35_corp_is_young_and_only_its_guard_judges_it():
    assert judge(fleet(corp=240)).findings == ()
    (finding,) = judge(fleet(corp=250)).findings
    assert (finding.rule, finding.score, finding.facts["usable_days"]) == ("young tenant", None, 4)


def test_fault_35_on_the_first_day_of_all_nobody_is_a_newcomer():
    history = history_of(*(spend(f"t{index}", [150]) for index in range(9)), first=TODAY)
    assert judge(history).findings == ()


def test_fault_36_a_day_dismissed_as_expected_leaves_the_window():
    history = history_of(spend("acme", [*[100] * 29, 1000, 200]))
    assert spikes(judge(history)) == []
    (finding,) = judge(history, leave_out("acme", ago(1))).findings
    assert finding.expected_micro_usd == 100 * MICRO
    assert finding.baseline.left_out == (LeftOutDay(ago(1), "dismissed as expected"),)


def test_fault_39_after_a_new_normal_the_new_level_is_quiet_and_the_old_one_a_drop():
    rows = [*[100] * 10, *[900] * 20]
    lesson = restart("acme", ago(20))
    assert spikes(judge(history_of(spend("acme", [*rows, 1000])), lesson)) == []
    assert drops(judge(history_of(spend("acme", [*rows, 100])), lesson)) == ["acme"]


def test_fault_39_just_after_a_new_normal_the_young_guard_stands_in():
    rows = [*[100] * 28, 900, 900]
    quiet, high = (history_of(spend("acme", [*rows, today])) for today in (1000, 2000))
    lesson = restart("acme", ago(2))
    assert judge(quiet, lesson).findings == ()
    (finding,) = judge(high, lesson).findings
    assert (finding.rule, finding.expected_micro_usd) == ("young tenant", 900 * MICRO)
    assert len(finding.baseline.left_out) == 28


def test_a_raised_floor_keeps_quiet_until_its_day_and_not_longer():
    lesson = raise_floor("acme", 500, TODAY)
    past = raise_floor("acme", 500, ago(1))
    assert judge(fleet(acme=599), lesson).findings == ()
    assert spikes(judge(fleet(acme=600), lesson)) == ["acme"]
    assert spikes(judge(fleet(acme=599), past)) == ["acme"]
    assert judge(fleet(corp=299), raise_floor("corp", 300, TODAY)).findings == ()


def test_fault_23_when_a_source_is_silent_nobody_drops_and_one_finding_says_so():
    history = unpulled(fleet(), TODAY)
    sources = (SourceDay("gateway", 0, 3, ago(1)),)
    context = Context(sources=sources, extra=source_findings(TODAY, sources))
    judgement = detect(history, book(), context)
    assert [finding.kind for finding in judgement.findings] == [FindingKind.SOURCE_STALE]
    assert judgement.unjudged >= SPEND_EVERYONE
    assert not judgement.judged(FindingKind.ATTRIBUTION_GAP, "")
    assert not judgement.judged(FindingKind.UNPRICED_MODEL, "")


def test_fault_23_one_silent_source_of_two_leaves_everybody_unjudged():
    sources = (SourceDay("gateway", 0, 3, ago(1)), SourceDay("files", 3, 3, ago(1)))
    judgement = detect(fleet(acme=900, bolt=0), book(), Context(sources=sources))
    assert judgement.findings == ()
    assert judgement.unjudged >= SPEND_EVERYONE


def test_a_day_that_was_not_pulled_is_not_judged():
    judgement = judge(unpulled(fleet(acme=900), TODAY))
    assert judgement.findings == ()
    assert judgement.unjudged >= SPEND_EVERYONE


def test_fault_25_a_day_pulled_in_part_tells_rises_and_no_drops():
    history = partial(fleet(acme=900, bolt=0), TODAY)
    judgement = judge(history, z=1.5)
    assert spikes(judgement) == ["acme"]
    assert drops(judgement) == []
    assert judgement.unjudged >= SPEND_EVERYONE
    assert drops(judge(fleet(bolt=0), z=1.5)) == ["bolt"]


def test_fault_10_an_unknown_cost_makes_a_lower_bound_and_never_a_drop():
    history = history_of(acme(900), spend("acme", [None], model="new"), bolt(0),
                         spend("bolt", [None], model="new"))  # fmt: skip
    judgement = judge(history, z=1.5)
    assert spikes(judgement) == ["acme"]
    assert judgement.findings[0].lower_bound
    assert drops(judgement) == []
    assert not judgement.judged(FindingKind.SPEND_DROP, "bolt")
    assert judgement.judged(FindingKind.ATTRIBUTION_GAP, "")


def test_fault_10_an_unknown_cost_of_another_day_leaves_today_exact():
    history = history_of(acme(900), spend("acme", [None], model="new", last=ago(4)))
    judgement = judge(history)
    assert not judgement.findings[0].lower_bound
    assert judgement.judged(FindingKind.SPEND_DROP, "acme")


def test_fault_30_without_an_alias_a_renamed_tenant_is_one_gone_and_one_new():
    history = history_of(spend("ac-me", [*[100] * 30, 0]), spend("acme", [100]))
    judgement = judge(history)
    assert [(f.tenant, f.kind, f.rule) for f in judgement.findings] == [
        ("ac-me", FindingKind.SPEND_DROP, "z-score"),
        ("acme", FindingKind.SPEND_SPIKE, "first spend"),
    ]


def test_fault_30_with_an_alias_a_renamed_tenant_is_no_finding():
    history = history_of(spend("acme", [*[100] * 30, ...]), spend("acme", [100]))
    assert judge(history).findings == ()


@pytest.mark.parametrize("factor", ["2", "9", "0.1"])
@pytest.mark.parametrize("since", [0, 1, 7])
def test_fault_11_a_change_of_price_alone_is_no_spike_and_no_drop(factor, since):
    table = prices(price(ago(400), "1"), price(ago(since), factor))
    history = history_of(priced(table, "acme", [100_000_000] * 31))
    assert judge(history, prices=table).findings == ()
    assert bool(judge(history).findings) is (since < 2)


def test_fault_11_a_spike_after_a_price_change_says_which_part_is_price():
    table = prices(price(ago(400), "1"), price(TODAY, "2"))
    history = history_of(priced(table, "acme", [*[100_000_000] * 30, 300_000_000]))
    (finding,) = judge(history, prices=table).findings
    (driver,) = finding.drivers
    assert (finding.expected_micro_usd, finding.actual_micro_usd) == (100 * MICRO, 600 * MICRO)
    assert (driver.volume_micro_usd, driver.price_micro_usd) == (200 * MICRO, 300 * MICRO)


@pytest.mark.parametrize(("rate", "tokens"), [("0.5", 190), ("0.5", 203), ("2", 60)])
def test_fault_11_a_price_change_never_tells_a_spike_as_a_saving_or_a_drop_as_a_rise(rate, tokens):
    table = prices(price(ago(400), "1"), price(TODAY, rate))
    history = history_of(priced(table, "acme", [*[100_000_000] * 30, tokens * 1_000_000]))
    (finding,) = judge(history, prices=table).findings
    rise = finding.kind is FindingKind.SPEND_SPIKE
    assert (finding.excess_micro_usd > 0) is rise is (tokens > 100)
    assert finding.expected_micro_usd == finding.baseline.mean_micro_usd
    assert sum(driver.change_micro_usd for driver in finding.drivers) == finding.excess_micro_usd


def test_a_spike_carries_its_tenants_budget_that_is_nearest_to_its_end():
    budgets = (
        budget_state(crossed_percent=None),
        budget_state(crossed_percent=80, period="yearly"),
        budget_state(crossed_percent=100, feature="chat"),
        budget_state(crossed_percent=100, tenant="bolt"),
    )
    (finding,) = detect(fleet(acme=900), book(), Context(budgets=budgets)).findings
    assert finding.budget is budgets[1]


def test_findings_made_elsewhere_come_after_spikes():
    judgement = detect(fleet(acme=900), book(), Context(extra=(attribution_gap(),)))
    kinds = [finding.kind for finding in judgement.findings]
    assert kinds == [FindingKind.SPEND_SPIKE, FindingKind.ATTRIBUTION_GAP]


def test_a_day_without_any_series_finds_nothing():
    history = history_of([])
    assert detect(history._replace(pulled=np.ones(31, dtype=np.bool_)), book()).findings == ()


def test_an_unknown_method_is_an_error():
    with pytest.raises(KeyError, match="magic"):
        detect(fleet(), RuleBook(method="magic"))


@pytest.mark.parametrize("amount", [1e-9, 1e-6, 1.0, 1e12])
@pytest.mark.parametrize("days", [1, 2, 15, 31])
def test_fault_17_no_amount_and_no_length_of_history_raises_or_warns(amount, days):
    rows = spend("acme", [*[0] * (days - 1), amount], given=True), spend("bolt", [amount] * days)
    judgement = judge(history_of(*rows, first=ago(days - 1)))
    for finding in judgement.findings:
        assert finding.score is None or np.isfinite(finding.score)
        assert finding.excess_micro_usd > 0


def spike_of(tenant):
    return next(iter(judge(history_of(spend(tenant, [*[10] * 30, 90]))).findings))


@pytest.mark.parametrize(("usual", "told"), [(0.01, 1), (0.05, 1), (0.2, 2)])
def test_a_spike_of_unattributed_cost_is_told_by_the_gap_unless_the_gap_is_old_news(usual, told):
    findings = (spike_of(UNATTRIBUTED), attribution_gap())
    assert len(without_double_telling(findings, usual, 5.0)) == told


def test_without_a_gap_and_for_others_nothing_is_left_out():
    alone = (spike_of(UNATTRIBUTED),)
    others = (spike_of("acme"), replace(budget(), tenant=UNATTRIBUTED), attribution_gap())
    assert without_double_telling(alone, 0.0, 5.0) == alone
    assert without_double_telling(others, 0.0, 5.0) == others


def test_a_lesson_for_a_later_day_changes_nothing():
    later = TODAY + timedelta(days=3)
    lessons = (leave_out("acme", later), restart("acme", later))
    assert judge(fleet(acme=900), *lessons) == judge(fleet(acme=900))
