"""A dismissal as its form was filled in: what is wrong, by field, and the answer that it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alerts.model import Verb, Verdict
from alerts.names import says_nothing
from alerts.replies import MAX_NOTE, Answer, midnight
from alerts.verdicts import until_problem
from spendwatch.exits import UsageProblem, calendar_day

if TYPE_CHECKING:
    from datetime import datetime

    from alerts.model import Alert

VERDICT, UNTIL, NOTE = "verdict", "until", "note"


@dataclass(frozen=True, slots=True)
class Dismissal:
    """The fields as a person filled them in, from whatever page; all but the first may be empty."""

    verdict: str
    until: str = ""
    note: str = ""

    def problems(self) -> dict[str, str]:
        """Say what is wrong with it, whatever alert it is about; words by field."""
        found = {
            VERDICT: _verdict_problem(self.verdict),
            UNTIL: _day_problem(self.until),
            NOTE: _note_problem(self.note),
        }
        return {field: words for field, words in found.items() if words}

    def misfit(self, alert: Alert, now: datetime) -> dict[str, str]:
        """Say why a sound one does not fit its alert; words by field."""
        given = self.answer("")
        if given.verdict is None or given.until is None:
            return {}
        words = until_problem(alert, given.verdict, given.until.date(), now)
        return {UNTIL: words} if words else {}

    def answer(self, actor: str) -> Answer:
        """Return the answer that a sound one gives."""
        return Answer(
            Verb.DISMISS,
            actor,
            verdict=Verdict(self.verdict),
            note=self.note.strip(),
            until=midnight(calendar_day(self.until)) if self.until else None,
        )


def _verdict_problem(verdict: str) -> str:
    return "" if verdict in {each.value for each in Verdict} else "choose one of them"


def _day_problem(until: str) -> str:
    try:
        if until:
            calendar_day(until)
    except UsageProblem as problem:
        return str(problem)
    return ""


def _note_problem(note: str) -> str:
    if len(note) > MAX_NOTE:
        return f"at most {MAX_NOTE:,} letters; these are {len(note):,}"
    if note and says_nothing(note):
        return "there is nothing to be read; leave it empty, or say something"
    return ""
