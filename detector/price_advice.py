"""What a person reads where no price is known: why, and the lines to write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detector.price_table import SCOPES, toml_string

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    from detector.price_table import Price


def advise_price(model: str, scopes: Sequence[str], known: Sequence[Price], day: date) -> str:
    """Say why no price was found and what to add.

    Parameters
    ----------
    model : str
        As the usage spells it; empty where it names neither a model nor a deployment.
    scopes : sequence of str
        The scope asked for, then another that would have served.
    known : sequence of Price
        Every price of the model that holds for this tenant and deployment, in any scope.
    day : date

    Returns
    -------
    str
        One sentence, and the lines for the prices file where a price must be added.
    """
    scope, name = scopes[0], toml_string(model)
    if not model:
        return "the usage names neither a model nor a deployment, so no price can be looked up"
    if scope not in SCOPES:
        choice = ", ".join(sorted(SCOPES))
        return f"model {name} was used in an unknown scope {toml_string(scope)}; known: {choice}"
    if starts := [price.effective_from for price in known if price.scope in scopes]:
        first = min(starts)
        return f"the first {scope} price of model {name} is in force from {first}, not on {day}"
    line = f'{{ scope = "{scope}", effective_from = {day}, input = "...", output = "..." }}'
    lines = f"[[model]]\nname = {name}\nprices = [{line}]"
    if places := ", ".join(sorted({price.scope for price in known})):
        return (
            f"model {name} has no {scope} price, only {places}. Correct the scope, or add to your "
            f"own prices file:\n{lines}"
        )
    return (
        f"no price for model {name}. Add to your own prices file:\n{lines}\nor, where it is "
        f"another name of a priced model, add to that model: aliases = [{name}]"
    )


def advise_exchange_rate(price: Price, currency: str, day: date) -> str:
    """Say that a price is in another currency and which exchange rate would make it usable.

    Parameters
    ----------
    price : Price
    currency : str
        The reporting currency.
    day : date

    Returns
    -------
    str
        One sentence.
    """
    return (
        f"the price of model {toml_string(price.model)} is in {price.currency} and no exchange "
        f"rate to {currency} is in force on {day}; declare one dated {day} or before"
    )


def advise_meters(price: Price, missing: Collection[str], day: date) -> str:
    """Say which meters were used and have no rate.

    Parameters
    ----------
    price : Price
    missing : collection of str
        Meters without a rate, or ``tokens`` alone where the usage states none.
    day : date

    Returns
    -------
    str
        One sentence with what to add.
    """
    model = toml_string(price.model)
    if "tokens" in missing:
        return f"the usage of model {model} states neither its tokens nor a cost"
    lines = ", ".join(f'{meter} = "..."' for meter in missing)
    return (
        f"model {model} has no {' or '.join(missing)} price in scope {price.scope} on {day}, but "
        f"such tokens were used. Add to its price: {lines}"
    )
