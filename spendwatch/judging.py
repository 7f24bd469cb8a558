"""From the ledger to findings and alerts: one day judged, all of it written at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from alerts.episode import EVENTS
from alerts.intake import take_in
from detector import ledger
from detector.attribution import causes_of, explain_gap, tokenless_findings
from detector.budget import budget_findings
from detector.day_vectors import keep_vector, without_vector
from detector.detect import Context, detect, without_double_telling
from detector.history import consecutive_days
from detector.pulls import judged_before, source_days
from detector.quality import (
    attribution_findings,
    price_change_findings,
    source_findings,
    stale_sources,
    stopped_early,
    unattributed_share,
    unpriced_findings,
)
from detector.tables import JUDGED_DAY
from detector.telemetry import api_days, source_use, uses_by_ids
from spendwatch.budgeting import budget_states, note_caps
from spendwatch.db import reading, writing
from spendwatch.learned import Learned
from spendwatch.situation import telling, tenant_costs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from sqlmodel import Session

    from alerts.taken import Told
    from detector.history import History
    from detector.model import BudgetState, Finding, Judgement, Lesson
    from detector.quality import SourceDay
    from detector.sources.base import ApiDay, UseByIds
    from spendwatch.app import App


@dataclass(frozen=True, slots=True)
class Judged:
    """What judging a day found, and what that did to the alerts."""

    judgement: Judgement
    told: Told


def judge(app: App, day: date, *, missed_days: int = 0, history: bool = False) -> Judged:
    """Judge one day and write findings, alerts and notifications in one transaction.

    Where newer days are still to be judged after downtime, ``missed_days`` says how many there
    were: nothing is told before all of them are. Of ``history`` nothing is told at all: what
    lasts until today is told with today's news, what happened once and is over is not even noted.
    """
    # A pull that commits while this reads is newer than the judgement, and has it made again.
    started_at = app.clock()
    keep_vectors(app, day)
    with reading(app.engine) as session:
        judgement = assess(app, session, day)
    if history:
        lasting = (each for each in judgement.findings if each.kind not in EVENTS)
        judgement = replace(judgement, findings=tuple(lasting))

    def note(session: Session) -> None:
        note_caps(app, session)
        _note_judged(session, judgement, app.book.method, started_at, silently=history)

    return write_judgement(app, judgement, note, missed_days=missed_days, history=history)


def keep_vectors(app: App, day: date) -> None:
    """Make the arrays that are missing of the days a judgement reads, each in a transaction."""
    days = consecutive_days(day - timedelta(days=app.book.history_days), day)
    with reading(app.engine) as session:
        missing = without_vector(session, days)
    for each in missing:
        with writing(app.engine) as session:
            keep_vector(session, each)


def write_judgement(
    app: App,
    judgement: Judgement,
    note: Callable[[Session], None],
    *,
    missed_days: int = 0,
    history: bool = False,
) -> Judged:
    """Turn findings into alerts and notifications; ``note`` writes along in the transaction."""
    with reading(app.engine) as session:
        spent, _ = tenant_costs(app, session, [judgement.day])
        around = telling(app, session)
        situation = replace(around.situation, missed_days=missed_days, history=history)
        if history:
            # An alert is as old as its day: no digest takes it for what happened since the last.
            situation = replace(situation, now=app.settled_at(judgement.day))
        around = replace(around, spent=spent, situation=situation)
    with writing(app.engine) as session:
        told = take_in(session, judgement, around)
        note(session)
    return Judged(judgement, told)


def assess(
    app: App,
    session: Session,
    day: date,
    *,
    heed_answers: bool = True,
) -> Judgement:
    """Read everything the day's judgement needs and make it; writes nothing."""
    history, context = gather(app, session, day, heed_answers=heed_answers)
    judgement = detect(history, app.book, context)
    told = without_told_twice(app, history, judgement.findings)
    return replace(judgement, findings=told)


def gather(
    app: App, session: Session, day: date, *, heed_answers: bool = True
) -> tuple[History, Context]:
    """Read everything that a day's judgement needs."""
    history = ledger.history(
        session,
        day - timedelta(days=app.book.history_days),
        day,
        canonical=app.directory.canonical,
        sources=app.source_names,
    )
    lessons = Learned(app, session).lessons() if heed_answers else ()
    return look_around(app, session, history, lessons, budget_states(app, session, day))


