"""From a source into the ledger: every day committed by itself, repeatable at any time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, insert, select, update


from detector.history import consecutive_days
from detector.model import CostDay, Grain, Rejection, SeriesKey, Usage, normalise_tenant
from detector.pricing import DayTokens, price_day
from detector.recording import SeriesIndex, Slice, record_slice
from detector.slots import add_up, record_slots, sum_local_day
from detector.sources.base import Coverage, SourceError, Window
from detector.tables import PULL, REJECTED_ROW, TENANT_NAME
from spendwatch.db import writing

if TYPE_CHECKING:
    from datetime import date

    from zoneinfo import ZoneInfo

    from sqlmodel import Session

    from detector.price_table import PriceTable
    from detector.recording import Recorded
    from detector.sources.base import UsageSource
    from spendwatch.app import App

REJECTIONS_AT_ONCE = 1_000

OnDay = Callable[["date", int], None]


@dataclass(slots=True)
class PullReport:
    """What one pull brought: counted while it runs, printed and stored at its end."""

    source: str
    days: set[date] = field(default_factory=set)
    rows: int = 0
    rejected: int = 0
    kept: int = 0
    added: int = 0
    revised: int = 0
    zeroed: int = 0
    unpriced_models: set[str] = field(default_factory=set)

    def count(self, recorded: Recorded) -> None:
        """Add what one slice changed."""
        self.added += recorded.added
        self.revised += recorded.revised
        self.zeroed += recorded.zeroed


def pull(
    app: App,
    source: UsageSource,
    window: Window,
    *,
    reprice: bool = False,
    on_day: OnDay = lambda _day, _rows: None,
) -> PullReport:
    """Stream a window of usage into the ledger; raises SourceError, the failure noted first."""
    run = _Pull(app, source, window, reprice=reprice, on_day=on_day)
    try:
        return run.run()
    except SourceError as error:
        run.note_failure(str(error))
        raise


class _Pull:
    """One pull: remembers what the stream has touched so far."""

    def __init__(
        self, app: App, source: UsageSource, window: Window, *, reprice: bool, on_day: OnDay
    ) -> None:
        self.app, self.source, self.window = app, source, window
        self.reprice, self.on_day = reprice, on_day
        self.report = PullReport(source.name)
        self.touched: set[date] = set()
        self.rejections: list[Rejection] = []
        with writing(app.engine) as session:
            started = {"source": source.name, "started_at": app.clock()}
            row = session.connection().execute(insert(PULL).values(**started))
            self.number: int = row.inserted_primary_key[0]
            self.index = SeriesIndex(session, source.name)
            self.known_names = {
                row.tenant for row in session.connection().execute(select(TENANT_NAME))
            }

    def run(self) -> PullReport:
        rows = self._usage_only(self.source.usage(self.window))
        for day, usage in groupby(rows, key=lambda row: row.start_at.date()):
            self._record_utc_day(day, list(usage))
        self._flush_rejections()
        for day in sorted(self.touched):
            self._record_local_day(day)
        self._record_empty_days(self.source.coverage())
        self._note_end()
        return self.report

    def note_failure(self, words: str) -> None:
        self._flush_rejections()
        self._note_end(words)

    def _usage_only(self, stream: Iterable[Usage | Rejection]) -> Iterator[Usage]:
        """Pass usage on under normalised ids; keep what was refused."""
        for row in stream:
            if isinstance(row, Rejection):
                self._reject(row)
                continue
            self.report.rows += 1
            yield row

    def _record_utc_day(self, day: date, rows: list[Usage]) -> None:
        whole_days = [row for row in rows if row.grain is Grain.DAY]
        slots = [row for row in rows if row.grain is not Grain.DAY]
        with writing(self.app.engine) as session:
            self._remember_names(session, rows)
            if whole_days:
                self._record(session, day, merge_usage(whole_days))
            if slots:
                self.touched |= record_slots(
                    session, self.source.name, day, merge_usage(slots), self.index, self._zone_of
                )
        self.on_day(day, len(rows))

    def _record_local_day(self, day: date) -> None:
        with writing(self.app.engine) as session:
            usage = sum_local_day(session, self.source.name, day, self._zone_of)
            self._record(session, day, usage)

    def _record(self, session: Session, day: date, usage: Iterable[Usage]) -> None:
        costs = price_usage(
            self.app.prices,
            day,
            usage,
            reprice=self.reprice,
            canonical=self.app.directory.canonical,
        )
        part = Slice(self.source.name, day, whole=self._is_whole(day))
        recorded = record_slice(session, part, costs, now=self.app.clock(), index=self.index)
        self.report.count(recorded)
        self.report.days.add(day)
        self.report.unpriced_models |= {
            cost.key.model or cost.key.deployment for cost in costs if cost.micro_usd is None
        }

    def _is_whole(self, day: date) -> bool:
        return day not in self.source.coverage().partial_days

    def _record_empty_days(self, coverage: Coverage) -> None:
        """Days that were asked for or answered for, and held nothing, are known to be empty."""
        first = self.window.first_day or coverage.first_day
        last = self.window.last_day or coverage.last_day
        if first is None or last is None:
            return
        for day in consecutive_days(first, last):
            if day not in self.report.days:
                with writing(self.app.engine) as session:
                    self._record(session, day, ())

    def _zone_of(self, tenant: str) -> ZoneInfo:
        return self.app.directory.zone_of(tenant)

    def _remember_names(self, session: Session, rows: Iterable[Usage]) -> None:
        """Keep the spelling a tenant was first seen with, for display."""
        fresh: dict[str, str] = {}
        for row in rows:
            tenant = normalise_tenant(row.tenant)
            if tenant not in self.known_names and row.tenant.strip():
                fresh.setdefault(tenant, row.tenant.strip())
        if fresh:
            named = [{"tenant": tenant, "name": name} for tenant, name in fresh.items()]
            session.connection().execute(insert(TENANT_NAME), named)
            self.known_names |= fresh.keys()

    def _reject(self, rejection: Rejection) -> None:
        self.report.kept += rejection.kept
        self.report.rejected += not rejection.kept
        self.rejections.append(rejection)
        if len(self.rejections) >= REJECTIONS_AT_ONCE:
            self._flush_rejections()

    def _flush_rejections(self) -> None:
        if not self.rejections:
            return
        rows = [
            {
                "pull_id": self.number,
                "source": rejection.source,
                "place": rejection.where,
                "reason": rejection.reason,
                "text": rejection.text,
                "kept": rejection.kept,
            }
            for rejection in self.rejections
        ]
        with writing(self.app.engine) as session:
            session.connection().execute(insert(REJECTED_ROW), rows)
        self.rejections.clear()

    def _note_end(self, error: str = "") -> None:
        days = self.report.days
        with writing(self.app.engine) as session:
            statement = update(PULL).where(PULL.c.id == bindparam("b_id"))
            session.connection().execute(
                statement,
                [
                    {
                        "b_id": self.number,
                        "ended_at": self.app.clock(),
                        "first_day": min(days, default=self.window.first_day),
                        "last_day": max(days, default=self.window.last_day),
                        "rows": self.report.rows,
                        "rejected": self.report.rejected,
                        "kept": self.report.kept,
                        "error": error,
                    }
                ],
            )


def merge_usage(rows: Iterable[Usage]) -> tuple[Usage, ...]:
    """Normalise the tenants' spelling and sum the rows that are one because of it."""
    parts: dict[tuple[object, ...], list[Usage]] = defaultdict(list)
    for row in rows:
        tenant = normalise_tenant(row.tenant)
        key = (
            row.start_at, tenant, row.feature, row.model, row.deployment, row.scope,
            row.cost_micro_usd is None,
        )  # fmt: skip
        parts[key].append(row if row.tenant == tenant else replace(row, tenant=tenant))
    return tuple(same[0] if len(same) == 1 else add_up(same) for same in parts.values())


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
        billed = replace(key, tenant=canonical(row.tenant))
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
        given=True,
    )


def _plus(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
