"""The made-up company looks like real clients, and its truth can be seen in its use."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from math import log
from statistics import median, quantiles

import pytest

from detector.model import Usage
from detector.sources.base import Coverage, Window
from detector.sources.sample import SampleSource, usage_of_day
from detector.sources.sample_company import MODELS, TENANTS
from detector.sources.sample_incidents import ANCHOR, CYCLE_DAYS, Incident, IncidentKind, incidents

FIRST, LAST = date(2026, 6, 1), date(2026, 11, 22)
SEED = 7
CALLERS = [tenant.name for tenant in TENANTS if tenant.name]
DAYS = [FIRST + timedelta(days=at) for at in range((LAST - FIRST).days + 1)]
TRUTH = incidents(FIRST, LAST)
VOLUME = (
    IncidentKind.RETRY_STORM,
    IncidentKind.TRAFFIC_SURGE,
    IncidentKind.DROP,
    IncidentKind.LAUNCH,
    IncidentKind.PLANNED_BATCH,
)


def usd(usage):
    """What a usage costs, roughly; a model without a price as much as gpt-4o."""
    price = MODELS.get(usage.model, MODELS["gpt-4o"])
    fresh = usage.prompt_tokens - usage.cached_tokens
    cached = usage.cached_tokens * price.cached
    return (fresh * price.input + cached + usage.completion_tokens * price.output) / 1e6


@pytest.fixture(scope="module")
def usages():
    return list(SampleSource("sample", SEED, FIRST, LAST).usage(Window()))


@pytest.fixture(scope="module")
def costs(usages):
    """Dollars by tenant and day."""
    found = defaultdict(lambda: dict.fromkeys(DAYS, 0.0))
    for usage in usages:
        found[usage.tenant][usage.start_at.date()] += usd(usage)
    return found


def of_kind(*kinds):
    """Incidents that begin after a month to compare them with."""
    month = timedelta(days=30)
    found = [each for each in TRUTH if each.kind in kinds and each.first_day >= FIRST + month]
    assert found
    return pytest.mark.parametrize("incident", found, ids=lambda each: f"{each.kind} {each.tenant}")


def tokens(usages, incident, day, feature=None):
    """Use of the incident's tenant and feature on a day."""
    feature = incident.feature if feature is None else feature
    return [
        usage
        for usage in usages
        if (usage.tenant, usage.start_at.date()) == (incident.tenant, day)
        and feature in ("", usage.feature)
    ]


def usual(usages, incident, day, amount):
    """The median of the same kind of day in the four weeks before the incident."""
    before = [incident.first_day - timedelta(days=at) for at in range(1, 29)]
    alike = [each for each in before if (each.weekday() > 4) == (day.weekday() > 4)]
    return median(sum(amount(u) for u in tokens(usages, incident, each)) for each in alike)


def requests(usage):
    return usage.requests


def prompt(usage):
    return usage.prompt_tokens


def days_of(incident):
    """The days of an incident that were generated."""
    length = (min(incident.last_day, LAST) - incident.first_day).days + 1
    return [incident.first_day + timedelta(days=at) for at in range(length)]


def test_spend_is_what_a_company_of_forty_tenants_spends(costs):
    totals = [sum(costs[name][day] for name in costs) for day in DAYS]
    assert len(CALLERS) == 40
    assert 2_000 < median(totals) < 4_000
    levels = [median(cost for cost in costs[name].values() if cost) for name in CALLERS]
    assert min(levels) > 1
    assert 400 < max(levels) < 800


def test_noise_is_that_of_real_clients(costs):
    spreads = [robust_spread(costs[name].values()) for name in CALLERS]
    cuts = quantiles(spreads, n=20, method="inclusive")
    expected = {4: 0.15, 9: 0.27, 14: 0.49, 18: 1.20}
    assert {at: cuts[at] for at in expected} == pytest.approx(expected, rel=0.3)


def robust_spread(values):
    """1.4826 x the median deviation of the logarithms of the days with use."""
    logs = [log(value) for value in values if value]
    centre = median(logs)
    return 1.4826 * median(abs(each - centre) for each in logs)


def test_not_half_of_the_tenants_know_weekends(costs):
    def falls(name):
        weekend = [cost for day, cost in costs[name].items() if day.weekday() > 4]
        working = [cost for day, cost in costs[name].items() if day.weekday() < 5]
        return sum(weekend) / len(weekend) < 0.8 * sum(working) / len(working)

    assert 0.35 < sum(falls(name) for name in CALLERS) / len(CALLERS) < 0.55


def test_a_third_of_the_tenants_sleep_some_days(costs):
    asleep = [name for name in CALLERS if 0 in [costs[name][day] for day in DAYS[:14]]]
    assert 0.2 < len(asleep) / len(CALLERS) < 0.45


