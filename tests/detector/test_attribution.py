from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from detector.attribution import (
    WITHOUT_TOKENS,
    causes_of,
    explain_gap,
    name_ids,
    tokenless_findings,
)
from detector.model import Finding, FindingKind, Severity
from detector.quality import STOPPED_EARLY, SourceDay, source_findings, stopped_early
from detector.sources.base import ApiDay, UseByIds
from tests.spendwatch.apps import price, table

DAY = date(2026, 11, 12)
SETTLED = datetime(2026, 11, 13, 2, tzinfo=UTC)
PRICES = table(price())
GAP = Finding(FindingKind.ATTRIBUTION_GAP, DAY, Severity.WARNING, facts={"share": 0.2})


def use(who="bu-hr", tokens=1_000, day=DAY, **changes):
    values = {"model": "gpt-4o", "requests": 1, "cached_tokens": 0, **changes}
    return UseByIds(day, (("subscription", who),), prompt_tokens=tokens, **values)


def test_causes_come_most_expensive_first_priced_by_their_own_model():
    found = causes_of([use("a", 10), use("b", 500), use("b", 500), use("c", model="novel")], PRICES)
    assert [(cause.ids[0][1], cause.micro_usd) for cause in found] == [
        ("b", 2_000), ("a", 20), ("c", 0),
    ]  # fmt: skip
    assert found[2].unpriced_tokens == 1_000
    assert found[0].requests == 2


def test_use_with_a_tenant_is_no_cause_and_a_stated_cost_is_the_cost():
    found = causes_of([use("a", attributed=True), use("b", stated_micro_usd=77)], PRICES)
    assert [(cause.ids[0][1], cause.micro_usd) for cause in found] == [("b", 77)]


def test_unknown_cached_tokens_are_priced_in_full():
    (cause,) = causes_of([use(cached_tokens=None)], PRICES)
    assert cause.micro_usd == 2_000


def test_a_gap_has_its_three_dearest_causes_and_their_number():
    causes = causes_of([use(f"bu-{number}", number) for number in range(1, 6)], PRICES)
    told = explain_gap(GAP, causes, [ApiDay(DAY, "chat", 10, 2, 3)])
    assert told.facts["cause_1"] == "subscription bu-5"
    assert told.facts["cause_3_micro_usd"] == 6
    assert "cause_4" not in told.facts
    assert (told.facts["causes"], told.facts["share"]) == (5, 0.2)
    assert (told.facts["rows_without_call"], told.facts["without_tokens"]) == (3, 2)


def test_a_gap_without_telemetry_stays_as_it_is():
    assert explain_gap(GAP, (), ()) == GAP


def test_no_other_finding_is_explained():
    spike = Finding(FindingKind.SPEND_SPIKE, DAY, Severity.WARNING)
    assert explain_gap(spike, causes_of([use()], PRICES), ()) is spike


def test_an_id_is_cut_before_it_is_stored():
    assert len(name_ids([("request_header", "x" * 8_000)])) < 200


def tokenless(calls=1_000, without=300, spent=70_000, before=0, percent=25.0):
    apis = [
        ApiDay(DAY, "chat", calls, without, streamed_calls=400),
        ApiDay(DAY, "embed"),
        ApiDay(DAY - timedelta(days=1), "chat", before),
    ]
    return tokenless_findings(DAY, {"gateway": apis}, {"gateway": spent}, percent)


def test_calls_without_tokens_are_estimated_by_what_the_others_cost():
    (found,) = tokenless()
    assert (found.magnitude, found.subject, found.rule) == (30_000, "gateway", WITHOUT_TOKENS)
    assert found.facts["api"] == "chat"
    (wider,) = tokenless(before=700)
    assert wider.magnitude == 15_000


def test_where_no_call_tells_tokens_nothing_is_estimated():
    (found,) = tokenless(without=1_000)
    assert (found.magnitude, found.facts["share"]) == (0, 1.0)


@pytest.mark.parametrize("less", [{"without": 250}, {"calls": 99, "without": 99}, {"percent": 30}])
def test_at_the_bar_or_of_few_calls_nothing_is_told(less):
    assert tokenless(**less) == ()


def heard(*hours, days=8):
    """Telemetry that ended at an hour of each day, the judged one first."""
    ends = dict(enumerate(hours))
    return [
        ApiDay(DAY - timedelta(days=step), "chat", newest_at=at(step, ends.get(step, 22)))
        for step in range(days)
    ]


def at(step, hour):
    return datetime(2026, 11, 12, hour, tzinfo=UTC) - timedelta(days=step)


def test_telemetry_that_ended_much_earlier_than_ever_was_cut_off():
    assert stopped_early(DAY, SETTLED, heard(10)) == at(0, 11)


@pytest.mark.parametrize(
    "told",
    [
        heard(18),  # hardly earlier than usual
        heard(10, 12),  # a day before ended as early
        heard(10, days=7),  # too few days to compare with
        heard(22),
        heard(10)[1:],  # nothing of the day: that is silence
        [ApiDay(DAY, "chat")],
    ],
    ids=range(6),
)
def test_telemetry_that_may_well_be_all_there_was_not_cut_off(told):
    assert stopped_early(DAY, SETTLED, told) is None


def test_a_day_that_is_settled_before_its_utc_day_is_over_is_not_compared():
    assert stopped_early(DAY, SETTLED - timedelta(hours=6), heard(10)) is None


def test_of_several_apis_the_newest_counts():
    more = ApiDay(DAY, "embed", newest_at=at(0, 22))
    assert stopped_early(DAY, SETTLED, [*heard(10), more]) is None


def test_a_failing_source_is_not_called_cut_off_too():
    state = SourceDay("gateway", 5, 5, error="no", stopped_at=SETTLED)
    (found,) = source_findings(DAY, [state])
    assert found.kind is FindingKind.SOURCE_FAILING


def test_a_source_that_was_cut_off_is_a_finding_of_its_own_rule():
    state = SourceDay("gateway", 5, 5, stopped_at=SETTLED)
    (found,) = source_findings(DAY, [state])
    assert (found.kind, found.rule) == (FindingKind.SOURCE_STALE, STOPPED_EARLY)
    assert found.facts["stopped_at"] == SETTLED.isoformat()
