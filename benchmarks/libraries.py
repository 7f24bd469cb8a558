"""The detectors of others, as they are used for a daily cost: what is abnormal above which bar.

Each gives scores: for T tenants, the days before and some days ahead it says how abnormal each of
the days ahead is. Nothing of the days ahead can reach what it learns from. The libraries are those
of the ``benchmark`` group; each is imported where it is used, so that one can be missing.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.robust.windows import TO_SD

Floats = NDArray[np.float64]
Scorer = Callable[[Floats, Floats], Floats]
"""Takes the past, shape (T, n) with NaN before a tenant's first use, and days ahead, shape (T, h);
returns scores, shape (T, h), NaN where it says nothing."""
Forecast = Callable[[Floats, int], tuple[Floats, Floats]]
"""Takes the past of one tenant and a number of days; returns what is expected, and its spread."""

WINDOW_DAYS, FORECAST_DAYS, LEAST_DAYS = 30, 90, 14
SDS = (3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0)
_ONE_SD = 68.27
"""Percent of a normal distribution within one standard deviation."""
_LEAST_SPREAD = 0.05
_ANY_MONDAY = date(2024, 1, 1)


@dataclass(frozen=True, slots=True)
class Contender:
    """A detector of others.

    Attributes
    ----------
    bars : tuple of float
        What is tried; the best of them stands in the table, in the detector's favour.
    refit_days : int
        It learns anew so often, and judges the days until then by what it had learned.
    slow : bool
        It is asked for a sample of tenants only.
    """

    name: str
    package: str
    make: Callable[[], Scorer]
    bars: tuple[float, ...]
    refit_days: int = 1
    slow: bool = False

    @property
    def is_here(self) -> bool:
        """Whether its package is installed."""
        return importlib.util.find_spec(self.package) is not None


def median_mad(past: Floats, ahead: Floats) -> Floats:
    """Compare with the median and its deviations of 30 days."""
    window = np.where(_begun(past), past, np.nan)[:, -WINDOW_DAYS:]
    known = (~np.isnan(window)).sum(axis=1) >= LEAST_DAYS
    centre = np.full(len(past), np.nan)
    spread = centre.copy()
    centre[known] = np.nanmedian(window[known], axis=1)
    spread[known] = TO_SD * np.nanmedian(np.abs(window[known] - centre[known, None]), axis=1)
    return _in_sd(ahead, centre[:, None], spread[:, None])


def _begun(past: Floats) -> NDArray[np.bool_]:
    begun: NDArray[np.bool_] = ~np.isnan(past)
    return begun


def _in_sd(ahead: Floats, expected: Floats, spread: Floats) -> Floats:
    """Say how many spreads above what was expected; a spread is at least 5 % of it."""
    least = np.maximum(_LEAST_SPREAD * np.abs(expected), 1e-6)
    scores: Floats = (ahead - expected) / np.maximum(spread, least)
    return scores


def by_forecast(forecast: Forecast) -> Scorer:
    """Score by how far a day lies above its forecast, in spreads of the forecast."""

    def score(past: Floats, ahead: Floats) -> Floats:
        scores = np.full(ahead.shape, np.nan)
        for row, days in enumerate(past):
            own = days[~np.isnan(days)][-FORECAST_DAYS:]
            if len(own) >= LEAST_DAYS:
                expected, spread = _steady(own, ahead.shape[1]) or forecast(own, ahead.shape[1])
                scores[row] = _in_sd(ahead[row], expected, spread)
        return scores

    return score


def _steady(own: Floats, days: int) -> tuple[Floats, Floats] | None:
    """Forecast a series that never moves, of which no model can be fitted."""
    return (np.full(days, own[-1]), np.zeros(days)) if np.ptp(own) == 0 else None


def auto_ets() -> Scorer:
    """Exponential smoothing with a week, its form chosen anew at each fit."""
    from statsforecast.models import AutoETS

    return by_forecast(_statsforecast(AutoETS(season_length=7)))


def mstl() -> Scorer:
    """Trend and week by LOESS, the trend continued by exponential smoothing."""
    from statsforecast.models import MSTL

    return by_forecast(_statsforecast(MSTL(season_length=7)))


def _statsforecast(model: Any) -> Forecast:
    def forecast(own: Floats, days: int) -> tuple[Floats, Floats]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = model.forecast(y=own, h=days, level=[_ONE_SD])
        expected = np.asarray(found["mean"], dtype=np.float64)
        return expected, np.asarray(found[f"hi-{_ONE_SD}"], dtype=np.float64) - expected

    return forecast


def prophet() -> Scorer:
    """Trend and week as a regression, with simulated intervals."""
    for name in ("cmdstanpy", "prophet", "prophet.plot"):
        logging.getLogger(name).disabled = True
    import pandas as pd
    from prophet import Prophet

    def forecast(own: Floats, days: int) -> tuple[Floats, Floats]:
        model = Prophet(
            interval_width=_ONE_SD / 100, uncertainty_samples=200, weekly_seasonality=True,
            daily_seasonality=False, yearly_seasonality=False,
        )  # fmt: skip
        dates = [_ANY_MONDAY + timedelta(days=day) for day in range(len(own) + days)]
        model.fit(pd.DataFrame({"ds": dates[: len(own)], "y": own}), seed=1)
        found = model.predict(pd.DataFrame({"ds": dates[len(own) :]}))
        expected = found["yhat"].to_numpy(dtype=np.float64)
        return expected, found["yhat_upper"].to_numpy(dtype=np.float64) - expected

    return by_forecast(forecast)


def nearest_days() -> Scorer:
    """Score by the distance to the fifth nearest of 30 days, in the library's own thresholds."""
    from pyod.models.knn import KNN

    def score(past: Floats, ahead: Floats) -> Floats:
        scores = np.full(ahead.shape, np.nan)
        for row, days in enumerate(past):
            own = days[~np.isnan(days)][-WINDOW_DAYS:]
            if len(own) >= LEAST_DAYS:
                model = KNN(n_neighbors=5)
                model.fit(own[:, None])
                distance = model.decision_function(ahead[row][:, None])
                sign = np.sign(ahead[row] - np.median(own))
                scores[row] = sign * distance / max(float(model.threshold_), 1e-6)
        return scores

    return score


