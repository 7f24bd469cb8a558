"""What the sources have in common that read a log store: a pull, and what it taught."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from detector.model import Rejection
from detector.sources.answer_table import COUNT, MOMENT, Column, Query, place_columns, read_cells
from detector.sources.asking import Pace
from detector.sources.base import Coverage, LateDays, SourceError, Telemetry
from detector.sources.log_pull import LogPull, floor_to, midnight, span_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import date, datetime

    from detector.model import Usage
    from detector.sources.base import Window
    from detector.sources.log_pull import Reader
    from detector.sources.log_query import LogStore, Statement

LATE_WINDOW_DAYS = 7
"""Rows older than this are not looked for: the service replaces older times on arrival."""
_HOUR = timedelta(hours=1)
LATE = (
    Column("day", "day", MOMENT),
    Column("late_rows", "late_rows", COUNT),
    Column("ingested_at", "ingested_at", MOMENT),
)
SHIPPED = (
    "The query comes with spendwatch; where its file was changed, put it back, else tell its "
    "makers which version this is"
)


@dataclass(slots=True)
class Learnt:
    """What the pulls of a source learn from one another, if it is kept while the service runs.

    ``pace`` is how many days are asked for at once; the others are when it was last asked what
    else there is to tell, and what that was.
    """

    pace: Pace = field(default_factory=Pace)
    asked_on: date | None = None
    remarks: tuple[str, ...] = ()


class LogSource(ABC):
    """Usage that a query tells; a kind of it says how its rows are read.

    ``clock`` gives the present, UTC-aware; ``learnt`` is what pulls before taught.
    """

    def __init__(
        self,
        name: str,
        store: LogStore,
        statement: Statement,
        clock: Callable[[], datetime],
        learnt: Learnt | None = None,
    ) -> None:
        self._name = name
        self._store = store
        self._statement = statement
        self._clock = clock
        self._learnt = learnt or Learnt()
        self._pull: LogPull | None = None

    @property
    def name(self) -> str:
        """The source's name in the settings."""
        return self._name

    def usage(self, window: Window) -> Iterator[Usage | Rejection]:
        """Stream the window slot by slot; raises SourceError."""
        today = self._clock().date()
        pull = self._pull = self._pull_of(span_of(window, today), today, self._learnt.pace)
        yield from pull.usage()
        for remark in self._more_remarks(pull):
            pull.sums.tell(remark)

    def coverage(self) -> Coverage:
        """Give the span of days that held usage in the last window, and which may lack rows."""
        return self._pull.coverage() if self._pull else Coverage(None, None)

    def telemetry(self) -> Telemetry:
        """Tell how good the last window was."""
        return self._pull.sums.telemetry() if self._pull else Telemetry()

    def check(self) -> tuple[str, ...]:
        """Ask for the last whole hour; say in sentences what it held. Raises SourceError."""
        now = self._clock()
        end = floor_to(now, _HOUR)
        pull = self._pull_of((end - _HOUR, end), now.date(), Pace())
        found = list(pull.usage())
        refused = [each for each in found if isinstance(each, Rejection)]
        told = [each for each in found if not isinstance(each, Rejection)]
        return (
            f"{self._store.place}: {self._statement.name} answered for {end - _HOUR:%Y-%m-%d %H:%M}"
            f" to {end:%H:%M}: {_in_words(told)}",
            *([_refused_words(refused)] if refused else []),
            *pull.sums.telemetry().remarks,
        )

    def _pull_of(self, span: tuple[datetime, datetime], today: date, pace: Pace) -> LogPull:
        return LogPull(self._name, self._store, self._statement, self._reader(), span, today, pace)

    @abstractmethod
    def _reader(self) -> Reader:
        """Give how rows are read in one pull; raises SourceError."""

    @abstractmethod
    def late_days(self, since: datetime) -> LateDays:
        """Ask which days got rows since then; raises SourceError."""

    def _more_remarks(self, pull: LogPull) -> Iterable[str]:
        """Give what else there is to tell at the end of a pull; as a rule nothing."""
        return ()

    def _ask_late(self, statement: Statement) -> LateDays:
        """Ask which days got rows; of an answer that may lack rows no time of arrival is told."""
        today = midnight(self._clock().date())
        begin, end = today - timedelta(days=LATE_WINDOW_DAYS), today + timedelta(days=1)
        answer = self._store.ask(statement, begin, end)
        if not (answer.columns or answer.rows):
            return LateDays()
        places = place_columns(Query(statement.name, SHIPPED), answer, LATE)
        try:
            rows = [read_cells(LATE, places, row) for row in answer.rows]
        except ValueError as problem:
            raise SourceError(f"{statement.name}: a row of its answer: {problem}") from problem
        days = {row["day"].date() for row in rows if row["day"] and row["late_rows"]}
        arrivals = [row["ingested_at"] for row in rows if row["ingested_at"]]
        return LateDays(frozenset(days), max(arrivals, default=None) if answer.whole else None)


def _in_words(told: Sequence[Usage]) -> str:
    """Say how much an hour held and how much of it has a tenant."""
    if not told:
        return "no usage"
    tenants = {usage.tenant for usage in told} - {""}
    without = sum(usage.requests for usage in told if not usage.tenant)
    tokens = sum((usage.prompt_tokens or 0) + (usage.completion_tokens or 0) for usage in told)
    requests = sum(usage.requests for usage in told)
    return (
        f"{requests:,} requests, {tokens:,} tokens, {len(tenants):,} tenants; "
        f"{without:,} requests without a tenant"
    )


def _refused_words(refused: Sequence[Rejection]) -> str:
    first = refused[0]
    return f"{len(refused):,} rows were refused; the first: {first.where}: {first.reason}"
