from __future__ import annotations

import json
import tomllib
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.model import SeriesKey
from detector.price_check import compare_prices
from detector.price_list import parse_prices
from detector.price_table import ExchangeRate, LongContext, Price, PriceError, PriceList
from detector.pricing import find_price, token_rates
from spendwatch.price_files import (
    format_prices_toml,
    import_prices,
    load_price_table,
    read_price_list,
    write_prices_toml,
)

DAY = date(2026, 11, 1)
HEADER = "model,scope,currency,effective_from,input,cached_input,output,source\n"


def key(model, scope=""):
    return SeriesKey("acme", model=model, scope=scope)


def rate(table, model, day=DAY, scope=""):
    return find_price(table, key(model, scope), day).price.rates["input"]


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def own_file(folder, line):
    model = f'[[model]]\nname = "gpt-4o"\nprices = [{line}]\n'
    return written(folder / "prices.toml", model)


def problems_of(source, folder, **others):
    with pytest.raises(PriceError) as caught:
        import_prices(source, folder / "own.toml", **others)
    return caught.value.problems


def test_the_shipped_table_prices_the_usual_models():
    table = load_price_table()

    assert token_rates(table, key("gpt-4o-mini"), DAY) == (0.15e-6, 0.075e-6, 0.6e-6)
    assert rate(table, "GPT-4.1", scope="datazone_eu") == Decimal("2.2")
    assert rate(table, "text-embedding-3-large") == Decimal("0.143")


def test_fault_11_the_shipped_table_knows_the_dated_price_cuts():
    table = load_price_table()

    assert [rate(table, "gpt-5.6-sol", date(2026, 8, day)) for day in (20, 21)] == [5, 4]
    assert [rate(table, "gpt-5.6-luna", date(2026, 7, day)) for day in (29, 30)] == [
        1,
        Decimal(".2"),
    ]


def test_fault_12_the_dated_gpt_4o_of_may_2024_keeps_its_own_price():
    table = load_price_table()

    assert [rate(table, f"gpt-4o-{tag}") for tag in ("2024-05-13", "2024-11-20", "2031-01-01")] == [
        5,
        Decimal("2.5"),
        Decimal("2.5"),
    ]


def test_fault_13_the_shipped_table_holds_no_suspicious_price():
    table = load_price_table()

    assert compare_prices(table.prices, table) == []


def test_every_shipped_price_names_a_public_page():
    for price in load_price_table().prices:
        assert price.source.startswith("https://")
        assert "/subscriptions/" not in price.source


def test_the_shipped_data_zones_that_differ_have_no_plain_price():
    reason = find_price(load_price_table(), key("gpt-6-sol", "datazone"), DAY).reason

    assert "only datazone_eu, datazone_us, datazone_us_priority, global, priority" in reason


def test_own_prices_win_over_the_shipped_ones(tmp_path):
    own = own_file(tmp_path, '{ scope = "global", effective_from = 2020-01-01, input = "1.23" }')

    assert rate(load_price_table(own), "gpt-4o") == Decimal("1.23")
    assert rate(load_price_table(tmp_path / "none.toml"), "gpt-4o") == Decimal("2.5")


def test_agreed_rates_and_exchange_rates_come_from_the_settings():
    agreed = Price("gpt-4o", "global", DAY, {"input": Decimal(2)}, "EUR", tenant="acme")
    euro = ExchangeRate("EUR", Decimal("1.5"), DAY)

    assert rate(load_price_table(agreed=[agreed], exchange_rates=[euro]), "gpt-4o") == 3


def test_fault_14_another_reporting_currency_needs_an_exchange_rate():
    with pytest.raises(PriceError, match=r"prices are in USD .* declare a dated exchange rate"):
        load_price_table(currency="EUR")


@pytest.mark.parametrize("text", ["[[model", "\x00", "[[model]]\nname = 1"])
def test_an_own_file_that_cannot_be_read_is_named(tmp_path, text):
    with pytest.raises(PriceError, match=r"prices\.toml"):
        load_price_table(written(tmp_path / "prices.toml", text))


def test_a_file_that_is_not_there_is_named(tmp_path):
    (problem,) = problems_of(tmp_path / "none.toml", tmp_path)

    assert "none.toml: cannot be read:" in problem


