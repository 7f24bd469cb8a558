"""What `spendwatch check --live` adds: whatever the settings name is asked whether it is there."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alerts.numbers import count
from detector.sources.base import SourceError
from detector.sources.csv_file import list_files
from spendwatch.live import Mark, Seen
from spendwatch.output import print_line
from spendwatch.settings_sections import CsvFileSource
from spendwatch.settings_slack import SlackReceiver

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from spendwatch.settings import Settings, Source

_ANY_TOKEN = re.compile(r"(?:xox[a-z]|xapp)-\S+")


def ask_all(settings: Settings, problems: Iterable[str]) -> Iterator[Seen]:
    """Ask each thing in turn, after what was found wrong on this machine; masks every token."""
    for problem in problems:
        about, _, words = problem.partition(": ")
        yield Seen(about, Mark.WRONG, words)
    for seen in (*_sources(settings), *_slack(settings)):
        yield replace(seen, words=_masked(seen.words, settings))


def print_seen(seen: Seen) -> None:
    """Print one line."""
    print_line(f"  {seen.mark.value:<8} {seen.about:<28} {seen.words}")


def summary(found: Counter[Mark]) -> str:
    """Say in one line how it was."""
    if not found[Mark.WRONG] and not found[Mark.WARNING]:
        return "all is well, and nothing was posted"
    return f"{found[Mark.WRONG]} wrong, {count(found[Mark.WARNING], 'warning')}; nothing was posted"


def facts(found: Iterable[Seen]) -> list[dict[str, Any]]:
    """Give programs the same."""
    return [{"about": each.about, "mark": each.mark.value, "words": each.words} for each in found]


def _sources(settings: Settings) -> Iterator[Seen]:
    for source in settings.sources:
        # What is missing altogether was found before.
        if not isinstance(source, CsvFileSource) or source.path.exists():
            yield Seen(f"sources.{source.name}", *_source(source))


def _source(source: Source) -> tuple[Mark, str]:
    if not isinstance(source, CsvFileSource):
        return Mark.OK, "made up here: it always answers"
    try:
        files = list_files(source.path)
    except SourceError as error:
        mark = Mark.WARNING if os.access(source.path, os.R_OK | os.X_OK) else Mark.WRONG
        return mark, str(error)
    closed = next((each for each in files if not os.access(each, os.R_OK)), None)
    if closed:
        return Mark.WRONG, f"{closed} cannot be read by this user"
    return Mark.OK, f"{source.path}: {count(len(files), 'file')}"


def _slack(settings: Settings) -> Iterator[Seen]:
    if any(isinstance(each, SlackReceiver) for each in settings.receivers):
        # Half a second of imports that whoever has no Slack need not wait for.
        from spendwatch.slack.trying import ask_slack

        yield from ask_slack(settings)


def _masked(words: str, settings: Settings) -> str:
    """Take every token out, wherever it came from."""
    for token in (settings.slack.bot_token, settings.slack.app_token):
        if value := token.get_secret_value():
            words = words.replace(value, "***")
    return _ANY_TOKEN.sub("***", words)
