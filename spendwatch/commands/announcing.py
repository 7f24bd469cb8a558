"""`spendwatch silence` and `spendwatch planned`: add, list, end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from alerts.names import safe_name
from spendwatch import announcing
from spendwatch.announcement_words import (
    plan_end_words,
    plan_facts,
    plan_row,
    preview_facts,
    silence_end_words,
    silence_facts,
    silence_row,
)
from spendwatch.announcing import COMMAND_LINE, AskedPlan, AskedSilence, today_of
from spendwatch.commands.opening import acting_user, open_app
from spendwatch.output import print_json, print_line, print_table

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["AskedPlan", "AskedSilence"]


def add_silence(config: Path, asked: AskedSilence, *, as_json: bool) -> None:
    """Show what a silence would have held back, then store it unless that was all."""
    app = open_app(config)
    now = app.clock()
    done = announcing.add_silence(app, replace(asked, actor=_who(asked.actor)), now)
    if as_json:
        facts = silence_facts(done.silence, now) | {"stored": done.stored}
        print_json(facts | {"preview": preview_facts(done.seen), "words": done.stranger})
        return
    for words in done.words(app.directory.default_zone, now, COMMAND_LINE):
        print_line(words)


def list_silences(config: Path, *, everything: bool, as_json: bool) -> None:
    """List silences, those of the settings first."""
    app = open_app(config)
    now, zone = app.clock(), app.directory.default_zone
    found = announcing.list_silences(app, now, everything=everything)
    if as_json:
        print_json([silence_facts(each, now) for each in found])
        return
    columns = ["silence", "tenant", "kind", "severity", "from", "until", "state", "by", "comment"]
    rows = [silence_row(each, now, zone) for each in found]
    if rows:
        print_table(columns, rows, f"times in {zone.key}", words=len(columns))
    if not found:
        print_line("no silences" if everything else "no silence lasts; --all shows past ones")


def end_silence(config: Path, number: int, actor: str, *, as_json: bool) -> None:
    """End a silence now."""
    app = open_app(config)
    now = app.clock()
    ended = announcing.end_silence(app, number, _who(actor), now)
    if as_json:
        print_json(silence_facts(ended, now))
        return
    print_line(silence_end_words(ended))


def add_planned_event(config: Path, asked: AskedPlan, *, as_json: bool) -> None:
    """Show what a plan would have held back, then store it unless that was all."""
    app = open_app(config)
    now = app.clock()
    done = announcing.add_plan(app, replace(asked, actor=_who(asked.actor)), now)
    if as_json:
        facts = plan_facts(done.plan, today_of(app, done.plan.tenant, now))
        meets = {"stored": done.stored, "meets": [each.reference for each in done.others]}
        print_json(facts | meets | {"preview": preview_facts(done.seen), "words": done.stranger})
        return
    for words in done.words(COMMAND_LINE):
        print_line(words)


def list_planned_events(config: Path, *, everything: bool, as_json: bool) -> None:
    """List planned events, those of the settings first."""
    app = open_app(config)
    found = announcing.list_plans(app, app.clock(), everything=everything)
    if as_json:
        print_json([plan_facts(*each) for each in found])
        return
    columns = ["planned", "tenant", "from", "to", "state", "by", "comment", "ceiling a day"]
    if found:
        print_table(columns, [plan_row(*each) for each in found], words=len(columns) - 1)
    if not found:
        print_line("no planned events" if everything else "nothing is planned; --all: past ones")


def end_planned_event(config: Path, number: int, actor: str, *, as_json: bool) -> None:
    """Take the days that were not judged yet from a planned event."""
    app = open_app(config)
    ended = announcing.end_plan(app, number, _who(actor))
    if as_json:
        print_json(plan_facts(ended, today_of(app, ended.tenant, app.clock())))
        return
    print_line(plan_end_words(ended))


def _who(actor: str) -> str:
    return safe_name(acting_user(actor))
