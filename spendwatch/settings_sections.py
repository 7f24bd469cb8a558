"""The sections of config.toml, one frozen model each; docs/configuration.md says what they mean.

Money is Decimal as written, with a ``*_micro_usd`` twin in whole micro-dollars. Once loaded,
every path is absolute and every tenant and budget carries what it inherited.
"""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from alerts.declaring import LONGEST_PLAN_DAYS
from detector.model import Severity
from spendwatch.settings_types import (
    Ceiling,
    ClockSpan,
    ClockTime,
    ClockTimeOrOff,
    Currency,
    DatabaseUrl,
    Day,
    ExchangeRate,
    FilePath,
    Gravity,
    Kind,
    Moment,
    Money,
    MoneyOrNone,
    MoneyOrOff,
    Name,
    Percent,
    Scope,
    ScopeOrEmpty,
    TenantId,
    Text,
    TimeZone,
    micro_usd,
    number,
    whole,
    whole_or,
    yes_or_no,
)

Period = Literal["weekly", "monthly", "quarterly", "yearly"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class Section(BaseModel):
    """What all sections share: nothing unknown, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ServiceSettings(Section):
    """The installation as a whole."""

    time_zone: TimeZone = "UTC"
    currency: Currency = "USD"
    database_url: DatabaseUrl = Field("sqlite:///data/spendwatch.db", repr=False)
    data_dir: FilePath = Path("data")
    backup_dir: FilePath
    backup_at: ClockTimeOrOff = time(3)
    settle_hours: Annotated[int, whole(0, 72)] = 2
    final_hours: Annotated[int, whole(0, 720)] = 48
    refresh_hours: Annotated[int, whole(1, 24)] = 6
    running_minutes: Annotated[int, whole(5, 360)] = 30
    patience_minutes: Annotated[int, whole(1, 1440)] = 60
    retention_days: Annotated[int, whole(120, 4000)] = 400
    min_free_mb: Annotated[int, whole(0, 1_000_000)] = 100

    @model_validator(mode="after")
    def _settles_before_it_is_final(self) -> ServiceSettings:
        if self.final_hours < self.settle_hours:
            raise ValueError(
                "final_hours must not be below settle_hours: a day is judged before it is final"
            )
        return self


class SampleSource(Section):
    """A believable company made up from a seed."""

    kind: Literal["sample"]
    name: Name
    seed: Annotated[int, whole(0, 2**31 - 1)] = 7
    first_day: Day
    last_day: Day | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> SampleSource:
        if self.last_day is not None and self.last_day < self.first_day:
            raise ValueError("last_day must not be before first_day")
        return self


class UsageColumns(Section):
    """What a table of usage calls our columns; empty where it uses our own name."""

    start_at: Text = ""
    day: Text = ""
    tenant: Text = ""
    feature: Text = ""
    model: Text = ""
    deployment: Text = ""
    scope: Text = ""
    requests: Text = ""
    requests_without_usage: Text = ""
    prompt_tokens: Text = ""
    completion_tokens: Text = ""
    cached_tokens: Text = ""
    cost_usd: Text = ""

    @property
    def mapped(self) -> dict[str, str]:
        """Our name to the table's, for the columns that were renamed."""
        return {ours: theirs for ours, theirs in self.model_dump().items() if theirs}


class ColumnNames(UsageColumns):
    """What the file calls our columns."""

    date: Text = ""
    total_tokens: Text = ""


class CsvFileSource(Section):
    """CSV or Parquet: one file, or a folder of daily files."""

    kind: Literal["csv_file"]
    name: Name
    path: FilePath
    columns: ColumnNames = ColumnNames()
    grain: Literal["hour", "quarter_hour"] = "hour"
    scope: ScopeOrEmpty = ""


class BudgetSettings(Section):
    """What a tenant, or one of its features, may spend in a period."""

    feature: Text = ""
    cap: MoneyOrNone = None
    currency: Currency
    period: Period
    fiscal_start_day: Annotated[int, whole(1, 28)]
    fiscal_start_month: Annotated[int, whole(1, 12)]
    thresholds: tuple[Percent, ...]
    forecast_thresholds: tuple[Percent, ...]

    @property
    def cap_micro(self) -> int | None:
        """The cap in millionths of its own currency; None is no cap, 0 allows nothing."""
        return None if self.cap is None else micro_usd(self.cap)


class BudgetDefaults(Section):
    """What a budget uses where it does not say otherwise."""

    period: Period = "monthly"
    fiscal_start_day: Annotated[int, whole(1, 28)] = 1
    fiscal_start_month: Annotated[int, whole(1, 12)] = 1
    thresholds: tuple[Percent, ...] = (50, 80, 100)
    forecast_thresholds: tuple[Percent, ...] = (100,)
    forecast_probability: Annotated[float, number(0.5, 0.99)] = 0.8


class RuleSettings(Section):
    """The part of the detection rules that a tenant may override."""

    min_days: Annotated[int, whole(2, 180)] = 14
    z: Annotated[float, number(0, 100, above=True)] = 3.0
    bar: Annotated[float, number(-20, 20)] = 0.0
    direction: Literal["both", "up", "down"] = "both"
    min_excess_usd: Money = Decimal(5)
    min_excess_percent: Annotated[float, number(0, 10_000)] = 25.0
    scale_floor_percent: Annotated[float, number(0, 100)] = 5.0
    scale_floor_usd: Money = Decimal(1)
    first_spend_usd: MoneyOrOff = Decimal(50)
    young_guard_usd: MoneyOrOff = Decimal(200)
    critical_excess_usd: Money = Decimal(500)
    early: Annotated[bool, BeforeValidator(yes_or_no)] = True

    @property
    def min_excess_micro_usd(self) -> int:
        """The dollar floor."""
        return micro_usd(self.min_excess_usd)

    @property
    def scale_floor_micro_usd(self) -> int:
        """The smallest spread."""
        return micro_usd(self.scale_floor_usd)

    @property
    def critical_excess_micro_usd(self) -> int:
        """From here on a finding is critical."""
        return micro_usd(self.critical_excess_usd)

    @property
    def first_spend_micro_usd(self) -> int | None:
        """The first-spend rule's bar; None where the rule is off."""
        return None if self.first_spend_usd is None else micro_usd(self.first_spend_usd)

    @property
    def young_guard_micro_usd(self) -> int | None:
        """The young tenant's bar; None where the rule is off."""
        return None if self.young_guard_usd is None else micro_usd(self.young_guard_usd)


class DetectionSettings(RuleSettings):
    """How a day is judged, for everybody."""

    method: Literal["robust", "classic"] = "robust"
    window_days: Annotated[int, whole(7, 180)] = 30
    unattributed_percent: Annotated[float, number(0, 100, above=True)] = 5.0
    tokenless_percent: Annotated[float, number(0, 100, above=True)] = 25.0
    unattributed_names: tuple[Name, ...] = ("unknown", "none", "-", "n/a")


class TenantSettings(Section):
    """One tenant: who it is, who hears of it, what it may spend."""

    id: TenantId
    name: Name
    aliases: tuple[TenantId, ...] = ()
    owner: Text = ""
    cost_centre: Text = ""
    time_zone: TimeZone
    receiver: Text
    budgets: tuple[BudgetSettings, ...] = ()
    detection: RuleSettings


class AgreedRate(Section):
    """A price agreed with the provider, per 1M tokens, from a day on."""

    tenant: TenantId | None = None
    deployment: Text = ""
    model: Name
    scope: Scope = "global"
    effective_from: Day
    input: Money
    cached_input: Money | None = None
    output: Money
    currency: Currency

    @model_validator(mode="after")
    def _applies_to_somebody(self) -> AgreedRate:
        if self.tenant is None and not self.deployment:
            raise ValueError(
                "must name a tenant, a deployment or both; a price for everybody belongs in the "
                "prices file"
            )
        return self


class ExchangeRateSettings(Section):
    """What one unit of a currency is worth in the service's currency, from a day on."""

    currency: Currency
    rate: ExchangeRate
    effective_from: Day


class PriceSettings(Section):
    """Own prices beside the shipped ones."""

    file: FilePath
    rates: tuple[AgreedRate, ...] = ()
    exchange_rates: tuple[ExchangeRateSettings, ...] = ()


class AnswerSettings(Section):
    """How strongly answers teach."""

    false_alarm_factor: Annotated[float, number(1, 10)] = 1.25
    false_alarm_days: Annotated[int, whole(1, 365)] = 30


class AlertSettings(Section):
    """Who is told where a tenant names nobody, and when again."""

    receiver: Text = ""
    worse_factor: Annotated[float, number(1, 100, above=True)] = 1.5
    reminder_hours: Annotated[int | None, whole_or("off", 1, 720)] = 24
    escalate_minutes: Annotated[int | None, whole_or("off", 1, 43_200)] = 60
    escalate_from: Gravity = Severity.CRITICAL
    group_above: Annotated[int, whole(1, 1000)] = 5
    learning_days: Annotated[int, whole(0, 365)] = 0


class Receiver(Section):
    """What every kind of receiver has: a name, hours of rest, a digest, others beside it."""

    name: Name
    fallback: Text = ""
    escalate_to: Text = ""
    time_zone: TimeZone
    quiet_hours: ClockSpan = None
    digest: Literal["daily", "weekly", "off"] = "daily"
    digest_at: ClockTime = time(8)
    digest_day: Weekday = "monday"

    @property
    def lane(self) -> str:
        """What its messages are delivered with, where others must not wait for them."""
        return ""


class ConsoleReceiver(Receiver):
    """Writes messages to the terminal, or appends them to a file."""

    kind: Literal["console"]
    path: FilePath | None = None

    @property
    def place(self) -> str:
        """Where its messages go."""
        return str(self.path or "the terminal")


class RouteSettings(Section):
    """Alerts of which another receiver is told; the first route that fits decides."""

    tenant: TenantId | None = None
    kind: Kind | None = None
    severity: Gravity | None = None
    cost_centre: Text = ""
    receiver: Name

    @model_validator(mode="after")
    def _names_something(self) -> RouteSettings:
        if not (self.tenant or self.kind or self.severity or self.cost_centre):
            raise ValueError(
                "must name a tenant, a kind, a severity or a cost_centre; for everything else "
                "there is alerts.receiver"
            )
        return self


class SilenceSettings(Section):
    """Alerts that are not told for a time."""

    tenant: TenantId | None = None
    kind: Kind | None = None
    severity: Gravity | None = None
    starts: Moment | None = Field(None, alias="from")
    until: Moment
    comment: Name

    @model_validator(mode="after")
    def _names_something(self) -> SilenceSettings:
        if self.tenant is None and self.kind is None and self.severity is None:
            raise ValueError(
                "must name a tenant, a kind or a severity; a silence for everything hides "
                "everything"
            )
        return self


class PlannedEventSettings(Section):
    """Spend that is announced before it happens."""

    tenant: TenantId
    first_day: Day
    last_day: Day | None = None
    ceiling: Ceiling
    comment: Name

    @model_validator(mode="after")
    def _is_one_event(self) -> PlannedEventSettings:
        if "*" in self.tenant:
            raise ValueError("is for one tenant, as its ceiling is; write one for each tenant")
        days = (self.until_day - self.first_day).days + 1
        if not 1 <= days <= LONGEST_PLAN_DAYS:
            raise ValueError(
                f"last_day must not be before first_day, nor more than {LONGEST_PLAN_DAYS} days "
                "in all; what lasts longer is the new normal"
            )
        return self

    @property
    def until_day(self) -> date:
        """The last planned day."""
        return self.last_day or self.first_day

    @property
    def ceiling_micro_usd(self) -> int:
        """What one day may cost without an alert."""
        return micro_usd(self.ceiling)
