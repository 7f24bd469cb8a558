"""Settings of Azure Monitor that are each right but do not go together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spendwatch.settings_azure import (
    AZURE_KINDS,
    LOG_CARRIERS,
    METRIC_CARRIERS,
    NAMED_CARRIERS,
    AzureSettings,
)
from spendwatch.settings_environment import CLIENT_SECRET
from spendwatch.settings_inheritance import table, tables
from spendwatch.settings_problems import Problem
from spendwatch.settings_types import shown
from spendwatch.toml_lines import dotted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from spendwatch.toml_lines import Key

MOST_DIMENSIONS = 5
"""So many dimensions of their own a gateway's metrics can have."""
_LISTS = ("tenant", "feature")
_CARRIERS = {"azure_logs": LOG_CARRIERS, "azure_metrics": METRIC_CARRIERS}
_ALONE = {
    "request_header": "tenants are read from one request header, features from one",
    "response_header": "one response header is read",
    "trace": "one trace property is read",
}


def azure_clashes(document: dict[str, Any]) -> Iterator[Problem]:
    """Find what contradicts itself in a completed document."""
    yield from _identity(table(document, "azure"))
    yield from _times(document)
    for index, source in tables(document, "sources"):
        if source.get("kind") in _CARRIERS:
            yield from _carriers(("sources", index), source)
            yield from _names(("sources", index), source)
            yield from _backends(("sources", index), source)
        if source.get("kind") == "kusto_query":
            yield from _times_of_rows(("sources", index), source)
    yield from _counted_twice(document)


def _identity(azure: dict[str, Any]) -> Iterator[Problem]:
    if azure.get("credential") != "client_secret":
        return
    needed = 'is required with credential = "client_secret"'
    how = {
        "tenant_id": ": the directory (tenant) id of the app registration",
        "client_id": ": the application (client) id of the app registration",
        "client_secret": f": set {CLIENT_SECRET}, or {CLIENT_SECRET}_FILE to a file that holds it",
    }
    for key, words in how.items():
        if azure.get(key, "") == "":
            yield Problem(("azure", key), f"{needed}{words}")


def _times(document: dict[str, Any]) -> Iterator[Problem]:
    azure = table(document, "azure")
    query, run = (_number(azure, f"{each}_timeout_s") for each in ("query", "run"))
    if run < query:
        yield Problem(
            ("azure", "run_timeout_s"),
            f"must be at least azure.query_timeout_s ({query}), not {run}: one pull is one query "
            "or more",
        )


def _number(azure: dict[str, Any], key: str) -> int:
    default: int = AzureSettings.model_fields[key].default
    value = azure.get(key, default)
    if isinstance(value, str) and value.isdecimal():
        value = int(value[:18])
    return value if isinstance(value, int) else default


