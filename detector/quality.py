"""How far the day's data can be trusted: findings about sources, rows, prices and tenants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import numpy as np

from detector.model import MICRO, UNATTRIBUTED, Finding, FindingKind, Severity
from detector.pricing import NoPrice, find_price, price_changes, token_rates

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from decimal import Decimal

    from detector.history import History
    from detector.model import SeriesKey
    from detector.price_table import PriceTable
    from detector.pricing import PriceChange
    from detector.sources.base import ApiDay

EARLY = timedelta(hours=4)
"""So much longer than ever before a source must be silent until its day counts as cut off."""
LEAST_DAYS = 7
"""Days a source must have told of before its silence is compared with theirs."""
_SLOT = timedelta(hours=1)
STOPPED_EARLY = "stopped early"
"""The rule of a source that told of a part of the day alone."""
IN_PART = "it answered for the day only in part; what it told is not believed to be all"
NEVER_SPOKE = "never spoke"
"""The rule of a source that was asked and has told of no day yet."""


@dataclass(frozen=True, slots=True)
class SourceDay:
    """How one source answered for one day.

    Attributes
    ----------
    rows : int
        Rows it gave for the day.
    usual_rows : int
        Median of its rows over the days before that held any; 0 for a new source.
    last_day : date or None
        The newest day before this one that held rows.
    rejected, kept : int
        Rows refused, and rows kept with a remark, when the day was pulled.
    reasons : str
        The reasons with their counts, most frequent first.
    first : str
        Where the first of them stands.
    error : str
        Why the source could not answer at all; empty where it did.
    stopped_at : datetime or None
        When its telemetry ended, hours before the day did and before it ever does; None where it
        goes on as usual, or tells nothing of that.
    never_spoke : bool
        It was asked, and has told of no day so far.
    in_part : bool
        It answered for the day only in part: that it gave no row says nothing.
    """

    source: str
    rows: int
    usual_rows: int = 0
    last_day: date | None = None
    rejected: int = 0
    kept: int = 0
    reasons: str = ""
    first: str = ""
    error: str = ""
    stopped_at: datetime | None = None
    never_spoke: bool = False
    in_part: bool = False


def stopped_early(day: date, settled_at: datetime, told: Iterable[ApiDay]) -> datetime | None:
    """Return when telemetry ended on a day, where that is too early to believe.

    Parameters
    ----------
    day : date
        The judged day.
    settled_at : datetime
        From when on it could be judged; UTC-aware.
    told : iterable of ApiDay
        Of one source, of the UTC days up to the judged one.

    Returns
    -------
    datetime or None
        None too where fewer than :data:`LEAST_DAYS` days before it are known, and where the UTC
        day goes on after the judged day is settled: in zones far east of UTC.
    """
    newest: dict[date, datetime] = {}
    for api in told:
        if api.newest_at:
            newest[api.day] = max(api.newest_at + _SLOT, newest.get(api.day, api.newest_at))
    silences = {each: _midnight_after(each) - at for each, at in newest.items()}
    before = [silence for each, silence in silences.items() if each < day]
    if len(before) < LEAST_DAYS or day not in silences or settled_at < _midnight_after(day):
        return None
    return newest[day] if silences[day] > max(before) + EARLY else None


def _midnight_after(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def stale_sources(sources: Iterable[SourceDay]) -> tuple[SourceDay, ...]:
    """Return the sources that used to hold rows and hold none for the judged day."""
    return tuple(
        state for state in sources if not state.rows and state.usual_rows and not state.in_part
    )


def source_findings(day: date, sources: Sequence[SourceDay]) -> tuple[Finding, ...]:
    """Tell of sources that failed, fell silent, never spoke, or held rows that had to be refused.

    A source that failed is told as failing and not as stale too: one cause, one finding.
    """
    findings: list[Finding] = []
    facts: dict[str, str | int | float]
    for state in sources:
        rule, severity = "", Severity.CRITICAL
        error = state.error or (IN_PART if state.in_part and not state.rows else "")
        if error:
            facts = {"source": state.source, "error": error}
            kind, magnitude = FindingKind.SOURCE_FAILING, 1
        elif not state.rows and state.usual_rows:
            last = state.last_day.isoformat() if state.last_day else ""
            facts = {"source": state.source, "last_day": last, "usual_rows": state.usual_rows}
            kind, magnitude = FindingKind.SOURCE_STALE, 1
        elif state.stopped_at:
            facts = {"source": state.source, "stopped_at": state.stopped_at.isoformat()}
            kind, magnitude, rule = FindingKind.SOURCE_STALE, 1, STOPPED_EARLY
        elif state.never_spoke:
            facts = {"source": state.source, "never_spoke": 1}
            kind, magnitude, rule = FindingKind.SOURCE_STALE, 1, NEVER_SPOKE
            severity = Severity.WARNING
        else:
            continue
        found = Finding(kind, day, severity, subject=state.source, magnitude=magnitude)
        findings.append(replace(found, rule=rule, facts=facts))
    return (*findings, *_rejected(day, sources))


def _rejected(day: date, sources: Iterable[SourceDay]) -> list[Finding]:
    return [
        Finding(
            FindingKind.REJECTED_USAGE,
            day,
            Severity.WARNING if state.rejected else Severity.NOTICE,
            subject=state.source,
            magnitude=state.rejected + state.kept,
            facts={
                "source": state.source,
                "rows": state.rejected,
                "kept": state.kept,
                "reasons": state.reasons,
                "first": state.first,
            },
        )
        for state in sources
        if state.rejected or state.kept
    ]


def unpriced_findings(history: History, prices: PriceTable | None) -> tuple[Finding, ...]:
    """One finding for each model that was used on the last day and has no price.

    Returns
    -------
    tuple of Finding
        ``magnitude`` is the number of tokens, by model name.
    """
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row in np.flatnonzero(history.unknown[:, -1]):
        key = history.keys[int(row)]
        rows_of[key.model or key.deployment].append(int(row))
    return tuple(_unpriced(history, model, rows, prices) for model, rows in sorted(rows_of.items()))


def _unpriced(
    history: History, model: str, rows: Sequence[int], prices: PriceTable | None
) -> Finding:
    tokens = int((history.prompt[rows, -1] + history.completion[rows, -1]).sum())
    found = find_price(prices, history.keys[rows[0]], history.days[-1]) if prices else None
    reason = found.reason if isinstance(found, NoPrice) else "a meter it was billed by has no price"
    tenants = {history.keys[row].tenant for row in rows}
    return Finding(
        FindingKind.UNPRICED_MODEL,
        history.days[-1],
        Severity.WARNING,
        subject=model,
        magnitude=tokens,
        facts={"model": model, "tokens": tokens, "tenants": len(tenants), "reason": reason},
    )


def unattributed_share(history: History, columns: slice) -> float:
    """Share of the cost of some days that has no tenant; 0 where there is no cost.

    Parameters
    ----------
    history : History
    columns : slice
        Which days, taken together.
    """
    amount, total = _unattributed(history, columns)
    return amount / total if total > 0 else 0.0


def _unattributed(history: History, columns: slice) -> tuple[int, int]:
    """Return the cost without a tenant and the whole cost, in micro-dollars."""
    mine = [row for row, key in enumerate(history.keys) if key.tenant == UNATTRIBUTED]
    cost = history.cost[:, columns]
    return int(cost[mine].sum()), int(cost.sum())


def attribution_findings(history: History, percent: float) -> tuple[Finding, ...]:
    """Tell when more than ``percent`` of the last day's cost has no tenant."""
    amount, total = _unattributed(history, slice(-1, None))
    if total <= 0 or amount * 100 <= percent * total:
        return ()
    usual = unattributed_share(history, slice(0, -1))
    facts = {"share": amount / total, "usual_share": usual, "usd_micro": amount, "percent": percent}
    finding = Finding(
        FindingKind.ATTRIBUTION_GAP,
        history.days[-1],
        Severity.WARNING,
        magnitude=amount,
        actual_micro_usd=amount,
        facts=facts,
    )
    return (finding,)


