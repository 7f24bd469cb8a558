"""`/spendwatch silence ...` and `planned ...`: the same as on the command line, typed shorter."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from spendwatch import announcing
from spendwatch.announcement_words import (
    plan_end_words,
    plan_line,
    silence_end_words,
    silence_line,
)
from spendwatch.announcing import AskedPlan, AskedSilence, Tongue
from spendwatch.db import reading
from spendwatch.exits import UsageProblem, calendar_day, planned_number, silence_number
from spendwatch.slack.asking import COMMAND
from spendwatch.slack.looking import some

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spendwatch.slack.asking import Asker

HERE = Tongue(program=COMMAND, mark="")
PREVIEW = "preview"
_WORD = re.compile(r"\s*((?:\"[^\"]*\"|“[^”]*”|\S)+)\s*(.*)", re.DOTALL)
_PART = re.compile(r"(?:\"[^\"]*\"|“[^”]*”|[^,])+")
_MATCHER = re.compile(r"(kind|severity)=(.+)", re.DOTALL | re.IGNORECASE)
_QUOTES = '"“”'
_DAY = re.compile(r"\d{4}-\d{1,2}-\d{1,2}", re.ASCII)
_CLOCK = re.compile(r"\d{1,2}:\d\d\S*", re.ASCII)
_ALL = ("all", "--all")


def take_word(text: str) -> tuple[str, str]:
    """Take the first word from a text; what is in quotation marks is part of one."""
    found = _WORD.match(text)
    return (found[1], found[2]) if found else ("", "")


def silence(asker: Asker, rest: str) -> Iterator[str]:
    """Announce a silence, and say what it would have held back."""
    asked, now = _asked_silence(asker, rest), asker.app.clock()
    done = announcing.add_silence(asker.app, asked, now, HERE)
    yield from done.words(asker.app.directory.default_zone, now, HERE)


def list_silences(asker: Asker, rest: str) -> Iterator[str]:
    """List the silences of the tenants they may see."""
    now, zone = asker.app.clock(), asker.app.directory.default_zone
    found = announcing.list_silences(asker.app, now, everything=_wants_all(rest))
    mine = [silence_line(each, zone, now) for each in found if asker.sees(each.tenant)]
    none = f"no silence lasts; {COMMAND} silence list all shows past ones"
    yield from some(mine, "no silences" if _wants_all(rest) else none)


def end_silence(asker: Asker, rest: str) -> Iterator[str]:
    """End a silence now, if it is of a tenant they may answer for."""
    number, actor = silence_number(rest), asker.person.actor
    ended = announcing.end_silence(asker.app, number, actor, asker.app.clock(), asker.sees)
    yield silence_end_words(ended)


def plan(asker: Asker, rest: str) -> Iterator[str]:
    """Declare spend beforehand, and say what that would have held back."""
    done = announcing.add_plan(asker.app, _asked_plan(asker, rest), asker.app.clock(), HERE)
    yield from done.words(HERE)


def list_plans(asker: Asker, rest: str) -> Iterator[str]:
    """List the planned events of the tenants they may see."""
    found = announcing.list_plans(asker.app, asker.app.clock(), everything=_wants_all(rest))
    mine = [plan_line(each, today) for each, today in found if asker.sees(each.tenant)]
    none = f"nothing is planned; {COMMAND} planned list all shows past ones"
    yield from some(mine, "no planned events" if _wants_all(rest) else none)


def end_plan(asker: Asker, rest: str) -> Iterator[str]:
    """Take the days that were not judged yet from a planned event of theirs."""
    number, actor = planned_number(rest), asker.person.actor
    yield plan_end_words(announcing.end_plan(asker.app, number, actor, asker.sees))


def _asked_silence(asker: Asker, rest: str) -> AskedSilence:
    target, only_preview, rest = _target(rest)
    tenant, matchers = _matchers(target)
    until, lasting, comment = _end(rest)
    return AskedSilence(
        tenant=_silenced(asker, tenant),
        kind=matchers.get("kind", ""),
        severity=matchers.get("severity", ""),
        begin="",
        until=until,
        lasting=lasting,
        comment=comment,
        actor=asker.person.actor,
        only_preview=only_preview,
    )


def _asked_plan(asker: Asker, rest: str) -> AskedPlan:
    target, only_preview, rest = _target(rest)
    tenant = _planned(asker, target.strip(_QUOTES))
    days, rest = take_word(rest)
    ceiling, comment = take_word(rest)
    if not (tenant and days and ceiling):
        raise UsageProblem("say who will spend, on which days, and up to how much a day")
    first, several, last = days.partition("..")
    asked = AskedPlan(
        tenant=tenant,
        first_day=calendar_day(first),
        last_day=calendar_day(last if several else first),
        ceiling=ceiling.removeprefix("$"),
        comment=comment,
        actor=asker.person.actor,
    )
    return replace(asked, only_preview=only_preview)


def _target(text: str) -> tuple[str, bool, str]:
    """Take what it is about, and whether it is only to be looked at."""
    target, rest = take_word(text)
    only_preview = target.casefold() == PREVIEW
    if only_preview:
        target, rest = take_word(rest)
    return target, only_preview, rest


def _matchers(target: str) -> tuple[str, dict[str, str]]:
    """Take a target apart: the tenant, perhaps none, then what else has to fit."""
    parts = [part for part in _PART.findall(target) if part.strip()]
    tenant = parts.pop(0).strip(_QUOTES) if parts and not _MATCHER.fullmatch(parts[0]) else ""
    matchers: dict[str, str] = {}
    for part in parts:
        found = _MATCHER.fullmatch(part)
        if found is None or found[1].casefold() in matchers:
            raise UsageProblem(
                f"{part!r} behind a comma is neither kind=... nor severity=..., each once; a name "
                "with commas or spaces stands in quotation marks"
            )
        matchers[found[1].casefold()] = found[2].strip(_QUOTES)
    return tenant, matchers


def _end(text: str) -> tuple[str, str, str]:
    """Take when it ends: until a moment, or a length; the comment is the rest."""
    word, rest = take_word(text)
    if word.casefold() == "for":
        word, rest = take_word(rest)
    if word.casefold() != "until":
        return "", word, rest
    moment, rest = take_word(rest)
    clock, behind = take_word(rest)
    if _DAY.fullmatch(moment) and _CLOCK.fullmatch(clock):
        # The date's own form knows no hour of one digit.
        return f"{moment}T{clock if clock[1] != ':' else f'0{clock}'}", "", behind
    return moment, "", rest


def _silenced(asker: Asker, typed: str) -> str:
    """Return the tenant to silence; for whoever sees all also a pattern, or nothing."""
    found = typed if "*" in typed else _planned(asker, typed)
    if not asker.sees_all and (not found or "*" in found):
        raise UsageProblem(
            "a silence for more tenants than yours is for whoever may answer everything; name one"
        )
    return found


def _planned(asker: Asker, typed: str) -> str:
    """Return the tenant that will spend; whoever sees all may name a new one."""
    if not typed:
        return ""
    with reading(asker.app.engine) as session:
        if asker.sees_all:
            return asker.look_for(session, typed) or typed
        return asker.find(session, typed)


def _wants_all(rest: str) -> bool:
    return rest.strip().casefold() in _ALL
