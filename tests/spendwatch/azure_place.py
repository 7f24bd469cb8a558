"""An installation that reads a made-up gateway's workspaces, and what its ledger should hold."""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import select

from detector.model import normalise_tenant
from detector.tables import COST_DAY, SERIES
from spendwatch import cli
from spendwatch.app import build_app
from spendwatch.db import reading
from spendwatch.exits import run_reporting_errors
from spendwatch.settings import load_settings
from tests.azure.answers import used

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
| summarize Prompt = sum(PromptTokens), Completion = sum(CompletionTokens), Start = min(TimeGenerated)
    by CorrelationId, Model = ModelName, Deployment = DeploymentName
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


class Place:
    """A folder with settings, a mapping, a query and a database; its clock stands where it is set.

    Tenants take turns: every third one lives in New York, every third one in Kathmandu.
    """

    def __init__(self, folder, local, telemetry, sources=GATEWAY, extra=""):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.local, self.telemetry = folder, local, telemetry
        self.config = folder / "config.toml"
        self.now = telemetry.shape.end.replace(hour=6)
        tenants = sorted({tenant for (tenant,) in telemetry.truth(("tenant",)) if tenant})
        self.zones = {
            normalise_tenant(tenant): ZoneInfo(ZONES[number % 3])
            for number, tenant in enumerate(tenants)
        }
        named = "".join(
            f"[[tenants]]\nid = '{tenant}'\ntime_zone = \"{zone.key}\"\n"
            for tenant, zone in self.zones.items()
            if zone.key != "UTC" and "'" not in tenant
        )
        config = CONFIG.format(endpoint=local.endpoint)
        self.config.write_text(extra + config + sources + named, encoding="utf-8")
        (folder / "usage.kql").write_text(USAGE_KQL, encoding="utf-8")
        with (folder / "subscriptions.csv").open("w", newline="", encoding="utf-8") as file:
            rows = telemetry.subscriptions().items()
            csv.writer(file).writerows([("id", "tenant"), *rows])

    def app(self, environ=None):
        """Put the service together anew, as a restart would."""
        return build_app(load_settings(self.config, environ or {}), lambda: self.now)

    def run(self, *arguments):
        """Run a command of this installation; return its exit code."""
        return run_reporting_errors(cli.app, [*arguments, "--config", str(self.config)])

    def logs_truth(self, at=None):
        """What the gateway's logs tell, once all has come or at a moment."""
        truth = used(self.telemetry.truth(GROUPS, at=at, minutes=15))
        return self._by_day(
            (slot, tenant, feature, model, deployment, SCOPES[scope], known, False, sums)
            for (slot, *_, model, deployment, _, _, known, tenant, feature, scope), sums
            in truth.items()
        )  # fmt: skip

    def metrics_truth(self):
        """What the token metrics tell: what was streamed is an estimate."""
        by = "slot", "subscription", "tenant", "api", "model", "deployment", "streamed"
        owners = self.telemetry.subscriptions()
        truth = self.telemetry.metric_truth((*by, "cached_known"), minutes=15)
        return self._by_day(
            (slot, tenant or owners.get(key, ""), api, model, deployment, "global", known, is_stream, sums)
            for (slot, key, tenant, api, model, deployment, is_stream, known), sums in truth.items()
        )  # fmt: skip

    def own_truth(self):
        """What the user's own query tells: subscriptions are tenants, nothing is cached."""
        by = "slot", "subscription", "model", "deployment"
        truth = self.telemetry.truth(by, minutes=15, where=ANSWERED)
        return self._by_day(
            (slot, key, "", model, deployment, "global", False, False, sums._replace(without_tokens=0))
            for (slot, key, model, deployment), sums in truth.items()
        )  # fmt: skip

    def _by_day(self, told):
        """Sum slots into the local days of their tenants, as a person with a calendar would."""
        sums = defaultdict(lambda: [0, 0, 0, 0])
        cached, hidden, estimated = {}, set(), set()
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

    def ledger(self, source="gateway"):
        """What the ledger holds of a source; what is gone by now stands there as nothing."""
        return {key: row for key, row in _stored(self.app(), source).items() if any(row[:4])}


def _stored(app, source):
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


def differences(found, wanted):
    """Say in few lines where two ledgers differ; empty where they are equal."""
    keys = sorted(key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key))
    shown = [f"{key}: {found.get(key)} instead of {wanted.get(key)}" for key in keys[:5]]
    return [f"{len(keys)} differ", *shown] if keys else []


def moment(telemetry, **after):
    """A time on the clock, counted from the telemetry's first midnight."""
    from datetime import timedelta

    return telemetry.shape.begin + timedelta(**after)


def stamp(at: datetime) -> str:
    """A time as the local Log Analytics takes it."""
    return at.isoformat()
