"""The one identity that asks Azure Monitor, and the sources it asks for.

What the sources share is kept as long as the service runs: the credential with its tokens, the gate
that counts their queries and remembers refusals, and the files that say whom ids stand for; so is
what each source learnt. Stores and sources are made anew for every pull: the time that a pull may
take begins with them.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

from detector.model import Grain
from detector.sources.base import Coverage, SourceError
from spendwatch.azure_mappings import Mappings
from spendwatch.settings_azure import AzureMetricsSource, KustoQuerySource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from detector.model import Rejection, Usage
    from detector.sources.base import UsageSource, Window
    from detector.sources.log_analytics_gate import Gate
    from detector.sources.log_query import LogStore, Statement
    from detector.sources.log_source import Learnt
    from detector.sources.scopes import ScopeRules
    from spendwatch.settings import Settings
    from spendwatch.settings_azure import (
        AnyAzureSource,
        AttributedSource,
        AzureLogsSource,
        AzureSettings,
    )

MINUTES = {Grain.QUARTER_HOUR: 15, Grain.HOUR: 60}
_HOUR = timedelta(hours=1)
_MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How time passes while queries are waited for; ``grace_s`` is that of ``Limits``."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    spread: Callable[[float, float], float] = random.uniform
    grace_s: float = 15.0


class UnbuiltSource:
    """A source that cannot be asked: it says why whenever it is, and holds up no other."""

    def __init__(self, name: str, why: SourceError) -> None:
        self.name, self._why = name, why

    def usage(self, _window: Window) -> Iterator[Usage | Rejection]:
        """Raise SourceError."""
        raise self._why

    def coverage(self) -> Coverage:
        """Tell that nothing is known."""
        return Coverage(None, None)


class AzureAccount:
    """Builds the sources of Azure Monitor around what they share; safe from several threads."""

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], datetime],
        credential: Callable[[AzureSettings], Any] | None = None,
        waiting: Waiting | None = None,
    ) -> None:
        self._settings, self._clock = settings, clock
        self._waiting = waiting or Waiting()
        self._open = credential or open_credential
        self._mappings = Mappings(settings)
        self._credential: Any = None
        self._gate: Gate | None = None
        self._learnt: dict[str, Learnt] = {}
        self._lock = Lock()

    def cost_centres(self) -> Sequence[Mapping[str, str]]:
        """Give the cost centre of every tenant that a mapping names, mapping by mapping."""
        return self._mappings.cost_centres()

    def credential(self) -> Any:
        """Give who asks Azure, the same one for ever; raises SourceError."""
        return self._shared()[0]

    def source(self, settings: AnyAzureSource, zones: Iterable[ZoneInfo]) -> UsageSource:
        """Build a source for one pull; nothing is asked yet, and what is wrong it says then."""
        try:
            learnt = self._learnt_by(settings.name)
            return self.source_of(settings, self.store(settings), zones, learnt)
        except SourceError as error:
            return UnbuiltSource(settings.name, error)

    def store(self, settings: AnyAzureSource) -> LogStore:
        """Open what a source asks, for one pull; raises SourceError."""
        from detector.sources.azure_credentials import CLOUDS
        from detector.sources.log_analytics import Limits, open_log_analytics

        azure = self._settings.azure
        cloud = CLOUDS[azure.cloud]
        credential, gate = self._shared()
        waiting = self._waiting
        return open_log_analytics(
            workspace_id=settings.workspace_id,
            resource_id=getattr(settings, "application_insights", ""),
            credential=credential,
            endpoint=azure.endpoint or cloud.endpoint,
            audience=cloud.audience,
            limits=Limits(azure.query_timeout_s, azure.run_timeout_s, waiting.grace_s),
            gate=gate,
            clock=waiting.clock,
            sleep=waiting.sleep,
            spread=waiting.spread,
        )

    def refuses(self, store: LogStore) -> bool:
        """Whether what a store asks has just refused us: it is not worth asking on."""
        try:
            self._shared()[1].check(store.place)
        except SourceError:
            return True
        return False

    def source_of(
        self,
        settings: AnyAzureSource,
        store: LogStore,
        zones: Iterable[ZoneInfo],
        learnt: Learnt | None = None,
    ) -> UsageSource:
        """Build a source that asks a store; raises SourceError."""
        if isinstance(settings, KustoQuerySource):
            return self._query(settings, store, learnt)
        minutes = MINUTES[slot_of(settings, zones, self._clock())]
        if isinstance(settings, AzureMetricsSource):
            return self._metrics(settings, store, minutes, learnt)
        return self._logs(settings, store, minutes, learnt)

    def _logs(
        self, settings: AzureLogsSource, store: LogStore, minutes: int, learnt: Learnt | None
    ) -> UsageSource:
        from detector.sources.azure_logs import AzureLogsSource as AzureLogs

        return AzureLogs(
            settings.name,
            store,
            self._mappings.attribution(settings),
            scopes=scope_rules(settings, settings.spillover_scope),
            clock=self._clock,
            apis=settings.apis,
            slot_minutes=minutes,
            cached_header=settings.cached_tokens_header,
            learnt=learnt,
            orphans=tells_orphans(settings, self._settings),
        )

    def _metrics(
        self, settings: AzureMetricsSource, store: LogStore, minutes: int, learnt: Learnt | None
    ) -> UsageSource:
        from detector.sources.azure_metrics import AzureMetricsSource as AzureMetrics
        from detector.sources.azure_metrics import MetricNames

        names = MetricNames(
            model=settings.model_dimension,
            deployment=settings.deployment_dimension,
            api=settings.api_dimension,
            streamed=settings.streamed_dimension,
            service_ids=settings.services,
            classic=bool(settings.application_insights),
        )
        return AzureMetrics(
            settings.name,
            store,
            self._mappings.attribution(settings),
            names=names,
            scopes=scope_rules(settings),
            clock=self._clock,
            slot_minutes=minutes,
            learnt=learnt,
        )

    def _query(
        self, settings: KustoQuerySource, store: LogStore, learnt: Learnt | None
    ) -> UsageSource:
        from detector.sources.kusto_query import KustoQuerySource as KustoQuery

        return KustoQuery(
            settings.name,
            store,
            read_query(settings.query),
            settings.columns.mapped,
            clock=self._clock,
            grain=Grain(settings.grain),
            scope=settings.scope,
            learnt=learnt,
        )

    def _learnt_by(self, name: str) -> Learnt:
        """Give what a source's pulls have learnt, the same for ever."""
        from detector.sources.log_source import Learnt

        with self._lock:
            return self._learnt.setdefault(name, Learnt())

    def _shared(self) -> tuple[Any, Gate]:
        """Give the credential and the gate, the same ones for ever; raises SourceError."""
        from detector.sources.log_analytics_gate import Gate

        with self._lock:
            if self._credential is None:
                self._credential = self._open(self._settings.azure)
            if self._gate is None:
                self._gate = Gate(self._waiting.clock, self._waiting.sleep)
            return self._credential, self._gate


