"""What a day's tokens cost: the price in force is found by exact name, and the sum priced once.

A price that is not known gives an unknown cost, never 0; and no name is guessed, the one liberty (a
date suffix dropped) is marked on the quote.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from detector.model import CostDay, SeriesKey
from detector.price_advice import advise_exchange_rate, advise_meters, advise_price
from detector.price_table import (
    PRICED_METERS,
    PTU,
    SERVED_ALSO_BY,
    Price,
    PriceTable,
    convert_price,
    price_in_force,
    without_date,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

STANDARD_SCOPE = "global"
_EXACT = Context(prec=100)


@dataclass(frozen=True, slots=True)
class Quote:
    """The price found for a series on a day, in the reporting currency.

    Attributes
    ----------
    matched_model : str
        The model whose price it is, as the price table spells it.
    dropped_suffix : bool
        The name was found only after its date suffix was dropped.
    shadow : bool
        Provisioned use (scope ``ptu``) at the standard rate: a shadow price, not the bill.
    """

    price: Price
    matched_model: str
    dropped_suffix: bool = False
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class NoPrice:
    """No price is known; ``reason`` tells a person why and what to write."""

    model: str
    scope: str
    reason: str


@dataclass(frozen=True, slots=True)
class DayTokens:
    """What one series used in one day, summed.

    Attributes
    ----------
    prompt_tokens, completion_tokens, cached_tokens : int or None
        As in ``detector.model.Usage``: None is unknown, cached ones are part of the prompt.
    given_micro_usd : int or None
        A cost the source states itself.

    Raises
    ------
    ValueError
        A negative count, or more cached tokens than prompt tokens: such rows are rejected before
        they are summed, so this is a mistake in the program, not in the data.
    """

    requests: int = 0
    requests_without_usage: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    estimated: bool = False
    given_micro_usd: int | None = None

    def __post_init__(self) -> None:
        prompt, cached = self.prompt_tokens or 0, self.cached_tokens or 0
        if not 0 <= cached <= prompt or (self.completion_tokens or 0) < 0:
            raise ValueError(f"tokens must be 0 or more, cached ones part of the prompt: {self}")


@dataclass(frozen=True, slots=True)
class PriceChange:
    """The rates of a series differ from one day to the next.

    Attributes
    ----------
    effective_day : date
        The first day at the new rates.
    old, new : mapping of str to Decimal, or None
        Rates per 1M tokens in the reporting currency, of the meters tokens are priced by; None
        where no price was known.
    """

    key: SeriesKey
    effective_day: date
    old: Mapping[str, Decimal] | None
    new: Mapping[str, Decimal] | None


def find_price(table: PriceTable, key: SeriesKey, day: date) -> Quote | NoPrice:
    """Find the price in force for a series on a day.

    Parameters
    ----------
    table : PriceTable
    key : SeriesKey
        An empty model falls back to the deployment's name, an empty scope is ``global``. Case
        does not count. Scope ``datazone_us`` (``_eu``, ``_apac``) is also served by a plain
        ``datazone`` price, scope ``ptu`` by the ``global`` one.
    day : date
        A price counts from its ``effective_from`` on, that day included.

    Returns
    -------
    Quote or NoPrice
        The exact name comes first, then a declared alias. Only where the table knows neither is a
        date suffix dropped and the rest looked up in the same way. For each name the most
        specific agreed rate wins (tenant and deployment, tenant, deployment) over the list price.

    Examples
    --------
    >>> from datetime import date
    >>> from detector.price_table import PriceList, build_table
    >>> price = Price("gpt-4o", "global", date(2024, 1, 1), {"input": Decimal("2.50")})
    >>> table = build_table(PriceList((price,)))
    >>> quote = find_price(table, SeriesKey("acme", model="GPT-4o-2024-11-20"), date(2026, 1, 1))
    >>> quote.matched_model, quote.dropped_suffix
    ('gpt-4o', True)
    >>> find_price(table, SeriesKey("acme", model="gpt-4"), date(2026, 1, 1)).reason[:25]
    'no price for model "gpt-4'
    """
    deployment = key.deployment.strip()
    return _find(
        table,
        key.tenant if key.tenant in table.agreed_tenants else "",
        deployment.casefold() if deployment.casefold() in table.agreed_deployments else "",
        key.model.strip() or deployment,
        key.scope.strip().casefold() or STANDARD_SCOPE,
        day,
    )


def price_day(
    table: PriceTable, day: date, key: SeriesKey, tokens: DayTokens, *, reprice: bool = False
) -> CostDay:
    """Price the summed tokens of one series and day, once.

    Parameters
    ----------
    table, day, key, tokens
    reprice : bool
        Price the tokens by the table although the source states a cost; a stated cost without
        tokens is kept all the same.

    Returns
    -------
    CostDay
        ``micro_usd = (prompt - cached) * input + cached * cached_input + completion * output``
        with rates per 1M tokens (so one token at 1.00 is one micro-dollar), exact in decimal and
        rounded half to even at the very end; 0 for no tokens where no model served or told.
        Unknown cached tokens pay the full input rate, an upper bound where the cached one is
        cheaper. None without a rate for a meter that was used: :func:`explain_unknown_cost`.

    Examples
    --------
    >>> from datetime import date
    >>> from detector.price_table import PriceList, build_table
    >>> rates = {"input": Decimal("2.50"), "output": Decimal(10)}
    >>> table = build_table(PriceList((Price("m", "global", date(2024, 1, 1), rates),)))
    >>> tokens = DayTokens(requests=1, prompt_tokens=1000, completion_tokens=100)
    >>> price_day(table, date(2026, 1, 1), SeriesKey("acme", model="m"), tokens).micro_usd
    3500
    """
    known = tokens.prompt_tokens is not None and tokens.completion_tokens is not None
    given = tokens.given_micro_usd is not None and not (reprice and known)
    quote = None if given else find_price(table, key, day)
    priced = isinstance(quote, Quote) and not _missing_meters(quote.price, tokens)
    told = tokens.requests_without_usage < max(1, tokens.requests)
    served = (told and key.model) or any(used for _, used in uses_of(tokens))
    unpriced = None if served or not known else 0
    cost = _cost(quote.price, tokens) if isinstance(quote, Quote) and priced else unpriced
    return CostDay(
        day,
        key,
        tokens.given_micro_usd if given else cost,
        tokens.requests,
        tokens.requests_without_usage,
        tokens.prompt_tokens,
        tokens.completion_tokens,
        tokens.cached_tokens,
        tokens.estimated,
        shadow=isinstance(quote, Quote) and quote.shadow,
        upper_bound=isinstance(quote, Quote) and priced and _is_upper_bound(quote.price, tokens),
        given=given,
    )


def explain_unknown_cost(table: PriceTable, day: date, key: SeriesKey, tokens: DayTokens) -> str:
    """Say why the tokens of a series and day cannot be priced, and what to do about it.

    Parameters
    ----------
    table, day, key, tokens
        As for :func:`price_day`.

    Returns
    -------
    str
        Empty where they can be priced; lines a person can act on otherwise.
    """
    quote = find_price(table, key, day)
    if isinstance(quote, NoPrice):
        return quote.reason
    missing = _missing_meters(quote.price, tokens)
    return advise_meters(quote.price, missing, day) if missing else ""


def price_changes(
    table: PriceTable, keys: Iterable[SeriesKey], first_day: date, last_day: date
) -> tuple[PriceChange, ...]:
    """Find the series whose rates change within a span of days.

    Parameters
    ----------
    table : PriceTable
    keys : iterable of SeriesKey
        Repeated keys count once.
    first_day, last_day : date
        A change on ``first_day`` itself is not within the span, one on ``last_day`` is.

    Returns
    -------
    tuple of PriceChange
        In the order of ``keys``, then by day; a changed exchange rate is a change too.
    """
    days = _dates_within(table, first_day, last_day)
    if not days:
        return ()
    return tuple(change for key in dict.fromkeys(keys) for change in _changes_of(table, key, days))


def token_rates(table: PriceTable, key: SeriesKey, day: date) -> tuple[float, float, float] | None:
    """Give a series' rates per single token as floats, for scoring and drivers only.

    Parameters
    ----------
    table, key, day
        As for :func:`find_price`.

    Returns
    -------
    tuple of float, or None
        Reporting currency per uncached prompt, cached prompt and completion token. None without a
        price or without an input rate. No cached rate: the input rate; no output rate: 0.0 (such
        a model bills no completions, and a day that has some has an unknown cost).
    """
    quote = find_price(table, key, day)
    if isinstance(quote, NoPrice) or "input" not in quote.price.rates:
        return None
    rates = quote.price.rates
    full = float(rates["input"]) / 1e6
    return (
        full,
        float(rates["cached_input"]) / 1e6 if "cached_input" in rates else full,
        float(rates.get("output", 0)) / 1e6,
    )


@lru_cache(maxsize=1 << 16)
def _find(
    table: PriceTable, tenant: str, deployment: str, model: str, scope: str, day: date
) -> Quote | NoPrice:
    owners = tuple(dict.fromkeys([(tenant, deployment), (tenant, ""), ("", deployment), ("", "")]))
    names, dropped = _names(table, owners, model.casefold())
    scopes = (scope, SERVED_ALSO_BY[scope]) if scope in SERVED_ALSO_BY else (scope,)
    series = [
        table.series.get((*owner, name, place), ())
        for name in names
        for owner in owners
        for place in scopes
    ]
    price = next(filter(None, (price_in_force(prices, day) for prices in series)), None)
    if price is None:
        known = [p for key, group in table.series.items() for p in group if key[:2] in owners]
        mine = [p for p in known if p.model.casefold() in names]
        return NoPrice(model, scope, advise_price(model, scopes, mine, day))
    exchange = exchange_rate(table, price.currency, day)
    if exchange is None:
        return NoPrice(model, scope, advise_exchange_rate(price, table.currency, day))
    if price.currency != table.currency:
        price = convert_price(price, exchange, table.currency)
    return Quote(price, price.model, dropped, shadow=scope == PTU)


def _names(
    table: PriceTable, owners: tuple[tuple[str, str], ...], model: str
) -> tuple[list[str], bool]:
    """List the folded names to look up in turn, and say whether a date suffix was dropped."""
    for name in dict.fromkeys((model, without_date(model))):
        known = [name] if any((*owner, name) in table.models for owner in owners) else []
        known += [table.aliases[name]] if name in table.aliases else []
        if known:
            return known, name != model
    return [], False


def exchange_rate(table: PriceTable, currency: str, day: date) -> Decimal | None:
    """Return what one unit of a currency is worth in the reporting one on a day.

    Parameters
    ----------
    table : PriceTable
    currency : str
        One the table has rates for, or the reporting currency itself.
    day : date

    Returns
    -------
    Decimal or None
        None before the first rate that was declared.

    Raises
    ------
    KeyError
        The table has no rate for the currency at all.
    """
    if currency == table.currency:
        return Decimal(1)
    rates = table.exchange_rates[currency]
    index = bisect_right(rates, day, key=lambda rate: rate.effective_from)
    return rates[index - 1].rate if index else None


def uses_of(tokens: DayTokens) -> tuple[tuple[str, int], ...]:
    """Return the meters that usage is counted by, and the tokens of each; unknown ones are 0."""
    cached = tokens.cached_tokens or 0
    used = (tokens.prompt_tokens or 0) - cached, cached, tokens.completion_tokens or 0
    return tuple(zip(PRICED_METERS, used, strict=True))


def _missing_meters(price: Price, tokens: DayTokens) -> tuple[str, ...]:
    """Name the meters that were used and have no rate; a model without any lacks them all."""
    if tokens.prompt_tokens is None or tokens.completion_tokens is None:
        return ("tokens",)
    if price.rates.keys().isdisjoint(("input", "output")):
        return ("input", "output")
    return tuple([meter for meter, used in uses_of(tokens) if used and meter not in price.rates])


def _cost(price: Price, tokens: DayTokens) -> int:
    total = Decimal(0)
    for meter, used in uses_of(tokens):
        if used:
            total = _EXACT.fma(price.rates[meter], used, total)
    return int(total.to_integral_value(ROUND_HALF_EVEN))


def _is_upper_bound(price: Price, tokens: DayTokens) -> bool:
    if tokens.cached_tokens is not None or not tokens.prompt_tokens:
        return False
    full = price.rates["input"]
    return price.rates.get("cached_input", full) < full


def _dates_within(table: PriceTable, first_day: date, last_day: date) -> list[date]:
    starts = {price.effective_from for price in table.prices}
    starts |= {rate.effective_from for group in table.exchange_rates.values() for rate in group}
    return sorted(start for start in starts if first_day < start <= last_day)


def _changes_of(table: PriceTable, key: SeriesKey, days: list[date]) -> Iterator[PriceChange]:
    for day in days:
        old, new = _rates(table, key, day - timedelta(days=1)), _rates(table, key, day)
        if old != new:
            yield PriceChange(key, day, old, new)


def _rates(table: PriceTable, key: SeriesKey, day: date) -> dict[str, Decimal] | None:
    quote = find_price(table, key, day)
    if isinstance(quote, NoPrice):
        return None
    rates = quote.price.rates
    return {meter: rates[meter] for meter in PRICED_METERS if meter in rates}
