"""Reads the shipped and the own prices, and imports price files into the own ones.

Errors
------
PriceError
    (from ``detector.price_table``) with every problem of the file at once.
"""

from __future__ import annotations

import csv
import json
import os
import tomllib
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, NoReturn

from detector.price_check import compare_prices
from detector.price_list import parse_prices
from detector.price_table import (
    TOKEN_METERS,
    Price,
    PriceError,
    PriceList,
    PriceTable,
    build_table,
    merge_lists,
    price_in_force,
    toml_string,
)
from spendwatch.litellm_prices import convert_litellm

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from detector.price_table import ExchangeRate

_COLUMNS = (
    "model",
    "scope",
    "currency",
    "effective_from",
    "input",
    "cached_input",
    "output",
    "source",
)
_HEADING = """\
# Own prices of this installation; they win over the shipped ones for the same model, scope and
# day. `spendwatch prices import` rewrites this file: put remarks into `source`, not into comments.
"""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import took over, and what it left alone."""

    added: tuple[Price, ...]
    unchanged: int
    aliases: Mapping[str, str] = field(default_factory=dict)
    suspicious: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether the own prices file was written."""
        return bool(self.added or self.aliases)


def load_price_table(
    own_file: Path | None = None,
    *,
    agreed: Iterable[Price] = (),
    exchange_rates: Iterable[ExchangeRate] = (),
    currency: str = "USD",
) -> PriceTable:
    """Join the shipped prices, the own ones (a file that need not exist) and the settings'."""
    prices = merge_lists(_shipped(), _own(own_file))
    return build_table(prices, agreed, exchange_rates, currency)


def import_prices(
    path: Path,
    own_file: Path,
    *,
    effective_from: date | None = None,
    confirmed: bool = False,
    exchange_rates: Sequence[ExchangeRate] = (),
    currency: str = "USD",
) -> ImportReport:
    """Take a price file into the own prices; refuses suspicious prices until confirmed."""
    shipped, own = _shipped(), _own(own_file)
    table = build_table(merge_lists(shipped, own), (), exchange_rates, currency)
    new, skipped = _read_import(path, effective_from, {name for _, _, name in table.models})
    added = tuple(_additions(table, new.prices))
    aliases = {
        alias: model
        for alias, model in new.aliases.items()
        if table.aliases.get(alias.casefold()) != model.casefold()
    }
    result = merge_lists(own, PriceList(added, aliases))
    text = format_prices_toml(result)
    parse_prices(tomllib.loads(text), path.name)
    build_table(merge_lists(shipped, result), (), exchange_rates, currency)
    suspicious = compare_prices(added, table)
    if suspicious and not confirmed:
        advice = f"nothing was imported from {path.name}: correct it, or confirm that it is right"
        raise PriceError([*suspicious, advice])
    report = ImportReport(added, len(new.prices) - len(added), aliases, tuple(suspicious), skipped)
    if report.changed:
        _replace(own_file, text)
    return report


def read_price_list(path: Path) -> PriceList:
    """Read a TOML file of prices."""
    return parse_prices(_parsed(path, tomllib.loads), path.name)


def write_prices_toml(path: Path, prices: PriceList) -> None:
    """Write prices as TOML, whole or not at all."""
    _replace(path, format_prices_toml(prices))


def format_prices_toml(prices: PriceList, heading: str = _HEADING) -> str:
    """Spell prices as the TOML that ``read_price_list`` reads."""
    names = {price.model.casefold(): price.model for price in prices.prices}
    names |= {model.casefold(): model for model in prices.aliases.values()}
    blocks = [_model_toml(names[name], prices) for name in sorted(names)]
    return "\n".join([heading, 'currency = "USD"\n', *blocks])


def _model_toml(model: str, prices: PriceList) -> str:
    folded = model.casefold()
    mine = [price for price in prices.prices if price.model.casefold() == folded]
    mine.sort(key=lambda price: (price.scope != "global", price.scope, price.effective_from))
    aliases = sorted(a for a, target in prices.aliases.items() if target.casefold() == folded)
    source = mine[0].source if mine else ""
    lines = ["[[model]]", f"name = {toml_string(model)}"]
    lines += [f"aliases = [{', '.join(map(toml_string, aliases))}]"] if aliases else []
    lines += [f"source = {toml_string(source)}"] if source else []
    if mine:
        lines += ["prices = [", *(f"  {_price_toml(price, source)}," for price in mine), "]"]
    return "\n".join([*lines, ""])


def _price_toml(price: Price, source: str) -> str:
    pairs = [("scope", toml_string(price.scope)), ("effective_from", str(price.effective_from))]
    pairs += [] if price.currency == "USD" else [("currency", toml_string(price.currency))]
    pairs += _rates_toml(price.rates)
    if price.units:
        units = [(unit, f'"{amount.normalize():f}"') for unit, amount in price.units.items()]
        pairs.append(("units", _inline(units)))
    if far := price.long_context:
        start = ("from_tokens", str(far.from_tokens))
        pairs.append(("long_context", _inline([start, *_rates_toml(far.rates)])))
    pairs += [] if price.source == source else [("source", toml_string(price.source))]
    return _inline(pairs)


