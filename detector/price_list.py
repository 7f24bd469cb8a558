"""Reads the prices of one file, already parsed as TOML, and names everything that is wrong in it.

Errors
------
PriceError
    (from ``detector.price_table``) with one problem a line: file, model, number of the price, key.
"""

from __future__ import annotations

import difflib
import re
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from detector.price_table import (
    SCOPES,
    TOKEN_METERS,
    LongContext,
    Price,
    PriceError,
    PriceList,
    toml_string,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_AMOUNT = re.compile(r"\d{1,9}(\.\d{1,24})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_UNIT = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_MODEL_KEYS = ("name", "aliases", "source", "prices")
_PRICE_KEYS = (
    *TOKEN_METERS,
    "scope",
    "effective_from",
    "currency",
    "source",
    "units",
    "long_context",
)


def parse_prices(document: Mapping[str, object], origin: str) -> PriceList:
    """Read a document of prices.

    Parameters
    ----------
    document : mapping
        ``currency`` (USD if left out) and ``[[model]]`` tables, as docs/prices.md shows.
    origin : str
        The file it came from, for the messages.

    Returns
    -------
    PriceList
        Empty where the document is.

    Raises
    ------
    PriceError
        Unknown keys, amounts that are no decimal strings, unknown scopes, missing days, a price
        stated twice, an alias that is a model too: everything found.

    Examples
    --------
    >>> price = {"scope": "global", "effective_from": date(2026, 1, 1), "input": "2.50"}
    >>> parse_prices({"model": [{"name": "m", "prices": [price]}]}, "x.toml").prices[0].rates
    {'input': Decimal('2.50')}
    """
    reader = _Reader(origin)
    reader.read(document)
    if reader.problems:
        raise PriceError(reader.problems)
    return PriceList(tuple(reader.prices), reader.aliases)


def parse_amount(raw: object) -> Decimal:
    """Read an amount of money written as a decimal string.

    Parameters
    ----------
    raw : object
        At most nine digits before the point and 24 after it.

    Returns
    -------
    Decimal
        Zero or more, finite.

    Raises
    ------
    ValueError
        Anything else (a float, NaN, a negative amount); the text says what would be right.

    Examples
    --------
    >>> parse_amount("2.50")
    Decimal('2.50')
    """
    if not isinstance(raw, str) or not _AMOUNT.fullmatch(raw):
        raise ValueError(f'{raw!r} is not an amount; write 0 or more as a string such as "2.50"')
    return Decimal(raw)


class _Reader:
    """Reads one document and collects what is wrong with it."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.problems: list[str] = []
        self.currency = "USD"
        self.prices: list[Price] = []
        self.places: set[tuple[str, str, date]] = set()
        self.aliases: dict[str, str] = {}
        self.taken: dict[str, str] = {}

    def complain(self, where: str, problem: str) -> None:
        self.problems.append(f"{self.origin}: {where}{': ' if where else ''}{problem}")

    def read(self, document: Mapping[str, Any]) -> None:
        self.check_keys(document, ("currency", "model"), "")
        self.currency = self.read_currency(document, "", "USD")
        for number, entry in enumerate(self.tables(document.get("model", []), "model"), 1):
            self.read_model(entry, number)
        named = {price.model.casefold() for price in self.prices}
        for alias in self.aliases:
            if alias.casefold() in named:
                self.complain("", f"alias {toml_string(alias)} is a model's name too; keep one")

    def read_model(self, entry: Mapping[str, Any], number: int) -> None:
        name = self.text(entry, "name", f"model {number}")
        where = f"model {toml_string(name) if name else number}"
        if not name:
            self.complain(where, "its name is missing")
        self.check_keys(entry, _MODEL_KEYS, where)
        source = self.text(entry, "source", where)
        self.read_aliases(entry.get("aliases", []), name, where)
        prices = self.tables(entry.get("prices", []), f"{where}, prices")
        if not prices and not entry.get("aliases"):
            self.complain(where, "states neither prices nor aliases")
        for index, price in enumerate(prices, 1):
            self.read_price(price, name, source, f"{where}, price {index}")

    def read_aliases(self, raw: object, name: str, where: str) -> None:
        if not isinstance(raw, list):
            self.complain(f"{where}, aliases", "must be a list of names")
            return
        for entry in raw:
            alias = self.text({"aliases": entry}, "aliases", where)
            owner = self.taken.setdefault(alias.casefold(), name)
            if not alias:
                self.complain(f"{where}, aliases", "holds an empty name")
            elif owner != name:
                self.complain(
                    where, f"alias {toml_string(alias)} stands for {toml_string(owner)} already"
                )
            else:
                self.aliases[alias] = name

    def read_price(self, raw: Mapping[str, Any], name: str, source: str, where: str) -> None:
        self.check_keys(raw, _PRICE_KEYS, where)
        scope, day = self.read_scope(raw, where), self.read_day(raw, where)
        if (name.casefold(), scope, day) in self.places:
            self.complain(where, f"a second price for {scope} from {day}; keep one of them")
        self.places.add((name.casefold(), scope, day))
        rates = self.amounts({key: raw[key] for key in TOKEN_METERS if key in raw}, where)
        units = self.read_units(raw.get("units", {}), f"{where}, units")
        if raw.keys().isdisjoint(("units", "long_context", *TOKEN_METERS)):
            self.complain(where, 'states no amount; add one such as input = "2.50"')
        self.prices.append(
            Price(
                name,
                scope,
                day,
                rates,
                self.read_currency(raw, where, self.currency),
                self.text(raw, "source", where, source),
                units=units,
                long_context=self.read_long_context(raw.get("long_context"), where),
            )
        )

    def read_scope(self, raw: Mapping[str, Any], where: str) -> str:
        scope = self.text(raw, "scope", where)
        if scope not in SCOPES:
            known = ", ".join(sorted(SCOPES))
            self.complain(f"{where}, scope", f"{toml_string(scope)} is not one of {known}")
        return scope

    def read_day(self, raw: Mapping[str, Any], where: str) -> date:
        day = raw.get("effective_from")
        if isinstance(day, date) and not isinstance(day, datetime):
            return day
        found = f", not {day!r}" if "effective_from" in raw else " (it is missing)"
        self.complain(f"{where}, effective_from", f"must be a day such as 2026-01-31{found}")
        return date.min

    def read_currency(self, table: Mapping[str, Any], where: str, default: str) -> str:
        code = self.text(table, "currency", where, default)
        if not _CURRENCY.fullmatch(code):
            self.complain(where, f"currency {toml_string(code)} is not a code such as USD")
        return code

    def read_units(self, raw: object, where: str) -> Mapping[str, Decimal]:
        if not isinstance(raw, dict) or not all(_UNIT.fullmatch(key) for key in raw):
            self.complain(where, 'must be a table such as { page = "0.01" }')
            return {}
        return self.amounts(raw, where)

    def read_long_context(self, raw: object, where: str) -> LongContext | None:
        if raw is None:
            return None
        where += ", long_context"
        table = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {}
        tokens = table.get("from_tokens")
        if type(tokens) is not int or tokens < 1:
            self.complain(where, "must be a table with from_tokens, a whole number above 0")
            return None
        rates = {key: value for key, value in table.items() if key != "from_tokens"}
        self.check_keys(rates, TOKEN_METERS, where)
        return LongContext(tokens, self.amounts(rates, where))

    def amounts(self, raw: Mapping[str, Any], where: str) -> dict[str, Decimal]:
        amounts = {}
        for key, value in raw.items():
            try:
                amounts[key] = parse_amount(value)
            except ValueError as error:
                self.complain(f"{where}, {key}", str(error))
        return amounts

    def text(self, table: Mapping[str, Any], key: str, where: str, default: str = "") -> str:
        raw = table.get(key, default)
        if isinstance(raw, str) and not any("\ud800" <= char <= "\udfff" for char in raw):
            return raw.strip()
        self.complain(where, f"{key} must be text, not {raw!r}")
        return default

    def tables(self, raw: object, where: str) -> list[Mapping[str, Any]]:
        if isinstance(raw, list) and all(isinstance(item, dict) for item in raw):
            return raw
        self.complain(where, "must be a list of tables")
        return []

    def check_keys(self, table: Mapping[str, Any], known: Collection[str], where: str) -> None:
        for key in table:
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                hint = f'; did you mean "{near[0]}"?' if near else ""
                self.complain(where, f"unknown key {toml_string(key)}{hint}")
