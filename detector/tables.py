"""The ledger's tables.

A cost belongs to a series (tenant x feature x model x deployment x scope x source) and a local
day; together they are its natural key. ``cost_day`` holds what is true now, ``cost_revision``
what was true before, so that nothing revised is ever lost from sight.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, UniqueConstraint
from sqlmodel import Field, SQLModel

from detector.columns import UtcDateTime


class Series(SQLModel, table=True):
    """What costs belong to; ``first_day`` is the earliest day it ever had a row."""

    __table_args__ = (
        UniqueConstraint(
            "source", "tenant", "feature", "model", "deployment", "scope", name="uq_series"
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    source: str
    tenant: str = Field(index=True)
    feature: str
    model: str
    deployment: str
    scope: str
    first_day: date


class _Measures(SQLModel):
    """What is kept of one series and day, in whichever table."""

    micro_usd: int | None = Field(sa_type=BigInteger)
    requests: int = Field(sa_type=BigInteger)
    requests_without_usage: int = Field(sa_type=BigInteger)
    prompt_tokens: int | None = Field(sa_type=BigInteger)
    completion_tokens: int | None = Field(sa_type=BigInteger)
    cached_tokens: int | None = Field(sa_type=BigInteger)
    estimated: bool
    shadow: bool
    upper_bound: bool
    given: bool


class CostDayRow(_Measures, table=True):
    """The cost of one series on one local day, as it is known now."""

    __tablename__ = "cost_day"

    day: date = Field(primary_key=True)
    series_id: int = Field(sa_column=Column(ForeignKey("series.id"), primary_key=True))
    version: int
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class DayVectorRow(SQLModel, table=True):
    """All costs of a local day as arrays of numbers, made from its rows in ``cost_day``.

    The rows are the truth. Whatever adds, changes or removes one of them removes the vector of its
    day: triggers do, in the same transaction. So there is a vector that says the same, or none.
    """

    __tablename__ = "day_vector"

    day: date = Field(primary_key=True)
    series_ids: bytes
    cost: bytes
    prompt: bytes
    completion: bytes
    cached: bytes
    flags: bytes


class CostRevision(_Measures, table=True):
    """What a cost was before it was revised, and why it was."""

    __tablename__ = "cost_revision"
    __table_args__ = (Index("ix_cost_revision_day", "day"),)

    series_id: int = Field(sa_column=Column(ForeignKey("series.id"), primary_key=True))
    day: date = Field(primary_key=True)
    version: int = Field(primary_key=True)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    replaced_at: datetime = Field(sa_type=UtcDateTime)
    cause: str


class UsageSlot(SQLModel, table=True):
    """Usage of a part of a day, from which the tenant's local days are summed."""

    __tablename__ = "usage_slot"

    start_at: datetime = Field(sa_column=Column(UtcDateTime, primary_key=True))
    series_id: int = Field(sa_column=Column(ForeignKey("series.id"), primary_key=True))
    given: bool = Field(primary_key=True)
    grain: str
    requests: int = Field(sa_type=BigInteger)
    requests_without_usage: int = Field(sa_type=BigInteger)
    prompt_tokens: int | None = Field(sa_type=BigInteger)
    completion_tokens: int | None = Field(sa_type=BigInteger)
    cached_tokens: int | None = Field(sa_type=BigInteger)
    cost_micro_usd: int | None = Field(sa_type=BigInteger)
    estimated: bool


class SlotDay(SQLModel, table=True):
    """That slots of a UTC day are stored, whether all of them, and summed into local days."""

    __tablename__ = "slot_day"

    source: str = Field(primary_key=True)
    utc_day: date = Field(primary_key=True)
    whole: bool
    summed: bool


class SourceDayRow(SQLModel, table=True):
    """That a source was pulled for a day, how whole the answer was, and when it last changed."""

    __tablename__ = "source_day"

    source: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    rows: int
    whole: bool
    pulled_at: datetime = Field(sa_type=UtcDateTime)
    changed_at: datetime = Field(sa_type=UtcDateTime)


class RejectedRow(SQLModel, table=True):
    """A row of usage that was refused, or kept with a remark."""

    __tablename__ = "rejected_row"

    id: int | None = Field(default=None, primary_key=True)
    pull_id: int = Field(sa_column=Column(ForeignKey("pull.id"), index=True))
    source: str
    place: str
    reason: str
    text: str
    kept: bool


