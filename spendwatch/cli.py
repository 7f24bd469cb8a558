"""The command line: names, options and exit codes; the work is imported when a command runs.

Exit codes: 0 ok, 1 failed, 2 wrong usage, 75 busy (try later), 78 wrong settings.
"""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Optional

import typer

from spendwatch.exits import alert_number, require_day, run_reporting_errors

# Typer reads these annotations when a command is built, so they stay real types at run time.
ConfigOption = Annotated[
    Path,
    typer.Option("--config", envvar="SPENDWATCH_CONFIG", help="The settings file."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
DayOption = Annotated[
    Optional[datetime],  # noqa: UP045 - typer builds its parser from this form on every Python
    typer.Option(formats=["%Y-%m-%d"], metavar="DAY", help="A calendar day, like 2026-11-12."),
]
FromOption = Annotated[
    Optional[datetime],  # noqa: UP045 - as above
    typer.Option("--from", formats=["%Y-%m-%d"], metavar="DAY", help="First day."),
]
ToOption = Annotated[
    Optional[datetime],  # noqa: UP045 - as above
    typer.Option("--to", formats=["%Y-%m-%d"], metavar="DAY", help="Last day."),
]
ColumnOption = Annotated[
    Optional[list[str]],  # noqa: UP045 - as above
    typer.Option("--column", metavar="OURS=THEIRS", help="Map a column name; repeat as needed."),
]
RepriceOption = Annotated[
    bool, typer.Option("--reprice", help="Price tokens by our table, ignore cost_usd.")
]
AsOption = Annotated[str, typer.Option("--as", help="Who acts; by default the system's user.")]
NoteOption = Annotated[str, typer.Option("--note", help="A remark kept with the answer.")]
Number = Annotated[
    int,
    typer.Argument(parser=alert_number, metavar="NUMBER", help="The alert's number: 12 or A-12."),
]

DEFAULT_CONFIG = Path("config.toml")
DEMO_FOLDER = Path("data/demo")

app = typer.Typer(
    name="spendwatch",
    help="Watch what every tenant spends on Azure OpenAI, and tell the right person.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
alerts_app = typer.Typer(
    help="List, show and answer alerts.", no_args_is_help=True, rich_markup_mode=None
)
prices_app = typer.Typer(
    help="Look at and maintain token prices.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(alerts_app, name="alerts")
app.add_typer(prices_app, name="prices")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"spendwatch {version('spendwatch')}")
        raise typer.Exit


@app.callback()
def spendwatch(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Watch what every tenant spends on Azure OpenAI, and tell the right person."""


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else require_day(moment.date(), "the day")


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="Where to write the settings.")] = DEFAULT_CONFIG,
    *,
    answers: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Answer a question; repeat as needed."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take the default of every question.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a config.toml from a few questions."""
    from spendwatch.commands import setting_up

    setting_up.init(path, answers or [], ask=not yes, as_json=as_json)


@app.command()
def check(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Check the settings, the prices and the sources; print every problem at once."""
    from spendwatch.commands import setting_up

    setting_up.check(config, as_json=as_json)


@app.command()
def demo(
    folder: Annotated[
        Path, typer.Option("--folder", help="Where the demo keeps its data.")
    ] = DEMO_FOLDER,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show the whole loop on bundled data, without any account."""
    from spendwatch.commands import demo as show

    show.run(folder, config, as_json=as_json)


@app.command()
def once(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    day: DayOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run one full cycle: pull, price, store, judge, tell."""
    from spendwatch.commands import cycle

    cycle.once(config, _day(day), as_json=as_json)


@app.command(name="import")
def import_file(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet: a file, or a folder of them.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    source: Annotated[str, typer.Option(help="The source the rows belong to.")] = "import",
    column: ColumnOption = None,
    reprice: RepriceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Bring usage from a file into the ledger; a day imported again replaces."""
    from spendwatch.commands import cycle

    cycle.import_file(config, file, source, column or [], reprice=reprice, as_json=as_json)


@app.command()
def backfill(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    first: Annotated[
        datetime, typer.Option("--from", formats=["%Y-%m-%d"], metavar="DAY", help="First day.")
    ],
    last: ToOption = None,
    source: Annotated[str, typer.Option(help="One source; by default all.")] = "",
    reprice: RepriceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Pull past days from the configured sources; repeatable at any time."""
    from spendwatch.commands import cycle

    cycle.backfill(
        config,
        require_day(first.date(), "--from"),
        _day(last),
        source,
        reprice=reprice,
        as_json=as_json,
    )


@app.command()
def backtest(  # noqa: PLR0913 - one argument for each option
    *,
    usage: Annotated[Path, typer.Option(help="Usage: CSV or Parquet, a file or a folder.")],
    out: Annotated[Path | None, typer.Option(help="Where to write the alerts as CSV.")] = None,
    method: Annotated[str, typer.Option(help="The scoring method.")] = "classic",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A detection setting; repeat as needed."),
    ] = None,
    first: FromOption = None,
    last: ToOption = None,
    column: ColumnOption = None,
    reprice: RepriceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Replay history day by day: what would have alerted, without config or database."""
    from spendwatch.commands import replaying

    replaying.backtest(
        replaying.Request(
            usage=usage,
            out=out,
            method=method,
            assignments=tuple(settings or ()),
            first=_day(first),
            last=_day(last),
            columns=tuple(column or ()),
            reprice=reprice,
        ),
        as_json=as_json,
    )


@app.command()
def costs(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    by: Annotated[
        str, typer.Option(help="tenant, feature, model, deployment, scope, source, day; commas.")
    ] = "tenant",
    tenant: Annotated[str, typer.Option(help="One tenant alone.")] = "",
    first: FromOption = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], metavar="DAY", help="Last day.")
    ] = None,
    revised: Annotated[
        bool, typer.Option("--revised", help="Show what was revised, and when.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what was spent, by whom and on what."""
    from spendwatch.commands import reports

    reports.costs(
        config, by=by, tenant=tenant, first=_day(first), last=_day(last),
        revised=revised, as_json=as_json,
    )  # fmt: skip


@app.command()
def tenants(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """List the tenants: who they are, what they spent, since when."""
    from spendwatch.commands import reports

    reports.tenants(config, as_json=as_json)


@app.command()
def budgets(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    tenant: Annotated[str, typer.Option(help="One tenant alone.")] = "",
    day: DayOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show where every budget stands, and where it is heading."""
    from spendwatch.commands import reports

    reports.budgets(config, tenant, _day(day), as_json=as_json)


@alerts_app.command("list")
def alerts_list(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    state: Annotated[str, typer.Option(help="open, acknowledged, dismissed, resolved.")] = "",
    tenant: Annotated[str, typer.Option(help="One tenant alone.")] = "",
    kind: Annotated[str, typer.Option(help="One kind alone, like 'spend spike'.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Ended alerts too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List alerts; by default those that still last."""
    from spendwatch.commands import alerting

    wanted = alerting.Wanted(state=state, tenant=tenant, kind=kind, everything=everything)
    alerting.list_alerts(config, wanted, as_json=as_json)


@alerts_app.command("show")
def alerts_show(
    number: Number, config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False
) -> None:
    """Show one alert whole: evidence, drivers, answers, what was told."""
    from spendwatch.commands import alerting

    alerting.show(config, number, as_json=as_json)


@alerts_app.command("ack")
def alerts_ack(
    number: Number,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    note: NoteOption = "",
    actor: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Acknowledge: you are on it, and it stays quiet while it lasts."""
    from spendwatch.commands import alerting

    alerting.acknowledge(config, number, note, actor, as_json=as_json)


@alerts_app.command("dismiss")
def alerts_dismiss(
    number: Number,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    verdict: Annotated[
        str, typer.Option(help="real, expected, new_normal, false_alarm or data_error.")
    ],
    note: NoteOption = "",
    actor: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Dismiss with a verdict, which teaches the next judgement."""
    from spendwatch.commands import alerting

    alerting.dismiss(config, number, verdict, note, actor, as_json=as_json)


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

    pricing.list_prices(config, model, _day(day), as_json=as_json)


@prices_app.command("show")
def prices_show(
    model: Annotated[str, typer.Argument(help="A model or deployment, as usage names it.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    on: Annotated[
        datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], metavar="DAY", help="The day.")
    ] = None,
    scope: Annotated[str, typer.Option(help="global, datazone, regional, batch, ptu, ...")] = "",
    tenant: Annotated[str, typer.Option(help="Apply this tenant's agreed rates.")] = "",
    deployment: Annotated[str, typer.Option(help="Apply this deployment's agreed rates.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show how one model is priced on a day, and where that comes from."""
    from spendwatch.commands import pricing

    asked = pricing.Asked(model, scope, tenant, deployment, _day(on))
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
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DAY", help="Since when (for JSON)."),
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Take prices that differ by more than 20 times.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Import prices; days they touch get a new version, told as a price change."""
    from spendwatch.commands import pricing

    pricing.import_file(config, file, _day(effective_from), confirmed=confirm, as_json=as_json)


def main() -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(run_reporting_errors(app, sys.argv[1:]))


if __name__ == "__main__":
    main()
