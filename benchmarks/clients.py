"""Clients of language models, drawn from a seed: how one behaves while nothing happens to it.

Shaped by what two weeks of many real clients look like, see :data:`benchmarks.worlds.REAL`: half of
them skip days, the noise of their days spans a decade, some burst, and not half know weekends.
Every client is drawn by itself, so that more of them change none of the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from detector.sources.sample_company import FEATURES, MODELS

Floats = NDArray[np.float64]

_NOISE_AT = (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)
_NOISE = (0.08, 0.18, 0.3, 0.53, 1.35, 2.0)
"""Spread of the logarithm of a day, by how unsteady a client is among all (0 to 1)."""
_COMMON, _OWN = 0.8, 0.6
"""How much of that noise all features share, and how much each has of its own."""
_SATURDAY = 5
_QUIET_WEEKENDS = 0.33
_PROMPT_NOISE, _COMPLETION_NOISE = 0.06, 0.08
_SLOW = 0.93
"""How much of the slow noise stays until the next day."""
_MIX_NOISE = 0.25


@dataclass(frozen=True, slots=True)
class Traits:
    """How a client behaves.

    ``noise`` is the spread of the logarithm of its days, ``weekend`` a factor, ``idle`` the share
    of days without any use, ``bursts`` that of days many times the usual, ``growth`` the drift of
    the logarithm over a year.
    """

    usd_a_day: float
    noise: float
    weekend: float
    idle: float
    bursts: float
    growth: float


@dataclass(slots=True, eq=False)
class Flow:
    """The use of one tenant, feature and model, day by day; what happens to it changes it."""

    tenant: str
    feature: str
    model: str
    requests: Floats
    prompt: Floats
    completion: Floats

    def scale(self, days: slice, factor: float | Floats) -> None:
        """Make more or fewer requests of the same kind."""
        self.requests[days] *= factor
        self.prompt[days] *= factor
        self.completion[days] *= factor

    def part(self, days: slice, share: float | Floats, *, tenant: str, model: str) -> Flow:
        """Take a share of some days away, and return it under another tenant or model."""
        taken = np.zeros_like(self.requests)
        taken[days] = share
        requests, prompt, completion = (
            values * taken for values in (self.requests, self.prompt, self.completion)
        )
        self.scale(slice(None), 1 - taken)
        return Flow(tenant, self.feature, model, requests, prompt, completion)


def draw_traits(rng: np.random.Generator) -> Traits:
    """Draw a client: who is unsteady is also idle and bursts more often."""
    unsteady = rng.random()
    noise = float(np.exp(np.interp(unsteady, _NOISE_AT, np.log(_NOISE))))
    skips = rng.random() < 0.33 + 0.67 * unsteady
    bursts = rng.random() < 0.07 + 0.52 * unsteady
    quiet = rng.random() < _QUIET_WEEKENDS
    return Traits(
        usd_a_day=float(np.exp(rng.normal(4.4, 1.5))),
        noise=noise,
        weekend=float(rng.uniform(0.15, 0.78) if quiet else rng.uniform(0.86, 1.15)),
        idle=float(rng.beta(1.3, 4.0) + 0.04) if skips else 0.0,
        bursts=float(rng.uniform(0.03, 0.12)) if bursts else 0.0,
        growth=float(rng.normal(0.1, 0.4)),
    )


@dataclass(frozen=True, slots=True)
class Natural:
    """A client while nothing happens: its flows, and the days that stand out all the same."""

    traits: Traits
    flows: list[Flow]
    bursts: NDArray[np.bool_]


def draw_client(name: str, days: Sequence[date], rng: np.random.Generator) -> Natural:
    """Draw what a client uses on each day."""
    traits = draw_traits(rng)
    common, bursts = _level(traits, days, rng)
    features = rng.permutation(list(FEATURES))[: rng.choice(5, p=(0.22, 0.3, 0.24, 0.14, 0.1)) + 1]
    shares = rng.dirichlet(np.full(len(features), 2.0))
    flows: list[Flow] = []
    for feature, share in zip(features, shares, strict=True):
        wobble = np.exp(_OWN * traits.noise * _noise(len(days), rng))
        flows += _flows(name, str(feature), common * share * wobble, rng)
    return Natural(traits, flows, bursts)


def _level(
    traits: Traits, days: Sequence[date], rng: np.random.Generator
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return dollars a day of the client as a whole, and its bursts."""
    count = len(days)
    trend = traits.growth * np.arange(count) / 365
    logs = math.log(traits.usd_a_day) + trend + _COMMON * traits.noise * _noise(count, rng)
    logs += [math.log(traits.weekend) if day.weekday() >= _SATURDAY else 0.0 for day in days]
    bursts = rng.random(count) < traits.bursts
    logs[bursts] += np.maximum(rng.normal(2.5, 0.8, int(bursts.sum())), 0.8)
    return np.where(_active(traits.idle, count, rng), np.exp(logs), 0.0), bursts


def _noise(count: int, rng: np.random.Generator) -> Floats:
    """Draw days of spread 1: most of it new every day, some of it slow, with fairly heavy tails."""
    quick = rng.standard_t(6, count) / math.sqrt(1.5)
    slow = np.empty(count)
    slow[0] = rng.normal()
    for day in range(1, count):
        slow[day] = _SLOW * slow[day - 1] + math.sqrt(1 - _SLOW**2) * rng.normal()
    noise: Floats = 0.9 * quick + 0.44 * slow
    return noise


def _active(idle: float, count: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw on which days there is use at all: idle days come in runs of two on average."""
    active = np.ones(count, dtype=np.bool_)
    asleep = rng.random() < idle
    for day in range(count):
        active[day] = not asleep
        asleep = rng.random() < (0.5 if asleep else 0.5 * idle / max(1 - idle, 0.05))
    return active


def _flows(name: str, feature: str, usd: Floats, rng: np.random.Generator) -> list[Flow]:
    """Divide a feature among one or two models."""
    suited = models_for(feature)
    chosen = rng.permutation(suited)[: 2 if rng.random() < 0.3 else 1]
    if len(chosen) == 1:
        return [make_flow(name, feature, str(chosen[0]), usd, rng)]
    odds = rng.normal(-1.0, 0.5) + _MIX_NOISE * _noise(len(usd), rng)
    share = 1 / (1 + np.exp(-odds))
    parts = (usd * (1 - share), usd * share)
    return [
        make_flow(name, feature, str(model), part, rng)
        for model, part in zip(chosen, parts, strict=True)
    ]


def models_for(feature: str) -> list[str]:
    """Return the models that can serve a feature."""
    embeds = FEATURES[feature].completion == 0
    return [name for name, price in MODELS.items() if (price.output == 0) == embeds]


def make_flow(name: str, feature: str, model: str, usd: Floats, rng: np.random.Generator) -> Flow:
    """Turn dollars into requests and tokens; what a request looks like differs and drifts."""
    each, price = FEATURES[feature], MODELS[model]
    longer = rng.lognormal(0, 0.3) * np.exp(_PROMPT_NOISE * _noise(len(usd), rng))
    wordier = rng.lognormal(0, 0.3) * np.exp(_COMPLETION_NOISE * _noise(len(usd), rng))
    prompt, completion = each.prompt * longer, each.completion * wordier
    requests = usd / ((prompt * price.input + completion * price.output) / 1e6)
    return Flow(name, feature, model, requests, requests * prompt, requests * completion)
