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
from detector.recording import MEASURES, NO_USE, Slice, measures_of, revise
from detector.tables import COST_DAY, PRICED_WITH, SERIES, SOURCE_DAY
from spendwatch.db import reading, writing

if TYPE_CHECKING:
    from datetime import date

    from sqlmodel import Session

    from detector.model import CostDay
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
    changes = _reprice(app, on_day)
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
    for day, parts in groupby(_recorded_slices(app), key=lambda part: part.day):
        for part in parts:
            # Nobody waits for the lock while days are only looked at.
            with reading(app.engine) as session:
                due = bool(_differences(app, session, part))
            if due:
                with writing(app.engine) as session:
                    _reprice_slice(app, session, part, changes)
        on_day(day)
    return changes


def _recorded_slices(app: App) -> list[Slice]:
    statement = (
        select(SOURCE_DAY.c.source, SOURCE_DAY.c.day)
        .where(SOURCE_DAY.c.rows > 0)
        .order_by(SOURCE_DAY.c.day, SOURCE_DAY.c.source)
    )
    with reading(app.engine) as session:
        rows = session.connection().execute(statement).all()
    return [Slice(source, day, whole=False, cause="price") for source, day in rows]


def _reprice_slice(
    app: App, session: Session, part: Slice, changes: dict[str, ModelChange]
) -> None:
    differences = _differences(app, session, part)
    for row, cost in differences:
        model = row.model or row.deployment
        change = changes.setdefault(model, ModelChange(model, part.day, part.day))
        change.add(part.day, row.micro_usd or 0, cost.micro_usd or 0)
    fresh = {row.series_id: measures_of(cost) for row, cost in differences}
    revise(session, part, fresh, now=app.clock())


def _differences(app: App, session: Session, part: Slice) -> list[tuple[Any, CostDay]]:
    """Price what a source told of a day again; return the rows whose cost differs."""
    table = COST_DAY.c
    statement = (
        select(
            table.series_id, *(table[name] for name in MEASURES),
            SERIES.c.tenant, SERIES.c.feature, SERIES.c.model, SERIES.c.deployment, SERIES.c.scope,
        )
        .join(SERIES, SERIES.c.id == table.series_id)
        .where(table.day == part.day, SERIES.c.source == part.source, table.given.is_(False))
    )  # fmt: skip
    differing = []
    for row in session.connection().execute(statement).all():
        stored = row[1 : 1 + len(MEASURES)]
        if stored == NO_USE:
            continue  # it is there only to say that nothing was used: no price applies
        cost = _priced(app, row, part.day)
        if measures_of(cost) != stored:
            differing.append((row, cost))
    return differing


def _priced(app: App, row: Any, day: date) -> CostDay:
    tenant = app.directory.canonical(row.tenant)
    key = SeriesKey(tenant, row.feature, row.model, row.deployment, row.scope)
    tokens = DayTokens(
        requests=row.requests,
        requests_without_usage=row.requests_without_usage,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        cached_tokens=row.cached_tokens,
        estimated=row.estimated,
    )
    return price_day(app.prices, day, key, tokens)


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
