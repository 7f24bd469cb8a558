from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from detector.price_table import (
    ExchangeRate,
    Price,
    PriceError,
    PriceList,
    build_table,
    merge_lists,
    price_in_force,
)

DAY = date(2026, 1, 1)


def price(model="m", scope="global", day=DAY, amount="2", **others):
    return Price(model, scope, day, {"input": Decimal(amount)}, **others)


def problems_of(*prices, rates=(), aliases=None, agreed=(), currency="USD"):
    with pytest.raises(PriceError) as caught:
        build_table(PriceList(prices, aliases or {}), agreed, rates, currency)
    return caught.value.problems


def test_own_prices_win_for_the_same_model_scope_and_day():
    base = PriceList((price(), price(scope="batch"), price(day=date(2025, 1, 1))))
    own = PriceList((price("M", amount="3"), price("n")))

    merged = merge_lists(base, own).prices

    assert [(p.model, p.scope, p.rates["input"]) for p in merged] == [
        ("M", "global", 3),
        ("m", "batch", 2),
        ("m", "global", 2),
        ("n", "global", 2),
    ]


def test_own_aliases_win_over_shipped_ones():
    base = PriceList((price("a"), price("b")), {"X": "a", "y": "a"})

    assert merge_lists(base, PriceList((), {"x": "b"})).aliases == {"y": "a", "x": "b"}


def test_fault_12_an_own_alias_cannot_take_the_name_of_a_known_model():
    with pytest.raises(PriceError, match='alias "M" of "other" is the name of a model'):
        merge_lists(PriceList((price("m"),)), PriceList((price("other"),), {"M": "other"}))


def test_an_own_model_may_take_the_name_of_a_shipped_alias():
    merged = merge_lists(PriceList((price("m"),), {"x": "m"}), PriceList((price("x"),)))

    assert build_table(merged).aliases == {"x": "m"}


def test_the_price_in_force_is_the_newest_that_has_begun():
    old, new = price(day=date(2025, 1, 1)), price(day=DAY)

    assert price_in_force((old, new), date(2024, 12, 31)) is None
    assert price_in_force((old, new), date(2025, 12, 31)) is old
    assert price_in_force((old, new), DAY) is new


def test_fault_14_a_price_in_another_currency_needs_an_exchange_rate():
    euro = [price("a", currency="EUR"), price("b", currency="EUR")]

    assert problems_of(*euro) == [
        '2 prices are in EUR (the first is "a" global), the reporting currency is USD: declare a '
        "dated exchange rate of EUR, they cannot be added without one"
    ]
    assert len(problems_of(price(), currency="EUR")) == 1
    build_table(PriceList(tuple(euro)), (), [ExchangeRate("EUR", Decimal("1.1"), DAY)])


@pytest.mark.parametrize("rate", ["0", "-1", "NaN", "Infinity"])
def test_fault_14_an_exchange_rate_is_above_zero(rate):
    (problem,) = problems_of(price(), rates=[ExchangeRate("EUR", Decimal(rate), DAY)])

    assert problem == f"exchange rate EUR from 2026-01-01: {rate} is not a rate; it must be above 0"


def test_an_exchange_rate_is_declared_once_a_day():
    rate = ExchangeRate("EUR", Decimal(1), DAY)

    assert problems_of(price(), rates=[rate, rate]) == [
        "exchange rate EUR from 2026-01-01: declared twice; keep one of them"
    ]


@pytest.mark.parametrize("amount", ["-1", "NaN", "Infinity"])
def test_fault_13_an_agreed_rate_that_is_no_amount_is_refused(amount):
    (problem,) = problems_of(agreed=[price(amount=amount, tenant="acme", deployment="chat")])

    assert problem.startswith('tenant acme and deployment chat: "m" global, 2026-01-01, input: ')


def test_agreed_rates_are_checked_like_list_prices():
    strange = Price("m", "moon", DAY, {"inptu": Decimal(1)}, deployment="chat")

    problems = problems_of(agreed=[strange, strange])

    assert len(problems) == 5
    assert 'deployment chat: "m" moon, 2026-01-01: unknown inptu; known: input' in problems[1]
    assert "two prices for the same model, scope and day" in problems[2]


def test_an_alias_of_an_unknown_model_is_refused():
    assert problems_of(price(), aliases={"x": "y"}) == [
        'alias "x" stands for "y", which has no price'
    ]