def _rates_toml(rates: Mapping[str, Decimal]) -> list[tuple[str, str]]:
    return [(meter, f'"{_money(rates[meter])}"') for meter in TOKEN_METERS if meter in rates]


def _money(amount: Decimal) -> str:
    """Spell an amount exactly, with two decimals at least."""
    whole, _, cents = f"{amount.normalize():f}".partition(".")
    return f"{whole}.{cents.ljust(2, '0')}"


def _inline(pairs: Iterable[tuple[str, str]]) -> str:
    return f"{{ {', '.join(f'{key} = {value}' for key, value in pairs)} }}"


@cache
def _shipped() -> PriceList:
    text = resources.files("detector").joinpath("prices.toml").read_text(encoding="utf-8")
    return parse_prices(tomllib.loads(text), "prices.toml (shipped)")


def _own(own_file: Path | None) -> PriceList:
    return read_price_list(own_file) if own_file and own_file.exists() else PriceList()


def _parsed(path: Path, parse: Any) -> Any:
    """Parse a text file; what is not readable or not well formed is one problem, with its line."""
    try:
        return parse(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise PriceError([f"{path}: cannot be read: {error}"]) from error


def _read_import(
    path: Path, effective_from: date | None, models: Collection[str]
) -> tuple[PriceList, tuple[str, ...]]:
    kind = path.suffix.lower()
    if kind == ".toml" and effective_from is None:
        return read_price_list(path), ()
    if kind == ".csv":
        return _read_csv(path, effective_from), ()
    if kind == ".json" and effective_from is not None:
        return _read_litellm(path, effective_from, models)
    raise PriceError([f"{path}: {_REFUSED.get(kind, _REFUSED[''])}"])


_REFUSED = {
    ".toml": "states the day of each price itself; leave out the day its prices count from",
    ".json": "LiteLLM's list states no days; give the day its prices count from (effective from)",
    "": "is neither .toml, .csv nor LiteLLM's .json",
}


def _read_litellm(
    path: Path, effective_from: date, models: Collection[str]
) -> tuple[PriceList, tuple[str, ...]]:
    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not an amount")

    def parse(text: str) -> Any:
        return json.loads(text, parse_float=Decimal, parse_constant=refuse)

    document = _parsed(path, parse)
    if not isinstance(document, dict):
        raise PriceError([f"{path}: is not LiteLLM's list, a JSON object with one entry a model"])
    found = convert_litellm(document, effective_from, models)
    if not found.prices.prices:
        raise PriceError([f"{path}: holds no model of the providers azure and azure_ai"])
    return found.prices, found.skipped


def _read_csv(path: Path, effective_from: date | None) -> PriceList:
    rows = csv.DictReader(_parsed(path, str).splitlines(keepends=True))
    problems = [
        f"{path.name}: unknown column {name!r}; known: {', '.join(_COLUMNS)}"
        for name in rows.fieldnames or ()
        if name not in _COLUMNS
    ]
    prices: dict[tuple[str, str, date], Price] = {}
    for row in rows:
        where = f"{path.name} line {rows.line_num}"
        try:
            (price,) = parse_prices(_csv_document(row, effective_from), where).prices
        except PriceError as error:
            problems += error.problems
            continue
        place = (price.model.casefold(), price.scope, price.effective_from)
        if place in prices:
            problems.append(f"{where}: a second price for {' '.join(map(str, place))}; keep one")
        prices[place] = price
    if problems:
        raise PriceError(problems)
    return PriceList(tuple(prices.values()))


def _csv_document(row: Mapping[str, str | None], effective_from: date | None) -> dict[str, Any]:
    cells = {key: (row.get(key) or "").strip() for key in _COLUMNS}
    price: dict[str, Any] = {key: text for key, text in cells.items() if text and key != "model"}
    price["scope"] = cells["scope"].casefold()
    day = price.setdefault("effective_from", effective_from)
    if isinstance(day, str):
        try:
            price["effective_from"] = date.fromisoformat(day)
        except ValueError:
            price["effective_from"] = day
    return {"model": [{"name": cells["model"], "prices": [price]}]}


def _additions(table: PriceTable, new: Iterable[Price]) -> Iterator[Price]:
    """Give the prices that say something new, each compared with what is in force by then."""
    series = {key: list(group) for key, group in table.series.items()}
    for price in sorted(new, key=lambda price: price.effective_from):
        group = series.setdefault(("", "", price.model.casefold(), price.scope), [])
        if _same(price_in_force(group, price.effective_from), price):
            continue
        group[:] = [old for old in group if old.effective_from != price.effective_from] + [price]
        group.sort(key=lambda price: price.effective_from)
        yield price


def _same(old: Price | None, new: Price) -> bool:
    if old is None:
        return False
    stated = ("currency", "rates", "units", "long_context")
    return all(getattr(old, name) == getattr(new, name) for name in stated)


def _replace(path: Path, text: str) -> None:
    """Put a whole file in place of the old one; a crash leaves the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with draft.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
