"""What Azure Monitor says of the settings: its tables, and each source's queries for one hour."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from detector.sources.base import SourceError
from detector.sources.kql_text import shipped
from spendwatch import azure_words as words
from spendwatch.azure import AzureAccount
from spendwatch.azure_hour import Hour, OneSpan
from spendwatch.directory import build_directory
from spendwatch.live import Mark, Seen
from spendwatch.settings_azure import AzureMetricsSource, AzureSource, KustoQuerySource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from detector.price_table import PriceTable
    from detector.sources.log_query import LogStore
    from spendwatch.directory import Directory
    from spendwatch.settings import Settings
    from spendwatch.settings_azure import AnyAzureSource

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def ask_azure(
    settings: Settings,
    prices: PriceTable,
    clock: Callable[[], datetime],
    account: AzureAccount | None = None,
) -> Iterator[Seen]:
    """Ask for every source in Azure in turn, whatever is wrong with one of them."""
    account = account or AzureAccount(settings, clock)
    directory = build_directory(settings, account.cost_centres())
    for source in settings.sources:
        if isinstance(source, AzureSource):
            yield from _Questions(settings, source, account, prices, directory, clock()).ask()


@dataclass(slots=True)
class _Questions:
    """What is asked of one source."""

    settings: Settings
    source: AnyAzureSource
    account: AzureAccount
    prices: PriceTable
    directory: Directory
    now: datetime
    newest_at: datetime | None = field(default=None)
    unreadable: bool = field(default=False)

    def ask(self) -> Iterator[Seen]:
        """Ask its tables, then one hour, unless they or all of the place cannot be read."""
        try:
            store = self.account.store(self.source)
            for seen in self._tables(store):
                yield seen
                if seen.mark is Mark.WRONG and self.account.refuses(store):
                    yield self._seen("", Mark.WARNING, "nothing else was asked of it")
                    return
            if self.unreadable:
                yield self._seen(
                    "hour", Mark.WARNING, "not asked for: it needs what is wrong above"
                )
                return
            begin, end = self._span()
            hour = Hour(self.settings, self.source, self.account, self.prices, self.directory)
            for topic, mark, told in hour.ask(OneSpan(store, begin, end)):
                yield self._seen(topic, mark, told)
        except SourceError as error:
            yield self._seen("", Mark.WRONG, str(error))

    def _seen(self, topic: str, mark: Mark, told: str) -> Seen:
        return Seen(f"sources.{self.source.name} {topic}".rstrip(), mark, told)

    def _tables(self, store: LogStore) -> Iterator[Seen]:
        """Ask each table by itself: one that is missing fails alone."""
        if isinstance(self.source, KustoQuerySource):
            return
        if isinstance(self.source, AzureMetricsSource):
            classic = bool(self.source.application_insights)
            yield self._table(store, words.CLASSIC_METRICS if classic else words.METRICS)
            return
        calls = self._table(store, words.CALLS)
        yield calls
        tokens = self._table(store, words.TOKENS)
        yield tokens
        if Mark.WRONG in (calls.mark, tokens.mark):
            yield from self._elsewhere(store)

    def _table(self, store: LogStore, table: words.Table) -> Seen:
        try:
            probed = self._probe(store, table)
        except SourceError as error:
            self.unreadable = True
            return self._seen(table.what, Mark.WRONG, str(error))
        # Calls and their tokens are told together: the hour lies where both are.
        known = [each for each in (self.newest_at, probed.newest_at) if each]
        self.newest_at = min(known, default=None)
        return self._seen(table.what, *words.table_words(table, probed, self.now))

    def _elsewhere(self, store: LogStore) -> Iterator[Seen]:
        try:
            probed = self._probe(store, words.ELSEWHERE)
        except SourceError:
            return  # most workspaces have no such table
        if probed.rows:
            yield self._seen(words.ELSEWHERE.what, *words.elsewhere_words(probed))

    def _probe(self, store: LogStore, table: words.Table) -> words.Probed:
        """Look for rows, a day at a time: one that has some is asked no further back."""
        for days in range(words.LOOKED_BACK_DAYS):
            found = self._probe_day(store, table, self.now - days * DAY)
            if found.rows:
                return found
        return words.Probed()

    def _probe_day(self, store: LogStore, table: words.Table, end: datetime) -> words.Probed:
        answer = store.ask(shipped(table.query), end - DAY, end)
        if not answer.rows:
            return words.Probed()
        row = dict(zip(answer.columns, answer.rows[0], strict=False))
        newest = row.get("newest")
        return words.Probed(
            int(row.get("rows_seen") or 0),
            newest if isinstance(newest, datetime) else None,
            words.read_span(row.get("lag_p95")),
        )

    def _span(self) -> tuple[datetime, datetime]:
        """Choose the newest hour that is over and has rows; where rows are days, the last day."""
        if isinstance(self.source, KustoQuerySource) and self.source.grain == "day":
            end = datetime.combine(self.now.astimezone(UTC).date(), time(), UTC)
            return end - DAY, end
        end = _whole_hour(self.now)
        if self.newest_at:
            end = min(end, _whole_hour(self.newest_at) + HOUR)
        return end - HOUR, end


def _whole_hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
