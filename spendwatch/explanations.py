"""Everything that explains a tenant's day: its judgement made again, its prices, its answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from detector import ledger
from detector.explain import explain
from detector.explanation import Verdict
from detector.price_chain import price_chain
from detector.recording import day_costs
from spendwatch.explain_words import AnswerInForce, Explained, RevisedDay
from spendwatch.judging import gather, without_told_twice
from spendwatch.learned import Learned
from spendwatch.situation import display_names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from sqlmodel import Session

    from detector.detect import Context
    from detector.explanation import Explanation
    from detector.history import History
    from spendwatch.app import App

TOLD_AS_A_GAP = "the attribution gap of the day tells it already"


def explain_day(app: App, session: Session, tenant: str, day: date) -> Explained:
    """Explain what is said of a tenant's day by the data as it is now; writes nothing."""
    history, context = gather(app, session, day)
    found = _as_told(app, history, context, explain(history, app.book, context, tenant))
    costs = day_costs(session, day, app.directory.stored_as((tenant,)))
    return Explained(
        found,
        display_names(app, session).get(tenant, tenant),
        price_chain(app.prices, costs, tenant),
        tuple(_answers(app, session, found)),
        tuple(_revisions(app, session, tenant, day)),
    )


def _as_told(app: App, history: History, context: Context, found: Explanation) -> Explanation:
    """Say where another finding told it already, so that the spike itself was not."""
    if found.finding is None:
        return found
    if found.finding in without_told_twice(app, history, (found.finding, *context.extra)):
        return found
    return replace(found, verdict=Verdict.NOT_JUDGED, why=TOLD_AS_A_GAP, finding=None)


def _answers(app: App, session: Session, found: Explanation) -> Iterator[AnswerInForce]:
    for each in Learned(app, session).of_answers() if found.lessons else ():
        if each.lesson in found.lessons:
            yield AnswerInForce(each.alert.number, each.reply.actor, each.reply.at, each.lesson)


def _revisions(app: App, session: Session, tenant: str, day: date) -> Iterator[RevisedDay]:
    for each in ledger.revisions(session, day, day):
        if app.directory.canonical(each.tenant) == tenant:
            yield RevisedDay(
                each.before_micro_usd, each.now_micro_usd, each.replaced_at, each.cause
            )
