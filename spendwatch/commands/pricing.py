"""`spendwatch prices`: list, show, check, import."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from detector import ledger
from detector.model import SeriesKey, normalise_tenant
from detector.price_check import compare_prices
from detector.price_table import PriceError
from detector.pricing import NoPrice, find_price
from spendwatch import conversion
from spendwatch.app import build_app, system_clock
from spendwatch.channels import build_channels
from spendwatch.commands.opening import open_app, open_settings
from spendwatch.db import reading
from spendwatch.exits import FAILED
from spendwatch.jobs import reprice, tell
from spendwatch.output import print_json, print_line, print_table, progress
from spendwatch.price_files import import_prices, load_price_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from decimal import Decimal
    from pathlib import Path

    from detector.price_table import Price, PriceTable
    from spendwatch.app import App
    from spendwatch.settings import Settings

DAYS_IN_USE = 30


@dataclass(frozen=True, slots=True)
class Asked:
    """Which price to show."""

    model: str
    scope: str = ""
    tenant: str = ""
    deployment: str = ""
    day: date | None = None


def price_table(settings: Settings) -> PriceTable:
    """Load the prices in force, without opening the database."""
    return load_price_table(
        settings.prices.file,
        agreed=conversion.agreed_prices(settings),
        exchange_rates=conversion.exchange_rates(settings),
        currency=settings.service.currency,
    )


def list_prices(config: Path, part: str, day: date | None, *, as_json: bool) -> None:
    """List the newest price of each model and scope on a day, per 1M tokens."""
    table = price_table(open_settings(config))
    day = day or system_clock().date()
    newest: dict[tuple[str, ...], Price] = {}
    for price in sorted(table.prices, key=lambda each: each.effective_from):
        if price.effective_from <= day and part.casefold() in price.model.casefold():
            place = (price.model.casefold(), price.scope, price.tenant, price.deployment)
            newest[place] = price
    prices = [newest[place] for place in sorted(newest)]
    if as_json:
        print_json([_facts(price) for price in prices])
        return
    headings = ["model", "scope", "input", "cached input", "output", "since", "for"]
    print_table(headings, [_row(price) for price in prices], f"per 1M tokens, on {day}", words=2)
    if not prices:
        print_line(f"no model's name contains {part!r}")


def _row(price: Price) -> list[str]:
    rates = price.rates
    amounts = [_amount(rates, meter) for meter in ("input", "cached_input", "output")]
    whom = " ".join(part for part in (price.tenant, price.deployment) if part)
    return [price.model, price.scope, *amounts, price.effective_from.isoformat(), whom]


def _amount(rates: Mapping[str, Decimal], meter: str) -> str:
    return f"{rates[meter]:f}" if meter in rates else "-"


def _facts(price: Price) -> dict[str, Any]:
    return {
        "model": price.model,
        "scope": price.scope,
        "effective_from": price.effective_from,
        "currency": price.currency,
        "per_1m_tokens": {meter: f"{rate:f}" for meter, rate in price.rates.items()},
        "per_unit": {unit: f"{rate:f}" for unit, rate in price.units.items()},
        "tenant": price.tenant,
        "deployment": price.deployment,
        "source": price.source,
    }


def show(config: Path, asked: Asked, *, as_json: bool) -> None:
    """Show which price a model gets, and how its name was matched."""
    table = price_table(open_settings(config))
    day = asked.day or system_clock().date()
    tenant = normalise_tenant(asked.tenant) if asked.tenant else ""
    key = SeriesKey(tenant, "", asked.model, asked.deployment, asked.scope)
    found = find_price(table, key, day)
    if isinstance(found, NoPrice):
        raise PriceError([found.reason])
    matched = {
        "asked": asked.model,
        "matched_model": found.matched_model,
        "date_suffix_dropped": found.dropped_suffix,
        "shadow_rate": found.shadow,
        "day": day,
    }
    if as_json:
        print_json(matched | _facts(found.price))
        return
    rates = ", ".join(
        f"{meter.replace('_', ' ')} {rate:f}" for meter, rate in found.price.rates.items()
    )
    print_line(f"{asked.model} on {day}: {rates} {found.price.currency} per 1M tokens")
    print_line(
        f"  priced as {found.matched_model}, scope {found.price.scope}, "
        f"in force since {found.price.effective_from}"
    )
    if found.dropped_suffix:
        print_line("  the table does not know this dated name; the date was dropped")
    if found.shadow:
        print_line("  PTU use is billed by the hour; this is the standard rate, as a shadow price")
    print_line(f"  source: {found.price.source or 'not stated'}")


def check(config: Path, *, as_json: bool) -> None:
    """Compare the table with itself, and look for models in use that it cannot price."""
    app = open_app(config)
    problems = compare_prices(app.prices.prices, app.prices) + _unpriced_in_use(app)
    if as_json:
        print_json({"prices": len(app.prices.prices), "problems": problems})
    elif not problems:
        print_line(
            f"{len(app.prices.prices)} prices of {len(app.prices.models)} models: no problems"
        )
    for problem in [] if as_json else problems:
        print_line(problem)
    if problems:
        raise SystemExit(FAILED)


def _unpriced_in_use(app: App) -> list[str]:
    last = app.last_settled_day()
    with reading(app.engine) as session:
        sums = ledger.sum_costs(
            session, last - timedelta(days=DAYS_IN_USE - 1), last, ("model", "deployment", "scope")
        )
    return [
        _why_unpriced(app, each.group, last, each.unpriced_tokens)
        for each in sums
        if each.unpriced_tokens
    ]


def _why_unpriced(app: App, group: tuple[str, ...], day: date, tokens: int) -> str:
    model, deployment, scope = group
    found = find_price(app.prices, SeriesKey("", "", model, deployment, scope), day)
    reason = found.reason if isinstance(found, NoPrice) else f"{model}: a meter in use has no price"
    return f"{tokens:,} tokens of the last {DAYS_IN_USE} days have no cost: {reason}"


def import_file(
    config: Path, file: Path, effective_from: date | None, *, confirmed: bool, as_json: bool
) -> None:
    """Take prices over, price the days they touch again, and tell what that changed."""
    settings = open_settings(config)
    # Noted before anything changes: a ledger never priced yet is priced with the old table.
    before = build_app(settings)
    channels = build_channels(before, sys.stderr if as_json else sys.stdout)
    reprice(before, lambda _words: None)
    report = import_prices(
        file,
        settings.prices.file,
        effective_from=effective_from,
        confirmed=confirmed,
        exchange_rates=conversion.exchange_rates(settings),
        currency=settings.service.currency,
    )
    with progress("pricing again") as step:
        after = build_app(settings)
        reprice(after, step)
        delivered = tell(after, channels)
    if as_json:
        print_json(
            {
                "added": [_facts(price) for price in report.added],
                "unchanged": report.unchanged,
                "told": delivered.sent,
            }
        )
        return
    print_line(
        f"{len(report.added)} prices added to {settings.prices.file}, "
        f"{report.unchanged} unchanged, {len(report.skipped)} skipped"
    )
    for words in (*report.suspicious, *report.skipped):
        print_line(f"  {words}")
    if delivered.sent:
        print_line(f"{delivered.sent} price changes told")
