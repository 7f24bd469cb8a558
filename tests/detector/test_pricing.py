from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from detector.model import SeriesKey
from detector.price_table import ExchangeRate, LongContext, Price, PriceList, build_table
from detector.pricing import (
    DayTokens,
    NoPrice,
    PriceChange,
    Quote,
    explain_unknown_cost,
    find_price,
    price_changes,
    price_day,
    token_rates,
)

DAY = date(2026, 6, 15)
FIRST = date(2024, 1, 1)


def price(model="m", scope="global", day=FIRST, **others):
    rates = {
        name: Decimal(others.pop(name))
        for name in ("input", "cached_input", "output")
        if name in others
    }
    return Price(model, scope, day, rates or {"input": Decimal(2), "output": Decimal(8)}, **others)


def table(*prices, aliases=None, agreed=(), rates=(), currency="USD"):
    return build_table(PriceList(prices, aliases or {}), agreed, rates, currency)


def key(model="m", scope="", tenant="acme", deployment=""):
    return SeriesKey(tenant, "chat", model, deployment, scope)


def used(prompt=1_000_000, completion=0, cached=None, **others):
    return DayTokens(10, 1, prompt, completion, cached, **others)


FULL = price(input="2", cached_input="0.5", output="8")


def test_tokens_are_priced_per_million():
    cost = price_day(table(FULL), DAY, key(), used(1_000_000, 500_000, 200_000, estimated=True))

    assert cost.micro_usd == 800_000 * 2 + 200_000 // 2 + 500_000 * 8
    assert (cost.day, cost.key, cost.requests, cost.requests_without_usage) == (DAY, key(), 10, 1)
    assert (cost.prompt_tokens, cost.completion_tokens, cost.cached_tokens) == (
        1_000_000,
        500_000,
        200_000,
    )
    assert cost.estimated
    assert (cost.shadow, cost.upper_bound, cost.given) == (False, False, False)


@pytest.mark.parametrize(("prompt", "micro_usd"), [(1, 0), (2, 1), (3, 2), (4, 2), (5, 2)])
def test_half_a_micro_dollar_is_rounded_to_even(prompt, micro_usd):
    assert price_day(table(price(input="0.5")), DAY, key(), used(prompt)).micro_usd == micro_usd


def test_fault_10_a_model_without_a_price_costs_unknown_and_keeps_its_tokens():
    cost = price_day(table(), DAY, key("new"), used(100, 20, 5))

    assert cost.micro_usd is None
    assert (cost.prompt_tokens, cost.completion_tokens, cost.cached_tokens) == (100, 20, 5)


def test_fault_10_even_no_tokens_cost_unknown_without_a_price():
    assert price_day(table(), DAY, key("new"), used(0)).micro_usd is None
    assert price_day(table(FULL), DAY, key(), used(0)).micro_usd == 0


@pytest.mark.parametrize(("untold", "cost"), [(3, 0), (2, None), (0, None)])
def test_a_model_without_a_price_costs_nothing_where_no_request_told_its_tokens(untold, cost):
    tokens = DayTokens(3, untold, prompt_tokens=0, completion_tokens=0)
    assert price_day(table(), DAY, key("new"), tokens).micro_usd == cost


def test_no_tokens_of_a_deployment_that_names_no_model_cost_nothing():
    nameless = SeriesKey("acme", deployment="chat-large")
    assert price_day(table(), DAY, nameless, used(0)).micro_usd == 0
    assert price_day(table(), DAY, nameless, used(1)).micro_usd is None


def test_requests_without_tokens_and_others_of_one_model_without_a_price_have_no_cost():
    tokens = DayTokens(3, 3, prompt_tokens=1, completion_tokens=0)
    assert price_day(table(), DAY, SeriesKey("acme", model="novel"), tokens).micro_usd is None


def test_requests_that_no_model_served_cost_nothing():
    assert price_day(table(), DAY, key(""), used(0)).micro_usd == 0
    assert price_day(table(), DAY, key(""), used(1)).micro_usd is None


