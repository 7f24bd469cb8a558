"""One hour of a source in Azure, asked as a pull would ask, and what it shows of the telemetry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from alerts.numbers import moment
from detector.model import UNATTRIBUTED, Rejection, normalise_tenant
from detector.price_usage import price_usage
from detector.sources.asking import ask_whole
from detector.sources.base import SourceError, Telemetry, WatchedSource, Window
from detector.sources.log_query import Answer
from spendwatch import azure_words as words
from spendwatch.live import Mark
from spendwatch.settings_azure import AzureMetricsSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from detector.model import CostDay, Usage
    from detector.price_table import PriceTable
    from detector.sources.base import UsageSource
    from detector.sources.log_query import LogStore, Statement
    from spendwatch.azure import AzureAccount
    from spendwatch.directory import Directory
    from spendwatch.settings import Settings
    from spendwatch.settings_azure import AnyAzureSource, CarrierSettings

Line = tuple[str, Mark, str]
"""A topic, whether it is as it should be, and words."""

_SMALLEST = timedelta(minutes=15)
_NOTHING_THERE = "holds no usage"


class OneSpan:
    """A store that is asked for one span of time alone, whatever it is asked for."""

    def __init__(self, store: LogStore, begin: datetime, end: datetime) -> None:
        self.store, self.begin, self.end = store, begin, end
        self._columns: dict[str, tuple[str, ...]] = {}

    @property
    def place(self) -> str:
        """What is asked."""
        return self.store.place

    def ask(self, statement: Statement, begin: datetime, end: datetime) -> Answer:
        """Ask for what lies in the span, in pieces where it is too much at once."""
        begin, end = max(begin, self.begin), min(end, self.end)
        if begin >= end:
            return Answer(self._columns.get(statement.name, ()), ())
        pieces = [each for *_, each in ask_whole(self.store, statement, begin, end, _SMALLEST)]
        columns = next((each.columns for each in pieces if each.columns), ())
        self._columns[statement.name] = columns
        rows = [row for each in pieces for row in each.rows]
        why = next((each.why for each in pieces if not each.whole), "")
        return Answer(columns, rows, all(each.whole for each in pieces), why)


@dataclass(frozen=True, slots=True)
class Hour:
    """What is asked of one source about one span of time."""

    settings: Settings
    source: AnyAzureSource
    account: AzureAccount
    prices: PriceTable
    directory: Directory

    def ask(self, only: OneSpan) -> Iterator[Line]:
        """Ask what a pull asks, and say what came of it; raises SourceError."""
        source = self.account.source_of(self.source, only, self.directory.every_zone())
        day = only.begin.date()
        rows = list(source.usage(Window(day, day)))
        usage = [each for each in rows if not isinstance(each, Rejection)]
        refused = [each for each in rows if isinstance(each, Rejection)]
        telemetry = source.telemetry() if isinstance(source, WatchedSource) else Telemetry()
        yield "hour", *_held(f"{moment(only.begin)} to {moment(only.end)}", usage, telemetry)
        if refused:
            yield "rows", *words.refused_words(len(refused), refused[0].where, refused[0].reason)
        if usage:
            yield from self._quality(usage, telemetry)
        for remark in telemetry.remarks:
            if usage or _NOTHING_THERE not in remark:
                yield "remark", Mark.WARNING, remark
        yield from _late(source, only.begin)

    def _quality(self, usage: Sequence[Usage], telemetry: Telemetry) -> Iterator[Line]:
        day = usage[0].start_at.date()
        costs = price_usage(self.prices, day, usage, canonical=self._tenant_of)
        bar = self.settings.detection.unattributed_percent
        yield (
            "tenants",
            *words.tenants_words(
                self._attributed(costs), telemetry.unattributed, bar, self._tenant_cure(telemetry)
            ),
        )
        metrics = isinstance(self.source, AzureMetricsSource)
        if not metrics:
            yield "tokens told", *words.tokens_words(telemetry.apis)
        if sampled := words.sampled_words(telemetry.apis):
            yield "sampling", *sampled
        prompt = sum(each.prompt_tokens or 0 for each in usage)
        known = sum(each.prompt_tokens or 0 for each in usage if each.cached_tokens is not None)
        yield "cached tokens", *words.cached_words(known, prompt, self._cached_cure())
        if metrics:
            estimated = sum(each.estimated for each in usage)
            yield "estimates", *words.estimated_words(estimated, len(usage))
        # Calls that failed stand under no model, and cost nothing.
        used = [each for each in costs if _tokens(each) or each.given]
        unpriced = [each for each in used if each.micro_usd is None]
        yield "prices", *words.prices_words(_models(unpriced), _models(used))

    def _tenant_cure(self, telemetry: Telemetry) -> str:
        """Say how calls get a tenant; of carriers with a name those are told that none had."""
        carriers = getattr(self.source, "tenant", ())
        seen = {key.casefold() for use in telemetry.unattributed for key, _ in use.ids}
        named = [each for each in carriers if each.name]
        missed = [e for e in named if f"{e.carrier} {e.name}".casefold() not in seen]
        return words.tenant_cure(
            self.source.kind,
            [_mapping(each) for each in carriers if each.file or each.ids],
            [(each.carrier, each.name) for each in missed],
        )

    def _cached_cure(self) -> str:
        header = getattr(self.source, "cached_tokens_header", "")
        return words.cached_cure(self.source.kind, header, asked=bool(header))

    def _attributed(self, costs: Sequence[CostDay]) -> words.Attributed:
        """Say how much has a tenant: of the cost or, where nothing has a price, of the tokens."""
        priced = any(each.micro_usd for each in costs)
        shares = [
            (self._tenant_of(each.key.tenant), each.micro_usd or 0 if priced else _tokens(each))
            for each in costs
        ]
        return words.Attributed(
            of_what="the cost" if priced else "the tokens",
            total=max(1, sum(share for _, share in shares)),
            without=sum(share for tenant, share in shares if tenant == UNATTRIBUTED),
            tenants=len({tenant for tenant, _ in shares} - {UNATTRIBUTED}),
        )

    def _tenant_of(self, tenant: str) -> str:
        """Return whom a tenant as a source spells it stands for."""
        return self.directory.canonical(normalise_tenant(tenant))


def _held(span: str, usage: Sequence[Usage], telemetry: Telemetry) -> tuple[Mark, str]:
    without_call = sum(each.rows_without_call for each in telemetry.apis)
    calls = sum(each.requests for each in usage) - without_call
    apis = {each.api for each in telemetry.apis if each.api}
    return words.calls_words(span, calls, sum(map(_tokens, usage)), len(apis))


def _mapping(carrier: CarrierSettings) -> str:
    return str(carrier.file) if carrier.file else f"the ids of the carrier {carrier.carrier}"


def _tokens(used: Usage | CostDay) -> int:
    return (used.prompt_tokens or 0) + (used.completion_tokens or 0)


def _models(costs: Sequence[CostDay]) -> list[str]:
    named = {each.key.model or each.key.deployment for each in costs}
    return [each or "(neither model nor deployment is told)" for each in sorted(named)]


def _late(source: UsageSource, since: datetime) -> Iterator[Line]:
    """Ask the query for days with late rows; it is only told where it fails."""
    if isinstance(source, WatchedSource):
        try:
            source.late_days(since)
        except SourceError as error:
            yield "late rows", Mark.WRONG, str(error)
