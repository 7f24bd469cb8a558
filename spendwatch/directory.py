"""Who is who: aliases, display names, time zones, owners and receivers of the tenants."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from alerts.routing import Route, Routes
from detector.model import UNATTRIBUTED, normalise_tenant

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from spendwatch.settings import Settings
    from spendwatch.settings_sections import RouteSettings


@dataclass(frozen=True, slots=True)
class Directory:
    """Answers questions about tenants; ids go in and come out normalised."""

    default_zone: ZoneInfo
    routes: Routes
    canonical_ids: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    zones: Mapping[str, ZoneInfo] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)

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


def build_directory(settings: Settings) -> Directory:
    """Read the tenants of the settings; what a gateway writes for no tenant is unattributed."""
    canonical = {
        normalise_tenant(name): UNATTRIBUTED for name in settings.detection.unattributed_names
    }
    for tenant in settings.tenants:
        canonical |= {normalise_tenant(name): tenant.id for name in (tenant.id, *tenant.aliases)}
    return Directory(
        default_zone=ZoneInfo(settings.service.time_zone),
        routes=_routes(settings, canonical),
        canonical_ids=canonical,
        names={tenant.id: tenant.name for tenant in settings.tenants},
        zones={tenant.id: ZoneInfo(tenant.time_zone) for tenant in settings.tenants},
        owners={tenant.id: tenant.owner for tenant in settings.tenants if tenant.owner},
    )


def _routes(settings: Settings, canonical: Mapping[str, str]) -> Routes:
    default = settings.alerts.receiver
    return Routes(
        default=default,
        routes=tuple(_route(route, canonical) for route in settings.routes),
        # Who names nobody has inherited the default.
        receivers={
            tenant.id: tenant.receiver for tenant in settings.tenants if tenant.receiver != default
        },
        cost_centres={tenant.id: tenant.cost_centre for tenant in settings.tenants},
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
