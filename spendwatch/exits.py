"""Exit codes, and how a failure is told to a person or, with --json, to a program.

One rule for every command: what is asked for in a way that can never be (an unknown number, a wrong
option, a missing value) is wrong usage; what somebody has done already, or what its state forbids,
has failed.

Errors
------
UsageProblem    the command was asked for something that does not exist or makes no sense
"""

from __future__ import annotations

import json
import re
import sys
from datetime import date
from typing import TYPE_CHECKING, Any

import typer

from spendwatch.secrecy import veiled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

EARLIEST_YEAR, LATEST_YEAR = 2000, 2199
LARGEST_NUMBER = 2**31 - 1
OK, FAILED, WRONG_USAGE, BUSY, WRONG_SETTINGS, INTERRUPTED = 0, 1, 2, 75, 78, 130


class UsageProblem(Exception):  # noqa: N818 - it is the user's problem to solve, told as one
    """What was asked for cannot be done; the message says what can be.

    ``facts`` are told to a program beside the problem, so that it can choose.
    """

    def __init__(self, message: str, facts: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.facts = dict(facts or {})


def alert_number(text: str) -> int:
    """Read an alert's number as people write it; raises UsageProblem."""
    return _number(text, "A", "no alert's number; `spendwatch alerts list` shows them")


def silence_number(text: str) -> int:
    """Read a silence's number, like 3 or S-3; raises UsageProblem."""
    return _number(
        text,
        "S",
        "no silence's number; `spendwatch silence list` shows them, and those of the settings are "
        "ended there",
    )


def planned_number(text: str) -> int:
    """Read a planned event's number, like 2 or P-2; raises UsageProblem."""
    return _number(
        text,
        "P",
        "no planned event's number; `spendwatch planned list` shows them, and those of the "
        "settings are ended there",
    )


def message_number(text: str) -> int:
    """Read the number of a message in the outbox; raises UsageProblem."""
    return _number(text, "", "no message's number; `spendwatch outbox list` shows them")


def _number(text: str, letter: str, otherwise: str) -> int:
    """Read 3, #3 and, where such a thing is named by a letter, S-3 and S3."""
    named = f"#|{letter}-?" if letter else "#"
    found = re.fullmatch(rf"(?:{named})?(\d{{1,10}})", text.strip(), re.ASCII | re.IGNORECASE)
    if found is None or not 0 < int(found[1]) <= LARGEST_NUMBER:
        raise UsageProblem(f"{text!r} is {otherwise}")
    return int(found[1])


def calendar_day(text: str) -> date:
    """Read a calendar day that usage can have; raises UsageProblem."""
    found = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", text.strip(), re.ASCII)
    try:
        day = date(*map(int, found.groups())) if found else None
    except ValueError:
        day = None
    if day is None:
        raise UsageProblem(f"{text!r} is no day; write it like 2026-11-24")
    if not EARLIEST_YEAR <= day.year <= LATEST_YEAR:
        raise UsageProblem(f"the day {day} must lie in the years {EARLIEST_YEAR} to {LATEST_YEAR}")
    return day


def run_reporting_errors(app: Callable[..., object], arguments: Sequence[str]) -> int:
    """Run a command line and turn what goes wrong into words and an exit code."""
    try:
        code = _run(app, arguments)
    except Exception as error:
        known = _code_of(error)
        if known is None:
            raise
        problems = [veiled(each) for each in getattr(error, "problems", None) or [_words(error)]]
        _tell(problems, getattr(error, "facts", {}), arguments)
        return known
    if code == INTERRUPTED:
        _tell(["interrupted; what was committed stays, run the command again"], {}, arguments)
    return code


def _run(app: Callable[..., object], arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code.

    Of a line that cannot be read a person is told by typer, with the usage of the command; for a
    program it is raised, to be told like everything else.
    """
    for_people = not _for_program(arguments)
    try:
        done = app(args=list(arguments), prog_name="spendwatch", standalone_mode=for_people)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FAILED
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    return done if isinstance(done, int) else OK


def _for_program(arguments: Sequence[str]) -> bool:
    return "--json" in arguments


def _code_of(error: Exception) -> int | None:
    """Return the exit code of an error a user can do something about; None for a bug of ours."""
    # Imported here: until something fails these modules are dead weight for `--help`.
    from alerts.channels.base import ChannelError
    from alerts.declaring import AlreadyOver, AnnouncementRefused
    from alerts.lifecycle import ReplyRefused, SenselessReply
    from detector.price_table import PriceError
    from detector.sources.base import SourceError
    from spendwatch.db import DatabaseBusyError, DatabaseError
    from spendwatch.settings import ConfigError

    known: dict[type, int] = {
        ConfigError: WRONG_SETTINGS,
        DatabaseBusyError: BUSY,
        typer.TyperException: WRONG_USAGE,
        UsageProblem: WRONG_USAGE,
        AnnouncementRefused: WRONG_USAGE,
        SenselessReply: WRONG_USAGE,
        AlreadyOver: FAILED,
        ReplyRefused: FAILED,
        ChannelError: FAILED,
        DatabaseError: FAILED,
        SourceError: FAILED,
        PriceError: FAILED,
        OSError: FAILED,
    }
    # The nearest class decides, so that a refusal can be told apart from its own special cases.
    return next((known[kind] for kind in type(error).__mro__ if kind in known), None)


def _words(error: Exception) -> str:
    return error.format_message() if isinstance(error, typer.TyperException) else str(error)


def _tell(problems: Sequence[str], facts: Mapping[str, Any], arguments: Sequence[str]) -> None:
    if _for_program(arguments):
        told = {"error": problems[0], "problems": list(problems), **facts}
        sys.stdout.write(json.dumps(told) + "\n")
        return
    for problem in problems:
        sys.stderr.write(f"spendwatch: {problem}\n")
    if len(problems) > 1:
        sys.stderr.write(f"spendwatch: {len(problems)} problems\n")