def price_change_findings(
    history: History, prices: PriceTable | None, since: date
) -> tuple[Finding, ...]:
    """Tell of list or agreed prices of models in use that changed after ``since``.

    Parameters
    ----------
    history : History
    prices : PriceTable or None
    since : date
        The day judged before; changes in force from the day after it on are told.

    Returns
    -------
    tuple of Finding
        One per model and effective day; ``magnitude`` is what the last day's use would have
        cost more or less, in micro-dollars.
    """
    if prices is None or not history.keys:
        return ()
    used = [history.keys[row] for row in np.flatnonzero(history.cost[:, -1]).tolist()]
    by_model: dict[tuple[str, date], list[PriceChange]] = defaultdict(list)
    for change in price_changes(prices, used, since, history.days[-1]):
        by_model[change.key.model or change.key.deployment, change.effective_day].append(change)
    row_of = {key: row for row, key in enumerate(history.keys)} if by_model else {}
    return tuple(
        _price_change(history, prices, model, changes, row_of)
        for (model, _), changes in sorted(by_model.items())
    )


def _price_change(
    history: History,
    prices: PriceTable,
    model: str,
    changes: Sequence[PriceChange],
    row_of: dict[SeriesKey, int],
) -> Finding:
    first = changes[0]
    effect = sum(_effect(history, prices, change, row_of[change.key]) for change in changes)
    return Finding(
        FindingKind.PRICE_CHANGE,
        history.days[-1],
        Severity.NOTICE,
        subject=model,
        period=first.effective_day.isoformat(),
        magnitude=abs(effect),
        facts={
            "models": model,
            "old": _meters(first.old),
            "new": _meters(first.new),
            "effective": first.effective_day.isoformat(),
            "effect_micro_usd": effect,
        },
    )


def _meters(rates: Mapping[str, Decimal] | None) -> str:
    """Spell the rates tokens are billed by, per 1M tokens."""
    if rates is None:
        return "no price"
    return ", ".join(f"{meter.replace('_', ' ')} {rate}" for meter, rate in rates.items())


def _effect(history: History, prices: PriceTable, change: PriceChange, row: int) -> int:
    """Return what the new price adds to the last day's bill, in micro-dollars."""
    if history.given[row, -1]:
        return 0
    before = token_rates(prices, change.key, change.effective_day - timedelta(days=1))
    after = token_rates(prices, change.key, change.effective_day)
    if before is None or after is None:
        return 0
    cached = int(history.cached[row, -1])
    uses = (int(history.prompt[row, -1]) - cached, cached, int(history.completion[row, -1]))
    difference = sum(use * (new - old) for use, old, new in zip(uses, before, after, strict=True))
    return round(difference * MICRO)
