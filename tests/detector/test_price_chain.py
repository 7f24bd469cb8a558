"""From tokens to cost: every price is named, and the sum is the ledger's to the micro-dollar."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.model import CostDay, SeriesKey
from detector.price_chain import price_chain
from detector.price_table import ExchangeRate, Price, PriceList, build_table
from detector.pricing import DayTokens, price_day

DAY = date(2026, 11, 12)
SINCE = date(2024, 5, 13)
RATES = {"input": Decimal("2.5"), "cached_input": Decimal("1.25"), "output": Decimal(10)}
LISTED = Price("gpt-4o", "global", SINCE, RATES, source="list")
TABLE = build_table(PriceList((LISTED,)))
TOKENS = st.integers(0, 10**9)


def priced(prompt=1_000, completion=100, cached=0, *, table=TABLE, model="gpt-4o", **key):
    tokens = DayTokens(1, 0, prompt, completion, cached)
    return price_day(table, DAY, SeriesKey("acme", "chat", model, **key), tokens)


def chain(*costs, table=TABLE, tenant="acme"):
    return price_chain(table, [("gateway", cost) for cost in costs], tenant)


def summed(use):
    return int(sum((each.micro for each in use.meters), Decimal(0)).to_integral_value(
        ROUND_HALF_EVEN))  # fmt: skip


@given(st.lists(st.tuples(TOKENS, TOKENS, st.integers(0, 1000)), max_size=5))
def test_tokens_times_rates_are_the_ledgers_cost_to_the_micro_dollar(days):
    costs = [priced(prompt, out, prompt * share // 1000) for prompt, out, share in days]
    found = chain(*costs)
    assert all(summed(use) == use.micro_usd == use.now_micro_usd for use in found)
    assert sum(use.micro_usd for use in found) == sum(cost.micro_usd for cost in costs)
    for use in found:
        assert all(each.micro == each.rate * each.tokens for each in use.meters)


def test_the_entry_of_the_price_table_is_named():
    (use,) = chain(priced(cached=200))
    assert (use.price, use.listed_in, use.source) == (LISTED, "USD", "gateway")
    assert [(each.meter, each.tokens) for each in use.meters] == [
        ("input", 800), ("cached_input", 200), ("output", 100),
    ]  # fmt: skip
    assert (use.stated, use.why_unknown) == (False, "")


def test_the_dearest_comes_first():
    small, large = priced(10), priced(10_000_000)
    assert [use.micro_usd for use in chain(small, large)] == [large.micro_usd, small.micro_usd]


def test_a_cost_that_the_source_states_has_no_price():
    (use,) = chain(CostDay(DAY, SeriesKey("acme"), 5_000_000, given=True))
    assert (use.stated, use.price, use.meters, use.micro_usd) == (True, None, (), 5_000_000)


def test_where_no_price_is_known_it_is_said_why():
    (use,) = chain(priced(model="gpt-9"))
    assert (use.micro_usd, use.now_micro_usd, use.price) == (None, None, None)
    assert 'no price for model "gpt-9"' in use.why_unknown


def test_a_cost_of_former_prices_says_what_it_would_be_now():
    former = replace(priced(), micro_usd=1)
    (use,) = chain(former)
    assert (use.micro_usd, use.now_micro_usd, summed(use)) == (1, 3_500, 3_500)


def test_an_agreed_rate_is_found_under_the_name_the_tenant_goes_by_now():
    agreed = replace(LISTED, tenant="acme", rates={**RATES, "input": Decimal(1)})
    table = build_table(PriceList((LISTED,)), [agreed])
    cost = replace(priced(table=table), key=SeriesKey("acme-old", "chat", "gpt-4o"))
    (use,) = chain(cost, table=table)
    assert (use.price.tenant, use.key.tenant, use.micro_usd) == ("acme", "acme-old", 2_000)


def test_a_foreign_price_is_told_in_the_reporting_currency_and_names_its_own():
    euros = replace(LISTED, currency="EUR")
    table = build_table(PriceList((euros,)), (), [ExchangeRate("EUR", Decimal("1.1"), SINCE)])
    (use,) = chain(priced(table=table), table=table)
    assert (use.listed_in, use.price.currency) == ("EUR", "USD")
    assert use.meters[0].rate == Decimal("2.75")
    assert summed(use) == use.micro_usd


@pytest.mark.parametrize(
    ("cost", "mark"),
    [(priced(cached=None), "upper_bound"), (priced(scope="ptu"), "shadow"),
     (priced(model="gpt-4o-2024-11-20"), "dropped_suffix")],
)  # fmt: skip
def test_what_is_to_be_known_of_a_price_is_marked(cost, mark):
    (plain,), (use,) = chain(priced()), chain(cost)
    assert (getattr(plain, mark), getattr(use, mark)) == (False, True)
