"""Small ledgers to record in and to read."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from sqlalchemy import select

from detector.model import CostDay, Grain, SeriesKey, Usage
from detector.recording import MEASURES, SeriesIndex, Slice, record_slice
from detector.slots import record_slots, sum_local_day
from detector.tables import COST_DAY, COST_REVISION, SERIES, SOURCE_DAY, USAGE_SLOT
from detector.usage import whole_day
from spendwatch.db import reading, writing
from tests.databases import open_empty

DAY = date(2026, 11, 12)
NEXT = DAY + timedelta(days=1)
NOW = datetime(2026, 11, 13, 6, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def same(tenant):
    """Keep every tenant's id: nobody has an alias."""
    return tenant


def cost(micro_usd=3_000, tenant="acme", feature="chat", *, day=DAY, model="gpt-4o", **changes):
    """A cost with its tokens."""
    values = {"requests": 3, "prompt_tokens": 1_000, "completion_tokens": 100, **changes}
    return CostDay(day, SeriesKey(tenant, feature, model), micro_usd, **values)


def record(engine, costs, *, day=DAY, source="gateway", now=NOW, **part):
    """Record one source's day as a pull does, in a transaction of its own."""
    with writing(engine) as session:
        index = SeriesIndex(session, source)
        return record_slice(session, Slice(source, day, **part), costs, now=now, index=index)


def read(engine, table=COST_DAY):
    """Read a table of costs with what they belong to."""
    statement = select(SERIES.c.source, SERIES.c.tenant, SERIES.c.feature, table)
    statement = statement.join(SERIES, SERIES.c.id == table.c.series_id)
    with reading(engine) as session:
        return session.connection().execute(statement.order_by(table.c.day, SERIES.c.id)).all()


def rows(engine):
    """Read what is true now as (source, tenant, feature, day) to row."""
    return {(row.source, row.tenant, row.feature, row.day): row for row in read(engine)}


def revisions(engine):
    """Read what was true before, oldest version first."""
    return sorted(read(engine, COST_REVISION), key=lambda row: row.version)


def only(found):
    (row,) = found.values()
    return row


def current(engine):
    """What is true now: every series and day with its measures, versions left aside."""
    return {key: tuple(getattr(row, name) for name in MEASURES)
            for key, row in rows(engine).items()}  # fmt: skip


def first_days(engine):
    with reading(engine) as session:
        found = session.connection().execute(select(SERIES)).all()
    return {(row.source, row.tenant, row.feature): row.first_day for row in found}


def source_days(engine):
    with reading(engine) as session:
        found = session.connection().execute(select(SOURCE_DAY)).all()
    return {(row.source, row.day): row for row in found}


@contextmanager
def copied(empty):
    """Open a copy of an empty database's file, for one case of a property."""
    with TemporaryDirectory() as folder:
        engine = open_empty(f"sqlite:///{shutil.copy(empty, folder)}")
        try:
            yield engine
        finally:
            engine.dispose()


def at(day, hour=0, minute=0):
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def slot(start_at, tenant="acme", **changes):
    values = {"requests": 1, "prompt_tokens": 100, "completion_tokens": 10, **changes}
    return Usage(start_at, Grain.HOUR, tenant, "chat", "gpt-4o", **values)


def hours(day, **changes):
    return [slot(at(day, hour), **changes) for hour in range(24)]


def quarters(day):
    return [slot(at(day) + timedelta(minutes=15) * step) for step in range(96)]


class Slots:
    """The slots of one source in a database, where each tenant has its zone."""

    def __init__(self, engine, default=None, **zones):
        self.engine, self.zones = engine, zones
        self.default = default or ZoneInfo("UTC")

    def zone_of(self, tenant):
        return self.zones.get(tenant, self.default)

    def put(self, day, slots, *, whole=True, over=True, source="gateway"):
        with writing(self.engine) as session:
            index = SeriesIndex(session, source)
            part = whole_day(day, slots)
            return record_slots(session, part, index, self.zone_of, whole=whole, over=over)

    def day(self, day, source="gateway"):
        zones = {self.default, *self.zones.values()}
        with reading(self.engine) as session:
            return sum_local_day(session, source, day, self.zone_of, zones)

    def requests(self, *days):
        return [sum(usage.requests for usage in self.day(day)) for day in days]

    def count(self):
        with reading(self.engine) as session:
            return len(session.connection().execute(select(USAGE_SLOT)).all())
