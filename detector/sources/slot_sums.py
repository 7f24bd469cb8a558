"""Rows of one slot, summed by what the ledger keeps apart."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import TYPE_CHECKING, NamedTuple

from detector.model import MICRO, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from detector.model import Grain


class UseKey(NamedTuple):
    """What use belongs to; ``given`` keeps stated costs apart from tokens still to be priced."""

    tenant: str
    feature: str = ""
    model: str = ""
    deployment: str = ""
    scope: str = ""
    given: bool = False


class Use(NamedTuple):
    """What one row tells; None is unknown."""

    requests: int = 0
    requests_without_usage: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    dollars: Decimal | None = None
    estimated: bool = False


@dataclass(slots=True)
class UseSum:
    """Sums so far; an unknown number makes its sum unknown, but for the cached tokens."""

    requests: int = 0
    requests_without_usage: int = 0
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    cached_tokens: int | None = None
    cached_unknown: bool = False
    dollars: Decimal = Decimal(0)
    estimated: bool = False

    def add(self, use: Use) -> None:
        """Add what a row tells."""
        requests, without_usage, prompt, completion, cached, dollars, estimated = use
        self.requests += requests
        self.requests_without_usage += without_usage
        self.prompt_tokens = _plus(self.prompt_tokens, prompt)
        self.completion_tokens = _plus(self.completion_tokens, completion)
        self.estimated |= estimated
        if cached is None:
            # A row without prompt tokens has nothing that could have been cached.
            self.cached_unknown |= prompt != 0
        elif prompt != 0:
            self.cached_tokens = cached + (self.cached_tokens or 0)
        if dollars is not None:
            with localcontext(prec=60):
                self.dollars += dollars


class SlotSums:
    """The use of one slot, in the order in which its keys were first told.

    Cached tokens that are known for some rows of a key alone are summed, and the sum is marked as
    estimated: pricing the known part is nearer to the bill than pricing none of it.
    """

    def __init__(self, start_at: datetime, grain: Grain) -> None:
        self.start_at = start_at
        self._grain = grain
        self._sums: dict[UseKey, UseSum] = {}

    def add(self, key: UseKey, use: Use) -> None:
        """Add what a row tells."""
        total = self._sums.get(key)
        if total is None:
            total = self._sums[key] = UseSum()
        total.add(use)

    def usage(self) -> Iterator[Usage]:
        """Give one usage for each key."""
        for key, total in self._sums.items():
            yield Usage(
                self.start_at,
                self._grain,
                *key[:-1],
                total.requests,
                total.requests_without_usage,
                total.prompt_tokens,
                total.completion_tokens,
                total.cached_tokens,
                to_micro_usd(total.dollars) if key.given else None,
                total.estimated or (total.cached_unknown and total.cached_tokens is not None),
            )


def _plus(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def to_micro_usd(dollars: Decimal) -> int:
    """Round dollars to micro-dollars, half to even.

    Examples
    --------
    >>> to_micro_usd(Decimal("1.0000005")), to_micro_usd(Decimal("1.0000015"))
    (1000000, 1000002)
    """
    with localcontext(prec=60):
        return int((dollars * MICRO).to_integral_value(ROUND_HALF_EVEN))
