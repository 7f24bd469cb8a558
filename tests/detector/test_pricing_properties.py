from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from detector.model import SeriesKey
from detector.price_table import Price, PriceList, build_table
from detector.pricing import DayTokens, find_price, price_changes, price_day

FIRST = date(2026, 1, 1)
DAY = date(2026, 6, 15)
KEY = SeriesKey("acme", model="m")

amounts = st.decimals(0, 1000, places=9).map(abs)
counts = st.integers(0, 10**13)
starts = st.lists(st.integers(0, 60), min_size=1, max_size=5, unique=True)


def table_of(*prices):
    return build_table(PriceList(tuple(prices)))


@st.composite
def rated(draw):
    return {meter: draw(amounts) for meter in ("input", "cached_input", "output")}


@st.composite
def tokens(draw):
    prompt = draw(counts)
    cached = draw(st.none() | st.integers(0, prompt))
    return DayTokens(1, 0, prompt, draw(counts), cached)


@given(rated(), tokens())
def test_the_sum_is_priced_exactly_and_rounded_once(rates, used):
    cost = price_day(table_of(Price("m", "global", FIRST, rates)), DAY, KEY, used)

    cached = used.cached_tokens or 0
    exact = (
        Fraction(rates["input"]) * (used.prompt_tokens - cached)
        + Fraction(rates["cached_input"]) * cached
        + Fraction(rates["output"]) * used.completion_tokens
    )
    assert cost.micro_usd == round(exact)


@given(rated(), tokens(), st.integers(0, 10**6))
def test_more_completion_tokens_never_cost_less(rates, used, more):
    prices = table_of(Price("m", "global", FIRST, rates))
    longer = DayTokens(1, 0, used.prompt_tokens, used.completion_tokens + more, used.cached_tokens)

    assert (
        price_day(prices, DAY, KEY, longer).micro_usd >= price_day(prices, DAY, KEY, used).micro_usd
    )


@given(rated(), counts, st.data())
def test_an_upper_bound_is_never_below_the_cost_with_cached_tokens_known(rates, prompt, data):
    prices = table_of(Price("m", "global", FIRST, rates))
    cached = data.draw(st.integers(0, prompt))
    bound = price_day(prices, DAY, KEY, DayTokens(1, 0, prompt, 0))

    exact = price_day(prices, DAY, KEY, DayTokens(1, 0, prompt, 0, cached)).micro_usd

    assert not bound.upper_bound or bound.micro_usd >= exact


@given(starts, st.integers(-5, 70))
def test_the_price_of_a_day_is_the_newest_begun_by_then(offsets, asked):
    prices = [
        Price("m", "global", FIRST + timedelta(days=offset), {"input": Decimal(offset + 1)})
        for offset in offsets
    ]

    found = find_price(table_of(*prices), KEY, FIRST + timedelta(days=asked))

    begun = [offset for offset in offsets if offset <= asked]
    price = getattr(found, "price", None)
    assert (price and price.rates["input"]) == (Decimal(max(begun) + 1) if begun else None)


@given(starts)
def test_changes_tell_every_step_from_the_first_day_to_the_last(offsets):
    prices = [
        Price("m", "global", FIRST + timedelta(days=offset), {"input": Decimal(offset)})
        for offset in offsets
    ]

    changes = price_changes(
        table_of(*prices), [KEY], FIRST - timedelta(days=1), FIRST + timedelta(70)
    )

    assert [change.new["input"] for change in changes] == sorted(offsets)
    for earlier, later in pairwise(changes):
        assert earlier.new == later.old
