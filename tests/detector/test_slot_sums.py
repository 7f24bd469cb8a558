"""Sums of one slot: what is unknown stays so, what is partly known is marked."""

from __future__ import annotations

from decimal import Decimal

import pytest

from detector.model import Grain
from detector.sources.slot_sums import SlotSums, Use, UseKey, to_micro_usd
from tests.detector.log_stores import DAY

ACME = UseKey("acme", model="gpt-4o")


def summed(*uses, key=ACME):
    sums = SlotSums(DAY, Grain.HOUR)
    for use in uses:
        sums.add(key, use)
    (usage,) = sums.usage()
    return usage


def test_rows_of_one_key_are_one_usage():
    usage = summed(Use(1, 1, 10, 2, 5), Use(2, 0, 20, 3, 0))
    assert (usage.requests, usage.requests_without_usage) == (3, 1)
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (30, 5, 5)
    assert (usage.start_at, usage.grain, usage.tenant) == (DAY, Grain.HOUR, "acme")
    assert (usage.cost_micro_usd, usage.estimated) == (None, False)


def test_keys_are_kept_apart_in_the_order_they_were_told():
    sums = SlotSums(DAY, Grain.HOUR)
    keys = [ACME, ACME._replace(tenant="bolt"), ACME._replace(scope="ptu")]
    for key in [*keys, ACME]:
        sums.add(key, Use(1, 0, 1, 1))
    found = [(usage.tenant, usage.scope, usage.requests) for usage in sums.usage()]
    assert found == [("acme", "", 2), ("bolt", "", 1), ("acme", "ptu", 1)]


def test_cached_tokens_that_no_row_knows_are_unknown():
    usage = summed(Use(1, 0, 10, 1), Use(1, 0, 10, 1))
    assert (usage.cached_tokens, usage.estimated) == (None, False)


def test_cached_tokens_that_some_rows_know_are_summed_and_marked():
    usage = summed(Use(1, 0, 10, 1, 4), Use(1, 0, 10, 1))
    assert (usage.cached_tokens, usage.estimated) == (4, True)


@pytest.mark.parametrize(("first", "cached"), [(4, 4), (None, None)])
def test_a_row_without_prompt_tokens_says_nothing_of_cached_ones(first, cached):
    for nothing in (Use(5, 5, 0, 0), Use(5, 5, 0, 0, 0)):
        usage = summed(Use(1, 0, 10, 1, first), nothing)
        assert (usage.cached_tokens, usage.estimated) == (cached, False)


def test_an_estimated_row_marks_its_sum():
    assert summed(Use(1, 0, 1, 1, 0, estimated=True), Use(1, 0, 1, 1, 0)).estimated


def test_tokens_that_a_row_does_not_tell_make_their_sum_unknown():
    usage = summed(Use(1, dollars=Decimal(1)), Use(1, 0, 10, 2, 3, Decimal(2)), key=ACME)
    assert (usage.prompt_tokens, usage.completion_tokens) == (None, None)


def test_stated_costs_are_summed_exactly_and_rounded_once():
    given = ACME._replace(given=True)
    usage = summed(*[Use(dollars=Decimal("0.0000004"))] * 5, key=given)
    assert usage.cost_micro_usd == 2


@pytest.mark.parametrize(
    ("dollars", "micro_usd"),
    [("0.0000005", 0), ("0.0000015", 2), ("-0.0000025", -2), ("1000000000", 10**15)],
)
def test_half_a_micro_dollar_goes_to_the_even_one(dollars, micro_usd):
    assert to_micro_usd(Decimal(dollars)) == micro_usd
