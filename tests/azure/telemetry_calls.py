"""The calls of a made-up gateway: drawn from a seed, with everything that is true of each.

A call is one row. What the logs then say of it (``telemetry_rows``) and what a perfect reader could
know (``telemetry_truth``) are both worked out from this row, never from one another.

Kinds of calls
--------------
plain       answered with usage
chunked     plain, and its messages are logged: rows with SequenceNumber 1, 2, 3.. without tokens
streamed    a stream that ends with its usage
session     a websocket: several usage rows under one CorrelationId
filtered    cut off by the content filter: prompt tokens, no completion tokens
blind       a stream without usage: a row of zero tokens, its model named every second time
lost_row    answered, and its row in the token table never came
throttled   429: no row in the token table
broken      500: no row in the token table
from_cache  answered by the gateway from its cache: no row in the token table, and nothing to pay
other       answered by an API that serves no language model
orphan      a row in the token table whose call the gateway did not log
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KINDS = (
    "plain",
    "chunked",
    "streamed",
    "session",
    "filtered",
    "blind",
    "lost_row",
    "throttled",
    "broken",
    "from_cache",
    "other",
    "orphan",
)
MODELS = (
    ("chat-large", "gpt-4.1-2025-04-14"),
    ("chat-small", "gpt-4o-mini-2024-07-18"),
    ("chat-small", "gpt-4o-mini"),
    ("reason", "o3"),
    ("model-router", "gpt-5-2025-08-07"),
)
LLM_APIS = ("openai-chat", "openai-responses")
REALTIME_API = "openai-realtime"
OTHER_API = "weather"
FEATURES = ("chat", "search", "Summaries", "")
PRODUCTS = ("gold", "silver", "")
USERS = ("user-1", "user-2", "")
SHARED_SUBSCRIPTION = "shared-key"
BACKENDS = ("ptu-east", "standard-east", "standard-west", "")
# The first and the second choice of each model's backend pool.
POOLS = np.array([(0, 1), (1, 2), (1, 2), (3, 3), (2, 1)])
SECOND_CHOICE = 0.3
UNUSUAL = 0.03
HEADERS = ("present", "other_case", "absent", "unreadable")
HOURS = np.array([1, 1, 1, 1, 1, 2, 3, 5, 8, 9, 9, 8, 7, 8, 9, 9, 8, 6, 4, 3, 2, 2, 1, 1]) / 109
DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Mix:
    """How often what happens; ``kinds`` are shares of the calls, the others chances of each.

    Attributes
    ----------
    redelivered : float
        A row of either table that is delivered twice.
    late_hours, late_days : float
        A row that arrives 1 to 6 hours, or 24 to 47 hours, after its call began.
    no_key : float
        A call without a subscription key (and so without product and user).
    lost_headers : float
        A call whose request headers were not logged.
    spilled : float
        A call to a provisioned deployment that Azure served elsewhere (its header says so).
    cached_headers : tuple of float
        Shares of ``HEADERS`` for the response header with the cached tokens.
    """

    kinds: Mapping[str, float] = field(
        default_factory=lambda: {
            "plain": 0.6,
            "chunked": 0.1,
            "streamed": 0.12,
            "session": 0.02,
            "filtered": 0.01,
            "blind": 0.03,
            "lost_row": 0.01,
            "throttled": 0.03,
            "broken": 0.01,
            "from_cache": 0.01,
            "other": 0.05,
            "orphan": 0.02,
        }
    )
    redelivered: float = 0.03
    late_hours: float = 0.01
    late_days: float = 0.002
    no_key: float = 0.02
    lost_headers: float = 0.02
    spilled: float = 0.1
    cached_headers: tuple[float, float, float, float] = (0.6, 0.2, 0.17, 0.03)


@dataclass(frozen=True, slots=True)
class Shape:
    """How much telemetry, of which days; the same shape always makes the same telemetry."""

    first_day: date = date(2026, 11, 1)
    days: int = 3
    tenants: int = 20
    calls_a_day: int = 2_000
    seed: int = 1
    mix: Mix = field(default_factory=Mix)

    @property
    def begin(self) -> datetime:
        """When the first day begins."""
        return datetime(self.first_day.year, self.first_day.month, self.first_day.day, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """When the last day is over."""
        return self.begin + timedelta(days=self.days)


def tenant_names(count: int) -> list[str]:
    """Name the tenants; some need escaping, some differ from a small-letter name."""
    names = [f"tenant-{number:03d}" for number in range(count)]
    names[4::10] = [name.title() for name in names[4::10]]
    odd = ('o"brien; drop', "Größe \\ Müller")
    for number, name in zip((7, 8), odd, strict=True):
        if number < count:
            names[number] = name
    return names


def subscription_of(number: int) -> str:
    """Every second tenant has a key of its own; the others share one."""
    return f"sub-{number:03d}" if number % 2 == 0 else SHARED_SUBSCRIPTION


def draw(shape: Shape) -> pa.Table:
    """Draw every call of the telemetry, in no order of time."""
    rng = np.random.default_rng(shape.seed)
    count = shape.days * shape.calls_a_day
    kinds = _kinds(rng, shape, count)
    tenants = _tenants(rng, shape, count)
    columns: dict[str, Any] = {
        "call": np.arange(count, dtype=np.int64),
        "kind": _words(KINDS, kinds),
        "started": _started(rng, shape, count, kinds),
        "tenant": _words(tenant_names(shape.tenants), tenants),
    }
    purpose = rng.integers(0, 2, count)
    columns |= _identity(rng, shape, tenants, purpose)
    columns |= _routing(rng, shape, kinds, tenants * 2 + purpose)
    columns |= _tokens(rng, shape, count, kinds)
    columns |= _arrivals(rng, shape, count, columns["started"])
    columns["started"] = columns["started"].astype("datetime64[us]")
    return pa.table(columns)


def _is(kinds: np.ndarray, *names: str) -> np.ndarray:
    return np.isin(kinds, [KINDS.index(name) for name in names])


def _words(words: Sequence[str], codes: np.ndarray) -> pa.DictionaryArray:
    different, code_of = np.unique(np.array(words, dtype=object), return_inverse=True)
    indices = pa.array(code_of[codes].astype(np.int32))
    return pa.DictionaryArray.from_arrays(indices, pa.array(different.tolist()))


def _kinds(rng: np.random.Generator, shape: Shape, count: int) -> np.ndarray:
    shares = np.array([shape.mix.kinds.get(kind, 0.0) for kind in KINDS])
    return rng.choice(len(KINDS), count, p=shares / shares.sum())


def _tenants(rng: np.random.Generator, shape: Shape, count: int) -> np.ndarray:
    """A few large tenants and many small ones; every one calls, where the calls suffice."""
    weights = 1 / np.arange(1, shape.tenants + 1) ** 0.7
    drawn = rng.choice(shape.tenants, count, p=weights / weights.sum())
    drawn[: shape.tenants] = np.arange(shape.tenants)[:count]
    return drawn


def _started(rng: np.random.Generator, shape: Shape, count: int, kinds: np.ndarray) -> np.ndarray:
    """Microseconds since 1970. Each day has calls at both its edges and on an hour's."""
    day = np.repeat(np.arange(shape.days), shape.calls_a_day)
    within = rng.choice(24, count, p=HOURS) * HOUR_US + rng.integers(0, HOUR_US, count)
    edges = (0, DAY_US - 1, 9 * HOUR_US, 9 * HOUR_US - 1, 10 * HOUR_US + 15 * MINUTE_US)
    for number, edge in enumerate(edges[: shape.calls_a_day]):
        within[number :: shape.calls_a_day] = edge
    crossing = _is(kinds, "streamed", "blind", "session") & (rng.random(count) < 0.01)
    within[crossing] = DAY_US - rng.integers(1, 30_000_000, int(crossing.sum()))
    return int(shape.begin.timestamp()) * 1_000_000 + day * DAY_US + within


