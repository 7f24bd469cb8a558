"""`spendwatch health` and `status`: how the service stands, for machines and for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alerts.codec import encode
from alerts.names import safe_name
from spendwatch.app import build_app_as_is
from spendwatch.commands.opening import open_settings
from spendwatch.db import where
from spendwatch.exits import FAILED
from spendwatch.job_runs import last_done
from spendwatch.keeping import BACKUP, RETENTION
from spendwatch.moments import local_words
from spendwatch.output import print_json, print_line
from spendwatch.standing import next_due_words, standing, work_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from spendwatch.app import App
    from spendwatch.standing import Standing

_PROBLEM = 300


def health(config: Path, *, as_json: bool) -> None:
    """Print one line; leave with 1 where something is wrong."""
    found = standing(build_app_as_is(open_settings(config)))
    faults = list(found.faults())
    if as_json:
        print_json({"healthy": not faults, "words": found.words, "faults": faults})
    else:
        print_line(found.words)
    if faults:
        raise SystemExit(FAILED)


def status(config: Path, *, as_json: bool) -> None:
    """Print what was done, what waits and what is next, a line each."""
    app = build_app_as_is(open_settings(config))
    found = standing(app)
    if as_json:
        print_json(_facts(app, found))
        return
    for label, words in _lines(app, found):
        print_line(f"{label:<10} {words}")


def _facts(app: App, found: Standing) -> dict[str, Any]:
    facts: dict[str, Any] = encode(found)
    done = {job: last_done(app.engine, job) for job in (BACKUP, RETENTION)}
    return facts | {"serving": found.serving, "faults": list(found.faults())} | done


def _lines(app: App, found: Standing) -> Iterator[tuple[str, str]]:
    zone = app.directory.default_zone

    def said(at: datetime) -> str:
        return local_words(at, zone)

    yield "health", found.words
    yield "times in", zone.key
    yield "database", where(app.settings.service.database_url)
    if found.leader:
        state = "holds the lock" if found.serving else "had the lock"
        beat = f"last heard of {said(found.leader.heartbeat_at)}"
        yield "lock", f"{found.leader.words} {state} since {said(found.leader.since)}, {beat}"
    else:
        yield "lock", "nobody ever had it"
    if any(receiver.kind == "slack" for receiver in app.settings.receivers):
        posts = bool(app.settings.slack.signing_secrets)
        yield "slack", _slack(found, said, posts=posts)
    yield from work_lines(found, zone)
    if found.refused_settings:
        problems = found.refused_settings.splitlines()
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        first = safe_name(problems[0], _PROBLEM)
        yield "settings", f"new ones refused, the old ones hold: {first}{more}"
    if found.verification:
        yield "verified", found.verification.words(said)
    if found.heartbeat:
        noted = found.verification
        yield "heartbeat", noted.heartbeat_words(said) if noted else "not so far"
    for label, job in (("backup", BACKUP), ("tidied", RETENTION)):
        at = last_done(app.engine, job)
        yield label, said(at) if at else "not so far"
    yield "next due", next_due_words(found, zone)


def _slack(found: Standing, said: Callable[[datetime], str], *, posts: bool) -> str:
    if found.slack is None:
        return "not noted so far"
    before = "" if found.serving else f"when last noted, {said(found.slack.noted_at)}: "
    return before + found.slack.words(said, posts=posts)
