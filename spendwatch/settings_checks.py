"""Settings that are each right but do not go together.

The checks look at the completed document and not at the validated model, so that they speak even
while something else is wrong: a person sees all problems at once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from detector.model import normalise_tenant
from spendwatch.settings_azure_checks import azure_clashes
from spendwatch.settings_inheritance import table, tables
from spendwatch.settings_mail_checks import mail_clashes
from spendwatch.settings_outbound_checks import outbound_clashes
from spendwatch.settings_problems import Problem
from spendwatch.settings_sections import DetectionSettings
from spendwatch.settings_types import as_utc, is_currency, moment, nearest, shown, time_zone
from spendwatch.settings_web_checks import web_clashes
from spendwatch.toml_lines import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spendwatch.toml_lines import Key

PRICE_TABLE_CURRENCY = "USD"
_LAST_WEEKDAY = 7
_LAST_MONTH_DAY = 28


def find_clashes(document: dict[str, Any]) -> list[Problem]:
    """Find what contradicts itself in a completed document."""
    checks = (
        _tenant_names,
        _unattributed_names,
        _windows,
        _currencies,
        _receivers,
        _own_stand_ins,
        _repeated_names,
        _repeated_conversations,
        _repeated_budgets,
        _repeated_prices,
        _week_starts,
        _silence_spans,
        azure_clashes,
        mail_clashes,
        outbound_clashes,
        web_clashes,
    )
    return [problem for check in checks for problem in check(document)]


def _spellings(document: dict[str, Any]) -> Iterator[tuple[int, Key, str]]:
    """Give every id and alias: the tenant's number, the key and the text."""
    for index, tenant in tables(document, "tenants"):
        aliases = tenant.get("aliases")
        listed = list(enumerate(aliases)) if isinstance(aliases, list) else []
        spelled: list[tuple[Key, Any]] = [(("id",), tenant.get("id"))]
        spelled += [(("aliases", number), alias) for number, alias in listed]
        for key, text in spelled:
            if isinstance(text, str) and text.strip():
                yield index, ("tenants", index, *key), text


def _tenant_names(document: dict[str, Any]) -> Iterator[Problem]:
    first: dict[str, tuple[int, Key, str]] = {}
    for index, key, text in _spellings(document):
        owner, other_key, other = first.setdefault(normalise_tenant(text), (index, key, text))
        if owner != index:
            yield Problem(
                key,
                f"{shown(text)} is the same tenant as {shown(other)} in {dotted(other_key)}: "
                "upper case, width and surrounding spaces do not count",
            )


def _unattributed_names(document: dict[str, Any]) -> Iterator[Problem]:
    default = DetectionSettings.model_fields["unattributed_names"].default
    names = table(document, "detection").get("unattributed_names", default)
    listed = names if isinstance(names, list | tuple) else ()
    nobody = {normalise_tenant(name) for name in listed if isinstance(name, str)}
    for _, key, text in _spellings(document):
        if normalise_tenant(text) in nobody:
            yield Problem(
                key, f"{shown(text)} stands for no tenant; see detection.unattributed_names"
            )


def _windows(document: dict[str, Any]) -> Iterator[Problem]:
    detection = table(document, "detection")
    window = _rule(detection, "window_days")
    places: list[tuple[Key, dict[str, Any]]] = [(("detection",), detection)]
    places += [
        (("tenants", index, "detection"), table(tenant, "detection"))
        for index, tenant in tables(document, "tenants")
    ]
    for key, rules in places:
        days = _rule(rules, "min_days")
        if days > window:
            yield Problem(
                (*key, "min_days"),
                f"must be a whole number from 2 to detection.window_days ({window}), not {days}: "
                "a window cannot hold more usable days than it has",
            )


def _rule(section: dict[str, Any], key: str) -> int:
    default: int = DetectionSettings.model_fields[key].default
    return _whole(section.get(key, default), default)


def _whole(value: Any, otherwise: int) -> int:
    """Give a whole number, also one that the environment gave as text."""
    if isinstance(value, str) and re.fullmatch("[0-9]{1,18}", value):
        return int(value)
    return value if isinstance(value, int) else otherwise


def _currencies(document: dict[str, Any]) -> Iterator[Problem]:
    service = table(document, "service").get("currency")
    if not is_currency(service):
        return
    prices = table(document, "prices")
    declared = [rate.get("currency") for _, rate in tables(prices, "exchange_rates")]
    used: list[tuple[Key, Any]] = [(("service", "currency"), PRICE_TABLE_CURRENCY)]
    used += [
        (("prices", "rates", index, "currency"), rate["currency"])
        for index, rate in tables(prices, "rates")
    ]
    used += [
        (("tenants", number, "budgets", index, "currency"), budget["currency"])
        for number, tenant in tables(document, "tenants")
        for index, budget in tables(tenant, "budgets")
    ]
    for key, currency in used:
        if is_currency(currency) and currency not in (service, *declared):
            whose = "the shipped prices are in" if key[0] == "service" else "it is in"
            yield Problem(
                key,
                f"{whose} {shown(currency)}, everything is reported in {shown(service)}: declare "
                f"what one {shown(currency)} is worth under [[prices.exchange_rates]]",
            )
    for index, currency in enumerate(declared):
        if currency == service:
            key = ("prices", "exchange_rates", index, "currency")
            yield Problem(key, f"{shown(currency)} is the service's own currency: it needs no rate")


