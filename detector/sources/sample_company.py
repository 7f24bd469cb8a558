"""The cast of the sample: who the made-up company serves, and with what.

Shaped after what is known of real clients of language models: a quarter of them vary by less than
a sixth from day to day and one in twenty threefold, some sleep for days, and not half of them
know weekends. Every name is invented or one of the fictitious ones of software documentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class Model:
    """Roughly what a model costs per 1M tokens: only to size the company, never to price it."""

    input: float
    cached: float
    output: float


@dataclass(frozen=True, slots=True)
class Feature:
    """What one request of a feature looks like, in tokens."""

    prompt: float
    completion: float
    cached_share: float


@dataclass(frozen=True, slots=True)
class Tenant:
    """One tenant; its ``uses`` are (feature, model, share of its spend).

    ``noise`` is the spread of the log of a working day, ``weekend`` and ``month_end`` are factors,
    ``idle`` is the share of days without any use, ``growth`` the log of the change over a year.
    """

    name: str
    usd_a_day: float
    noise: float
    uses: tuple[tuple[str, str, float], ...]
    weekend: float = 1.0
    idle: float = 0.0
    month_end: float = 1.0
    growth: float = 0.1
    first_day: date = date.min
    last_day: date = date.max


MODELS = {
    "gpt-4o": Model(2.5, 1.25, 10.0),
    "gpt-4o-mini": Model(0.15, 0.075, 0.6),
    "gpt-4.1": Model(2.0, 0.5, 8.0),
    "gpt-4.1-mini": Model(0.4, 0.1, 1.6),
    "gpt-5-mini": Model(0.25, 0.025, 2.0),
    "gpt-5.6-sol": Model(4.0, 0.4, 20.0),
    "o4-mini": Model(1.1, 0.275, 4.4),
    "text-embedding-3-large": Model(0.13, 0.13, 0.0),
}

FEATURES = {
    "agent": Feature(9000, 700, 0.60),
    "chat": Feature(1400, 320, 0.25),
    "classify": Feature(600, 8, 0.40),
    "code": Feature(4200, 850, 0.45),
    "embeddings": Feature(700, 0, 0.0),
    "extract": Feature(3600, 260, 0.10),
    "search": Feature(2600, 160, 0.20),
    "summarise": Feature(6200, 420, 0.05),
    "translate": Feature(950, 900, 0.0),
}


def _tenant(name: str, usd_a_day: float, noise: float, uses: str, **traits: Any) -> Tenant:
    """Write a tenant on one line; ``uses`` is a list of feature, model and percent."""
    parts = (use.split() for use in uses.split(", "))
    shares = tuple((feature, model, int(percent) / 100) for feature, model, percent in parts)
    return Tenant(name, usd_a_day, noise, shares, **traits)


TENANTS = (
    # The first five have a part in the story that the demo tells.
    _tenant(
        "contoso",
        190,
        0.056,
        "chat gpt-4o 55, summarise gpt-4.1-mini 25, search gpt-5-mini 20",
        weekend=0.9,
    ),
    _tenant(
        "fabrikam",
        246,
        0.04,
        "agent gpt-5.6-sol 50, chat gpt-4.1 35, embeddings text-embedding-3-large 15",
        weekend=0.96,
        growth=0.0,
    ),
    _tenant(
        "northwind",
        135,
        0.072,
        "chat gpt-4o 48, extract gpt-4.1-mini 32, classify gpt-4o-mini 20",
        weekend=0.95,
        growth=0.05,
    ),
    _tenant(
        "adventure-works",
        235,
        0.088,
        "search gpt-4.1 60, chat gpt-4o-mini 25, embeddings text-embedding-3-large 15",
        growth=0.05,
    ),
    _tenant("litware", 150, 0.08, "summarise gpt-4.1-mini 55, translate gpt-4o 45", weekend=0.9),
    _tenant(
        "wingtip",
        560,
        0.08,
        "agent gpt-4.1 50, chat gpt-4o 30, search gpt-4.1-mini 20",
        weekend=0.6,
        growth=0.2,
    ),
    _tenant(
        "tailspin",
        240,
        0.096,
        "agent gpt-5.6-sol 65, chat gpt-5-mini 35",
        weekend=0.55,
        growth=0.15,
    ),
    _tenant(
        "proseware",
        130,
        0.096,
        "extract gpt-4.1-mini 60, summarise gpt-4o-mini 40",
        weekend=0.5,
        month_end=1.45,
    ),
    _tenant("lucerne", 110, 0.112, "translate gpt-4o 100", growth=-0.1),
    _tenant(
        "margie", 90, 0.128, "chat gpt-4.1-mini 70, search gpt-5-mini 30", weekend=1.05, growth=0.2
    ),
    _tenant(
        "woodgrove",
        160,
        0.12,
        "extract gpt-4.1 50, classify gpt-4o-mini 20, chat gpt-4o 30",
        weekend=0.5,
        month_end=1.45,
    ),
    _tenant(
        "coho", 70, 0.144, "search gpt-4.1-mini 60, chat gpt-4o-mini 40", weekend=1.1, growth=0.05
    ),
    _tenant(
        "trey-research", 95, 0.16, "code gpt-5.6-sol 60, agent o4-mini 40", weekend=0.6, growth=0.3
    ),
    _tenant(
        "relecloud",
        120,
        0.136,
        "agent gpt-4.1 70, embeddings text-embedding-3-large 30",
        growth=0.2,
    ),
    _tenant("vanarsdel", 45, 0.16, "summarise gpt-4o-mini 100", weekend=0.55, growth=0.0),
    _tenant("bellows", 38, 0.144, "chat gpt-5-mini 60, classify gpt-4o-mini 40", weekend=0.9),
    _tenant("munson", 55, 0.158, "extract gpt-4.1-mini 100", weekend=0.45, month_end=1.45),
    _tenant("fourth-coffee", 32, 0.16, "chat gpt-4o-mini 100", weekend=1.15),
    _tenant(
        "alpine-ski",
        28,
        0.173,
        "chat gpt-4.1-mini 75, translate gpt-4o 25",
        weekend=1.2,
        growth=-0.2,
    ),
    _tenant(
        "lamna", 60, 0.158, "summarise gpt-4.1 60, search gpt-5-mini 40", weekend=0.55, growth=0.15
    ),
    _tenant("southridge", 40, 0.18, "search gpt-4.1-mini 100", weekend=0.6, growth=0.0),
    _tenant("first-up", 26, 0.187, "classify gpt-4o-mini 50, chat gpt-5-mini 50", weekend=0.5),
    _tenant("wide-world", 50, 0.173, "search gpt-5-mini 40, chat gpt-4.1-mini 60", growth=0.2),
    _tenant("harbour-lane", 35, 0.18, "translate gpt-4o 50, chat gpt-4o-mini 50", weekend=0.95),
    _tenant("quillstone", 30, 0.202, "summarise gpt-4.1-mini 100", weekend=0.5, month_end=1.45),
    _tenant(
        "brightfen",
        42,
        0.216,
        "agent o4-mini 80, chat gpt-4o-mini 20",
        growth=0.4,
        first_day=date(2026, 9, 14),
    ),
    _tenant(
        "marlowe-desk",
        22,
        0.202,
        "chat gpt-4o 100",
        weekend=0.4,
        growth=0.0,
        last_day=date(2026, 8, 28),
    ),
    _tenant("pinefold", 18, 0.3, "search gpt-4o-mini 100", idle=0.2),
    _tenant(
        "thistledown",
        25,
        0.36,
        "extract gpt-4.1-mini 70, classify gpt-4o-mini 30",
        weekend=0.5,
        idle=0.18,
    ),
    _tenant("korrin", 34, 0.4, "code o4-mini 100", idle=0.22, growth=0.2),
    _tenant("nimbrel", 16, 0.42, "chat gpt-5-mini 100", weekend=0.9, idle=0.2),
    _tenant(
        "ashmere",
        14,
        0.42,
        "summarise gpt-4o-mini 60, translate gpt-4.1-mini 40",
        weekend=0.5,
        idle=0.2,
        growth=0.0,
    ),
    _tenant("velmora", 20, 0.5, "agent gpt-5.6-sol 100", idle=0.22),
    _tenant(
        "dunmere", 12, 0.6, "search gpt-5-mini 70, embeddings text-embedding-3-large 30", idle=0.2
    ),
    _tenant("orrin-lab", 12, 0.7, "code gpt-5.6-sol 100", weekend=0.4, idle=0.2, growth=0.0),
    _tenant("saltmarsh", 6, 0.9, "extract gpt-4o-mini 100", idle=0.2),
    _tenant("peregrine-desk", 5, 0.95, "summarise gpt-4.1-mini 100", idle=0.25, growth=0.0),
    _tenant("hollowbrook", 4, 1.1, "chat gpt-4o 100", idle=0.3),
    _tenant("zephyr-kiosk", 3, 1.14, "chat gpt-4o-mini 100", idle=0.3, growth=0.0),
    _tenant("misty-bay", 3, 0.32, "classify gpt-4o-mini 100", weekend=0.5, idle=0.15, growth=0.0),
    # What carries no tenant: a background of one or two percent of all cost.
    _tenant("", 42, 0.15, "chat gpt-4o 60, search gpt-4.1 40"),
)
