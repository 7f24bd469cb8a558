"""`spendwatch routes explain`: who is told of what, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from alerts.routing import ChosenBy, is_as_grave
from detector.model import FindingKind, Severity, normalise_tenant
from spendwatch import conversion
from spendwatch.azure_mappings import Mappings
from spendwatch.commands.looking_up import require_member
from spendwatch.commands.opening import open_settings
from spendwatch.directory import build_directory
from spendwatch.output import print_json, print_table
from spendwatch.toml_lines import Key, dotted, key_lines, line_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from alerts.routing import Way
    from spendwatch.directory import Directory
    from spendwatch.settings import Settings

_OTHERS, _NOBODY = "(any other)", "(none)"
"""Tenants that the settings do not list; what is about no tenant."""


@dataclass(frozen=True, slots=True)
class Row:
    """What of a tenant's alerts goes where, and why.

    ``tenant`` is empty for what is about none, and None for one that the settings do not list; a
    kind or severity that is None is all that no row before took; ``key`` decides, on ``line``.
    ``unanswered`` is who is told of what the receiver does not answer, ``unreached`` who is told
    what is critical where it is not reached; empty where nobody is.
    """

    tenant: str | None
    kind: str | None
    severity: str | None
    receiver: str
    unanswered: str
    unreached: str
    by: str
    key: str
    line: int | None


def explain(config: Path, tenant: str, kind: str, severity: str, *, as_json: bool) -> None:
    """Print which receiver is told of each tenant, and by which route."""
    asked = (
        require_member(FindingKind, kind, "--kind") if kind else None,
        require_member(Severity, severity, "--severity") if severity else None,
    )
    settings = open_settings(config)
    directory = build_directory(settings, Mappings(settings).cost_centres())
    names = directory.all_names
    lines = key_lines(config.read_text(encoding="utf-8"))
    meant = directory.canonical(normalise_tenant(tenant))
    rows = [
        _row(each, way, settings, directory, lines)
        for each in ([meant] if tenant else [*directory.names, *_mapped(directory), None, ""])
        for way in directory.routes.ways(_OTHERS if each is None else each, *asked)
    ]
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    headings = ["tenant", "alerts", "receiver", "unanswered", "not reached", "because of"]
    befores = [None, *rows]
    cells = [
        _cells(row, names, config, alone=not before or before.tenant != row.tenant)
        for before, row in zip(befores, rows, strict=False)
    ]
    print_table(headings, cells, words=len(headings))


def _mapped(directory: Directory) -> list[str]:
    """Give the tenants of mappings that go a way of their own, by their cost centre."""
    routed = {route.cost_centre for route in directory.routes.routes} - {""}
    cost_centres = directory.routes.cost_centres
    return [each for each in directory.mapped_names if cost_centres.get(each) in routed]


def _second(receiver: str, way: Way, settings: Settings) -> str:
    """Say who is told of what nobody answers; empty where it is not grave enough for that."""
    rules = conversion.alert_rules(settings)
    if rules.escalate_after is None or not is_as_grave(
        way.severity or Severity.CRITICAL, rules.escalate_from
    ):
        return ""
    return conversion.seconds(settings).get(receiver, "")


def _row(
    tenant: str | None,
    way: Way,
    settings: Settings,
    directory: Directory,
    lines: Mapping[Key, int],
) -> Row:
    chosen = way.chosen
    key: Key = ("alerts", "receiver")
    if chosen.place is not None:
        key = ("routes", chosen.place)
    elif chosen.by is ChosenBy.TENANT:
        key = ("tenants", list(directory.names).index(tenant or ""), "receiver")
    return Row(
        tenant=tenant,
        kind=way.kind.value if way.kind else None,
        severity=way.severity.value if way.severity else None,
        receiver=chosen.receiver,
        unanswered=_second(chosen.receiver, way, settings),
        unreached=conversion.stand_ins(settings).get(chosen.receiver, ""),
        by=chosen.by.value,
        key=dotted(key),
        line=line_of(lines, key),
    )


def _cells(row: Row, names: Mapping[str, str], config: Path, *, alone: bool) -> list[str]:
    who = _OTHERS if row.tenant is None else names.get(row.tenant, row.tenant) or _NOBODY
    place = f", {config.name}:{row.line}" if row.line else ""
    others = [row.unanswered, row.unreached]
    return [who, _taken(row, alone=alone), row.receiver, *others, f"{row.key}{place}"]


def _taken(row: Row, *, alone: bool) -> str:
    """Say which alerts a row is about."""
    if row.kind is None and row.severity is None:
        return "all" if alone else "all others"
    least = {Severity.CRITICAL: "critical", Severity.WARNING: "warning or critical"}
    grave = least.get(Severity(row.severity), "") if row.severity else ""
    return f"{grave} {row.kind or 'alerts'}".strip()
