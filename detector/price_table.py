"""The dated price table: what a token costs, in which scope, since when, and who says so.

Lists of prices (``detector.price_list`` reads them), agreed rates and exchange rates are joined
into the one :class:`PriceTable` that ``detector.pricing`` asks.

Errors
------
PriceError
    Prices or exchange rates that cannot be used; carries every problem found, not only the first.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field, replace
from decimal import Context, Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date

TOKEN_METERS = (
    "input",
    "cached_input",
    "output",
    "cache_write",
    "cache_write_1h",
    "audio_input",
    "cached_audio_input",
    "audio_cache_write",
    "audio_output",
    "image_input",
    "cached_image_input",
    "image_output",
)
"""What a model can bill per 1M tokens."""
PRICED_METERS = TOKEN_METERS[:3]
"""The meters usage is counted by; the others are kept for the reader."""

PTU = "ptu"
ZONES = ("datazone_us", "datazone_eu", "datazone_apac", "datazone_us_gov")
_PLACES = ("datazone", *ZONES, "regional")
_TIERS = ("batch", "priority", "flex")
SCOPES = frozenset(
    ["global", PTU, *_TIERS, *_PLACES, *(f"{place}_{tier}" for place in _PLACES for tier in _TIERS)]
)
"""Where and how a model is served; ``batch``, ``priority`` and ``flex`` alone are global."""
SERVED_ALSO_BY: Mapping[str, str] = {
    PTU: "global",
    **dict.fromkeys(ZONES[:3], "datazone"),
    **{f"{zone}_{tier}": f"datazone_{tier}" for zone in ZONES[:3] for tier in _TIERS},
}
"""The scope whose price serves where there is none; the government's zone is apart."""

_DATE_SUFFIX = re.compile(r"-\d{4}-\d{2}-\d{2}$", re.ASCII)
_EXACT = Context(prec=100)
_NOTHING: Mapping[str, Decimal] = MappingProxyType({})


class PriceError(Exception):
    """Prices that cannot be used: ``problems`` names each with its place and what to do."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class LongContext:
    """Dearer rates for single requests longer than ``from_tokens``; informational only."""

    from_tokens: int
    rates: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs in one scope from one day on.

    Attributes
    ----------
    rates : mapping of str to Decimal
        Per 1M tokens in ``currency``, by meter (see :data:`TOKEN_METERS`).
    tenant, deployment : str
        Whom an agreed rate is for (``tenant`` normalised); both empty is the list price.
    units : mapping of str to Decimal
        Meters that are not tokens (a page, a second, an image), per ONE unit.
    """

    model: str
    scope: str
    effective_from: date
    rates: Mapping[str, Decimal]
    currency: str = "USD"
    source: str = ""
    tenant: str = ""
    deployment: str = ""
    units: Mapping[str, Decimal] = field(default_factory=lambda: _NOTHING)
    long_context: LongContext | None = None


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """From ``effective_from`` on, 1 unit of ``currency`` is ``rate`` units of the reporting one."""

    currency: str
    rate: Decimal
    effective_from: date