class Pull(SQLModel, table=True):
    """One answer of a source, whole or failed."""

    id: int | None = Field(default=None, primary_key=True)
    source: str = Field(index=True)
    started_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    first_day: date | None = None
    last_day: date | None = None
    rows: int = 0
    rejected: int = 0
    kept: int = 0
    error: str = ""


class ApiDayRow(SQLModel, table=True):
    """What a gateway's telemetry showed of one API on one UTC day: how far it can be believed."""

    __tablename__ = "api_day"

    source: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    api: str = Field(primary_key=True)
    calls: int = Field(sa_type=BigInteger)
    calls_without_tokens: int = Field(sa_type=BigInteger)
    rows_without_call: int = Field(sa_type=BigInteger)
    streamed_calls: int = Field(sa_type=BigInteger)
    cached_known_calls: int = Field(sa_type=BigInteger)
    newest_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ingested_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    fullest_dimension: str
    dimension_values: int


class UseByIdsRow(SQLModel, table=True):
    """Usage of one UTC day by what its rows carried (``ids``: JSON), of tenants by their API."""

    __tablename__ = "use_by_ids"
    __table_args__ = (Index("ix_use_by_ids_day", "day", "source"),)

    id: int | None = Field(default=None, primary_key=True)
    source: str
    day: date
    ids: str
    model: str
    deployment: str
    scope: str
    requests: int = Field(sa_type=BigInteger)
    prompt_tokens: int = Field(sa_type=BigInteger)
    completion_tokens: int = Field(sa_type=BigInteger)
    cached_tokens: int | None = Field(sa_type=BigInteger)
    stated_micro_usd: int | None = Field(sa_type=BigInteger)
    attributed: bool


class Watermark(SQLModel, table=True):
    """How far a watched source is known: what had arrived by ``seen_until`` was pulled.

    ``ingested_at`` is when the newest row known of arrived; ``late_days`` (older days that rows
    came for) and ``remarks`` are of the newest pull, as JSON.
    """

    source: str = Field(primary_key=True)
    seen_until: datetime = Field(sa_type=UtcDateTime)
    ingested_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    late_days: str
    remarks: str


class TenantName(SQLModel, table=True):
    """How a tenant was spelt when it was first seen; ids are kept normalised."""

    __tablename__ = "tenant_name"

    tenant: str = Field(primary_key=True)
    name: str


class JudgedDay(SQLModel, table=True):
    """That a day was judged, and when; ``silently`` where it was history by then."""

    __tablename__ = "judged_day"

    day: date = Field(primary_key=True)
    judged_at: datetime = Field(sa_type=UtcDateTime)
    method: str
    findings: int
    silently: bool = False


class PricedWith(SQLModel, table=True):
    """Which price table the ledger was last priced with, so that a change is noticed."""

    __tablename__ = "priced_with"

    id: int = Field(default=1, primary_key=True)
    table_hash: str
    priced_at: datetime = Field(sa_type=UtcDateTime)


class BudgetCap(SQLModel, table=True):
    """Every cap a budget ever had in force, and since when."""

    __tablename__ = "budget_cap"

    tenant: str = Field(primary_key=True)
    feature: str = Field(primary_key=True)
    period: str = Field(primary_key=True)
    seen_at: datetime = Field(sa_column=Column(UtcDateTime, primary_key=True))
    cap_micro_usd: int | None = Field(sa_type=BigInteger)


def _table(model: type[SQLModel]) -> Table:
    table: Table = model.__table__  # type: ignore[attr-defined]  # SQLModel adds it at run time
    return table


SERIES = _table(Series)
COST_DAY = _table(CostDayRow)
DAY_VECTOR = _table(DayVectorRow)
COST_REVISION = _table(CostRevision)
USAGE_SLOT = _table(UsageSlot)
SLOT_DAY = _table(SlotDay)
SOURCE_DAY = _table(SourceDayRow)
REJECTED_ROW = _table(RejectedRow)
PULL = _table(Pull)
API_DAY = _table(ApiDayRow)
USE_BY_IDS = _table(UseByIdsRow)
WATERMARK = _table(Watermark)
TENANT_NAME = _table(TenantName)
JUDGED_DAY = _table(JudgedDay)
PRICED_WITH = _table(PricedWith)
BUDGET_CAP = _table(BudgetCap)
