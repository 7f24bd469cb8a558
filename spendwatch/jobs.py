"""The jobs: one function each, from reading everything to writing everything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from alerts.delivery import Delivered, deliver
from detector.history import consecutive_days
from detector.model import EVERYONE, FindingKind, Judgement
from detector.pulls import days_to_judge
from detector.sources.base import SourceError, Window
from detector.tables import SOURCE_DAY
from spendwatch.db import reading, writing
from spendwatch.ingest import PullReport, pull
from spendwatch.judging import Judged, judge, write_judgement
from spendwatch.repricing import reprice_if_changed

if TYPE_CHECKING:
    from datetime import date

    from alerts.channels.base import Channel
    from detector.sources.base import UsageSource
    from spendwatch.app import App

REPULLED_DAYS = 3
"""Days that every cycle pulls again, because late rows may still change them."""

OnStep = Callable[[str], None]


@dataclass(slots=True)
class Cycle:
    """What one full cycle did."""

    day: date
    pulls: list[PullReport] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    delivered: Delivered = field(default_factory=Delivered)


def run_cycle(
    app: App,
    channels: Mapping[str, Channel],
    day: date | None = None,
    *,
    on_step: OnStep = lambda _words: None,
) -> Cycle:
    """Pull, price, store, judge and tell; every step can run again safely."""
    cycle = Cycle(day or app.last_settled_day())
    extra = reprice_if_changed(app, lambda past: on_step(f"pricing {past} again"))
    for source in app.usage_sources():
        on_step(f"pulling {source.name}")
        try:
            cycle.pulls.append(pull(app, source, window_to_pull(app, source, cycle.day)))
        except SourceError as error:
            cycle.failures.append(f"{source.name}: {error}")
    with reading(app.engine) as session:
        days = days_to_judge(session, cycle.day)
    for due in days:
        on_step(f"judging {due}")
        cycle.judged.append(judge(app, due, extra if due == cycle.day else ()))
    on_step("delivering")
    cycle.delivered = tell(app, channels)
    return cycle


def window_to_pull(app: App, source: UsageSource, day: date) -> Window:
    """Return the days a cycle asks for: the last few, and whatever the baseline still lacks."""
    first = day - timedelta(days=app.book.window_days)
    with reading(app.engine) as session:
        have = set(
            session.connection()
            .execute(
                select(SOURCE_DAY.c.day).where(
                    SOURCE_DAY.c.source == source.name, SOURCE_DAY.c.day >= first
                )
            )
            .scalars()
        )
    missing = [past for past in consecutive_days(first, day) if past not in have]
    return Window(min([day - timedelta(days=REPULLED_DAYS - 1), *missing]), day)


def tell(app: App, channels: Mapping[str, Channel]) -> Delivered:
    """Deliver whatever is waiting in the outbox."""
    return deliver(lambda: writing(app.engine), channels, app.clock)


def tell_repriced(app: App, channels: Mapping[str, Channel], on_day: OnStep) -> Delivered:
    """Price the ledger again after an import of prices, and tell what that changed."""
    findings = reprice_if_changed(app, lambda past: on_day(f"pricing {past} again"))
    if findings:
        # Nothing else was looked at: no other alert may take this for a quiet day.
        unjudged = frozenset((kind, EVERYONE) for kind in FindingKind)
        write_judgement(app, Judgement(app.last_settled_day(), findings, unjudged))
    return tell(app, channels)