def open_credential(azure: AzureSettings) -> Any:
    """Make the credential that the settings name; raises SourceError."""
    from detector.sources.azure_credentials import credential_for

    try:
        return credential_for(
            azure.credential,
            azure.cloud,
            azure.tenant_id,
            azure.client_id,
            azure.client_secret.get_secret_value(),
        )
    except ValueError as error:
        raise SourceError(f"[azure]: {error}") from None


def slot_of(settings: AttributedSource, zones: Iterable[ZoneInfo], now: datetime) -> Grain:
    """Say how long a slot is: a quarter of an hour where a day of somebody's needs it."""
    if settings.slot != "auto":
        return Grain(settings.slot)
    steps = range(-12, 13)
    moments = [now + step * _MONTH for step in steps]
    offsets = (at.astimezone(zone).utcoffset() for zone in zones for at in moments)
    uneven = any(offset and offset % _HOUR for offset in offsets)
    return Grain.QUARTER_HOUR if uneven else Grain.HOUR


def tells_orphans(source: AzureLogsSource, settings: Settings) -> bool:
    """Whether a source tells tokens without a call: the first one of its workspace does."""
    workspace = source.workspace_id.casefold()
    logs = [each for each in settings.sources if each.kind == "azure_logs"]
    first = next(each for each in logs if each.workspace_id.casefold() == workspace)
    return first.name == source.name


def scope_rules(settings: AttributedSource, spillover: str = "") -> ScopeRules:
    """Give where calls are served."""
    from detector.sources.scopes import ScopeRule, ScopeRules

    rules = (ScopeRule(each.scope, each.backend, each.deployment) for each in settings.scopes)
    return ScopeRules(settings.scope, spillover, tuple(rules))


def read_query(path: Path) -> Statement:
    """Read a query of the user's own; raises SourceError."""
    from detector.sources.kql_text import own

    try:
        return own(path.name, path.read_text(encoding="utf-8"))
    except OSError as error:
        words = f"{path}: cannot be read: {error.strerror}; check the path and who may read it"
        raise SourceError(words, retryable=True) from error
    except UnicodeDecodeError:
        raise SourceError(f"{path}: is not UTF-8 text; save the file as UTF-8") from None
    except ValueError as error:
        raise SourceError(str(error)) from None


def file_problems(settings: Settings) -> tuple[str, ...]:
    """Read every mapping and query that sources in Azure name; say all that is wrong with them."""
    found = []
    for key, file in Mappings(settings).files():
        try:
            file()
        except SourceError as error:
            found.append(f"{key}: {error}")
    for source in settings.sources:
        if isinstance(source, KustoQuerySource):
            try:
                read_query(source.query)
            except SourceError as error:
                found.append(f"sources.{source.name}.query: {error}")
    return tuple(found)
