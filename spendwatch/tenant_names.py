"""How tenants were spelt when they were first seen: ids are kept normalised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from detector.model import UNATTRIBUTED, normalise_tenant
from detector.tables import TENANT_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session

    from detector.model import Usage


class TenantNames:
    """The names there are, read once; what has no tenant never gets one."""

    def __init__(self, session: Session) -> None:
        self._known = _known(session)

    def remember(self, session: Session, rows: Iterable[Usage]) -> None:
        """Keep the spelling a tenant was first seen with, for display."""
        fresh: dict[str, str] = {}
        for row in rows:
            tenant = normalise_tenant(row.tenant)
            if tenant not in self._known:
                fresh.setdefault(tenant, row.tenant.strip())
        if not fresh:
            return
        self._known = _known(session)  # another process may have named it meanwhile
        unnamed = fresh.keys() - self._known
        named = [{"tenant": tenant, "name": fresh[tenant]} for tenant in unnamed]
        if named:
            session.connection().execute(insert(TENANT_NAME), named)
        self._known |= fresh.keys()


def _known(session: Session) -> set[str]:
    return {UNATTRIBUTED, *session.connection().execute(select(TENANT_NAME.c.tenant)).scalars()}
