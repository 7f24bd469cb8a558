"""Usage from a query of the user's own, for every gateway whose usage is in Log Analytics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
from detector.sources.base import ApiDay, LateDays
from detector.sources.csv_columns import nearest
from detector.sources.log_source import LogSource
from detector.sources.slot_sums import Use, UseKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from detector.sources.log_query import LogStore, Statement
    from detector.sources.telemetry_sums import TelemetrySums

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
    ) -> None:
        check_mapping(columns, grain)
        super().__init__(name, store, statement, clock)
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

    def read(
        self,
        start_at: datetime,
        cells: dict[str, Any],
        where: Callable[[], str],
        sums: TelemetrySums,
    ) -> tuple[UseKey, Use]:
        problems = list(_problems(cells))
        if problems:
            raise BadCell("; ".join(problems))
        use = _use_of(cells)
        tenant, feature, model, deployment, scope = (cells.get(name, "") for name in TEXTS)
        served = model, deployment, scope or self.scope
        if not tenant:
            sums.add_unattributed(start_at.date(), {"feature": feature}, served, use)
        sums.add_api(_seen(start_at, use))
        return UseKey(tenant, feature, *served, given=use.dollars is not None), use


def _problems(cells: Mapping[str, Any]) -> Iterator[str]:
    """Tell where cells are each fine and together say too little or too much."""
    for name in TEXTS:
        if len(cells.get(name, "")) > MAX_TEXT:
            yield f"{name} is longer than {MAX_TEXT} characters"
    if cells.get("cost_usd") is None:
        for name in TOKENS:
            if cells.get(name) is None:
                yield f"{name} is empty and there is no cost_usd"
    prompt, cached = cells.get("prompt_tokens"), cells.get("cached_tokens")
    if cached is not None and cached > (MAX_COUNT if prompt is None else prompt):
        yield "cached_tokens are more than prompt_tokens"


def _use_of(cells: Mapping[str, Any]) -> Use:
    """Give what a row tells; requests that nobody counted are none."""
    return Use(
        cells.get("requests") or 0,
        cells.get("requests_without_usage") or 0,
        cells.get("prompt_tokens"),
        cells.get("completion_tokens"),
        cells.get("cached_tokens"),
        cells.get("cost_usd"),
    )


def _seen(start_at: datetime, use: Use) -> ApiDay:
    """Give what a row shows of its day; a query names no API."""
    return ApiDay(
        start_at.date(),
        "",
        calls=use.requests,
        calls_without_tokens=use.requests_without_usage,
        cached_known_calls=use.requests if use.cached_tokens is not None else 0,
        newest_at=start_at,
    )
