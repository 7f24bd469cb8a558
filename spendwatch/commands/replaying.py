"""`spendwatch backtest`: the same code as every day, over a file or the ledger."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from detector.backtest import replay
from spendwatch.commands.gating import Gate, read_gate
from spendwatch.commands.replay_answers import Answers
from spendwatch.commands.replay_ledger import THEN, open_ledger
from spendwatch.commands.replay_past import FilePast
from spendwatch.commands.replay_report import Report, print_report, write_rows
from spendwatch.commands.replay_settings import Side
from spendwatch.commands.replays import AFTER, BEFORE, Replayed, follow
from spendwatch.exits import FAILED, OK, UsageProblem
from spendwatch.output import progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from datetime import date

    from detector.history import History
    from detector.model import Judgement
    from detector.rules import RuleBook
    from spendwatch.commands.replay_past import Past


@dataclass(frozen=True, slots=True)
class Request:
    """What to replay, and how; without a file of usage it is the ledger of an installation."""

    usage: Path | None = None
    config: Path = Path("config.toml")
    out: Path | None = None
    html: Path | None = None
    method: str = ""
    assignments: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    columns: tuple[str, ...] = ()
    reprice: bool = False
    answers: str = ""
    compare: tuple[str, ...] = ()
    gate: str = ""


class Span(NamedTuple):
    """The days to judge, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many they are."""
        return (self.last - self.first).days + 1


def backtest(request: Request, *, as_json: bool) -> int:
    """Replay the past, say what would have alerted, and return the exit code."""
    gate = read_gate(request.gate) if request.gate else Gate()
    _require_folders(request)
    with _open_past(request) as past:
        report, history = replay_past(past, request, gate)
        if request.html:
            _write_page(request.html, report, past, history)
    if request.out:
        with request.out.open("w", encoding="utf-8", newline="") as file:
            write_rows(report.sides[0].rows, file)
    print_report(report, as_json=as_json)
    return FAILED if report.broken else OK


def replay_past(past: Past, request: Request, gate: Gate) -> tuple[Report, History]:
    """Replay every side that is asked for; return what was found, and the days it was found in."""
    books = _books(request, past.book)
    span = _span(request, past, max(book.window_days for book in books.values()))
    history = _read(past, span, max(book.history_days for book in books.values()))
    replays = _replays(past, history, books, span)
    broken = [words for side in replays for words in gate.broken_by(side, past.canonical)]
    answers = None if past.known is None else Answers(past.known, past.canonical)
    return Report(replays, answers, past.names, past.refused, broken), history


def _require_folders(request: Request) -> None:
    """Refuse at once what could not be written after a long replay."""
    for option, path in (("--out", request.out), ("--html", request.html)):
        if path is not None and not path.parent.is_dir():
            raise UsageProblem(f"{option} {path}: there is no folder {path.parent}")
        if path is not None and path.is_dir():
            raise UsageProblem(f"{option} {path} is a folder: name a file in it")


def _open_past(request: Request) -> AbstractContextManager[Past]:
    if request.usage is None:
        if request.columns or request.reprice:
            raise UsageProblem("--column and --reprice are about a file: name one with --usage")
        return open_ledger(request.config, request.answers or THEN)
    if request.answers:
        raise UsageProblem("--answers is about those in the ledger: leave --usage out")
    return nullcontext(FilePast(request.usage, request.columns, reprice=request.reprice))


def _books(request: Request, base: RuleBook) -> dict[str, RuleBook]:
    """Return the rules of each side by its name."""
    side = Side(request.method, request.assignments)
    sides = [side.beside(text) for text in request.compare] or [side]
    books = dict(each.rules(base) for each in sides)
    if len(books) < len(sides):
        raise UsageProblem(f"--compare: both sides are {next(iter(books))}")
    return books


def _span(request: Request, past: Past, window_days: int) -> Span:
    """Choose the days to judge; by default all that have the window of a baseline before them."""
    begin, end = past.days()
    first = request.first or begin + timedelta(days=window_days)
    last = request.last or end
    if first < begin:
        raise UsageProblem(f"--from {first}: {past.title} begins on {begin}")
    if last > end:
        raise UsageProblem(f"--to {last}: {past.title} ends on {end}")
    if first > last and request.first is None:
        raise UsageProblem(
            f"nothing to judge: {past.title} begins on {begin}, so that the first day with "
            f"{window_days} days before it is {first}, and the last is {last}; --from judges sooner"
        )
    if first > last:
        raise UsageProblem(f"nothing to judge: the first judged day is {first}, the last {last}")
    return Span(first, last)


def _read(past: Past, span: Span, history_days: int) -> History:
    """Read what the judged days look back at, and what charts of them show."""
    begin = span.first - max(timedelta(days=history_days), BEFORE)
    return past.read(begin, min(span.last + AFTER, past.days()[1]))


def _replays(
    past: Past, history: History, books: Mapping[str, RuleBook], span: Span
) -> list[Replayed]:
    """Replay every side over the same days."""
    tenants = len({key.tenant for key in history.keys})
    found = []
    with progress("replaying", span.days * len(books)) as step:
        for name, book in books.items():
            judged = replay(history, book, first=span.first, last=span.last, judge=past.judge)
            rows = tuple(follow(_stepping(judged, step), past.plans))
            found.append(Replayed(name, rows, tenants, span.first, span.last, book))
    return found


def _write_page(path: Path, report: Report, past: Past, history: History) -> None:
    # The templates need not be loaded for a replay that draws no page.
    from spendwatch.commands.replay_page import page_of

    path.write_text(page_of(report, history, past), encoding="utf-8")


def _stepping(judgements: Iterable[Judgement], step: Any) -> Iterator[Judgement]:
    for judgement in judgements:
        step(judgement.day.isoformat())
        yield judgement
