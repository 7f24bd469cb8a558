"""An installation that reads a made-up gateway's workspaces, and what its ledger should hold."""

from __future__ import annotations

import csv
from collections import defaultdict
from copy import copy
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import select

from detector.model import normalise_tenant
from detector.tables import (
    API_DAY,
    COST_DAY,
    COST_REVISION,
    REJECTED_ROW,
    SERIES,
    SLOT_DAY,
    SOURCE_DAY,
    TENANT_NAME,
    USAGE_SLOT,
    USE_BY_IDS,
    WATERMARK,
)
from spendwatch import cli
from spendwatch.app import build_app
from spendwatch.azure import AzureAccount, Waiting
from spendwatch.db import reading
from spendwatch.exits import run_reporting_errors
from spendwatch.settings import load_settings
from tests.azure.answers import used
from tests.azure.asking import longest
from tests.databases import migrated

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import date, datetime
    from pathlib import Path

    from spendwatch.app import App
    from tests.azure.local import LocalLogAnalytics
    from tests.azure.telemetry import Telemetry

LOGS, METRICS, OWN = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "123")
CONFIG = """
[service]
database_url = "sqlite:///spendwatch.db"

[[receivers]]
kind = "console"
name = "desk"
digest = "off"

[alerts]
receiver = "desk"

[azure]
credential = "managed_identity"
endpoint = "{endpoint}"
"""
GATEWAY = f"""
[[sources]]
kind = "azure_logs"
name = "gateway"
workspace_id = "{LOGS}"
scope = "global"
spillover_scope = "datazone"
tenant = [
  {{ carrier = "request_header", name = "x-tenant-id" }},
  {{ carrier = "subscription", file = "subscriptions.csv" }},
]
feature = [{{ carrier = "request_header", name = "x-feature" }}]
scopes = [{{ backend = "ptu-*", scope = "ptu" }}]
"""
TOKEN_METRICS = f"""
[[sources]]
kind = "azure_metrics"
name = "metrics"
workspace_id = "{METRICS}"
scope = "global"
tenant = [
  {{ carrier = "dimension", name = "Tenant" }},
  {{ carrier = "dimension", name = "Subscription ID", file = "subscriptions.csv" }},
]
deployment_dimension = "Deployment"
streamed_dimension = "Streamed"
"""
OWN_QUERY = f"""
[[sources]]
kind = "kusto_query"
name = "own"
workspace_id = "{OWN}"
query = "usage.kql"
grain = "quarter_hour"
scope = "global"
columns = {{ start_at = "Start", tenant = "Tenant", model = "Model", deployment = "Deployment", \
requests = "Calls", prompt_tokens = "Prompt", completion_tokens = "Completion" }}
"""
USAGE_KQL = """
let calls = ApiManagementGatewayLogs
    | where TimeGenerated >= window_start and TimeGenerated < window_end
    | distinct CorrelationId, ApimSubscriptionId;
ApiManagementGatewayLlmLog
| where TimeGenerated >= window_start and TimeGenerated < window_end and SequenceNumber == 0
| distinct TimeGenerated, CorrelationId, RequestId, ModelName, DeploymentName, PromptTokens,
    CompletionTokens
| summarize Prompt = sum(PromptTokens), Completion = sum(CompletionTokens),
    Start = min(TimeGenerated) by CorrelationId, Model = ModelName, Deployment = DeploymentName
| join kind=leftouter calls on CorrelationId
| summarize Calls = count(), Prompt = sum(Prompt), Completion = sum(Completion)
    by Start = bin(Start, 15m), Tenant = coalesce(ApimSubscriptionId, ""), Model, Deployment
"""
ANSWERED = "kind IN ('plain', 'chunked', 'streamed', 'session', 'filtered', 'blind', 'orphan')"
SCOPES = {"standard": "global", "ptu": "ptu", "spillover": "datazone"}
ZONES = ("UTC", "America/New_York", "Asia/Kathmandu")
GROUPS = (
    "slot", "subscription", "product", "api", "backend", "request_header", "feature_header",
    "model", "deployment", "spilled", "streamed", "cached_known", "tenant", "feature", "scope",
)  # fmt: skip