def look_around(
    app: App,
    session: Session,
    history: History,
    lessons: Sequence[Lesson],
    budgets: Sequence[BudgetState] = (),
) -> tuple[History, Context]:
    """Read what else the judgement of a history's last day needs; return what is to be judged."""
    day = history.days[-1]
    telemetry = _read_telemetry(app, session, history.days)
    # Of a day answered in part the telemetry may be older than the answer.
    sources = tuple(
        state
        if state.in_part
        else replace(state, stopped_at=telemetry.stopped_at.get(state.source))
        for state in source_days(session, day, app.book.window_days, app.source_names)
    )
    if any(state.stopped_at for state in sources):
        history = _cut_off(history)
    quality = _quality(app, history, sources, judged_before(session, day))
    found = (*_explained(app, quality, telemetry, day), *budget_findings(budgets, day))
    unwatched = ledger.unwatched_tenants(session, day, app.directory.canonical)
    return history, Context(tuple(lessons), app.prices, sources, tuple(budgets), found, unwatched)


def without_told_twice(
    app: App, history: History, findings: Sequence[Finding]
) -> tuple[Finding, ...]:
    """Drop the spike of cost without a tenant where an attribution gap tells it already."""
    usual = unattributed_share(history, slice(0, -1))
    return without_double_telling(findings, usual, app.book.unattributed_percent)


@dataclass(frozen=True, slots=True)
class _Telemetry:
    """What is known of the sources besides their usage, of the judged day and those before it."""

    apis: Mapping[str, tuple[ApiDay, ...]]
    uses: Mapping[str, tuple[UseByIds, ...]]
    spent: Mapping[str, int]
    stopped_at: Mapping[str, datetime | None]


def _read_telemetry(app: App, session: Session, days: Sequence[date]) -> _Telemetry:
    day = days[-1]
    apis = {
        source: told
        for source, told in api_days(session, days[0], day).items()
        if source in app.source_names
    }
    if not apis:
        return _Telemetry({}, {}, {}, {})
    spent: dict[str, int] = {}
    for use in source_use(session, days[0], day):
        spent[use.source] = spent.get(use.source, 0) + use.micro_usd
    return _Telemetry(
        apis,
        uses_by_ids(session, day, day),
        spent,
        {source: stopped_early(day, app.settled_at(day), told) for source, told in apis.items()},
    )


def _cut_off(history: History) -> History:
    """Treat the judged day as one that may lack rows: rises are told, drops are not."""
    whole = history.whole.copy()
    whole[-1] = False
    return history._replace(whole=whole)


def _explained(
    app: App, findings: Sequence[Finding], told: _Telemetry, day: date
) -> tuple[Finding, ...]:
    """Give an attribution gap its causes, and tell of calls that are in no cost at all."""
    uses = [use for name in app.source_names for use in told.uses.get(name, ())]
    causes = causes_of(uses, app.prices)
    today = [api for apis in told.apis.values() for api in apis if api.day == day]
    tokenless = tokenless_findings(day, told.apis, told.spent, app.book.tokenless_percent)
    return (*(explain_gap(each, causes, today) for each in findings), *tokenless)


def _quality(
    app: App, history: History, sources: Sequence[SourceDay], since: date
) -> tuple[Finding, ...]:
    """Judge the data itself; where a source is silent only that is told."""
    day = history.days[-1]
    if stale_sources(sources) or not history.pulled[-1]:
        return source_findings(day, sources)
    return (
        *source_findings(day, sources),
        *unpriced_findings(history, app.prices),
        *attribution_findings(history, app.book.unattributed_percent),
        *price_change_findings(history, app.prices, since),
    )


def _note_judged(
    session: Session, judgement: Judgement, method: str, judged_at: datetime, *, silently: bool
) -> None:
    """Note that a day was judged; what was history stays so when it is judged again."""
    connection = session.connection()
    mine = JUDGED_DAY.c.day == judgement.day
    before = connection.execute(select(JUDGED_DAY.c.silently).where(mine)).scalar()
    connection.execute(delete(JUDGED_DAY).where(mine))
    row = {
        "day": judgement.day,
        "judged_at": judged_at,
        "method": method,
        "findings": len(judgement.findings),
        "silently": silently or bool(before),
    }
    connection.execute(insert(JUDGED_DAY), [row])
