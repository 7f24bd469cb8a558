"""`spendwatch coverage`: how much of the cost has a tenant, and what to change for the rest."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from alerts.names import safe_name
from alerts.numbers import count, money, percent
from detector.attribution import name_ids
from spendwatch.commands.opening import open_app
from spendwatch.coverage import coverage_of
from spendwatch.coverage_words import gaps_of, merged_remarks, summary_of
from spendwatch.db import reading
from spendwatch.moments import local_words
from spendwatch.output import print_json, print_line, print_table

if TYPE_CHECKING:
    from pathlib import Path

    from spendwatch.app import App
    from spendwatch.coverage_words import ApiCoverage, SourceCoverage

MOST_IDS = 20
"""Ids that are listed; --json has all that are kept."""
WORDS_LIMIT = 600


def coverage(config: Path, days: int, *, by_day: bool, as_json: bool) -> None:
    """Print the gap report of the last settled days, source by source."""
    print_coverage(open_app(config), days, by_day=by_day, as_json=as_json)


def print_coverage(app: App, days: int, *, by_day: bool = False, as_json: bool = False) -> None:
    """Print the gap report of a service."""
    last = app.last_settled_day()
    first = last - timedelta(days=days - 1)
    with reading(app.engine) as session:
        found = coverage_of(app, session, first, last)
    if as_json:
        print_json([_facts(each) for each in found])
        return
    print_line(
        f"{first} to {last}, {count(days, 'day')}; times in {app.directory.default_zone.key}, "
        "APIs by UTC day"
    )
    for each in found:
        _print_source(app, each, by_day=by_day)
    if not found:
        print_line("no sources configured; add [[sources]] to the settings")


def _print_source(app: App, found: SourceCoverage, *, by_day: bool) -> None:
    print_line()
    print_line(f"source {safe_name(found.source)}: {summary_of(found)}")
    if found.ingested_at:
        print_line(
            f"newest row arrived {local_words(found.ingested_at, app.directory.default_zone)}"
        )
    if by_day:
        days = [[str(day), *_api_cells(api)] for day, api in found.api_days]
        print_table(["day (UTC)", *_API_HEADINGS], days, indent=2)
    elif found.apis:
        print_table(_API_HEADINGS, [_api_cells(api) for api in found.apis], indent=2)
    _print_ids(found)
    gaps = gaps_of(found)
    for gap in gaps:
        print_line(f"- {gap.name}: {safe_name(gap.what, WORDS_LIMIT)}")
        print_line(f"  change: {gap.change}")
    for remark in merged_remarks(found.remarks):
        print_line(f"- remark: {safe_name(remark, WORDS_LIMIT)}")
    if not gaps and found.watched:
        print_line("no gaps: all that telemetry can tell is there")


_API_HEADINGS = (
    "API",
    "with a tenant",
    "cost",
    "calls",
    "without tokens",
    "rows without call",
    "streamed",
    "cached known",
)


def _api_cells(api: ApiCoverage) -> list[str]:
    share = api.attributed_share
    return [
        api.api or "(no API)",
        "unknown" if share is None else percent(share),
        money(api.cost_micro_usd),
        f"{api.calls:,}",
        f"{api.without_tokens:,}",
        f"{api.rows_without_call:,}",
        f"{api.streamed:,}",
        percent(api.cached_known, api.with_tokens),
    ]


def _print_ids(found: SourceCoverage) -> None:
    rows = [
        [
            name_ids(cause.ids),
            money(cause.micro_usd) if cause.micro_usd or not cause.unpriced_tokens else "unknown",
            f"{cause.tokens:,}",
            f"{cause.requests:,}",
        ]
        for cause in found.causes[:MOST_IDS]
    ]
    if rows:
        print_table(["without a tenant", "cost", "tokens", "requests"], rows, indent=2)
    more = len(found.causes) - MOST_IDS
    if more > 0:
        print_line(f"  and {count(more, 'other')}: --json lists them")


def _facts(found: SourceCoverage) -> dict[str, Any]:
    plain = ("causes", "apis", "api_days")
    facts = {name: getattr(found, name) for name in found.__slots__ if name not in plain}
    return facts | {
        "attributed_share": found.attributed_share,
        "apis": [_api_facts(api) for api in found.apis],
        "api_days": [{"day": day} | _api_facts(api) for day, api in found.api_days],
        "ids": [
            {
                "ids": dict(cause.ids),
                "micro_usd": cause.micro_usd,
                "tokens": cause.tokens,
                "unpriced_tokens": cause.unpriced_tokens,
                "requests": cause.requests,
            }
            for cause in found.causes
        ],
        "gaps": [
            {"name": gap.name, "what": gap.what, "change": gap.change} for gap in gaps_of(found)
        ],
    }


def _api_facts(api: ApiCoverage) -> dict[str, Any]:
    facts = {name: getattr(api, name) for name in api.__slots__}
    return facts | {"attributed_share": api.attributed_share}
