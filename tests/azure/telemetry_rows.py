"""What the logs of Azure Monitor say of the calls: one statement a table, run inside DuckDB.

Only columns that hold something are stored; the engine adds the others of the documented schema.
Message rows carry recognisable text (``PROMPT_TEXT``), so that a query which returned what people
wrote would be seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    import duckdb

PROMPT_TEXT = "what a person asked"
ANSWER_TEXT = "what the model answered"
SERVICE = "apim-prod"
CACHED_MODELS = ("gpt-4.1-2025-04-14", "gpt-5-2025-08-07")
RESOURCE = (
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/ai"
    "/providers/microsoft.apimanagement/service/apim-prod"
)

# Every row twice where it was delivered twice: the copies differ in nothing but their arrival.
_TWICE = (
    "CROSS JOIN (VALUES (0), (1)) AS copy(nth) "
    "WHERE {logged} AND (copy.nth = 0 OR {table}_again_at IS NOT NULL)"
)
_ARRIVED = "CASE copy.nth WHEN 0 THEN {table}_at ELSE {table}_again_at END AS _ingested"
_CORRELATION = "printf('%08x-0000-4000-8000-%012x', {seed}, call)"

_REQUEST_HEADERS = """
CASE WHEN headers_lost THEN CASE call % 3 WHEN 0 THEN NULL ELSE '{{}}' END
ELSE '{{"Host":"gateway.example","'
  || ['x-tenant-id', 'X-Tenant-Id', 'X-TENANT-ID'][header_case + 1] || '":' || to_json(tenant)
  || CASE WHEN feature = '' THEN '' ELSE ',"x-feature":' || to_json(feature) END || '}}'
END"""

_RESPONSE_HEADERS = """
'{{' || concat_ws(',',
  '"X-Tenant":' || to_json(tenant),
  CASE cached_header
    WHEN 'present' THEN '"X-Cached-Tokens":"' || cached || '"'
    WHEN 'other_case' THEN '"x-cached-tokens":"' || cached || '"'
    WHEN 'unreadable' THEN '"X-Cached-Tokens":"' || ['', 'n/a'][call % 2 + 1] || '"' END,
  CASE WHEN spilled THEN CASE call % 2 WHEN 0 THEN '"x-ms-spillover-from-deployment":"ptu"'
    ELSE '"X-Ms-Spillover-From-Deployment":"ptu"' END END
) || '}}'"""

_TRACE_RECORDS = """
'[{{"source":"who","severity":"information","metadata":{{"tenant":' || to_json(tenant) || '}}}}]'"""

GATEWAY = f"""
CREATE TABLE stored_ApiManagementGatewayLogs AS SELECT
  started AS TimeGenerated, {_CORRELATION} AS CorrelationId, api AS ApiId,
  subscription AS ApimSubscriptionId, product AS ProductId, "user" AS UserId,
  backend AS BackendId,
  CASE WHEN backend = '' THEN 'https://standard-south.example/openai' ELSE
    'https://' || backend || '.example/openai' END AS BackendUrl,
  status AS ResponseCode, status < 400 AS IsRequestSuccess,
  CASE WHEN kind = 'from_cache' THEN 'hit' ELSE 'none' END AS Cache,
  CASE WHEN kind IN ('streamed', 'session') THEN 120000 ELSE 900 END::BIGINT AS TotalTime,
  ({_REQUEST_HEADERS})::JSON AS RequestHeaders, ({_RESPONSE_HEADERS})::JSON AS ResponseHeaders,
  ({_TRACE_RECORDS})::JSON AS TraceRecords,
  CASE WHEN kind = 'chunked' THEN '{PROMPT_TEXT}' ELSE '' END AS RequestBody,
  CASE WHEN kind = 'chunked' THEN '{ANSWER_TEXT}' ELSE '' END AS ResponseBody,
  {_ARRIVED.format(table="gateway")}
FROM calls {_TWICE.format(logged="in_gateway", table="gateway")}
"""

# A session's usage stands in several rows, whose sums are the call's.
TOKENS = f"""
CREATE TABLE stored_ApiManagementGatewayLlmLog AS SELECT
  started AS TimeGenerated, {_CORRELATION} AS CorrelationId,
  CASE WHEN part.nth < usage_rows THEN 0 ELSE part.nth - usage_rows + 1 END::INTEGER
    AS SequenceNumber,
  printf('r-%d-%d', call, least(part.nth, usage_rows - 1)) AS RequestId,
  CASE WHEN part.nth < usage_rows THEN deployment ELSE '' END AS DeploymentName,
  CASE WHEN part.nth < usage_rows THEN model ELSE '' END AS ModelName,
  {{prompt}} AS PromptTokens, {{completion}} AS CompletionTokens,
  ({{prompt}} + {{completion}})::INTEGER AS TotalTokens,
  streamed AS IsStreamCompletion,
  CASE WHEN part.nth = usage_rows THEN '[{{{{"content":"{PROMPT_TEXT}"}}}}]' END::JSON
    AS RequestMessages,
  CASE WHEN part.nth > usage_rows THEN '[{{{{"content":"{ANSWER_TEXT}"}}}}]' END::JSON
    AS ResponseMessages,
  {_ARRIVED.format(table="tokens")}
