"""A dismissal as its form was sent: what is wrong, by the field it is wrong in, and the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alerts.model import Verb, Verdict
from alerts.names import says_nothing
from alerts.replies import MAX_NOTE, Answer, midnight
from alerts.verdicts import until_problem
from spendwatch.exits import UsageProblem, calendar_day

if TYPE_CHECKING:
    from datetime import datetime

    from alerts.model import Alert
    from spendwatch.slack.payloads import Submission


def form_problems(form: Submission) -> dict[str, str]:
    """Say what is wrong with a form, whatever alert it is about; words by field."""
    found = {
        form.verdict_block: _verdict_problem(form.verdict),
        form.until_block: _day_problem(form.until),
        form.note_block: _note_problem(form.note),
    }
    return {block: words for block, words in found.items() if words}


def misfit(form: Submission, alert: Alert, now: datetime) -> dict[str, str]:
    """Say why a sound form does not fit its alert; words by field."""
    given = dismissal_of(form)
    if given.verdict is None or given.until is None:
        return {}
    words = until_problem(alert, given.verdict, given.until.date(), now)
    return {form.until_block: words} if words else {}


def dismissal_of(form: Submission) -> Answer:
    """Return the answer that a sound form gives."""
    return Answer(
        Verb.DISMISS,
        form.person.actor,
        verdict=Verdict(form.verdict),
        note=form.note.strip(),
        until=midnight(calendar_day(form.until)) if form.until else None,
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
