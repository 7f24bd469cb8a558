"""What is typed behind ``/spendwatch``, and what is answered to whoever typed it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alerts.declaring import AlreadyOver, AnnouncementRefused
from alerts.names import safe_name, says_nothing
from alerts.render.slack_limits import unescaped
from spendwatch.exits import UsageProblem
from spendwatch.settings_types import nearest
from spendwatch.slack import announcing, looking
from spendwatch.slack.announcing import take_word
from spendwatch.slack.asking import COMMAND, who_asks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from spendwatch.app import App
    from spendwatch.slack.allowing import Allowed
    from spendwatch.slack.asking import Asker
    from spendwatch.slack.payloads import Person

    Answer = Callable[[Asker, str], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Typeable:
    """Something that can be typed.

    Attributes
    ----------
    form : str
        How it is written; ``{tenant}`` is a tenant of whoever reads it.
    """

    answer: Answer
    form: str
    about: str = ""


_SILENCE = Typeable(
    announcing.silence,
    "silence {tenant} 4h load test",
    "hold its alerts back; also {tenant},kind=spend-spike,severity=warning and until 18:00",
)
_PLANNED = Typeable(
    announcing.plan,
    "planned {tenant} 2026-11-28..2026-11-30 $500 migration",
    "let it spend up to that on each of these days",
)
WORDS: Mapping[str, Typeable] = {
    "status": Typeable(looking.status, "status", "how all stands"),
    "tenant": Typeable(
        looking.tenant, "tenant {tenant}", "its spend, budgets, alerts, silences and plans"
    ),
    "alerts": Typeable(looking.alerts, "alerts", "those that last"),
    "silence": _SILENCE,
    "silence list": Typeable(announcing.list_silences, "silence list", "or: silence list all"),
    "silence end": Typeable(announcing.end_silence, "silence end S-3", "end it now"),
    "planned": _PLANNED,
    "planned list": Typeable(announcing.list_plans, "planned list", "or: planned list all"),
    "planned end": Typeable(announcing.end_plan, "planned end P-2", "what is left of it"),
}
"""In the order of the help."""
_SHOWS = ("`spendwatch silence list --all`", "`spendwatch planned list --all`",
          "`spendwatch silence list`", "`spendwatch planned list`")  # fmt: skip


def typed(app: App, allowed: Allowed, person: Person, text: str) -> str:
    """Do what was typed, and say what came of it; only a fault of the database is raised."""
    asker = who_asks(app, allowed, person)
    if not (asker.sees_all or asker.owned):
        return f"you may not ask that here; slack.may_answer names who may (you are {person.id})"
    return "\n".join(_lines(asker, unescaped(text)))


def _lines(asker: Asker, text: str) -> Iterator[str]:
    first, rest = take_word(text)
    second, behind = take_word(rest)
    first, both = first.casefold(), f"{first} {second}".casefold()
    if both in WORDS:
        yield from _answered(asker, WORDS[both], behind)
    elif first in WORDS:
        yield from _answered(asker, WORDS[first], rest)
    else:
        yield from _help(asker, first)


def _answered(asker: Asker, typeable: Typeable, rest: str) -> Iterator[str]:
    try:
        yield from tuple(typeable.answer(asker, rest))
    except AlreadyOver as refusal:
        yield str(refusal)
    except (UsageProblem, AnnouncementRefused) as problem:
        yield _as_here(str(problem))
        yield f"like: {_written(asker, typeable.form)}"


def _help(asker: Asker, word: str) -> Iterator[str]:
    if word != "help" and not says_nothing(word):
        yield f"there is no {COMMAND} {safe_name(word)}{nearest(safe_name(word), WORDS)}"
    for each in WORDS.values():
        yield f"{_written(asker, each.form)} – {each.about.format(tenant=asker.example)}"


def _written(asker: Asker, form: str) -> str:
    return f"{COMMAND} {form.format(tenant=asker.example)}"


def _as_here(words: str) -> str:
    """Name what can be typed here as it is typed here."""
    for each in _SHOWS:
        here = each.strip("`").replace(" --all", " all").replace("spendwatch", COMMAND, 1)
        words = words.replace(each, f"`{here}`")
    return words