def _identity(
    rng: np.random.Generator, shape: Shape, tenants: np.ndarray, purpose: np.ndarray
) -> dict[str, Any]:
    """Who calls. A tenant has two purposes, each of them a feature."""
    count = len(tenants)
    keyless = rng.random(count) < shape.mix.no_key
    subscriptions = [subscription_of(number) for number in range(shape.tenants)]
    return {
        "subscription": _words([*subscriptions, ""], np.where(keyless, shape.tenants, tenants)),
        "product": _words(PRODUCTS, np.where(keyless, 2, tenants % 3)),
        "user": _words(USERS, np.where(keyless, 2, tenants % 3)),
        "feature": _words(FEATURES, (tenants + purpose) % len(FEATURES)),
        "headers_lost": rng.random(count) < shape.mix.lost_headers,
        "header_case": rng.integers(0, 3, count).astype(np.int8),
    }


def _routing(
    rng: np.random.Generator, shape: Shape, kinds: np.ndarray, purposes: np.ndarray
) -> dict[str, Any]:
    """What serves. A purpose has its API and its model, with few exceptions; a model, its pool."""
    count = len(kinds)
    api = purposes % len(LLM_APIS)
    api = np.where(_is(kinds, "session"), 2, np.where(_is(kinds, "other"), 3, api))
    unusual = rng.random(count) < UNUSUAL
    served = np.where(unusual, rng.integers(0, len(MODELS), count), purposes % len(MODELS))
    backend = POOLS[served, (rng.random(count) < SECOND_CHOICE).astype(int)]
    unnamed = _is(kinds, "blind") & (np.arange(count) % 2 == 0)
    status = np.where(_is(kinds, "throttled"), 429, np.where(_is(kinds, "broken"), 500, 200))
    return {
        "api": _words([*LLM_APIS, REALTIME_API, OTHER_API], api),
        "backend": _words(BACKENDS, backend),
        "spilled": (backend == 0) & (status == 200) & (rng.random(count) < shape.mix.spilled),
        "deployment": _words([deployment for deployment, _ in MODELS], served),
        "model": _words([*(model for _, model in MODELS), ""], np.where(unnamed, 5, served)),
        "streamed": _is(kinds, "streamed", "blind"),
        "status": status.astype(np.int32),
    }


