"""When the price table changes, every day it touches gets a new version, told as what it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select

from detector.model import Finding, FindingKind, SeriesKey, Severity
from detector.pricing import DayTokens, price_day
from detector.recording import MEASURES, Slice, revise
from detector.tables import COST_DAY, PRICED_WITH, SERIES
from spendwatch.db import reading, writing

if TYPE_CHECKING:
    from datetime import date

    from sqlmodel import Session

    from detector.price_table import PriceTable
    from spendwatch.app import App

OnDay = Callable[["date"], None]


@dataclass(slots=True)
class ModelChange:
    """What new prices did to the recorded cost of one model."""

    model: str
    first_day: date
    last_day: date
    days: int = 0
    before_micro_usd: int = 0
    after_micro_usd: int = 0

    def add(self, day: date, before: int, after: int) -> None:
        """Count one more series and day."""
        self.days += self.last_day != day or not self.days
        self.last_day = day
        self.before_micro_usd += before
        self.after_micro_usd += after


def reprice_if_changed(app: App, on_day: OnDay = lambda _day: None) -> tuple[Finding, ...]:
    """Price the whole ledger again where the price table is not the one it was priced with."""
    digest = _digest(app.prices)
    with reading(app.engine) as session:
        before = session.connection().execute(select(PRICED_WITH.c.table_hash)).scalar()
    if before == digest:
        return ()
    changes = {} if before is None else _reprice(app, on_day)
    with writing(app.engine) as session:
        session.connection().execute(delete(PRICED_WITH))
        row = {"id": 1, "table_hash": digest, "priced_at": app.clock()}
        session.connection().execute(insert(PRICED_WITH), [row])
    return tuple(_finding(change, app) for change in changes.values())


def _digest(table: PriceTable) -> str:
    """Name the table by its content, whatever the order it was read in."""
    prices = sorted(
        repr(replace(price, rates=dict(sorted(price.rates.items())), source=""))
        for price in table.prices
    )
    other = (sorted(table.aliases.items()), sorted(table.exchange_rates.items()), table.currency)
    return hashlib.sha256(repr((prices, other)).encode()).hexdigest()


def _reprice(app: App, on_day: OnDay) -> dict[str, ModelChange]:
    changes: dict[str, ModelChange] = {}
    with reading(app.engine) as session:
        days = (
            session.connection()
            .execute(
                select(COST_DAY.c.day, SERIES.c.source)
                .join(SERIES, SERIES.c.id == COST_DAY.c.series_id)
                .distinct()
                .order_by(COST_DAY.c.day, SERIES.c.source)
            )
            .all()
        )
    for day, parts in groupby(days, key=lambda row: row.day):
        for part in parts:
            with writing(app.engine) as session:
                _reprice_slice(
                    app, session, Slice(part.source, day, whole=False, cause="price"), changes
                )
        on_day(day)
    return changes


def _reprice_slice(
    app: App, session: Session, part: Slice, changes: dict[str, ModelChange]
) -> None:
    rows = (
        session.connection()
        .execute(
            select(SERIES, COST_DAY)
            .join(SERIES, SERIES.c.id == COST_DAY.c.series_id)
            .where(
                COST_DAY.c.day == part.day,
                SERIES.c.source == part.source,
                COST_DAY.c.given.is_(False),
            )
        )
        .mappings()
    )
    fresh: dict[int, dict[str, Any]] = {}
    for row in rows:
        priced = _priced(app, row, part.day)
        if any(priced[name] != row[name] for name in MEASURES):
            fresh[row["series_id"]] = priced
            model = row["model"] or row["deployment"]
            change = changes.setdefault(model, ModelChange(model, part.day, part.day))
            change.add(part.day, row["micro_usd"] or 0, priced["micro_usd"] or 0)
    revise(session, part, fresh, now=app.clock())


def _priced(app: App, row: Any, day: date) -> dict[str, Any]:
    tenant = app.directory.canonical(row["tenant"])
    key = SeriesKey(tenant, row["feature"], row["model"], row["deployment"], row["scope"])
    cost = price_day(
        app.prices,
        day,
        key,
        DayTokens(
            requests=row["requests"],
            requests_without_usage=row["requests_without_usage"],
            prompt_tokens=row["prompt_tokens"],
            completion_tokens=row["completion_tokens"],
            cached_tokens=row["cached_tokens"],
            estimated=row["estimated"],
        ),
    )
    return {name: getattr(cost, name) for name in MEASURES}


def _finding(change: ModelChange, app: App) -> Finding:
    effect = change.after_micro_usd - change.before_micro_usd
    return Finding(
        FindingKind.PRICE_CHANGE,
        app.last_settled_day(),
        Severity.NOTICE,
        subject=change.model,
        period=f"{change.first_day} to {change.last_day}, priced {app.clock():%Y-%m-%d %H:%M:%S}",
        magnitude=abs(effect),
        facts={
            "models": change.model,
            "effective": change.first_day.isoformat(),
            "until": change.last_day.isoformat(),
            "days": change.days,
            "before_micro_usd": change.before_micro_usd,
            "after_micro_usd": change.after_micro_usd,
            "effect_micro_usd": effect,
        },
    )
