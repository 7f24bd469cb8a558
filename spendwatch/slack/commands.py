"""What is typed behind ``/spendwatch``, and what is answered to whoever typed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spendwatch.standing import standing

if TYPE_CHECKING:
    from spendwatch.app import App
    from spendwatch.slack.allowing import Allowed
    from spendwatch.slack.payloads import Person

HELP = "/spendwatch status tells how the service stands"


def typed(app: App, allowed: Allowed, person: Person, text: str) -> str:
    """Do what was typed, and say what came of it."""
    if not (allowed.may_answer_all(person) or allowed.tenants_of(person)):
        return f"you may not ask that here; slack.may_answer names who may (you are {person.id})"
    words = text.split()
    if words[:1] == ["status"]:
        return standing(app).words
    return HELP