class Row(NamedTuple):
    """What the ledger holds of one tenant, day, feature, model, deployment and scope."""

    requests: int = 0
    without_usage: int = 0
    prompt: int = 0
    completion: int = 0
    cached: int | None = None
    estimated: bool = False


Ledger = dict[tuple[Any, ...], Row]


class Place:
    """A folder with settings, a mapping, a query and a database; its clock stands where it is set.

    Tenants take turns in the time zones; those of the first zone are not in the settings.
    """

    def __init__(
        self,
        folder: Path,
        local: LocalLogAnalytics,
        telemetry: Telemetry,
        sources: str = GATEWAY,
        extra: str = "",
        zones: Sequence[str] = ZONES,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.local, self.telemetry = local, telemetry
        self.folder, self.config = folder, folder / "config.toml"
        self.now = telemetry.shape.end.replace(hour=6)
        tenants = sorted({tenant for (tenant,) in telemetry.truth(("tenant",)) if tenant})
        self.zones = {
            normalise_tenant(tenant): ZoneInfo(zones[number % len(zones)])
            for number, tenant in enumerate(tenants)
        }
        named = "".join(
            f"[[tenants]]\nid = '{tenant}'\ntime_zone = \"{zone.key}\"\n"
            for tenant, zone in self.zones.items()
            if zone.key != zones[0] and "'" not in tenant
        )
        config = CONFIG.format(endpoint=local.endpoint)
        self.config.write_text(extra + config + sources + named, encoding="utf-8")
        (folder / "usage.kql").write_text(USAGE_KQL, encoding="utf-8")
        with (folder / "subscriptions.csv").open("w", newline="", encoding="utf-8") as file:
            rows = telemetry.subscriptions().items()
            csv.writer(file).writerows([("id", "tenant"), *rows])

    def at(self, folder: Path) -> Place:
        """Give the same place in another folder."""
        other = copy(self)
        other.folder, other.config = folder, folder / "config.toml"
        return other

    def last_day(self) -> date:
        """Return the newest day that is over and settled everywhere."""
        return self.app().last_settled_day()

    def app(self, environ: dict[str, str] | None = None) -> App:
        """Put the service together anew, as a restart would."""
        settings = load_settings(self.config, environ or {})
        return build_app(migrated(settings), lambda: self.now)

    def patient(self, passing: Any, grace_s: float = 15.0, **azure: int) -> App:
        """Put it together with waits that take no time, and settings that no file may have."""
        app = self.app()
        settings = app.settings.model_copy(
            update={"azure": app.settings.azure.model_copy(update=azure)}
        )
        waiting = Waiting(passing.clock, passing.sleep, longest, grace_s)
        account = AzureAccount(settings, app.clock, waiting=waiting)
        return replace(app, settings=settings, azure=account)

    def run(self, *arguments: str) -> int:
        """Run a command of this installation; return its exit code."""
        return run_reporting_errors(cli.app, [*arguments, "--config", str(self.config)])

    def logs_truth(self, at: datetime | None = None) -> Ledger:
        """What the gateway's logs tell, once all has come or at a moment."""
        truth = used(self.telemetry.truth(GROUPS, at=at, minutes=15))
        return self._by_day(
            (slot, tenant, feature, model, deployment, SCOPES[scope], known, False, sums)
            for (slot, *_, model, deployment, _, _, known, tenant, feature, scope), sums
            in truth.items()
        )  # fmt: skip

    def metrics_truth(self) -> Ledger:
        """What the token metrics tell: what was streamed is an estimate."""
        by = "slot", "subscription", "tenant", "api", "model", "deployment", "streamed"
        owners = self.telemetry.subscriptions()
        truth = self.telemetry.metric_truth((*by, "cached_known"), minutes=15)
        return self._by_day(
            (slot, who or owners.get(key, ""), api, model, deployment, "global", known, guess, sums)
            for (slot, key, who, api, model, deployment, guess, known), sums in truth.items()
        )  # fmt: skip

    def own_truth(self) -> Ledger:
        """What the user's own query tells: subscriptions are tenants, nothing is cached."""
        by = "slot", "subscription", "model", "deployment"
        truth = self.telemetry.truth(by, minutes=15, where=ANSWERED)
        return self._by_day(
            (slot, key, "", *served, "global", False, False, sums._replace(without_tokens=0))
            for (slot, key, *served), sums in truth.items()
        )  # fmt: skip

    def _by_day(self, told: Iterable[tuple[Any, ...]]) -> Ledger:
        """Sum slots into the local days of their tenants, as a person with a calendar would."""
        sums: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        cached: dict[Any, int] = {}
        hidden, estimated = set(), set()
        for slot, tenant, feature, model, deployment, scope, known, guess, counts in told:
            who = normalise_tenant(tenant) or "unattributed"
            zone = self.zones.get(who, ZoneInfo("UTC"))
            day = slot.replace(tzinfo=UTC).astimezone(zone).date()
            key = who, day, feature, model, deployment, scope
            more = counts.requests, counts.without_tokens, counts.prompt, counts.completion
            sums[key] = [one + other for one, other in zip(sums[key], more, strict=True)]
            if known:
                cached[key] = cached.get(key, 0) + counts.cached
            elif counts.prompt:
                hidden.add(key)
            if guess:
                estimated.add(key)
        estimated |= hidden & cached.keys()
        return {
            key: Row(*counts, cached.get(key), key in estimated) for key, counts in sums.items()
        }

    def ledger(self, source: str = "gateway") -> Ledger:
        """What the ledger holds of a source; what is gone by now stands there as nothing."""
        return {key: row for key, row in _stored(self.app(), source).items() if any(row[:4])}


def _stored(app: App, source: str) -> Ledger:
    table, series = COST_DAY.c, SERIES.c
    query = select(
        series.tenant, table.day, series.feature, series.model, series.deployment, series.scope,
        table.requests, table.requests_without_usage, table.prompt_tokens,
        table.completion_tokens, table.cached_tokens, table.estimated,
    ).where(table.series_id == series.id, series.source == source)  # fmt: skip
    with reading(app.engine) as session:
        found = session.connection().execute(query).all()
    app.engine.dispose()
    return {tuple(row[:6]): Row(*row[6:]) for row in found}


def differences(found: Ledger, wanted: Ledger) -> list[str]:
    """Say in few lines where two ledgers differ; empty where they are equal."""
    keys = sorted(key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key))
    shown = [f"{key}: {found.get(key)} instead of {wanted.get(key)}" for key in keys[:5]]
    return [f"{len(keys)} differ", *shown] if keys else []