@dataclass(frozen=True, slots=True)
class PriceList:
    """The prices of one file, and the other names (alias to model) it declares."""

    prices: tuple[Price, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class PriceTable:
    """Every price and exchange rate in force; made by :func:`build_table` alone.

    Attributes
    ----------
    series : mapping
        Prices oldest first, by (tenant, deployment, model, scope), names case-folded.
    models : frozenset of (str, str, str)
        Tenant, deployment and folded name of every model that has a price.
    aliases : mapping of str to str
        Folded alias to folded name.
    exchange_rates : mapping of str to tuple of ExchangeRate
        By currency, oldest first.
    agreed_tenants, agreed_deployments : frozenset of str
        Who has agreed rates at all.
    currency : str
        The reporting currency.
    """

    prices: tuple[Price, ...]
    series: Mapping[tuple[str, str, str, str], tuple[Price, ...]]
    models: frozenset[tuple[str, str, str]]
    aliases: Mapping[str, str]
    exchange_rates: Mapping[str, tuple[ExchangeRate, ...]]
    agreed_tenants: frozenset[str]
    agreed_deployments: frozenset[str]
    currency: str


def toml_string(text: str) -> str:
    r"""Write ``text`` as a TOML basic string.

    Examples
    --------
    >>> print(toml_string('a "b"'))
    "a \"b\""
    """
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def without_date(name: str) -> str:
    """Drop the date at the end of a model name, if it has one.

    Examples
    --------
    >>> without_date("gpt-4o-2024-11-20")
    'gpt-4o'
    """
    return _DATE_SUFFIX.sub("", name)


def merge_lists(base: PriceList, own: PriceList) -> PriceList:
    """Lay one list over another: ``own`` wins for the same model, scope and day.

    Parameters
    ----------
    base, own : PriceList
        The shipped list and the installation's own one.

    Returns
    -------
    PriceList
        A model of ``own`` may bear a name that is an alias in ``base``: the exact name wins.

    Raises
    ------
    PriceError
        An alias of ``own`` is the name of a model in ``base`` (it would never be looked at).
    """
    models = {price.model.casefold() for price in base.prices}
    problems = [
        f"alias {toml_string(alias)} of {toml_string(model)} is the name of a model in the price "
        f"table; give {toml_string(alias)} prices of its own instead"
        for alias, model in own.aliases.items()
        if alias.casefold() in models
    ]
    if problems:
        raise PriceError(problems)
    declared = {alias.casefold() for alias in own.aliases}
    kept = {alias: to for alias, to in base.aliases.items() if alias.casefold() not in declared}
    prices = {_place(price): price for price in base.prices}
    prices.update({_place(price): price for price in own.prices})
    return PriceList(tuple(prices.values()), {**kept, **own.aliases})


def build_table(
    prices: PriceList,
    agreed: Iterable[Price] = (),
    exchange_rates: Iterable[ExchangeRate] = (),
    currency: str = "USD",
) -> PriceTable:
    """Join list prices, agreed rates and exchange rates into one table, or refuse them all.

    Parameters
    ----------
    prices : PriceList
        List prices and aliases.
    agreed : iterable of Price
        Own rates with a tenant, a deployment or both; their models need no list price.
    exchange_rates : iterable of ExchangeRate
        One at least for every currency that is not the reporting one.
    currency : str
        The reporting currency; amounts in different currencies are never added.

    Returns
    -------
    PriceTable

    Raises
    ------
    PriceError
        Prices stated twice, amounts that are none, unknown scopes, a currency without a rate, an
        alias of an unknown model: all of them at once.
    """
    everything = (*prices.prices, *agreed)
    rates = tuple(exchange_rates)
    models = frozenset(_series_of(price)[:3] for price in everything)
    names = {name for _, _, name in models}
    aliases = {alias.casefold(): to.casefold() for alias, to in prices.aliases.items()}
    problems = [
        *_price_problems(everything),
        *_rate_problems(rates),
        *_currency_problems(everything, rates, currency),
        *(
            f"alias {toml_string(alias)} stands for {toml_string(to)}, which has no price"
            for alias, to in prices.aliases.items()
            if to.casefold() not in names
        ),
    ]
    if problems:
        raise PriceError(problems)
    return PriceTable(
        everything,
        _series(everything),
        models,
        aliases,
        _by_currency(rates),
        frozenset(price.tenant for price in everything if price.tenant),
        frozenset(price.deployment.casefold() for price in everything if price.deployment),
        currency,
    )


def price_in_force(prices: Sequence[Price], day: date) -> Price | None:
    """Give the newest price that counts on a day.

    Parameters
    ----------
    prices : sequence of Price
        Of one model and scope, oldest first; may be empty.
    day : date

    Returns
    -------
    Price or None
        None before the first.
    """
    index = bisect_right(prices, day, key=lambda price: price.effective_from)
    return prices[index - 1] if index else None


def convert_price(price: Price, exchange: Decimal, currency: str) -> Price:
    """Give a price in another currency.

    Parameters
    ----------
    price : Price
    exchange : Decimal
        What one unit of the price's currency is worth in ``currency``.
    currency : str

    Returns
    -------
    Price
        With every amount multiplied exactly.
    """

    def converted(amounts: Mapping[str, Decimal]) -> dict[str, Decimal]:
        return {meter: _EXACT.multiply(amount, exchange) for meter, amount in amounts.items()}

    far = price.long_context
    return replace(
        price,
        rates=converted(price.rates),
        units=converted(price.units),
        long_context=far and replace(far, rates=converted(far.rates)),
        currency=currency,
    )


def _place(price: Price) -> tuple[str, str, str, str, date]:
    return (*_series_of(price), price.effective_from)


def _series_of(price: Price) -> tuple[str, str, str, str]:
    return price.tenant, price.deployment.casefold(), price.model.casefold(), price.scope


def _series(prices: Iterable[Price]) -> dict[tuple[str, str, str, str], tuple[Price, ...]]:
    series: dict[tuple[str, str, str, str], list[Price]] = defaultdict(list)
    for price in sorted(prices, key=lambda price: price.effective_from):
        series[_series_of(price)].append(price)
    return {key: tuple(group) for key, group in series.items()}


def _by_currency(rates: Iterable[ExchangeRate]) -> dict[str, tuple[ExchangeRate, ...]]:
    found: dict[str, list[ExchangeRate]] = defaultdict(list)
    for rate in sorted(rates, key=lambda rate: rate.effective_from):
        found[rate.currency].append(rate)
    return {currency: tuple(group) for currency, group in found.items()}


def _price_problems(prices: Iterable[Price]) -> Iterator[str]:
    seen = set()
    for price in prices:
        where = f"{_owner(price)}{toml_string(price.model)} {price.scope}, {price.effective_from}"
        if _place(price) in seen:
            yield f"{where}: two prices for the same model, scope and day; keep one of them"
        seen.add(_place(price))
        if price.scope not in SCOPES:
            yield f"{where}: the scope is not one of {', '.join(sorted(SCOPES))}"
        for meter, amount in (*price.rates.items(), *price.units.items()):
            if not amount.is_finite() or amount < 0:
                yield f"{where}, {meter}: {amount} is not an amount; it must be 0 or more"
        if unknown := sorted(set(price.rates) - set(TOKEN_METERS)):
            yield f"{where}: unknown {', '.join(unknown)}; known: {', '.join(TOKEN_METERS)}"


def _owner(price: Price) -> str:
    names = [f"tenant {price.tenant}"] if price.tenant else []
    names += [f"deployment {price.deployment}"] if price.deployment else []
    return f"{' and '.join(names)}: " if names else ""


def _rate_problems(rates: Iterable[ExchangeRate]) -> Iterator[str]:
    seen = set()
    for rate in rates:
        where = f"exchange rate {rate.currency} from {rate.effective_from}"
        if (rate.currency, rate.effective_from) in seen:
            yield f"{where}: declared twice; keep one of them"
        seen.add((rate.currency, rate.effective_from))
        if not rate.rate.is_finite() or rate.rate <= 0:
            yield f"{where}: {rate.rate} is not a rate; it must be above 0"


def _currency_problems(
    prices: Iterable[Price], rates: Iterable[ExchangeRate], currency: str
) -> Iterator[str]:
    declared = {currency, *(rate.currency for rate in rates)}
    missing: dict[str, list[Price]] = defaultdict(list)
    for price in prices:
        if price.currency not in declared:
            missing[price.currency].append(price)
    for code, group in missing.items():
        first = f"{toml_string(group[0].model)} {group[0].scope}"
        yield (
            f"{len(group)} prices are in {code} (the first is {first}), the reporting currency is "
            f"{currency}: declare a dated exchange rate of {code}, they cannot be added without one"
        )