def test_one_comes_and_one_goes(costs):
    assert min(day for day in DAYS if costs["brightfen"][day]) == date(2026, 9, 14)
    assert max(day for day in DAYS if costs["marlowe-desk"][day]) == date(2026, 8, 28)


def test_some_months_end_busily(costs):
    closing = [costs["proseware"][date(2026, month, 30)] for month in (6, 9, 10)]
    ordinary = [costs["proseware"][date(2026, month, 16)] for month in (6, 9, 10)]
    assert sum(closing) > 1.2 * sum(ordinary)


def test_a_little_use_never_has_a_tenant(costs):
    broken = {day for each in TRUTH if each.kind == "attribution break" for day in days_of(each)}
    shares = [costs[""][day] / sum(costs[name][day] for name in costs) for day in DAYS]
    quiet = [share for day, share in zip(DAYS, shares, strict=True) if day not in broken]
    assert min(quiet) > 0.005
    assert max(quiet) < 0.025


def test_cached_tokens_are_part_of_the_prompt_and_embeddings_complete_nothing(usages):
    assert all(0 <= usage.cached_tokens <= usage.prompt_tokens for usage in usages)
    assert {u.completion_tokens for u in usages if u.feature == "embeddings"} == {0}


@of_kind(*VOLUME)
def test_requests_follow_the_factor(usages, incident):
    for day in days_of(incident)[:3]:
        now = sum(requests(usage) for usage in tokens(usages, incident, day))
        ratio = now / usual(usages, incident, day, requests)
        assert incident.factor / 1.9 < ratio < incident.factor * 1.9


@of_kind(IncidentKind.PROMPT_BLOAT)
def test_prompts_grow_and_requests_do_not(usages, incident):
    day = incident.first_day
    (now,) = tokens(usages, incident, day)
    assert now.prompt_tokens > 2 * usual(usages, incident, day, prompt)
    assert now.requests < 1.6 * usual(usages, incident, day, requests)


@of_kind(IncidentKind.SLOW_LEAK)
def test_a_leak_grows_day_by_day_to_its_factor(usages, incident):
    middle = incident.first_day + (incident.last_day - incident.first_day) / 2
    first, last = incident.factor_on(incident.first_day), incident.factor_on(incident.last_day)
    assert 1 < first < 1.05 < incident.factor_on(middle) < last == incident.factor
    now = sum(requests(usage) for usage in tokens(usages, incident, middle))
    assert now > 1.15 * usual(usages, incident, middle, requests)


@of_kind(IncidentKind.DEARER_MODEL, IncidentKind.UNPRICED_MODEL)
def test_a_feature_moves_to_another_model_and_back(usages, incident):
    before, after = (
        incident.first_day - timedelta(days=1),
        incident.last_day + timedelta(days=1),
    )
    days = [before, *days_of(incident), after]
    models = [tokens(usages, incident, day)[0].model for day in days]
    assert set(models[1:-1]) == {incident.model}
    assert models[0] == models[-1] != incident.model
    assert (incident.model in MODELS) == (incident.kind is IncidentKind.DEARER_MODEL)


@of_kind(IncidentKind.NEW_FEATURE)
def test_a_new_feature_is_dear_and_goes_again(usages, incident):
    day = incident.first_day
    now = sum(usd(usage) for usage in tokens(usages, incident, day))
    rest = sum(usd(usage) for usage in tokens(usages, incident, day, "")) - now
    assert now == pytest.approx(incident.factor * rest, rel=0.3)
    for other in (day - timedelta(days=1), incident.last_day + timedelta(days=1)):
        assert not tokens(usages, incident, other)


@of_kind(IncidentKind.ATTRIBUTION_BREAK)
def test_what_a_tenant_loses_turns_up_without_tenant(costs, incident):
    day, week_before = incident.first_day, incident.first_day - timedelta(days=7)
    lost = costs[incident.tenant][week_before] - costs[incident.tenant][day]
    assert lost == pytest.approx(costs[""][day] - costs[""][week_before], rel=0.35)
    assert costs[incident.tenant][day] < 1.6 * (1 - incident.factor) * sum(
        (costs[incident.tenant][day], lost)
    )


def test_calm_tenants_stray_only_when_something_happened(costs):
    calm = {tenant.name: tenant for tenant in TENANTS if tenant.noise < 0.15}
    touched = {(each.tenant, day) for each in TRUTH for day in DAYS if each.touches(day)}
    for name, tenant in calm.items():
        days = [day for day in DAYS if (name, day) not in touched and 1 < day.day < 29]
        level = median(costs[name][day] for day in days if day.weekday() < 5)
        for day in days:
            weekend = tenant.weekend if day.weekday() > 4 else 1
            assert 0.6 < costs[name][day] / level / weekend < 1.6, (name, day)


