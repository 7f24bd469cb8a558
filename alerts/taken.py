"""What happened to alerts, what must be known to tell it, and what came of it: values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from alerts.model import Reason
from alerts.policy import Ruling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from alerts.model import Alert, AlertRules, Change
    from alerts.policy import Situation
    from alerts.routing import Routes
    from detector.model import Finding

    BudgetKey = tuple[str, str, str]

_UNDECIDED = Ruling(told=False, reason=Reason.ALREADY_TOLD)


@dataclass(frozen=True, slots=True)
class Telling:
    """What must be known to tell anything.

    Attributes
    ----------
    names : mapping of str to str
        Display names by tenant.
    routes : Routes
        Who is told.
    spent : mapping of str to int
        The judged day's cost by tenant, so that a withdrawn alert can say what it costs now.
    group_above : int
        More news than this for one receiver, from one run, becomes one message.
    caught_up_days : int
        Days that were judged late before this, so that the message says so.
    owners : mapping of str to str
        Whom to call by name when it is critical, by tenant.
    reachable : frozenset of str or None
        Who can be told at all; None is everybody.
    threaded : frozenset of str
        Receivers with threads: what is too long for one message goes below it.
    seconds : mapping of str to str
        Who is told of what a receiver does not answer, by receiver.
    budgets : frozenset or None
        Tenant, feature and period of every budget with a cap; None where that is not known.
    """

    names: Mapping[str, str]
    routes: Routes
    rules: AlertRules
    situation: Situation
    spent: Mapping[str, int] = field(default_factory=dict)
    group_above: int = 5
    caught_up_days: int = 0
    owners: Mapping[str, str] = field(default_factory=dict)
    reachable: frozenset[str] | None = None
    budgets: frozenset[BudgetKey] | None = None
    seconds: Mapping[str, str] = field(default_factory=dict)
    threaded: frozenset[str] = frozenset()

    def second_of(self, alert: Alert) -> str:
        """Return who is told of an alert that nobody answers; empty where nobody is."""
        return self.seconds.get(self.receiver_of(alert), "")

    def receiver_of(self, alert: Alert) -> str:
        """Return who is told of an alert."""
        return self.routes.receiver_of(alert).receiver


@dataclass(frozen=True, slots=True)
class Taken:
    """What happened to one alert, and whether one receiver is told.

    ``before`` is None where the alert was opened; ``finding`` is None where its condition does
    not hold any more; ``held`` is what had kept the news back until now; ``message_key`` names
    the notification that tells it, alone or with others. Of an end that several receivers are
    told there are as many of these.
    """

    before: Alert | None
    alert: Alert
    finding: Finding | None
    change: Change
    ruling: Ruling = _UNDECIDED
    held: Reason | None = None
    message_key: str = ""
    receiver: str = ""

    @property
    def notified(self) -> bool:
        """Whether a notification of its own was written."""
        return self.ruling.told

    @property
    def told(self) -> bool:
        """Whether it is told, by a notification of its own or in one with others."""
        return self.notified or self.reason is Reason.GROUPED

    @property
    def reason(self) -> Reason:
        """Why it was told or held back."""
        return self.ruling.reason


@dataclass(frozen=True, slots=True)
class Told:
    """What one run changed; what it left as it was is not listed."""

    day: date
    taken: tuple[Taken, ...] = ()

    @property
    def changes(self) -> Mapping[Change, int]:
        """How many alerts changed, by what happened."""
        return Counter({each.alert.number: each.change for each in self.taken}.values())

    @property
    def told(self) -> int:
        """How many messages of their own tell what changed."""
        return sum(each.notified for each in self.taken)

    @property
    def held_back(self) -> Mapping[Reason, int]:
        """How many changes were held back, by reason."""
        return held_back([self])


def held_back(runs: Sequence[Told]) -> Counter[Reason]:
    """Count what these runs held back and did not tell after all, by reason.

    Parameters
    ----------
    runs : sequence of Told
        In their order.
    """
    told_in = {
        each.alert.number: place
        for place, run in enumerate(runs)
        for each in run.taken
        if each.told
    }
    return Counter(
        each.reason
        for place, run in enumerate(runs)
        for each in run.taken
        if told_in.get(each.alert.number, -1) < place
    )