def test_a_toml_file_is_imported_once(tmp_path):
    line = '{ scope = "global", effective_from = 2026-11-01, input = "2.00", output = "8.00" }'
    source, own = own_file(tmp_path, line), tmp_path / "data" / "own.toml"

    first = import_prices(source, own)
    text = own.read_text()
    second = import_prices(source, own)

    assert (len(first.added), first.unchanged, first.changed) == (1, 0, True)
    assert (len(second.added), second.unchanged, second.changed) == (0, 1, False)
    assert own.read_text() == text
    assert [path.name for path in own.parent.iterdir()] == ["own.toml"]
    assert [
        rate(load_price_table(own), "gpt-4o", date(2026, 10, 31)),
        rate(load_price_table(own), "gpt-4o"),
    ] == [Decimal("2.5"), 2]


def test_a_csv_file_is_imported_beside_what_is_there(tmp_path):
    own = own_file(tmp_path, '{ scope = "global", effective_from = 2026-10-01, input = "2.00" }')
    rows = "my-own,Global,USD,2026-11-01,1.5,,6,a contract\ngpt-4o,batch,,,1.10,,4,\n"

    report = import_prices(written(tmp_path / "x.csv", HEADER + rows), own, effective_from=DAY)

    table = load_price_table(own)
    assert len(report.added) == 2
    assert [rate(table, "my-own"), rate(table, "gpt-4o"), rate(table, "gpt-4o", DAY, "batch")] == [
        Decimal("1.5"),
        2,
        Decimal("1.10"),
    ]


def test_a_csv_file_is_refused_with_every_line_that_is_wrong(tmp_path):
    rows = (
        "m,global,USD,2026-11-01,-1,,,\nm,global,USD,soon,1,,,\nm,global,USD,,1,,,\n"
        "m,global,,2026-11-01,1,,,\nM,global,,2026-11-01,2,,,\n"
    )
    source = written(tmp_path / "x.csv", HEADER.replace("source", "sauce") + rows)

    problems = problems_of(source, tmp_path)

    assert "x.csv: unknown column 'sauce'; known: model, scope" in problems[0]
    assert 'x.csv line 2: model "m", price 1, input:' in problems[1]
    assert "x.csv line 3: " in problems[2]
    assert "not 'soon'" in problems[2]
    assert "x.csv line 4: " in problems[3]
    assert "x.csv line 6: a second price for m global 2026-11-01; keep one" in problems[4]
    assert not (tmp_path / "own.toml").exists()


def test_a_litellm_list_needs_a_day(tmp_path):
    (problem,) = problems_of(written(tmp_path / "list.json", "{}"), tmp_path)

    assert "LiteLLM's list states no days; give the day its prices count from" in problem


def test_a_litellm_list_adds_only_what_is_new(tmp_path):
    rows = {
        "azure/gpt-4o": {"input_cost_per_token": 2e-6, "output_cost_per_token": 8e-6},
        "azure/brand-new-1": {"input_cost_per_token": 1e-6, "odd_cost": 1},
        "azure/gpt-4.1": {
            "input_cost_per_token": 2e-6,
            "cache_read_input_token_cost": 5e-7,
            "output_cost_per_token": 8e-6,
        },
        "azure/brand-new-1-2026-01-01": {"input_cost_per_token": 1e-6},
    }
    source = written(tmp_path / "list.json", json.dumps(rows))

    report = import_prices(source, tmp_path / "own.toml", effective_from=DAY)

    assert report.skipped == ("azure/brand-new-1: odd_cost is not a meter we know",)
    assert report.aliases == {"brand-new-1-2026-01-01": "brand-new-1"}
    assert {price.model for price in report.added} >= {"gpt-4o", "brand-new-1"}
    assert not import_prices(source, tmp_path / "own.toml", effective_from=DAY).changed


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "is not LiteLLM's list"),
        ("{", "cannot be read"),
        ('{"azure/m": {"input_cost_per_token": NaN}}', "NaN is not an amount"),
        ('{"openai/m": {"input_cost_per_token": 1e-6}}', "holds no model of the providers"),
        ('{"azure/m": {"input_cost_per_token": -1e-6}}', "'-1.00' is not an amount"),
        ('{"azure/m": {"input_cost_per_token": 1e99}}', "is not an amount"),
    ],
)
def test_fault_13_a_litellm_list_that_is_wrong_is_refused(tmp_path, text, told):
    source = written(tmp_path / "list.json", text)

    (problem,) = problems_of(source, tmp_path, effective_from=DAY)

    assert told in problem


