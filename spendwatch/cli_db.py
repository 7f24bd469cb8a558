"""`spendwatch db ...`: upgrade, check, backup, restore, copy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from spendwatch.cli_options import DEFAULT_CONFIG, ConfigOption, JsonOption, sub_commands

db_app = sub_commands("Care for the database: upgrade, check, back up, restore, move.")


@db_app.command("upgrade")
def db_upgrade(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Bring the schema up to date, after a backup. Every command does so by itself."""
    from spendwatch.commands import database

    database.upgrade(config, as_json=as_json)


@db_app.command("check")
def db_check(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    full: Annotated[
        bool, typer.Option("--full", help="Compare every index with its table; takes longer.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check that the database is whole, or leave with 1."""
    from spendwatch.commands import database

    database.check(config, full=full, as_json=as_json)


@db_app.command("backup")
def db_backup(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    to: Annotated[
        Optional[Path],  # noqa: UP045 - typer builds its parser from this form on every Python
        typer.Option("--to", metavar="FILE", help="A new file; by default in the backup folder."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a backup, one SQLite file, while others go on writing."""
    from spendwatch.commands import database

    database.backup(config, to, as_json=as_json)


@db_app.command("restore")
def db_restore(
    file: Annotated[Path, typer.Argument(help="The backup.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    as_json: JsonOption = False,
) -> None:
    """Put a backup in place of the database. What was there keeps another name."""
    from spendwatch.commands import database

    database.restore(config, file, as_json=as_json)


@db_app.command("copy")
def db_copy(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            envvar="SPENDWATCH_COPY_TO",
            metavar="URL",
            help="An empty database. With a password in it, better set the variable.",
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Move everything into an empty database and compare every row."""
    from spendwatch.commands import database

    database.copy(config, to, as_json=as_json)
