"""`spendwatch routes ...`: explain."""

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
