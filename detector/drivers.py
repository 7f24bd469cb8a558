"""Pure: what drove a change in spend: more use, other prices, or another mix of models."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from detector.model import Driver

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Cell:
    """What one feature was expected to use of one model, and what it used.

    Attributes
    ----------
    expected_micro_usd, actual_micro_usd : int
        Cost in micro-dollars.
    expected_tokens, actual_tokens : float
        Tokens; 0 or NaN where they are not known.
    expected_reference, actual_reference : float
        The same use valued at one fixed set of rates, in any unit that both sides share
        (tokens where no rate is known); 0 or NaN where the use is not known.
    """

    feature: str
    model: str
    expected_micro_usd: int
    actual_micro_usd: int
    expected_tokens: float
    actual_tokens: float
    expected_reference: float
    actual_reference: float


def split_change(cells: Sequence[Cell]) -> tuple[Driver, ...]:
    """Split the change from expected to actual into volume, price and mix, to the micro-dollar.

    With ``e``, ``a`` the expected and actual cost of a cell, ``r``, ``s`` its expected and
    actual use at reference rates, and ``Q``, ``R`` the expected and actual tokens of its
    feature::

        volume = e * (R / Q - 1)      all use of the feature growing alike
        price  = s * (a / s - e / r)  the same use costing more or less than its rates say
        mix    = (a - e) - volume - price

    Volume and price are rounded half-even and mix is the remainder, so that the three add up
    exactly. Mix holds what one model of a feature grew beyond its others, and tokens becoming
    dearer by kind (more output for the same input, fewer of them cached). Features stand each
    for themselves: five times the calls of one of them is volume, however little its tokens
    weigh beside those of an embedding feature.

    Parameters
    ----------
    cells : sequence of Cell
        One for each (feature, model); may be empty.

    Returns
    -------
    tuple of Driver
        One for each cell, the largest change first; equal ones by feature and model.

    Notes
    -----
    A cell that is new or has vanished has no price effect: all it does beyond volume is mix.
    Where a cell with a cost has no tokens, tokens cannot be added up, and ``Q`` and ``R`` are
    the expected cost and the actual cost less the price effect (the use at expected prices).
    Where ``Q`` is not positive (a new feature) nothing can grow alike, and the whole change is
    volume.

    References
    ----------
    Price-volume-mix analysis of management accounting (C. T. Horngren et al., "Cost Accounting:
    A Managerial Emphasis", sales-quantity and sales-mix variances); prices are weighed with the
    actual use, as in H. Paasche's index.

    Examples
    --------
    >>> old = Cell("chat", "gpt-4o", 100, 0, 10.0, 0.0, 10.0, 0.0)
    >>> new = Cell("chat", "gpt-4o-mini", 0, 20, 0.0, 20.0, 0.0, 2.0)
    >>> for driver in split_change([old, new]):
    ...     print(driver.model, driver.volume_micro_usd, driver.mix_micro_usd)
    gpt-4o 100 -200
    gpt-4o-mini 0 20
    """
    prices = [_price_effect(cell) for cell in cells]
    growth = {feature: _growth(*_of_feature(feature, cells, prices)) for feature in _names(cells)}
    drivers = [
        _driver(cell, price, growth[cell.feature])
        for cell, price in zip(cells, prices, strict=True)
    ]
    return tuple(sorted(drivers, key=_rank))


def _names(cells: Sequence[Cell]) -> set[str]:
    return {cell.feature for cell in cells}


def _of_feature(
    feature: str, cells: Sequence[Cell], prices: Sequence[int]
) -> tuple[list[Cell], list[int]]:
    mine = [index for index, cell in enumerate(cells) if cell.feature == feature]
    return [cells[index] for index in mine], [prices[index] for index in mine]


def _rank(driver: Driver) -> tuple[int, str, str]:
    """Order by the size of the change, whichever its direction."""
    return -abs(driver.change_micro_usd), driver.feature, driver.model


def _known(amount: float) -> bool:
    """Whether an amount of use says anything."""
    return math.isfinite(amount) and amount > 0


def _price_effect(cell: Cell) -> int:
    """Return what the actual use costs more than at the expected price of its reference."""
    if not (_known(cell.expected_reference) and _known(cell.actual_reference)):
        return 0
    grown = Fraction(cell.actual_reference) / Fraction(cell.expected_reference)
    return cell.actual_micro_usd - round(cell.expected_micro_usd * grown)


def _growth(cells: Sequence[Cell], prices: Sequence[int]) -> Fraction | None:
    """Return by which share all use grew, or None where there was none to grow from."""
    if all(_has_tokens(cell) for cell in cells):
        before = sum((_quantity(cell.expected_tokens) for cell in cells), Fraction(0))
        after = sum((_quantity(cell.actual_tokens) for cell in cells), Fraction(0))
    else:
        before = Fraction(sum(cell.expected_micro_usd for cell in cells))
        after = Fraction(sum(cell.actual_micro_usd for cell in cells) - sum(prices))
    return after / before - 1 if before > 0 else None


def _has_tokens(cell: Cell) -> bool:
    """Whether each side of a cell that has a cost has tokens as well."""
    expected = cell.expected_micro_usd == 0 or _known(cell.expected_tokens)
    return expected and (cell.actual_micro_usd == 0 or _known(cell.actual_tokens))


def _quantity(tokens: float) -> Fraction:
    """Return tokens as an exact number, unknown ones of a cell without cost as none."""
    return Fraction(tokens) if _known(tokens) else Fraction(0)


def _driver(cell: Cell, price: int, growth: Fraction | None) -> Driver:
    """Give each effect its part, and mix the rest."""
    change = cell.actual_micro_usd - cell.expected_micro_usd
    if growth is None:
        volume, price = change, 0
    else:
        volume = round(cell.expected_micro_usd * growth)
    return Driver(
        feature=cell.feature,
        model=cell.model,
        expected_micro_usd=cell.expected_micro_usd,
        actual_micro_usd=cell.actual_micro_usd,
        volume_micro_usd=volume,
        price_micro_usd=price,
        mix_micro_usd=change - volume - price,
    )
