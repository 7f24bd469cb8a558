"""Exit codes, and how a failure is told to a person or, with --json, to a program.

Errors
------
UsageProblem    the command was asked for something that does not exist or makes no sense
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

EARLIEST_YEAR, LATEST_YEAR = 2000, 2199
LARGEST_NUMBER = 2**31 - 1
OK, FAILED, WRONG_USAGE, BUSY, WRONG_SETTINGS = 0, 1, 2, 75, 78


class UsageProblem(Exception):  # noqa: N818 - it is the user's problem to solve, told as one
    """What was asked for cannot be done; the message says what can be."""


def alert_number(text: str) -> int:
    """Read an alert's number as people write it; raises UsageProblem."""
    return _number(text, "A-", "no alert's number; `spendwatch alerts list` shows them")


def silence_number(text: str) -> int:
    """Read a silence's number, like 3 or S-3; raises UsageProblem."""
    return _number(
        text,
        "S-",
        "no silence's number; `spendwatch silence list` shows them, and those of the settings are "
        "ended there",
    )


def planned_number(text: str) -> int:
    """Read a planned event's number, like 2 or P-2; raises UsageProblem."""
    return _number(
        text,
        "P-",
        "no planned event's number; `spendwatch planned list` shows them, and those of the "
        "settings are ended there",
    )


def notification_number(text: str) -> int:
    """Read a notification's number; raises UsageProblem."""
    return _number(text, "", "no notification's number; `spendwatch outbox list` shows them")


def _number(text: str, letter: str, otherwise: str) -> int:
    digits = text.strip().upper().removeprefix(letter)
    if not (digits.isascii() and digits.isdecimal() and 0 < int(digits) <= LARGEST_NUMBER):
        raise UsageProblem(f"{text!r} is {otherwise}")
    return int(digits)


def require_day(day: date, option: str) -> date:
    """Refuse a day no usage can have; raises UsageProblem."""
    if not EARLIEST_YEAR <= day.year <= LATEST_YEAR:
        raise UsageProblem(
            f"{option} {day}: must lie in the years {EARLIEST_YEAR} to {LATEST_YEAR}"
        )
    return day


def run_reporting_errors(app: Callable[..., object], arguments: Sequence[str]) -> int:
    """Run a command line and turn what goes wrong into words and an exit code."""
    try:
        app(args=list(arguments), prog_name="spendwatch")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FAILED
    except KeyboardInterrupt:
        _tell(["interrupted; what was committed stays, run the command again"], arguments)
        return FAILED
    except Exception as error:
        code = _code_of(error)
        if code is None:
            raise
        _tell(getattr(error, "problems", None) or [str(error)], arguments)
        return code
    return OK


def _code_of(error: Exception) -> int | None:
    """Return the exit code of an error a user can do something about; None for a bug of ours."""
    # Imported here: until something fails these modules are dead weight for `--help`.
    from alerts.declaring import AnnouncementRefused
    from alerts.lifecycle import ReplyRefused
    from detector.price_table import PriceError
    from detector.sources.base import SourceError
    from spendwatch.db import DatabaseBusyError, DatabaseError
    from spendwatch.settings import ConfigError

    known: list[tuple[type[Exception], int]] = [
        (ConfigError, WRONG_SETTINGS),
        (DatabaseBusyError, BUSY),
        (UsageProblem, WRONG_USAGE),
        (AnnouncementRefused, WRONG_USAGE),
        (DatabaseError, FAILED),
        (SourceError, FAILED),
        (PriceError, FAILED),
        (ReplyRefused, FAILED),
        (OSError, FAILED),
    ]
    return next((code for kind, code in known if isinstance(error, kind)), None)


def _tell(problems: Sequence[str], arguments: Sequence[str]) -> None:
    if "--json" in arguments:
        sys.stdout.write(json.dumps({"error": problems[0], "problems": list(problems)}) + "\n")
        return
    for problem in problems:
        sys.stderr.write(f"spendwatch: {problem}\n")
    if len(problems) > 1:
        sys.stderr.write(f"spendwatch: {len(problems)} problems\n")
