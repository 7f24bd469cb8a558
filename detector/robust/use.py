"""Use valued at one fixed price for each model, by tenant and feature.

A change of price is no change of use: it is told as a price change, and pages nobody.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.history import fold_runs
from detector.pricing import token_rates
from detector.robust.windows import Floats

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from detector.history import History
    from detector.model import SeriesKey
    from detector.price_table import PriceTable

Rates = tuple[float, float]
_PROMPT_SHARE, _COMPLETION_SHARE = 0.8, 0.2
"""What a token of a model costs all in all: most of them are prompt."""


class Use(NamedTuple):
    """Use of F features over D days, of which the last is judged.

    Attributes
    ----------
    tenant : ndarray of int64, shape (F,)
        Index of the tenant; in order, so that a tenant's features stand together.
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

    tenant: NDArray[np.int64]
    names: tuple[str, ...]
    dollars: Floats
    prompt_dollars: Floats
    prompt: Floats
    completion: Floats
    dearness: Floats

    def rows(self, chosen: NDArray[np.int64]) -> Use:
        """Return some of the features."""
        return Use(
            self.tenant[chosen],
            tuple(self.names[row] for row in chosen),
            self.dollars[chosen],
            self.prompt_dollars[chosen],
            self.prompt[chosen],
            self.completion[chosen],
            self.dearness[chosen],
        )


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
    rates = np.array(_fixed_rates(history.keys, table, history.days[-1])).reshape(-1, 2)
    prompt, completion = history.prompt.astype(np.float64), history.completion.astype(np.float64)
    told = (prompt + completion) > 0
    priced = told & (~np.isnan(rates[:, 0]))[:, None]
    full, out = np.nan_to_num(rates[:, :1]), np.nan_to_num(rates[:, 1:])
    prompt, completion = np.where(priced, prompt, 0.0), np.where(priced, completion, 0.0)
    for_prompts = prompt * full
    valued = np.where(priced, for_prompts + completion * out, dollars)
    mixed = (prompt + completion) * (_PROMPT_SHARE * full + _COMPLETION_SHARE * out)
    parts = (valued, for_prompts, prompt, completion, mixed)
    return Use(tenant, names, *(fold_runs(np.add, part, starts) for part in parts))


def _features(
    keys: Sequence[SeriesKey],
) -> tuple[list[int], NDArray[np.int64], tuple[str, ...]]:
    """Find where each tenant's feature begins, the tenants' indices and the features' names."""
    starts, tenants, names, index, before = [], [], [], -1, None
    for row, key in enumerate(keys):
        if before is None or key.tenant != before.tenant:
            index += 1
        elif key.feature == before.feature:
            continue
        starts.append(row)
        tenants.append(index)
        names.append(key.feature)
        before = key
    return starts, np.array(tenants, dtype=np.int64), tuple(names)


def _fixed_rates(keys: Sequence[SeriesKey], table: PriceTable | None, day: date) -> list[Rates]:
    """Return the rates of a prompt and a completion token for each row; NaN without a price."""
    known: dict[tuple[str, str, str], Rates] = {}
    found = []
    for key in keys:
        served = key.model, key.deployment, key.scope
        if served not in known:
            rates = token_rates(table, replace(key, tenant=""), day) if table else None
            known[served] = (rates[0], rates[2]) if rates else (np.nan, np.nan)
        found.append(known[served])
    return found