def test_every_cycle_has_two_or_more_of_every_kind():
    cycle = ANCHOR + timedelta(days=CYCLE_DAYS), ANCHOR + timedelta(days=2 * CYCLE_DAYS - 1)
    begun = [each.kind for each in incidents(*cycle) if each.first_day >= cycle[0]]
    assert min(begun.count(kind) for kind in IncidentKind) == 2
    assert all(incidents(cycle[0] + timedelta(days=at * 30), cycle[1]) for at in range(6))


def test_no_two_incidents_of_a_tenant_overlap():
    for year in (2024, 2026, 2031):
        found = incidents(date(year, 1, 1), date(year, 12, 31))
        days = [(each.tenant, day) for each in found for day in DAYS if each.touches(day)]
        assert len(days) == len(set(days))


def test_the_story_of_the_demo():
    truth = SampleSource("sample", SEED, FIRST, LAST).truth(date(2026, 11, 12), date(2026, 11, 18))
    begun = {(each.tenant, each.kind, str(each.first_day)) for each in truth}
    assert begun >= {
        ("contoso", "retry storm", "2026-11-12"),
        ("adventure-works", "attribution break", "2026-11-14"),
        ("litware", "unpriced model", "2026-11-15"),
        ("northwind", "drop", "2026-11-16"),
        ("contoso", "planned batch", "2026-11-17"),
    }
    assert ("fabrikam", "slow leak") in {(each.tenant, each.kind) for each in truth}


def test_the_leak_overruns_a_monthly_cap_of_9000_around_the_24th():
    source = SampleSource("sample", SEED, FIRST, date(2026, 11, 30))
    november = source.usage(Window(date(2026, 11, 1)))
    spent, days = 0.0, []
    for usage in november:
        spent += usd(usage) if usage.tenant == "fabrikam" else 0
        if spent < 9_000:
            days.append(usage.start_at.date())
    assert date(2026, 11, 21) <= max(days) <= date(2026, 11, 25)


def test_a_launch_fades_after_its_days():
    launch = Incident("a", IncidentKind.LAUNCH, FIRST, FIRST, "", 3.0)
    factors = [launch.factor_on(FIRST + timedelta(days=at)) for at in (-1, 0, 30, 60, 61)]
    assert factors == [1, 3, 2, 1, 1]
    assert launch.legitimate
    assert not Incident("a", IncidentKind.DROP, FIRST, FIRST).legitimate


def test_a_launch_of_the_last_cycle_still_fades_in_this_one():
    day = ANCHOR + timedelta(days=CYCLE_DAYS + 10)
    launches = [each for each in incidents(day, day) if each.kind is IncidentKind.LAUNCH]
    assert [each.first_day < day - timedelta(days=60) for each in launches] == [True]


def test_another_seed_is_another_company(usages):
    other = list(SampleSource("sample", SEED + 1, FIRST, FIRST).usage(Window()))
    assert other != [usage for usage in usages if usage.start_at.date() == FIRST]


def test_outside_of_its_days_the_company_does_not_exist():
    source = SampleSource("sample", SEED, FIRST, LAST)
    assert list(source.usage(Window(LAST + timedelta(days=1)))) == []
    assert source.coverage() == Coverage(None, None)


def test_every_row_is_usage_with_known_tokens_and_no_cost(usages):
    assert all(isinstance(usage, Usage) and usage.cost_micro_usd is None for usage in usages)
    assert all(usage.requests > 0 and usage.scope == "global" for usage in usages)


def test_a_day_that_runs_tells_what_has_come_by_now_and_grows_to_the_day_it_is():
    storm = date(2026, 11, 21)
    spent = {}
    for hour in (0, 6, 9, 12, 18, 23):
        now = datetime.combine(storm, time(hour, 59), UTC)
        source = SampleSource("sample", SEED, FIRST, storm, now)
        found = list(source.usage(Window(storm, storm)))
        assert source.coverage() == Coverage(storm, storm, unfinished_days=frozenset({storm}))
        spent[hour] = sum(usd(usage) for usage in found if usage.tenant == "relecloud")
    whole = sum(usd(usage) for usage in usage_of_day(SEED, storm) if usage.tenant == "relecloud")
    assert list(spent.values()) == sorted(spent.values())
    assert spent[0] < 0.02 * whole
    assert spent[9] < 100  # the storm begins at half past nine
    assert spent[18] > 300
    assert spent[23] == pytest.approx(whole, rel=0.01)


def test_days_before_the_one_that_runs_are_whole():
    now = datetime.combine(LAST, time(9), UTC)
    source = SampleSource("sample", SEED, FIRST, LAST, now)
    before = LAST - timedelta(days=1)
    assert list(source.usage(Window(before, before))) == usage_of_day(SEED, before)
    assert source.coverage() == Coverage(before, before)
