"""The sides of a backtest: a method with its settings, on top of those there are."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from detector.detect import METHODS
from detector.model import MICRO
from detector.rules import RuleBook, Rules
from spendwatch.commands.opening import parse_pairs
from spendwatch.exits import UsageProblem
from spendwatch.settings_types import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from dataclasses import Field

OFF = "off"
MOST_DAYS, MOST_DOLLARS = 3_650, 1_000_000_000
BARS = (-20, 20)
"""No sum of points is outside."""


@dataclass(frozen=True, slots=True)
class Side:
    """A method (empty: the one there is) and settings; what is compared are two of them."""

    method: str
    assignments: tuple[str, ...] = ()

    def beside(self, text: str) -> Side:
        """Read a side of a comparison: a method, settings, or both, parted by commas.

        What it says stands before what this side says of the same thing.
        """
        parts = [part.strip() for part in text.split(",")]
        methods = [part for part in parts if "=" not in part]
        if len(methods) > 1:
            raise UsageProblem(f"--compare {text}: one method a side, not {', '.join(methods)}")
        settings = [part for part in parts if "=" in part]
        keys = {part.partition("=")[0] for part in settings}
        kept = [each for each in self.assignments if each.partition("=")[0] not in keys]
        return Side(methods[0] if methods else self.method, (*kept, *settings))

    def rules(self, base: RuleBook) -> tuple[str, RuleBook]:
        """Return the name of the side and its rules: ``base`` with what the side sets."""
        book = override(base, self.method or base.method, self.assignments)
        return ", ".join([book.method, *self.assignments]), book


def override(base: RuleBook, method: str, assignments: tuple[str, ...]) -> RuleBook:
    """Set KEY=VALUE pairs for everybody, keys as in the [detection] settings."""
    if method not in METHODS:
        raise UsageProblem(f"--method knows {', '.join(METHODS)}; not {method!r}")
    values = {key: _value(key, text) for key, text in parse_pairs(assignments, "--set").items()}
    window = int(values.pop("window_days", base.window_days))
    changes = dict(_field(key, value) for key, value in values.items())
    return replace(
        base,
        method=method,
        window_days=window,
        everyone=replace(base.everyone, **changes),
        tenants={tenant: replace(rules, **changes) for tenant, rules in base.tenants.items()},
    )


def shown_rules(book: RuleBook) -> Mapping[str, str]:
    """Return the settings that hold for everybody, by their keys, as people write them."""
    rules = book.everyone
    shown = {
        key: _shown(getattr(rules, field.name), dollars=field.name.endswith("_micro_usd"))
        for key, field in zip(_keys(), _fields(), strict=True)
    }
    return {"method": book.method, "window_days": str(book.window_days), **shown}


def _shown(value: Any, *, dollars: bool) -> str:
    if value is None:
        return OFF
    if dollars:
        return f"{(Decimal(value) / MICRO).normalize():f}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _value(key: str, text: str) -> Any:
    known = [*_keys(), "window_days"]
    if key not in known:
        raise UsageProblem(
            f"--set does not know {key!r}{nearest(key, known)}; known: {', '.join(known)}"
        )
    if key == "direction":
        if text not in ("both", "up", "down"):
            raise UsageProblem(f"--set direction={text}: must be both, up or down")
        return text
    if text == OFF and key in ("first_spend_usd", "young_guard_usd"):
        return None
    return _number(key, text)


def _number(key: str, text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    days = key in ("window_days", "min_days")
    least, most = (1, MOST_DAYS) if days else BARS if key == "bar" else (0, MOST_DOLLARS)
    if not number.is_finite() or not least <= number <= most:
        raise UsageProblem(f"--set {key}={text}: must be a number from {least} to {most:,}")
    return number


def _keys() -> list[str]:
    return [field.name.replace("_micro_usd", "_usd") for field in _fields()]


def _fields() -> list[Field[Any]]:
    return [field for field in fields(Rules) if field.name != "early"]  # replayed days are over


def _field(key: str, value: Any) -> tuple[str, Any]:
    """Turn a setting into the field of the rules it stands for."""
    if key.endswith("_usd"):
        return key.replace("_usd", "_micro_usd"), None if value is None else int(value * MICRO)
    if key == "min_days":
        return key, int(value)
    return key, value if key == "direction" else float(value)
