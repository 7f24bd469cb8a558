"""Usage from the token metrics that a gateway's policies send to Application Insights.

Metrics are the second choice beside the gateway's logs: beyond 100 values of a dimension API
Management drops them and tells nobody, and what was streamed is an estimate. So every row counts
as estimated unless its streamed dimension says ``false``.

A row that tells total tokens alone is refused: prompt and completion tokens have different prices,
and any split would be a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from detector.sources.answer_table import (
    COUNT,
    FLAG,
    MOMENT,
    TEXT,
    BadCell,
    Column,
    Query,
    place_columns,
    read_cells,
)
from detector.sources.azure_logs import grain_of, known_cached, refuse_empty
from detector.sources.base import ApiDay, SourceError
from detector.sources.kql_text import shipped
from detector.sources.log_pull import ONE_DAY
from detector.sources.log_source import SHIPPED, LogSource
from detector.sources.slot_sums import Use, UseKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from detector.model import Grain
    from detector.sources.base import LateDays
    from detector.sources.carriers import Attribution
    from detector.sources.log_pull import LogPull
    from detector.sources.log_query import LogStore
    from detector.sources.scopes import ScopeRules
    from detector.sources.telemetry_sums import TelemetrySums

COUNTED_NAMES = ("Total Tokens", "Prompt Tokens", "Completion Tokens", "Prompt Cached Tokens")
MOST_DIMENSIONS = 5
"""Policies may add five dimensions of their own to a metric."""
COUNTS = ("requests", "prompt_tokens", "completion_tokens", "cached_tokens", "total_tokens")
_DIMENSIONS = tuple(f"dimension_{number}" for number in range(1, MOST_DIMENSIONS + 1))
COLUMNS = (
    Column("slot", "slot", MOMENT),
    *(Column(name, name, TEXT) for name in (*_DIMENSIONS, "model", "deployment", "api")),
    Column("streamed", "streamed", TEXT),
    *(Column(name, name, COUNT) for name in COUNTS),
    Column("cached_known", "cached_known", FLAG),
    Column("ingested_at", "ingested_at", MOMENT),
)
NAMES = (Column("name", "name", TEXT), Column("points", "points", COUNT))
ALONE = (
    "only total_tokens are told, no prompt and completion tokens, which have prices of their own; "
    "send the metrics Prompt Tokens and Completion Tokens too, as llm-emit-token-metric does"
)
OTHER_TOTAL = "total_tokens is not prompt_tokens + completion_tokens; the two parts were used"


@dataclass(frozen=True, slots=True)
class MetricNames:
    """What the policy's dimensions are called; empty for one that it does not send.

    ``classic`` is whether an Application Insights resource is asked (customMetrics) rather than
    the workspace it keeps its data in (AppMetrics). ``service_ids`` are the API Management
    services to count; none is all.
    """

    model: str = ""
    deployment: str = ""
    api: str = ""
    streamed: str = ""
    service_ids: tuple[str, ...] = ()
    classic: bool = False

    def file(self, query: str) -> str:
        """Give the file of a query for the table that is asked."""
        return f"{query}_classic.kql" if self.classic else f"{query}.kql"


class AzureMetricsSource(LogSource):
    """Reads ``llm-emit-token-metric`` and ``azure-openai-emit-token-metric``.

    The names of metrics that arrive are asked for once a day: one that is not known is told.
    """

    def __init__(
        self,
        name: str,
        store: LogStore,
        attribution: Attribution,
        *,
        names: MetricNames,
        scopes: ScopeRules,
        clock: Callable[[], datetime],
        slot_minutes: int = 60,
    ) -> None:
        self._attribution = attribution
        self._names = names
        self._scopes = scopes
        self._grain = grain_of(slot_minutes)
        self._dimensions = dimension_names(attribution)
        self._names_asked_on: date | None = None
        self._name_remarks: tuple[str, ...] = ()
        padded = (*self._dimensions, *[""] * MOST_DIMENSIONS)
        statement = shipped(
            names.file("metric_usage"),
            slot_minutes=slot_minutes,
            model_dimension=names.model,
            deployment_dimension=names.deployment,
            api_dimension=names.api,
            streamed_dimension=names.streamed,
            service_ids=list(names.service_ids),
            **dict(zip(_DIMENSIONS, padded, strict=False)),
        )
        super().__init__(name, store, statement, clock)

    def late_days(self, since: datetime) -> LateDays:
        """Ask which days got token metrics since then; raises SourceError."""
        return self._ask_late(shipped(self._names.file("late_metrics"), since=since))

    def _reader(self) -> _Reader:
        return _Reader(
            self._attribution.fixed(), self._names, self._scopes, self._grain, self._dimensions
        )

    def _more_remarks(self, pull: LogPull) -> tuple[str, ...]:
        """Tell of metrics that are not counted, as they were when they were last asked for."""
        begin, end = pull.span
        if self._names_asked_on != pull.today and begin < end:
            self._name_remarks = tuple(self._unknown_names(max(begin, end - ONE_DAY), end))
            self._names_asked_on = pull.today
        return self._name_remarks

    def _unknown_names(self, begin: datetime, end: datetime) -> Iterator[str]:
        statement = shipped(self._names.file("metric_names"))
        try:
            answer = self._store.ask(statement, begin, end)
            if not (answer.columns or answer.rows):
                return
            places = place_columns(Query(statement.name, SHIPPED), answer, NAMES)
            rows = [read_cells(NAMES, places, row) for row in answer.rows]
        except (SourceError, BadCell) as problem:
            # The usage was told: it stands, whatever other metrics there are.
            yield f"which metrics arrive is not known: {problem}"
            return
        for row in rows:
            if row["name"] not in COUNTED_NAMES:
                yield (
                    f"the metric {row['name'][:100]!r} ({row['points'] or 0:,} rows) is not one "
                    f"that is counted: {', '.join(COUNTED_NAMES)}"
                )


def dimension_names(attribution: Attribution) -> tuple[str, ...]:
    """Give the dimensions that carry an id; ValueError for other carriers, or too many."""
    others = [c.kind for c in attribution.carriers if c.kind not in ("dimension", "api")]
    if others:
        raise ValueError(
            f"metrics carry dimensions alone, not {others[0]}; take the carrier dimension with the "
            'name that the policy gives it, as "Subscription ID"'
        )
    names = dict.fromkeys(c.name for c in attribution.carriers if c.kind == "dimension")
    if len(names) > MOST_DIMENSIONS:
        raise ValueError(
            f"at most {MOST_DIMENSIONS} dimensions can be read, not {len(names)}: "
            f"{', '.join(names)}"
        )
    return tuple(names)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Makes usage of the rows of one pull."""

    attribution: Attribution
    names: MetricNames
    scopes: ScopeRules
    grain: Grain
    dimensions: Sequence[str]

    @property
    def query(self) -> Query:
        return Query(self.names.file("metric_usage"), SHIPPED)

    def columns(self, _found: Sequence[str], /) -> Sequence[Column]:
        return COLUMNS

    def read(
        self,
        start_at: datetime,
        cells: dict[str, Any],
        where: Callable[[], str],
        sums: TelemetrySums,
    ) -> tuple[UseKey, Use]:
        refuse_empty(cells, COUNTS)
        use = self._use_of(cells, where, sums)
        sums.add_values(start_at.date(), self._values_of(cells))
        sums.add_api(_seen(start_at, cells))
        ids = {
            f"dimension {name}": cells[column]
            for name, column in zip(self.dimensions, _DIMENSIONS, strict=False)
        }
        ids["api"] = cells["api"]
        identity = self.attribution.tenant_of(ids)
        served = cells["model"], cells["deployment"], self.scopes.scope_of("", cells["deployment"])
        if identity is None:
            sums.add_unattributed(start_at.date(), ids, served, use)
        tenant = identity.tenant if identity else ""
        return UseKey(tenant, self.attribution.feature_of(ids, identity), *served), use

    def _use_of(
        self, cells: Mapping[str, Any], where: Callable[[], str], sums: TelemetrySums
    ) -> Use:
        prompt, completion = cells["prompt_tokens"], cells["completion_tokens"]
        if cells["total_tokens"] and not prompt + completion:
            raise BadCell(ALONE)
        if cells["total_tokens"] != prompt + completion:
            sums.count(OTHER_TOTAL, where)
        return Use(
            cells["requests"],
            0,
            prompt,
            completion,
            known_cached(cells, where, sums),
            estimated=cells["streamed"].casefold() != "false",
        )

    def _values_of(self, cells: Mapping[str, Any]) -> dict[str, str]:
        """Give the row's value of each dimension that has a name."""
        values = dict(zip(self.dimensions, (cells[name] for name in _DIMENSIONS), strict=False))
        for name, column in (
            (self.names.model, "model"),
            (self.names.deployment, "deployment"),
            (self.names.api, "api"),
        ):
            if name:
                values[name] = cells[column]
        return values


def _seen(start_at: datetime, cells: Mapping[str, Any]) -> ApiDay:
    """Give what a row shows of its API; metrics tell nothing of calls without tokens."""
    requests = cells["requests"]
    return ApiDay(
        start_at.date(),
        cells["api"],
        calls=requests,
        streamed_calls=requests if cells["streamed"].casefold() == "true" else 0,
        cached_known_calls=requests if cells["cached_known"] else 0,
        newest_at=start_at,
        ingested_at=cells["ingested_at"],
    )
