"""Who used it: what carries an identity is asked in order, and the first that answers wins."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

MAX_ID = 300
"""No id of a tenant is longer; what is longer came from a caller and names nobody."""
NAMED_KINDS = ("request_header", "response_header", "trace", "dimension")
KINDS = ("subscription", "product", "user", "api", "backend", *NAMED_KINDS)
NAME = re.compile(r"[A-Za-z0-9 ._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a mapping says of an id."""

    tenant: str
    feature: str = ""
    cost_centre: str = ""


@dataclass(frozen=True, slots=True)
class Carrier:
    """One place in the telemetry where an id stands, and what its ids mean.

    Attributes
    ----------
    kind : str
        One of :data:`KINDS`.
    name : str
        The header, trace property or dimension; empty for the other kinds.
    identities : callable or None
        Gives the mapping from ids as it is now; None where the id itself is the answer.
    """

    kind: str
    name: str = ""
    identities: Callable[[], Mapping[str, Identity]] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is no carrier; there are {', '.join(KINDS)}")
        if self.kind in NAMED_KINDS and not NAME.fullmatch(self.name):
            raise ValueError(
                f"a {self.kind} needs its name: 1 to 64 letters, digits, spaces, dots, "
                f"underscores or hyphens, not {self.name!r}"
            )
        if self.kind not in NAMED_KINDS and self.name:
            raise ValueError(f"a {self.kind} has no name to choose; leave {self.name!r} out")

    @property
    def key(self) -> str:
        """Under which key a row's ids hold this carrier's.

        Examples
        --------
        >>> Carrier("request_header", "x-tenant-id").key
        'request_header x-tenant-id'
        """
        return f"{self.kind} {self.name}" if self.name else self.kind

    def identity_of(self, row_ids: Mapping[str, str]) -> Identity | None:
        """Give whom the row's id stands for; None where it is empty, too long or not mapped."""
        row_id = row_ids.get(self.key, "")
        if not row_id or len(row_id) > MAX_ID:
            return None
        return self.identities().get(row_id) if self.identities else Identity(row_id, row_id)


@dataclass(frozen=True, slots=True)
class Attribution:
    """The carriers of the tenant and those of the feature, each in the order they are asked."""

    tenant: tuple[Carrier, ...] = ()
    feature: tuple[Carrier, ...] = ()

    @property
    def carriers(self) -> tuple[Carrier, ...]:
        """All of them, those of the tenant first."""
        return self.tenant + self.feature

    def tenant_of(self, row_ids: Mapping[str, str]) -> Identity | None:
        """Give the identity of a row; the first carrier that answers wins.

        Parameters
        ----------
        row_ids : mapping of str to str
            What the row carried, by :attr:`Carrier.key`; absent and empty are the same.

        Returns
        -------
        Identity or None
            None where no carrier answers: the use is unattributed. A carrier without a mapping
            names a tenant and no feature.

        Examples
        --------
        >>> asked = Attribution((Carrier("product"), Carrier("subscription")))
        >>> asked.tenant_of({"product": "", "subscription": "bu-hr"}).tenant
        'bu-hr'
        >>> asked.tenant_of({"api": "chat"}) is None
        True
        """
        for carrier in self.tenant:
            identity = carrier.identity_of(row_ids)
            if identity is not None:
                return identity if carrier.identities else replace(identity, feature="")
        return None

    def feature_of(self, row_ids: Mapping[str, str], identity: Identity | None) -> str:
        """Give the feature of a row: that of its tenant's mapping, else the first carrier's.

        The mapping of the id that named the tenant is the most particular word there is, so it
        goes before the carriers that hold for everybody. Empty where nobody answers.
        """
        if identity is not None and identity.feature:
            return identity.feature
        answers = (carrier.identity_of(row_ids) for carrier in self.feature)
        return next((each.feature for each in answers if each is not None and each.feature), "")

    def fixed(self) -> Attribution:
        """Give the same with every mapping as it is now: one pull is told by one version."""
        return Attribution(
            tuple(map(_fixed, self.tenant)),
            tuple(map(_fixed, self.feature)),
        )


def _fixed(carrier: Carrier) -> Carrier:
    if carrier.identities is None:
        return carrier
    return replace(carrier, identities=partial(_same, carrier.identities()))


def _same(identities: Mapping[str, Identity]) -> Mapping[str, Identity]:
    return identities
