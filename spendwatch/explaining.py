"""Everything that explains a tenant's day: its judgement made again, its prices, its answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from detector import ledger
from detector.explain import explain
from detector.explanation import Verdict
from detector.price_chain import price_chain
from detector.recording import day_costs
from spendwatch.judging import answers_that_teach, gather, without_told_twice

if TYPE_CHECKING:
    from datetime import date

    from sqlmodel import Session

    from alerts.replies import Taught
    from detector.detect import Context
    from detector.explanation import Explanation
    from detector.history import History
    from detector.ledger import Revision
    from detector.price_chain import PricedUse
    from spendwatch.app import App

TOLD_AS_A_GAP = "the attribution gap of the day tells it already"


@dataclass(frozen=True, slots=True)
class Explained:
    """A tenant's day, from its use and prices to what was said of it.

    ``answers`` are those whose lessons mattered; ``revisions`` say what the day had cost before.
    """

    explanation: Explanation
    use: tuple[PricedUse, ...]
    answers: tuple[Taught, ...] = ()
    revisions: tuple[Revision, ...] = ()


def explain_day(app: App, session: Session, tenant: str, day: date) -> Explained:
    """Explain what is said of a tenant's day by the data as it is now; writes nothing."""
    history, context = gather(app, session, day)
    found = _as_told(app, history, context, explain(history, app.book, context, tenant))
    canonical = app.directory.canonical
    costs = day_costs(session, day, app.directory.stored_as((tenant,)))
    return Explained(
        found,
        price_chain(app.prices, costs, tenant),
        tuple(each for each in answers_that_teach(app, session) if each.lesson in found.lessons),
        tuple(
            each for each in ledger.revisions(session, day, day) if canonical(each.tenant) == tenant
        ),
    )


def _as_told(app: App, history: History, context: Context, found: Explanation) -> Explanation:
    """Say where another finding told it already, so that the spike itself was not."""
    if found.finding is None:
        return found
    if found.finding in without_told_twice(app, history, (found.finding, *context.extra)):
        return found
    return replace(found, verdict=Verdict.NOT_JUDGED, why=TOLD_AS_A_GAP, finding=None)
