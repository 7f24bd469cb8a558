"""Usage of a made-up company, drawn from a seed: any day can be computed on its own.

Nothing is drawn in sequence. Each number comes from a hash of the seed, the tenant, the day and
what it is for, and every level is a formula of the day, so that a day is the same whether it is
asked for alone or within a year, on any machine and with any version of any library.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from statistics import NormalDist
from typing import TYPE_CHECKING

from detector.model import Grain, Usage
from detector.sources.base import Coverage
from detector.sources.sample_company import FEATURES, MODELS, TENANTS, Tenant
from detector.sources.sample_hours import later_share, usual_share
from detector.sources.sample_incidents import ANCHOR, Incident, IncidentKind, incidents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from detector.model import Rejection
    from detector.sources.base import Window

DRIFT_DAYS = 9
"""The slow part of a tenant's noise turns about this often."""
_NOISE_LIMIT = 1.75
_SATURDAY = 5
_CLOSING_DAYS = 4  # the books close on the last two days of a month and on the first
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class _Flow:
    """The use of one feature and model on one day, before it is counted in whole tokens."""

    tenant: str
    feature: str
    model: str
    requests: float
    prompt: float
    completion: float
    cached: float


class SampleSource:
    """Usage of the made-up company from ``first_day`` to ``last_day``; nothing is ever refused.

    Of the day that ``now`` lies in it tells what has come by then, where that is given.
    """

    def __init__(
        self, name: str, seed: int, first_day: date, last_day: date, now: datetime | None = None
    ) -> None:
        self._name = name
        self._now = now
        self._seed = seed
        self._first_day = first_day
        self._last_day = last_day
        self._coverage = Coverage(None, None)

    @property
    def name(self) -> str:
        """The source's name in the settings."""
        return self._name

    def usage(self, window: Window) -> Iterator[Usage | Rejection]:
        """Stream the window day by day."""
        first = max(self._first_day, window.first_day or self._first_day)
        last = min(self._last_day, window.last_day or self._last_day)
        today = self._now.date() if self._now else None
        for ordinal in range(first.toordinal(), last.toordinal() + 1):
            day = date.fromordinal(ordinal)
            so_far = self._now if day == today else None
            yield from usage_of_day(self._seed, day, so_far)
        running = frozenset({today} if today and first <= today <= last else ())
        span = Coverage(first, last, unfinished_days=running)
        self._coverage = span if first <= last else Coverage(None, None)

    def coverage(self) -> Coverage:
        """Give the days of the last window that the company existed."""
        return self._coverage

    def truth(self, first_day: date, last_day: date) -> tuple[Incident, ...]:
        """Give what really happened in these days, oldest first."""
        return incidents(first_day, last_day)


def usage_of_day(seed: int, day: date, now: datetime | None = None) -> list[Usage]:
    """Compute all use of one day, or what has come by ``now``, by tenant, feature and model."""
    flows: list[_Flow] = []
    happening = incidents(day, day)
    for tenant in TENANTS:
        own = [incident for incident in happening if incident.tenant == tenant.name]
        told = _flows(seed, tenant, day, own)
        flows += told if now is None else _so_far(told, _flows(seed, tenant, day, ()), now)
    start_at = datetime.combine(day, time(), UTC)
    return [_counted(flow, start_at) for flow in _summed(flows)]


def _so_far(flows: Iterable[_Flow], usual: Iterable[_Flow], now: datetime) -> Iterator[_Flow]:
    """Leave what has come by now: of what happens on a day nothing before it begins."""
    hour = now.hour + now.minute / 60
    later = later_share(hour)
    for flow in flows:
        yield from _scaled(flow, later)
    for flow in usual:
        yield from _scaled(flow, usual_share(hour) - later)


def _flows(seed: int, tenant: Tenant, day: date, happening: Iterable[Incident]) -> list[_Flow]:
    """Compute one tenant's use, and then what happened to it."""
    usd = _usd(seed, tenant, day)
    if not usd:
        return []
    flows = [
        _flow(tenant.name, feature, model, usd * share * _wobble(seed, tenant, day, feature))
        for feature, model, share in tenant.uses
    ]
    for incident in happening:
        if incident.kind is IncidentKind.NEW_FEATURE:
            flows.append(
                _flow(tenant.name, incident.feature, incident.model, usd * incident.factor)
            )
        else:
            flows = [part for flow in flows for part in _changed(flow, incident, day)]
    return flows


def _usd(seed: int, tenant: Tenant, day: date) -> float:
    """Give what a tenant's ordinary day costs, roughly; 0 on a day without use."""
    if not tenant.first_day <= day <= tenant.last_day:
        return 0.0
    if _uniform(seed, tenant.name, day.toordinal(), "idle") < tenant.idle:
        return 0.0
    # Growth levels off, so that a window of any year holds a company of about this size.
    trend = tenant.growth * math.tanh((day - ANCHOR).days / 365)
    weekly = tenant.weekend if day.weekday() >= _SATURDAY else 1.0
    closing = (day + timedelta(days=2)).day < _CLOSING_DAYS
    monthly = tenant.month_end if closing else 1.0
    noise = tenant.noise * _noise(seed, tenant.name, day)
    return tenant.usd_a_day * weekly * monthly * math.exp(trend + noise)


