"""`spendwatch outbox ...`: list, retry, drop."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from spendwatch.cli_options import (
    DEFAULT_CONFIG,
    AsOption,
    ConfigOption,
    JsonOption,
    require_words,
    sub_commands,
)
from spendwatch.exits import message_number

outbox_app = sub_commands("Look after messages that did not go out.")


@outbox_app.command("list")
def outbox_list(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    state: Annotated[
        str,
        typer.Option(
            callback=require_words, help="One alone: new, sending, retry, dead, sent or dropped."
        ),
    ] = "",
    everything: Annotated[bool, typer.Option("--all", help="Sent and dropped ones too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List what was not sent or dropped, the newest problem first."""
    from spendwatch.commands import outbox

    outbox.list_entries(config, state, everything=everything, as_json=as_json)


@outbox_app.command("retry")
def outbox_retry(
    number: Annotated[
        Optional[int],  # noqa: UP045 - typer builds its parser from this form on every Python
        typer.Argument(parser=message_number, metavar="NUMBER", help="Its number."),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    dead: Annotated[bool, typer.Option("--dead", help="Every one that was given up.")] = False,
    actor: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Make a message due now; its attempts and its 24 hours begin again."""
    from spendwatch.commands import outbox

    outbox.retry(config, number, actor, dead=dead, as_json=as_json)


@outbox_app.command("drop")
def outbox_drop(
    number: Annotated[
        int, typer.Argument(parser=message_number, metavar="NUMBER", help="Its number.")
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    note: Annotated[str, typer.Option("--note", help="Why nobody needs it; kept with it.")],
    actor: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Decide that a message never goes out."""
    from spendwatch.commands import outbox

    outbox.drop(config, number, note, actor, as_json=as_json)