class Streaming:
    """A detector that learns a day after the other, one for each tenant, and judges the next."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._models: list[Any] = []
        self._learned = 0

    def __call__(self, past: Floats, ahead: Floats) -> Floats:
        """Learn what is new in the past, and score the first day ahead."""
        self._models = self._models or [self._make() for _ in past]
        scores = np.full(ahead.shape, np.nan)
        for row, model in enumerate(self._models):
            for value in past[row, self._learned :]:
                if not np.isnan(value):
                    model.learn_one({"usd": value})
            known = past[row][~np.isnan(past[row])][-WINDOW_DAYS:]
            if len(known) >= LEAST_DAYS and ahead[row, 0] > known.mean():
                scores[row, 0] = model.score_one({"usd": float(ahead[row, 0])})
        self._learned = past.shape[1]
        return scores


def half_space_trees() -> Scorer:
    """Isolate by random trees over the last 30 days."""
    from river import anomaly, preprocessing

    return Streaming(
        lambda: (
            preprocessing.MinMaxScaler()
            | anomaly.HalfSpaceTrees(n_trees=10, height=6, window_size=WINDOW_DAYS, seed=1)
        )
    )


class _Normal:
    """River's scorer of a target, asked about a feature as its others are."""

    def __init__(self, scorer: Any) -> None:
        self._scorer = scorer

    def learn_one(self, day: dict[str, float]) -> None:
        self._scorer.learn_one(None, day["usd"])

    def score_one(self, day: dict[str, float]) -> float:
        return float(self._scorer.score_one(None, day["usd"]))


def gaussian() -> Scorer:
    """Score by the distribution function of a normal distribution over the last 30 days."""
    from river import anomaly

    return Streaming(
        lambda: _Normal(anomaly.GaussianScorer(window_size=WINDOW_DAYS, grace_period=LEAST_DAYS))
    )


CONTENDERS = (
    Contender("median/MAD, 30 days", "numpy", lambda: median_mad, (3.5,)),
    Contender("statsforecast AutoETS", "statsforecast", auto_ets, SDS, refit_days=7, slow=True),
    Contender("statsforecast MSTL", "statsforecast", mstl, SDS, refit_days=7, slow=True),
    Contender("prophet", "prophet", prophet, SDS, refit_days=7, slow=True),
    Contender("pyod KNN", "pyod", nearest_days, (1.0, 2.0, 4.0, 8.0, 16.0, 32.0), slow=True),
    Contender("river HalfSpaceTrees", "river", half_space_trees, (0.8, 0.9, 0.95, 0.98, 0.99)),
    Contender(
        "river GaussianScorer", "river", gaussian, (0.95, 0.9973, 0.9999, 0.999999, 0.999999999)
    ),
)
