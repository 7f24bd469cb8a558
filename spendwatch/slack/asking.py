"""Who types, which tenants that person may see, and which of them is meant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alerts.names import safe_name, says_nothing
from detector.model import normalise_tenant
from spendwatch.exits import UsageProblem
from spendwatch.settings_types import nearest
from spendwatch.situation import display_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

    from spendwatch.app import App
    from spendwatch.slack.allowing import Allowed
    from spendwatch.slack.payloads import Person

COMMAND = "/spendwatch"
STAND_IN = "contoso"
"""The tenant in examples for whoever owns none."""
_PLAIN = re.compile(r"[\w.-]+")
_COMPARED = 60


@dataclass(frozen=True, slots=True)
class Asker:
    """One person, and what they may see; nothing else is ever named to them.

    Attributes
    ----------
    sees_all : bool
        Whether they may answer everything.
    owned : frozenset of str
        The tenants that are theirs.
    """

    app: App
    person: Person
    sees_all: bool
    owned: frozenset[str]

    def sees(self, tenant: str) -> bool:
        """Whether they may answer for a tenant, or for what is of none."""
        return self.sees_all or tenant in self.owned

    @property
    def example(self) -> str:
        """A tenant for an example, as it is typed."""
        name = safe_name(min(self.owned, default=STAND_IN))
        return name if _PLAIN.fullmatch(name) else f'"{name}"'

    def names(self, session: Session) -> Mapping[str, str]:
        """Return how the tenants they may see are called, by tenant."""
        known = display_names(self.app, session)
        if not self.sees_all:
            return {tenant: known.get(tenant, tenant) for tenant in self.owned}
        canonical = self.app.directory.canonical
        # The names of the settings come last, and count.
        stored = {canonical(tenant): name for tenant, name in known.items()}
        return dict.fromkeys(self.owned, "") | stored | dict(self.app.directory.names)

    def find(self, session: Session, typed: str) -> str:
        """Return the tenant that is meant: by its id, an alias or its name.

        Raises UsageProblem in the same words where there is none and where it is not theirs.
        """
        found = self.look_for(session, typed)
        if not found:
            raise UsageProblem(self._refusal(session, typed))
        return found

    def look_for(self, session: Session, typed: str) -> str:
        """Return the tenant that is meant; empty where there is none, or it is not theirs."""
        return (
            "" if says_nothing(typed) else self._spellings(session).get(normalise_tenant(typed), "")
        )

    def _spellings(self, session: Session) -> Mapping[str, str]:
        """Return what each tenant may be called; an id counts more than another's name."""
        names = self.names(session)
        called = {normalise_tenant(name): tenant for tenant, name in names.items() if name}
        aliases = {
            alias: tenant
            for alias, tenant in self.app.directory.canonical_ids.items()
            if tenant in names
        }
        return called | aliases | {tenant: tenant for tenant in names}

    def _refusal(self, session: Session, typed: str) -> str:
        known = {safe_name(each) for each in self._spellings(session)}
        meant = nearest(safe_name(typed)[:_COMPARED], known)
        return f"no tenant of yours is called {safe_name(typed)}{meant}"


def who_asks(app: App, allowed: Allowed, person: Person) -> Asker:
    """Find out once what a person may see: asking Slack about a group takes its time."""
    return Asker(app, person, allowed.may_answer_all(person), allowed.tenants_of(person))
