from datetime import timedelta
from decimal import Decimal

import pytest

from detector.model import MICRO, UNATTRIBUTED, FindingKind, Severity
from detector.price_table import Price
from detector.quality import (
    NEVER_SPOKE,
    SourceDay,
    attribution_findings,
    price_change_findings,
    source_findings,
    stale_sources,
    unattributed_share,
    unpriced_findings,
)
from tests.detector.histories import (
    TODAY,
    ago,
    history_of,
    price,
    priced,
    prices,
    spend,
)

SILENT = SourceDay("gateway", 0, 1_200, ago(1))


def test_fault_23_a_silent_source_is_one_critical_finding():
    (finding,) = source_findings(TODAY, [SILENT])
    assert (finding.kind, finding.severity) == (FindingKind.SOURCE_STALE, Severity.CRITICAL)
    assert finding.subject == "gateway"
    assert finding.facts == {"source": "gateway", "last_day": "2026-11-11", "usual_rows": 1200}


def test_fault_23_only_a_source_that_used_to_answer_can_fall_silent():
    sources = (SILENT, SourceDay("new", 0), SourceDay("alive", 7, 9, ago(1)))
    assert stale_sources(sources) == (SILENT,)
    assert [finding.subject for finding in source_findings(TODAY, sources)] == ["gateway"]


def test_a_source_that_never_spoke_is_a_warning_and_keeps_nobody_from_being_judged():
    quiet = SourceDay("new", 0, never_spoke=True)
    (finding,) = source_findings(TODAY, [quiet, SourceDay("alive", 7, 9, ago(1))])
    assert (finding.kind, finding.severity) == (FindingKind.SOURCE_STALE, Severity.WARNING)
    assert (finding.subject, finding.rule) == ("new", NEVER_SPOKE)
    assert stale_sources([quiet]) == ()


def test_a_silent_source_whose_last_day_is_not_known_says_none():
    (finding,) = source_findings(TODAY, [SourceDay("gateway", 0, 3)])
    assert finding.facts["last_day"] == ""


def test_a_failing_source_is_told_once_and_not_as_silent_too():
    (finding,) = source_findings(TODAY, [SourceDay("gateway", 0, 9, ago(1), error="refused")])
    assert finding.kind is FindingKind.SOURCE_FAILING
    assert finding.facts == {"source": "gateway", "error": "refused"}


@pytest.mark.parametrize(
    ("rejected", "kept", "severity"),
    [(3, 0, Severity.WARNING), (3, 2, Severity.WARNING), (0, 2, Severity.NOTICE)],
)
def test_fault_16_refused_rows_are_counted_with_their_reasons(rejected, kept, severity):
    state = SourceDay("gateway", 9, 9, ago(1), rejected, kept, "negative (3)", "a.csv line 2")
    (finding,) = source_findings(TODAY, (state,))
    assert (finding.kind, finding.severity) == (FindingKind.REJECTED_USAGE, severity)
    assert finding.magnitude == rejected + kept
    assert (finding.facts["rows"], finding.facts["kept"]) == (rejected, kept)
    assert (finding.facts["reasons"], finding.facts["first"]) == ("negative (3)", "a.csv line 2")


def test_fault_10_a_model_without_a_price_is_one_finding_for_all_its_tenants():
    table = prices(price(ago(400), "3", "other"))
    history = history_of(spend("acme", [None]), spend("bolt", [None]), spend("corp", [5]))
    (finding,) = unpriced_findings(history, table)
    assert (finding.kind, finding.subject) == (FindingKind.UNPRICED_MODEL, "gpt-4o")
    assert finding.magnitude == finding.facts["tokens"] == 2 * 7_700
    assert finding.facts["tenants"] == 2
    assert "no price for model" in finding.facts["reason"]


@pytest.mark.parametrize("table", [None, prices(price(ago(400), "3"))])
def test_fault_15_a_priced_model_of_unknown_cost_lacks_the_price_of_a_meter(table):
    (finding,) = unpriced_findings(history_of(spend("acme", [None])), table)
    assert "meter" in finding.facts["reason"]


def test_fault_10_a_model_unpriced_on_other_days_alone_is_no_finding():
    assert unpriced_findings(history_of(spend("acme", [None, 5])), None) == ()


def test_fault_10_unpriced_models_come_by_name():
    history = history_of(spend("acme", [None], model="b"), spend("bolt", [None], model="a"))
    assert [finding.subject for finding in unpriced_findings(history, None)] == ["a", "b"]


@pytest.mark.parametrize(("cost", "told"), [(7, False), (7.000001, True), (0, False)])
def test_fault_29_a_share_above_the_bar_is_a_finding_and_at_the_bar_is_not(cost, told):
    history = history_of(spend(UNATTRIBUTED, [cost]), spend("acme", [100 - cost]))
    findings = attribution_findings(history, 7)
    assert bool(findings) is told


