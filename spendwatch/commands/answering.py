"""`spendwatch alerts ack`, `dismiss`, `snooze` and `undo`: answers, and what they would do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alerts import store
from alerts.model import Verb, Verdict
from alerts.names import safe_name, says_nothing
from alerts.numbers import count
from alerts.outlook import wake_words
from alerts.replies import Answer, answer, midnight, require_alert
from alerts.verdicts import LOOK_BACK, preview, until_problem
from spendwatch import conversion
from spendwatch.commands.looking_up import facts_of, require_member
from spendwatch.commands.opening import acting_user, open_for_answer
from spendwatch.db import reading, writing
from spendwatch.exits import UsageProblem, calendar_day
from spendwatch.moments import end_words, parse_end
from spendwatch.output import print_json, print_line
from spendwatch.situation import display_names

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from pathlib import Path

    from alerts.model import Alert
    from alerts.replies import Answered
    from alerts.verdicts import Preview
    from spendwatch.app import App

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Said:
    """What every answer may carry: a note, and who gives it."""

    note: str = ""
    actor: str = ""

    @property
    def nothing(self) -> bool:
        """Whether neither was given."""
        return says_nothing(self.note) and not self.actor


@dataclass(frozen=True, slots=True)
class Dismissal:
    """How a dismissal was typed; ``only_preview`` asks for what it would do."""

    verdict: str = ""
    until: str = ""
    only_preview: bool = False

    @property
    def chosen(self) -> Verdict | None:
        """The verdict that was typed; None where none was."""
        return require_member(Verdict, self.verdict, "--verdict") if self.verdict else None

    @property
    def last_day(self) -> date | None:
        """The last day that was typed; None where none was."""
        return calendar_day(self.until) if self.until else None


def acknowledge(config: Path, number: int, said: Said, *, as_json: bool) -> None:
    """Say that somebody is on it."""
    given = Answer(Verb.ACKNOWLEDGE, acting_user(said.actor), note=said.note)
    _answer(open_for_answer(config), number, given, as_json=as_json)


def snooze(
    config: Path, number: int, until: str, lasting: str, said: Said, *, as_json: bool
) -> None:
    """Be quiet until a time, then tell it again if it still lasts."""
    app = open_for_answer(config)
    end = parse_end(until, lasting, app.directory.default_zone, app.clock())
    given = Answer(Verb.SNOOZE, acting_user(said.actor), note=said.note, until=end)
    _answer(app, number, given, as_json=as_json)


def undo(config: Path, number: int, actor: str, *, as_json: bool) -> None:
    """Take the newest answer back."""
    _answer(open_for_answer(config), number, Answer(Verb.UNDO, acting_user(actor)), as_json=as_json)


def dismiss(config: Path, number: int, asked: Dismissal, said: Said, *, as_json: bool) -> None:
    """Say why it needs nobody, and teach that; without a verdict show what each would do."""
    chosen, until = asked.chosen, asked.last_day
    app = open_for_answer(config)
    if chosen is not None and not asked.only_preview:
        given = Answer(
            Verb.DISMISS,
            acting_user(said.actor),
            verdict=chosen,
            note=said.note,
            until=midnight(until) if until else None,
        )
        _answer(app, number, given, as_json=as_json)
        return
    # A person reads that nothing was changed, and what else they said shows that it was meant as
    # an answer; a program reads the exit code alone, and asks with --preview.
    meant = as_json or until or not said.nothing
    lacking = bool(chosen is None and not asked.only_preview and meant)
    _preview(app, number, asked, lacking=lacking, as_json=as_json)


def _answer(app: App, number: int, given: Answer, *, as_json: bool) -> None:
    now = app.clock()
    with writing(app.engine) as session:
        answered = answer(session, number, given, now, conversion.teaching(app.settings))
    wakes = _wakes(app, answered)
    if as_json:
        print_json(facts_of(answered.alert) | {"words": answered.words, "wakes": wakes})
        return
    print_line(f"{answered.words}{f'; {wakes}' if wakes else ''}")
    if answered.alert.snoozed_until:
        zone = app.directory.default_zone
        print_line(f"  it ends {end_words(answered.alert.snoozed_until, zone)}")


def _wakes(app: App, answered: Answered) -> str:
    if answered.reply.to_state is not answered.alert.state:
        return ""
    return wake_words(answered.alert, conversion.alert_rules(app.settings))


def _preview(app: App, number: int, asked: Dismissal, *, lacking: bool, as_json: bool) -> None:
    """Show what one verdict would do, or each; refuse where one is ``lacking``."""
    with reading(app.engine) as session:
        alert = require_alert(session, number)
        others = store.list_alerts(session, tenant=alert.tenant, kind=alert.kind)
        names = display_names(app, session)
    name = names.get(alert.tenant, alert.tenant)
    teaching, now = conversion.teaching(app.settings), app.clock()
    chosen, until = asked.chosen, asked.last_day
    if chosen and until and (problem := until_problem(alert, chosen, until, now)):
        raise UsageProblem(problem)
    verdicts = [chosen] if chosen else list(Verdict)
    seen = [preview(alert, each, others, now, teaching, name, until) for each in verdicts]
    facts = {"reference": f"A-{number}", "verdicts": list(map(_facts, seen))}
    if not as_json:
        _print_preview(alert, name, seen)
    if lacking:
        raise UsageProblem(_how_to_go_on(number, asked), facts)
    if as_json:
        print_json(facts)
    else:
        print_line(_how_to_go_on(number, asked))


def _print_preview(alert: Alert, name: str, seen: Sequence[Preview]) -> None:
    """Print each verdict with its effect; one effect of all is printed once."""
    print_line(f"A-{alert.number}, {alert.kind} of {safe_name(name or alert.finding.subject)}")
    print_line(f"{_others(seen[0], alert)} in the last {LOOK_BACK.days} days")
    effects = [f"{each.effect}{_with_until(each)}{_covers(each)}" for each in seen]
    shared = len(seen) > 1 and len(set(effects)) == 1
    for each, effect in zip(seen, effects, strict=True):
        print_line(f"{each.verdict.value}: {each.meaning}")
        if not shared:
            print_line(f"  {effect}")
    if shared:
        print_line(f"  each of them: {effects[0]}")


def _how_to_go_on(number: int, asked: Dismissal) -> str:
    which = " so" if asked.chosen else ", choose one of these words"
    until = f" --until {asked.last_day}" if asked.last_day else ""
    command = f"spendwatch alerts dismiss {number} --verdict {asked.chosen or 'WORD'}{until}"
    return f"nothing was changed; to dismiss it{which}: {command}"


def _others(seen: Preview, alert: Alert) -> str:
    kind = alert.kind.value
    return count(seen.others, f"other {kind}") if seen.others else f"no other {kind}"


def _with_until(seen: Preview) -> str:
    return f"{seen.lasting} (--until)" if seen.lasting else ""


def _covers(seen: Preview) -> str:
    """Say how many of the others the same answer would have covered."""
    if not seen.others:
        return ""
    named = ", ".join(f"A-{each.number}" for each in seen.covered[:_NAMED])
    more = "" if len(seen.covered) <= _NAMED else ", ..."
    return f"; would have covered {len(seen.covered)} of them{f' ({named}{more})' if named else ''}"


def _facts(seen: Preview) -> dict[str, Any]:
    return {
        "verdict": seen.verdict,
        "meaning": seen.meaning,
        "effect": seen.effect,
        "covered": [f"A-{each.number}" for each in seen.covered],
        "others": seen.others,
    }
