"""What happens to clients: incidents that somebody should be told of, and events that are none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.clients import Floats, Flow, models_for
from detector.model import UNATTRIBUTED
from detector.sources.sample_company import MODELS

RAMP_DAYS = 4
_DEARER = 2.5
"""A model is dearer where a token of it costs so many times as much."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to happen: from the first to the last of some days, by index."""

    kind: str
    first: int
    last: int
    factor: float

    @property
    def days(self) -> slice:
        """The days as they are cut out of an array."""
        return slice(self.first, self.last + 1)


Effect = Callable[[list[Flow], Change, np.random.Generator], None]
"""Changes a tenant's flows; those that it makes it adds."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of incident: how often among all, how many days, what it multiplies by, how."""

    share: float
    days: tuple[int, int]
    factor: tuple[float, float]
    effect: Effect


def cost_of(flow: Flow) -> Floats:
    """Return dollars a day at the prices of the first day."""
    price = MODELS[flow.model]
    dollars: Floats = (flow.prompt * price.input + flow.completion * price.output) / 1e6
    return dollars


def total_of(flows: list[Flow], count: int) -> Floats:
    """Return dollars a day of all of them."""
    return sum((cost_of(flow) for flow in flows), start=np.zeros(count))


def one_feature(flows: list[Flow], rng: np.random.Generator) -> list[Flow]:
    """Choose a feature; every second time, of a tenant with three or more, two of them."""
    names = sorted({flow.feature for flow in flows})
    many = 2 if len(names) > 2 and rng.random() < 0.5 else 1
    chosen = set(rng.permutation(names)[:many])
    return [flow for flow in flows if flow.feature in chosen]


def multiply_one(flows: list[Flow], change: Change, rng: np.random.Generator) -> None:
    """More requests of a feature or two."""
    for flow in one_feature(flows, rng):
        flow.scale(change.days, change.factor)


def multiply_all(flows: list[Flow], change: Change, _rng: np.random.Generator) -> None:
    """More, or hardly any, requests of the whole tenant."""
    for flow in flows:
        flow.scale(change.days, change.factor)


def lengthen(flows: list[Flow], change: Change, rng: np.random.Generator) -> None:
    """Send longer prompts for the same answers."""
    for flow in one_feature(flows, rng):
        flow.prompt[change.days] *= change.factor


def retry(flows: list[Flow], change: Change, rng: np.random.Generator) -> None:
    """Send prompts again and again; not every answer arrives."""
    for flow in one_feature(flows, rng):
        flow.scale(change.days, change.factor)
        flow.completion[change.days] *= 0.6


def switch(flows: list[Flow], change: Change, rng: np.random.Generator) -> None:
    """Answer the same requests with a dearer model, where there is one."""
    able = [flow for flow in flows if _dearer(flow)]
    if able:
        flow = able[rng.integers(len(able))]
        model = str(rng.choice(_dearer(flow)))
        flows.append(flow.part(change.days, 1.0, tenant=flow.tenant, model=model))


def _dearer(flow: Flow) -> list[str]:
    price = MODELS[flow.model].input
    return [name for name in models_for(flow.feature) if MODELS[name].input > _DEARER * price]


def leak(flows: list[Flow], change: Change, rng: np.random.Generator) -> None:
    """Grow a little every day, up to the factor."""
    steps = np.linspace(0, np.log(change.factor), change.last - change.first + 2)[1:]
    touched = one_feature(flows, rng) if rng.random() < 0.5 else flows
    for flow in touched:
        flow.scale(change.days, np.exp(steps))


def orphan(flows: list[Flow], change: Change, _rng: np.random.Generator) -> None:
    """Let most of the use turn up without its tenant."""
    flows += [
        flow.part(change.days, 1 - change.factor, tenant=UNATTRIBUTED, model=flow.model)
        for flow in flows
    ]


def migrate(flows: list[Flow], change: Change, rng: np.random.Generator) -> None:
    """Move a feature to another model for good, over some days."""
    flow = flows[rng.integers(len(flows))]
    others = [name for name in models_for(flow.feature) if name != flow.model]
    if others:
        ramp = np.minimum(np.arange(1, len(flow.prompt) - change.first + 1) / RAMP_DAYS, 1.0)
        model, days = str(rng.choice(others)), slice(change.first, None)
        flows.append(flow.part(days, ramp, tenant=flow.tenant, model=model))


def launch(flows: list[Flow], change: Change, rng: np.random.Generator) -> None:
    """Grow to a new level within some days, and stay there."""
    for flow in one_feature(flows, rng):
        ramp = np.minimum(np.arange(1, len(flow.prompt) - change.first + 1) / RAMP_DAYS, 1.0)
        flow.scale(slice(change.first, None), 1 + (change.factor - 1) * ramp)


INCIDENTS: Mapping[str, Kind] = {
    "runaway_loop": Kind(0.24, (1, 3), (3.0, 16.0), multiply_one),
    "surge": Kind(0.16, (2, 4), (1.8, 5.0), multiply_all),
    "prompt_growth": Kind(0.13, (2, 6), (2.5, 7.0), lengthen),
    "model_switch": Kind(0.12, (3, 7), (1.0, 1.0), switch),
    "drop": Kind(0.11, (2, 5), (0.02, 0.15), multiply_all),
    "attribution_break": Kind(0.06, (1, 4), (0.0, 0.3), orphan),
    "retry_storm": Kind(0.1, (1, 1), (1.8, 3.0), retry),
    "slow_leak": Kind(0.08, (18, 30), (1.9, 2.8), leak),
}
EVENTS: Mapping[str, Kind] = {
    "launch": Kind(0.5, (14, 14), (1.5, 3.0), launch),
    "migration": Kind(0.5, (10, 10), (1.0, 1.0), migrate),
}
"""What changes a tenant for good and is no incident."""


def draw_kind(kinds: Mapping[str, Kind], rng: np.random.Generator) -> tuple[str, Kind]:
    """Draw one by how often it is."""
    shares = np.array([kind.share for kind in kinds.values()])
    name = list(kinds)[rng.choice(len(kinds), p=shares / shares.sum())]
    return name, kinds[name]


def draw_change(
    kinds: Mapping[str, Kind], first: int, rng: np.random.Generator
) -> tuple[Change, Effect]:
    """Draw what happens from a day on."""
    name, kind = draw_kind(kinds, rng)
    days = int(rng.integers(kind.days[0], kind.days[1] + 1))
    low, high = kind.factor
    factor = float(np.exp(rng.uniform(np.log(max(low, 0.01)), np.log(high))))
    return Change(name, first, first + days - 1, factor), kind.effect
