"""Usage from a query of the user's own, for every gateway whose usage is in Log Analytics."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple

from detector.model import Grain
from detector.sources.answer_table import (
    COUNT,
    DAY,
    DOLLARS,
    MAX_COUNT,
    MOMENT,
    TEXT,
    BadCell,
    Column,
    Query,
)
from detector.sources.base import LateDays
from detector.sources.csv_columns import nearest
from detector.sources.log_source import Learnt, LogSource
from detector.sources.slot_sums import Use, UseKey
from detector.sources.telemetry_sums import SlotSights, carried

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from detector.sources.log_pull import Rows
    from detector.sources.log_query import LogStore, Statement
    from detector.sources.telemetry_sums import Sight, TelemetrySums

MAX_TEXT = 300
TEXTS = ("tenant", "feature", "model", "deployment", "scope")
TOKENS = ("prompt_tokens", "completion_tokens")
KINDS = {
    "start_at": MOMENT,
    "day": DAY,
    **dict.fromkeys(TEXTS, TEXT),
    **dict.fromkeys(("requests", "requests_without_usage", *TOKENS, "cached_tokens"), COUNT),
    "cost_usd": DOLLARS,
}


class KustoQuerySource(LogSource):
    """Reads what the user's query returns; its columns are those of a usage file.

    ``columns`` maps our names to the query's, for each that is called otherwise. With a grain of
    hour or quarter_hour each row tells its ``start_at`` and is summed into its slot; with day it
    tells its ``day``, and the query is only ever asked for whole days, UTC. ``scope`` is that of
    rows that name none.
    """

    def __init__(
        self,
        name: str,
        store: LogStore,
        statement: Statement,
        columns: Mapping[str, str],
        *,
        clock: Callable[[], datetime],
        grain: Grain = Grain.HOUR,
        scope: str = "",
        learnt: Learnt | None = None,
    ) -> None:
        check_mapping(columns, grain)
        super().__init__(name, store, statement, clock, learnt)
        self._columns = dict(columns)
        self._grain = grain
        self._scope = scope

    def late_days(self, since: datetime) -> LateDays:
        """Tell nothing: when the rows of a user's table arrived is not known."""
        return LateDays()

    def _reader(self) -> _Reader:
        return _Reader(self._statement.name, self._columns, self._grain, self._scope)


def check_mapping(columns: Mapping[str, str], grain: Grain) -> None:
    """Raise ValueError with all that is wrong with a mapping, as far as no answer is needed."""
    time, other = ("day", "start_at") if grain is Grain.DAY else ("start_at", "day")
    problems = [
        f"{name!r} is not a column we know{nearest(name, tuple(KINDS))}"
        for name in columns
        if name not in KINDS
    ]
    problems += [f"{name} is mapped to no column" for name in columns if not columns[name]]
    if other in columns:
        problems.append(f"rows of the grain {grain} tell {time}, not {other}: change one of them")
    if problems:
        raise ValueError("; ".join(problems))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Makes usage of the rows of one pull."""

    name: str
    mapping: Mapping[str, str]
    grain: Grain
    scope: str

    @property
    def query(self) -> Query:
        return Query(
            self.name, "Change the query, or what its columns are called in the settings (columns)"
        )

    def columns(self, found: Sequence[str], /) -> Sequence[Column]:
        """Give the columns that must be there, and those that are or were mapped."""
        time = "day" if self.grain is Grain.DAY else "start_at"
        names = [time, *(name for name in KINDS if name not in ("start_at", "day"))]
        known = {name: self.mapping.get(name, name) for name in names}
        priced = "cost_usd" in self.mapping or known["cost_usd"] in found
        needed = {time, "tenant", *self.mapping, *(() if priced else TOKENS)}
        return [
            Column(name, theirs, KINDS[name])
            for name, theirs in known.items()
            if name in needed or theirs in found
        ]

    def read(self, rows: Rows, sums: TelemetrySums) -> Iterator[tuple[UseKey, Use] | BadCell]:
        sights, day = SlotSights(), rows.start_at.date()
        cells = [rows.values.get(name) or repeat(None, len(rows.numbers)) for name in _READ]
        for row in zip(*cells, strict=True):
            told = _Row(*row)
            problems = list(_problems(told))
            if problems:
                yield BadCell("; ".join(problems))
                continue
            use = _use_of(told)
            served = told.model or "", told.deployment or "", told.scope or self.scope
            key = UseKey(told.tenant or "", told.feature or "", *served, use.dollars is not None)
            ids = () if key.tenant else carried({"feature": key.feature})
            sums.add_use(day, ids, key, use)
            _see(sights.of(""), use)
            yield key, use
        for seen in sights.days(rows.start_at):
            sums.add_api(seen)


class _Row(NamedTuple):
    """What a row tells; None where its column is not there."""

    tenant: str | None
    feature: str | None
    model: str | None
    deployment: str | None
    scope: str | None
    requests: int | None
    requests_without_usage: int | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None
    cost_usd: Decimal | None


_READ = _Row._fields


def _problems(row: _Row) -> Iterator[str]:
    """Tell where cells are each fine and together say too little or too much."""
    texts = row.tenant, row.feature, row.model, row.deployment, row.scope
    for name, text in zip(TEXTS, texts, strict=True):
        if text and len(text) > MAX_TEXT:
            yield f"{name} is longer than {MAX_TEXT} characters"
    if row.cost_usd is None:
        for name in TOKENS:
            if getattr(row, name) is None:
                yield f"{name} is empty and there is no cost_usd"
    cached, prompt = row.cached_tokens, row.prompt_tokens
    if cached is not None and cached > (MAX_COUNT if prompt is None else prompt):
        yield "cached_tokens are more than prompt_tokens"


def _use_of(row: _Row) -> Use:
    """Give what a row tells; requests that nobody counted are none."""
    return Use(
        row.requests or 0,
        row.requests_without_usage or 0,
        row.prompt_tokens,
        row.completion_tokens,
        row.cached_tokens,
        row.cost_usd,
    )


def _see(sight: Sight, use: Use) -> None:
    """Add what a row shows of its day; a query names no API."""
    sight.calls += use.requests
    sight.without_tokens += use.requests_without_usage
    if use.cached_tokens is not None:
        sight.cached_known += use.requests