def test_fault_10_the_reason_holds_the_lines_to_add():
    reason = find_price(table(), key('new "x"'), DAY).reason

    assert reason == (
        'no price for model "new \\"x\\"". Add to your own prices file:\n[[model]]\n'
        'name = "new \\"x\\""\nprices = [{ scope = "global", effective_from = 2026-06-15, '
        'input = "...", output = "..." }]\nor, where it is another name of a priced model, add to '
        'that model: aliases = ["new \\"x\\""]'
    )


def test_fault_10_a_model_priced_elsewhere_names_the_scopes_that_exist():
    found = find_price(table(price(), price(scope="batch")), key(scope="regional"), DAY)

    assert isinstance(found, NoPrice)
    assert 'model "m" has no regional price, only batch, global. Correct the scope' in found.reason


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (key(""), "the usage names neither a model nor a deployment"),
        (key(scope="moon"), 'unknown scope "moon"; known: batch, datazone'),
    ],
)
def test_fault_10_every_missing_price_has_its_reason(asked, reason):
    assert reason in find_price(table(price()), asked, DAY).reason


def test_fault_11_a_price_counts_from_its_day_on():
    prices = table(price(day=date(2026, 1, 1), input="5"), price(day=DAY, input="4"))

    assert find_price(prices, key(), date(2026, 6, 14)).price.rates["input"] == 5
    assert find_price(prices, key(), DAY).price.rates["input"] == 4
    before = find_price(prices, key(), date(2025, 12, 31))
    assert before.reason == (
        'the first global price of model "m" is in force from 2026-01-01, not on 2025-12-31'
    )


def test_fault_11_changes_within_a_span_are_told_with_both_rates():
    prices = table(price(input="5"), price(day=DAY, input="4"), price("other"))
    asked = [key(), key("other"), key()]

    assert price_changes(prices, asked, date(2026, 6, 1), DAY) == (
        PriceChange(key(), DAY, {"input": Decimal(5)}, {"input": Decimal(4)}),
    )
    assert price_changes(prices, asked, DAY, date(2026, 7, 1)) == ()


def test_fault_11_a_price_that_begins_is_a_change_from_unknown():
    prices = table(price(day=DAY, input="4"))

    assert price_changes(prices, [key()], FIRST, DAY) == (
        PriceChange(key(), DAY, None, {"input": Decimal(4)}),
    )


def test_fault_11_a_changed_exchange_rate_is_a_change():
    rates = [ExchangeRate("EUR", Decimal(1), FIRST), ExchangeRate("EUR", Decimal(2), DAY)]
    prices = table(price(currency="EUR", input="4"), rates=rates)

    (change,) = price_changes(prices, [key()], FIRST, DAY)

    assert (change.old, change.new) == ({"input": Decimal(4)}, {"input": Decimal(8)})


def test_fault_12_case_does_not_count():
    assert find_price(table(price("GPT-4o")), key(" gpt-4O "), DAY).matched_model == "GPT-4o"


def test_fault_12_a_declared_alias_is_found():
    found = find_price(
        table(price("gpt-4o"), aliases={"EU.gpt-4o": "GPT-4o"}), key("eu.GPT-4o"), DAY
    )

    assert (found.matched_model, found.dropped_suffix) == ("gpt-4o", False)


@pytest.mark.parametrize("name", ["eu/gpt-4o", "eu.gpt-4o", "gpt-4", "gpt-4o-mini", "gpt-4o-2024"])
def test_fault_12_no_other_name_is_guessed(name):
    assert isinstance(find_price(table(price("gpt-4o")), key(name), DAY), NoPrice)


def test_fault_12_a_date_suffix_is_dropped_last_and_said_so():
    prices = table(
        price("gpt-4o"),
        price("gpt-4o-2024-05-13"),
        aliases={"gpt-4o-2024-08-06": "gpt-4o", "x": "gpt-4o"},
    )

    def found(name):
        quote = find_price(prices, key(name), DAY)
        return quote.matched_model, quote.dropped_suffix

    assert found("gpt-4o-2024-05-13") == ("gpt-4o-2024-05-13", False)
    assert found("gpt-4o-2024-08-06") == ("gpt-4o", False)
    assert found("gpt-4o-2024-11-20") == ("gpt-4o", True)
    assert found("x-2024-11-20") == ("gpt-4o", True)


