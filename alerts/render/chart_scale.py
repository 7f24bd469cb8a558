"""What stands on the axes of a chart: round amounts, and some of its days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from detector.model import MICRO

if TYPE_CHECKING:
    from collections.abc import Sequence

_CENT = MICRO // 100
_TICKS = 4
_ROUND = (10, 20, 25, 50, 100)
_HEADROOM = 12
_FAR = 2.5
_LABELS = 6


def axis_ticks(largest_micro_usd: int) -> tuple[int, ...]:
    """Return round amounts from zero to above the largest one.

    Parameters
    ----------
    largest_micro_usd : int
        In micro-dollars; an eighth of it at least stays free above it, for its label.

    Returns
    -------
    tuple of int
        In micro-dollars, ascending by equal steps of at least a cent.

    Examples
    --------
    >>> [tick // 1_000_000 for tick in axis_ticks(1_284_000_000)]
    [0, 500, 1000, 1500]
    >>> axis_ticks(0)
    (0, 10000)
    """
    top = largest_micro_usd + largest_micro_usd * _HEADROOM // 100
    least = max(top / _TICKS, _CENT)
    power = 10 ** (len(str(int(least))) - 2)
    step = next(each * power for each in _ROUND if each * power >= least)
    return tuple(step * place for place in range(max(-(-top // step), 1) + 1))


def largest(amounts: Sequence[int | None], cap: int | None) -> int:
    """Return the largest amount that has to be within the chart.

    Parameters
    ----------
    amounts : sequence of int or None
        In micro-dollars; None is unknown.
    cap : int or None
        Counts only where it is not so far above that the days would be flat.

    Examples
    --------
    >>> largest((100, None, 80), 200), largest((100, None, 80), 9_000), largest((), 9_000)
    (200, 100, 9000)
    """
    most = max((each for each in amounts if each is not None), default=0)
    near = cap is not None and (most <= 0 or cap <= most * _FAR)
    return max(most, cap) if near and cap is not None else max(most, 0)


def named_days(first: date, last: date) -> list[date]:
    """Return which days the axis names: the last one, and back from there in whole weeks or days.

    Parameters
    ----------
    first, last : date

    Examples
    --------
    >>> [day.day for day in named_days(date(2026, 11, 1), date(2026, 11, 30))]
    [30, 23, 16, 9, 2]
    >>> [day.day for day in named_days(date(2026, 11, 28), date(2026, 11, 30))]
    [30, 29, 28]
    """
    many = (last - first).days + 1
    step = 1 if many <= _LABELS else 2 if many <= 2 * _LABELS else -(-many // (7 * _LABELS)) * 7
    return [last - timedelta(days=back) for back in range(0, many, step)]
