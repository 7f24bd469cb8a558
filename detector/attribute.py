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
        By feature and model, largest change first. Where some cost came without tokens, cost
        itself is the quantity: all of the change is then volume and mix.
    """
    block = np.asarray(rows)
    tokens = (history.prompt[block] + history.completion[block]).astype(np.float64)
    reference = tokens
    blind = (tokens == 0) & (history.cost[block] != 0)
    if blind[:, usable].any() or blind[:, -1].any():
        tokens = reference = history.cost[block].astype(np.float64)
    elif prices is not None:
        reference = np.vstack([_at_last_rates(history, row, prices) for row in rows])
    return split_change(_cells(history, rows, usable, tokens, reference))


def _cells(
    history: History,
    rows: Sequence[int],
    usable: NDArray[np.bool_],
    tokens: NDArray[np.float64],
    reference: NDArray[np.float64],
) -> list[Cell]:
    members: dict[tuple[str, str], list[int]] = {}
    for offset, row in enumerate(rows):
        key = history.keys[row]
        members.setdefault((key.feature, key.model or key.deployment), []).append(offset)
    cost = history.cost[np.asarray(rows)].astype(np.float64)
    return [
        Cell(
            feature=feature,
            model=model,
            expected_micro_usd=round(_expected(cost[part], usable)),
            actual_micro_usd=round(float(cost[part, -1].sum())),
            expected_tokens=_expected(tokens[part], usable),
            actual_tokens=float(tokens[part, -1].sum()),
            expected_reference=_expected(reference[part], usable),
            actual_reference=float(reference[part, -1].sum()),
        )
        for (feature, model), part in members.items()
    ]


def _expected(block: NDArray[np.float64], usable: NDArray[np.bool_]) -> float:
    """Mean per usable day of a cell's rows together; 0 where no day is usable."""
    used = block[:, usable]
    return float(used.sum() / used.shape[1]) if used.shape[1] else 0.0


def _at_last_rates(history: History, row: int, prices: PriceTable) -> NDArray[np.float64]:
    rates = token_rates(prices, history.keys[row], history.days[-1])
    prompt, cached = history.prompt[row], history.cached[row]
    if rates is None:
        return (prompt + history.completion[row]).astype(np.float64)
    valued: NDArray[np.float64] = (
        (prompt - cached) * rates[0] + cached * rates[1] + history.completion[row] * rates[2]
    )
    return valued