FROM calls CROSS JOIN range(0, 7) AS part(nth)
{_TWICE.format(logged="in_tokens", table="tokens")} AND part.nth < usage_rows + message_rows
"""

_SHARE = (
    "CASE WHEN part.nth < usage_rows THEN "
    "{column} // usage_rows + (part.nth < {column} % usage_rows)::INTEGER ELSE 0 END::INTEGER"
)

DIAGNOSTICS = """
CREATE TABLE stored_AzureDiagnostics AS
SELECT TimeGenerated, 'MICROSOFT.APIMANAGEMENT' AS ResourceProvider, 'GatewayLogs' AS Category,
  CorrelationId, _ingested FROM stored_ApiManagementGatewayLogs
UNION ALL
SELECT TimeGenerated, 'MICROSOFT.APIMANAGEMENT', 'GatewayLlmLogs', CorrelationId, _ingested
FROM stored_ApiManagementGatewayLlmLog
UNION ALL
SELECT started, 'MICROSOFT.COGNITIVESERVICES', 'RequestResponse', '', gateway_at
FROM calls WHERE call % 10 = 0
"""

# Every third call of a minute shares one row with its like: the metric is aggregated by the sender.
METRICS = f"""
CREATE TABLE stored_AppMetrics AS
WITH emitted AS (
  SELECT *, CASE call % 3 WHEN 0 THEN 0 ELSE call END AS together
  FROM calls WHERE prompt > 0
), summed AS (
  SELECT date_trunc('minute', started) AS TimeGenerated, subscription,
    CASE WHEN headers_lost THEN '' ELSE tenant END AS tenant, api, model, deployment, streamed,
    together, count(*)::INTEGER AS calls, sum(prompt) AS prompt, sum(completion) AS completion,
    sum(cached) AS cached, max(gateway_at) + INTERVAL 1 MINUTE AS _ingested
  FROM emitted GROUP BY ALL
)
SELECT TimeGenerated, metric.name AS Name, metric.total::DOUBLE AS Sum,
  metric.total::DOUBLE AS Min, metric.total::DOUBLE AS Max, calls AS ItemCount,
  json_object('Subscription ID', subscription, 'Tenant', tenant, 'API ID', api, 'Model', model,
    'Deployment', deployment, 'Streamed', CASE WHEN streamed THEN 'true' ELSE 'false' END,
    'Region', 'East US', 'Service ID', '{SERVICE}', 'Service Name', '{SERVICE}',
    'Service Type', 'API Management') AS Properties,
  _ingested
FROM summed, LATERAL (VALUES
  ('Prompt Tokens', prompt), ('Completion Tokens', completion),
  ('Total Tokens', prompt + completion),
  ('Prompt Cached Tokens', CASE WHEN model IN {CACHED_MODELS} THEN cached END),
  ('Reasoning Tokens', CASE WHEN model = 'o3' THEN completion // 2 END)
) AS metric(name, total) WHERE metric.total IS NOT NULL
"""

CLASSIC_METRICS = """
CREATE TABLE stored_customMetrics AS
SELECT TimeGenerated AS timestamp, Name AS name, Sum AS value, Sum AS valueSum,
  Min AS valueMin, Max AS valueMax, ItemCount AS valueCount,
  Properties AS customDimensions, _ingested FROM stored_AppMetrics
"""


def write_rows(
    connection: duckdb.DuckDBPyConnection, seed: int, also: Collection[str] = ()
) -> None:
    """Fill the gateway's two ``stored_*`` tables from ``calls``, and others where asked."""
    prompt, completion = _SHARE.format(column="prompt"), _SHARE.format(column="completion")
    connection.execute(GATEWAY.format(seed=seed))
    connection.execute(TOKENS.format(seed=seed, prompt=prompt, completion=completion))
    for table in also:
        for statement in ALSO[table]:
            connection.execute(statement)


ALSO = {"metrics": (METRICS, CLASSIC_METRICS), "diagnostics": (DIAGNOSTICS,)}
"""What else can be written: AppMetrics with customMetrics, AzureDiagnostics."""
