"""A watched source through one pull: which days got rows late, and how far it can be believed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from detector.sources.base import LateDays, WatchedSource
from detector.telemetry import (
    SourceMark,
    begin_watching,
    move_watermark,
    newest_arrival,
    record_telemetry,
    source_marks,
)
from spendwatch.db import reading, writing

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from datetime import date, datetime

    from sqlalchemy import Engine
    from sqlmodel import Session

    from detector.sources.base import UsageSource

ARRIVAL_SLACK = timedelta(hours=1)
"""What had arrived so long before the watermark may only now have come in sight."""


class Watch:
    """Follows one pull of a source; of one that tells nothing of itself it keeps nothing."""

    def __init__(self, engine: Engine, source: UsageSource, started_at: datetime) -> None:
        self.engine, self.name, self.started_at = engine, source.name, started_at
        self.source = source if isinstance(source, WatchedSource) else None
        self.late: LateDays | None = None
        self.arrived: datetime | None = None
        self.remarks: dict[str, None] = {}

    def begin(self, session: Session) -> None:
        """Note that it is watched from now on; of the first pull nothing else is late."""
        if self.source:
            begin_watching(session, self.name, self.started_at)

    def ask_for_late_days(self) -> frozenset[date]:
        """Ask which UTC days got rows since the watermark; raises SourceError."""
        if self.source is None:
            return frozenset()
        with reading(self.engine) as session:
            seen_until = source_marks(session)[self.name].seen_until
        self.late = self.source.late_days(seen_until - ARRIVAL_SLACK)
        return self.late.days

    def record(self, whole: AbstractSet[date]) -> None:
        """Keep what it tells of the window it just streamed."""
        if self.source is None:
            return
        told = self.source.telemetry()
        self.arrived = max(filter(None, (self.arrived, newest_arrival(told.apis))), default=None)
        self.remarks |= dict.fromkeys(told.remarks)
        with writing(self.engine) as session:
            record_telemetry(session, self.name, told, whole=whole)
            # A pull that dies before its end has still seen what is recorded here.
            known = source_marks(session)[self.name]
            move_watermark(session, replace(known, ingested_at=self.arrived))

    def end(self, session: Session) -> None:
        """Note how far it is known, once all that was asked for has come.

        No further than it was asked for late days: what arrives while a pull goes on is seen by
        the next one. A pull of chosen days asks for none and leaves the watermark where it is.
        """
        if self.source is None:
            return
        known = source_marks(session)[self.name]
        arrived, until, late = self.arrived, known.seen_until, known.late_days
        if self.late is not None:
            arrived = max(filter(None, (arrived, self.late.ingested_at)), default=None)
            until = min(self.started_at, self.late.ingested_at or known.seen_until)
            late = tuple(sorted(self.late.days))
        move_watermark(session, SourceMark(self.name, until, arrived, late, tuple(self.remarks)))