def test_fault_29_the_gap_tells_its_amount_and_what_is_usual():
    history = history_of(spend(UNATTRIBUTED, [1, 20]), spend("acme", [99, 60]))
    (finding,) = attribution_findings(history, 5)
    assert finding.kind is FindingKind.ATTRIBUTION_GAP
    assert finding.magnitude == finding.actual_micro_usd == finding.facts["usd_micro"] == 20 * MICRO
    assert (finding.facts["share"], finding.facts["usual_share"]) == (0.25, 0.01)


def test_fault_45_a_day_of_refunds_has_no_share():
    history = history_of(spend(UNATTRIBUTED, [10]), spend("acme", [-30]))
    assert attribution_findings(history, 5) == ()
    assert unattributed_share(history, slice(-1, None)) == 0.0


def test_a_day_without_cost_has_no_share():
    assert attribution_findings(history_of([]), 5) == ()
    assert unattributed_share(history_of([]), slice(0, -1)) == 0.0


CHANGED = (price(ago(400), "3"), price(TODAY, "6"))


def changes(table, *rows, since=1):
    return price_change_findings(history_of(*rows), table, ago(since))


def test_fault_11_a_change_of_price_tells_what_it_costs():
    table = prices(*CHANGED)
    (finding,) = changes(table, priced(table, "acme", [1_000_000] * 31))
    assert (finding.kind, finding.severity) == (FindingKind.PRICE_CHANGE, Severity.NOTICE)
    assert (finding.subject, finding.period) == ("gpt-4o", "2026-11-12")
    assert finding.magnitude == finding.facts["effect_micro_usd"] == 3 * MICRO
    assert finding.facts["old"] == "input 3, output 3"
    assert finding.facts["new"] == "input 6, output 6"


def test_a_lower_price_has_a_negative_effect_and_a_positive_magnitude():
    table = prices(price(ago(400), "3"), price(TODAY, "1"))
    (finding,) = changes(table, priced(table, "acme", [1_000_000]))
    assert (finding.facts["effect_micro_usd"], finding.magnitude) == (-2 * MICRO, 2 * MICRO)


def test_the_effect_is_that_of_all_tenants_and_kinds_of_tokens():
    rates = {"cached_input": Decimal(1)}
    table = prices(price(ago(400), "3", **rates), price(TODAY, "6", **rates))
    rows = [*priced(table, "acme", [2_000_000]), *priced(table, "bolt", [1_000_000])]
    (finding,) = changes(table, rows)
    assert finding.facts["effect_micro_usd"] == 9 * MICRO


def test_two_changes_since_the_day_judged_before_are_told_each_by_itself():
    table = prices(price(ago(400), "3"), price(ago(1), "6"), price(TODAY, "7"))
    found = changes(table, priced(table, "acme", [1_000_000] * 31), since=2)
    told = [(finding.period, finding.facts["effect_micro_usd"]) for finding in found]
    assert told == [("2026-11-11", 3 * MICRO), ("2026-11-12", MICRO)]


@pytest.mark.parametrize("since", [0, -1])
def test_a_change_before_the_day_judged_before_is_old_news(since):
    table = prices(*CHANGED)
    assert changes(table, priced(table, "acme", [1_000_000] * 31), since=since) == ()


def test_a_price_of_a_model_nobody_uses_today_is_no_news():
    table = prices(*CHANGED)
    rows = [*priced(table, "acme", [1_000_000], last=ago(1)), *spend("bolt", [5], model="else")]
    assert changes(table, rows) == ()


def test_a_stated_cost_does_not_change_with_a_price():
    (finding,) = changes(prices(*CHANGED), spend("acme", [5] * 31, given=True))
    assert finding.facts["effect_micro_usd"] == 0


def test_a_model_that_had_no_price_before_says_so():
    (finding,) = changes(prices(price(TODAY, "6")), spend("acme", [5], given=False))
    assert finding.facts["old"] == "no price"
    assert finding.facts["effect_micro_usd"] == 0


@pytest.mark.parametrize("meters", [("output", "output"), ("input", "output"), ("output", "input")])
def test_a_model_without_an_input_rate_has_no_known_effect(meters):
    days = ((ago(400), 3), (TODAY, 6))
    known = [
        Price("gpt-4o", "global", day, {meter: Decimal(rate)})
        for meter, (day, rate) in zip(meters, days, strict=True)
    ]
    (finding,) = changes(prices(*known), spend("acme", [5]))
    assert finding.magnitude == 0


def test_without_prices_or_use_there_is_no_change():
    assert changes(None, spend("acme", [5])) == ()
    assert changes(prices(*CHANGED)) == ()


def test_a_later_change_is_not_told_before_its_day():
    later = price(TODAY + timedelta(days=1), "6")
    assert changes(prices(price(ago(400), "3"), later), spend("acme", [5])) == ()
