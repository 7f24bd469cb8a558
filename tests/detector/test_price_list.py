from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest

from detector.price_list import parse_amount, parse_prices
from detector.price_table import LongContext, PriceError

DAY = date(2026, 1, 1)


def document(**changes):
    price = {"scope": "global", "effective_from": DAY, "input": "2.50", **changes}
    kept = {key: value for key, value in price.items() if value is not None}
    return {"model": [{"name": "m", "source": "a page", "prices": [kept]}]}


def problems_of(document):
    with pytest.raises(PriceError) as caught:
        parse_prices(document, "own.toml")
    return caught.value.problems


def test_a_price_keeps_all_that_the_file_says():
    raw = document(
        currency="EUR",
        units={"page": "0.01"},
        long_context={"from_tokens": 272000, "input": "5.00"},
        source="another page",
    )

    (price,) = parse_prices(raw, "own.toml").prices

    assert (price.model, price.scope, price.effective_from) == ("m", "global", DAY)
    assert price.rates == {"input": Decimal("2.50")}
    assert (price.currency, price.source) == ("EUR", "another page")
    assert price.units == {"page": Decimal("0.01")}
    assert price.long_context == LongContext(272000, {"input": Decimal(5)})


def test_source_and_currency_are_taken_from_the_model_and_the_file():
    (price,) = parse_prices({"currency": "EUR", **document()}, "own.toml").prices

    assert (price.currency, price.source) == ("EUR", "a page")


def test_a_model_may_declare_aliases_alone():
    found = parse_prices({"model": [{"name": "gpt-4o", "aliases": [" eu.gpt-4o "]}]}, "own.toml")

    assert (found.prices, found.aliases) == ((), {"eu.gpt-4o": "gpt-4o"})


def test_an_empty_document_is_an_empty_list():
    assert parse_prices({}, "own.toml").prices == ()


@pytest.mark.parametrize(
    "raw", ["-1", "NaN", "inf", "1e3", "2,50", "", " 1", "1_000", "1" * 10, "٣", 2.5, 3, None]
)
def test_fault_13_what_is_no_amount_is_refused(raw):
    with pytest.raises(ValueError, match="is not an amount; write 0 or more as a string"):
        parse_amount(raw)


def test_fault_13_a_bad_amount_is_named_with_file_model_price_and_key():
    (problem,) = problems_of(document(input="-1"))

    assert problem == (
        "own.toml: model \"m\", price 1, input: '-1' is not an amount; "
        'write 0 or more as a string such as "2.50"'
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"scope": "globl"}, 'scope: "globl" is not one of batch, datazone'),
        ({"effective_from": None}, "effective_from: must be a day such as 2026-01-31 (it is mis"),
        ({"effective_from": datetime(2026, 1, 1)}, "must be a day such as 2026-01-31, not date"),  # noqa: DTZ001 -- as TOML gives a local date-time
        ({"inptu": "1"}, 'unknown key "inptu"; did you mean "input"?'),
        ({"currency": "dollars"}, 'currency "dollars" is not a code such as USD'),
        ({"input": None}, 'states no amount; add one such as input = "2.50"'),
        ({"units": {"Per Page": "1"}}, 'units: must be a table such as { page = "0.01" }'),
        ({"units": "1"}, "units: must be a table"),
        ({"long_context": {"input": "1"}}, "long_context: must be a table with from_tokens"),
        ({"long_context": "1"}, "long_context: must be a table with from_tokens"),
        ({"long_context": {"from_tokens": 1, "zzz": "1"}}, 'long_context: unknown key "zzz"'),
        ({"source": 1}, "source must be text, not 1"),
        ({"source": "\ud800"}, "source must be text"),
    ],
)
def test_what_is_wrong_with_a_price_is_said(changes, told):
    (problem,) = problems_of(document(**changes))

    assert problem.startswith('own.toml: model "m", price 1')
    assert told in problem


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({"models": []}, 'own.toml: unknown key "models"; did you mean "model"?'),
        ({"model": {}}, "own.toml: model: must be a list of tables"),
        ({"model": [{"aliases": ["x"]}]}, "own.toml: model 1: its name is missing"),
        ({"model": [{"name": "m"}]}, 'model "m": states neither prices nor aliases'),
        ({"model": [{"name": "m", "aliases": "x"}]}, "aliases: must be a list of names"),
        ({"model": [{"name": "m", "aliases": [""]}]}, "aliases: holds an empty name"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(raw, told):
    (problem,) = problems_of(raw)

    assert told in problem


def test_fault_12_an_alias_of_two_models_is_refused():
    models = [{"name": "a", "aliases": ["X"]}, {"name": "b", "aliases": ["x"]}]

    (problem,) = problems_of({"model": models})

    assert problem == 'own.toml: model "b": alias "x" stands for "a" already'


def test_fault_12_an_alias_that_is_a_model_is_refused():
    raw = document()
    raw["model"].append({"name": "other", "aliases": ["M"]})

    assert problems_of(raw) == ['own.toml: alias "M" is a model\'s name too; keep one']


def test_two_prices_of_the_same_day_are_refused():
    raw = document()
    raw["model"].append({**raw["model"][0], "name": "M"})

    (problem,) = problems_of(raw)

    assert problem == (
        'own.toml: model "M", price 1: a second price for global from 2026-01-01; keep one of them'
    )


def test_all_problems_come_at_once():
    assert len(problems_of({"x": 1, **document(input="-1", scope="x", currency="x")})) == 4
