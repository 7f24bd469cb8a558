"""Use valued at one fixed price for each model, by tenant and feature.

A change of price is no change of use: it is told as a price change, and pages nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from operator import ne
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.history import fold_runs
from detector.model import SeriesKey
from detector.pricing import token_rates
from detector.robust.windows import Floats

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from detector.history import History
    from detector.price_table import PriceTable

Integers = NDArray[np.int64]
_PROMPT_SHARE, _COMPLETION_SHARE = 0.8, 0.2
"""What a token of a model costs all in all: most of them are prompt."""


class Features(NamedTuple):
    """Use of some features in detail.

    Attributes
    ----------
    tenant : ndarray of int64, shape (F,)
        Index of the tenant.
    names : tuple of str, length F
    dollars : ndarray of float64, shape (F, D)
        At fixed prices; as billed where a model has none or tokens are not told.
    prompt_dollars : ndarray of float64, shape (F, D)
        The part for prompts.
    prompt, completion : ndarray of float64, shape (F, D)
        Tokens that have a fixed price.
    dearness : ndarray of float64, shape (F, D)
        Dollars of those tokens if every model were used with the same share of completions: by
        the token it tells the mix of models alone.
    """

    tenant: Integers
    names: tuple[str, ...]
    dollars: Floats
    prompt_dollars: Floats
    prompt: Floats
    completion: Floats
    dearness: Floats


@dataclass(frozen=True, eq=False)
class Use:
    """Use of F features over D days, of which the last is judged; R rows make it up.

    Most tenants are done with once their dollars are known: the rest is worked out when asked for.

    Attributes
    ----------
    tenant : ndarray of int64, shape (F,)
        Index of the tenant; in order, so that a tenant's features stand together.
    names : tuple of str, length F
    starts : ndarray of int64, shape (F,)
        The first row of each feature.
    billed : ndarray of float64, shape (R, D)
        Dollars.
    row_prompt, row_completion : ndarray of float64, shape (R, D)
        Tokens that have a fixed price.
    rates : ndarray of float64, shape (R, 2)
        Dollars for a token of a prompt and of a completion; 0 without a price.
    """

    tenant: Integers
    names: tuple[str, ...]
    starts: Integers
    billed: Floats
    row_prompt: Floats
    row_completion: Floats
    rates: Floats

    @cached_property
    def dollars(self) -> Floats:
        """Return dollars at fixed prices, as billed where there is none; shape (F, D)."""
        for_completions = self.row_completion * self.rates[:, 1:]
        valued = self._for_prompts + for_completions
        return self._folded(np.where(self._tokens > 0, valued, self.billed))

    @cached_property
    def tokens(self) -> Floats:
        """Return tokens that have a fixed price; shape (F, D)."""
        return self._folded(self._tokens)

    def rows(self, chosen: Integers) -> Features:
        """Return some of the features in detail."""
        parts = (self.dollars, *self._details)
        names = tuple(self.names[row] for row in chosen)
        return Features(self.tenant[chosen], names, *(part[chosen] for part in parts))

    @cached_property
    def _details(self) -> tuple[Floats, ...]:
        full, out = self.rates[:, :1], self.rates[:, 1:]
        mixed = self._tokens * (_PROMPT_SHARE * full + _COMPLETION_SHARE * out)
        parts = (self._for_prompts, self.row_prompt, self.row_completion, mixed)
        return tuple(map(self._folded, parts))

    @cached_property
    def _tokens(self) -> Floats:
        return self.row_prompt + self.row_completion

    @cached_property
    def _for_prompts(self) -> Floats:
        return self.row_prompt * self.rates[:, :1]

    def _folded(self, part: Floats) -> Floats:
        if len(self.starts) == len(part):
            return part
        return fold_runs(np.add, part, self.starts)


def lay_out_use(history: History, dollars: Floats, table: PriceTable | None) -> Use:
    """Sum a history by tenant and feature, at the prices of its last day.

    Parameters
    ----------
    history : History
        R rows, at least one, sorted by key.
    dollars : ndarray of float64, shape (R, D)
        The history at the judged day's prices, see :func:`detector.baseline.restate`.
    table : PriceTable or None
        Where the fixed prices come from; agreed rates of single tenants do not matter.

    Returns
    -------
    Use
    """
    starts, tenant, names = _features(history.keys)
    rates = _fixed_rates(history.keys, table, history.days[-1])
    prompt, completion = (
        part.astype(np.float64, order="C") for part in (history.prompt, history.completion)
    )
    unpriced = np.isnan(rates[:, 0])
    prompt[unpriced], completion[unpriced] = 0.0, 0.0
    return Use(tenant, names, starts, dollars, prompt, completion, np.nan_to_num(rates))


def _features(keys: Sequence[SeriesKey]) -> tuple[Integers, Integers, tuple[str, ...]]:
    """Find where each tenant's feature begins, the tenants' indices and the features' names."""
    tenants, features, *_ = zip(*keys, strict=True)
    new_tenant = np.array([True, *map(ne, tenants[1:], tenants)])
    begins = new_tenant | np.array([True, *map(ne, features[1:], features)])
    starts = np.flatnonzero(begins)
    names = tuple(features[start] for start in starts.tolist())
    return starts, (np.cumsum(new_tenant) - 1)[starts], names


def _fixed_rates(keys: Sequence[SeriesKey], table: PriceTable | None, day: date) -> Floats:
    """Return the rates of a prompt and a completion token for each row; NaN without a price."""
    _, _, *served = zip(*keys, strict=True)
    numbers: dict[tuple[str, str, str], int] = {}
    of_row = [numbers.setdefault(each, len(numbers)) for each in zip(*served, strict=True)]
    rates = [_rates(table, SeriesKey("", "", *each), day) for each in numbers]
    return np.array(rates)[of_row]


def _rates(table: PriceTable | None, key: SeriesKey, day: date) -> tuple[float, float]:
    rates = token_rates(table, key, day) if table else None
    return (rates[0], rates[2]) if rates else (np.nan, np.nan)
