"""The vocabulary both halves share: what was used, what it cost, what was found.

Standard library only; every value is frozen. Money is integer micro-dollars (``micro_usd``: one
millionth of the reporting currency's unit), times are UTC-aware, a ``day`` is a calendar day in
the tenant's own time zone.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

MICRO = 1_000_000
UNATTRIBUTED = "unattributed"
"""The tenant id that stands for cost with no tenant."""


class Grain(StrEnum):
    """How long the slot is that a usage row sums up."""

    QUARTER_HOUR = "quarter_hour"
    HOUR = "hour"
    DAY = "day"


class FindingKind(StrEnum):
    """What can be found; each kind has a runbook in docs/runbooks/."""

    SPEND_SPIKE = "spend spike"
    SPEND_DROP = "spend drop"
    BUDGET_THRESHOLD = "budget threshold"
    BUDGET_FORECAST = "budget forecast"
    PRICE_CHANGE = "price change"
    ATTRIBUTION_GAP = "attribution gap"
    UNPRICED_MODEL = "unpriced model"
    REJECTED_USAGE = "rejected usage"
    SOURCE_STALE = "source stale"
    SOURCE_FAILING = "source failing"


class Severity(StrEnum):
    """How soon somebody should look."""

    CRITICAL = "critical"
    WARNING = "warning"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens one tenant used in one slot, as a source tells it.

    Attributes
    ----------
    start_at : datetime
        Start of the slot, UTC-aware. For ``Grain.DAY`` it is midnight UTC *of the tenant's local
        calendar day*: the date is the local day as it stands, and no time zone shifts it.
    tenant, feature, model, deployment, scope : str
        As the source spells them, trimmed; empty where it does not say.
    prompt_tokens, completion_tokens : int or None
        None where the source reports cost alone.
    cached_tokens : int or None
        The part of ``prompt_tokens`` read from a cache; None is unknown, never zero.
    cost_micro_usd : int or None
        A cost the source itself states; None where tokens are still to be priced.
    """

    start_at: datetime
    grain: Grain
    tenant: str
    feature: str = ""
    model: str = ""
    deployment: str = ""
    scope: str = ""
    requests: int = 0
    requests_without_usage: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    cost_micro_usd: int | None = None
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that was refused (or kept with a remark), with where it stands and why.

    Attributes
    ----------
    source : str
        Name of the usage source.
    where : str
        File and line or row, as a person would look for it.
    reason : str
        What is wrong and what would be right.
    text : str
        The offending cell or row, cut to 200 characters.
    kept : bool
        True where the row was kept all the same and only the remark is new.
    """

    source: str
    where: str
    reason: str
    text: str = ""
    kept: bool = False


class SeriesKey(NamedTuple):
    """What a cost belongs to; with a local day and a source it is the ledger's natural key.

    A tuple, because hundreds of thousands of them are sorted and looked up.
    """

    tenant: str
    feature: str = ""
    model: str = ""
    deployment: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class CostDay:
    """One tenant's priced usage of one local day, feature, model, deployment and scope.

    Attributes
    ----------
    micro_usd : int or None
        Cost; None where no price is known (never 0).
    shadow : bool
        Priced at the standard rate because the use was provisioned (PTU).
    upper_bound : bool
        Cached tokens were unknown and priced at the full input rate.
    given : bool
        The cost was stated by the source, not computed from a price table.
    """

    day: date
    key: SeriesKey
    micro_usd: int | None
    requests: int = 0
    requests_without_usage: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    estimated: bool = False
    shadow: bool = False
    upper_bound: bool = False
    given: bool = False


@dataclass(frozen=True, slots=True)
class Driver:
    """One (feature, model) share of a change in spend; the three effects add up to the change."""

    feature: str
    model: str
    expected_micro_usd: int
    actual_micro_usd: int
    volume_micro_usd: int
    price_micro_usd: int
    mix_micro_usd: int

    @property
    def change_micro_usd(self) -> int:
        """Actual minus expected."""
        return self.actual_micro_usd - self.expected_micro_usd


@dataclass(frozen=True, slots=True)
class LeftOutDay:
    """A day the baseline did not use, and why."""

    day: date
    reason: str


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a judged day was compared with, so that a person can check it.

    Attributes
    ----------
    window_days : int
        How many days before the judged one were looked at.
    used_days : int
        How many of them counted.
    mean_micro_usd, spread_micro_usd : int
        Centre and scale in force (the scale after its floors).
    low_micro_usd, high_micro_usd : int
        The smallest and largest cost among the used days.
    """

    window_days: int
    used_days: int
    mean_micro_usd: int
    spread_micro_usd: int
    low_micro_usd: int
    high_micro_usd: int
    left_out: tuple[LeftOutDay, ...] = ()


