"""The command line: names, options and exit codes; the work is imported when a command runs.

Subcommands are in ``cli_alerts.py`` and its siblings, what options share in ``cli_options.py``.
Exit codes: 0 ok, 1 failed, 2 wrong usage, 75 busy (try later), 78 wrong settings, 130 interrupted.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Annotated

import typer

from detector.fetching import COLLECT_AT
from spendwatch.cli_alerts import alerts_app
from spendwatch.cli_announcements import planned_app, silence_app
from spendwatch.cli_db import db_app
from spendwatch.cli_options import (
    DEFAULT_CONFIG,
    AnswersOption,
    ColumnOption,
    CompareOption,
    ConfigOption,
    DayOption,
    FirstDay,
    FromOption,
    GateOption,
    HtmlOption,
    JsonOption,
    MethodOption,
    OutOption,
    RepriceOption,
    SettingOption,
    SinceOption,
    ToOption,
    UsageOption,
    refuse_option,
    require_words,
)
from spendwatch.cli_outbox import outbox_app
from spendwatch.cli_prices import prices_app
from spendwatch.cli_routes import recipients_app, routes_app
from spendwatch.exits import alert_number, run_reporting_errors

DEMO_FOLDER = Path("data/demo")

app = typer.Typer(
    name="spendwatch",
    help="Watch what every tenant spends on Azure OpenAI, and tell the right person.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)


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
def check(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    live: Annotated[
        bool, typer.Option("--live", help="Ask Slack and the sources too; nothing is posted.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the settings, the prices and the sources; print every problem at once."""
    from spendwatch.commands import setting_up

    setting_up.check(config, live=live, as_json=as_json)


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

    cycle.once(config, day, as_json=as_json)


@app.command(name="run")
def serve(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Run the service: pull, judge and tell whenever it is due, until it is told to end."""
    from spendwatch.ending import Ending

    ending = Ending()  # whoever asks for the end while all the rest is loaded is heard
    from spendwatch.commands import serving

    serving.run(config, ending)


@app.command()
def health(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Say in one line whether the service does its work; leaves with 1 where it does not."""
    from spendwatch.commands import standing

    standing.health(config, as_json=as_json)


@app.command()
def status(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Show what was done last, what waits, and what is due next."""
    from spendwatch.commands import standing

    standing.status(config, as_json=as_json)


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
    first: FirstDay,
    last: ToOption = None,
    source: Annotated[str, typer.Option(help="One source; by default all.")] = "",
    again: Annotated[
        bool, typer.Option("--again", help="Ask for days too that are whole and final.")
    ] = False,
    reprice: RepriceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Pull past days from the sources and judge them in silence; goes on where it stopped."""
    from spendwatch.commands import cycle

    cycle.backfill(
        config,
        first,
        last,
        source,
        again=again,
        reprice=reprice,
        as_json=as_json,
    )


@app.command()
def backtest(  # noqa: PLR0913 - one argument for each option
    context: typer.Context,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    usage: UsageOption = None,
    out: OutOption = None,
    html: HtmlOption = None,
    method: MethodOption = "",
    compare: CompareOption = None,
    gate: GateOption = "",
    settings: SettingOption = None,
    answers: AnswersOption = "",
    first: FromOption = None,
    last: ToOption = None,
    column: ColumnOption = None,
    reprice: RepriceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Replay history day by day: what would have alerted. Nothing is stored."""
    from spendwatch.commands import replaying

    if usage:
        refuse_option(context, "config", "--usage replays a file, without settings")
    code = replaying.backtest(
        replaying.Request(
            usage=usage,
            config=config,
            out=out,
            html=html,
            method=method,
            assignments=tuple(settings or ()),
            first=first,
            last=last,
            columns=tuple(column or ()),
            reprice=reprice,
            answers=answers,
            compare=compare or (),
            gate=gate,
        ),
        as_json=as_json,
    )
    raise typer.Exit(code)


@app.command()
def costs(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    by: Annotated[
        str, typer.Option(help="tenant, feature, model, deployment, scope, source, day; commas.")
    ] = "tenant",
    tenant: Annotated[str, typer.Option(help="One tenant alone.")] = "",
    first: FromOption = None,
    last: ToOption = None,
    revised: Annotated[
        bool, typer.Option("--revised", help="Show what was revised, and when.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what was spent, by whom and on what."""
    from spendwatch.commands import reports

    reports.costs(
        config, by=by, tenant=tenant, first=first, last=last,
        revised=revised, as_json=as_json,
    )  # fmt: skip


@app.command()
def explain(
    number: Annotated[
        int | None,
        typer.Argument(
            parser=alert_number,
            metavar="ALERT",
            show_default=False,
            help="A spike's or drop's number: 12 or A-12.",
        ),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    tenant: Annotated[
        str, typer.Option(callback=require_words, help="A tenant instead; any day of it.")
    ] = "",
    day: DayOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say why a day was told or not: use, prices, evidence."""
    from spendwatch.commands import explaining

    explaining.explain(config, explaining.Asked(number, tenant, day), as_json=as_json)


@app.command()
def coverage(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    days: Annotated[int, typer.Option("--days", min=1, max=400, help="So many settled days.")] = 7,
    by_day: Annotated[bool, typer.Option("--by-day", help="Each API day by day.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what telemetry cannot attribute, and what to change in the gateway for it."""
    from spendwatch.commands import covering

    covering.coverage(config, days, by_day=by_day, as_json=as_json)


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

    reports.budgets(config, tenant, day, as_json=as_json)


@app.command()
def precision(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    since: SinceOption = None,
    by: Annotated[str, typer.Option(help="tenant, kind, method; commas.")] = "tenant,kind,method",
    tenant: Annotated[str, typer.Option(callback=require_words, help="One tenant alone.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show how often alerts were right, from the answers; suggest settings, change nothing."""
    from spendwatch.commands import precision as measured

    measured.precision(config, since=since, by=by, tenant=tenant, as_json=as_json)


@app.command()
def digest(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    receiver: Annotated[
        str, typer.Option(callback=require_words, metavar="NAME", help="One receiver alone.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Show what the digest would say now; nothing is sent."""
    from spendwatch.commands import digesting

    digesting.preview(config, receiver, as_json=as_json)


@app.command(name="test-send")
def send_test(
    receiver: Annotated[str, typer.Argument(help="The receiver's name in the settings.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    as_json: JsonOption = False,
) -> None:
    """Send a test message to a receiver right away, and say where it arrived."""
    from spendwatch.commands import testing

    testing.send(config, receiver, as_json=as_json)


_ALERTS = {"alerts": alerts_app, "silence": silence_app, "planned": planned_app}
_WAYS = {"outbox": outbox_app, "routes": routes_app, "recipients": recipients_app}
_DATA = {"prices": prices_app, "db": db_app}
for _name, _commands in (_ALERTS | _WAYS | _DATA).items():
    app.add_typer(_commands, name=_name)


def main() -> None:
    """Run the command line and leave with its exit code."""
    gc.set_threshold(*COLLECT_AT)
    sys.exit(run_reporting_errors(app, sys.argv[1:]))


if __name__ == "__main__":
    main()
