"""Usage from the token metrics that a gateway's policies send to Application Insights.

Metrics are the second choice beside the gateway's logs: beyond 100 values of a dimension API
Management drops them and tells nobody, and what was streamed is an estimate. So every row counts
as estimated unless its streamed dimension says ``false``.

A row that tells total tokens alone is refused: prompt and completion tokens have different prices,
and any split would be a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
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
from detector.sources.azure_logs import MORE_CACHED, Who, WhoIs, empty_counts, grain_of
from detector.sources.base import SourceError
from detector.sources.kql_text import shipped
from detector.sources.log_pull import ONE_DAY
from detector.sources.log_source import SHIPPED, Learnt, LogSource
from detector.sources.slot_sums import Use, UseKey
from detector.sources.telemetry_sums import SlotSights

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence
    from datetime import datetime

    from detector.model import Grain
    from detector.sources.base import LateDays
    from detector.sources.carriers import Attribution
    from detector.sources.log_pull import LogPull, Rows
    from detector.sources.log_query import LogStore
    from detector.sources.scopes import ScopeRules
    from detector.sources.telemetry_sums import Sight, TelemetrySums

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
_IDS = (*_DIMENSIONS, "model", "deployment", "api")
_API = _IDS.index("api")
_READ = (*COUNTS, "cached_known", "streamed", "ingested_at")
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

    The names of metrics that arrive are asked for once a day, if what is ``learnt`` is kept: one
    that is not known is told.
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
        learnt: Learnt | None = None,
    ) -> None:
        self._attribution = attribution
        self._names = names
        self._scopes = scopes
        self._grain = grain_of(slot_minutes)
        self._dimensions = dimension_names(attribution)
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
        super().__init__(name, store, statement, clock, learnt)

    def late_days(self, since: datetime) -> LateDays:
        """Ask which days got token metrics since then; raises SourceError."""
        return self._ask_late(shipped(self._names.file("late_metrics"), since=since))

    def _reader(self) -> _Reader:
        return _Reader(
            WhoIs(self._attribution.fixed()),
            self._names,
            self._scopes,
            self._grain,
            self._dimensions,
        )

    def _more_remarks(self, pull: LogPull) -> tuple[str, ...]:
        """Tell of metrics that are not counted, as they were when they were last asked for."""
        begin, end = pull.span
        if self._learnt.asked_on != pull.today and begin < end:
            self._learnt.remarks = tuple(self._unknown_names(max(begin, end - ONE_DAY), end))
            self._learnt.asked_on = pull.today
        return self._learnt.remarks

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

    who_is: WhoIs
    names: MetricNames
    scopes: ScopeRules
    grain: Grain
    dimensions: Sequence[str]

    @property
    def query(self) -> Query:
        return Query(self.names.file("metric_usage"), SHIPPED)

    def columns(self, _found: Sequence[str], /) -> Sequence[Column]:
        return COLUMNS

    def read(self, rows: Rows, sums: TelemetrySums) -> Iterator[tuple[UseKey, Use] | BadCell]:
        refused, sights, day = self._refused(rows), SlotSights(), rows.start_at.date()
        columns = zip(rows.columns(_IDS), rows.columns(_READ), strict=True)
        for index, (ids, cells) in enumerate(columns):
            if index in refused:
                yield refused[index]
                continue
            use = _use_of(cells, partial(rows.where, index), sums)
            _see(sights.of(ids[_API]), cells)
            who = self.who_is.get(ids) or self._who(ids)
            sums.add_use(day, who.ids, who.key, use)
            yield who.key, use
        self._add_values(rows, refused, sums)
        for seen in sights.days(rows.start_at):
            sums.add_api(seen)

    def _refused(self, rows: Rows) -> dict[int, BadCell]:
        """Give what is wrong with rows whose cells are each fine."""
        refused = empty_counts(rows, COUNTS)
        tokens = rows.columns(("prompt_tokens", "completion_tokens", "total_tokens"))
        for index, (prompt, completion, total) in enumerate(tokens):
            if total and not (prompt or completion):
                refused.setdefault(index, BadCell(ALONE))
        return refused

    def _who(self, values: tuple[Any, ...]) -> Who:
        cells = dict(zip(_IDS, values, strict=True))
        ids = {
            f"dimension {name}": cells[column]
            for name, column in zip(self.dimensions, _DIMENSIONS, strict=False)
        }
        ids["api"] = cells["api"]
        served = cells["model"], cells["deployment"], self.scopes.scope_of("", cells["deployment"])
        return self.who_is.learn(values, ids, served)

    def _add_values(self, rows: Rows, refused: Container[int], sums: TelemetrySums) -> None:
        """Add the values of each dimension that has a name."""
        named = dict(zip(self.dimensions, _DIMENSIONS, strict=False)) | {
            self.names.model: "model",
            self.names.deployment: "deployment",
            self.names.api: "api",
        }
        named.pop("", None)
        for name, column in named.items():
            cells = enumerate(rows.values[column])
            values = {cell for index, cell in cells if index not in refused}
            sums.add_values(rows.start_at.date(), name, values)


def _use_of(cells: tuple[Any, ...], where: Callable[[], str], sums: TelemetrySums) -> Use:
    requests, prompt, completion, cached, total, cached_known, streamed, _ = cells
    if total != prompt + completion:
        sums.count(OTHER_TOTAL, where)
    if cached_known and cached > prompt:
        sums.count(MORE_CACHED, where)
        cached_known = False
    return Use(
        requests,
        0,
        prompt,
        completion,
        cached if cached_known else None,
        estimated=streamed.casefold() != "false",
    )


def _see(sight: Sight, cells: tuple[Any, ...]) -> None:
    """Add what a row shows of its API; metrics tell nothing of calls without tokens."""
    requests, _, _, _, _, cached_known, streamed, arrived = cells
    sight.calls += requests
    if streamed.casefold() == "true":
        sight.streamed += requests
    if cached_known:
        sight.cached_known += requests
    sight.arrived(arrived)
