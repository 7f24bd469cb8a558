"""A dismissal as its form was sent from Slack: what is wrong, by the block that it stands in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spendwatch.forms import NOTE, UNTIL, VERDICT, Dismissal

if TYPE_CHECKING:
    from datetime import datetime

    from alerts.model import Alert
    from alerts.replies import Answer
    from spendwatch.slack.payloads import Submission


def form_problems(form: Submission) -> dict[str, str]:
    """Say what is wrong with a form, whatever alert it is about; words by block."""
    return _by_block(form, _dismissal(form).problems())


def misfit(form: Submission, alert: Alert, now: datetime) -> dict[str, str]:
    """Say why a sound form does not fit its alert; words by block."""
    return _by_block(form, _dismissal(form).misfit(alert, now))


def dismissal_of(form: Submission) -> Answer:
    """Return the answer that a sound form gives."""
    return _dismissal(form).answer(form.person.actor)


def _dismissal(form: Submission) -> Dismissal:
    return Dismissal(form.verdict, form.until, form.note)


def _by_block(form: Submission, words: dict[str, str]) -> dict[str, str]:
    blocks = {VERDICT: form.verdict_block, UNTIL: form.until_block, NOTE: form.note_block}
    return {blocks[field]: said for field, said in words.items()}
