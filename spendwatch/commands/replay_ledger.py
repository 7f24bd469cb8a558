"""The past of an installation: its ledger, prices and settings, and what people answered."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from alerts import store
from detector import ledger
from detector.detect import SPEND_KINDS, detect
from detector.pulls import days_of_use
from detector.sources.base import SourceError
from spendwatch.app import build_app_as_is
from spendwatch.commands.opening import open_settings
from spendwatch.commands.replay_past import Known
from spendwatch.db import reading
from spendwatch.exits import UsageProblem
from spendwatch.judging import look_around, without_told_twice
from spendwatch.learned import Learned
from spendwatch.output import progress
from spendwatch.situation import display_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from sqlmodel import Session

    from alerts.holds import PlannedEvent
    from detector.detect import Context
    from detector.history import History
    from detector.model import Judgement, Lesson
    from detector.rules import RuleBook
    from spendwatch.app import App

THEN, NOW, OFF = "then", "now", "off"
"""Of the answers those count that were given before a day was judged, or all, or none."""
HEEDED = {
    THEN: "Each day heeds the answers that were given before it was settled.",
    NOW: "Each day heeds all answers that are in force now.",
    OFF: "No answers are heeded.",
}


@contextmanager
def open_ledger(config: Path, heeding: str = THEN) -> Iterator[LedgerPast]:
    """Open the ledger of an installation for reading, whether or not its service runs."""
    if heeding not in HEEDED:
        raise UsageProblem(f"--answers knows {', '.join(HEEDED)}; not {heeding!r}")
    if not config.exists():
        raise UsageProblem(
            f"there is no {config}: --config names the settings of the installation to replay, "
            "--usage a file that needs none"
        )
    app = build_app_as_is(open_settings(config))
    with reading(app.engine) as session:
        yield LedgerPast(app, session, heeding)


class LedgerPast:
    """The past as the ledger has it now; nothing is written."""

    def __init__(self, app: App, session: Session, heeding: str = THEN) -> None:
        self.title = "the ledger"
        self.remark = HEEDED[heeding]
        self.book = app.book
        self.names: Mapping[str, str] = display_names(app, session)
        self.refused = 0
        self._app, self._session, self._heeding = app, session, heeding
        self._learned = Learned(app, session)
        self._lessons = cache(self._lessons_of)
        self.plans: Sequence[PlannedEvent] = self._learned.plans
        self.known: tuple[Known, ...] | None = _known(session)

    def days(self) -> tuple[date, date]:
        """Return the first day with costs, and the last that is over."""
        held = days_of_use(self._session)
        settled = self._app.last_settled_day()
        if held is None or held[0] > settled:
            raise SourceError(
                "the ledger holds no day that is over: `spendwatch backfill` pulls past days, "
                "`spendwatch import` takes them from a file"
            )
        return held[0], min(held[1], settled)

    def read(self, first: date, last: date) -> History:
        """Return the days from first to last."""
        with progress("reading the ledger", (last - first).days + 1) as step:
            return ledger.history(
                self._session,
                first,
                last,
                canonical=self._app.directory.canonical,
                sources=self._app.source_names,
                on_day=lambda day: step(day.isoformat()),
            )

    def canonical(self, tenant: str) -> str:
        """Return the id that a tenant goes by now."""
        return self._app.directory.canonical(tenant)

    def judge(self, history: History, book: RuleBook) -> Judgement:
        """Judge a day as the service does."""
        history, context = self.around(history)
        judgement = detect(history, book, context)
        told = without_told_twice(self._app, history, judgement.findings)
        return replace(judgement, findings=told)

    def around(self, history: History) -> tuple[History, Context]:
        """Read what else is known of a day; budgets are left out, as no spike hangs on them."""
        lessons = self._lessons(history.days[-1])
        return look_around(self._app, self._session, history, lessons)

    def _lessons_of(self, day: date) -> tuple[Lesson, ...]:
        """Return what counts on a day, which is judged once it is settled."""
        if self._heeding == OFF:
            return self._learned.of_plans()
        at = self._app.settled_at(day) if self._heeding == THEN else None
        return self._learned.lessons(at)


def _known(session: Session) -> tuple[Known, ...]:
    alerts = [alert for kind in SPEND_KINDS for alert in store.list_alerts(session, kind=kind)]
    dismissed = {
        each.alert.number: each.reply.verdict
        for each in store.dismissals(session)
        if each.undone_at is None
    }
    return tuple(Known(alert, dismissed.get(alert.number)) for alert in alerts)
