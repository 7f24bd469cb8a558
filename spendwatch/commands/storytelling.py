"""`spendwatch alerts show` and `why`: one alert as it stands, and how it came to that."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from alerts import settling, store
from alerts.codec import encode
from alerts.lifecycle import come_due, state_at
from alerts.messages import ENDS, alert_message
from alerts.model import AlertState, Change
from alerts.names import safe_name
from alerts.numbers import full_day, money
from alerts.outlook import outlook
from alerts.policy import decide
from alerts.render.text import render_text
from alerts.replies import in_force, require_alert, teaches
from alerts.story import story_of
from spendwatch import conversion
from spendwatch.commands.looking_up import as_of, facts_of, undelivered_words
from spendwatch.commands.opening import open_app
from spendwatch.db import reading
from spendwatch.moments import local_words
from spendwatch.output import print_json, print_line, print_table
from spendwatch.situation import display_names, telling

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from alerts.model import Alert, Reply
    from alerts.notice import Message
    from alerts.store import Decision
    from alerts.taken import Telling
    from spendwatch.app import App

_AGAIN = frozenset({Change.REVISED, Change.WITHDRAWN})
"""What a day that was judged again does to an alert; their detail says what it cost."""


def show(config: Path, number: int, *, as_json: bool) -> None:
    """Show an alert as it would be told now, with its evidence."""
    app = open_app(config)
    with reading(app.engine) as session:
        alert = as_of(require_alert(session, number), app.clock())
        replies = store.replies_of(session, number)
        decisions = store.decisions_of(session, number)
        names = display_names(app, session)
        keys = {each.message_key for each in decisions}
        undelivered = [
            each
            for each in settling.entries(session, settling.UNDELIVERED)
            if each.alert_number == number or each.key in keys
        ]
    if as_json:
        story = {"replies": encode(replies), "decisions": [encode(each) for each in decisions]}
        print_json(facts_of(alert) | story)
        return
    answers = in_force(replies)
    newest = answers[-1] if answers else None
    change = _stands(alert, decisions)
    message = _message(app, alert, change, newest, names.get(alert.tenant, alert.tenant))
    print_line(render_text(message, colour=sys.stdout.isatty()))
    if change is not Change.WITHDRAWN:
        _print_drivers(alert)
    print_line()
    for words in _judged_again(decisions):
        print_line(words)
    day = alert.finding.day
    if not alert.ended and not app.is_final(day):
        zone = app.directory.default_zone
        until = local_words(app.final_at(day), zone)
        print_line(f"{full_day(day)} is provisional: it may still change until {until}")
    if alert.held:
        what = "newer news" if alert.announced else "not told so far:"
        print_line(f"{what} held back, {alert.held}")
    if undelivered:
        print_line(undelivered_words(undelivered))
    print_line(f"how it came to that: spendwatch alerts why {number}")


def _judged_again(decisions: Sequence[Decision]) -> Iterator[str]:
    """Say what a day that was judged again cost, the newest such change alone."""
    again = [each for each in decisions if each.change in _AGAIN and each.detail]
    for each in again[-1:]:
        yield f"{each.change}, {full_day(each.day)}: {each.detail}"


def _stands(alert: Alert, decisions: Sequence[Decision]) -> Change:
    """Say how an alert came to its end; UNCHANGED where it has none, or was dismissed."""
    if alert.state is not AlertState.RESOLVED:
        return Change.UNCHANGED
    return next(
        (each.change for each in reversed(decisions) if each.change in ENDS), Change.RESOLVED
    )


def _message(app: App, alert: Alert, change: Change, newest: Reply | None, name: str) -> Message:
    effect = teaches(alert, newest, conversion.teaching(app.settings), name) if newest else ""
    return alert_message(alert, change, {alert.tenant: name}, reply=newest, effect=effect)


def _print_drivers(alert: Alert) -> None:
    rows = [
        [
            f"{driver.model or '(no model)'} in {driver.feature or '(no feature)'}",
            money(driver.expected_micro_usd),
            money(driver.actual_micro_usd),
            money(driver.change_micro_usd, signed=True),
            money(driver.volume_micro_usd, signed=True),
            money(driver.price_micro_usd, signed=True),
            money(driver.mix_micro_usd, signed=True),
        ]
        for driver in alert.finding.drivers
    ]
    if rows:
        print_line()
        headings = ["driver", "expected", "actual", "change", "volume", "price", "mix"]
        print_table(headings, rows)


def why(config: Path, number: int, *, as_json: bool) -> None:
    """Tell everything that happened to an alert, and what it would take to hear of it again."""
    tell_story(open_app(config), number, as_json=as_json)


def tell_story(app: App, number: int, *, as_json: bool = False, indent: str = "") -> None:
    """Print the story of an alert, oldest first."""
    zone = app.directory.default_zone
    with reading(app.engine) as session:
        around = telling(app, session)
        alert = require_alert(session, number)
        story = story_of(session, number, lambda at: local_words(at, zone))
    last = _outlook(app, alert, around)
    if as_json:
        steps = [
            {"at": each.at, "what": each.what, "words": each.words} | each.facts for each in story
        ]
        print_json([*steps, {"at": around.situation.now, "what": "outlook", "words": last}])
        return
    name = safe_name(around.names.get(alert.tenant, alert.tenant) or alert.finding.subject)
    state = state_at(alert, around.situation.now)
    print_line(f"{indent}A-{number}, {alert.kind} of {name}, {state}; times in {zone.key}")
    for each in story:
        print_line(f"{indent}  {each.at.astimezone(zone):%Y-%m-%d %H:%M}  {each.words}")
    print_line(f"{indent}  now: {last}")


def _outlook(app: App, alert: Alert, around: Telling) -> str:
    zone, now = app.directory.default_zone, around.situation.now
    _, due = come_due(alert, now, around.rules)
    change = due if due is Change.WOKEN else Change.RELEASED
    ruling = decide(alert, change, around.situation, receiver=around.receiver_of(alert))
    detail = f", {ruling.detail}" if ruling.detail else ""
    return outlook(
        alert,
        around.rules,
        now,
        held="" if ruling.told else f"{ruling.reason}{detail}",
        said=lambda at: local_words(at, zone),
    )