def _listed(source: dict[str, Any]) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Give every carrier with its place in the source."""
    for name in _LISTS:
        for index, carrier in tables(source, name):
            yield (name, index), carrier


def _carriers(key: Key, source: dict[str, Any]) -> Iterator[Problem]:
    allowed = _CARRIERS[source["kind"]]
    for place, carrier in _listed(source):
        what = carrier.get("carrier")
        if isinstance(what, str) and what not in allowed and _is_known(what):
            words = ", ".join(allowed)
            yield Problem(
                (*key, *place, "carrier"),
                f"a source of kind {source['kind']} knows {words}; not {what}",
            )
        elif isinstance(what, str):
            yield from _named((*key, *place), what, carrier.get("name", ""))
        yield from _mapped((*key, *place), carrier)


def _is_known(carrier: str) -> bool:
    return any(carrier in kinds for kinds in _CARRIERS.values())


def _named(key: Key, carrier: str, name: Any) -> Iterator[Problem]:
    if carrier in NAMED_CARRIERS and name == "":
        yield Problem((*key, "name"), f"is required: which {carrier.replace('_', ' ')}")
    if _is_known(carrier) and carrier not in NAMED_CARRIERS and name != "":
        few = ", ".join(NAMED_CARRIERS)
        yield Problem(
            (*key, "name"), f"a {carrier} has no name; only {few} have; take {shown(name)} out"
        )


def _mapped(key: Key, carrier: dict[str, Any]) -> Iterator[Problem]:
    ids, needed = carrier.get("ids", {}), key[-2]
    if ids and carrier.get("file") is not None:
        yield Problem((*key, "ids"), "name the ids here, or a file that holds them; not both")
    for name, whom in ids.items() if isinstance(ids, dict) else ():
        if isinstance(whom, dict) and whom.get(needed, "") == "":
            yield Problem((*key, "ids", name), f"must name a {needed}")


def _names(key: Key, source: dict[str, Any]) -> Iterator[Problem]:
    """Find more names than the query reads."""
    seen: dict[tuple[str, str], str] = {}
    dimensions: dict[str, Key] = {}
    for place, carrier in _listed(source):
        what, name = carrier.get("carrier"), carrier.get("name")
        if not isinstance(what, str) or not isinstance(name, str):
            continue
        if what == "dimension":
            dimensions.setdefault(name, (*key, *place, "name"))
        elif what in _ALONE:
            per = str(place[0]) if what == "request_header" else ""
            first = seen.setdefault((what, per), name)
            if first.casefold() != name.casefold():
                yield Problem(
                    (*key, *place, "name"), f"{_ALONE[what]}: {shown(first)} is named before"
                )
    for name, where in list(dimensions.items())[MOST_DIMENSIONS:]:
        yield Problem(
            where,
            f"{shown(name)} is one too many: a gateway's metrics have at most {MOST_DIMENSIONS} "
            "dimensions of their own",
        )


def _backends(key: Key, source: dict[str, Any]) -> Iterator[Problem]:
    if source["kind"] != "azure_metrics":
        return
    for index, rule in tables(source, "scopes"):
        if rule.get("backend", "") != "":
            yield Problem(
                (*key, "scopes", index, "backend"),
                "metrics do not say which backend answered; name a deployment",
            )


def _times_of_rows(key: Key, source: dict[str, Any]) -> Iterator[Problem]:
    daily = source.get("grain") == "day"
    time, other = ("day", "start_at") if daily else ("start_at", "day")
    if table(source, "columns").get(other, "") != "":
        yield Problem(
            (*key, "columns", other),
            f"rows of grain = {shown(source.get('grain', 'hour'))} tell {time}, not {other}: "
            "change one of them",
        )


def _counted_twice(document: dict[str, Any]) -> Iterator[Problem]:
    """Find two sources that would each count the same calls."""
    before: list[tuple[int, dict[str, Any]]] = []
    for index, source in tables(document, "sources"):
        if source.get("kind") not in AZURE_KINDS:
            continue
        for other, earlier in before:
            if _same_calls(source, earlier):
                first = dotted(("sources", other))
                yield Problem(
                    ("sources", index),
                    f"asks for the same as {first}: every call would be counted twice; take one "
                    "out, or give both different apis or services",
                )
                break
        before.append((index, source))


def _same_calls(source: dict[str, Any], other: dict[str, Any]) -> bool:
    if source["kind"] == "kusto_query" or _place(source) != _place(other):
        return False
    parts = {"azure_logs": "apis", "azure_metrics": "services"}[source["kind"]]
    mine, theirs = _texts(source.get(parts)), _texts(other.get(parts))
    return not mine or not theirs or bool(mine & theirs)


def _place(source: dict[str, Any]) -> tuple[str, ...]:
    keys = ("kind", "workspace_id", "application_insights")
    return tuple(str(source.get(key, "")).casefold() for key in keys)


def _texts(value: Any) -> set[str]:
    listed: Iterable[Any] = value if isinstance(value, list | tuple) else ()
    return {each for each in listed if isinstance(each, str)}