def test_an_import_refuses_what_it_does_not_know(tmp_path):
    (other,) = problems_of(written(tmp_path / "x.xlsx", ""), tmp_path)
    (dated,) = problems_of(written(tmp_path / "x.toml", ""), tmp_path, effective_from=DAY)

    assert "is neither .toml, .csv nor LiteLLM's .json" in other
    assert "states the day of each price itself" in dated


def test_fault_13_a_mix_up_of_units_is_refused_until_confirmed(tmp_path):
    line = '{ scope = "global", effective_from = 2026-11-01, input = "0.0025", output = "0.01" }'
    source, own = own_file(tmp_path, line), tmp_path / "own.toml"

    problems = problems_of(source, tmp_path)

    assert len(problems) == 3
    assert "input 0.0025 USD is 1,000 times cheaper" in problems[0]
    assert not own.exists()
    assert len(import_prices(source, own, confirmed=True).suspicious) == 2
    assert rate(load_price_table(own), "gpt-4o") == Decimal("0.0025")


def test_fault_14_an_import_in_another_currency_needs_an_exchange_rate(tmp_path):
    source = written(tmp_path / "x.csv", HEADER + "gpt-4o,global,EUR,2026-11-01,2.5,,,\n")
    euro = [ExchangeRate("EUR", Decimal("1.1"), DAY)]

    (problem,) = problems_of(source, tmp_path)

    assert 'in EUR (the first is "gpt-4o" global)' in problem
    assert import_prices(source, tmp_path / "own.toml", exchange_rates=euro).changed


def test_fault_11_a_price_that_returns_is_not_taken_for_unchanged(tmp_path):
    rows = "my-own,global,,2024-01-01,5,,,\nmy-own,global,,2026-01-01,5,,,\n"
    between = "my-own,global,,2025-01-01,4,,,\n"
    own = tmp_path / "own.toml"

    import_prices(written(tmp_path / "x.csv", HEADER + rows + between), own)

    days = [date(2024, 6, 1), date(2025, 6, 1), date(2026, 6, 1)]
    assert [rate(load_price_table(own), "my-own", day) for day in days] == [5, 4, 5]


def test_an_import_corrects_a_price_of_the_same_day(tmp_path):
    own = tmp_path / "own.toml"
    row = "my-own,global,,2026-01-01,{},,,\n"

    for amount in (5, 4):
        import_prices(written(tmp_path / "x.csv", HEADER + row.format(amount)), own)

    assert [price.rates["input"] for price in read_price_list(own).prices] == [4]


names = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30).filter(
    str.strip
)
amounts = st.decimals(0, 999_999_999, places=6).map(abs)


@given(names, names, names, amounts)
def test_whatever_a_model_is_called_it_is_read_back_as_written(name, alias, source, amount):
    price = Price(
        name.strip(),
        "global",
        DAY,
        {"input": amount},
        "EUR",
        source.strip(),
        units={"page": amount},
        long_context=LongContext(1000, {"output": amount}),
    )
    aliases = (
        {} if alias.strip().casefold() == price.model.casefold() else {alias.strip(): price.model}
    )
    other = Price(price.model, "batch", DAY, {"input": amount}, source="elsewhere")

    text = format_prices_toml(PriceList((price, other), aliases))

    assert parse_prices(tomllib.loads(text), "x") == PriceList((price, other), aliases)


def test_a_model_that_has_only_aliases_is_written(tmp_path):
    prices = PriceList((), {'eu."gpt-4o"\n': "gpt-4o"})

    write_prices_toml(tmp_path / "own.toml", prices)

    assert read_price_list(tmp_path / "own.toml").aliases == {'eu."gpt-4o"': "gpt-4o"}
