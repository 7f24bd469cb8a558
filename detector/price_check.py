"""Finds prices that look like a mix-up of units (per 1K taken for per 1M) before they are used."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from detector.price_table import PRICED_METERS, toml_string

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from detector.price_table import Price, PriceTable

SUSPICIOUS_FACTOR = 20
_FAMILY = re.compile(r".*?\d[^-]*", re.ASCII)


def family_of(name: str) -> str:
    """Return the family of a model: its name up to and including the first part with a digit.

    Parameters
    ----------
    name : str
        Any spelling; folders before the last slash do not count.

    Returns
    -------
    str
        Case-folded; the whole name where it holds no digit.

    Examples
    --------
    >>> family_of("gpt-4.1-mini-2025-04-14"), family_of("o3-pro"), family_of("mistral-nemo")
    ('gpt-4.1', 'o3', 'mistral-nemo')
    """
    short = name.casefold().rpartition("/")[2]
    found = _FAMILY.match(short)
    return found.group() if found else short


def compare_prices(new: Iterable[Price], known: PriceTable) -> list[str]:
    """Name every new price that looks like a mix-up of units: more than 20 times off.

    An amount tokens are priced by is compared, meter by meter and in both directions, with every
    other known amount of the same model, whatever its scope and day, and with the range of the
    other models of its family (of all models where the family is new): a nano model may cost a
    hundredth of the pro model beside it, but neither lies 20 times outside what its family is
    known to cost.

    Parameters
    ----------
    new : iterable of Price
        The prices to be taken over, or ``known.prices`` to check a table against itself.
    known : PriceTable
        What is in force; its exchange rates serve both sides.

    Returns
    -------
    list of str
        One sentence for each suspicious amount; empty where there is none.

    Raises
    ------
    KeyError
        A new price is in a currency ``known`` has no rate for (``build_table`` names such).
    """
    by_model: dict[str, list[Price]] = defaultdict(list)
    by_family: dict[str, list[Price]] = defaultdict(list)
    for price in known.prices:
        by_model[price.model.casefold()].append(price)
        by_family[family_of(price.model)].append(price)
    found = []
    for price in new:
        model = price.model.casefold()
        same = [other for other in by_model[model] if other != price]
        family = [p for p in by_family[family_of(model)] if p.model.casefold() != model]
        rest = family or [p for p in known.prices if p.model.casefold() != model]
        for meter in filter(price.rates.__contains__, PRICED_METERS):
            text = _far_from_one(price, meter, same, known) or _far_from_all(
                price, meter, rest, known
            )
            found += [text] if text else []
    return found


def _far_from_one(price: Price, meter: str, same: list[Price], table: PriceTable) -> str:
    told = (_suspicion(price, other, meter, table) for other in same if meter in other.rates)
    return next(filter(None, told), "")


def _far_from_all(price: Price, meter: str, rest: list[Price], table: PriceTable) -> str:
    peers = [(_amount(other, meter, table), other) for other in rest if meter in other.rates]
    if not peers:
        return ""
    amount = _amount(price, meter, table)
    lowest, highest = min(peers, key=_first), max(peers, key=_first)
    if lowest[0] <= amount <= highest[0]:
        return ""
    nearest = lowest if amount < lowest[0] else highest
    return _suspicion(price, nearest[1], meter, table)


def _first(pair: tuple[Decimal, Price]) -> Decimal:
    return pair[0]


def _suspicion(price: Price, other: Price, meter: str, table: PriceTable) -> str:
    low, high = sorted((_amount(price, meter, table), _amount(other, meter, table)))
    if high <= SUSPICIOUS_FACTOR * low:
        return ""
    times = f"{high / low:,.0f} times" if low else "infinitely"
    way = "dearer" if _amount(price, meter, table) == high else "cheaper"
    return (
        f"{toml_string(price.model)} {price.scope} from {price.effective_from}: {meter} "
        f"{price.rates[meter]:f} {price.currency} is {times} {way} than {other.rates[meter]:f} "
        f"{other.currency} of {toml_string(other.model)} {other.scope}: a per 1K / per 1M mix-up?"
    )


def _amount(price: Price, meter: str, table: PriceTable) -> Decimal:
    """Give an amount in the reporting currency, at the newest rate: the factor matters here."""
    if price.currency == table.currency:
        return price.rates[meter]
    return price.rates[meter] * table.exchange_rates[price.currency][-1].rate