def test_fault_12_a_known_dated_model_never_borrows_another_scope():
    prices = table(price("gpt-4o", "batch"), price("gpt-4o-2024-05-13"))

    assert isinstance(find_price(prices, key("gpt-4o-2024-05-13", "batch"), DAY), NoPrice)


def test_a_name_that_became_a_model_falls_back_to_what_it_was_an_alias_of():
    prices = table(price("m", input="2"), price("x", day=DAY, input="3"), aliases={"x": "m"})

    assert find_price(prices, key("x"), DAY).price.rates["input"] == 3
    assert find_price(prices, key("x"), date(2026, 6, 14)).price.rates["input"] == 2


def test_an_empty_model_falls_back_to_the_deployment():
    assert (
        find_price(table(price("chat")), key("", deployment=" Chat "), DAY).matched_model == "chat"
    )


@pytest.mark.parametrize(
    ("scope", "served"),
    [
        ("", "global"),
        ("GLOBAL", "global"),
        ("datazone_us", "datazone_us"),
        ("datazone_eu", "datazone"),
        ("datazone_apac_batch", "datazone_batch"),
        ("batch", None),
        ("datazone_us_gov", None),
        ("datazone_us_gov_batch", None),
    ],
)
def test_a_scope_is_served_by_its_own_price_or_the_plain_zone(scope, served):
    prices = table(
        price(), price(scope="datazone"), price(scope="datazone_us"), price(scope="datazone_batch")
    )

    found = find_price(prices, key(scope=scope), DAY)

    assert (found.price.scope if isinstance(found, Quote) else None) == served


def test_fault_15_provisioned_use_is_priced_at_the_standard_rate_and_marked():
    cost = price_day(table(price(), price(scope="batch")), DAY, key(scope="ptu"), used())

    assert (cost.micro_usd, cost.shadow) == (2_000_000, True)


def test_fault_15_cached_tokens_without_a_cached_price_cost_unknown():
    tokens = used(100, 0, 40)

    assert price_day(table(price(input="2")), DAY, key(), tokens).micro_usd is None
    assert explain_unknown_cost(table(price(input="2")), DAY, key(), tokens) == (
        'model "m" has no cached_input price in scope global on 2026-06-15, but such tokens were '
        'used. Add to its price: cached_input = "..."'
    )


def test_fault_15_completions_without_an_output_price_cost_unknown():
    embedding = table(price(input="2"))

    assert price_day(embedding, DAY, key(), used(100, 1)).micro_usd is None
    assert price_day(embedding, DAY, key(), used(100, 0)).micro_usd == 200


def test_fault_15_a_model_billed_by_other_units_costs_unknown():
    per_page = table(Price("m", "global", FIRST, {}, units={"page": Decimal("0.01")}))

    assert price_day(per_page, DAY, key(), used(0)).micro_usd is None
    assert "no input or output price" in explain_unknown_cost(per_page, DAY, key(), used(0))


def test_unknown_cached_tokens_are_an_upper_bound_where_cached_ones_are_cheaper():
    cost = price_day(table(FULL), DAY, key(), used(1000))

    assert (cost.micro_usd, cost.upper_bound) == (2000, True)


@pytest.mark.parametrize(
    ("prices", "tokens"),
    [
        (price(input="2"), used(1000)),
        (price(input="2", cached_input="2"), used(1000)),
        (FULL, used(0)),
        (FULL, used(1000, 0, 0)),
    ],
)
def test_a_cost_that_cached_tokens_cannot_lower_is_exact(prices, tokens):
    assert not price_day(table(prices), DAY, key(), tokens).upper_bound


def test_a_given_cost_is_kept():
    cost = price_day(table(price()), DAY, key(scope="ptu"), used(given_micro_usd=7))

    assert (cost.micro_usd, cost.given, cost.shadow) == (7, True, False)


