"""When the price table changes, every day it touches gets a new version, told as what it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select

from detector.model import Finding, FindingKind, SeriesKey, Severity
from detector.pricing import DayTokens, price_day
from detector.recording import MEASURES, NO_USE, Slice, measures_of, revise
from detector.tables import COST_DAY, COST_REVISION, PRICED_WITH, SERIES, SOURCE_DAY
from spendwatch.db import reading, writing

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlmodel import Session

    from detector.model import CostDay
    from spendwatch.app import App

OnDay = Callable[["date"], None]


@dataclass(frozen=True, slots=True)
class Repriced:
    """The ledger at new prices, not yet noted as such: what to tell, and what to note."""

    findings: tuple[Finding, ...]
    digest: str


def reprice_if_changed(app: App, on_day: OnDay = lambda _day: None) -> Repriced | None:
    """Price the ledger again where the price table is not the one it was priced with.

    What changed is read from the revisions, so a run that was killed half-way is told whole by
    the next one. Until :func:`note_priced` the change counts as untold.
    """
    digest = _digest(app)
    with reading(app.engine) as session:
        before = session.connection().execute(select(PRICED_WITH)).one_or_none()
    if before is not None and before.table_hash == digest:
        return None
    for day, parts in groupby(_recorded_slices(app), key=lambda part: part.day):
        for part in parts:
            _reprice_slice(app, part)
        on_day(day)
    with reading(app.engine) as session:
        changes = _changes_since(session, before.priced_at if before else None)
    return Repriced(tuple(_finding(change, app) for change in changes), digest)


def note_priced(session: Session, repriced: Repriced, now: datetime) -> None:
    """Note that the ledger is at these prices, and that this is told."""
    session.connection().execute(delete(PRICED_WITH))
    row = {"id": 1, "table_hash": repriced.digest, "priced_at": now}
    session.connection().execute(insert(PRICED_WITH), [row])


def _digest(app: App) -> str:
    """Name the prices by their content, whatever the order they were read in."""
    table = app.prices
    prices = sorted(
        repr(replace(price, rates=dict(sorted(price.rates.items())), source=""))
        for price in table.prices
    )
    # Agreed rates reach a tenant under its aliases too.
    renamed = app.directory.canonical_ids.items() if table.agreed_tenants else ()
    other = (
        sorted(table.aliases.items()),
        sorted(table.exchange_rates.items()),
        table.currency,
        sorted(renamed),
    )
    return hashlib.sha256(repr((prices, other)).encode()).hexdigest()


def _recorded_slices(app: App) -> list[Slice]:
    statement = (
        select(SOURCE_DAY.c.source, SOURCE_DAY.c.day)
        .where(SOURCE_DAY.c.rows > 0)
        .order_by(SOURCE_DAY.c.day, SOURCE_DAY.c.source)
    )
    with reading(app.engine) as session:
        rows = session.connection().execute(statement).all()
    return [Slice(source, day, whole=False, cause="price") for source, day in rows]


def _reprice_slice(app: App, part: Slice) -> None:
    # Nobody waits for the lock while days are only looked at.
    with reading(app.engine) as session:
        if not _differences(app, session, part):
            return
    with writing(app.engine) as session:
        fresh = {row.series_id: measures_of(cost) for row, cost in _differences(app, session, part)}
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


@dataclass(slots=True)
class _ModelChange:
    """What new prices did to the recorded cost of one model."""

    model: str
    days: set[date] = field(default_factory=set)
    before_micro_usd: int = 0
    after_micro_usd: int = 0


def _changes_since(session: Session, since: datetime | None) -> list[_ModelChange]:
    """Sum by model what was revised for its price, from its first cost to the one it has now."""
    old, new = COST_REVISION.c, COST_DAY.c
    statement = (
        select(SERIES.c.model, SERIES.c.deployment, old.series_id, old.day,
               old.micro_usd.label("before"), new.micro_usd.label("after"))
        .join(SERIES, SERIES.c.id == old.series_id)
        .join(COST_DAY, (new.series_id == old.series_id) & (new.day == old.day))
        .where(old.cause == "price")
        .order_by(old.version)
    )  # fmt: skip
    if since is not None:
        statement = statement.where(old.replaced_at > since)
    changes: dict[str, _ModelChange] = {}
    seen: set[tuple[int, date]] = set()
    for row in session.connection().execute(statement):
        if (row.series_id, row.day) in seen:
            continue
        seen.add((row.series_id, row.day))
        model = row.model or row.deployment
        change = changes.setdefault(model.casefold(), _ModelChange(model))
        change.days.add(row.day)
        change.before_micro_usd += row.before or 0
        change.after_micro_usd += row.after or 0
    return list(changes.values())


def _finding(change: _ModelChange, app: App) -> Finding:
    effect = change.after_micro_usd - change.before_micro_usd
    first, last = min(change.days), max(change.days)
    return Finding(
        FindingKind.PRICE_CHANGE,
        app.last_settled_day(),
        Severity.NOTICE,
        subject=change.model,
        period=f"{first} to {last}, priced {app.clock():%Y-%m-%d %H:%M:%S}",
        magnitude=abs(effect),
        facts={
            "models": change.model,
            "effective": first.isoformat(),
            "until": last.isoformat(),
            "days": len(change.days),
            "before_micro_usd": change.before_micro_usd,
            "after_micro_usd": change.after_micro_usd,
            "effect_micro_usd": effect,
        },
    )
