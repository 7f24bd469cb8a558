"""What our queries answer about made-up telemetry, summed as the truth is: to be compared."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from detector.sources.kql_text import between, shipped
from tests.azure.telemetry import Sums, Truth

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.azure.engine import Engine
    from tests.azure.telemetry import Telemetry

LLM: dict[str, Any] = {
    "slot_minutes": 60,
    "apis": [],
    "by_user": True,
    "by_backend": True,
    "request_header_name": "x-tenant-id",
    "feature_header_name": "X-Feature",
    "response_header_name": "x-tenant",
    "trace_name": "tenant",
    "cached_header_name": "X-Cached-Tokens",
}
METRICS: dict[str, Any] = {
    "slot_minutes": 60,
    "dimension_1": "Subscription ID",
    "dimension_2": "Tenant",
    "dimension_3": "",
    "dimension_4": "",
    "dimension_5": "",
    "model_dimension": "Model",
    "deployment_dimension": "Deployment",
    "api_dimension": "API ID",
    "streamed_dimension": "Streamed",
    "service_ids": ["apim-prod"],
}
LLM_IDS = (
    "slot",
    "subscription",
    "product",
    "user",
    "api",
    "backend",
    "request_header",
    "response_header",
    "trace",
    "feature_header",
    "model",
    "deployment",
    "spilled",
    "streamed",
    "cached_known",
)
METRIC_IDS = (
    "slot",
    "subscription",
    "tenant",
    "model",
    "deployment",
    "api",
    "streamed",
    "cached_known",
)
COUNTS = ("requests", "without_tokens", "without_call", "prompt_tokens", "completion_tokens")


def days(telemetry: Telemetry) -> Iterator[tuple[datetime, datetime]]:
    """Every UTC day of the telemetry, as the windows that are asked for."""
    for number in range(telemetry.shape.days):
        begin = telemetry.shape.begin + timedelta(days=number)
        yield begin, begin + timedelta(days=1)


def ask(
    engine: Engine, name: str, begin: datetime, end: datetime, **values: Any
) -> list[dict[str, Any]]:
    """Ask a shipped query for a window; rows by the names of their columns, all of them."""
    answer = engine.run(between(shipped(name, **values), begin, end), begin, end)
    if "error" in answer:
        raise AssertionError(f"{name}: the answer is partial")
    table = answer["tables"][0]
    names = [column["name"] for column in table["columns"]]
    return [dict(zip(names, row, strict=True)) for row in table["rows"]]


def llm_usage(engine: Engine, telemetry: Telemetry, **changed: Any) -> list[dict[str, Any]]:
    """Ask for the usage of every day, one after the other."""
    return [
        row
        for begin, end in days(telemetry)
        for row in ask(engine, "llm_usage.kql", begin, end, **(LLM | changed))
    ]


def metric_usage(
    engine: Engine, telemetry: Telemetry, name: str = "metric_usage.kql", **changed: Any
) -> list[dict[str, Any]]:
    """Ask for the metrics of every day, under the truth's names of its dimensions."""
    return [
        row
        | {
            "subscription": row["dimension_1"],
            "tenant": row["dimension_2"],
            "streamed": row["streamed"] == "true",
            "without_tokens": 0,
            "without_call": 0,
        }
        for begin, end in days(telemetry)
        for row in ask(engine, name, begin, end, **(METRICS | changed))
    ]


def summed(rows: Iterable[dict[str, Any]], by: Sequence[str] = LLM_IDS) -> Truth:
    """Sum answered rows as the truth is summed.

    Whether cached tokens are known means something only in a row with prompt tokens; how many
    calls told them is not answered, so ``cached_known`` counts the requests of such rows.
    """
    found: dict[tuple[object, ...], list[int]] = defaultdict(lambda: [0] * 7)
    for row in rows:
        known = row["cached_known"] and row["prompt_tokens"] > 0
        told = row | {"cached_known": known, "slot": moment(row["slot"])}
        counts = [row[name] for name in COUNTS]
        counts += [row["cached_tokens"], row["requests"]] if known else [0, 0]
        key = tuple(told[name] for name in by)
        found[key] = [a + b for a, b in zip(found[key], counts, strict=True)]
    return {key: Sums(*counts) for key, counts in found.items()}


def used(truth: Truth) -> Truth:
    """What a query can tell of: groups of nothing but calls that used nothing are left out."""
    return {
        key: sums
        for key, sums in truth.items()
        if sums.prompt + sums.completion + sums.without_tokens + sums.without_call > 0
    }


def moment(text: str) -> datetime:
    """A slot as the truth names it: UTC, without saying so."""
    return datetime.fromisoformat(text).replace(tzinfo=None)
