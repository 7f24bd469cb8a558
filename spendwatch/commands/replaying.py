"""`spendwatch backtest`: the same code as every day, over a file, without config or database."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, TextIO

from alerts.lifecycle import observe, open_alert
from alerts.model import AlertRules
from alerts.names import csv_cell
from detector.backtest import replay
from detector.detect import METHODS, SPEND_KINDS, Context
from detector.history import build_history
from detector.model import MICRO, Grain, Rejection, Usage
from detector.price_usage import price_usage
from detector.rules import RuleBook, Rules
from detector.sources.base import SourceError, Window
from detector.sources.csv_file import CsvFileSource
from detector.usage import merge_usage
from spendwatch.app import system_clock
from spendwatch.commands.opening import parse_pairs
from spendwatch.exits import UsageProblem
from spendwatch.output import print_json, print_line, print_table, progress
from spendwatch.price_files import load_price_table
from spendwatch.settings_types import nearest

if TYPE_CHECKING:
    from pathlib import Path

    from alerts.model import Alert
    from detector.history import History
    from detector.model import CostDay, Finding, FindingKind, Judgement
    from detector.price_table import PriceTable

COLUMNS = (
    "tenant", "day", "kind", "severity", "score", "expected_usd", "actual_usd", "opened",
)  # fmt: skip
DAYS_OF_A_MONTH = 30.4375
NOISIEST = 10
OFF = "off"
MOST_DAYS, MOST_DOLLARS = 3_650, 1_000_000_000
BARS = (-20, 20)
"""No sum of points is outside."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to replay, and how."""

    usage: Path
    out: Path | None = None
    method: str = "classic"
    assignments: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    columns: tuple[str, ...] = ()
    reprice: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One tenant's day that alerts, and when its alert was opened."""

    finding: Finding
    opened: date


def backtest(request: Request, *, as_json: bool) -> None:
    """Replay the file and say what would have alerted."""
    book = read_rules(request.method, request.assignments)
    prices = load_price_table()
    history, rejected = _read(request, prices)
    first = request.first or history.days[0] + timedelta(days=book.history_days)
    last = request.last or history.days[-1]
    if first > last:
        raise UsageProblem(f"nothing to judge: the first judged day is {first}, the last {last}")
    context = Context(prices=prices)
    with progress("replaying", (last - first).days + 1) as step:
        rows = list(
            follow(_stepping(replay(history, book, first=first, last=last, context=context), step))
        )
    if request.out:
        with request.out.open("w", encoding="utf-8", newline="") as file:
            write_rows(rows, file)
    _report(rows, history, (first, last), rejected, as_json=as_json)


def read_rules(method: str, assignments: Sequence[str]) -> RuleBook:
    """Make the rules from KEY=VALUE pairs, keys as in the [detection] settings."""
    if method not in METHODS:
        raise UsageProblem(f"--method knows {', '.join(METHODS)}; not {method!r}")
    values = {key: _value(key, text) for key, text in parse_pairs(assignments, "--set").items()}
    book = RuleBook(method=method)
    window = int(values.pop("window_days", book.window_days))
    return replace(
        book,
        window_days=window,
        everyone=replace(Rules(), **dict(_field(key, value) for key, value in values.items())),
    )


def _value(key: str, text: str) -> Any:
    known = [*_keys(), "window_days"]
    if key not in known:
        raise UsageProblem(
            f"--set does not know {key!r}{nearest(key, known)}; known: {', '.join(known)}"
        )
    if key == "direction":
        if text not in ("both", "up", "down"):
            raise UsageProblem(f"--set direction={text}: must be both, up or down")
        return text
    if text == OFF and key in ("first_spend_usd", "young_guard_usd"):
        return None
    return _number(key, text)


