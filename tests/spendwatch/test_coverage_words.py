"""The gap report says what is missing and what to change; the text is compared as a whole."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

import pytest

from detector.attribution import Cause
from spendwatch.coverage_words import ApiCoverage, SourceCoverage, gaps_of, summary_of

GOLDEN = Path(__file__).parents[1] / "golden" / "coverage.txt"
DAY = date(2026, 11, 12)
WORST = SourceCoverage(
    "gateway",
    watched=True,
    cost_micro_usd=200_000_000,
    unattributed_micro_usd=30_000_000,
    unpriced=(("novel", 12_000), ("", 5)),
    apis=(
        ApiCoverage("chat", 1_000, without_tokens=300, rows_without_call=50, streamed=500),
        ApiCoverage("embed", 100, cached_known=10),
    ),
    empty_days=(DAY - timedelta(days=1), DAY),
    partial_days=(DAY,),
    late_days=(DAY - timedelta(days=9),),
    fullest_dimension="Subscription ID",
    dimension_values=97,
    causes=(Cause((("subscription", "bu-hr"),), 20_000_000, 9, 9), Cause((), 10_000_000, 9, 9)),
)


def names(**known):
    return [gap.name for gap in gaps_of(SourceCoverage("gateway", watched=True, **known))]


def test_every_gap_reads_as_reviewed():
    shown = "\n".join(
        f"{gap.name}\n  what:   {gap.what}\n  change: {gap.change}\n" for gap in gaps_of(WORST)
    )
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.write_text(shown, encoding="utf-8")
    assert shown == GOLDEN.read_text(encoding="utf-8")


def test_a_source_that_tells_everything_has_no_gap():
    api = ApiCoverage("chat", 100, cached_known=100)
    assert names(cost_micro_usd=1, apis=(api,)) == []
    assert names() == []


def test_calls_without_tokens_that_are_no_streams_lack_the_log_of_tokens():
    (gap,) = gaps_of(SourceCoverage("g", apis=(ApiCoverage("chat", 100, without_tokens=1),)))
    assert "GatewayLlmLogs" in gap.change
    assert "include_usage" not in gap.change


@pytest.mark.parametrize(("rows", "said"), [(1, "nothing, while"), (50, "sampling to 100 %")])
def test_few_rows_without_a_call_are_not_called_sampling(rows, said):
    (gap,) = gaps_of(
        SourceCoverage("g", apis=(ApiCoverage("chat", 1_000, rows_without_call=rows),))
    )
    assert said in gap.change


def test_a_gap_whose_ids_are_all_known_asks_for_no_header():
    causes = (Cause((("subscription", "bu-hr"),), 1, 9, 9),)
    assert names(cost_micro_usd=2, unattributed_micro_usd=1, causes=causes) == ["no tenant"]
    assert names(cost_micro_usd=2, unattributed_micro_usd=1) == ["no tenant", "no id"]


def test_failed_calls_do_not_make_cached_tokens_unknown():
    assert names(apis=(ApiCoverage("chat", 100, cached_known=95),)) == []
    assert names(apis=(ApiCoverage("chat", 100, cached_known=80),)) == ["cached tokens unknown"]


def test_a_dimension_is_told_before_values_are_lost():
    assert names(fullest_dimension="User ID", dimension_values=89) == []
    assert names(fullest_dimension="User ID", dimension_values=90) == ["dimension cap"]


def test_the_summary_is_the_share_with_a_tenant():
    assert summary_of(WORST) == "85 % of $200 has a tenant"
    assert summary_of(SourceCoverage("g", watched=True)) == "nothing is known to cost anything"
    assert summary_of(SourceCoverage("files", cost_micro_usd=1)).endswith(
        "nothing of its telemetry"
    )
