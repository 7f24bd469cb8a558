"""How good the attribution is, read from the ledger and from what sources told of themselves."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from detector.attribution import causes_of, cost_of
from detector.history import consecutive_days
from detector.model import UNATTRIBUTED
from detector.tables import SOURCE_DAY
from detector.telemetry import (
    api_days,
    newest_arrival,
    source_marks,
    source_use,
    uses_by_ids,
)
from spendwatch.azure_words import LOGS_KIND
from spendwatch.coverage_words import ApiCoverage, SourceCoverage
from spendwatch.jobs import REPULLED_DAYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from sqlmodel import Session

    from detector.sources.base import ApiDay, UseByIds
    from detector.telemetry import SourceMark, SourceUse
    from spendwatch.app import App

_SUMMED = (
    "calls",
    "without_tokens",
    "rows_without_call",
    "streamed",
    "cached_known",
    "cost_micro_usd",
    "unattributed_micro_usd",
)


def coverage_of(app: App, session: Session, first: date, last: date) -> tuple[SourceCoverage, ...]:
    """Say how good the attribution of every source in service is, both days included."""
    told = api_days(session, first, last)
    uses = uses_by_ids(session, first, last)
    marks = source_marks(session)
    known = min(last, app.last_settled_day())  # what a day that runs lacks is still to come
    states = _states(session, first, known)
    costs = source_use(session, first, last)
    found = []
    kinds = {each.name: each.kind for each in app.settings.sources}
    for source in app.source_names:
        mine = [use for use in costs if use.source == source]
        causes = causes_of(uses.get(source, ()), app.prices)
        bare = SourceCoverage(source, kind=kinds.get(source, LOGS_KIND), causes=causes)
        spent = _with_costs(app, bare, mine)
        days = _with_days(spent, states.get(source, {}), known, watched=source in marks)
        shown = _with_apis(app, days, told.get(source, ()), uses.get(source, ()))
        found.append(_with_mark(app, shown, marks[source]) if source in marks else shown)
    return tuple(found)


def _with_costs(app: App, found: SourceCoverage, uses: Sequence[SourceUse]) -> SourceCoverage:
    unpriced = Counter[str]()
    for use in uses:
        unpriced[use.model] += use.unpriced_tokens
    return replace(
        found,
        cost_micro_usd=sum(use.micro_usd for use in uses),
        unattributed_micro_usd=sum(
            use.micro_usd for use in uses if app.directory.canonical(use.tenant) == UNATTRIBUTED
        ),
        unpriced=tuple((model, many) for model, many in unpriced.most_common() if many),
    )


def _with_days(
    found: SourceCoverage, held: Mapping[date, tuple[int, bool]], last: date, *, watched: bool
) -> SourceCoverage:
    """Note which days lack rows; a file that has none at weekends is not called to account."""
    begun = min((day for day, (rows, _) in held.items() if rows), default=last)
    days = consecutive_days(begun, last) if watched else ()
    return replace(
        found,
        watched=watched,
        empty_days=tuple(day for day in days if held.get(day, (0, True)) == (0, True)),
        partial_days=tuple(sorted(day for day, (_, whole) in held.items() if not whole)),
    )


def _with_apis(
    app: App, found: SourceCoverage, apis: Sequence[ApiDay], uses: Iterable[UseByIds]
) -> SourceCoverage:
    fullest = max(apis, key=lambda api: api.dimension_values, default=None)
    days = _by_api_and_day(app, apis, _complete(found, uses))
    return replace(
        found,
        apis=_by_api(days),
        api_days=days,
        newest_at=max((api.newest_at for api in apis if api.newest_at), default=None),
        ingested_at=newest_arrival(apis),
        fullest_dimension=fullest.fullest_dimension if fullest else "",
        dimension_values=fullest.dimension_values if fullest else 0,
    )


def _with_mark(app: App, found: SourceCoverage, mark: SourceMark) -> SourceCoverage:
    return replace(
        found,
        late_days=_older(app, mark.late_days),
        ingested_at=mark.ingested_at or found.ingested_at,
        remarks=mark.remarks,
    )


def _states(session: Session, first: date, last: date) -> dict[str, dict[date, tuple[int, bool]]]:
    table = SOURCE_DAY.c
    found: dict[str, dict[date, tuple[int, bool]]] = {}
    for row in session.connection().execute(
        select(table.source, table.day, table.rows, table.whole).where(
            table.day >= first, table.day <= last
        )
    ):
        found.setdefault(row.source, {})[row.day] = (row.rows, row.whole)
    return found


def _older(app: App, late: Sequence[date]) -> tuple[date, ...]:
    """Leave out the days that are pulled again anyhow: that rows come for those is usual."""
    newest = app.last_settled_day()
    return tuple(day for day in late if (newest - day).days >= REPULLED_DAYS)


def _complete(found: SourceCoverage, uses: Iterable[UseByIds]) -> list[UseByIds]:
    """Leave out days of which use with a tenant was not kept: no share can be told of them."""
    kept = list(uses)
    if found.cost_micro_usd == found.unattributed_micro_usd:
        return kept
    days = {use.day for use in kept if use.attributed}
    return [use for use in kept if use.day in days]


def _by_api_and_day(
    app: App, apis: Iterable[ApiDay], uses: Iterable[UseByIds]
) -> tuple[tuple[date, ApiCoverage], ...]:
    """Give what each API showed and cost on each day, newest day and most calls first."""
    found = {
        (api.day, api.api): Counter(
            calls=api.calls,
            without_tokens=api.calls_without_tokens,
            rows_without_call=api.rows_without_call,
            streamed=api.streamed_calls,
            cached_known=api.cached_known_calls,
        )
        for api in apis
    }
    for use in uses:
        spent = cost_of(use, app.prices) or 0
        sums = found.setdefault((use.day, use.api), Counter())
        sums["cost_micro_usd"] += spent
        sums["unattributed_micro_usd"] += 0 if use.attributed else spent
    ordered = sorted(found, key=lambda key: (-key[0].toordinal(), -found[key]["calls"], key[1]))
    return tuple((day, ApiCoverage(api, **found[day, api])) for day, api in ordered)


def _by_api(days: Iterable[tuple[date, ApiCoverage]]) -> tuple[ApiCoverage, ...]:
    """Sum the days of each API, most calls first."""
    sums: dict[str, Counter[str]] = {}
    for _, shown in days:
        mine = sums.setdefault(shown.api, Counter())
        mine.update({name: getattr(shown, name) for name in _SUMMED})
    found = (ApiCoverage(name, **counts) for name, counts in sums.items())
    return tuple(sorted(found, key=lambda each: (-each.calls, each.api)))
