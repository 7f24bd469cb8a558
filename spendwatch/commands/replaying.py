"""`spendwatch backtest`: the same code as every day, over a file, without config or database."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, TextIO

from alerts.lifecycle import observe, open_alert
from alerts.model import AlertRules
from alerts.names import csv_cell, safe_name
from alerts.numbers import count
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
from spendwatch.commands.gating import Gate, read_gate
from spendwatch.commands.opening import parse_pairs
from spendwatch.commands.replays import Replayed, Row, only_in
from spendwatch.exits import FAILED, OK, UsageProblem
from spendwatch.output import print_json, print_line, print_table, progress
from spendwatch.price_files import load_price_table
from spendwatch.settings_types import nearest

if TYPE_CHECKING:
    from pathlib import Path

    from alerts.model import Alert
    from detector.history import History
    from detector.model import CostDay, FindingKind, Judgement
    from detector.price_table import PriceTable

COLUMNS = (
    "tenant", "day", "kind", "severity", "score", "expected_usd", "actual_usd", "opened",
)  # fmt: skip
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
    method: str = "robust"
    assignments: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    columns: tuple[str, ...] = ()
    reprice: bool = False
    compare: tuple[str, ...] = ()
    gate: str = ""


def backtest(request: Request, *, as_json: bool) -> int:
    """Replay the file, say what would have alerted, and return the exit code."""
    sides = [(request.method, request.assignments)]
    if request.compare:
        sides = [read_side(request, text) for text in request.compare]
    gate = read_gate(request.gate) if request.gate else Gate()
    books = {_side_name(*side): read_rules(*side) for side in sides}
    prices = load_price_table()
    history, rejected = read_history(request, prices)
    replays = _replays(request, books, history, Context(prices=prices))
    if request.out:
        with request.out.open("w", encoding="utf-8", newline="") as file:
            write_rows(replays[0].rows, file)
    broken = [words for each in replays for words in gate.broken_by(each)]
    _report(replays, rejected, broken, as_json=as_json)
    return FAILED if broken else OK


def read_side(request: Request, text: str) -> tuple[str, tuple[str, ...]]:
    """Read one side of a comparison: a method, settings, or both, parted by commas."""
    parts = [part.strip() for part in text.split(",")]
    methods = [part for part in parts if "=" not in part]
    if len(methods) > 1:
        raise UsageProblem(f"--compare {text}: one method a side, not {', '.join(methods)}")
    settings = [part for part in parts if "=" in part]
    keys = {part.partition("=")[0] for part in settings}
    kept = [each for each in request.assignments if each.partition("=")[0] not in keys]
    return (methods[0] if methods else request.method), (*kept, *settings)


def _side_name(method: str, assignments: Sequence[str]) -> str:
    return ", ".join([method, *assignments])


def _replays(
    request: Request, books: Mapping[str, RuleBook], history: History, context: Context
) -> list[Replayed]:
    """Replay every side over the same days."""
    window = max(book.window_days for book in books.values())
    first = request.first or history.days[0] + timedelta(days=window)
    last = request.last or history.days[-1]
    if first > last:
        raise UsageProblem(f"nothing to judge: the first judged day is {first}, the last {last}")
    tenants = len({key.tenant for key in history.keys})
    found = []
    with progress("replaying", ((last - first).days + 1) * len(books)) as step:
        for name, book in books.items():
            judged = replay(history, book, first=first, last=last, context=context)
            rows = tuple(follow(_stepping(judged, step)))
            found.append(Replayed(name, rows, tenants, first, last))
    return found


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


def read_history(request: Request, prices: PriceTable) -> tuple[History, int]:
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
    replays: Sequence[Replayed], rejected: int, broken: Sequence[str], *, as_json: bool
) -> None:
    if as_json:
        facts = [_facts(each, rejected) for each in replays]
        alone = dict(zip(("only_first", "only_second"), _alone(replays), strict=False))
        print_json(
            {"compared": facts, "broken": broken}
            | {key: [_page(row) for row in rows] for key, rows in alone.items()}
            if len(facts) > 1
            else facts[0] | {"broken": broken}
        )
        return
    for each in replays:
        _print_replay(each, named=len(replays) > 1)
    for each, rows in zip(replays, _alone(replays), strict=False):
        print_line(f"only found by {each.name}: {count(len(rows), 'alert')}")
        cells = [[str(value) for value in _page(row).values()] for row in rows[:NOISIEST]]
        if cells:
            print_table(["tenant", "day", "kind", "change in $"], cells, indent=2)
    for words in broken:
        print_line(f"gate: {words}")


def _alone(replays: Sequence[Replayed]) -> list[tuple[Row, ...]]:
    if len(replays) == 1:
        return []
    one, other = replays
    return [only_in(one, other), only_in(other, one)]


def _page(row: Row) -> dict[str, str]:
    finding = row.finding
    return {
        "tenant": safe_name(finding.tenant),
        "day": finding.day.isoformat(),
        "kind": finding.kind.value,
        "change_usd": _dollars(finding.excess_micro_usd),
    }


def _facts(replayed: Replayed, rejected: int) -> dict[str, Any]:
    noisiest = replayed.noisiest(NOISIEST)
    return {
        "name": replayed.name,
        "tenants": replayed.tenants,
        "first_day": replayed.first,
        "last_day": replayed.last,
        "alert_days": len(replayed.rows),
        "pages": len(replayed.pages),
        "pages_per_tenant_month": replayed.rate,
        "rejected_rows": rejected,
        "noisiest": [{"tenant": name, "pages": pages} for name, pages in noisiest],
    }


def _print_replay(replayed: Replayed, *, named: bool) -> None:
    whose = f"{replayed.name}: " if named else ""
    print_line(
        f"{whose}{replayed.tenants:,} tenants, {replayed.days} days ({replayed.first} to "
        f"{replayed.last}): {len(replayed.pages):,} alerts opened on {len(replayed.rows):,} "
        f"alerting days, {replayed.rate:.3f} pages per tenant-month"
    )
    noisiest = replayed.noisiest(NOISIEST)
    if noisiest:
        print_table(["noisiest", "pages"], [[name, str(pages)] for name, pages in noisiest])
