"""What the settings say to no purpose: nothing is wrong with it, and it is worth a look."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from alerts.holds import is_like
from alerts.numbers import full_day
from detector.model import UNATTRIBUTED
from spendwatch import conversion
from spendwatch.directory import build_directory
from spendwatch.moments import end_words
from spendwatch.settings_azure import AttributedSource, AzureMetricsSource
from spendwatch.settings_environment import CLIENT_SECRET
from spendwatch.settings_problems import Problem
from spendwatch.settings_types import nearest, shown
from spendwatch.toml_lines import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from alerts.routing import Route
    from spendwatch.directory import Directory
    from spendwatch.settings import Settings
    from spendwatch.settings_sections import (
        AgreedRate,
        PlannedEventSettings,
        RouteSettings,
        SilenceSettings,
    )
    from spendwatch.toml_lines import Key


def find_warnings(
    settings: Settings, now: datetime, mappings: Sequence[Mapping[str, str]] = ()
) -> list[Problem]:
    """Find what is over or out of reach, and tenants that neither settings nor mappings know."""
    directory = build_directory(settings, mappings)
    return [
        *_past_silences(settings, directory, now),
        *_past_plans(settings, directory, now),
        *_strangers(settings, directory),
        *_unreached_routes(directory.routes.routes),
        *_unknown_cost_centres(settings, directory),
        *_unused_secret(settings),
        *_unasked_carriers(settings),
        *_logs_and_metrics(settings),
    ]


def _past_silences(settings: Settings, directory: Directory, now: datetime) -> Iterator[Problem]:
    for index, silence in enumerate(conversion.silences(settings)):
        if silence.over(now):
            since = end_words(silence.ends_at, directory.default_zone)
            yield Problem(("silences", index), f"is over since {since}: remove it")


def _past_plans(settings: Settings, directory: Directory, now: datetime) -> Iterator[Problem]:
    # While it stands in the file its days stay out of baselines. After downtime, days as far back
    # as a whole window are judged, each with the window before it.
    needed = timedelta(days=2 * settings.detection.window_days)
    for index, plan in enumerate(conversion.planned_events(settings)):
        today = now.astimezone(directory.zone_of(plan.tenant)).date()
        if plan.over(today - needed):
            since = f"{full_day(plan.last_day)} {plan.last_day.year}"
            yield Problem(
                ("planned_events", index),
                f"is over since {since}, and no baseline holds its days any more: remove it",
            )


def _strangers(settings: Settings, directory: Directory) -> Iterator[Problem]:
    """Name who is in no list of tenants; usage may know them all the same."""
    known = {*directory.all_names, UNATTRIBUTED}
    for key, tenant in _named(settings):
        meant = tenant if "*" in tenant else directory.canonical(tenant)
        if not any(is_like(each, meant) for each in known):
            yield Problem(
                key,
                f"no tenant in these settings fits {shown(tenant)}: it is for nobody, unless usage "
                f"names such a tenant{nearest(tenant, directory.all_names)}",
            )


def _named(settings: Settings) -> Iterator[tuple[Key, str]]:
    """Give every tenant that is named outside the list of tenants."""
    lists: dict[
        Key, Sequence[RouteSettings | SilenceSettings | PlannedEventSettings | AgreedRate]
    ] = {
        ("routes",): settings.routes,
        ("silences",): settings.silences,
        ("planned_events",): settings.planned_events,
        ("prices", "rates"): settings.prices.rates,
    }
    for key, items in lists.items():
        for index, item in enumerate(items):
            if item.tenant:
                yield (*key, index, "tenant"), item.tenant


def _unreached_routes(routes: Sequence[Route]) -> Iterator[Problem]:
    """Name the routes that decide about nothing, because an earlier one takes it all."""
    for place, route in enumerate(routes):
        first = next((at for at, each in enumerate(routes[:place]) if each.covers(route)), None)
        if first is not None:
            earlier = dotted(("routes", first))
            yield Problem(
                ("routes", place),
                f"is never reached: {earlier} takes all that it matches; write it before that one",
            )


def _unknown_cost_centres(settings: Settings, directory: Directory) -> Iterator[Problem]:
    known = set(directory.routes.cost_centres.values())
    for index, route in enumerate(settings.routes):
        if route.cost_centre and route.cost_centre not in known:
            yield Problem(
                ("routes", index, "cost_centre"),
                f"no tenant has the cost centre {shown(route.cost_centre)}: the route is for "
                f"nobody{nearest(route.cost_centre, known)}",
            )


def _unused_secret(settings: Settings) -> Iterator[Problem]:
    azure = settings.azure
    if azure.credential != "client_secret" and azure.client_secret.get_secret_value():
        yield Problem(
            ("azure", "credential"),
            f"is {shown(azure.credential)}, so {CLIENT_SECRET} is not used: unset it, or set "
            'credential = "client_secret"',
        )


def _unasked_carriers(settings: Settings) -> Iterator[Problem]:
    """Name the carriers that an earlier one, which takes every id, leaves nothing for."""
    for index, source in enumerate(settings.sources):
        if not isinstance(source, AttributedSource):
            continue
        for key, carriers in (("tenant", source.tenant), ("feature", source.feature)):
            whole: dict[tuple[str, str], int] = {}
            for place, carrier in enumerate(carriers):
                what = carrier.carrier, carrier.name.casefold()
                if what in whole:
                    yield Problem(
                        ("sources", index, key, place),
                        f"is never asked: {key}[{whole[what]}] takes every id there is; write it "
                        "before that one",
                    )
                elif not (carrier.file or carrier.ids):
                    whole[what] = place


def _logs_and_metrics(settings: Settings) -> Iterator[Problem]:
    """Name metrics that may tell of the calls that logs in the same workspace tell of."""
    logged = {
        source.workspace_id: dotted(("sources", index))
        for index, source in enumerate(settings.sources)
        if source.kind == "azure_logs"
    }
    for index, source in enumerate(settings.sources):
        if isinstance(source, AzureMetricsSource) and source.workspace_id in logged:
            yield Problem(
                ("sources", index),
                f"has its metrics where {logged[source.workspace_id]} has its logs: calls of a "
                "gateway that sends both are counted twice; let `services` name others",
            )
