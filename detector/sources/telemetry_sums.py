"""What a pull learns of the telemetry while its rows pass: sums by UTC day, and remarks."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from detector.sources.base import API, ApiDay, Telemetry, UseByIds
from detector.sources.slot_sums import UseSum, to_micro_usd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import date, datetime

    from detector.sources.slot_sums import Use, UseKey

MOST_IDS = 10_000
"""Groups of use kept apart; what comes after is summed by its API."""
MOST_VALUES = 1_000
"""Distinct values of a dimension that are counted: API Management keeps 100."""
NEAR_CAP = 90
MAX_SHOWN = 300


Ids = tuple[tuple[str, str], ...]
"""What rows carried, as carrier and value."""


class Group(NamedTuple):
    """What use is kept apart by."""

    day: date
    ids: Ids
    attributed: bool
    model: str
    deployment: str
    scope: str
    given: bool


def carried(ids: Mapping[str, str]) -> Ids:
    """Give ids by carrier as they are kept: those there are, none endlessly long."""
    return tuple((key, _cut(value)) for key, value in ids.items() if value)


def _as_use(group: Group, total: UseSum) -> UseByIds:
    return UseByIds(
        group.day,
        group.ids,
        group.model,
        group.deployment,
        group.scope,
        total.requests,
        total.prompt_tokens or 0,
        total.completion_tokens or 0,
        total.cached_tokens,
        to_micro_usd(total.dollars) if group.given else None,
        group.attributed,
    )


class SlotSights:
    """What the rows of one slot show of each API, added up."""

    def __init__(self) -> None:
        self._apis: dict[str, Sight] = {}

    def of(self, api: str) -> Sight:
        """Give the sums of an API, to be added to."""
        sight = self._apis.get(api)
        if sight is None:
            sight = self._apis[api] = Sight()
        return sight

    def days(self, start_at: datetime) -> Iterator[ApiDay]:
        """Give what the slot that began then adds to the day of each API."""
        for api, sight in self._apis.items():
            yield ApiDay(
                start_at.date(),
                api,
                sight.calls,
                sight.without_tokens,
                sight.without_call,
                sight.streamed,
                sight.cached_known,
                start_at,
                sight.ingested_at,
            )


class Sight:
    """Calls of one API, as :class:`ApiDay` counts them."""

    __slots__ = (
        "cached_known",
        "calls",
        "ingested_at",
        "streamed",
        "without_call",
        "without_tokens",
    )

    def __init__(self) -> None:
        self.calls = self.without_tokens = self.without_call = self.streamed = 0
        self.cached_known = 0
        self.ingested_at: datetime | None = None

    def arrived(self, ingested_at: datetime | None) -> None:
        """Take note of when rows arrived."""
        if ingested_at is not None and (self.ingested_at is None or ingested_at > self.ingested_at):
            self.ingested_at = ingested_at


@dataclass(slots=True)
class _Remark:
    """How often something was seen, and where first."""

    times: int
    where: str


class TelemetrySums:
    """Adds up what the rows of one pull tell; bounded, however many ids the rows carry."""

    def __init__(self) -> None:
        self._apis: dict[tuple[date, str], ApiDay] = {}
        self._uses: dict[Group, UseSum] = defaultdict(UseSum)
        self._values: dict[date, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._counted: dict[str, _Remark] = {}
        self._told: dict[str, None] = {}

    def add_api(self, seen: ApiDay) -> None:
        """Add what a row shows of an API."""
        key = seen.day, seen.api
        self._apis[key] = _added(self._apis[key], seen) if key in self._apis else seen

    def add_use(self, day: date, ids: Ids, key: UseKey, use: Use) -> None:
        """Add use by the ids it :func:`carried`; of use that has a tenant, by its API."""
        group = Group(day, ids, bool(key.tenant), *key[2:])
        if group not in self._uses and len(self._uses) >= MOST_IDS:
            self.tell(f"only the first {MOST_IDS:,} groups of ids are kept apart")
            group = group._replace(ids=tuple(pair for pair in ids if pair[0] == API))
        self._uses[group].add(use)

    def add_values(self, day: date, name: str, values: Iterable[str]) -> None:
        """Note the values that rows have of a dimension; an empty one is none."""
        seen = self._values[day][name]
        fresh = set(values) - seen - {""}
        seen.update(islice(fresh, MOST_VALUES - len(seen)))

    def count(self, what: str, where: Callable[[], str]) -> None:
        """Count something that rows have in common and that is told once for all of them."""
        if what in self._counted:
            self._counted[what].times += 1
        else:
            self._counted[what] = _Remark(1, where())

    def tell(self, remark: str) -> None:
        """Tell a sentence once."""
        self._told[remark] = None

    def telemetry(self) -> Telemetry:
        """Give all of it, days in order."""
        return Telemetry(
            apis=tuple(self._with_values(self._apis[key]) for key in sorted(self._apis)),
            uses=tuple(_as_use(group, total) for group, total in self._uses.items()),
            remarks=(*self._told, *self._counts(), *self._near_cap()),
        )

    def _with_values(self, seen: ApiDay) -> ApiDay:
        """Add the fullest dimension of the day: the cap is the namespace's, not an API's."""
        fullest, count = self._fullest(seen.day)
        return replace(seen, fullest_dimension=fullest, dimension_values=count)

    def _fullest(self, day: date) -> tuple[str, int]:
        counts = {name: len(seen) for name, seen in self._values.get(day, {}).items() if seen}
        fullest = max(counts, key=lambda name: counts[name], default="")
        return fullest, counts.get(fullest, 0)

    def _counts(self) -> list[str]:
        return [
            f"{seen.times:,} {'row' if seen.times == 1 else 'rows'}: {what} (first: {seen.where})"
            for what, seen in self._counted.items()
        ]

    def _near_cap(self) -> list[str]:
        """Warn of each dimension before API Management drops its values, on its fullest day."""
        fullest: dict[str, tuple[int, date]] = {}
        for day, names in self._values.items():
            for name, seen in names.items():
                fullest[name] = max(fullest.get(name, (0, day)), (len(seen), day))
        return [
            f"the dimension {name!r} had {'at least ' if count >= MOST_VALUES else ''}{count:,} "
            f"values on {day}: API Management silently drops the metrics of values beyond 100; "
            "read the gateway's logs instead (kind azure_logs), or use a dimension of fewer values"
            for name, (count, day) in fullest.items()
            if count >= NEAR_CAP
        ]


def _cut(value: str) -> str:
    return value if len(value) <= MAX_SHOWN else value[: MAX_SHOWN - 1] + "…"


def _added(one: ApiDay, other: ApiDay) -> ApiDay:
    """Add up two sights of one API on one day."""
    return ApiDay(
        one.day,
        one.api,
        one.calls + other.calls,
        one.calls_without_tokens + other.calls_without_tokens,
        one.rows_without_call + other.rows_without_call,
        one.streamed_calls + other.streamed_calls,
        one.cached_known_calls + other.cached_known_calls,
        _later(one.newest_at, other.newest_at),
        _later(one.ingested_at, other.ingested_at),
    )


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return max(one, other)