def _number(key: str, text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    days = key in ("window_days", "min_days")
    least, most = (1, MOST_DAYS) if days else BARS if key == "bar" else (0, MOST_DOLLARS)
    if not number.is_finite() or not least <= number <= most:
        raise UsageProblem(f"--set {key}={text}: must be a number from {least} to {most:,}")
    return number


def _keys() -> list[str]:
    return [field.name.replace("_micro_usd", "_usd") for field in fields(Rules)]


def _field(key: str, value: Any) -> tuple[str, Any]:
    """Turn a setting into the field of the rules it stands for."""
    if key.endswith("_usd"):
        return key.replace("_usd", "_micro_usd"), None if value is None else int(value * MICRO)
    if key == "min_days":
        return key, int(value)
    return key, value if key == "direction" else float(value)


def _read(request: Request, prices: PriceTable) -> tuple[History, int]:
    """Read the file into one history; refused rows are counted, the first is shown."""
    rejections: list[Rejection] = []
    costs: list[CostDay] = []
    with progress(f"reading {request.usage.name}") as step:
        source = CsvFileSource(
            name=request.usage.name,
            path=request.usage,
            columns=parse_pairs(request.columns, "--column"),
            latest_day=system_clock().date(),
            on_progress=lambda rows, share: step(f"{rows:,} rows read ({share:.0%})"),
        )
        for day, usage in _by_day(source.usage(Window()), rejections):
            costs.extend(price_usage(prices, day, usage, reprice=request.reprice))
    refused = [rejection for rejection in rejections if not rejection.kept]
    if refused:
        first = f"{refused[0].where}: {refused[0].reason}"
        sys.stderr.write(f"spendwatch: {len(refused)} rows rejected, first {first}\n")
    if not costs:
        raise SourceError(f"{request.usage} holds no usage that could be read")
    days = [cost.day for cost in costs]
    return build_history(costs, min(days), max(days)), len(refused)


def _by_day(
    stream: Iterable[Usage | Rejection], rejections: list[Rejection]
) -> Iterator[tuple[date, Iterable[Usage]]]:
    """Group usage by UTC day: without settings there is no other time zone to go by."""
    day, rows = None, []
    for row in stream:
        if isinstance(row, Rejection):
            rejections.append(row)
            continue
        if day is not None and row.start_at.date() != day:
            yield day, merge_usage(rows)
            rows = []
        day = row.start_at.date()
        midnight = row.start_at.replace(hour=0, minute=0)
        rows.append(replace(row, start_at=midnight, grain=Grain.DAY))
    if day is not None:
        yield day, merge_usage(rows)


def _stepping(judgements: Iterable[Judgement], step: Any) -> Iterator[Judgement]:
    for judgement in judgements:
        step(judgement.day.isoformat())
        yield judgement


def follow(judgements: Iterable[Judgement]) -> Iterator[Row]:
    """Follow alerts through their life, day by day, as the service would."""
    rules = AlertRules()
    alive: dict[tuple[FindingKind, str], Alert] = {}
    for judgement in judgements:
        found = {
            (finding.kind, finding.tenant): finding
            for finding in judgement.findings
            if finding.kind in SPEND_KINDS
        }
        now = system_clock()
        for condition in alive.keys() | found.keys():
            finding, alert = found.get(condition), alive.get(condition)
            if alert is None:
                alert = open_alert(found[condition], now)
            elif finding or judgement.judged(alert.kind, alert.tenant):
                alert = observe(alert, finding, judgement.day, now, rules)[0]
            alive[condition] = alert
            if finding:
                yield Row(finding, alert.days[0])
            if alert.ended:
                del alive[condition]


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


def _report(
    rows: Sequence[Row],
    history: History,
    span: tuple[date, date],
    rejected: int,
    *,
    as_json: bool,
) -> None:
    tenants = len({key.tenant for key in history.keys})
    days = (span[1] - span[0]).days + 1
    pages = Counter(row.finding.tenant for row in rows if row.finding.day == row.opened)
    rate = pages.total() / (max(tenants, 1) * days / DAYS_OF_A_MONTH)
    noisiest = pages.most_common(NOISIEST)
    if as_json:
        print_json(
            {
                "tenants": tenants,
                "first_day": span[0],
                "last_day": span[1],
                "alert_days": len(rows),
                "pages": pages.total(),
                "pages_per_tenant_month": rate,
                "rejected_rows": rejected,
                "noisiest": [{"tenant": name, "pages": count} for name, count in noisiest],
            }
        )
        return
    print_line(
        f"{tenants:,} tenants, {days} days ({span[0]} to {span[1]}): "
        f"{pages.total():,} alerts opened on {len(rows):,} alerting days, "
        f"{rate:.3f} pages per tenant-month"
    )
    if noisiest:
        print_table(["noisiest", "pages"], [[name, str(count)] for name, count in noisiest])
