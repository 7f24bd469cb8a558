"""What plans and answers teach the next judgements: now, and as it was at any moment before."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

from alerts import store
from alerts.declaring import planned_lesson
from alerts.replies import what_answers_teach
from detector.pulls import pull_changes
from spendwatch import conversion
from spendwatch.situation import planned_events

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlmodel import Session

    from alerts.replies import Taught
    from detector.model import Lesson
    from spendwatch.app import App


class Learned:
    """All that people announced and answered, read once; asks for a day's pulls when needed."""

    def __init__(self, app: App, session: Session) -> None:
        self._canonical = app.directory.canonical
        self._teaching = conversion.teaching(app.settings)
        self._changes = cache(partial(pull_changes, session))
        self._dismissals = store.dismissals(session)
        self.plans = planned_events(app, session)

    def of_plans(self) -> tuple[Lesson, ...]:
        """Return what planned events teach: they are declared beforehand, so at any time."""
        return tuple(filter(None, map(planned_lesson, self.plans)))

    def lessons(self, at: datetime | None = None) -> tuple[Lesson, ...]:
        """Return what plans and answers teach, now or as it was at a moment."""
        # Of a planned day that was answered too, the answer is named: the later reason stands.
        return (*self.of_plans(), *(each.lesson for each in self.of_answers(at)))

    def of_answers(self, at: datetime | None = None) -> tuple[Taught, ...]:
        """Return what answers teach of tenants as named now."""
        repulled_at = partial(self._repulled_at, until=at)
        found = what_answers_teach(self._dismissals, self._teaching, repulled_at, at)
        return tuple(replace(each, lesson=self._renamed(each.lesson)) for each in found)

    def _renamed(self, lesson: Lesson) -> Lesson:
        return replace(lesson, tenant=self._canonical(lesson.tenant))

    def _repulled_at(self, tenant: str, day: date, *, until: datetime | None) -> datetime | None:
        """Say when a day was last pulled anew: it is no data error any more."""
        owner = self._canonical(tenant)
        moments = (at for name, at in self._changes(day) if self._canonical(name) == owner)
        return max((at for at in moments if until is None or at <= until), default=None)
