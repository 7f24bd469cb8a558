"""`spendwatch prices ...`: list, show, check, import."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Optional

import typer

from spendwatch.cli_options import (
    DEFAULT_CONFIG,
    ConfigOption,
    DayOption,
    JsonOption,
    sub_commands,
)
from spendwatch.exits import calendar_day

prices_app = sub_commands("Look at and maintain token prices.")


@prices_app.command("list")
def prices_list(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    model: Annotated[str, typer.Option(help="Only names that contain this.")] = "",
    day: DayOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the prices in force."""
    from spendwatch.commands import pricing

    pricing.list_prices(config, model, day, as_json=as_json)


@prices_app.command("show")
def prices_show(
    model: Annotated[str, typer.Argument(help="A model or deployment, as usage names it.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    on: Annotated[
        Optional[date],  # noqa: UP045 - typer builds its parser from this form on every Python
        typer.Option("--on", parser=calendar_day, metavar="DAY", help="The day."),
    ] = None,
    scope: Annotated[str, typer.Option(help="global, datazone, regional, batch, ptu, ...")] = "",
    tenant: Annotated[str, typer.Option(help="Apply this tenant's agreed rates.")] = "",
    deployment: Annotated[str, typer.Option(help="Apply this deployment's agreed rates.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show how one model is priced on a day, and where that comes from."""
    from spendwatch.commands import pricing

    asked = pricing.Asked(model, scope, tenant, deployment, on)
    pricing.show(config, asked, as_json=as_json)


@prices_app.command("check")
def prices_check(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Check the price table: mix-ups of units, and models in use without a price."""
    from spendwatch.commands import pricing

    pricing.check(config, as_json=as_json)


@prices_app.command("import")
def prices_import(
    file: Annotated[Path, typer.Argument(help="TOML, CSV, or LiteLLM's JSON.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    effective_from: Annotated[
        Optional[date],  # noqa: UP045 - as above
        typer.Option(parser=calendar_day, metavar="DAY", help="Since when (for JSON)."),
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Take prices that differ by more than 20 times.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Import prices; days they touch get a new version, told as a price change."""
    from spendwatch.commands import pricing

    pricing.import_file(config, file, effective_from, confirmed=confirm, as_json=as_json)
