from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from detector.price_check import compare_prices, family_of
from detector.price_table import ExchangeRate, Price, PriceList, build_table

DAY = date(2026, 1, 1)


def price(model, amount, scope="global", currency="USD", **rates):
    amounts = {"input": Decimal(amount), **rates}
    return Price(model, scope, DAY, amounts, currency)


def table(*prices, rates=()):
    return build_table(PriceList(prices), (), rates)


KNOWN = table(
    price("gpt-9-nano", "0.05"),
    price("gpt-9-small", "0.25"),
    price("gpt-9", "1.25"),
    price("gpt-9-pro", "15"),
)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("gpt-4.1-mini", "gpt-4.1"),
        ("GPT-5.6-sol-2026-07-09", "gpt-5.6"),
        ("text-embedding-3-large", "text-embedding-3"),
        ("hd/1024-x-1024/dall-e-3", "dall-e-3"),
        ("model-router", "model-router"),
    ],
)
def test_a_family_is_the_name_up_to_its_first_number(name, family):
    assert family_of(name) == family


def test_fault_13_a_price_1000_times_dearer_than_the_model_is_named():
    assert compare_prices([price("gpt-9", "1250", "batch")], KNOWN) == [
        '"gpt-9" batch from 2026-01-01: input 1250 USD is 1,000 times dearer than 1.25 USD of '
        '"gpt-9" global: a per 1K / per 1M mix-up?'
    ]


def test_fault_13_a_price_1000_times_cheaper_than_the_model_is_named():
    (problem,) = compare_prices([price("GPT-9", "0.00125", "batch")], KNOWN)

    assert '0.00125 USD is 1,000 times cheaper than 1.25 USD of "gpt-9"' in problem


@pytest.mark.parametrize(("amount", "way"), [("301", "dearer"), ("0.0024", "cheaper")])
def test_fault_13_a_new_model_is_compared_with_its_family(amount, way):
    (problem,) = compare_prices([price("gpt-9-mini", amount)], KNOWN)

    assert way in problem


def test_fault_13_a_new_family_is_compared_with_all_models():
    (problem,) = compare_prices([price("brand-new-1", "301")], KNOWN)

    assert 'of "gpt-9-pro" global' in problem


@pytest.mark.parametrize("amount", ["0.0025", "0.25", "300"])
def test_what_lies_within_20_times_of_the_family_passes(amount):
    assert compare_prices([price("gpt-9-mini", amount)], KNOWN) == []


def test_a_table_compared_with_itself_passes_although_nano_and_pro_differ_by_more():
    assert compare_prices(KNOWN.prices, KNOWN) == []


def test_one_meter_is_not_compared_with_another():
    known = table(price("a-1", "0.02"))

    assert compare_prices([price("b-1", "0.02", output=Decimal(60))], known) == []


def test_a_price_becoming_free_is_named():
    (problem,) = compare_prices([price("gpt-9", "0", "batch")], KNOWN)

    assert "is infinitely cheaper" in problem


def test_nothing_known_is_nothing_to_compare_with():
    assert compare_prices([price("gpt-9", "5000")], table()) == []


def test_fault_14_amounts_are_compared_in_one_currency():
    yen = ExchangeRate("JPY", Decimal("0.0065"), DAY)
    known = table(price("gpt-9", "1.25"), rates=[yen])

    assert compare_prices([price("gpt-9", "190", "batch", "JPY")], known) == []
    assert len(compare_prices([price("gpt-9", "190000", "batch", "JPY")], known)) == 1
