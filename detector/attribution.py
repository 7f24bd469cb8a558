"""Why cost has no tenant, and which use is in no cost at all: the causes behind an attribution gap.

Everything here is measured by UTC day, as telemetry is, and never moves a cost.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

from detector.model import UNATTRIBUTED, Finding, FindingKind, Grain, Severity, Usage
from detector.price_usage import price_usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from detector.price_table import PriceTable
    from detector.sources.base import ApiDay, UseByIds

MOST_CAUSES = 3
"""Ids that a finding names; all of them are in `spendwatch coverage`."""
LEAST_CALLS = 100
"""Of fewer calls in a day no share is told: one stream would be half of them."""
WITHOUT_TOKENS = "calls without tokens"
"""The rule of a gap that is in no cost at all."""
_TEXT_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Cause:
    """Use without a tenant that carried the same ids.

    Attributes
    ----------
    ids : tuple of (str, str)
        Carrier and value, as the source tells them; empty where the rows carried none.
    micro_usd : int
        What is known of its cost.
    unpriced_tokens : int
        Tokens whose cost is not known.
    """

    ids: tuple[tuple[str, str], ...]
    micro_usd: int
    tokens: int
    requests: int
    unpriced_tokens: int = 0


def causes_of(uses: Iterable[UseByIds], prices: PriceTable) -> tuple[Cause, ...]:
    """Price use without a tenant and sum it by the ids it carried.

    Parameters
    ----------
    uses : iterable of UseByIds
        Of any days; each is priced as of its own. Use that has a tenant is no cause.
    prices : PriceTable

    Returns
    -------
    tuple of Cause
        Most expensive first; of equal cost, the one with most tokens.
    """
    by_ids: dict[tuple[tuple[str, str], ...], list[UseByIds]] = defaultdict(list)
    for use in uses:
        if not use.attributed:
            by_ids[use.ids].append(use)
    causes = (_cause(ids, same, prices) for ids, same in by_ids.items())
    return tuple(sorted(causes, key=lambda each: (-each.micro_usd, -each.tokens, each.ids)))


def _cause(ids: tuple[tuple[str, str], ...], uses: Sequence[UseByIds], prices: PriceTable) -> Cause:
    costs = [cost_of(use, prices) for use in uses]
    return Cause(
        ids,
        sum(cost or 0 for cost in costs),
        sum(map(_tokens, uses)),
        sum(use.requests for use in uses),
        sum(_tokens(use) for use, cost in zip(uses, costs, strict=True) if cost is None),
    )


def _tokens(use: UseByIds) -> int:
    return use.prompt_tokens + use.completion_tokens


def cost_of(use: UseByIds, prices: PriceTable) -> int | None:
    """Price use as of its day, as the ledger is priced.

    Parameters
    ----------
    use : UseByIds
    prices : PriceTable

    Returns
    -------
    int or None
        Micro-dollars; None where there is no price.
    """
    costs = [cost.micro_usd for cost in price_usage(prices, use.day, [_as_usage(use)])]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def _as_usage(use: UseByIds) -> Usage:
    return Usage(
        start_at=datetime.combine(use.day, time(), UTC),
        grain=Grain.DAY,
        tenant=UNATTRIBUTED,
        model=use.model,
        deployment=use.deployment,
        scope=use.scope,
        requests=use.requests,
        prompt_tokens=use.prompt_tokens,
        completion_tokens=use.completion_tokens,
        cached_tokens=use.cached_tokens,
        cost_micro_usd=use.stated_micro_usd,
    )


def name_ids(ids: Sequence[tuple[str, str]]) -> str:
    """Return what rows carried, in words that still have to be made inert.

    Examples
    --------
    >>> name_ids([("subscription", "bu-hr"), ("request_header", "x-tenant: acme")])
    'subscription bu-hr, request header x-tenant: acme'
    >>> name_ids([])
    'no id at all'
    """
    named = [f"{kind.replace('_', ' ')} {value[:_TEXT_LIMIT]}" for kind, value in ids]
    return ", ".join(named) or "no id at all"


def explain_gap(finding: Finding, causes: Sequence[Cause], told: Iterable[ApiDay]) -> Finding:
    """Return an attribution gap with its causes among the facts; any other finding as it is.

    Parameters
    ----------
    finding : Finding
    causes : sequence of Cause
        Most expensive first.
    told : iterable of ApiDay
        What telemetry showed of the judged day.

    Returns
    -------
    Finding
        Facts ``cause_1`` to ``cause_3`` with ``cause_N_micro_usd``, the number of ``causes``, and
        where there are any the ``rows_without_call`` and calls ``without_tokens``.
    """
    if finding.kind is not FindingKind.ATTRIBUTION_GAP or finding.rule:
        return finding
    facts = dict(finding.facts)
    for number, cause in enumerate(causes[:MOST_CAUSES], start=1):
        facts[f"cause_{number}"] = name_ids(cause.ids)
        facts[f"cause_{number}_micro_usd"] = cause.micro_usd
    shown = list(told)
    counted = {
        "causes": len(causes),
        "rows_without_call": sum(each.rows_without_call for each in shown),
        "without_tokens": sum(each.calls_without_tokens for each in shown),
    }
    return replace(finding, facts=facts | {name: many for name, many in counted.items() if many})


def tokenless_findings(
    day: date,
    told: Mapping[str, Sequence[ApiDay]],
    spent: Mapping[str, int],
    percent: float,
) -> tuple[Finding, ...]:
    """Tell of sources of whose calls more than ``percent`` told no tokens: billed, and unseen.

    Parameters
    ----------
    day : date
        The judged day.
    told : mapping of str to sequence of ApiDay
        By source, of the judged day and those before it.
    spent : mapping of str to int
        What each source's ledger holds of the same days, in micro-dollars.
    percent : float

    Returns
    -------
    tuple of Finding
        ``magnitude`` is what the calls cost if each cost what one with tokens does; 0 where no
        call told any.
    """
    findings = (
        _tokenless(day, source, apis, spent.get(source, 0), percent)
        for source, apis in sorted(told.items())
    )
    return tuple(finding for finding in findings if finding is not None)


def _tokenless(
    day: date, source: str, apis: Sequence[ApiDay], spent: int, percent: float
) -> Finding | None:
    today = [api for api in apis if api.day == day]
    calls = sum(api.calls for api in today)
    without = sum(api.calls_without_tokens for api in today)
    if calls < LEAST_CALLS or without * 100 <= percent * calls:
        return None
    with_tokens = sum(api.calls - api.calls_without_tokens for api in apis)
    about = round(without * spent / with_tokens) if with_tokens > 0 else 0
    worst = max(today, key=lambda api: api.calls_without_tokens)
    return Finding(
        FindingKind.ATTRIBUTION_GAP,
        day,
        Severity.WARNING,
        subject=source,
        magnitude=about,
        rule=WITHOUT_TOKENS,
        facts={
            "source": source,
            "calls": calls,
            "without_tokens": without,
            "share": without / calls,
            "streamed": sum(api.streamed_calls for api in today),
            "api": worst.api,
            "percent": percent,
        },
    )
