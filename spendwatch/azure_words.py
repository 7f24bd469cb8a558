"""What `check --live` says of a gateway's telemetry: how good it is, and what to change.

Everything that was found comes in, sentences go out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from alerts.numbers import count, percent
from spendwatch.live import Mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from detector.sources.base import ApiDay, UseByIds

Told = tuple[Mark, str]

LOOKED_BACK_DAYS = 3
STALE_AFTER = timedelta(hours=2)
MOST_NAMED = 3
LOGS_KIND, METRICS_KIND, QUERY_KIND = "azure_logs", "azure_metrics", "kusto_query"
SAMPLING_SHARE = 0.01
"""So many rows of tokens without their call, of all calls, look like sampling."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of telemetry, and how to get rows into it."""

    name: str
    query: str
    what: str
    cure: str


_RESOURCE_SPECIFIC = 'with the destination table "Resource specific"'
CALLS = Table(
    "ApiManagementGatewayLogs",
    "probe_gateway.kql",
    "calls",
    'in the diagnostic setting of API Management tick "Logs related to ApiManagement Gateway" '
    f"(GatewayLogs), {_RESOURCE_SPECIFIC}",
)
TOKENS = Table(
    "ApiManagementGatewayLlmLog",
    "probe_llm.kql",
    "tokens",
    'in the diagnostic setting of API Management tick "Logs related to generative AI gateway" '
    f"(GatewayLlmLogs), {_RESOURCE_SPECIFIC}, and set largeLanguageModel logs to enabled in each "
    "API's azuremonitor diagnostic (prompts and answers need not be logged)",
)
ELSEWHERE = Table("AzureDiagnostics", "probe_diagnostics.kql", "logs", "")
_EMIT = (
    "put llm-emit-token-metric into the inbound section of the API's policy, metrics: true into "
    'its applicationinsights diagnostic, and turn on "Custom metrics with dimensions" in '
    "Application Insights"
)
METRICS = Table("AppMetrics", "probe_metrics.kql", "metrics", _EMIT)
CLASSIC_METRICS = Table("customMetrics", "probe_metrics_classic.kql", "metrics", _EMIT)


@dataclass(frozen=True, slots=True)
class Probed:
    """What a table holds of the last 24 hours that have rows, and how late most of them arrive."""

    rows: int = 0
    newest_at: datetime | None = None
    lag: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Attributed:
    """How much of an hour's cost (or tokens, where nothing has a price) has a tenant."""

    of_what: str
    total: int
    without: int
    tenants: int


def table_words(table: Table, found: Probed, now: datetime) -> Told:
    """Say whether a table answers, how new its newest row is and how late rows arrive."""
    if not found.rows or found.newest_at is None:
        return (
            Mark.WRONG,
            f"{table.name} has no row of the last {LOOKED_BACK_DAYS} days: {table.cure}",
        )
    age = now - found.newest_at
    late = f"; 95 of 100 arrive within {span(found.lag)}" if found.lag is not None else ""
    words = (
        f"{table.name} answers: {count(found.rows, 'row')} in 24 hours, the newest {span(age)} "
        f"old{late}"
    )
    if age > STALE_AFTER:
        return Mark.WARNING, (
            f"{words}; nobody called since, or the gateway logs elsewhere by now: look at its "
            "diagnostic setting"
        )
    return Mark.OK, words


def elsewhere_words(found: Probed) -> Told:
    """Say that logs land in the table of all diagnostics, where nobody reads them."""
    return Mark.WRONG, (
        f"{count(found.rows, 'row')} of the gateway's logs landed in {ELSEWHERE.name} in 24 hours: "
        'in the diagnostic setting of API Management change the destination table from "Azure '
        'diagnostics" to "Resource specific"'
    )


def calls_words(span_words: str, calls: int, tokens: int, apis: int) -> Told:
    """Say what an hour held."""
    if not calls and not tokens:
        return Mark.WARNING, f"{span_words}: no usage in this time"
    of = f" of {count(apis, 'API')}" if apis else ""
    return Mark.OK, f"{span_words}: {count(calls, 'call')}{of}, {count(tokens, 'token')}"


