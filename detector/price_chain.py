"""From the tokens of a day to its cost: which price each of them paid, and where that stands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from detector.price_table import Price, PriceTable
from detector.pricing import DayTokens, NoPrice, find_price, price_day, uses_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from detector.model import CostDay, SeriesKey


@dataclass(frozen=True, slots=True)
class Metered:
    """Tokens of one meter and what they cost: ``micro = tokens * rate``, rate per 1M tokens.

    Attributes
    ----------
    rate, micro : Decimal
        In the reporting currency; the micro-dollars of a series are rounded once they are summed.
    """

    meter: str
    tokens: int
    rate: Decimal
    micro: Decimal


@dataclass(frozen=True, slots=True)
class PricedUse:
    """What one source told of one series on a day, and how that became a cost.

    Attributes
    ----------
    source : str
    key : SeriesKey
    prompt_tokens, cached_tokens, completion_tokens : int or None
        None is unknown; cached ones are part of the prompt.
    micro_usd : int or None
        As the ledger has it; None is unknown.
    now_micro_usd : int or None
        At the prices in force now; the same unless they changed since, or a source stated it.
    stated : bool
        The source states the cost itself (or some of it): no price was applied to that.
    meters : tuple of Metered
        What adds up to ``now_micro_usd``; empty where no price was applied.
    price : Price or None
        The entry of the price table, in the reporting currency.
    listed_in : str
        The currency of that entry.
    dropped_suffix, shadow, upper_bound : bool
        As in :class:`detector.pricing.Quote` and :class:`detector.model.CostDay`.
    why_unknown : str
        Why there is no price; else empty.
    """

    source: str
    key: SeriesKey
    prompt_tokens: int | None
    cached_tokens: int | None
    completion_tokens: int | None
    micro_usd: int | None
    now_micro_usd: int | None
    stated: bool = False
    meters: tuple[Metered, ...] = ()
    price: Price | None = None
    listed_in: str = ""
    dropped_suffix: bool = False
    shadow: bool = False
    upper_bound: bool = False
    why_unknown: str = ""


def price_chain(
    table: PriceTable, costs: Iterable[tuple[str, CostDay]], tenant: str
) -> tuple[PricedUse, ...]:
    """Say of each cost of a tenant's day how it came about.

    Parameters
    ----------
    table : PriceTable
    costs : iterable of (str, CostDay)
        Source and cost, as the ledger has them.
    tenant : str
        The id that agreed rates are looked up under.

    Returns
    -------
    tuple of PricedUse
        The dearest first; the costs add up to what the ledger has for the day.
    """
    found = [_priced(table, source, cost, tenant) for source, cost in costs]
    return tuple(sorted(found, key=_rank))


def _rank(use: PricedUse) -> tuple[int, str, str, str, str]:
    return -(use.micro_usd or 0), use.key.feature, use.key.model, use.key.deployment, use.source


def _priced(table: PriceTable, source: str, cost: CostDay, tenant: str) -> PricedUse:
    use = PricedUse(
        source,
        cost.key,
        cost.prompt_tokens,
        cost.cached_tokens,
        cost.completion_tokens,
        cost.micro_usd,
        cost.micro_usd,
        stated=cost.given,
        upper_bound=cost.upper_bound,
    )
    if cost.given:
        return use
    tokens = DayTokens(
        cost.requests,
        cost.requests_without_usage,
        cost.prompt_tokens,
        cost.completion_tokens,
        cost.cached_tokens,
    )
    billed = cost.key._replace(tenant=tenant)
    now = price_day(table, cost.day, billed, tokens)
    quote = find_price(table, billed, cost.day)
    if isinstance(quote, NoPrice):
        return replace(use, now_micro_usd=now.micro_usd, why_unknown=quote.reason)
    rates = quote.price.rates
    return replace(
        use,
        now_micro_usd=now.micro_usd,
        meters=tuple(
            Metered(meter, used, rates[meter], rates[meter] * used)
            for meter, used in uses_of(tokens)
            if used and meter in rates
        ),
        price=quote.price,
        listed_in=_listed_in(table, quote.price),
        dropped_suffix=quote.dropped_suffix,
        shadow=quote.shadow,
        upper_bound=now.upper_bound,
    )


def _listed_in(table: PriceTable, found: Price) -> str:
    """Return the currency that the entry of the table is written in."""
    same = (found.model, found.scope, found.effective_from, found.tenant, found.deployment)
    return next(
        price.currency
        for price in table.prices
        if (price.model, price.scope, price.effective_from, price.tenant, price.deployment) == same
    )
