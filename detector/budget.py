"""Pure: where a budget stands on a day, where it is heading, and which thresholds that crosses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from detector.forecast import Outlook, expected_spend, learn_pace, total_spread
from detector.model import BudgetState, Finding, FindingKind, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    Whole = NDArray[np.int64]
    Marks = NDArray[np.bool_]

FORECAST_INTERVAL: Final = 0.8
"""The probability that the end of the period lies between the forecast's two ends."""

_WHOLE: Final = 100
_MONTHS_A_YEAR: Final = 12
_LAST_FISCAL_DAY: Final = 28  # every month has it
_LAST_WEEKDAY: Final = 7


class Period(StrEnum):
    """How long a budget's cap lasts before it starts anew."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    YEARLY = "yearly"


_MONTHS: Final = {Period.MONTHLY: 1, Period.QUARTERLY: 3, Period.YEARLY: _MONTHS_A_YEAR}


@dataclass(frozen=True, slots=True)
class Budget:
    """What one tenant, or one of its features, may spend in a period.

    Attributes
    ----------
    cap_micro_usd : int or None
        The cap; 0 means that nothing may be spent, None that there is no budget.
    feature : str
        Empty for all of the tenant's spend.
    fiscal_start_day : int
        Day of the month on which a period starts, 1 to 28; of a weekly budget the day of the
        week, 1 (Monday) to 7 (Sunday).
    fiscal_start_month : int
        Month in which the year starts, 1 to 12; quarters start every three months from it.
    thresholds, forecast_thresholds : tuple of int
        Percent of the cap, for actual spend and for the forecast.
    forecast_probability : float
        How likely it must be that a forecast threshold is reached before that is told.

    Raises
    ------
    ValueError
        Names every value that is out of its range.

    Examples
    --------
    >>> Budget("acme", 500_000_000, Period.MONTHLY, fiscal_start_day=31)
    Traceback (most recent call last):
    ValueError: budget of 'acme': fiscal_start_day is 31, must be 1 to 28
    """

    tenant: str
    cap_micro_usd: int | None
    period: Period
    feature: str = ""
    fiscal_start_day: int = 1
    fiscal_start_month: int = 1
    thresholds: tuple[int, ...] = (50, 80, 100)
    forecast_thresholds: tuple[int, ...] = (100,)
    forecast_probability: float = 0.8

    def __post_init__(self) -> None:
        """Refuse values without a meaning, all of them at once."""
        problems = "; ".join(_find_problems(self))
        if problems:
            raise ValueError(f"budget of {self.tenant!r}: {problems}")


def _find_problems(budget: Budget) -> Iterator[str]:
    """Say what is wrong with each value, and what would be right."""
    if budget.cap_micro_usd is not None and budget.cap_micro_usd < 0:
        yield f"cap_micro_usd is {budget.cap_micro_usd}, must be 0 or more, or None for no budget"
    last_day = _LAST_WEEKDAY if budget.period is Period.WEEKLY else _LAST_FISCAL_DAY
    if not 1 <= budget.fiscal_start_day <= last_day:
        yield f"fiscal_start_day is {budget.fiscal_start_day}, must be 1 to {last_day}"
    if not 1 <= budget.fiscal_start_month <= _MONTHS_A_YEAR:
        yield f"fiscal_start_month is {budget.fiscal_start_month}, must be 1 to {_MONTHS_A_YEAR}"
    for percent in (*budget.thresholds, *budget.forecast_thresholds):
        if percent < 1:
            yield f"a threshold is {percent} %, must be 1 or more"
    if not 0 < budget.forecast_probability < 1:
        yield f"forecast_probability is {budget.forecast_probability}, must lie between 0 and 1"


def period_bounds(
    period: Period, day: date, *, fiscal_start_day: int = 1, fiscal_start_month: int = 1
) -> tuple[date, date]:
    """Return the budget period that holds a day.

    Parameters
    ----------
    period : Period
    day : date
        In the tenant's time zone.
    fiscal_start_day, fiscal_start_month : int
        As in :class:`Budget`.

    Returns
    -------
    tuple of date
        Its first day, and the first day after it.

    Examples
    --------
    >>> period_bounds(Period.MONTHLY, date(2028, 3, 14), fiscal_start_day=15)
    (datetime.date(2028, 2, 15), datetime.date(2028, 3, 15))
    """
    if period is Period.WEEKLY:
        starts_on = day - timedelta(days=(day.isoweekday() - fiscal_start_day) % _LAST_WEEKDAY)
        return starts_on, starts_on + timedelta(days=_LAST_WEEKDAY)
    months = _MONTHS[period]
    month = day.year * _MONTHS_A_YEAR + day.month - 1
    month -= day.day < fiscal_start_day
    month -= (month - (fiscal_start_month - 1)) % months
    return _start_of(month, fiscal_start_day), _start_of(month + months, fiscal_start_day)


def _start_of(month: int, fiscal_start_day: int) -> date:
    """Return the first day of the fiscal month that is ``month`` months after year 0 began."""
    return date(month // _MONTHS_A_YEAR, month % _MONTHS_A_YEAR + 1, fiscal_start_day)


def evaluate_budget(
    budget: Budget,
    day: date,
    days: Sequence[date],
    spend: Whole,
    known: Marks,
    *,
    unknown_cost: bool = False,
) -> BudgetState | None:
    """Say where a budget stands at the end of a day, and where its period will end.

    A threshold is crossed when ``spent * 100 >= percent * cap`` in whole micro-dollars, and by
    the forecast when the probability that the period ends there or above is at least
    ``budget.forecast_probability``. Of several crossed only the highest is given. With a cap of
    0 the first micro-dollar crosses them all. ``burn_rate`` is (spent / cap) / (days elapsed,
    the judged one included / days of the period).

    Parameters
    ----------
    budget : Budget
    day : date
        The judged day; nothing after it is looked at.
    days : sequence of date
        Ascending, from the start of the period, and for the forecast from 55 days before the
        judged day, or from the first day that anything is known of; before it, nothing was spent.
    spend : ndarray of int64, shape (n,)
        Micro-dollars of those days, refunds negative. Of a day that is not known it is what is
        known so far (0 for nothing): it counts as spent, but teaches the forecast nothing.
    known : ndarray of bool, shape (n,)
        False where a day is missing or not complete. A day left out of ``days`` is not known.
        The forecast gives such a day what its weekday usually costs.
    unknown_cost : bool
        Some use in the period has no known price.

    Returns
    -------
    BudgetState or None
        None where the budget has no cap. Without 14 known days there is no forecast in it.

    Raises
    ------
    ValueError
        If the three sequences differ in length, or the days do not ascend.

    Examples
    --------
    >>> start = date(2026, 6, 1)
    >>> days = [start + timedelta(days=n) for n in range(15)]
    >>> budget = Budget("acme", 300_000_000, Period.MONTHLY)
    >>> spend = np.full(15, 11_000_000)
    >>> state = evaluate_budget(budget, days[-1], days, spend, np.full(15, True))
    >>> state.spent_micro_usd, state.burn_rate, state.crossed_percent, state.forecast_percent
    (165000000, 1.1, 50, 100)
    >>> state.reached_on
    datetime.date(2026, 6, 28)
    """
    if budget.cap_micro_usd is None:
        return None
    ordinals = _ordinals(days, spend, known)
    past = ordinals <= day.toordinal()
    ordinals, spend, known = ordinals[past], spend[past], known[past]
    state = _state_now(budget, budget.cap_micro_usd, day, ordinals, spend)
    state = replace(state, unknown_cost=unknown_cost)
    return _with_forecast(state, budget, day.toordinal(), ordinals, spend, known)


def _ordinals(days: Sequence[date], spend: Whole, known: Marks) -> Whole:
    """Return the days as numbers, after checking that the three sequences belong together."""
    if not len(days) == len(spend) == len(known):
        raise ValueError(
            f"{len(days)} days, {len(spend)} amounts and {len(known)} marks do not belong together"
        )
    ordinals = np.fromiter((day.toordinal() for day in days), np.int64, len(days))
    wrong = np.flatnonzero(np.diff(ordinals) <= 0)
    if len(wrong):
        first, second = days[wrong[0]], days[wrong[0] + 1]
        raise ValueError(f"days must ascend, but {second} follows {first}")
    return ordinals


def _state_now(budget: Budget, cap: int, day: date, ordinals: Whole, spend: Whole) -> BudgetState:
    """Say where the budget stands by what was spent, without looking ahead."""
    starts_on, ends_on = period_bounds(
        budget.period,
        day,
        fiscal_start_day=budget.fiscal_start_day,
        fiscal_start_month=budget.fiscal_start_month,
    )
    inside = ordinals >= starts_on.toordinal()
    spent = int(spend[inside].sum())
    elapsed, length = (day - starts_on).days + 1, (ends_on - starts_on).days
    reached_on = None
    if spent >= _least(cap):  # a refund may have taken back what was reached before
        reached_on = _first_day_at(_least(cap), np.cumsum(spend[inside]), ordinals[inside])
    crossed = [
        percent for percent in budget.thresholds if spent > 0 and percent * cap <= spent * _WHOLE
    ]
    return BudgetState(
        tenant=budget.tenant,
        feature=budget.feature,
        period=budget.period.value,
        starts_on=starts_on,
        ends_on=ends_on,
        cap_micro_usd=cap,
        spent_micro_usd=spent,
        burn_rate=spent / cap / (elapsed / length) if cap else None,
        reached_on=reached_on,
        crossed_percent=max(crossed, default=None),
    )


def _with_forecast(
    state: BudgetState, budget: Budget, today: int, ordinals: Whole, spend: Whole, known: Marks
) -> BudgetState:
    """Add where the period will end, if enough days are known to tell."""
    pace = learn_pace(ordinals[known], spend[known], today)
    if pace is None:
        return state
    first = max(state.starts_on.toordinal(), int(ordinals[0]))
    missing = np.setdiff1d(np.arange(first, today + 1), ordinals[known])
    ahead = np.arange(today + 1, state.ends_on.toordinal())
    seen = int(spend[~known & (ordinals >= first)].sum())
    late = max(float(expected_spend(pace, missing).sum()) - seen, 0.0)
    path = state.spent_micro_usd + late + np.cumsum(np.append(0.0, expected_spend(pace, ahead)))
    spread = total_spread(pace, np.append(missing, ahead))
    outlook = Outlook(float(path[-1]), spread, pace.degrees_of_freedom)
    ends = (outlook.mean, *outlook.interval(FORECAST_INTERVAL))
    forecast, low, high = (max(round(end), state.spent_micro_usd) for end in ends)
    return replace(
        state,
        forecast_micro_usd=forecast,
        low_micro_usd=low,
        high_micro_usd=high,
        reached_on=state.reached_on or _first_day_at(_least(state.cap_micro_usd), path[1:], ahead),
        forecast_percent=_forecast_percent(budget, state.cap_micro_usd, outlook),
    )


def _least(amount: int) -> int:
    """Return the smallest spend that reaches an amount: nothing at all reaches nothing."""
    return max(amount, 1)


def _first_day_at(amount: int, path: Whole | NDArray[np.float64], ordinals: Whole) -> date | None:
    """Return the first day on which a cumulated path is at an amount or above."""
    reached = np.flatnonzero(path >= amount)
    return date.fromordinal(int(ordinals[reached[0]])) if len(reached) else None


def _forecast_percent(budget: Budget, cap: int, outlook: Outlook) -> int | None:
    """Return the highest forecast threshold that will be reached as surely as was asked for."""
    crossed = [
        percent
        for percent in budget.forecast_thresholds
        if outlook.chance_of(max(percent * cap / _WHOLE, 1)) >= budget.forecast_probability
    ]
    return max(crossed, default=None)


def budget_findings(states: Iterable[BudgetState], day: date) -> tuple[Finding, ...]:
    """Turn crossed thresholds into findings.

    The period of a finding names the budget period and the cap in force, so that a new period
    or another cap is a new fingerprint; its magnitude is the percent. What the forecast says
    is not a finding once actual spend has crossed as much.

    Parameters
    ----------
    states : iterable of BudgetState
        Of the same judged day.
    day : date
        The judged day.

    Returns
    -------
    tuple of Finding
        In the order of the states; at most one threshold and one forecast for each.

    Examples
    --------
    >>> state = BudgetState("acme", "", "weekly", date(2026, 6, 1), date(2026, 6, 8), 100, 80,
    ...                     crossed_percent=80)
    >>> (finding,) = budget_findings([state], date(2026, 6, 3))
    >>> finding.magnitude, finding.severity.value, finding.period
    (80, 'warning', 'weekly 2026-06-01 cap 100')
    """
    return tuple(finding for state in states for finding in _findings_of(state, day))


def _findings_of(state: BudgetState, day: date) -> Iterator[Finding]:
    """Give the threshold that was crossed, and the higher one that is coming."""
    crossed, coming = state.crossed_percent or 0, state.forecast_percent or 0
    if crossed:
        severity = Severity.CRITICAL if crossed >= _WHOLE else Severity.WARNING
        yield _finding(FindingKind.BUDGET_THRESHOLD, severity, crossed, state, day)
    if coming > crossed:
        yield _finding(FindingKind.BUDGET_FORECAST, Severity.WARNING, coming, state, day)


def _finding(
    kind: FindingKind, severity: Severity, percent: int, state: BudgetState, day: date
) -> Finding:
    """Build a finding of a budget."""
    return Finding(
        kind=kind,
        day=day,
        severity=severity,
        tenant=state.tenant,
        subject=state.feature,
        period=f"{state.period} {state.starts_on.isoformat()} cap {state.cap_micro_usd}",
        magnitude=percent,
        rule="forecast threshold" if kind is FindingKind.BUDGET_FORECAST else "actual threshold",
        actual_micro_usd=state.spent_micro_usd,
        lower_bound=state.unknown_cost,
        budget=state,
    )