@dataclass(frozen=True, slots=True)
class BudgetState:
    """Where a budget stands on a day.

    Attributes
    ----------
    period : str
        weekly, monthly, quarterly or yearly.
    starts_on, ends_on : date
        First day of the budget period, and the first day after it.
    cap_micro_usd, spent_micro_usd : int
        The cap in force and what was spent up to and including the judged day.
    burn_rate : float or None
        Spent share / elapsed share of the period; None where the cap is 0.
    forecast_micro_usd, low_micro_usd, high_micro_usd : int or None
        Spend at the end of the period and its interval; None while history is too short.
    reached_on : date or None
        The day on which the cap was reached or, at this pace, will be.
    crossed_percent, forecast_percent : int or None
        The highest threshold crossed by actual spend and by the forecast.
    unknown_cost : bool
        Some use in the period has no known price, so the spend is a lower bound.
    """

    tenant: str
    feature: str
    period: str
    starts_on: date
    ends_on: date
    cap_micro_usd: int
    spent_micro_usd: int
    burn_rate: float | None = None
    forecast_micro_usd: int | None = None
    low_micro_usd: int | None = None
    high_micro_usd: int | None = None
    reached_on: date | None = None
    crossed_percent: int | None = None
    forecast_percent: int | None = None
    unknown_cost: bool = False


_NO_FACTS: Mapping[str, str | int | float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found on one day, with what a person needs to check it.

    Attributes
    ----------
    kind : FindingKind
    tenant : str
        Normalised tenant id; empty where it concerns the whole installation.
    subject : str
        What tells two findings of one kind and tenant apart besides their period: the model
        without a price, the source that is silent, the feature of a budget; else empty.
    day : date
        The judged day, in the tenant's time zone.
    period : str
        Fixed part of the fingerprint where the kind has a period of its own (a budget period
        with its cap, the day of a price change); empty for kinds whose period is an episode.
    magnitude : int
        How bad it is, in the kind's own unit (excess micro-dollars, threshold percent, rejected
        rows): larger is worse. Decides whether an alert that was told must be told again.
    rule : str
        Which rule fired: ``z-score``, ``first spend``, ``young tenant``, ...
    score : float or None
        z-score where the rule has one; may be infinite where the spread is zero.
    facts : mapping of str to str, int or float
        What else the message needs, by kind.
    early : bool
        The day was not over, or not all of it known: it can only cost more.
    """

    kind: FindingKind
    day: date
    severity: Severity
    tenant: str = ""
    subject: str = ""
    period: str = ""
    magnitude: int = 0
    rule: str = ""
    score: float | None = None
    expected_micro_usd: int | None = None
    actual_micro_usd: int | None = None
    lower_bound: bool = False
    baseline: Baseline | None = None
    budget: BudgetState | None = None
    drivers: tuple[Driver, ...] = ()
    facts: Mapping[str, str | int | float] = field(default_factory=lambda: _NO_FACTS)
    early: bool = False

    @property
    def excess_micro_usd(self) -> int:
        """Actual minus expected; 0 where the kind has neither."""
        if self.actual_micro_usd is None or self.expected_micro_usd is None:
            return 0
        return self.actual_micro_usd - self.expected_micro_usd


EVERYONE = "*"
"""Stands for all tenants where a condition could not be judged for anybody."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Everything one day's judgement found, and what it could not judge.

    Attributes
    ----------
    unjudged : frozenset of (FindingKind, str)
        Conditions nothing is known of for this day, as kind and tenant (or :data:`EVERYONE`):
        their absence among the findings does not mean that the day was normal.
    """

    day: date
    findings: tuple[Finding, ...] = ()
    unjudged: frozenset[tuple[FindingKind, str]] = frozenset()

    def judged(self, kind: FindingKind, tenant: str) -> bool:
        """Whether the day says anything about this kind for this tenant."""
        return not {(kind, tenant), (kind, EVERYONE)} & self.unjudged


class Effect(StrEnum):
    """What an answer does to the next judgements."""

    LEAVE_OUT = "leave out"
    RESTART = "restart"
    RAISE_FLOOR = "raise floor"


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one answer teaches the detector about one tenant.

    Attributes
    ----------
    effect : Effect
        ``LEAVE_OUT``: ``days`` are not part of any baseline. ``RESTART``: nothing before
        ``from_day`` is. ``RAISE_FLOOR``: from ``from_day`` to ``until_day`` (both included) an
        excess below ``floor_micro_usd`` is not a finding.
    reason : str
        The words a person reads beside the day that was left out.
    """

    tenant: str
    effect: Effect
    reason: str
    days: frozenset[date] = frozenset()
    from_day: date | None = None
    until_day: date | None = None
    floor_micro_usd: int = 0


def normalise_tenant(raw: str) -> str:
    """Return the id under which a tenant is kept, whatever its spelling.

    Control, format and surrogate characters (bidirectional overrides among them) are dropped,
    compatibility forms (NFKC) and case are folded, runs of white space become one space. An
    empty result means the usage has no tenant and is :data:`UNATTRIBUTED`.

    Parameters
    ----------
    raw : str
        The tenant as the source spells it.

    Returns
    -------
    str
        Never empty; at most 200 characters; normalising it again changes nothing.

    Examples
    --------
    >>> normalise_tenant("  Contoso ")
    'contoso'
    >>> normalise_tenant("")
    'unattributed'
    """
    kept = "".join(
        char
        for char in raw
        if char.isspace() or unicodedata.category(char) not in ("Cc", "Cf", "Cs")
    )
    # Folded after dropping and composed again after folding: both can bring a letter and its
    # accent together, and one name must not become two tenants.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", kept).casefold())
    return " ".join(folded.split())[:200].rstrip() or UNATTRIBUTED
