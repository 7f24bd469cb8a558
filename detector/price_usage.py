"""Prices the usage of a day: what a source states and what we price join in one cost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from detector.model import CostDay, SeriesKey, Usage
from detector.pricing import DayTokens, price_day

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date

    from detector.price_table import PriceTable


def price_usage(
    prices: PriceTable,
    day: date,
    usage: Iterable[Usage],
    *,
    reprice: bool = False,
    canonical: Callable[[str], str] = lambda tenant: tenant,
) -> tuple[CostDay, ...]:
    """Price a day's summed usage; what a source states and what we price join in one cost.

    Agreed rates are looked up under the tenant's ``canonical`` id, costs kept under its own.
    """
    costs: dict[SeriesKey, CostDay] = {}
    for row in usage:
        key = SeriesKey(row.tenant, row.feature, row.model, row.deployment, row.scope)
        billed = key._replace(tenant=canonical(row.tenant))
        priced = price_day(prices, day, billed, _tokens(row), reprice=reprice)
        cost = replace(priced, key=key)
        costs[key] = _joined(costs[key], cost) if key in costs else cost
    return tuple(costs.values())


def _tokens(row: Usage) -> DayTokens:
    return DayTokens(
        requests=row.requests,
        requests_without_usage=row.requests_without_usage,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        cached_tokens=row.cached_tokens,
        estimated=row.estimated,
        given_micro_usd=row.cost_micro_usd,
    )


def _joined(one: CostDay, other: CostDay) -> CostDay:
    """Add two costs of one key, of which the source stated one and we priced the other."""
    return CostDay(
        day=one.day,
        key=one.key,
        micro_usd=_plus(one.micro_usd, other.micro_usd),
        requests=one.requests + other.requests,
        requests_without_usage=one.requests_without_usage + other.requests_without_usage,
        prompt_tokens=_plus(one.prompt_tokens, other.prompt_tokens),
        completion_tokens=_plus(one.completion_tokens, other.completion_tokens),
        cached_tokens=_plus(one.cached_tokens, other.cached_tokens),
        estimated=one.estimated or other.estimated,
        shadow=one.shadow or other.shadow,
        upper_bound=one.upper_bound or other.upper_bound,
        given=one.given or other.given,
    )


def _plus(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
