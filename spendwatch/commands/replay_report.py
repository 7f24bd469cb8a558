"""What a backtest says of its sides: on a terminal, as JSON, and as CSV."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from alerts.names import csv_cell, safe_name
from alerts.numbers import count
from detector.model import MICRO
from spendwatch.commands.replays import only_in
from spendwatch.output import print_json, print_line, print_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TextIO

    from spendwatch.commands.replay_answers import Answers
    from spendwatch.commands.replays import Replayed, Row

COLUMNS = (
    "tenant", "day", "kind", "severity", "score", "expected_usd", "actual_usd", "opened",
)  # fmt: skip
NOISIEST = 10


@dataclass(frozen=True, slots=True)
class Report:
    """One or two sides, and what there is to say of them.

    ``answers`` is None where nobody ever answered; ``broken`` are the sentences of the gate.
    """

    sides: Sequence[Replayed]
    answers: Answers | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    refused: int = 0
    broken: Sequence[str] = ()

    @property
    def alone(self) -> list[tuple[Row, ...]]:
        """What only each of two sides finds."""
        if len(self.sides) == 1:
            return []
        one, other = self.sides
        return [only_in(one, other), only_in(other, one)]

    def name(self, tenant: str) -> str:
        """Return how a tenant is called."""
        return self.names.get(tenant, tenant)


def print_report(report: Report, *, as_json: bool) -> None:
    """Print what was found."""
    if as_json:
        print_json(_json(report))
        return
    for side in report.sides:
        _print_side(report, side)
    for side, rows in zip(report.sides, report.alone, strict=False):
        print_line(f"only found by {side.name}: {count(len(rows), 'alert')}")
        cells = [[str(value) for value in _page(row).values()] for row in rows[:NOISIEST]]
        if cells:
            print_table(["tenant", "day", "kind", "change in $"], cells, indent=2)
    for words in report.broken:
        print_line(f"gate: {words}")


def _json(report: Report) -> dict[str, Any]:
    facts = [_facts(report, side) for side in report.sides]
    if len(facts) == 1:
        return facts[0] | {"broken": report.broken}
    alone = dict(zip(("only_first", "only_second"), report.alone, strict=True))
    pages = {key: [_page(row) for row in rows] for key, rows in alone.items()}
    return {"compared": facts, "broken": report.broken} | pages


def _facts(report: Report, side: Replayed) -> dict[str, Any]:
    facts = {
        "name": side.name,
        "tenants": side.tenants,
        "first_day": side.first,
        "last_day": side.last,
        "alert_days": len(side.rows),
        "pages": len(side.pages),
        "pages_per_tenant_month": side.rate,
        "rejected_rows": report.refused,
        "noisiest": [{"tenant": name, "pages": many} for name, many in side.noisiest(NOISIEST)],
    }
    if report.answers is None:
        return facts
    return facts | {"answers": [asdict(each) for each in report.answers.tallies(side)]}


def _page(row: Row) -> dict[str, str]:
    finding = row.finding
    return {
        "tenant": safe_name(finding.tenant),
        "day": finding.day.isoformat(),
        "kind": finding.kind.value,
        "change_usd": _dollars(finding.excess_micro_usd),
    }


def _print_side(report: Report, side: Replayed) -> None:
    whose = f"{side.name}: " if len(report.sides) > 1 else ""
    print_line(
        f"{whose}{side.tenants:,} tenants, {side.days} days ({side.first} to "
        f"{side.last}): {len(side.pages):,} alerts opened on {len(side.rows):,} "
        f"alerting days, {side.rate:.3f} pages per tenant-month"
    )
    noisiest = [[report.name(tenant), str(many)] for tenant, many in side.noisiest(NOISIEST)]
    if noisiest:
        print_table(["noisiest", "pages"], noisiest)
    tallies = report.answers.tallies(side) if report.answers else ()
    if tallies:
        cells = [
            [each.answer, *map(str, (each.pages, each.alerts, each.found))] for each in tallies
        ]
        print_table(["answered as", "pages", "alerts there were", "found"], cells)


def write_rows(rows: Iterable[Row], file: TextIO) -> None:
    """Write one line per tenant and day that alerts; names cannot become formulas."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in sorted(rows, key=lambda each: (each.finding.day, each.finding.tenant)):
        finding = row.finding
        writer.writerow(
            [
                csv_cell(finding.tenant),
                finding.day.isoformat(),
                finding.kind.value,
                finding.severity.value,
                "" if finding.score is None else f"{finding.score:.4f}",
                _dollars(finding.expected_micro_usd),
                _dollars(finding.actual_micro_usd),
                row.opened.isoformat(),
            ]
        )


def _dollars(micro_usd: int | None) -> str:
    return "" if micro_usd is None else f"{Decimal(micro_usd) / MICRO:f}"
