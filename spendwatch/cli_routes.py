"""`spendwatch routes ...`: explain; `spendwatch recipients ...`: list, resume."""

from __future__ import annotations

from typing import Annotated

import typer

from spendwatch.cli_options import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    require_words,
    sub_commands,
)

routes_app = sub_commands("See who is told of what.")
recipients_app = sub_commands("Look after the addresses that mail goes to.")


@routes_app.command("explain")
def routes_explain(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    tenant: Annotated[str, typer.Option(callback=require_words, help="One tenant alone.")] = "",
    kind: Annotated[
        str, typer.Option(callback=require_words, help="One kind alone, like spend-spike.")
    ] = "",
    severity: Annotated[
        str, typer.Option(callback=require_words, help="One alone: critical, warning or notice.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Show which receiver is told of each tenant's alerts, and by which route."""
    from spendwatch.commands import routing

    routing.explain(config, tenant, kind, severity, as_json=as_json)


@recipients_app.command("list")
def recipients_list(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """List the addresses that get no mail any more: refused, or left out as they asked."""
    from spendwatch.commands import mailing

    mailing.list_stopped(config, as_json=as_json)


@recipients_app.command("resume")
def recipients_resume(
    receiver: Annotated[str, typer.Argument(help="The receiver's name in the settings.")],
    address: Annotated[str, typer.Argument(help="The address to send to again.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    as_json: JsonOption = False,
) -> None:
    """Send to an address again."""
    from spendwatch.commands import mailing

    mailing.resume(config, receiver, address, as_json=as_json)
