"""`spendwatch silence ...` and `spendwatch planned ...`: add, list, end."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Optional

import typer

from spendwatch.cli_options import (
    DEFAULT_CONFIG,
    AsOption,
    ConfigOption,
    FirstDay,
    JsonOption,
    sub_commands,
)
from spendwatch.exits import calendar_day, planned_number, silence_number

silence_app = sub_commands("Silence alerts for a time; what still holds then is told.")
planned_app = sub_commands("Declare spend beforehand; only what is above its ceiling is told.")

CommentOption = Annotated[str, typer.Option(help="Why; kept, and shown wherever it counts.")]
PreviewOption = Annotated[
    bool, typer.Option("--preview", help="Show what it would have held back, and stop.")
]
AllOption = Annotated[bool, typer.Option("--all", help="Those that are over too.")]


@silence_app.command("add")
def silence_add(  # noqa: PLR0913 - one argument for each option
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    tenant: Annotated[str, typer.Option(help="A tenant, or a pattern like 'contoso*'.")] = "",
    kind: Annotated[str, typer.Option(help="A kind, like 'spend spike'.")] = "",
    severity: Annotated[str, typer.Option(help="critical, warning or notice.")] = "",
    begin: Annotated[
        str,
        typer.Option("--from", metavar="MOMENT", help="When it begins; by default at once."),
    ] = "",
    until: Annotated[
        str,
        typer.Option(metavar="MOMENT", help="When it ends, like 2026-11-30T09:00 or 18:00."),
    ] = "",
    lasting: Annotated[
        str, typer.Option("--for", metavar="LENGTH", help="How long: 30m, 4h, 2d, 1w.")
    ] = "",
    comment: CommentOption,
    actor: AsOption = "",
    only_preview: PreviewOption = False,
    as_json: JsonOption = False,
) -> None:
    """Silence what matches; first see what that would have held back."""
    from spendwatch.commands import announcing

    asked = announcing.AskedSilence(
        tenant, kind, severity, begin, until, lasting, comment, actor, only_preview=only_preview
    )
    announcing.add_silence(config, asked, as_json=as_json)


@silence_app.command("list")
def silence_list(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    everything: AllOption = False,
    as_json: JsonOption = False,
) -> None:
    """List silences, those of the settings too; by default without those that are over."""
    from spendwatch.commands import announcing

    announcing.list_silences(config, everything=everything, as_json=as_json)


@silence_app.command("end")
def silence_end(
    number: Annotated[
        int, typer.Argument(parser=silence_number, metavar="NUMBER", help="3 or S-3.")
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    actor: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """End a silence now; the next run tells what it held back and still holds."""
    from spendwatch.commands import announcing

    announcing.end_silence(config, number, actor, as_json=as_json)


@planned_app.command("add")
def planned_add(  # noqa: PLR0913 - one argument for each option
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    tenant: Annotated[str, typer.Option(help="Who will spend.")],
    first: FirstDay,
    last: Annotated[
        Optional[date],  # noqa: UP045 - typer builds its parser from this form on every Python
        typer.Option(
            "--to", parser=calendar_day, metavar="DAY", help="Last day; by default the first."
        ),
    ] = None,
    ceiling: Annotated[
        str, typer.Option(metavar="AMOUNT", help="What one day may cost without an alert.")
    ],
    comment: CommentOption,
    actor: AsOption = "",
    only_preview: PreviewOption = False,
    as_json: JsonOption = False,
) -> None:
    """Declare spend that is to come; its days stay out of the baseline."""
    from spendwatch.commands import announcing

    asked = announcing.AskedPlan(
        tenant, first, last or first, ceiling, comment, actor, only_preview=only_preview
    )
    announcing.add_planned_event(config, asked, as_json=as_json)


@planned_app.command("list")
def planned_list(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    everything: AllOption = False,
    as_json: JsonOption = False,
) -> None:
    """List planned events, those of the settings too; by default without those that are over."""
    from spendwatch.commands import announcing

    announcing.list_planned_events(config, everything=everything, as_json=as_json)


@planned_app.command("end")
def planned_end(
    number: Annotated[
        int, typer.Argument(parser=planned_number, metavar="NUMBER", help="2 or P-2.")
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    actor: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """End a planned event: its days that were not judged yet are not planned any more."""
    from spendwatch.commands import announcing

    announcing.end_planned_event(config, number, actor, as_json=as_json)
