"""What a perfect reader of the logs would know at a moment, worked out from the calls.

Who the tenant is: the request header names it; else the call's own subscription does; else the call
is unattributed (tenant ""). The feature is the second request header, "" without it. The scope is
"spillover" where the response header says so, "ptu" for a provisioned backend, else "standard".

A call that failed, or was answered from the gateway's cache, used nothing and is no request.

What a moment hides: a call whose row in the token table has not come is one that told no tokens;
tokens whose call has not come are unattributed, and one request each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.azure.telemetry_calls import OTHER_API, SHARED_SUBSCRIPTION
from tests.azure.telemetry_rows import CACHED_MODELS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import duckdb


class Sums(NamedTuple):
    """Counts of one group; ``cached`` sums what was told, by ``cached_known`` calls."""

    requests: int
    without_tokens: int
    without_call: int
    prompt: int
    completion: int
    cached: int
    cached_known: int


Truth = dict[tuple[object, ...], Sums]

IDS = (
    "subscription",
    "product",
    "user",
    "api",
    "backend",
    "request_header",
    "feature_header",
    "response_header",
    "trace",
)
WHO = ("slot", "tenant", "feature", "model", "deployment", "scope")

# One row a call as it can be read at a moment: `gw` and `llm` say which of its rows are there.
_READ = f"""
WITH seen AS (
  SELECT *, in_gateway AND ($at IS NULL OR gateway_at <= $at) AS gw,
    in_tokens AND ($at IS NULL OR tokens_at <= $at) AS llm
  FROM calls WHERE api <> '{OTHER_API}'
), read AS (
  SELECT time_bucket(to_minutes($minutes), started, TIMESTAMP '2000-01-01') AS slot, *,
    gw AND NOT headers_lost AS headed, gw AND spilled AS spilt,
    gw AND cached_header IN ('present', 'other_case') AS told
  FROM seen WHERE (gw OR llm)
    AND NOT (gw AND NOT (llm AND prompt > 0) AND (status >= 400 OR kind = 'from_cache'))
)
SELECT slot, CASE WHEN llm THEN model ELSE '' END AS model,
  CASE WHEN llm THEN deployment ELSE '' END AS deployment,
  CASE WHEN gw THEN subscription ELSE '' END AS subscription,
  CASE WHEN gw THEN product ELSE '' END AS product,
  CASE WHEN gw THEN "user" ELSE '' END AS "user",
  CASE WHEN gw THEN api ELSE '' END AS api,
  CASE WHEN NOT gw THEN '' WHEN backend = '' THEN 'standard-south.example'
    ELSE backend END AS backend,
  CASE WHEN headed THEN tenant ELSE '' END AS request_header,
  CASE WHEN headed THEN feature ELSE '' END AS feature_header,
  CASE WHEN gw THEN tenant ELSE '' END AS response_header,
  CASE WHEN gw THEN tenant ELSE '' END AS trace,
  CASE WHEN headed THEN tenant
    WHEN gw AND subscription NOT IN ('', '{SHARED_SUBSCRIPTION}') THEN tenant ELSE '' END AS tenant,
  CASE WHEN headed THEN feature ELSE '' END AS feature,
  CASE WHEN spilt THEN 'spillover' WHEN gw AND backend LIKE 'ptu-%' THEN 'ptu'
    ELSE 'standard' END AS scope,
  spilt AS spilled, llm AND streamed AS streamed, told AND llm AND prompt > 0 AS cached_known,
  1 AS requests,
  (gw AND status < 400 AND kind <> 'from_cache' AND NOT (llm AND prompt > 0))::INTEGER
    AS without_tokens,
  (NOT gw)::INTEGER AS without_call,
  CASE WHEN llm THEN prompt ELSE 0 END AS prompt,
  CASE WHEN llm THEN completion ELSE 0 END AS completion,
  CASE WHEN told AND llm THEN cached ELSE 0 END AS cached, started, kind, call
FROM read
"""

_SUMS = """sum(requests)::BIGINT, sum(without_tokens)::BIGINT, sum(without_call)::BIGINT,
  sum(prompt)::BIGINT, sum(completion)::BIGINT, sum(cached)::BIGINT,
  count(*) FILTER (cached_known)"""

_METERED = f"""
SELECT time_bucket(to_minutes($minutes), started, TIMESTAMP '2000-01-01') AS slot, subscription,
  CASE WHEN headers_lost THEN '' ELSE tenant END AS tenant, api, model, deployment, streamed,
  1 AS requests, 0 AS without_tokens, 0 AS without_call, prompt, completion,
  CASE WHEN model IN {CACHED_MODELS} THEN cached ELSE 0 END AS cached,
  model IN {CACHED_MODELS} AS cached_known
FROM calls WHERE prompt > 0
"""


def logged(
    connection: duckdb.DuckDBPyConnection,
    by: Sequence[str],
    at: datetime | None,
    minutes: int,
    where: str = "true",
) -> Truth:
    """What the gateway's two tables tell, summed by columns of the reading above."""
    moment = None if at is None else at.replace(tzinfo=None)
    return _summed(connection, _READ, by, where, {"at": moment, "minutes": minutes})


def metered(
    connection: duckdb.DuckDBPyConnection, by: Sequence[str], minutes: int, where: str = "true"
) -> Truth:
    """What the token metrics tell, once all have come."""
    return _summed(connection, _METERED, by, where, {"minutes": minutes})


def _summed(
    connection: duckdb.DuckDBPyConnection,
    reading: str,
    by: Sequence[str],
    where: str,
    values: dict[str, object],
) -> Truth:
    columns = ", ".join(f'"{name}"' for name in by)
    grouping = f"GROUP BY {columns}" if by else ""
    select = (
        f"SELECT {columns}{',' if by else ''} {_SUMS} FROM ({reading}) WHERE {where} {grouping}"
    )
    rows = connection.cursor().execute(select, values).fetchall()
    width = len(by)
    return {tuple(row[:width]): Sums(*row[width:]) for row in rows}
