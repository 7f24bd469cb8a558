"""What a setting uses where the file is silent: a tenant inherits, a relative path gets its root.

This works on the document as read, before it is validated, so it must bear any shape; what is
of the wrong shape is left for the validation to refuse.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spendwatch.settings_sections import (
    AlertSettings,
    BudgetDefaults,
    RuleSettings,
    Section,
    ServiceSettings,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_SQLITE = "sqlite:///"
_INHERITED_BY_BUDGETS = (
    "period",
    "fiscal_start_month",
    "thresholds",
    "forecast_thresholds",
)


def tables(parent: dict[str, Any], key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give the tables of a list of tables with their numbers, passing over any other shape."""
    found = parent.get(key, [])
    if isinstance(found, list):
        yield from ((index, item) for index, item in enumerate(found) if isinstance(item, dict))


def table(parent: dict[str, Any], key: str) -> dict[str, Any]:
    """Give a table that may be missing; one of another shape counts as empty."""
    found = parent.setdefault(key, {})
    return found if isinstance(found, dict) else {}


def complete(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Give a copy in which tenants and budgets carry what they inherit and paths are absolute.

    ``folder`` is where config.toml lies: relative paths begin there.
    """
    whole = copy.deepcopy(document)
    service = table(whole, "service")
    _fill(service, ServiceSettings, ("time_zone", "currency", "database_url", "data_dir"))
    _anchor(service, "data_dir", folder)
    _anchor_database(service, folder)
    prices = table(whole, "prices")
    data_dir = service["data_dir"] if isinstance(service["data_dir"], str) else "."
    service.setdefault("backup_dir", f"{data_dir}/backups")
    _anchor(service, "backup_dir", folder)
    prices.setdefault("file", f"{data_dir}/prices.toml")
    _anchor(prices, "file", folder)
    _anchor(table(whole, "outbound"), "ca_file", folder)
    for _, rate in tables(prices, "rates"):
        rate.setdefault("currency", service["currency"])
    for key in ("sources", "receivers"):
        for _, item in tables(whole, key):
            _anchor(item, "path", folder)
    _anchor(table(whole, "email"), "ca_file", folder)
    for _, source in tables(whole, "sources"):
        _complete_source(source, folder)
    for _, receiver in tables(whole, "receivers"):
        receiver.setdefault("time_zone", service["time_zone"])
    _complete_tenants(whole, service)
    return whole


def _complete_source(source: dict[str, Any], folder: Path) -> None:
    _anchor(source, "query", folder)
    for place in ("tenant", "feature"):
        for _, carrier in tables(source, place):
            _anchor(carrier, "file", folder)
            ids = carrier.get("ids")
            if isinstance(ids, dict):
                # An id may simply be given its tenant or, among features, its feature.
                carrier["ids"] = {
                    each: {place: whom} if isinstance(whom, str) else whom
                    for each, whom in ids.items()
                }


def _complete_tenants(whole: dict[str, Any], service: dict[str, Any]) -> None:
    alerts = table(whole, "alerts")
    _fill(alerts, AlertSettings, ("receiver",))
    defaults = table(whole, "budget_defaults")
    _fill(defaults, BudgetDefaults, (*_INHERITED_BY_BUDGETS, "fiscal_start_day"))
    rules = {
        key: value
        for key, value in table(whole, "detection").items()
        if key in RuleSettings.model_fields
    }
    for _, tenant in tables(whole, "tenants"):
        tenant.setdefault("time_zone", service["time_zone"])
        tenant.setdefault("receiver", alerts["receiver"])
        if "id" in tenant:
            tenant.setdefault("name", tenant["id"])
        if isinstance(tenant.setdefault("detection", {}), dict):
            tenant["detection"] = {**rules, **tenant["detection"]}
        for _, budget in tables(tenant, "budgets"):
            _complete_budget(budget, defaults, service["currency"])


def _complete_budget(budget: dict[str, Any], defaults: dict[str, Any], currency: Any) -> None:
    budget.setdefault("currency", currency)
    for key in _INHERITED_BY_BUDGETS:
        budget.setdefault(key, defaults[key])
    # A start day is a day of the month or, for a weekly budget, of the week: never mixed up.
    alike = (budget["period"] == "weekly") == (defaults["period"] == "weekly")
    budget.setdefault("fiscal_start_day", defaults["fiscal_start_day"] if alike else 1)


def _fill(section: dict[str, Any], model: type[Section], keys: tuple[str, ...]) -> None:
    for key in keys:
        section.setdefault(key, model.model_fields[key].default)


def _anchor(section: dict[str, Any], key: str, folder: Path) -> None:
    value = section.get(key)
    if isinstance(value, Path) or (isinstance(value, str) and value.strip()):
        section[key] = str(folder / value)


def _anchor_database(service: dict[str, Any], folder: Path) -> None:
    url = service["database_url"]
    if isinstance(url, str) and url.startswith(_SQLITE):
        path = url.removeprefix(_SQLITE)
        if path and path != ":memory:":
            service["database_url"] = f"{_SQLITE}{folder / path}"
