"""WHO IS TOLD: the first route that fits, else the tenant's own receiver, else everybody's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from alerts.holds import fits
from detector.model import Severity

if TYPE_CHECKING:
    from alerts.model import Alert
    from detector.model import Finding, FindingKind

_GRAVITY = tuple(Severity)


@dataclass(frozen=True, slots=True)
class Route:
    """Alerts of which another receiver is told.

    Attributes
    ----------
    tenant : str
        A normalised id, or a pattern with ``*``; empty matches every tenant, and none.
    kind : FindingKind or None
        None matches every kind.
    severity : Severity or None
        Alerts at least this grave; None matches all.
    cost_centre : str
        Alerts of its tenants; empty matches all.
    """

    receiver: str
    tenant: str = ""
    kind: FindingKind | None = None
    severity: Severity | None = None
    cost_centre: str = ""

    def covers(self, other: Route) -> bool:
        """Whether it takes all that another one would.

        Examples
        --------
        >>> Route("a", tenant="contoso*").covers(Route("b", tenant="contoso-dev*"))
        True
        >>> Route("a", severity=Severity.CRITICAL).covers(Route("b", tenant="contoso"))
        False
        """
        return self.reaches(other.tenant, other.cost_centre) and self.takes(
            other.kind, other.severity or _GRAVITY[-1]
        )

    def reaches(self, tenant: str, cost_centre: str) -> bool:
        """Whether it is about a tenant, whatever the kind and severity."""
        return fits(tenant, self.tenant) and self.cost_centre in ("", cost_centre)

    def takes(self, kind: FindingKind | None, severity: Severity) -> bool:
        """Whether it takes this kind (None is all of them) from this severity on."""
        return self.kind in (None, kind) and is_as_grave(severity, self.severity)

    def meets(self, kind: FindingKind | None, severity: Severity | None) -> bool:
        """Whether it takes anything of this kind and severity; None is any."""
        grave = severity is None or is_as_grave(severity, self.severity)
        return grave and (kind is None or self.kind in (None, kind))


class ChosenBy(StrEnum):
    """Why a receiver is told."""

    ROUTE = "route"
    TENANT = "tenant"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who is told, and why.

    Attributes
    ----------
    place : int or None
        The place of the route that decides, the first is 0; None where none does.
    """

    receiver: str
    by: ChosenBy
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """What of a tenant's alerts takes one way; None is what no way before it took."""

    kind: FindingKind | None
    severity: Severity | None
    chosen: Chosen


@dataclass(frozen=True, slots=True)
class Routes:
    """Who is told of what.

    Attributes
    ----------
    default : str
        Who is told where nothing else says so, and of the installation itself.
    routes : tuple of Route
        The first that fits decides.
    receivers : mapping of str to str
        The own receiver of tenants that have one.
    cost_centres : mapping of str to str
        By tenant.
    """

    default: str
    routes: tuple[Route, ...] = ()
    receivers: Mapping[str, str] = field(default_factory=dict)
    cost_centres: Mapping[str, str] = field(default_factory=dict)

    @property
    def every_receiver(self) -> frozenset[str]:
        """Everybody who is told of anything."""
        named = (route.receiver for route in self.routes)
        return frozenset((self.default, *self.receivers.values(), *named))

    @property
    def by_severity(self) -> bool:
        """Whether somebody else may be told of an alert that becomes graver."""
        return any(route.severity for route in self.routes)

    def receiver_of(self, about: Alert | Finding) -> Chosen:
        """Return who is told of an alert or finding, and why.

        Parameters
        ----------
        about : Alert or Finding

        Examples
        --------
        >>> from datetime import date
        >>> from detector.model import Finding, FindingKind
        >>> spike = Finding(
        ...     FindingKind.SPEND_SPIKE, date(2026, 11, 12), Severity.CRITICAL, tenant="contoso"
        ... )
        >>> routes = Routes(
        ...     "finops", (Route("on-call", severity=Severity.CRITICAL),), {"contoso": "contoso"}
        ... )
        >>> routes.receiver_of(spike).receiver
        'on-call'
        """
        return self._choose(about.tenant, about.kind, about.severity)

    def receiver_of_tenant(self, tenant: str) -> str:
        """Return who is told of a tenant as such: no route by kind or severity counts.

        Parameters
        ----------
        tenant : str
            Empty is the installation as a whole.

        Examples
        --------
        >>> Routes("finops", receivers={"contoso": "team"}).receiver_of_tenant("contoso")
        'team'
        """
        return self._choose(tenant, None, _GRAVITY[-1]).receiver

    def receivers_below(self, alert: Alert) -> frozenset[str]:
        """Return who would be told of an alert were it less grave.

        Parameters
        ----------
        alert : Alert
        """
        lesser = _GRAVITY[_GRAVITY.index(alert.severity) + 1 :]
        return frozenset(
            self._choose(alert.tenant, alert.kind, severity).receiver for severity in lesser
        )

    def ways(
        self, tenant: str, kind: FindingKind | None = None, severity: Severity | None = None
    ) -> tuple[Way, ...]:
        """Return every way that alerts of a tenant can take, in the order in which it is tried.

        Parameters
        ----------
        tenant : str
        kind : FindingKind, optional
            One kind alone.
        severity : Severity, optional
            One severity alone.

        Examples
        --------
        >>> on_call = Route("on-call", severity=Severity.CRITICAL)
        >>> for way in Routes("finops", (on_call,)).ways("contoso"):
        ...     print(way.severity, way.chosen.receiver)
        critical on-call
        None finops
        """
        found: list[Way] = []
        places: list[int] = []
        cost_centre = self.cost_centres.get(tenant, "")
        for place, route in enumerate(self.routes):
            if not route.reaches(tenant, cost_centre) or not route.meets(kind, severity):
                continue
            least = route.severity or _GRAVITY[-1]
            if any(self.routes[before].takes(route.kind, least) for before in places):
                continue
            places.append(place)
            found.append(Way(route.kind, route.severity, self._by_route(place)))
            if route.takes(kind, severity or _GRAVITY[-1]):
                return tuple(found)
        return (*found, Way(None, None, self._otherwise(tenant)))

    def _choose(self, tenant: str, kind: FindingKind | None, severity: Severity) -> Chosen:
        cost_centre = self.cost_centres.get(tenant, "")
        for place, route in enumerate(self.routes):
            if route.reaches(tenant, cost_centre) and route.takes(kind, severity):
                return self._by_route(place)
        return self._otherwise(tenant)

    def _by_route(self, place: int) -> Chosen:
        return Chosen(self.routes[place].receiver, ChosenBy.ROUTE, place)

    def _otherwise(self, tenant: str) -> Chosen:
        own = self.receivers.get(tenant)
        return Chosen(own, ChosenBy.TENANT) if own else Chosen(self.default, ChosenBy.DEFAULT)


def is_as_grave(severity: Severity, least: Severity | None) -> bool:
    """Return whether something is at least so grave.

    Parameters
    ----------
    severity : Severity
    least : Severity or None
        None is as grave as nothing.
    """
    return least is None or _GRAVITY.index(severity) <= _GRAVITY.index(least)