TABLES = (
    COST_DAY, COST_REVISION, USAGE_SLOT, SLOT_DAY, SOURCE_DAY, API_DAY, USE_BY_IDS, WATERMARK,
    TENANT_NAME, REJECTED_ROW,
)  # fmt: skip
STAMPS = {"version", "recorded_at", "replaced_at", "pulled_at", "changed_at"}
"""How often something was written, and when."""


def whole_tables(app: App, source: str = "", without: Collection[str] = ()) -> dict[str, list[str]]:
    """Every row of every table of the ledger, by names in place of numbers."""
    with reading(app.engine) as session:
        run = session.connection().execute
        series = {row.id: tuple(row)[1:] for row in run(select(SERIES))}
        found = {
            table.name: sorted(
                repr(_named(row, series, without))
                for row in run(select(table)).mappings()
                if source in ("", _source_of(row, series))
            )
            for table in TABLES
        }
        found["series"] = sorted(repr(each) for each in series.values() if source in ("", each[0]))
    return found


def _source_of(row: Any, series: Any) -> str:
    return series[row["series_id"]][0] if "series_id" in row else row.get("source", "")


def _named(row: Any, series: Any, without: Collection[str]) -> dict[str, Any]:
    values = {name: value for name, value in row.items() if name not in {"id", "pull_id", *without}}
    return values | ({"series_id": series[row["series_id"]]} if "series_id" in row else {})
