"""From a tenant's rows to the drivers of its change: which feature and model moved, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detector.drivers import Cell, split_change
from detector.pricing import token_rates

if TYPE_CHECKING:
    from detector.history import History
    from detector.model import Driver
    from detector.price_table import PriceTable


def split_by_cell(
    history: History,
    rows: Sequence[int],
    usable: NDArray[np.bool_],
    prices: PriceTable | None,
) -> tuple[Driver, ...]:
    """Split the change of one tenant's last day against its usable days.

    Parameters
    ----------
    history : History
    rows : sequence of int
        The tenant's rows.
    usable : ndarray of bool, shape (D,)
        The days expected costs are the mean of; none usable means nothing was expected.
    prices : PriceTable or None
        Values both sides at the last day's rates, so that a change of price stands apart from a
        change of use; without it tokens themselves are the reference.

    Returns
    -------
    tuple of Driver
        By feature and model, largest change first; what neither cost nor used anything is left
        out. Where a cost came without tokens, cost itself is the quantity: all of that cell's
        change is then volume and mix.
    """
    members: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        key = history.keys[row]
        members.setdefault((key.feature, key.model or key.deployment), []).append(row)
    cells = [
        _cell(history, label, np.array(part), usable, prices) for label, part in members.items()
    ]
    return split_change([cell for cell in cells if _says_anything(cell)])


def _cell(
    history: History,
    label: tuple[str, str],
    rows: NDArray[np.int64],
    usable: NDArray[np.bool_],
    prices: PriceTable | None,
) -> Cell:
    tokens, reference = _use(history, rows, usable, prices)
    return Cell(
        feature=label[0],
        model=label[1],
        expected_micro_usd=round(_expected(history.cost[rows].astype(np.float64), usable)),
        actual_micro_usd=int(history.cost[rows, -1].sum()),
        expected_tokens=_expected(tokens, usable),
        actual_tokens=float(tokens[:, -1].sum()),
        expected_reference=_expected(reference, usable),
        actual_reference=float(reference[:, -1].sum()),
    )


def _says_anything(cell: Cell) -> bool:
    """Whether there was any cost or use; a replay's history also holds rows of later days."""
    cost = cell.expected_micro_usd or cell.actual_micro_usd
    return bool(cost or cell.expected_tokens or cell.actual_tokens)


def _expected(block: NDArray[np.float64], usable: NDArray[np.bool_]) -> float:
    """Mean per usable day of a cell's rows together; 0 where no day is usable."""
    used = block[:, usable]
    return float(used.sum() / used.shape[1]) if used.shape[1] else 0.0


def _use(
    history: History,
    rows: NDArray[np.int64],
    usable: NDArray[np.bool_],
    prices: PriceTable | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return tokens and their reference value, each (rows, D): all 0 where a cost has none."""
    prompt, cached, completion = (
        part[rows].astype(np.float64)
        for part in (history.prompt, history.cached, history.completion)
    )
    # Use without a known cost would look like use that became cheaper.
    known = ~history.unknown[rows]
    tokens = np.where(known, prompt + completion, 0.0)
    blind = (tokens == 0) & (history.cost[rows] != 0)
    if blind[:, usable].any() or blind[:, -1].any():
        return np.zeros_like(tokens), np.zeros_like(tokens)
    rates = _last_rates(history, rows, prices)
    if rates is None:
        return tokens, tokens
    valued = (prompt - cached) * rates[:, :1] + cached * rates[:, 1:2] + completion * rates[:, 2:]
    return tokens, np.where(known, valued, 0.0)


def _last_rates(
    history: History, rows: NDArray[np.int64], prices: PriceTable | None
) -> NDArray[np.float64] | None:
    """Return the last day's rates of each row, or None where one of them has none."""
    if prices is None:
        return None
    found = [token_rates(prices, history.keys[int(row)], history.days[-1]) for row in rows]
    return None if None in found else np.array(found, dtype=np.float64)
