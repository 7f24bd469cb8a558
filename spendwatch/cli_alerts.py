"""`spendwatch alerts ...`: list, show, explain and answer."""

from __future__ import annotations

from typing import Annotated

import typer

from spendwatch.cli_options import (
    DEFAULT_CONFIG,
    AsOption,
    ConfigOption,
    JsonOption,
    NoteOption,
    Number,
    require_words,
    sub_commands,
)

alerts_app = sub_commands("List, show, explain and answer alerts.")


@alerts_app.command("list")
def alerts_list(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    state: Annotated[
        str,
        typer.Option(
            callback=require_words, help="open, acknowledged, snoozed, dismissed or resolved."
        ),
    ] = "",
    tenant: Annotated[str, typer.Option(callback=require_words, help="One tenant alone.")] = "",
    kind: Annotated[
        str, typer.Option(callback=require_words, help="One kind alone, like 'spend spike'.")
    ] = "",
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
    """Show one alert as it stands, with evidence and drivers."""
    from spendwatch.commands import storytelling

    storytelling.show(config, number, as_json=as_json)


@alerts_app.command("why")
def alerts_why(
    number: Number, config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False
) -> None:
    """Tell its whole story, and when it would speak again."""
    from spendwatch.commands import storytelling

    storytelling.why(config, number, as_json=as_json)


@alerts_app.command("ack")
def alerts_ack(
    number: Number,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    note: NoteOption = "",
    actor: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Acknowledge: you are on it, quiet unless it gets worse."""
    from spendwatch.commands import answering

    answering.acknowledge(config, number, answering.Said(note, actor), as_json=as_json)


@alerts_app.command("dismiss")
def alerts_dismiss(
    number: Number,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    verdict: Annotated[
        str,
        typer.Option(
            callback=require_words, help="real, expected, new_normal, false_alarm or data_error."
        ),
    ] = "",
    until: Annotated[
        str,
        typer.Option(
            callback=require_words,
            metavar="DAY",
            help="Last day of expected or false_alarm, like 2026-11-30.",
        ),
    ] = "",
    only_preview: Annotated[
        bool, typer.Option("--preview", help="Show what it would do; change nothing.")
    ] = False,
    note: NoteOption = "",
    actor: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Dismiss with a verdict; without, show what each does."""
    from spendwatch.commands import answering

    said = answering.Said(note, actor)
    asked = answering.Dismissal(verdict, until, only_preview=only_preview)
    answering.dismiss(config, number, asked, said, as_json=as_json)


@alerts_app.command("snooze")
def alerts_snooze(
    number: Number,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    until: Annotated[
        str,
        typer.Option(
            callback=require_words,
            metavar="MOMENT",
            help="When it ends, like 2026-11-30T09:00 or 18:00.",
        ),
    ] = "",
    lasting: Annotated[
        str,
        typer.Option(
            "--for", callback=require_words, metavar="LENGTH", help="How long: 30m, 4h, 2d, 1w."
        ),
    ] = "",
    note: NoteOption = "",
    actor: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Snooze for at most 90 days, then told again if it lasts."""
    from spendwatch.commands import answering

    said = answering.Said(note, actor)
    answering.snooze(config, number, until, lasting, said, as_json=as_json)


@alerts_app.command("undo")
def alerts_undo(
    number: Number,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    actor: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Take the newest answer back, within 7 days."""
    from spendwatch.commands import answering

    answering.undo(config, number, actor, as_json=as_json)