def tenants_words(
    found: Attributed, unattributed: Iterable[UseByIds], bar_percent: float, cure: str
) -> Told:
    """Say how much has a tenant, and which ids it is that have none, the largest first."""
    who = count(found.tenants, "tenant")
    if not found.without:
        return Mark.OK, f"all {found.of_what} has a tenant ({who})"
    share = found.without / found.total
    mark = Mark.WARNING if 100 * share > bar_percent else Mark.OK
    largest = "; ".join(_unattributed(unattributed))
    ids = f"; without one: {largest}" if largest else ""
    return mark, f"{percent(1 - share)} of {found.of_what} has a tenant ({who}){ids}; {cure}"


def _unattributed(found: Iterable[UseByIds]) -> list[str]:
    """Name the ids of the largest groups of use without a tenant."""
    sums: dict[str, int] = {}
    for use in found:
        ids = ", ".join(f"{carrier} {value!r}" for carrier, value in use.ids) or "no id at all"
        sums[ids] = sums.get(ids, 0) + use.prompt_tokens + use.completion_tokens
    ordered = sorted(sums, key=lambda ids: -sums[ids])
    more = len(ordered) - MOST_NAMED
    named = [f"{ids} ({count(sums[ids], 'token')})" for ids in ordered[:MOST_NAMED]]
    return [*named, *([f"and {more:,} more"] if more > 0 else [])]


def refused_words(refused: int, where: str, reason: str) -> Told:
    """Say how many rows of the answer were refused, and why the first was."""
    return Mark.WRONG, f"{count(refused, 'row')} refused; the first: {where}: {reason}"


def tokens_words(apis: Sequence[ApiDay]) -> Told:
    """Say how many calls succeeded and told no tokens."""
    calls, without = sum(each.calls for each in apis), sum(e.calls_without_tokens for e in apis)
    if not without:
        return Mark.OK, "every call that succeeded told its tokens"
    return Mark.WARNING, (
        f"{without:,} of {count(calls, 'call')} ({percent(without, max(1, calls))}) succeeded and "
        "told no tokens: they are billed and missing here; mostly streams whose client does not "
        "ask for usage: let an inbound policy set stream_options.include_usage to true"
    )


def sampled_words(apis: Sequence[ApiDay]) -> Told | None:
    """Say how many rows with tokens belong to no logged call; nothing where there are none."""
    without = sum(each.rows_without_call for each in apis)
    if not without:
        return None
    calls = without + sum(each.calls for each in apis)
    belong = "belong" if without > 1 else "belongs"
    words = (
        f"{count(without, 'row')} with tokens {belong} to no logged call "
        f"({percent(without, calls)} of all), so nobody knows whose they are: "
    )
    if without < SAMPLING_SHARE * calls:
        return Mark.OK, words + "nothing need be changed while they stay so few"
    return Mark.WARNING, (
        words + "tick GatewayLogs in the gateway's diagnostic setting, and set the sampling of the "
        "API's Azure Monitor diagnostic to 100 %"
    )


def cached_words(known: int, prompt_tokens: int, cure: str) -> Told:
    """Say of how many prompt tokens it is known which were cached; else prices are too high."""
    if known >= prompt_tokens:
        return Mark.OK, "which tokens were read from a cache is known"
    part = f"known for {percent(known, prompt_tokens)} of the prompt tokens alone"
    return Mark.WARNING, (
        f"which tokens were read from a cache is {part if known else 'unknown'}, and what is "
        f"unknown is priced in full: {cure}"
    )


def prices_words(unpriced: Sequence[str], priced: Sequence[str]) -> Told:
    """Say which models have no price."""
    if unpriced:
        whose = "its" if len(unpriced) == 1 else "their"
        return Mark.WARNING, (
            f"no price for {', '.join(unpriced)}: {whose} cost is unknown; `spendwatch prices show "
            "MODEL` says why and what to add"
        )
    return Mark.OK, f"every model has a price: {', '.join(priced)}"


