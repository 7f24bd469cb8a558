"""A real service for the tests: settings from a file, a database in a file, a clock that stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import select

from detector.model import Grain, Usage
from detector.price_table import Price, PriceList, build_table
from detector.sources.base import Coverage, SourceError, Window
from detector.tables import PULL, REJECTED_ROW
from spendwatch.app import build_app
from spendwatch.db import reading
from spendwatch.ingest import pull
from spendwatch.settings import load_settings
from tests.databases import migrated
from tests.detector.ledgers import rows, source_days
from tests.fakes import Crash, FakeClock

if TYPE_CHECKING:
    from pathlib import Path

    from spendwatch.app import App

DAY = date(2026, 11, 12)
NOW = datetime(2026, 11, 13, 6, tzinfo=UTC)
ONE = timedelta(days=1)
CONFIG = """
[service]
time_zone = "{zone}"
database_url = "sqlite:///spendwatch.db"

[[receivers]]
kind = "console"
name = "desk"
digest = "off"

[detection]
method = "classic"
{rules}

[alerts]
receiver = "desk"
"""
RATES = {"input": "2", "cached_input": "1", "output": "10"}


def an_app(
    folder: Path, text: str = "", *, zone: str = "UTC", prices=None, clock=None, rules: str = ""
) -> App:
    """Put a service together; ``text`` is added to its config.toml, ``rules`` to how it judges."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "config.toml"
    config.write_text(CONFIG.format(zone=zone, rules=rules) + text, encoding="utf-8")
    app = build_app(migrated(load_settings(config, {})), clock or FakeClock(NOW))
    return replace(app, prices=prices or table(price()))


def tenant(name: str, zone: str = "UTC", aliases: tuple[str, ...] = ()) -> str:
    """Write a tenant for config.toml."""
    known = ", ".join(f'"{alias}"' for alias in aliases)
    return f'[[tenants]]\nid = "{name}"\ntime_zone = "{zone}"\naliases = [{known}]\n'


def price(model="gpt-4o", day=date(2024, 1, 1), *, rates=RATES, **changes):
    """By default a prompt token is 2 micro-dollars, a cached one 1, a completion token 10."""
    amounts = {meter: Decimal(rate) for meter, rate in rates.items()}
    return Price(model, changes.pop("scope", "global"), day, amounts, **changes)


def table(*prices, agreed=()):
    return build_table(PriceList(tuple(prices)), agreed)


def used(day=DAY, who="acme", feature="chat", **changes):
    """A day of use that costs 3,000 micro-dollars."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Usage(start, Grain.DAY, who, feature, **_numbers(changes))


def slot(start, who="acme", feature="chat", *, grain=Grain.HOUR, **changes):
    """A slot of use that costs 3,000 micro-dollars."""
    return Usage(start, grain, who, feature, **_numbers(changes))


def hours(day, who="acme", **changes):
    """The 24 hours of a UTC day."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return [slot(start + timedelta(hours=hour), who, **changes) for hour in range(24)]


def _numbers(changes):
    return {
        "model": "gpt-4o", "requests": 3, "prompt_tokens": 1_000, "completion_tokens": 100,
        "cached_tokens": 0, **changes,
    }  # fmt: skip


class FakeSource:
    """Answers with the rows it was given, ordered by start; fails or is partial when told."""

    def __init__(self, *rows, name="gateway", partial=(), span=None, fails_after=None):
        self.name = name
        self.rows = sorted(rows, key=_start)
        self.partial, self.span, self.fails_after = frozenset(partial), span, fails_after
        self.asked: list[Window] = []
        self._answered = Coverage(None, None)

    def usage(self, window):
        self.asked.append(window)
        self._answered = Coverage(None, None, self.partial)
        inside = [row for row in self.rows if not isinstance(row, Usage) or window.holds(_day(row))]
        for number, row in enumerate(inside):
            if number == self.fails_after:
                raise SourceError("the connection was closed", retryable=True)
            yield row
        days = [_day(row) for row in inside if isinstance(row, Usage)]
        first, last = self.span or (min(days, default=None), max(days, default=None))
        self._answered = Coverage(first, last, self.partial)

    def coverage(self):
        return self._answered


class DyingSource(FakeSource):
    """The process dies in the middle of the stream."""

    def __init__(self, *rows, dies_after):
        super().__init__(*rows)
        self.dies_after = dies_after

    def usage(self, window):
        for number, row in enumerate(super().usage(window)):
            if number == self.dies_after:
                raise Crash
            yield row


def _start(row):
    return row.start_at if isinstance(row, Usage) else datetime.min.replace(tzinfo=UTC)


def _day(row):
    return row.start_at.date() if isinstance(row, Usage) else None


def told(app, *rows, window=Window(), **source):  # noqa: B008 # a window is frozen
    """Pull these rows into the ledger of a service."""
    return pull(app, FakeSource(*rows, **source), window)


def pulls(app):
    return _all(app, PULL)


def rejected_rows(app):
    return _all(app, REJECTED_ROW)


def _all(app, stored):
    with reading(app.engine) as session:
        return session.connection().execute(select(stored).order_by(stored.c.id)).all()


def costs(app):
    """Read the ledger as (tenant, days since DAY) to micro-dollars."""
    return {(key[1], (key[3] - DAY).days): row.micro_usd for key, row in rows(app.engine).items()}


def requests(app):
    return {(key[1], (key[3] - DAY).days): row.requests for key, row in rows(app.engine).items()}


def wholes(app):
    return {(day - DAY).days: row.whole for (_, day), row in source_days(app.engine).items()}
