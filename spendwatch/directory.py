"""Who is who: aliases, display names, time zones, owners and receivers of the tenants.

Most of it stands in the settings. A mapping from a gateway's ids to tenants may name more tenants,
and cost centres; it is a file that changes while the service runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from alerts.routing import Route, Routes
from detector.model import UNATTRIBUTED, normalise_tenant

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from spendwatch.settings import Settings
    from spendwatch.settings_sections import RouteSettings


@dataclass(frozen=True, slots=True)
class Directory:
    """Answers questions about tenants; ids go in and come out normalised.

    Attributes
    ----------
    names : mapping of str to str
        How the tenants of the settings are called.
    mapped_names : mapping of str to str
        How those are called that only a mapping names.
    """

    default_zone: ZoneInfo
    routes: Routes
    canonical_ids: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    zones: Mapping[str, ZoneInfo] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    mapped_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_names(self) -> dict[str, str]:
        """How everybody is called whom the settings or a mapping name."""
        return {**self.mapped_names, **self.names}

    def canonical(self, tenant: str) -> str:
        """Return the id a tenant goes by now, whichever alias it was stored under."""
        return self.canonical_ids.get(tenant, tenant)

    def stored_as(self, tenants: Collection[str]) -> frozenset[str]:
        """Return the ids that tenants may be stored under: their own and their aliases."""
        aliases = (name for name, tenant in self.canonical_ids.items() if tenant in tenants)
        return frozenset((*tenants, *aliases))

    def zone_of(self, tenant: str) -> ZoneInfo:
        """Return the time zone whose calendar days are the tenant's."""
        return self.zones.get(self.canonical(tenant), self.default_zone)

    def every_zone(self) -> set[ZoneInfo]:
        """Return all time zones in use."""
        return {self.default_zone, *self.zones.values()}


class CurrentDirectory:
    """The directory as it is now: made anew once a mapping has changed.

    ``mappings`` gives the cost centre of each tenant that a mapping names, one mapping after the
    other; the same objects as before where nothing has changed. It is asked every ``look_every_s``
    seconds on the clock that ``steady`` reads.
    """

    def __init__(
        self,
        settings: Settings,
        mappings: Callable[[], Sequence[Mapping[str, str]]],
        steady: Callable[[], float],
        look_every_s: float = 1.0,
    ) -> None:
        self._settings, self._mappings = settings, mappings
        self._steady, self._look_every_s = steady, look_every_s
        self._looked_at = steady()
        self._made = self._make(tuple(mappings()))

    def __call__(self) -> Directory:
        """Return it."""
        before, made = self._made
        now = self._steady()
        if now - self._looked_at < self._look_every_s:
            return made
        self._looked_at = now
        mappings = tuple(self._mappings())
        if [*map(id, mappings)] != [*map(id, before)]:
            self._made = before, made = self._make(mappings)
        return made

    def _make(
        self, mappings: tuple[Mapping[str, str], ...]
    ) -> tuple[tuple[Mapping[str, str], ...], Directory]:
        return mappings, build_directory(self._settings, mappings)


def build_directory(settings: Settings, mappings: Sequence[Mapping[str, str]] = ()) -> Directory:
    """Read the tenants of the settings; what a gateway writes for no tenant is unattributed.

    ``mappings`` have further tenants, as they spell them, with their cost centres.
    """
    canonical = {
        normalise_tenant(name): UNATTRIBUTED for name in settings.detection.unattributed_names
    }
    for tenant in settings.tenants:
        canonical |= {normalise_tenant(name): tenant.id for name in (tenant.id, *tenant.aliases)}
    mapped, cost_centres = _mapped(canonical, mappings)
    listed = {tenant.id: tenant.cost_centre for tenant in settings.tenants if tenant.cost_centre}
    return Directory(
        default_zone=ZoneInfo(settings.service.time_zone),
        routes=_routes(settings, canonical, cost_centres | listed),
        canonical_ids=canonical,
        names={tenant.id: tenant.name for tenant in settings.tenants},
        zones={tenant.id: ZoneInfo(tenant.time_zone) for tenant in settings.tenants},
        owners={tenant.id: tenant.owner for tenant in settings.tenants if tenant.owner},
        mapped_names=mapped,
    )


def _mapped(
    canonical: Mapping[str, str], mappings: Sequence[Mapping[str, str]]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the names of tenants that only mappings have, and everybody's cost centres there."""
    names: dict[str, str] = {}
    cost_centres: dict[str, str] = {}
    for name, cost_centre in (each for mapping in mappings for each in mapping.items()):
        tenant = normalise_tenant(name)
        if tenant not in canonical and tenant != UNATTRIBUTED:
            names.setdefault(tenant, name)
        if cost_centre:
            cost_centres.setdefault(canonical.get(tenant, tenant), cost_centre)
    cost_centres.pop(UNATTRIBUTED, None)
    return names, cost_centres


def _routes(
    settings: Settings, canonical: Mapping[str, str], cost_centres: Mapping[str, str]
) -> Routes:
    default = settings.alerts.receiver
    return Routes(
        default=default,
        routes=tuple(_route(route, canonical) for route in settings.routes),
        # Who names nobody has inherited the default.
        receivers={
            tenant.id: tenant.receiver for tenant in settings.tenants if tenant.receiver != default
        },
        cost_centres=cost_centres,
    )


def _route(route: RouteSettings, canonical: Mapping[str, str]) -> Route:
    tenant = route.tenant or ""
    return Route(
        receiver=route.receiver,
        tenant=canonical.get(tenant, tenant),
        kind=route.kind,
        severity=route.severity,
        cost_centre=route.cost_centre,
    )
