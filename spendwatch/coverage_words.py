"""WHAT THE GAP REPORT SAYS: what telemetry cannot tell, and what to change so that it can.

For whoever runs the gateway: each gap names the policy line, diagnostic setting or header. Names
are data and are made inert where they are printed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from alerts.numbers import count, day_list, money, percent
from spendwatch.azure_words import LOGS_KIND, METRICS, METRICS_KIND, SAMPLING_SHARE, cached_cure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from detector.attribution import Cause

DIMENSION_CAP = 100
"""Distinct values of a metric dimension beyond which API Management drops what comes."""
NEAR_CAP = 90
NEARLY_ALL = 0.9
"""Failed calls tell no cached tokens either, and are not counted apart."""
_PLACES = ("api", "backend")
"""Carriers that say what was called, not by whom."""


@dataclass(frozen=True, slots=True)
class ApiCoverage:
    """What telemetry showed of one API over some days.

    Attributes
    ----------
    cost_micro_usd, unattributed_micro_usd : int
        What is known of its cost, by prices that hold for all tenants, and the part without one.
    """

    api: str
    calls: int = 0
    without_tokens: int = 0
    rows_without_call: int = 0
    streamed: int = 0
    cached_known: int = 0
    cost_micro_usd: int = 0
    unattributed_micro_usd: int = 0

    @property
    def attributed_share(self) -> float | None:
        """Share of the cost that has a tenant; None where nothing is known to cost anything."""
        return _attributed_share(self)

    @property
    def with_tokens(self) -> int:
        """Calls that told their tokens; failed ones are among them as nobody counts those."""
        return max(0, self.calls - self.without_tokens)


@dataclass(frozen=True, slots=True)
class SourceCoverage:
    """How good the attribution of one source is, over some days.

    Attributes
    ----------
    kind : str
        Of the source, as in the settings.
    watched : bool
        The source tells of its telemetry at all.
    cost_micro_usd, unattributed_micro_usd : int
        What its ledger holds, and the part without a tenant.
    unpriced : tuple of (str, int)
        Models without a price, with their tokens.
    empty_days, partial_days, late_days : tuple of date
        Days without any row, days that may lack some, and older days that rows came for when the
        source was last asked.
    newest_at, ingested_at : datetime or None
        The newest use, and when the newest row arrived.
    fullest_dimension, dimension_values : str, int
        The metric dimension with the most distinct values in a day.
    causes : tuple of Cause
        Ids without a tenant, most expensive first.
    apis : tuple of ApiCoverage
        Most calls first.
    api_days : tuple of (date, ApiCoverage)
        Day by day in UTC, the newest first.
    """

    source: str
    watched: bool = False
    cost_micro_usd: int = 0
    unattributed_micro_usd: int = 0
    unpriced: tuple[tuple[str, int], ...] = ()
    apis: tuple[ApiCoverage, ...] = ()
    api_days: tuple[tuple[date, ApiCoverage], ...] = ()
    empty_days: tuple[date, ...] = ()
    partial_days: tuple[date, ...] = ()
    late_days: tuple[date, ...] = ()
    newest_at: datetime | None = None
    ingested_at: datetime | None = None
    fullest_dimension: str = ""
    dimension_values: int = 0
    causes: tuple[Cause, ...] = ()
    remarks: tuple[str, ...] = ()
    kind: str = LOGS_KIND

    @property
    def attributed_share(self) -> float | None:
        """Share of the cost that has a tenant; None where nothing is known to cost anything."""
        return _attributed_share(self)


def _attributed_share(found: ApiCoverage | SourceCoverage) -> float | None:
    if found.cost_micro_usd <= 0:
        return None
    return 1 - found.unattributed_micro_usd / found.cost_micro_usd


@dataclass(frozen=True, slots=True)
class Gap:
    """Something telemetry cannot tell, and what to change."""

    name: str
    what: str
    change: str


def gaps_of(found: SourceCoverage) -> tuple[Gap, ...]:
    """Return what is missing of a source's telemetry, what costs most first.

    Parameters
    ----------
    found : SourceCoverage

    Returns
    -------
    tuple of Gap
        Empty where all of it is there.
    """
    return tuple(
        gap
        for part in (_rows, _tenants, _tokens, _calls, _dimension, _cached, _prices, _arrival)
        for gap in part(found)
    )


def _rows(found: SourceCoverage) -> Iterator[Gap]:
    if found.empty_days:
        yield Gap(
            "days without a row",
            f"{_days(found.empty_days)} without any usage",
            _ROWS.get(found.kind, "let the query return rows for them, if there was usage"),
        )
    if found.partial_days:
        yield Gap(
            "partial days",
            f"{_days(found.partial_days)} may lack rows",
            "they are pulled again until they are whole; where they never are, ask for longer "
            'slots (slot = "hour") or give a query more time',
        )


_ROWS = {
    LOGS_KIND: (
        "in the gateway's diagnostic setting tick GatewayLogs and GatewayLlmLogs, send them to "
        "this workspace and choose Resource specific (logAnalyticsDestinationType: Dedicated): "
        "otherwise rows land in AzureDiagnostics and these tables stay empty"
    ),
    METRICS_KIND: METRICS.cure,
}


def _tenants(found: SourceCoverage) -> Iterator[Gap]:
    if found.unattributed_micro_usd <= 0:
        return
    share = percent(found.unattributed_micro_usd, found.cost_micro_usd)
    callers = [cause for cause in found.causes if _names_a_caller(cause)]
    yield Gap(
        "no tenant",
        f"{share} of the cost ({money(found.unattributed_micro_usd)}) has no tenant",
        _MAPPED if callers else _UNMAPPED.get(found.kind, "let every row of it name a tenant"),
    )
    if found.kind == LOGS_KIND and (_nameless(found) or not found.causes):
        yield Gap(
            "no id",
            "some of it carries no id of a caller that a tenant could be mapped from",
            "require a subscription key (subscriptionRequired: true on the API), or have callers "
            "send a header such as x-tenant-id, list it in frontend.request.headers of the API's "
            "azuremonitor diagnostic (the default logs none), and add it as the carrier "
            "request_header",
        )
    elif found.kind == METRICS_KIND and _nameless(found):
        yield Gap(
            "no id",
            "some of it carries no dimension that a tenant could be mapped from",
            "let llm-emit-token-metric send a dimension that names the tenant, and add it to the "
            "source's `tenant`",
        )


_MAPPED = "map these ids to tenants: a `file` of id,tenant at a carrier of the source's `tenant`"
_UNMAPPED = dict.fromkeys((LOGS_KIND, METRICS_KIND), "see the gaps below")


def _names_a_caller(cause: Cause) -> bool:
    return any(kind not in _PLACES for kind, _ in cause.ids)


def _nameless(found: SourceCoverage) -> int:
    """Count calls that carry no id of a caller; of rows without their call another gap tells."""
    nameless = sum(cause.requests for cause in found.causes if not _names_a_caller(cause))
    return max(0, nameless - sum(api.rows_without_call for api in found.apis))


def _tokens(found: SourceCoverage) -> Iterator[Gap]:
    without = sum(api.without_tokens for api in found.apis)
    if not without:
        return
    calls, streamed = (
        sum(getattr(api, name) for api in found.apis) for name in ("calls", "streamed")
    )
    what = f"{without:,} of {count(calls, 'call')} ({percent(without, calls)}) told no tokens"
    if streamed:
        yield Gap(
            "calls without tokens",
            f"{what}; {count(streamed, 'call')} were streams",
            "have clients send stream_options.include_usage = true, or set it for them in an "
            "inbound policy (set-body where stream is true): a stream tells its tokens in its last "
            "chunk only if it is asked to",
        )
        return
    yield Gap(
        "calls without tokens",
        what,
        "set largeLanguageModel logs to enabled in the API's azuremonitor diagnostic, and tick "
        "GatewayLlmLogs (Logs related to generative AI gateway) in the gateway's diagnostic "
        "setting",
    )


def _calls(found: SourceCoverage) -> Iterator[Gap]:
    rows, calls = (
        sum(getattr(api, name) for api in found.apis) for name in ("rows_without_call", "calls")
    )
    if not rows:
        return
    share = rows / (rows + calls)
    sampled = share >= SAMPLING_SHARE
    yield Gap(
        "rows without call",
        f"{count(rows, 'row')} of tokens have no logged call ({percent(share)} of the calls), so "
        f"no tenant{'; it looks like sampling' if sampled else ''}",
        "set sampling to 100 % in the azuremonitor diagnostic of the API and of All APIs, and tick "
        "GatewayLogs in the gateway's diagnostic setting"
        if sampled
        else "nothing, while they stay so few: entries above 32 KB are dropped by the gateway; log "
        "fewer headers where they grow",
    )


def _dimension(found: SourceCoverage) -> Iterator[Gap]:
    if found.dimension_values < NEAR_CAP:
        return
    yield Gap(
        "dimension cap",
        f"dimension {found.fullest_dimension} had {found.dimension_values:,} values in a day: "
        f"beyond {DIMENSION_CAP} the gateway drops what comes, without a word",
        'take usage from the logs (kind = "azure_logs"), or let the dimension of '
        "llm-emit-token-metric name fewer things: a product in place of a user",
    )


def _cached(found: SourceCoverage) -> Iterator[Gap]:
    if not found.watched or not found.apis:
        return
    known, tokens = (
        sum(getattr(api, name) for api in found.apis) for name in ("cached_known", "with_tokens")
    )
    if known >= NEARLY_ALL * tokens:
        return
    yield Gap(
        "cached tokens unknown",
        f"{percent(tokens - known, tokens)} of the calls do not tell their cached tokens: they "
        "are priced in full, so their cost is an upper bound",
        _CACHED if found.kind == LOGS_KIND else cached_cure(found.kind),
    )


_CACHED = (
    "set a response header in an outbound policy (X-Cached-Tokens, from "
    "usage.prompt_tokens_details.cached_tokens) and list it in frontend.response.headers of "
    "the azuremonitor diagnostic; not for streams, whose body that would hold back"
)


def _prices(found: SourceCoverage) -> Iterator[Gap]:
    if not found.unpriced:
        return
    models = ", ".join(model or "(no model)" for model, _ in found.unpriced)
    tokens = sum(tokens for _, tokens in found.unpriced)
    yield Gap(
        "unpriced models",
        f"{count(tokens, 'token')} of {models} have no price: their cost is unknown, not 0",
        "add a price: `spendwatch prices import FILE`, or a rate agreed with the provider in "
        "prices.rates",
    )


def _arrival(found: SourceCoverage) -> Iterator[Gap]:
    if found.late_days:
        yield Gap(
            "rows still arriving",
            f"rows came late for {_days(found.late_days)}",
            "nothing: those days were pulled again; where it happens every day look at the "
            "workspace's daily cap and at Operation for its ingestion limit",
        )


def _days(days: Sequence[date]) -> str:
    return f"{count(len(days), 'day')} ({day_list(days)})"


def summary_of(found: SourceCoverage) -> str:
    """Return one line on how much of a source's cost has a tenant.

    Parameters
    ----------
    found : SourceCoverage

    Examples
    --------
    >>> summary_of(SourceCoverage("gateway", cost_micro_usd=200_000_000))
    '100 % of $200 has a tenant; this source tells nothing of its telemetry'
    """
    share = found.attributed_share
    said = (
        "nothing is known to cost anything"
        if share is None
        else f"{percent(share)} of {money(found.cost_micro_usd)} has a tenant"
    )
    if not found.watched:
        return f"{said}; this source tells nothing of its telemetry"
    return said


_DAYS_AT_END = re.compile(r": (\d{4}-\d\d-\d\d) to (\d{4}-\d\d-\d\d)$")
_ONE_DAY = timedelta(days=1)


def merged_remarks(remarks: Iterable[str]) -> list[str]:
    """Say once what is said of several stretches of days that follow one another.

    Examples
    --------
    >>> said = "W holds no usage for llm_usage.kql"
    >>> merged_remarks([f"{said}: 2026-11-06 to 2026-11-10", f"{said}: 2026-11-01 to 2026-11-05"])
    ['W holds no usage for llm_usage.kql: 2026-11-01 to 2026-11-10']
    """
    plain: list[str] = []
    spans: dict[str, list[tuple[date, date]]] = {}
    for remark in remarks:
        found = _DAYS_AT_END.search(remark)
        if found is None:
            plain.append(remark)
            continue
        first, last = map(date.fromisoformat, found.groups())
        spans.setdefault(remark[: found.start()], []).append((first, last))
    joined = [f"{said}: {a} to {b}" for said, days in spans.items() for a, b in _joined(days)]
    return [*plain, *joined]


def _joined(spans: Iterable[tuple[date, date]]) -> list[tuple[date, date]]:
    found: list[tuple[date, date]] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + _ONE_DAY:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return found