def _receivers(document: dict[str, Any]) -> Iterator[Problem]:
    names = [item.get("name") for _, item in tables(document, "receivers")]
    known = [name for name in names if isinstance(name, str)]
    default = table(document, "alerts").get("receiver")
    if default == "":
        alone = [
            shown(tenant.get("id"))
            for _, tenant in tables(document, "tenants")
            if tenant["receiver"] == ""
        ]
        who = ", ".join([*alone, "every tenant not listed here"])
        yield Problem(
            ("alerts", "receiver"),
            f"is required: without it nobody hears of {who}; {_choose(known)}",
        )
    asked: list[tuple[Key, Any]] = [(("alerts", "receiver"), default)]
    asked += [
        (("tenants", index, "receiver"), tenant["receiver"])
        for index, tenant in tables(document, "tenants")
        if tenant["receiver"] != default
    ]
    asked += [
        (("routes", index, "receiver"), route.get("receiver"))
        for index, route in tables(document, "routes")
    ]
    asked += [
        (("receivers", index, key), item.get(key))
        for index, item in tables(document, "receivers")
        for key in ("fallback", "escalate_to")
    ]
    for key, name in asked:
        if isinstance(name, str) and name and name not in known:
            advice = nearest(name, known) or f"; {_choose(known)}"
            yield Problem(key, f"no receiver is called {shown(name)}{advice}")


def _own_stand_ins(document: dict[str, Any]) -> Iterator[Problem]:
    for index, item in tables(document, "receivers"):
        for key in ("fallback", "escalate_to"):
            if item.get(key) and item.get(key) == item.get("name"):
                yield Problem(("receivers", index, key), "must name another receiver, not itself")


def _choose(known: list[str]) -> str:
    if not known:
        return "declare one under [[receivers]]"
    return f"name one of {', '.join(shown(name) for name in known)}"


def _repeated_names(document: dict[str, Any]) -> Iterator[Problem]:
    for key in ("sources", "receivers"):
        named: list[tuple[Key, Any]] = [
            ((key, index, "name"), item.get("name")) for index, item in tables(document, key)
        ]
        for place, first, name in _repeated(named):
            yield Problem(place, f"{shown(name)} is the name of {dotted(first[:-1])} already")


def _repeated_conversations(document: dict[str, Any]) -> Iterator[Problem]:
    """Two receivers in one conversation would each believe that the other's message is theirs."""
    places: list[tuple[Key, Any]] = [
        (("receivers", index, "conversation"), item["conversation"])
        for index, item in tables(document, "receivers")
        if isinstance(item.get("conversation"), str)
    ]
    for place, first, conversation in _repeated(places):
        yield Problem(
            place,
            f"{shown(conversation)} is the conversation of {dotted(first[:-1])} already; name that "
            "receiver wherever its messages shall go, or give this one a conversation of its own",
        )


def _repeated_budgets(document: dict[str, Any]) -> Iterator[Problem]:
    for number, tenant in tables(document, "tenants"):
        budgets: list[tuple[Key, Any]] = [
            (("tenants", number, "budgets", index), (item.get("feature", ""), item["period"]))
            for index, item in tables(tenant, "budgets")
        ]
        for place, first, (feature, period) in _repeated(budgets):
            of = f" for the feature {shown(feature)}" if feature else ""
            yield Problem(
                place,
                f"there is a {shown(period)} budget{of} in {dotted(first)} already; one budget "
                "can have several thresholds",
            )


def _repeated_prices(document: dict[str, Any]) -> Iterator[Problem]:
    prices = table(document, "prices")
    parts = {
        "rates": ("tenant", "deployment", "model", "scope", "effective_from"),
        "exchange_rates": ("currency", "effective_from"),
    }
    for key, names in parts.items():
        rows: list[tuple[Key, Any]] = [
            (("prices", key, index), tuple(str(item.get(name, "")) for name in names))
            for index, item in tables(prices, key)
        ]
        for place, first, _ in _repeated(rows):
            yield Problem(place, f"repeats {dotted(first)}: same {', '.join(names)}")


def _repeated(items: list[tuple[Key, Any]]) -> Iterator[tuple[Key, Key, Any]]:
    """Give each repetition: where it is, where the value stood first, and the value."""
    first: dict[str, Key] = {}
    for key, value in items:
        earlier = first.setdefault(repr(value), key)
        if value is not None and earlier != key:
            yield key, earlier, value


def _week_starts(document: dict[str, Any]) -> Iterator[Problem]:
    sections: list[tuple[Key, dict[str, Any]]] = [
        (("budget_defaults",), table(document, "budget_defaults"))
    ]
    sections += [
        (("tenants", number, "budgets", index), budget)
        for number, tenant in tables(document, "tenants")
        for index, budget in tables(tenant, "budgets")
    ]
    for key, section in sections:
        day = _whole(section.get("fiscal_start_day"), 0)
        if section.get("period") == "weekly" and _LAST_WEEKDAY < day <= _LAST_MONTH_DAY:
            yield Problem(
                (*key, "fiscal_start_day"),
                "must be a whole number from 1 (Monday) to 7 (Sunday) where the budget is weekly, "
                f"not {day}",
            )


def _silence_spans(document: dict[str, Any]) -> Iterator[Problem]:
    for index, silence in tables(document, "silences"):
        try:
            zone = time_zone(table(document, "service").get("time_zone"))
            begin, end = (as_utc(moment(silence.get(key)), zone) for key in ("from", "until"))
        except ValueError:
            continue
        if end <= begin:
            yield Problem(
                ("silences", index, "until"),
                f"must be after from, not {shown(silence['until'])}: as it stands the silence is "
                "never in force",
            )
