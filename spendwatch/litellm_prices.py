"""Turns LiteLLM's price list (one JSON object a model, dollars per token) into prices of ours.

Its entries of the providers ``azure`` and ``azure_ai`` are taken, all others are not ours. LiteLLM
knows no dates, and writes 0 both for "free" and for "not billed": a zero is therefore left out.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from detector.price_table import LongContext, Price, PriceList, without_date

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import date

SOURCE = "https://github.com/BerriAI/litellm"
_MILLION = 1_000_000
_TOKENS = {
    "input_cost_per_token": "input",
    "cache_read_input_token_cost": "cached_input",
    "output_cost_per_token": "output",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "input_cost_per_audio_token": "audio_input",
    "cache_read_input_audio_token_cost": "cached_audio_input",
    "cache_creation_input_audio_token_cost": "audio_cache_write",
    "output_cost_per_audio_token": "audio_output",
    "input_cost_per_image_token": "image_input",
    "cache_read_input_image_token_cost": "cached_image_input",
    "output_cost_per_image_token": "image_output",
}
_UNITS = {
    "annotation_cost_per_page": "annotated_page",
    "code_interpreter_cost_per_session": "session",
    "input_cost_per_character": "character",
    "input_cost_per_pixel": "input_pixel",
    "input_cost_per_query": "query",
    "input_cost_per_second": "input_second",
    "ocr_cost_per_page": "page",
    "output_cost_per_image": "image",
    "output_cost_per_pixel": "output_pixel",
    "output_cost_per_second": "output_second",
    "output_cost_per_video_per_second": "video_second",
}
_SEARCH = "search_context_cost_per_query"
_PLACES = {
    "global": "global",
    "global-standard": "global",
    "us": "datazone_us",
    "eu": "datazone_eu",
    "apac": "datazone_apac",
    "us-gov": "datazone_us_gov",
}
_COMMERCIAL = ("datazone_us", "datazone_eu", "datazone_apac")
_TIERS = {"batches": "batch", "priority": "priority", "flex": "flex"}
_KEY = re.compile(
    r"(?P<meter>.+?)(?:_above_(?P<thousands>\d+)k_tokens)?(?:_(?P<tier>batches|priority|flex))?"
)

_Slot = tuple[str, int, str]
"""Tier, first token of the long-context rate (0 for the base rate, -1 for units), meter."""


@dataclass(frozen=True, slots=True)
class _Offer:
    """One entry of the list: where a model is sold, for how much, and who says so.

    ``differing`` tells, by tier, what other entries of the same place say instead.
    """

    key: str
    source: str
    amounts: dict[_Slot, Decimal]
    differing: dict[str, str] = field(default_factory=dict)

    @property
    def rank(self) -> tuple[bool, bool, str]:
        """Sort the offers of one place: Azure's own price service, any source, then the key."""
        return "prices.azure.com" not in self.source, not self.source, self.key


@dataclass(slots=True)
class _Model:
    name: str
    places: dict[str, list[_Offer]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True, slots=True)
class LiteLLMPrices:
    """The prices found, and what of the list could not be taken over."""

    prices: PriceList
    skipped: tuple[str, ...]


def convert_litellm(
    document: Mapping[str, Any], effective_from: date, models: Collection[str] = ()
) -> LiteLLMPrices:
    """Convert a whole list; ``models`` (case-folded) never become another one's alias."""
    skipped: list[str] = []
    found: dict[str, _Model] = {}
    for key, entry in document.items():
        provider, _, rest = key.partition("/")
        if provider not in ("azure", "azure_ai") or not isinstance(entry, dict):
            continue
        prefix, _, tail = rest.partition("/")
        name = tail if prefix in _PLACES else rest
        offer = _Offer(key, _public(str(entry.get("source", ""))), _amounts(key, entry, skipped))
        if offer.amounts:
            model = found.setdefault(name.casefold(), _Model(name))
            model.places[_PLACES.get(prefix, "global")].append(offer)
        else:
            skipped.append(f"{key}: states no price above 0")
    by_name = {name: list(_prices(model, effective_from)) for name, model in found.items()}
    aliases = {
        found[name].name: found[without_date(name)].name
        for name, prices in by_name.items()
        if name not in models and _repeats(prices, by_name.get(without_date(name), prices))
    }
    kept = (p for prices in by_name.values() for p in prices if p.model not in aliases)
    return LiteLLMPrices(PriceList(tuple(kept), aliases), tuple(skipped))


