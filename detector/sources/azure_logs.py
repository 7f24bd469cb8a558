"""Usage from an API Management gateway's own logs in a Log Analytics workspace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from detector.model import Grain
from detector.sources.answer_table import COUNT, FLAG, MOMENT, TEXT, BadCell, Column, Query
from detector.sources.base import ApiDay
from detector.sources.kql_text import shipped
from detector.sources.log_source import SHIPPED, LogSource
from detector.sources.slot_sums import Use, UseKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from detector.sources.base import LateDays
    from detector.sources.carriers import Attribution, Carrier
    from detector.sources.log_query import LogStore
    from detector.sources.scopes import ScopeRules
    from detector.sources.telemetry_sums import TelemetrySums

QUERY = "llm_usage.kql"
GRAINS = {15: Grain.QUARTER_HOUR, 60: Grain.HOUR}
COUNTS = (
    "requests",
    "without_tokens",
    "without_call",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
)
_PLAIN = ("subscription", "product", "user", "api", "backend")
_CARRIED = ("request_header", "response_header", "trace", "feature_header")
COLUMNS = (
    Column("slot", "slot", MOMENT),
    *(Column(name, name, TEXT) for name in (*_PLAIN, *_CARRIED, "model", "deployment")),
    *(Column(name, name, FLAG) for name in ("spilled", "streamed", "cached_known")),
    *(Column(name, name, COUNT) for name in COUNTS),
    Column("ingested_at", "ingested_at", MOMENT),
)
MORE_CACHED = "more cached_tokens than prompt_tokens; how many were cached counts as unknown"


class AzureLogsSource(LogSource):
    """Reads the gateway's calls and what its language models answered.

    ``apis`` are the ids of the APIs to count (none: each that answers with tokens);
    ``slot_minutes`` is 60, or 15 where a tenant's time zone is not whole hours from UTC;
    ``cached_header`` is the logged response header that tells the cached tokens, empty for none.
    """

    def __init__(
        self,
        name: str,
        store: LogStore,
        attribution: Attribution,
        *,
        scopes: ScopeRules,
        clock: Callable[[], datetime],
        apis: Sequence[str] = (),
        slot_minutes: int = 60,
        cached_header: str = "",
    ) -> None:
        self._attribution = attribution
        self._scopes = scopes
        self._grain = grain_of(slot_minutes)
        self._keys = carried_keys(attribution, scopes)
        names = {
            f"{column}_name": self._keys[column].partition(" ")[2] if column in self._keys else ""
            for column in _CARRIED
        }
        statement = shipped(
            QUERY,
            slot_minutes=slot_minutes,
            apis=list(apis),
            by_user="user" in self._keys,
            by_backend="backend" in self._keys,
            cached_header_name=cached_header,
            **names,
        )
        super().__init__(name, store, statement, clock)

    def late_days(self, since: datetime) -> LateDays:
        """Ask which days got rows since then, of calls or of answers; raises SourceError."""
        return self._ask_late(shipped("late_llm.kql", since=since))

    def _reader(self) -> _Reader:
        return _Reader(self._attribution.fixed(), self._scopes, self._grain, self._keys)


def grain_of(slot_minutes: int) -> Grain:
    """Give the grain of a slot's length; ValueError where there is none."""
    if slot_minutes not in GRAINS:
        raise ValueError(f"a slot has 15 or 60 minutes, not {slot_minutes}")
    return GRAINS[slot_minutes]


def carried_keys(attribution: Attribution, scopes: ScopeRules) -> dict[str, str]:
    """Give the columns of the query that carry an id, each with the key of its carrier.

    The query reads one header of the request for the tenant and one for the feature, one header
    of the response and one trace property; ValueError where the carriers ask for more.
    """
    keys = {name: name for name in ("subscription", "product", "api")}
    wanted = {carrier.kind for carrier in attribution.carriers}
    keys |= {"user": "user"} if "user" in wanted else {}
    keys |= {"backend": "backend"} if "backend" in wanted or scopes.by_backend else {}
    for carrier in attribution.carriers:
        if carrier.kind == "dimension":
            raise ValueError(
                f"the gateway's logs have no dimensions ({carrier.name!r}); those are read by "
                "kind azure_metrics"
            )
        if carrier.name:
            _place(carrier, keys, of_feature=carrier not in attribution.tenant)
    return keys


def _place(carrier: Carrier, keys: dict[str, str], *, of_feature: bool) -> None:
    """Give a named carrier its column; a second request header is read for the feature alone."""
    columns = [carrier.kind]
    if carrier.kind == "request_header" and of_feature:
        columns.append("feature_header")
    if any(keys.get(column) == carrier.key for column in columns):
        return
    free = [column for column in reversed(columns) if column not in keys]
    if not free:
        raise ValueError(
            f"{carrier.key!r} is one {carrier.kind} too many beside {keys[columns[-1]]!r}: one can "
            "be read for the tenant, and of request headers another one for the feature"
        )
    keys[free[0]] = carrier.key


@dataclass(frozen=True, slots=True)
class _Reader:
    """Makes usage of the rows of one pull."""

    attribution: Attribution
    scopes: ScopeRules
    grain: Grain
    keys: Mapping[str, str]

    @property
    def query(self) -> Query:
        return Query(QUERY, SHIPPED)

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
        use = Use(
            cells["requests"],
            cells["without_tokens"],
            cells["prompt_tokens"],
            cells["completion_tokens"],
            known_cached(cells, where, sums),
        )
        sums.add_api(_seen(start_at, cells))
        ids = {key: cells[column] for column, key in self.keys.items()}
        identity = self.attribution.tenant_of(ids)
        served = cells["model"], cells["deployment"], self._scope_of(cells)
        if identity is None:
            sums.add_unattributed(start_at.date(), ids, served, use)
        tenant = identity.tenant if identity else ""
        return UseKey(tenant, self.attribution.feature_of(ids, identity), *served), use

    def _scope_of(self, cells: Mapping[str, Any]) -> str:
        return self.scopes.scope_of(cells["backend"], cells["deployment"], spilled=cells["spilled"])


def refuse_empty(cells: Mapping[str, Any], counts: Sequence[str]) -> None:
    """Raise BadCell where a count is missing: what is unknown is not 0."""
    empty = [name for name in counts if cells[name] is None]
    if empty:
        raise BadCell(f"{', '.join(empty)} {'is' if len(empty) == 1 else 'are'} empty")


def known_cached(
    cells: Mapping[str, Any], where: Callable[[], str], sums: TelemetrySums
) -> int | None:
    """Give the cached tokens of a row; None where they are unknown, or more than can be.

    Such a row is kept: its other tokens are billed, whatever a header says of the cached ones.
    """
    if not cells["cached_known"]:
        return None
    cached: int = cells["cached_tokens"]
    if cached > cells["prompt_tokens"]:
        sums.count(MORE_CACHED, where)
        return None
    return cached


def _seen(start_at: datetime, cells: Mapping[str, Any]) -> ApiDay:
    """Give what a row shows of its API."""
    requests = cells["requests"]
    return ApiDay(
        start_at.date(),
        cells["api"],
        calls=max(0, requests - cells["without_call"]),
        calls_without_tokens=cells["without_tokens"],
        rows_without_call=cells["without_call"],
        streamed_calls=requests if cells["streamed"] else 0,
        cached_known_calls=requests if cells["cached_known"] and cells["prompt_tokens"] else 0,
        newest_at=start_at,
        ingested_at=cells["ingested_at"],
    )