def test_repricing_replaces_a_given_cost_where_tokens_are_known():
    cost = price_day(table(price()), DAY, key(), used(given_micro_usd=7), reprice=True)

    assert (cost.micro_usd, cost.given) == (2_000_000, False)


def test_repricing_keeps_a_given_cost_without_tokens():
    cost = price_day(table(), DAY, key(), used(None, None, given_micro_usd=7), reprice=True)

    assert (cost.micro_usd, cost.given) == (7, True)


def test_usage_with_neither_tokens_nor_cost_costs_unknown():
    tokens = used(None, 5)

    assert price_day(table(price()), DAY, key(), tokens).micro_usd is None
    assert explain_unknown_cost(table(price()), DAY, key(), tokens) == (
        'the usage of model "m" states neither its tokens nor a cost'
    )


def test_a_known_cost_needs_no_explanation():
    assert explain_unknown_cost(table(FULL), DAY, key(), used(10, 10, 10)) == ""
    assert "no price for model" in explain_unknown_cost(table(), DAY, key(), used())


@pytest.mark.parametrize(
    ("prompt", "completion", "cached"), [(-1, 0, None), (1, -1, 0), (1, 0, 2), (1, 0, -1)]
)
def test_impossible_token_counts_are_a_mistake_of_the_program(prompt, completion, cached):
    with pytest.raises(ValueError, match="tokens must be 0 or more"):
        used(prompt, completion, cached)


def test_the_most_specific_agreed_rate_wins():
    def agreed(amount, **owner):
        return price(input=amount, **owner)

    prices = table(
        price(input="9"),
        agreed=[
            agreed("1", tenant="acme", deployment="Chat"),
            agreed("2", tenant="acme"),
            agreed("3", deployment="chat"),
        ],
    )

    def rate(tenant, deployment):
        return find_price(prices, key(tenant=tenant, deployment=deployment), DAY).price.rates[
            "input"
        ]

    assert [rate("acme", "chat"), rate("acme", "x"), rate("bolt", "CHAT"), rate("bolt", "x")] == [
        1,
        2,
        3,
        9,
    ]


def test_an_agreed_rate_is_dated_and_needs_no_list_price():
    prices = table(agreed=[price("own", day=DAY, tenant="acme")])

    assert isinstance(find_price(prices, key("own"), DAY), Quote)
    assert "is in force from 2026-06-15" in find_price(prices, key("own"), FIRST).reason
    assert "no price for model" in find_price(prices, key("own", tenant="bolt"), DAY).reason


def test_anothers_agreed_model_does_not_hide_the_dropped_suffix():
    prices = table(price("m"), agreed=[price("m-2026-01-01", tenant="bolt")])

    assert find_price(prices, key("m-2026-01-01"), DAY).dropped_suffix


def test_fault_14_a_price_is_converted_at_the_rate_of_the_day():
    far = LongContext(1000, {"input": Decimal(4)})
    euro = price(input="2", currency="EUR", units={"page": Decimal(1)}, long_context=far)
    prices = table(euro, rates=[ExchangeRate("EUR", Decimal("1.5"), DAY)])

    found = find_price(prices, key(), DAY).price

    assert (found.rates, found.units, found.currency) == (
        {"input": 3},
        {"page": Decimal("1.5")},
        "USD",
    )
    assert found.long_context == LongContext(1000, {"input": Decimal(6)})


def test_fault_14_a_day_before_the_first_exchange_rate_has_no_price():
    prices = table(price(currency="EUR"), rates=[ExchangeRate("EUR", Decimal(2), DAY)])

    assert find_price(prices, key(), FIRST).reason == (
        'the price of model "m" is in EUR and no exchange rate to USD is in force on 2024-01-01; '
        "declare one dated 2024-01-01 or before"
    )


def test_rates_per_token_are_given_as_floats():
    assert token_rates(table(FULL), key(), DAY) == (2e-6, 0.5e-6, 8e-6)
    assert token_rates(table(price(input="2")), key(), DAY) == (2e-6, 2e-6, 0.0)
    assert token_rates(table(price(output="2")), key(), DAY) is None
    assert token_rates(table(), key(), DAY) is None
