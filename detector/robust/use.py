"""Use valued at one fixed price for each model, by tenant and feature.

A change of price is no change of use: it is told as a price change, and pages nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.groups import FeatureRuns, sum_runs
from detector.history import History
from detector.model import SeriesKey
from detector.pricing import token_rates
from detector.robust.windows import Floats

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from detector.history import Tokens
    from detector.price_table import PriceTable

Integers = NDArray[np.int64]
_PROMPT_SHARE, _COMPLETION_SHARE = 0.8, 0.2
"""What a token of a model costs all in all: most of them are prompt."""
_SERVED = itemgetter(slice(2, None))
"""Of a key: model, deployment and scope, which a price hangs on."""


class Features(NamedTuple):
    """Use of some features in detail.

    Attributes
    ----------
    tenant : ndarray of int64, shape (F,)
        Index of the tenant.
    names : ndarray of object, shape (F,)
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
    names: NDArray[np.object_]
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
    features : FeatureRuns
    history : History
    billed : ndarray of float64, shape (R, D)
        Dollars.
    rates : ndarray of float64, shape (R, 2)
        See :func:`fixed_rates`.
    """

    features: FeatureRuns
    history: History
    billed: Floats
    rates: Floats

    @property
    def tenant(self) -> Integers:
        """Return the index of each feature's tenant, in order."""
        return self.features.tenant

    @property
    def names(self) -> NDArray[np.object_]:
        """Return the names of the features."""
        return self.features.names

    @cached_property
    def dollars(self) -> Floats:
        """Return dollars at fixed prices, as billed where there is none; shape (F, D).

        Days are taken one after the other, as they lie in memory.
        """
        for_prompts, for_completions = np.nan_to_num(self.rates.T)
        prompt, completion = self.history.prompt.T, self.history.completion.T
        valued = prompt * for_prompts
        valued += completion * for_completions
        told = (prompt > 0) | (completion > 0)
        told &= ~np.isnan(self.rates[:, 0])
        np.copyto(valued, self.billed.T, where=~told)
        return self._summed(np.ascontiguousarray(valued.T))

    @cached_property
    def tokens(self) -> Floats:
        """Return tokens that have a fixed price; shape (F, D)."""
        return self._summed(self._prompt + self._completion)

    def rows(self, chosen: Integers) -> Features:
        """Return some of the features in detail."""
        parts = (self.dollars, *self._details)
        return Features(self.tenant[chosen], self.names[chosen], *(part[chosen] for part in parts))

    @cached_property
    def _details(self) -> tuple[Floats, ...]:
        full, out = np.nan_to_num(self.rates[:, :1]), np.nan_to_num(self.rates[:, 1:])
        dearness = _PROMPT_SHARE * full + _COMPLETION_SHARE * out
        mixed = (self._prompt + self._completion) * dearness
        parts = (self._prompt * full, self._prompt, self._completion, mixed)
        return tuple(map(self._summed, parts))

    @cached_property
    def _prompt(self) -> Floats:
        return self._priced(self.history.prompt)

    @cached_property
    def _completion(self) -> Floats:
        return self._priced(self.history.completion)

    def _priced(self, tokens: Tokens) -> Floats:
        """Return those tokens of each row that have a fixed price; shape (R, D)."""
        found = tokens.astype(np.float64, order="C")
        found[np.isnan(self.rates[:, 0])] = 0.0
        return found

    def _summed(self, part: Floats) -> Floats:
        return sum_runs(part, self.features.starts)


def fixed_rates(keys: Sequence[SeriesKey], table: PriceTable | None, day: date) -> Floats:
    """Return what a token of a prompt and of a completion costs in each series, at list prices.

    Parameters
    ----------
    keys : sequence of SeriesKey, length R
    table : PriceTable or None
        Agreed rates of single tenants do not matter.
    day : date

    Returns
    -------
    ndarray of float64, shape (R, 2)
        Dollars; NaN without a price.
    """
    served = list(map(_SERVED, keys))
    numbers = {each: number for number, each in enumerate(dict.fromkeys(served))}
    rates = np.array([_rates(table, SeriesKey("", "", *each), day) for each in numbers])
    of_row = np.fromiter(map(numbers.__getitem__, served), np.int64, count=len(served))
    found: Floats = rates.reshape(-1, 2)[of_row]
    return found


def _rates(table: PriceTable | None, key: SeriesKey, day: date) -> tuple[float, float]:
    rates = token_rates(table, key, day) if table else None
    return (rates[0], rates[2]) if rates else (np.nan, np.nan)