def _tokens(
    rng: np.random.Generator, shape: Shape, count: int, kinds: np.ndarray
) -> dict[str, Any]:
    used = _is(kinds, "plain", "chunked", "streamed", "session", "filtered", "orphan")
    prompt = np.where(used, np.minimum(rng.lognormal(6, 1.2, count), 200_000).astype(int) + 1, 0)
    completion = np.minimum(rng.lognormal(5, 1, count), 30_000).astype(int) + 1
    completion = np.where(used & ~_is(kinds, "filtered"), completion, 0)
    told = rng.choice(len(HEADERS), count, p=shape.mix.cached_headers)
    return {
        "prompt": prompt,
        "completion": completion,
        "cached": np.where(rng.random(count) < 0.3, 0, (prompt * rng.random(count)).astype(int)),
        "cached_header": _words(HEADERS, np.where(used, told, 2)),
        "usage_rows": np.where(_is(kinds, "session"), rng.integers(2, 6, count), 1),
        "message_rows": np.where(_is(kinds, "chunked"), rng.integers(2, 7, count), 0),
        "in_gateway": ~_is(kinds, "orphan"),
        "in_tokens": used | _is(kinds, "blind"),
    }


def _arrivals(
    rng: np.random.Generator, shape: Shape, count: int, started: np.ndarray
) -> dict[str, Any]:
    """When the rows of a call could first be queried, and a second time where sent again."""
    found: dict[str, Any] = {}
    for table in ("gateway", "tokens"):
        first = started + _delay(rng, shape, count)
        again = first + rng.integers(MINUTE_US, 3 * HOUR_US, count)
        sent_twice = rng.random(count) < shape.mix.redelivered
        found[f"{table}_at"] = first.astype("datetime64[us]")
        found[f"{table}_again_at"] = pa.array(again.astype("datetime64[us]"), mask=~sent_twice)
    return found


def _delay(rng: np.random.Generator, shape: Shape, count: int) -> np.ndarray:
    usual = rng.integers(90_000_000, 10 * MINUTE_US, count)
    luck = rng.random(count)
    days = luck < shape.mix.late_days
    hours = ~days & (luck < shape.mix.late_days + shape.mix.late_hours)
    usual[hours] = rng.integers(HOUR_US, 6 * HOUR_US, int(hours.sum()))
    usual[days] = rng.integers(24 * HOUR_US, 47 * HOUR_US, int(days.sum()))
    return usual
