"""The diagram in docs/alerts.md draws every move that an alert can make, and no other."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from alerts.knowledge import mark_told
from alerts.lifecycle import ReplyRefused, observe, reply, undo
from alerts.model import AlertRules, AlertState, Change, Reply, Verb, Verdict
from tests.builders import DAY, NOW, an_alert, spike

PAGE = Path(__file__).parents[2] / "docs" / "alerts.md"
RULES = AlertRules(normal_days=1)
ONE = timedelta(days=1)
DEPTH = 5


def drawn():
    text = PAGE.read_text(encoding="utf-8")
    return set(re.findall(r"^    (\w+) --> (\w+): ", text, re.MULTILINE))


def answered(verb):
    def move(alert, given, at):
        verdict = Verdict.REAL if verb is Verb.DISMISS else None
        until = at + 30 * ONE if verb is Verb.SNOOZE else None
        after = reply(alert, verb, verdict, at, until=until)
        if after == alert:
            return alert, given  # kept on record
        kept = Reply(1, verb, "ana", at, alert.state, after.state, verdict, until=until)
        return after, (*given, kept)

    return move


def taken_back(alert, given, at):
    if not given:
        return alert, given
    return undo(alert, given[-1], given[-2] if len(given) > 1 else None, at), given[:-1]


def judged_normal(alert, given, at):
    return observe(alert, None, DAY + (at - NOW), at, RULES)[0], given


def found_again(alert, given, at):
    return observe(alert, spike(DAY + (at - NOW)), DAY + (at - NOW), at, RULES)[0], given


def told(change):
    def move(alert, given, at):
        return (alert if alert.ended else mark_told(alert, alert.finding, change, at)), given

    return move


MOVES = (
    *(answered(verb) for verb in (Verb.ACKNOWLEDGE, Verb.SNOOZE, Verb.DISMISS)),
    taken_back,
    judged_normal,
    found_again,
    told(Change.WORSE),
)


def moves_from(alert, given=(), step=1):
    """Every pair of states that some life of at most DEPTH moves goes through."""
    pairs = set()
    for move in MOVES if step <= DEPTH else ():
        try:
            after, kept = move(alert, given, NOW + step * ONE)
        except ReplyRefused:
            continue
        if after != alert:
            pairs |= {(alert.state.value, after.state.value)}
            pairs |= moves_from(after, kept, step + 1)
    return pairs


def test_the_diagram_draws_every_move_and_no_other():
    # What is open or over and stays so has not moved, whatever was noted about it.
    stays = {(state.value,) * 2 for state in (AlertState.OPEN, AlertState.RESOLVED)}
    stays.add((AlertState.ACKNOWLEDGED.value,) * 2)
    assert drawn() == moves_from(an_alert(number=1)) - stays
