"""Days cut into hours by made-up courses: everything follows from the seed and the day.

Nothing is known of the hours of real panels. So features go with their tenant's hours (offices,
evenings, all day) or have hours of their own (a batch at night), every hour is noisy, and what is
more than twice a usual day begins at some hour and goes on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from detector.history import History
from detector.model import SeriesKey

Floats = NDArray[np.float64]
HOURS = np.arange(24)
_USUAL_DAYS, _EXTRA = 28, 2.0
_LATEST_BEGIN = 20
_TENANTS = ("office", "office", "office", "flat", "flat", "evening")
_PEAKS = {"office": ((11, 15), (2.5, 4.5), 0.02), "evening": ((18, 22), (3, 3), 0.05)}
"""Between which hours the peak lies, how wide it is, and what there is at any hour."""
_OWN = ("night", "late", "flat", "office")


@dataclass(frozen=True)
class Courses:
    """How the days of some series go; ``own`` is the share of features with hours of their own.

    ``noise`` is the spread of the logarithm of an hour. With ``apart`` the extra use of each
    feature begins at an hour of its own, otherwise at one of its tenant.
    """

    keys: Sequence[SeriesKey]
    seed: int = 1
    own: float = 0.25
    noise: float = 0.5
    apart: bool = False

    def by_hour(self, history: History, column: int) -> Floats:
        """Return the share of a day's use that each series had by the end of each hour."""
        draw = np.random.default_rng((self.seed, column))
        cost = history.cost[:, column].astype(np.float64)
        past = history.cost[:, max(0, column - _USUAL_DAYS) : column]
        usual = np.median(past, axis=1) if past.shape[1] else cost
        extra = np.where(cost > _EXTRA * usual, 1 - usual / np.maximum(cost, 1), 0.0)[:, None]
        hours = (1 - extra) * self._usual_hours(draw) + extra * self._extra_hours(draw)
        return np.cumsum(hours, axis=1)

    def _usual_hours(self, draw: np.random.Generator) -> Floats:
        return _shares(self._shapes * self._noisy(draw))

    def _extra_hours(self, draw: np.random.Generator) -> Floats:
        begins = draw.integers(0, _LATEST_BEGIN, (2, len(self.keys)))
        begun = begins[0][self._feature] if self.apart else begins[1][self._tenant]
        return _shares((begun[:, None] <= HOURS) * self._noisy(draw))

    def _noisy(self, draw: np.random.Generator) -> Floats:
        tenants, features = draw.standard_normal((2, len(self.keys), len(HOURS)))
        noisy: Floats = np.exp(self.noise * (tenants[self._tenant] + 0.5 * features[self._feature]))
        return noisy

    @cached_property
    def _tenant(self) -> NDArray[np.int64]:
        return _numbered([key.tenant for key in self.keys])

    @cached_property
    def _feature(self) -> NDArray[np.int64]:
        return _numbered([(key.tenant, key.feature) for key in self.keys])

    @cached_property
    def _shapes(self) -> Floats:
        draw = np.random.default_rng(self.seed)
        count = len(self.keys)
        tenants = np.array([_shape(draw, draw.choice(_TENANTS)) for _ in range(count)])
        features = np.array([_shape(draw, draw.choice(_OWN)) for _ in range(count)])
        own = (draw.random(count) < self.own)[self._feature]
        return np.where(own[:, None], features[self._feature], tenants[self._tenant])


def _numbered(names: Sequence[object]) -> NDArray[np.int64]:
    number = {name: place for place, name in enumerate(dict.fromkeys(names))}
    return np.array([number[name] for name in names], dtype=np.int64)


def _shares(hours: Floats) -> Floats:
    shares: Floats = hours / hours.sum(axis=1, keepdims=True)
    return shares


def _shape(draw: np.random.Generator, kind: str) -> Floats:
    """Return the hours of a usual day, of one of the kinds."""
    if kind == "flat":
        return np.ones(len(HOURS))
    if kind in _PEAKS:
        (first, last), widths, floor = _PEAKS[kind]
        from_peak = (HOURS - draw.uniform(first, last)) / draw.uniform(*widths)
        peak: Floats = np.exp(-(from_peak**2)) + floor
        return peak
    begin = draw.integers(0, 7) if kind == "night" else draw.integers(19, 23)
    return np.where((begin <= HOURS) & (begin + 2 > HOURS), 1.0, 0.01)