def _public(source: str) -> str:
    """Keep the address of a page anybody can read, not one inside somebody's subscription."""
    public = source.startswith("https://") and "/subscriptions/" not in source
    return source if public else ""


def _amounts(key: str, entry: Mapping[str, Any], skipped: list[str]) -> dict[_Slot, Decimal]:
    amounts: dict[_Slot, Decimal] = {}
    for name, raw in _flat(entry):
        slot = _slot(name)
        if slot is None:
            skipped.append(f"{key}: {name} is not a meter we know")
        elif isinstance(raw, bool) or not isinstance(raw, int | Decimal):
            skipped.append(f"{key}: {name} is not a number but {raw!r}")
        elif raw:
            amounts[slot] = Decimal(raw) * (1 if slot[1] < 0 else _MILLION)
    return amounts


def _flat(entry: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give every cost of an entry, a search's once where it is the same for all three sizes."""
    for name, raw in entry.items():
        if name == _SEARCH and isinstance(raw, dict):
            same = len(set(raw.values())) == 1
            yield from [(_SEARCH, next(iter(raw.values())))] if same else raw.items()
        elif "cost" in name:
            yield name, raw


def _slot(name: str) -> _Slot | None:
    if name in _UNITS or name.startswith("search_context"):
        unit = name.removeprefix("search_context_").replace("cost_per_query", "query")
        return "", -1, _UNITS.get(name, f"search_{unit}")
    found = _KEY.fullmatch(name)
    if found is None or found["meter"] not in _TOKENS:
        return None
    start = int(found["thousands"] or 0) * 1000
    return _TIERS.get(found["tier"] or "", ""), start, _TOKENS[found["meter"]]


def _prices(model: _Model, effective_from: date) -> Iterator[Price]:
    """Give a model's prices, one a scope; zones that agree are one ``datazone``."""
    offers = {place: _joined(group) for place, group in model.places.items()}
    zones = [offers[zone] for zone in _COMMERCIAL if zone in offers]
    if zones and all(zone.amounts == zones[0].amounts for zone in zones):
        offers["datazone"] = zones[0]
        offers = {place: offer for place, offer in offers.items() if place not in _COMMERCIAL}
    for place, offer in sorted(offers.items(), key=lambda pair: (pair[0] != "global", pair[0])):
        for tier in sorted({slot[0] for slot in offer.amounts}):
            scope = "_".join(filter(None, ("" if place == "global" and tier else place, tier)))
            yield _price(model.name, scope, effective_from, offer, tier)


def _joined(offers: list[_Offer]) -> _Offer:
    """Join the offers of one place: the best source wins, and what others say is told."""
    best, *others = sorted(offers, key=lambda offer: offer.rank)
    joined = _Offer(best.key, best.source or SOURCE, dict(best.amounts))
    for other in others:
        stated: dict[str, list[str]] = defaultdict(list)
        for (tier, start, meter), value in other.amounts.items():
            if joined.amounts.setdefault((tier, start, meter), value) != value:
                stated[tier].append(f"{meter} {_plain(value)}")
        for tier, parts in stated.items():
            note = f"; but {', '.join(parts)} by {other.source or SOURCE} ({other.key})"
            joined.differing[tier] = joined.differing.get(tier, "") + note
    return joined


def _price(model: str, scope: str, day: date, offer: _Offer, tier: str) -> Price:
    mine = {slot[1:]: value for slot, value in offer.amounts.items() if slot[0] == tier}
    far = min((start for start, _ in mine if start > 0), default=0)

    def section(start: int) -> dict[str, Decimal]:
        return {meter: value for (begin, meter), value in mine.items() if begin == start}

    return Price(
        model,
        scope,
        day,
        section(0),
        source=offer.source + offer.differing.get(tier, ""),
        units=section(-1),
        long_context=LongContext(far, section(far)) if far else None,
    )


def _repeats(dated: list[Price], undated: list[Price]) -> bool:
    """Whether a dated model states nothing but what the undated one states too."""
    if dated is undated:
        return False
    stated = {price.scope: price for price in undated}
    return all(
        other is not None
        and price.rates.items() <= other.rates.items()
        and price.units.items() <= other.units.items()
        and price.long_context in (None, other.long_context)
        for price in dated
        for other in [stated.get(price.scope)]
    )


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