def estimated_words(estimated: int, rows: int) -> Told:
    """Say how much of the metrics is an estimate."""
    if not estimated:
        return Mark.OK, "no row is an estimate"
    return Mark.WARNING, (
        f"{percent(estimated, rows)} of the rows are estimates, as the tokens of streams are: read "
        "the gateway's logs (kind azure_logs), or let the policy send a dimension that says false "
        "where a call is not streamed, and name it streamed_dimension"
    )


def tenant_cure(kind: str, mapped: Sequence[str], missed: Sequence[tuple[str, str]]) -> str:
    """Say how calls get a tenant.

    ``mapped`` names the mappings; ``missed`` are carriers (kind and name) that no call without a
    tenant had.
    """
    if kind == QUERY_KIND:
        return "let the query return a tenant for every row"
    advice = [f"add the ids that are missing to {each}" for each in mapped]
    advice += [carrier_cure(carrier, name) for carrier, name in missed]
    if kind == METRICS_KIND:
        advice.append(
            "let the policy send a dimension that names the tenant, and add it to `tenant`"
        )
    elif not missed:
        advice.append(
            "where calls carry no id, require a subscription key of the API, or log a request "
            "header that names the tenant and add it to `tenant` as a carrier"
        )
    return "; ".join(advice)


_PLACED = {
    "request_header": (
        "list it in frontend.request.headers of the API's azuremonitor diagnostic (the default "
        "logs none), and let every caller send it"
    ),
    "response_header": (
        "let an outbound policy set it, and on-error too, and list it in frontend.response.headers "
        "of the API's azuremonitor diagnostic"
    ),
    "trace": (
        "let a trace policy write it, with a severity not below the verbosity of the API's "
        "azuremonitor diagnostic"
    ),
    "dimension": "let the policy send it",
}


def carrier_cure(carrier: str, name: str) -> str:
    """Say how a carrier that is never seen gets into the telemetry."""
    return f"none of those has the {carrier.replace('_', ' ')} {name}: {_PLACED[carrier]}"


def cached_cure(kind: str, header: str = "", *, asked: bool = True) -> str:
    """Say how cached tokens get known; ``asked``: the header stands in the settings."""
    if kind == METRICS_KIND:
        return "they come with the metric Prompt Cached Tokens, which not every gateway sends"
    if kind == QUERY_KIND:
        return "let the query return cached_tokens"
    return (
        f"let an outbound policy set the response header {header or 'X-Cached-Tokens'}, and log "
        "it: name it among the frontend response headers of the API's Azure Monitor diagnostic"
        + ("" if asked else ", and set cached_tokens_header")
    )


def span(time: timedelta) -> str:
    """Write how long, as people say it.

    Examples
    --------
    >>> span(timedelta(seconds=42)), span(timedelta(minutes=5)), span(timedelta(hours=5, minutes=9))
    ('42 s', '5 min', '5 h')
    """
    seconds = max(0, int(time.total_seconds()))
    for name, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length or (name == "min" and seconds >= length):
            return f"{seconds // length} {name}"
    return f"{seconds} s"


def read_span(cell: object) -> timedelta | None:
    """Read a span of time as Kusto writes it, ``1.02:03:04.5678901``; None where it is none.

    Examples
    --------
    >>> read_span("00:05:12.3456789").seconds, read_span("1.00:00:00").days, read_span(None)
    (312, 1, None)
    """
    if isinstance(cell, timedelta):
        return cell
    if not isinstance(cell, str):
        return None
    days, _dot, clock = cell.partition(".") if "." in cell.split(":")[0] else ("0", "", cell)
    try:
        hours, minutes, seconds = clock.split(":")
        return timedelta(int(days), float(seconds), hours=int(hours), minutes=int(minutes))
    except ValueError:
        return None
