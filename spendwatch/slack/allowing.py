"""Who may answer: named people, members of named groups, and the owner of the alert's tenant."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING

from alerts.channels.slack_account import OTHER, SlackFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from alerts.channels.slack_account import SlackAccount
    from spendwatch.slack.payloads import Deed, Person

GROUPS_FOR_S = 300.0
"""How long the members of a group are believed to be the same."""
ASKED_AGAIN_AFTER_S = 10.0
"""When Slack is asked again that could not tell: one question, not one for each alert of a list."""
PATIENCE_S = 1.5
"""How long a person waits for Slack to say who is in a group that is known from before."""
GROUP = "S"


@dataclass(slots=True)
class Allowed:
    """Decides for each person; what Slack cannot tell is no permission.

    Attributes
    ----------
    workspace : str
        Whose people may answer, a guest from another is refused; where it is empty, that of the
        bot, as soon as Slack says which that is.
    app : str
        The app whose buttons are ours; empty until Slack has said which that is.
    named : sequence of str
        People and groups that may answer everything.
    owners : mapping of str to str
        The person who may answer for a tenant, by tenant.
    """

    account: SlackAccount
    named: Sequence[str]
    owners: Mapping[str, str]
    steady: Callable[[], float]
    workspace: str = ""
    app: str = ""
    _groups: dict[str, tuple[float, frozenset[str]]] = field(default_factory=dict)

    def warm_up(self) -> None:
        """Ask Slack beforehand what the first press would have to wait for."""
        self._ours()
        for group in self.named:
            if group.startswith(GROUP):
                self._members(group)

    def refusal(self, deed: Deed) -> str:
        """Say why a deed is not one of our people's; empty where it is."""
        person, ours = deed.person, self._ours()
        if not ours:
            return "Slack does not say which workspace this is for; try again"
        if {person.workspace, person.home} != {ours}:
            return "you are not of the workspace that this is for"
        if self.app and deed.app != self.app:
            return "that button is of another app"
        return ""

    def may_answer(self, person: Person, tenant: str) -> bool:
        """Whether a person may answer for a tenant."""
        return self.owners.get(tenant) == person.id or self.may_answer_all(person)

    def may_answer_all(self, person: Person) -> bool:
        """Whether a person may answer for everybody."""
        return person.id in self.named or any(
            person.id in self._members(group) for group in self.named if group.startswith(GROUP)
        )

    def tenants_of(self, person: Person) -> frozenset[str]:
        """Return the tenants that a person owns."""
        return frozenset(tenant for tenant, owner in self.owners.items() if owner == person.id)

    def _ours(self) -> str:
        if not self.workspace:
            try:
                self.workspace = str(self.account.call(OTHER, "auth_test").get("team_id") or "")
            except SlackFailure:
                return ""
        return self.workspace

    def _members(self, group: str) -> frozenset[str]:
        known = self._groups.get(group)
        if known is None:
            return self._asked(group, frozenset())
        good_until, members = known
        if self.steady() < good_until:
            return members
        # Whoever comes meanwhile, or while Slack cannot tell, believes what is known.
        self._groups[group] = (self.steady() + ASKED_AGAIN_AFTER_S, members)
        asking = Thread(target=self._asked, args=(group, members), daemon=True)
        asking.start()
        asking.join(PATIENCE_S)
        return self._groups[group][1]

    def _asked(self, group: str, before: frozenset[str]) -> frozenset[str]:
        """Ask Slack who is in a group, and keep that; what was known before where it fails."""
        members, good_for_s = before, ASKED_AGAIN_AFTER_S
        try:
            answer = self.account.call(OTHER, "usergroups_users_list", usergroup=group)
            members, good_for_s = frozenset(map(str, answer.get("users") or ())), GROUPS_FOR_S
        except SlackFailure:
            pass
        self._groups[group] = (self.steady() + good_for_s, members)
        return members
