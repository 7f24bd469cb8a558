from __future__ import annotations

from datetime import date
from decimal import Decimal

from detector.price_table import LongContext
from spendwatch.litellm_prices import SOURCE, convert_litellm

DAY = date(2026, 1, 1)


USUAL = "0.0000025"


def entry(amount=USUAL, *costs, source=""):
    stated = {name: Decimal(cost) for more in costs for name, cost in more.items()}
    return {"input_cost_per_token": Decimal(amount), "source": source, "mode": "chat", **stated}


def converted(entries, models=()):
    return convert_litellm(entries, DAY, models)


def prices_of(entries):
    return {(p.model, p.scope): p for p in converted(entries).prices.prices}


def test_dollars_per_token_become_dollars_per_million():
    found = prices_of({"azure/m": entry(USUAL, {"cache_read_input_token_cost": "1.25e-06"})})

    (price,) = found.values()
    assert (price.model, price.scope, price.effective_from) == ("m", "global", DAY)
    assert price.rates == {"input": Decimal("2.5"), "cached_input": Decimal("1.25")}
    assert (price.source, price.currency) == (SOURCE, "USD")


def test_other_providers_are_not_taken():
    assert prices_of({"openai/m": entry(), "sample_spec": entry(), "azure/x": "?"}) == {}


def test_tiers_are_scopes_of_their_own():
    found = prices_of(
        {
            "azure/m": entry(
                USUAL,
                {"input_cost_per_token_batches": "1e-6"},
                {"input_cost_per_token_priority": "5e-6"},
                {"input_cost_per_token_flex": "2e-6"},
            ),
            "azure/us/m": entry("3e-6", {"input_cost_per_token_batches": "2e-6"}),
        }
    )

    assert {scope: price.rates["input"] for (_, scope), price in found.items()} == {
        "global": Decimal("2.5"),
        "batch": 1,
        "priority": 5,
        "flex": 2,
        "datazone": 3,
        "datazone_batch": 2,
    }


def test_zones_that_agree_are_one_data_zone_and_the_government_stands_apart():
    found = prices_of(
        {"azure/us/m": entry(), "azure/eu/m": entry(), "azure/us-gov/m": entry("3e-6")}
    )

    assert set(found) == {("m", "datazone"), ("m", "datazone_us_gov")}


def test_zones_that_differ_have_scopes_of_their_own():
    found = prices_of(
        {
            "azure/us/m": entry("1.1e-6", {"input_cost_per_token_priority": "2.2e-6"}),
            "azure/eu/m": entry("1.2e-6"),
            "azure/apac/m": entry("1.2e-6"),
        }
    )

    assert {scope for _, scope in found} == {
        "datazone_us",
        "datazone_us_priority",
        "datazone_eu",
        "datazone_apac",
    }


def test_meters_that_are_no_tokens_are_kept_per_unit():
    sizes = {f"search_context_size_{size}": Decimal("0.01") for size in ("low", "high")}
    raw = {
        "azure/m": {"ocr_cost_per_page": Decimal("0.0015"), "search_context_cost_per_query": sizes}
    }

    (price,) = prices_of(raw).values()

    assert price.rates == {}
    assert price.units == {"page": Decimal("0.0015"), "search_query": Decimal("0.01")}


def test_a_search_that_costs_more_for_a_larger_context_is_kept_by_size():
    sizes = {
        "search_context_size_low": Decimal("0.01"),
        "search_context_size_high": Decimal("0.02"),
    }

    (price,) = prices_of({"azure/m": {"search_context_cost_per_query": sizes}}).values()

    assert price.units == {
        "search_size_low": Decimal("0.01"),
        "search_size_high": Decimal("0.02"),
    }


def test_long_context_rates_stand_beside_the_price():
    (price,) = prices_of(
        {"azure/m": entry(USUAL, {"input_cost_per_token_above_272k_tokens": "5e-6"})}
    ).values()

    assert price.long_context == LongContext(272000, {"input": Decimal(5)})


def test_the_better_source_wins_and_the_other_is_told():
    retail = "https://prices.azure.com/api/retail/prices"
    (price,) = prices_of(
        {
            "azure/m": entry("8e-6", {"output_cost_per_token": "1e-6"}),
            "azure_ai/M": entry("2e-6", {"cache_read_input_token_cost": "1e-6"}, source=retail),
        }
    ).values()

    assert price.rates == {"input": 2, "output": 1, "cached_input": 1}
    assert price.source == f"{retail}; but input 8 by {SOURCE} (azure/m)"


def test_an_address_inside_a_subscription_is_no_source():
    private = "https://management.azure.com/subscriptions/1/models"

    (price,) = prices_of({"azure/m": entry(source=private)}).values()

    assert price.source == SOURCE


def test_fault_10_a_zero_is_not_taken_for_free():
    found = converted(
        {"azure/m": entry(USUAL, {"output_cost_per_token": "0"}), "azure/free": entry("0")}
    )

    (price,) = found.prices.prices
    assert price.rates == {"input": Decimal("2.5")}
    assert found.skipped == ("azure/free: states no price above 0",)


def test_what_is_not_understood_is_told():
    raw = {"azure/m": {**entry(), "input_cost_per_moon": 1, "output_cost_per_token": "much"}}

    assert converted(raw).skipped == (
        "azure/m: input_cost_per_moon is not a meter we know",
        "azure/m: output_cost_per_token is not a number but 'much'",
    )


def test_fault_12_a_dated_name_that_says_nothing_new_is_an_alias():
    found = converted(
        {
            "azure/m": entry(USUAL, {"input_cost_per_token_batches": "1e-6"}),
            "azure/m-2026-01-01": entry(),
            "azure/m-2026-02-02": entry("5e-6"),
            "azure/m-2026-03-03": entry(USUAL, {"input_cost_per_token_flex": "1e-6"}),
            "azure/alone-2026-01-01": entry(),
        }
    )

    assert found.prices.aliases == {"m-2026-01-01": "m"}
    assert {price.model for price in found.prices.prices} == {
        "m",
        "m-2026-02-02",
        "m-2026-03-03",
        "alone-2026-01-01",
    }


def test_fault_12_a_name_that_is_a_model_already_stays_one():
    entries = {"azure/m": entry(), "azure/m-2026-01-01": entry()}

    assert converted(entries, models={"m-2026-01-01"}).prices.aliases == {}