def _noise(seed: int, tenant: str, day: date) -> float:
    """Give a number of spread 1 that is never far out: what is far out shall be an incident."""
    quick = math.sqrt(3) * (2 * _uniform(seed, tenant, day.toordinal(), "day") - 1)
    noise = 0.9 * quick + 0.45 * _drift(seed, tenant, day)
    return max(-_NOISE_LIMIT, min(_NOISE_LIMIT, noise))


def _drift(seed: int, tenant: str, day: date) -> float:
    """Give a slow wave through one normal number every few days."""
    knot, step = divmod(day.toordinal(), DRIFT_DAYS)
    turn = (1 - math.cos(math.pi * step / DRIFT_DAYS)) / 2
    before, after = (_normal(seed, tenant, at, "drift") for at in (knot, knot + 1))
    return before * (1 - turn) + after * turn


def _wobble(seed: int, tenant: Tenant, day: date, feature: str) -> float:
    """Give how far a feature strays from its usual share of the tenant's use."""
    return math.exp(tenant.noise / 5 * _normal(seed, tenant.name, day.toordinal(), feature))


def _uniform(seed: int, tenant: str, number: int, purpose: str) -> float:
    """Draw a number strictly between 0 and 1 that nothing but the arguments decides."""
    digest = blake2b(f"{seed}/{tenant}/{number}/{purpose}".encode(), digest_size=6).digest()
    return (int.from_bytes(digest) + 0.5) / 2**48


def _normal(seed: int, tenant: str, number: int, purpose: str) -> float:
    """Draw a standard normal number, within 2.5 either way."""
    drawn = _NORMAL.inv_cdf(_uniform(seed, tenant, number, purpose))
    return max(-2.5, min(2.5, drawn))


def _flow(tenant: str, feature: str, model: str, usd: float) -> _Flow:
    """Give the use that costs about so much."""
    each, price = FEATURES[feature], MODELS[model]
    cached = each.prompt * each.cached_share
    usd_each = (
        (each.prompt - cached) * price.input
        + cached * price.cached
        + each.completion * price.output
    ) / 1e6
    requests = usd / usd_each
    tokens = requests * each.prompt, requests * each.completion, requests * cached
    return _Flow(tenant, feature, model, requests, *tokens)


def _changed(flow: _Flow, incident: Incident, day: date) -> list[_Flow]:
    """Apply an incident to the use of one feature."""
    if incident.feature not in ("", flow.feature):
        return [flow]
    return _CHANGES.get(incident.kind, _busier)(flow, incident, incident.factor_on(day))


def _busier(flow: _Flow, _incident: Incident, factor: float) -> list[_Flow]:
    return _scaled(flow, factor)


def _scaled(flow: _Flow, factor: float) -> list[_Flow]:
    """More or fewer requests of the same kind."""
    return [
        replace(
            flow,
            requests=flow.requests * factor,
            prompt=flow.prompt * factor,
            completion=flow.completion * factor,
            cached=flow.cached * factor,
        )
    ]


def _moved(flow: _Flow, incident: Incident, _factor: float) -> list[_Flow]:
    """Answer the same requests with another model."""
    return [replace(flow, model=incident.model)]


def _bloated(flow: _Flow, _incident: Incident, factor: float) -> list[_Flow]:
    """Send longer prompts; what was added is never the cached part."""
    return [replace(flow, prompt=flow.prompt * factor)]


def _orphaned(flow: _Flow, incident: Incident, share: float) -> list[_Flow]:
    """Let a share of the use turn up without its tenant."""
    (lost,), (kept,) = _scaled(flow, share), _scaled(flow, 1 - share)
    return [replace(lost, tenant=""), kept]


_CHANGES: Mapping[IncidentKind, Callable[[_Flow, Incident, float], list[_Flow]]] = {
    IncidentKind.DEARER_MODEL: _moved,
    IncidentKind.UNPRICED_MODEL: _moved,
    IncidentKind.PROMPT_BLOAT: _bloated,
    IncidentKind.ATTRIBUTION_BREAK: _orphaned,
}


def _summed(flows: Iterable[_Flow]) -> Iterator[_Flow]:
    """Add up the use of each tenant, feature and model."""
    sums: dict[tuple[str, str, str], _Flow] = {}
    for flow in flows:
        key = flow.tenant, flow.feature, flow.model
        sums[key] = _added(sums[key], flow) if key in sums else flow
    yield from sums.values()


def _added(one: _Flow, other: _Flow) -> _Flow:
    """Add the use of the same tenant, feature and model."""
    return replace(
        one,
        requests=one.requests + other.requests,
        prompt=one.prompt + other.prompt,
        completion=one.completion + other.completion,
        cached=one.cached + other.cached,
    )


def _counted(flow: _Flow, start_at: datetime) -> Usage:
    """Count whole requests and tokens."""
    return Usage(
        start_at,
        Grain.DAY,
        flow.tenant,
        flow.feature,
        flow.model,
        scope="global",
        requests=max(1, round(flow.requests)),
        prompt_tokens=round(flow.prompt),
        completion_tokens=round(flow.completion),
        cached_tokens=round(flow.cached),
    )
