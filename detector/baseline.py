"""Which past days count, and their centre and spread."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.groups import any_by_tenant
from detector.model import MICRO, Effect, LeftOutDay
from detector.pricing import price_changes, token_rates

if TYPE_CHECKING:
    from datetime import date

    from detector.groups import Groups
    from detector.history import History
    from detector.model import Lesson
    from detector.price_table import PriceTable

BLOCK_ROWS = 8192
"""Rows handled at once: a block and its temporary stay in the processor's cache."""


class Moments(NamedTuple):
    """Centre and spread of the usable days of T tenants; every array has shape (T,)."""

    days: NDArray[np.float64]
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]


def moments(cost: NDArray[np.float64], usable: NDArray[np.bool_]) -> Moments:
    """Mean and sample standard deviation of each row over its usable columns.

    The deviations are summed around the mean, never as E[x^2] - mean^2, which cancels on large
    costs with a small spread (Chan, Golub, LeVeque: Algorithms for computing the sample
    variance, The American Statistician 37, 1983).

    Parameters
    ----------
    cost : ndarray of float64, shape (T, D)
        Must be finite where usable; what is not usable is not looked at.
    usable : ndarray of bool, shape (T, D)

    Returns
    -------
    Moments
        Where no day is usable the mean is 0; with fewer than two the standard deviation is 0.

    Examples
    --------
    >>> found = moments(np.array([[1.0, 3.0, 99.0]]), np.array([[True, True, False]]))
    >>> float(found.mean[0]), round(float(found.sd[0]), 3)
    (2.0, 1.414)
    """
    count, mean, sd = (np.empty(len(cost)) for _ in range(3))
    spare = np.empty((min(len(cost), BLOCK_ROWS), cost.shape[1]))
    for start in range(0, len(cost), BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        room = spare[: len(cost[block])]
        count[block], mean[block] = _centre(cost[block], usable[block], room)
        squares = np.einsum("ij,ij->i", room, room, out=sd[block])
        squares /= np.maximum(count[block] - 1, 1)
        np.sqrt(squares, out=squares)
    return Moments(count, mean, sd)


def _centre(
    cost: NDArray[np.float64], usable: NDArray[np.bool_], deviation: NDArray[np.float64]
) -> tuple[NDArray[np.float64] | float, NDArray[np.float64]]:
    """Return count and mean, and fill ``deviation`` with the distance of each usable day.

    A block without gaps is only a shorter way to the very same bits: what a tenant's moments
    are never depends on the tenants beside it.
    """
    if usable.all():
        mean = np.einsum("ij->i", cost) / max(cost.shape[1], 1)
        np.subtract(cost, mean[:, None], out=deviation)
        return float(cost.shape[1]), mean
    count = usable.sum(axis=1, dtype=np.float64)
    deviation.fill(0.0)
    np.copyto(deviation, cost, where=usable)
    mean = np.einsum("ij->i", deviation) / np.maximum(count, 1)
    deviation -= mean[:, None]
    np.copyto(deviation, 0.0, where=~usable)
    return count, mean


class Exclusions(NamedTuple):
    """Why past days do not count, per tenant and column.

    Attributes
    ----------
    usable : ndarray of bool, shape (T, D)
        The judged day (the last column) is never usable.
    unanswered : ndarray of bool, shape (T, D)
        The same, had nobody answered anything.
    answered : mapping of (int, int) to str
        Tenant and column that an answer leaves out, with the reason a person reads.
    """

    usable: NDArray[np.bool_]
    unanswered: NDArray[np.bool_]
    answered: dict[tuple[int, int], str]


def find_usable_days(history: History, groups: Groups, lessons: Iterable[Lesson]) -> Exclusions:
    """Decide which days before the judged one a tenant's baseline may use.

    A day counts when it was wholly pulled, lies on or after the tenant's first day, has no use
    of unknown cost, and no answer leaves it out.

    Parameters
    ----------
    history : History
    groups : Groups
        The history's tenants (T of them).
    lessons : iterable of Lesson
        ``LEAVE_OUT`` drops days, ``RESTART`` everything before its day once that day is past: a
        day judged again that the new normal began on, or later, keeps the baseline it had.

    Returns
    -------
    Exclusions
    """
    first = [history.days[0].toordinal()] * len(groups.tenants)
    for index, tenant in enumerate(groups.tenants):
        if tenant in history.first_days:
            first[index] = history.first_days[tenant].toordinal()
    answered = answered_days(history.days, groups, lessons)
    columns = np.array([day.toordinal() for day in history.days])
    usable = columns[None, :] >= np.array(first, dtype=np.int64)[:, None]
    usable &= (history.pulled & history.whole)[None, :]
    usable &= ~any_by_tenant(history.unknown, groups)
    usable[:, -1:] = False
    unanswered = usable.copy() if answered else usable
    for index, column in answered:
        usable[index, column] = False
    return Exclusions(usable, unanswered, answered)


def answered_days(
    days: Sequence[date], groups: Groups, lessons: Iterable[Lesson]
) -> dict[tuple[int, int], str]:
    """Return which days answers leave out, as in :class:`Exclusions`."""
    index_of = {tenant: index for index, tenant in enumerate(groups.tenants)}
    answered: dict[tuple[int, int], str] = {}
    for lesson in lessons:
        index = index_of.get(lesson.tenant)
        if index is None:
            continue
        for column, day in enumerate(days[:-1]):
            if _leaves_out(lesson, day, days[-1]):
                answered[index, column] = lesson.reason
    return answered


def _leaves_out(lesson: Lesson, day: date, judged: date) -> bool:
    if lesson.effect is Effect.RESTART:
        return lesson.from_day is not None and day < lesson.from_day < judged
    return lesson.effect is Effect.LEAVE_OUT and day in lesson.days


def explain_left_out(
    history: History, groups: Groups, exclusions: Exclusions, index: int
) -> tuple[LeftOutDay, ...]:
    """Name the days that tenant number ``index`` could not use, and why, oldest first.

    Days before a tenant's first day are not named: there was nothing to leave out.
    """
    first = history.first_days.get(groups.tenants[index], history.days[0])
    left_out = []
    for column, day in enumerate(history.days[:-1]):
        if day < first or exclusions.usable[index, column]:
            continue
        reason = exclusions.answered.get((index, column))
        if reason is None:
            reason = _why_unusable(history, column)
        left_out.append(LeftOutDay(day, reason))
    return tuple(left_out)


def _why_unusable(history: History, column: int) -> str:
    if not history.pulled[column]:
        return "no data"
    return "cost unknown" if history.whole[column] else "only partly pulled"


def restate(history: History, table: PriceTable | None) -> NDArray[np.float64]:
    """Value the whole history at the prices of its last day, in dollars.

    So a change of price alone never looks like a change of use. Only rows priced by our own
    table can be restated; a cost that a source stated stays as it is.

    Parameters
    ----------
    history : History
    table : PriceTable or None
        None leaves every cost as billed.

    Returns
    -------
    ndarray of float64, shape (R, D)
        ``uncached * p_input + cached * p_cached + completion * p_output`` at the last day's
        prices where a price changed inside the window, the billed cost elsewhere.
    """
    dollars: NDArray[np.float64] = history.cost / MICRO
    if table is None or not history.keys:
        return dollars
    changes = price_changes(table, history.keys, history.days[0], history.days[-1])
    changed = {change.key for change in changes}
    for row, key in enumerate(history.keys):
        rates = token_rates(table, key, history.days[-1]) if key in changed else None
        if rates is not None:
            dollars[row] = _restated_row(history, row, rates)
    return dollars


def _restated_row(
    history: History, row: int, rates: tuple[float, float, float]
) -> NDArray[np.float64]:
    cached = history.cached[row]
    uncached = history.prompt[row] - cached
    fresh = uncached * rates[0] + cached * rates[1] + history.completion[row] * rates[2]
    stays = history.given[row] | history.unknown[row]
    restated: NDArray[np.float64] = np.where(stays, history.cost[row] / MICRO, fresh)
    return restated
