"""The options that many commands share."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Optional

import typer

from spendwatch.exits import UsageProblem, alert_number, calendar_day


def require_words(context: typer.Context, option: typer.CallbackParam, text: str) -> str:
    """Refuse an option that was given and says nothing; raises UsageProblem.

    A script whose variable is empty must not act in another name, or on everything.
    """
    from alerts.names import says_nothing

    source = context.get_parameter_source(option.name)
    if source is not None and source.name != "DEFAULT" and says_nothing(text):
        raise UsageProblem(f"{option.opts[0]} says nothing: give it a value, or leave it out")
    return text


def refuse_option(context: typer.Context, name: str, why: str) -> None:
    """Refuse an option that was written in the command; raises UsageProblem.

    One from the environment is meant for other commands too.
    """
    source = context.get_parameter_source(name)
    if source is not None and source.name == "COMMANDLINE":
        raise UsageProblem(f"{why}: leave out --{name}")


# Typer reads these annotations when a command is built, so they stay real types at run time.
ConfigOption = Annotated[
    Path,
    typer.Option("--config", envvar="SPENDWATCH_CONFIG", help="The settings file."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
DayOption = Annotated[
    Optional[date],  # noqa: UP045 - typer builds its parser from this form on every Python
    typer.Option(parser=calendar_day, metavar="DAY", help="A calendar day, like 2026-11-12."),
]
FromOption = Annotated[
    Optional[date],  # noqa: UP045 - as above
    typer.Option("--from", parser=calendar_day, metavar="DAY", help="First day."),
]
SinceOption = Annotated[
    Optional[date],  # noqa: UP045 - as above
    typer.Option(
        "--since", parser=calendar_day, metavar="DAY", help="First day; by default 90 days ago."
    ),
]
FirstDay = Annotated[
    date, typer.Option("--from", parser=calendar_day, metavar="DAY", help="First day.")
]
ToOption = Annotated[
    Optional[date],  # noqa: UP045 - as above
    typer.Option("--to", parser=calendar_day, metavar="DAY", help="Last day."),
]
ColumnOption = Annotated[
    Optional[list[str]],  # noqa: UP045 - as above
    typer.Option("--column", metavar="OURS=THEIRS", help="Map a column name; repeat as needed."),
]
RepriceOption = Annotated[
    bool, typer.Option("--reprice", help="Price tokens by our table, ignore cost_usd.")
]
UsageOption = Annotated[
    Optional[Path],  # noqa: UP045 - as above
    typer.Option("--usage", help="Replay a file or folder (CSV, Parquet) and not the ledger."),
]
OutOption = Annotated[
    Optional[Path],  # noqa: UP045 - as above
    typer.Option("--out", help="Where to write the alerts as CSV."),
]
HtmlOption = Annotated[
    Optional[Path],  # noqa: UP045 - as above
    typer.Option("--html", help="Where to write a page with a chart of each alert."),
]
MethodOption = Annotated[
    str, typer.Option("--method", help="robust, or classic; by default that of the settings.")
]
CompareOption = Annotated[
    Optional[tuple[str, str]],  # noqa: UP045 - as above
    typer.Option(
        "--compare", help="Two sides: methods, settings, or both with commas (robust,bar=1)."
    ),
]
GateOption = Annotated[
    str,
    typer.Option("--gate", help="max-pages=0.1,must-find=FILE: leave with 1 where it is broken."),
]
SettingOption = Annotated[
    Optional[list[str]],  # noqa: UP045 - as above
    typer.Option("--set", metavar="KEY=VALUE", help="A detection setting; repeat as needed."),
]
AnswersOption = Annotated[
    str,
    typer.Option(
        "--answers", help="Which answers a day heeds: then (given before it; default), now, off."
    ),
]
AsOption = Annotated[
    str,
    typer.Option("--as", callback=require_words, help="Who acts; by default the system's user."),
]
NoteOption = Annotated[str, typer.Option("--note", help="A remark kept with the answer.")]
Number = Annotated[
    int,
    typer.Argument(parser=alert_number, metavar="NUMBER", help="The alert's number: 12 or A-12."),
]

DEFAULT_CONFIG = Path("config.toml")


def sub_commands(words: str) -> typer.Typer:
    """Return an empty group of commands."""
    return typer.Typer(help=words, no_args_is_help=True, rich_markup_mode=None)
