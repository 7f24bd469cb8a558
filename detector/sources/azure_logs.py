"""Usage from an API Management gateway's own logs in a Log Analytics workspace."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from detector.model import Grain
from detector.sources.answer_table import COUNT, FLAG, MOMENT, TEXT, BadCell, Column, Query
from detector.sources.base import API
from detector.sources.kql_text import shipped
from detector.sources.log_source import SHIPPED, Learnt, LogSource
from detector.sources.slot_sums import Use, UseKey
from detector.sources.telemetry_sums import SlotSights, carried

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from detector.sources.base import LateDays
    from detector.sources.carriers import Attribution, Carrier
    from detector.sources.log_pull import Rows
    from detector.sources.log_query import LogStore
    from detector.sources.scopes import ScopeRules
    from detector.sources.telemetry_sums import Ids, Sight, TelemetrySums

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
_IDS = (*_PLAIN, *_CARRIED, "model", "deployment", "spilled")
_API = _IDS.index("api")
_READ = (*COUNTS, "cached_known", "streamed", "ingested_at")
MOST_KNOWN = 10_000
"""Different ids whose meaning is kept at a time."""
MORE_CACHED = "more cached_tokens than prompt_tokens; how many were cached counts as unknown"


class AzureLogsSource(LogSource):
    """Reads the gateway's calls and what its language models answered.

    ``apis`` are the ids of the APIs to count (none: each that answers with tokens);
    ``slot_minutes`` is 60, or 15 where a tenant's time zone is not whole hours from UTC;
    ``cached_header`` is the logged response header that tells the cached tokens, empty for none;
    ``orphans`` says whether tokens without a call are told: they belong to no API, so of several
    sources that read one workspace the first alone tells them.
    """

    def __init__(  # noqa: PLR0913 - named, as the settings are
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
        learnt: Learnt | None = None,
        orphans: bool = True,
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
            tell_rows_without_call=orphans,
            by_user="user" in self._keys,
            by_backend="backend" in self._keys,
            cached_header_name=cached_header,
            **names,
        )
        super().__init__(name, store, statement, clock, learnt)

    def late_days(self, since: datetime) -> LateDays:
        """Ask which days got rows since then, of calls or of answers; raises SourceError."""
        return self._ask_late(shipped("late_llm.kql", since=since))

    def _reader(self) -> _Reader:
        return _Reader(WhoIs(self._attribution.fixed()), self._scopes, self._grain, self._keys)


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


class Who(NamedTuple):
    """Whom rows of the same ids belong to; ``ids`` are all where that is nobody, else the API."""

    key: UseKey
    ids: Ids


class WhoIs(dict[tuple[Any, ...], Who]):
    """Remembers whom ids stand for: many rows have the same ones. It forgets rather than grows."""

    def __init__(self, attribution: Attribution) -> None:
        super().__init__()
        self._attribution = attribution

    def learn(
        self, values: tuple[Any, ...], ids: Mapping[str, str], served: tuple[str, str, str]
    ) -> Who:
        """Work out whom ``values``, as ``ids`` by carrier, stand for; ``served`` is by what."""
        identity = self._attribution.tenant_of(ids)
        feature = self._attribution.feature_of(ids, identity)
        tenant = identity.tenant if identity else ""
        if len(self) >= MOST_KNOWN:
            self.clear()
        kept = {API: ids.get(API, "")} if identity else ids
        who = self[values] = Who(UseKey(tenant, feature, *served), carried(kept))
        return who


@dataclass(frozen=True, slots=True)
class _Reader:
    """Makes usage of the rows of one pull."""

    who_is: WhoIs
    scopes: ScopeRules
    grain: Grain
    keys: Mapping[str, str]

    @property
    def query(self) -> Query:
        return Query(QUERY, SHIPPED)

    def columns(self, _found: Sequence[str], /) -> Sequence[Column]:
        return COLUMNS

    def read(self, rows: Rows, sums: TelemetrySums) -> Iterator[tuple[UseKey, Use] | BadCell]:
        empty, sights, day = empty_counts(rows, COUNTS), SlotSights(), rows.start_at.date()
        columns = zip(rows.columns(_IDS), rows.columns(_READ), strict=True)
        for index, (ids, cells) in enumerate(columns):
            if index in empty:
                yield empty[index]
                continue
            requests, without_tokens, _, prompt, completion, cached, is_known, *_ = cells
            if is_known and cached > prompt:
                sums.count(MORE_CACHED, partial(rows.where, index))
                is_known = False
            use = Use(requests, without_tokens, prompt, completion, cached if is_known else None)
            _see(sights.of(ids[_API]), cells)
            who = self.who_is.get(ids) or self._who(ids)
            sums.add_use(day, who.ids, who.key, use)
            yield who.key, use
        for seen in sights.days(rows.start_at):
            sums.add_api(seen)

    def _who(self, values: tuple[Any, ...]) -> Who:
        cells = dict(zip(_IDS, values, strict=True))
        ids = {key: cells[column] for column, key in self.keys.items()}
        served = cells["model"], cells["deployment"], self._scope_of(cells)
        return self.who_is.learn(values, ids, served)

    def _scope_of(self, cells: Mapping[str, Any]) -> str:
        return self.scopes.scope_of(cells["backend"], cells["deployment"], spilled=cells["spilled"])


def empty_counts(rows: Rows, counts: Sequence[str]) -> dict[int, BadCell]:
    """Give what is wrong with rows in which a count is missing: what is unknown is not 0."""
    empty: dict[int, list[str]] = {}
    for name in counts:
        if None in rows.values[name]:
            for index, cell in enumerate(rows.values[name]):
                if cell is None:
                    empty.setdefault(index, []).append(name)
    return {
        index: BadCell(f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} empty")
        for index, names in empty.items()
    }


def _see(sight: Sight, cells: tuple[Any, ...]) -> None:
    """Add what a row shows of its API."""
    requests, without_tokens, without_call, prompt, _, _, cached_known, streamed, arrived = cells
    sight.calls += max(0, requests - without_call)
    sight.without_tokens += without_tokens
    sight.without_call += without_call
    if streamed:
        sight.streamed += requests
    if cached_known and prompt:
        sight.cached_known += requests
    sight.arrived(arrived)
